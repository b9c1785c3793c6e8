//! What a balancer says of a client before the client itself says a word: the PROXY header, read to its last byte and
//! no further. From there on the client's address is the one that it tells, for ceilings, rates, headers and the log.

use std::io;
use std::sync::Arc;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::config;
use crate::observe::{Balancer, ConnectionFacts};
use crate::policy::{Reason, Refusal};
use crate::proxy_protocol::{HEADER_BYTES_MAX, Header, Malformed, Origin, Parsed, parse};

use super::counts::Places;
use super::{Arrival, Shared};

/// How much is looked at in one go: more than any header but one with a certificate in it.
const CHUNK: usize = 512;

/// Learns who comes, where a balancer says so: the places of that client's address. Without a balancer there is
/// nothing to learn, nor of a connection that is the balancer's own.
///
/// # Errors
/// The refusal; no word can be said to the client, which is not known yet.
pub(super) async fn introduce(
    stream: &mut TcpStream,
    arrival: &Arrival,
    shared: &Shared,
    limits: &config::Limits,
    facts: &mut ConnectionFacts,
) -> Result<Option<Places>, Refusal> {
    let Arrival { peer, listener, counts, .. } = arrival;
    if listener.proxy_protocol_from.is_empty() {
        return Ok(None);
    }
    let Header { origin, tlvs } = read(stream).await?;
    let Origin::Client { from, to } = origin else {
        return Ok(None);
    };
    let unique_id = tlvs.unique_id().unwrap_or_default().escape_ascii().to_string();
    let balancer = Balancer { address: peer.to_string(), unique_id };
    (facts.peer, facts.local, facts.balancer) = (from, to, Some(Arc::new(balancer)));
    counts.begin(&shared.addresses, limits, listener, from.ip()).map(Some)
}

/// Reads a header and nothing behind it: what is looked at is taken only as far as it belongs to the header.
async fn read(stream: &mut TcpStream) -> Result<Header, Refusal> {
    let mut bytes = Vec::new();
    loop {
        let (taken, mut chunk) = (bytes.len(), [0; CHUNK]);
        let seen = stream.peek(&mut chunk).await.map_err(|error| closed(&error))?;
        if seen == 0 {
            return Err(closed(&io::Error::from(io::ErrorKind::UnexpectedEof)));
        }
        bytes.extend_from_slice(&chunk[..seen]);
        let parsed = parse(&bytes).map_err(|malformed| bad(malformed, &bytes))?;
        let length = match &parsed {
            Parsed::Whole(_, length) => *length,
            // A parser that never ends would be a bug; memory is bounded all the same.
            Parsed::Incomplete if bytes.len() <= HEADER_BYTES_MAX => bytes.len(),
            Parsed::Incomplete => return Err(bad(Malformed::LongHeader, &bytes)),
        };
        // These bytes are there already: nobody is waited for.
        let own = chunk.get_mut(..length - taken).unwrap_or_default();
        stream.read_exact(own).await.map_err(|error| closed(&error))?;
        if let Parsed::Whole(header, _) = parsed {
            return Ok(header);
        }
    }
}

fn bad(malformed: Malformed, bytes: &[u8]) -> Refusal {
    let seen = bytes[..bytes.len().min(16)].escape_ascii();
    let sentence =
        format!("came by a balancer with a bad PROXY header: {malformed}; it began `{seen}`");
    Refusal::new(Reason::BadProxyHeader, sentence)
}

/// As health checks do that only connect.
fn closed(error: &io::Error) -> Refusal {
    let sentence = format!("closed the connection before a PROXY header had come: {error}");
    Refusal::new(Reason::Closed, sentence)
}
