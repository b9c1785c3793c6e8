//! Changes of protocol. A client's offer goes no further; what the app gets to read is one protocol that the route
//! names, in the gateway's own words, and a 101 counts only if it names the same. WebSocket over HTTP/2 (RFC 8441)
//! becomes the WebSocket over HTTP/1.1 that apps speak.

use std::rc::Rc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Version};
use hyper::upgrade::OnUpgrade;

use crate::config::Upgrade;
use crate::observe::Exchange;
use crate::upstream::{Lease, Upgraded};

use super::headers::hop_by_hop;
use super::recall::Recall;
use super::reply::Answer;
use super::{Denied, RequestBody, Tunnel, WatchedBody};

const WEBSOCKET_KEY: HeaderName = header::SEC_WEBSOCKET_KEY;
const WEBSOCKET_ACCEPT: HeaderName = header::SEC_WEBSOCKET_ACCEPT;

/// What a WebSocket key is hashed with (RFC 6455 section 1.3).
const WEBSOCKET_GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A stream of HTTP/2 that wants to be a WebSocket.
pub(super) struct Bridged(OnUpgrade);

impl Bridged {
    /// Makes the request that it stands for of an extended CONNECT for a WebSocket: routes, rules and the app meet a
    /// GET, as over HTTP/1.1. Any other CONNECT stays what it is, and is refused.
    pub(super) fn of<B>(request: &mut Request<B>) -> Option<Self> {
        if *request.method() != Method::CONNECT {
            return None;
        }
        let protocol = request.extensions().get::<hyper::ext::Protocol>()?;
        if !protocol.as_str().eq_ignore_ascii_case(Upgrade::WEBSOCKET) {
            return None;
        }
        *request.method_mut() = Method::GET;
        Some(Self(hyper::upgrade::on(request)))
    }
}

/// A change of protocol that a client asks for and its route allows.
pub(super) struct Wanted {
    protocol: Upgrade,
    /// Where it goes on over HTTP/2, and what the app has to accept it with.
    bridged: Option<(OnUpgrade, HeaderValue)>,
}

impl Wanted {
    /// What a request asks for, of the protocols that its route names; `None` goes on as a plain request, as a server
    /// may always have it (RFC 9110 section 7.8).
    ///
    /// # Errors
    /// A stream of HTTP/2 that may not be what it wants to be; there is no plain request in it.
    pub(super) fn of(
        head: &Parts,
        has_body: bool,
        bridged: Option<Bridged>,
        allowed: &[Upgrade],
    ) -> Result<Option<Self>, Denied> {
        if let Some(Bridged(on_upgrade)) = bridged {
            let websocket = allowed.iter().find(|protocol| protocol.is_websocket());
            let protocol = websocket.cloned().ok_or_else(|| {
                Denied::new(Answer::ProtocolNotServed, "`upgrades` does not name websocket")
            })?;
            // Replaced by the key itself when the request is made.
            let bridged = Some((on_upgrade, HeaderValue::from_static("")));
            return Ok(Some(Self { protocol, bridged }));
        }
        if !head.headers.contains_key(header::UPGRADE) {
            return Ok(None);
        }
        // Behind a body that is still on its way, nobody can tell where the new protocol begins.
        if head.version != Version::HTTP_11 || has_body || !is_named_for_this_hop(&head.headers) {
            return Ok(None);
        }
        let offers = items(&head.headers, header::UPGRADE);
        let mut protocols = offers.filter_map(|offer| {
            allowed.iter().find(|protocol| {
                // RFC 6455 section 4.1.
                protocol.is_called(offer)
                    && (head.method == Method::GET || !protocol.is_websocket())
            })
        });
        Ok(protocols.next().map(|protocol| Self { protocol: protocol.clone(), bridged: None }))
    }

    /// Says it to the app, when all that the client said of this kind has been removed.
    pub(super) fn ask(&mut self, headers: &mut HeaderMap) {
        self.name_in(headers);
        if let Some((_, accept)) = &mut self.bridged {
            let key = STANDARD.encode(fastrand::u128(..).to_be_bytes());
            *accept = accept_of(&key);
            if let Ok(key) = HeaderValue::try_from(key) {
                headers.insert(WEBSOCKET_KEY, key);
            }
        }
    }

    /// Makes of an app's 101 what the client gets.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn take<B>(&self, response: &mut Response<B>) -> Result<(), &'static str> {
        let headers = response.headers_mut();
        let mut named = items(headers, header::UPGRADE);
        let is_it = named.next().is_some_and(|name| self.protocol.is_called(name));
        if !is_it || named.next().is_some() {
            return Err("a switch to another protocol than was asked for");
        }
        drop(named);
        if let Some((_, accept)) = &self.bridged
            && headers.get(WEBSOCKET_ACCEPT) != Some(accept)
        {
            return Err("a switch to WebSocket that does not accept the key");
        }
        hop_by_hop::strip(headers);
        headers.remove(header::CONTENT_LENGTH);
        if self.bridged.is_some() {
            headers.remove(WEBSOCKET_ACCEPT);
            *response.status_mut() = StatusCode::OK;
        } else {
            self.name_in(headers);
        }
        *response.version_mut() = Version::HTTP_11;
        Ok(())
    }

    /// Whether the client has to see a tunnel where it sees success.
    pub(super) fn is_bridged(&self) -> bool {
        self.bridged.is_some()
    }

    fn name_in(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, self.protocol.value());
    }
}

/// An app's 101 that is in order.
pub(super) struct Switched {
    pub(super) wanted: Wanted,
    /// As the client gets it.
    pub(super) head: Response<()>,
    pub(super) app: Upgraded,
    pub(super) lease: Lease<RequestBody>,
    pub(super) recall: Rc<Recall>,
    pub(super) idle: Duration,
}

impl Switched {
    /// The headers of the response.
    pub(super) fn headers_mut(&mut self) -> &mut HeaderMap {
        self.head.headers_mut()
    }

    /// The response that tells the client, with what follows it.
    pub(super) fn response(self, exchange: Exchange) -> Response<WatchedBody> {
        let Self { wanted, head, app, lease, recall, idle } = self;
        exchange.responded(head.status());
        let tunnel = Tunnel { exchange, app, lease, recall, idle };
        // Over HTTP/1.1 it is the connection itself that goes on.
        let of_connection = match wanted.bridged {
            None => Some(tunnel),
            Some((on_upgrade, _)) => {
                tunnel.run_on(on_upgrade);
                None
            }
        };
        head.map(|()| WatchedBody::switching(of_connection))
    }
}

/// `Sec-WebSocket-Accept` for a key (RFC 6455 section 4.2.2).
fn accept_of(key: &str) -> HeaderValue {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{WEBSOCKET_GUID}").as_bytes());
    // Base64 is always a header value; an empty one is accepted by nobody.
    HeaderValue::try_from(STANDARD.encode(hash)).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Without this, an `Upgrade` has come through somebody who did not know what it says (RFC 9110 section 7.8).
fn is_named_for_this_hop(headers: &HeaderMap) -> bool {
    items(headers, header::CONNECTION).any(|option| option.eq_ignore_ascii_case(b"upgrade"))
}

/// The items of a list, over all of its lines.
fn items(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(name).into_iter();
    let items = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    items.map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protocols(names: &[&'static str]) -> Vec<Upgrade> {
        names.iter().map(|name| Upgrade::new(HeaderValue::from_static(name))).collect()
    }

    fn wanted(request: http::request::Builder, names: &[&'static str]) -> Option<String> {
        let (head, ()) = request.uri("/").body(()).unwrap().into_parts();
        let wanted = Wanted::of(&head, false, None, &protocols(names)).ok().unwrap();
        wanted.map(|wanted| wanted.protocol.to_string())
    }

    fn offering(protocol: &str) -> http::request::Builder {
        Request::builder().header("connection", "keep-alive, Upgrade").header("upgrade", protocol)
    }

    #[test]
    fn only_what_is_named_is_asked_for_and_in_the_words_of_the_configuration() {
        let websocket = Some("websocket".to_owned());
        assert_eq!(wanted(offering("WebSocket"), &["websocket"]), websocket);
        assert_eq!(wanted(offering("h2c, websocket"), &["websocket"]), websocket);
        assert_eq!(wanted(offering("websocket, h2c"), &["websocket"]), websocket);
        for other in ["h2c", "websockets", "websocket/13", "web socket", "", "TLS/1.0, HTTP/2.0"] {
            assert_eq!(wanted(offering(other), &["websocket"]), None, "{other}");
        }
        assert_eq!(wanted(offering("websocket"), &[]), None);
        assert_eq!(wanted(offering("foo/2"), &["websocket", "foo/2"]), Some("foo/2".to_owned()));
    }

    #[test]
    fn what_is_no_offer_stays_a_plain_request() {
        let unnamed = Request::builder().header("upgrade", "websocket");
        assert_eq!(wanted(unnamed, &["websocket"]), None);
        assert_eq!(wanted(offering("websocket").version(Version::HTTP_10), &["websocket"]), None);
        assert_eq!(wanted(offering("websocket").method("POST"), &["websocket"]), None);
        assert_eq!(wanted(offering("foo").method("POST"), &["foo"]), Some("foo".to_owned()));
        let (head, ()) = offering("websocket").body(()).unwrap().into_parts();
        let with_body = Wanted::of(&head, true, None, &protocols(&["websocket"]));
        assert!(with_body.ok().unwrap().is_none());
    }

    #[test]
    fn a_switch_counts_only_to_what_was_asked_for() {
        let (head, ()) = offering("websocket").body(()).unwrap().into_parts();
        let wanted = Wanted::of(&head, false, None, &protocols(&["websocket"]));
        let wanted = wanted.ok().unwrap().unwrap();
        for (lines, is_fine) in [
            (&["WebSocket"][..], true),
            (&[][..], false),
            (&["h2c"][..], false),
            (&["websocket, h2c"][..], false),
            (&["websocket", "websocket"][..], false),
        ] {
            let mut response = Response::builder().status(101);
            for line in lines {
                response = response.header("upgrade", *line);
            }
            let mut response = response.body(()).unwrap();
            assert_eq!(wanted.take(&mut response).is_ok(), is_fine, "{lines:?}");
        }
    }

    /// The example of RFC 6455 section 1.3.
    #[test]
    fn a_key_is_accepted_as_the_rfc_says() {
        assert_eq!(accept_of("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
