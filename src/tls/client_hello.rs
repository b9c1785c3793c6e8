//! The facts of a ClientHello that explain a refusal: which name, versions, protocols, signature schemes and
//! groups were offered.
//!
//! They are read here from the raw bytes (RFC 8446 section 4.1.2), because rustls tells nothing of a
//! ClientHello that it does not accept, and never the versions. Nothing is decided from this: rustls judges
//! the same bytes itself. Whatever a client lists, it is shown in few words.

use std::borrow::Cow;

use crate::identity::clip;
use crate::observe::Offered;

use super::iana;

/// How many items of a list are shown, and how long a protocol's name may be.
const ITEMS_MAX: usize = 32;
const PROTOCOLS_MAX: usize = 8;
const PROTOCOL_MAX: usize = 32;
/// The longest name that DNS knows.
const NAME_MAX: usize = 253;

/// What a client offered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HelloFacts {
    /// The server name (SNI), lower case as the client sent it.
    pub server_name: Option<String>,
    /// Everything else.
    pub offered: Offered,
}

impl HelloFacts {
    /// The facts of a ClientHello in TLS records; none if there is not a whole one.
    pub(super) fn read(records: &[u8]) -> Self {
        let hello = handshake_bytes(records);
        read(&hello).unwrap_or_default()
    }

    /// Whether versions were offered and all of them are older than TLS 1.2.
    pub(super) fn is_too_old(&self) -> bool {
        let is_old =
            |version: &Cow<'_, str>| ["SSL 3.0", "TLS 1.0", "TLS 1.1"].contains(&version.as_ref());
        !self.offered.versions.is_empty() && self.offered.versions.iter().all(is_old)
    }
}

/// The handshake bytes inside TLS records; a ClientHello may be cut across several of them.
fn handshake_bytes(mut records: &[u8]) -> Vec<u8> {
    const HANDSHAKE: u8 = 22;
    let mut bytes = Vec::new();
    while let [HANDSHAKE, _, _, high, low, rest @ ..] = records {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((payload, next)) = rest.split_at_checked(length) else {
            break;
        };
        bytes.extend_from_slice(payload);
        records = next;
    }
    bytes
}

fn read(hello: &[u8]) -> Option<HelloFacts> {
    const SERVER_NAME: u16 = 0;
    const SUPPORTED_GROUPS: u16 = 10;
    const SIGNATURE_ALGORITHMS: u16 = 13;
    const ALPN: u16 = 16;
    const SUPPORTED_VERSIONS: u16 = 43;
    // Handshake header (type, 24-bit length), then legacy_version, random.
    let mut body = Reader(hello.get(4..)?);
    let legacy_version = body.u16()?;
    body.take(32)?;
    body.vector8()?; // session id
    body.vector16()?; // cipher suites
    body.vector8()?; // compression methods
    let (mut server, mut offered) = (None, Offered::default());
    let mut extensions = Reader(body.vector16().unwrap_or_default());
    while let (Some(kind), Some(content)) = (extensions.u16(), extensions.vector16()) {
        let mut content = Reader(content);
        match kind {
            SERVER_NAME => server = server_name(content),
            SUPPORTED_GROUPS => {
                offered.groups = shown(content.vector16().unwrap_or_default(), iana::group);
            }
            SIGNATURE_ALGORITHMS => {
                let numbers = content.vector16().unwrap_or_default();
                offered.signature_schemes = shown(numbers, iana::signature_scheme);
            }
            ALPN => offered.alpn = protocols(Reader(content.vector16().unwrap_or_default())),
            SUPPORTED_VERSIONS => {
                offered.versions = shown(content.vector8().unwrap_or_default(), iana::version);
            }
            _ => {}
        }
    }
    if offered.versions.is_empty() {
        offered.versions = vec![iana::version(legacy_version)];
    }
    Some(HelloFacts { server_name: server, offered })
}

/// The numbers of a list by name, the first ones.
fn shown(numbers: &[u8], name: impl Fn(u16) -> Cow<'static, str>) -> Vec<Cow<'static, str>> {
    let (numbers, _) = numbers.as_chunks::<2>();
    let names = numbers.iter().take(ITEMS_MAX).map(|number| name(u16::from_be_bytes(*number)));
    counted(names.collect(), numbers.len())
}

fn protocols(mut list: Reader<'_>) -> Vec<Cow<'static, str>> {
    let (mut names, mut count) = (Vec::new(), 0);
    while let Some(name) = list.vector8() {
        count += 1;
        if names.len() < PROTOCOLS_MAX {
            names.push(match name {
                b"h2" => Cow::Borrowed("h2"),
                b"http/1.1" => Cow::Borrowed("http/1.1"),
                other => Cow::Owned(clip(other.escape_ascii().to_string(), PROTOCOL_MAX)),
            });
        }
    }
    counted(names, count)
}

/// A list that says how many items it does not show.
fn counted(mut shown: Vec<Cow<'static, str>>, count: usize) -> Vec<Cow<'static, str>> {
    if count > shown.len() {
        shown.push(Cow::Owned(format!("and {} more", count - shown.len())));
    }
    shown
}

/// RFC 6066 section 3: a list of names with their kinds, of which there is but one.
fn server_name(mut content: Reader<'_>) -> Option<String> {
    const HOST_NAME: &[u8] = &[0];
    let mut list = Reader(content.vector16()?);
    let is_host = list.take(1)? == HOST_NAME;
    let name = list.vector16()?.to_ascii_lowercase();
    is_host.then(|| clip(name.escape_ascii().to_string(), NAME_MAX))
}

/// A cursor over bytes that never reads past their end.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn vector8(&mut self) -> Option<&'a [u8]> {
        let length = self.take(1)?[0];
        self.take(length.into())
    }

    fn vector16(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(length.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn offered_versions(records: &[u8]) -> Vec<Cow<'static, str>> {
        HelloFacts::read(records).offered.versions
    }

    /// A ClientHello with the given extensions block (its length included), in records of `cut` bytes.
    fn hello(legacy: [u8; 2], extensions: Option<&[u8]>, cut: usize) -> Vec<u8> {
        let mut body = legacy.to_vec();
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0x13, 0x01, 1, 0]);
        if let Some(extensions) = extensions {
            body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
            body.extend(extensions);
        }
        let mut message = vec![1, 0];
        message.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        message.extend(body);
        let mut records = Vec::new();
        for part in message.chunks(cut) {
            records.extend([22, 3, 1]);
            records.extend(u16::try_from(part.len()).unwrap().to_be_bytes());
            records.extend(part);
        }
        records
    }

    #[test]
    fn an_old_client_names_its_only_version() {
        assert_eq!(offered_versions(&hello([3, 2], None, 1000)), ["TLS 1.1"]);
        assert_eq!(offered_versions(&hello([3, 1], Some(&[]), 1000)), ["TLS 1.0"]);
    }

    #[test]
    fn a_new_client_names_all_its_versions_even_across_records() {
        let extension = [0, 43, 0, 7, 6, 0x3a, 0x3a, 3, 4, 3, 3];
        for cut in [1, 5, 17, 1000] {
            let versions = offered_versions(&hello([3, 3], Some(&extension), cut));
            assert_eq!(versions, ["GREASE", "TLS 1.3", "TLS 1.2"]);
        }
    }

    /// An extension with a list in it, whose length is told in two bytes.
    fn listing(kind: u8, content: &[u8]) -> Vec<u8> {
        let length = |more: usize| u16::try_from(content.len() + more).unwrap().to_be_bytes();
        [&[0, kind][..], &length(2), &length(0), content].concat()
    }

    #[test]
    fn all_that_a_client_offers_is_named() {
        let extensions = [
            listing(0, b"\x00\x00\x09A.example"),
            listing(10, &[0x1a, 0x1a, 0x11, 0xec, 0, 29, 0x77, 0x77]),
            listing(13, &[4, 3, 8, 4, 0x0b, 0x0b]),
            listing(16, b"\x02h2\x03a\nb"),
            vec![0, 43, 0, 3, 2, 3, 4],
        ];
        let facts = HelloFacts::read(&hello([3, 3], Some(&extensions.concat()), 1000));
        let names =
            |names: &[&str]| names.iter().map(|name| Cow::Owned((*name).to_owned())).collect();
        assert_eq!(
            facts,
            HelloFacts {
                server_name: Some("a.example".to_owned()),
                offered: Offered {
                    versions: names(&["TLS 1.3"]),
                    alpn: names(&["h2", "a\\nb"]),
                    signature_schemes: names(&[
                        "ecdsa_secp256r1_sha256",
                        "rsa_pss_rsae_sha256",
                        "0x0b0b"
                    ]),
                    groups: names(&["GREASE", "X25519MLKEM768", "x25519", "0x7777"]),
                },
            }
        );
    }

    #[test]
    fn what_fills_a_whole_hello_is_shown_in_few_words() {
        let extensions = [
            listing(10, &[0, 29].repeat(10_000)),
            listing(13, &[8, 0x1a].repeat(10_000)),
            listing(16, &[1, 0xff].repeat(10_000)),
        ];
        for extension in extensions {
            let facts = HelloFacts::read(&hello([3, 3], Some(&extension), 1000));
            let Offered { alpn, signature_schemes, groups, .. } = facts.offered;
            let all = [alpn, signature_schemes, groups].concat();
            assert!(all.last().unwrap().starts_with("and 99"), "{all:?}");
            assert!(all.concat().len() < 1200, "{all:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            offered_versions(&bytes);
            let mut record = vec![22, 3, 1, 0, 255];
            record.extend(bytes);
            offered_versions(&record);
        }
    }
}
