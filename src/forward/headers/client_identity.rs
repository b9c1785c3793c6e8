//! Telling the app who called, in the families of headers that the site's `formats` lists.
//!
//! They are made once per verdict, from the verified identity alone, and set last on each request. A client
//! without one has the verdict itself and nothing else. Each is one line, and nothing in a certificate can end
//! a value and begin another. Together they stay below `bytes_max`: what is too long loses the chain first and
//! the certificate next, and says so; a name or a fingerprint is never left out, so that where even those are
//! too long, no request goes through.

mod encode;
mod rfc9440;
#[cfg(test)]
mod tests;
mod x_forwarded_tls;
mod x_ssl;
mod xfcc;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use tracing::warn;

use crate::config::{ClientMode, IdentityFormat, IdentityHeaders};
use crate::identity::Identity;
use crate::policy::Verdict;

/// Says what was left out for being too long: `chain`, `certificate`, or both.
const OMITTED: &str = "x-mtls-omitted";

/// The verdict itself.
const VERIFY: &str = "x-ssl-client-verify";

/// What a header costs beside its name and value: `: ` and the end of the line.
const LINE_OVERHEAD: usize = 4;

/// How much to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    /// Everything.
    Whole,
    /// No certificate but the client's own.
    WithoutChain,
    /// Names and fingerprints; a certificate only where it is all that a format has.
    Facts,
}

/// One header: its name in lower case, and its value.
type Line = (&'static str, String);

/// The headers of one verdict, ready to be put on every request of a connection that has it.
pub struct ClientIdentityHeaders(Result<Vec<(HeaderName, HeaderValue)>, TooLong>);

/// An identity that does not fit into `bytes_max`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the identity headers need {bytes} bytes; the ceiling is {bytes_max}")]
pub struct TooLong {
    bytes: usize,
    bytes_max: usize,
}

impl ClientIdentityHeaders {
    /// The headers that tell a verdict under a mode. What has to be left out is logged here, once.
    pub fn new(verdict: &Verdict, mode: ClientMode, config: &IdentityHeaders) -> Self {
        let fitted = match verdict.identity() {
            Some(identity) => fit(identity, mode, config),
            // Nothing else: an app that looks at a name alone must find none.
            None => Ok(vec![(VERIFY, verdict.to_string())]),
        };
        let fitted = fitted.map(|lines| {
            // Every format escapes to printable ASCII, so each value is legal.
            let legal = lines.into_iter().filter_map(|(name, value)| {
                let value = HeaderValue::try_from(value).ok()?;
                Some((HeaderName::from_static(name), value))
            });
            legal.collect()
        });
        Self(fitted)
    }

    /// Name and value of each, for people who ask.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn lines(&self) -> Result<Vec<(String, String)>, TooLong> {
        let lines = self.0.as_ref().map_err(Clone::clone)?;
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Ok(lines.iter().map(|(name, value)| (name.to_string(), text(value))).collect())
    }

    /// How many there are.
    pub(in crate::forward) fn count(&self) -> usize {
        self.0.as_ref().map_or(0, Vec::len)
    }

    /// Sets them on a request from which every spelling has been removed.
    ///
    /// # Errors
    /// `TooLong`, on every request of the connection.
    pub fn set(&self, headers: &mut HeaderMap) -> Result<(), TooLong> {
        let lines = self.0.as_ref().map_err(Clone::clone)?;
        for (name, value) in lines {
            headers.insert(name.clone(), value.clone());
        }
        Ok(())
    }
}

/// The most that can be said within the ceiling.
fn fit(
    identity: &Identity,
    mode: ClientMode,
    config: &IdentityHeaders,
) -> Result<Vec<Line>, TooLong> {
    let bytes_max = config.bytes_max;
    let whole = lines(identity, mode, config, Detail::Whole);
    let bytes = size(&whole);
    if bytes <= bytes_max {
        return Ok(whole);
    }
    let without_chain = lines(identity, mode, config, Detail::WithoutChain);
    let facts = lines(identity, mode, config, Detail::Facts);
    let both = match without_chain == whole {
        true => "certificate",
        false => "chain, certificate",
    };
    let (mut before, mut least) = (whole, bytes);
    for (less, omitted) in [(without_chain, "chain"), (facts, both)] {
        // A step that leaves nothing out is none.
        if less == before {
            continue;
        }
        before.clone_from(&less);
        let mut marked = less;
        marked.push((OMITTED, omitted.to_owned()));
        least = size(&marked);
        if least <= bytes_max {
            let identity = identity.name();
            let message = "identity headers are too long and leave something out";
            warn!(identity, omitted, bytes, bytes_max, message);
            return Ok(marked);
        }
    }
    let (identity, bytes) = (identity.name(), least);
    let message = "identity headers are too long, so that no request of this client is forwarded";
    warn!(identity, bytes, bytes_max, message);
    Err(TooLong { bytes, bytes_max })
}

fn lines(
    identity: &Identity,
    mode: ClientMode,
    config: &IdentityHeaders,
    detail: Detail,
) -> Vec<Line> {
    let of = |format: &IdentityFormat| match format {
        IdentityFormat::XSsl => x_ssl::lines(identity, detail),
        IdentityFormat::Xfcc => xfcc::lines(identity, detail),
        IdentityFormat::Rfc9440 => rfc9440::lines(identity, detail),
        IdentityFormat::XForwardedTlsClientCert => x_forwarded_tls::lines(identity, detail),
    };
    let mut lines: Vec<_> = config.formats.iter().flat_map(of).collect();
    // Where others come through too, every app can tell them apart by one header.
    if mode.unverified().is_some() && !config.formats.contains(&IdentityFormat::XSsl) {
        lines.push((VERIFY, x_ssl::VERIFIED.to_owned()));
    }
    lines
}

fn size(lines: &[Line]) -> usize {
    let sizes = lines.iter().map(|(name, value)| name.len() + value.len() + LINE_OVERHEAD);
    sizes.sum()
}
