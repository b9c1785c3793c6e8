//! Who asks: what all requests of one connection share, and how each of them finds it.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use crate::config::{AccessFormat, AccessTarget};
use crate::generation::{Generation, Site};
use crate::observe::access::Record;
use crate::observe::metrics::SiteCounters;
use crate::observe::{AccessLine, AccessLog, RequestId};
use crate::policy::{Rates, Reason, Verdict};
use crate::upstream::Upstreams;

use super::reply::Answer;
use super::{ClientIdentityHeaders, Forwarded, RequestBody};

/// What all requests of one connection share.
pub struct Caller {
    /// The configuration that the connection was verified under.
    pub generation: Arc<Generation>,
    /// The site that its server name chose.
    pub site: Arc<Site>,
    /// Whom the client proved to be, or why it is served unverified.
    pub verdict: Verdict,
    /// The same for the app.
    pub identity_headers: ClientIdentityHeaders,
    /// The client's address.
    pub peer: SocketAddr,
    /// The same for the app, and the host that was asked for.
    pub forwarded: Forwarded,
    /// What clients have left of their rates.
    pub rates: Arc<Rates>,
    /// The worker's connections to the apps.
    pub upstreams: Rc<Upstreams<RequestBody>>,
    /// Where its requests are counted.
    pub counters: Arc<SiteCounters>,
    /// Where its access lines go.
    pub access_log: Rc<AccessLog>,
    /// The site's first name, as access lines tell it.
    pub site_name: Arc<str>,
}

impl Caller {
    /// The access line of an exchange, with what `tell` adds to it; `None` if none are written.
    pub(super) fn line(
        &self,
        id: RequestId,
        tell: impl FnOnce(Record, &AccessFormat) -> Record,
    ) -> Option<AccessLine> {
        let config = &self.generation.config.access_log;
        if config.target.value == AccessTarget::Off {
            return None;
        }
        let site = Arc::clone(&self.site_name);
        let record = Record::new(id, self.peer, self.verdict.clone(), site);
        let record = Box::new(tell(record, &config.format));
        Some(AccessLine { log: Rc::clone(&self.access_log), record })
    }

    /// Writes the access line of a request that the HTTP library could not read, and answered by itself.
    pub fn unreadable(&self, id: RequestId, answer: Answer) {
        let (status, code, _) = answer.parts();
        let line = self.line(id, |mut record, _| {
            (record.at, record.status) = (SystemTime::now(), status.as_u16());
            (record.outcome, record.code) = ("answered", code);
            record.set_cause("the request could not be read");
            record
        });
        if let Some(AccessLine { log, record }) = line {
            log.send(record);
        }
    }
}

/// What a connection is worth, asked again for a request that had to wait before it could be sent.
pub trait Trust {
    /// What its requests are judged by now, and the reason if they are all refused.
    fn caller(&self) -> (Rc<Caller>, Option<Reason>);
}

/// How a request finds its connection and the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// In order.
    Fine,
    /// Its caller is not trusted any more.
    Lost(Reason),
    /// There are as many requests under way as there may be.
    Overloaded,
}
