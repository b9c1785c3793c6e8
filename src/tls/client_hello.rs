//! The facts of a ClientHello that explain a refusal: which name, which versions, which protocols.
//!
//! rustls tells the server name and protocols but not the versions that were offered, which is what an
//! operator of an old caller needs to see; those are read here from the raw bytes (RFC 8446 section
//! 4.1.2). Nothing is decided from this: rustls judges the same bytes itself.

/// What a client offered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HelloFacts {
    /// The server name (SNI), lower case as the client sent it.
    pub server_name: Option<String>,
    /// TLS versions, such as `TLS 1.1`, as offered.
    pub versions: Vec<String>,
    /// Application protocols (ALPN).
    pub alpn: Vec<String>,
}

impl HelloFacts {
    /// Whether versions were offered and all of them are older than TLS 1.2.
    pub(super) fn is_too_old(&self) -> bool {
        let is_old =
            |version: &String| ["SSL 3.0", "TLS 1.0", "TLS 1.1"].contains(&version.as_str());
        !self.versions.is_empty() && self.versions.iter().all(is_old)
    }
}

/// The versions that a ClientHello offers; empty if `records` does not hold a whole one.
pub(crate) fn offered_versions(records: &[u8]) -> Vec<String> {
    let hello = handshake_bytes(records);
    supported_versions(&hello).unwrap_or_default().into_iter().map(version_name).collect()
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

fn supported_versions(hello: &[u8]) -> Option<Vec<u16>> {
    const SUPPORTED_VERSIONS: u16 = 43;
    // Handshake header (type, 24-bit length), then legacy_version, random.
    let mut body = Reader(hello.get(4..)?);
    let legacy_version = body.u16()?;
    body.take(32)?;
    body.vector8()?; // session id
    body.vector16()?; // cipher suites
    body.vector8()?; // compression methods
    let Some(mut extensions) = body.vector16().map(Reader) else {
        return Some(vec![legacy_version]);
    };
    while let (Some(kind), Some(content)) = (extensions.u16(), extensions.vector16()) {
        if kind == SUPPORTED_VERSIONS {
            let (versions, _) = Reader(content).vector8()?.as_chunks::<2>();
            return Some(versions.iter().copied().map(u16::from_be_bytes).collect());
        }
    }
    Some(vec![legacy_version])
}

fn version_name(version: u16) -> String {
    match version {
        0x0300 => "SSL 3.0".to_owned(),
        0x0301 => "TLS 1.0".to_owned(),
        0x0302 => "TLS 1.1".to_owned(),
        0x0303 => "TLS 1.2".to_owned(),
        0x0304 => "TLS 1.3".to_owned(),
        // RFC 8701 reserves values of this pattern for clients that keep servers tolerant.
        grease if grease & 0x0f0f == 0x0a0a => "GREASE".to_owned(),
        other => format!("{other:#06x}"),
    }
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

    use super::offered_versions;

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
