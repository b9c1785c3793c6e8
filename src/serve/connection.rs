//! The path of one connection, from the accepted socket until it speaks HTTP: ClientHello → site → handshake and
//! verification, all under one deadline. What comes then is in `http`.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ::http::Version;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tracing::debug;

use crate::config;
use crate::forward::Answer;
use crate::generation::{Generation, Site};
use crate::observe::{ConnectionFacts, RequestId};
use crate::policy::{LetIn, Reason, Refusal};
use crate::tls::{self, Established, HelloFacts, HelloFailure};

use super::client_io::written;
use super::standing::Standing;
use super::worker::Worker;
use super::{http, linger};

/// Serves one connection to its end.
pub(super) async fn serve(
    worker: Rc<Worker>,
    stream: TcpStream,
    peer: SocketAddr,
    local: SocketAddr,
) {
    let began = Instant::now();
    // The epoch first: if a generation comes between the two, it is judged by once more.
    let epoch = worker.shared.epoch.load(Ordering::Acquire);
    let generation = worker.shared.generation.load_full();
    // A listener on all addresses does not know which of them the client came to.
    let mut facts = ConnectionFacts::new(peer, stream.local_addr().unwrap_or(local));
    let limits = &generation.config.limits;
    let limit = limits.handshake_timeout;
    let handshake = worker.handshakes.begin(worker.share(limits.handshakes_max));
    let verified = tokio::select! {
        // On the heap, which has it back when the connection is served.
        verified = timeout(limit, Box::pin(verify(&generation, stream, &mut facts))) => Some(verified),
        () = handshake.makes_way() => None,
    };
    drop(handshake);
    let refused = match verified {
        None => {
            let sentence = "was the oldest of too many handshakes, and did not end";
            let refusal = Refusal::new(Reason::MadeWay, sentence);
            Refused { refusal, stream: None, words: None }
        }
        Some(Ok(Ok((site, established)))) => {
            let Established { stream, client, http2, is_resumed, version, group } = established;
            let counters = worker.counters.site(&site.name());
            counters.shaken(version, group.as_deref(), is_resumed);
            let shaken = began.elapsed();
            counters.handshake.add(shaken);
            let LetIn { verdict, in_spite_of } = client;
            if let Some(refusal) = in_spite_of {
                let told = generation.config.log.refusals_per_minute;
                worker.shared.refusals.report_let_in(told, &facts, &refusal, false);
            }
            if let Some(identity) = verdict.identity().filter(|_| !is_resumed) {
                let (days, now) = (&generation.config.warnings.expiry_days, tls::unix_now());
                let callers = &worker.shared.callers;
                counters.changed(&callers.saw(days, &site.name(), identity, peer, now));
            }
            let identity = verdict.identity().map_or("", |identity| identity.name());
            debug!(%peer, site = site.number, identity, verify = %verdict, version, http2, is_resumed, "let in");
            let standing = Standing::new(
                Rc::clone(&worker),
                facts,
                epoch,
                generation,
                Arc::clone(&site),
                verdict,
            );
            return http::serve(worker, standing, &site, stream, http2, shaken).await;
        }
        Some(Ok(Err(refused))) => refused,
        Some(Err(_)) => {
            let sentence = format!("did not end the TLS handshake within {limit:?}");
            Refused { refusal: Refusal::new(Reason::Timeout, sentence), stream: None, words: None }
        }
    };
    let told = generation.config.log.refusals_per_minute;
    worker.shared.refusals.report(told, tls::unix_now(), facts, refused.refusal, false);
    match (refused.stream, refused.words) {
        // The client may be gone; then nobody misses the words.
        (Some(stream), Some(words)) => _ = linger::say(stream, words.as_bytes()).await,
        (Some(stream), None) => linger::close(stream).await,
        (None, _) => {}
    }
}

/// A connection that did not get as far as HTTP.
struct Refused {
    refusal: Refusal,
    stream: Option<TcpStream>,
    /// What to tell the client in clear text, beyond a TLS alert.
    words: Option<String>,
}

/// ClientHello, site, handshake.
async fn verify(
    generation: &Generation,
    mut stream: TcpStream,
    facts: &mut ConnectionFacts,
) -> Result<(Arc<Site>, Established), Refused> {
    let hello = match tls::read_client_hello(&mut stream).await {
        Ok(hello) => hello,
        Err(HelloFailure::PlainHttp) => {
            let refusal = Refusal::new(Reason::NotTls, "spoke plain HTTP to the TLS port")
                .advising("write `https://` in the client's URL; this port speaks TLS only");
            let id = RequestId::random();
            facts.request_id = Some(id);
            let response =
                Answer::PlainHttp.response(id, &config::Answers::default(), Version::HTTP_11);
            let words = written(&response);
            return Err(Refused { refusal, stream: Some(stream), words: Some(words) });
        }
        Err(HelloFailure::Refused(refusal, seen)) => {
            note(facts, *seen);
            return Err(Refused { refusal, stream: Some(stream), words: None });
        }
    };
    note(facts, hello.facts().clone());
    let Some(site) = generation.site(facts.server_name.as_deref()) else {
        let name = facts.server_name.as_deref().unwrap_or_default();
        let refusal = tls::refuse_unknown_server_name(&mut stream, name).await;
        return Err(Refused { refusal, stream: Some(stream), words: None });
    };
    match hello.handshake(stream, &site.tls).await {
        Ok(established) => Ok((Arc::clone(site), established)),
        Err((refusal, stream)) => Err(Refused { refusal, stream, words: None }),
    }
}

/// Notes what a client offered.
fn note(facts: &mut ConnectionFacts, hello: HelloFacts) {
    facts.server_name = hello.server_name;
    facts.versions = hello.versions;
    facts.alpn = hello.alpn;
    facts.signature_schemes = hello.signature_schemes;
    facts.groups = hello.groups;
}
