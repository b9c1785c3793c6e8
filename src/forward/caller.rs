//! Who asks: what all requests of one connection share, and how each of them finds it.

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::Notify;

use crate::config::{AccessFormat, AccessTarget, ProxyProtocol};
use crate::generation::{Generation, Site};
use crate::observe::access::Record;
use crate::observe::metrics::SiteCounters;
use crate::observe::{AccessLine, AccessLog, Balancer, RequestId};
use crate::policy::{Rates, Reason, Verdict};
use crate::proxy_protocol::{self, Client, Introduction};
use crate::upstream::Upstreams;

use super::recall::Recall;
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
    pub identity_headers: Rc<ClientIdentityHeaders>,
    /// The client's address.
    pub peer: SocketAddr,
    /// How its connection came.
    pub introduction: Rc<Introduction>,
    /// What is said of it by the PROXY protocol, once somebody has asked.
    pub announced: Announced,
    /// Whose word that is, where a balancer says so.
    pub balancer: Option<Arc<Balancer>>,
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

/// What is said of a client by the PROXY protocol.
#[derive(Debug, Default)]
pub struct Announced {
    v1: OnceCell<Rc<[u8]>>,
    v2: OnceCell<Rc<[u8]>>,
}

impl Caller {
    /// What the PROXY protocol says of this client: the same bytes for the same connection and verdict, and others for
    /// any other.
    pub(super) fn announced(&self, version: ProxyProtocol) -> &Rc<[u8]> {
        let said = match version {
            ProxyProtocol::V1 => &self.announced.v1,
            ProxyProtocol::V2 => &self.announced.v2,
        };
        said.get_or_init(|| {
            let client = match &self.verdict {
                Verdict::Verified(identity) => {
                    let names = &identity.claims().subject_cn;
                    Client::Verified(names.first().map(String::as_str))
                }
                Verdict::Failed(_) => Client::Unverified,
                Verdict::NoCertificate => Client::WithoutCertificate,
            };
            proxy_protocol::header(version, &self.introduction, client).into()
        })
    }

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
        let mut record = Record::new(id, self.peer, self.verdict.clone(), site);
        record.balancer.clone_from(&self.balancer);
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

    /// Takes note of an exchange that begins to be under way, and is to end in time if the trust is lost.
    fn begins(&self, exchange: &Rc<Recall>);

    /// One of them has ended.
    fn ends(&self);

    /// Told whenever that has been judged anew.
    fn changes(&self) -> &Notify;
}

/// How a request finds its connection and the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// In order.
    Fine,
    /// Its caller is not trusted any more.
    Lost(Reason),
    /// Its caller never was, and is told so.
    TurnedAway(Reason),
    /// There are as many requests under way as there may be.
    Overloaded,
}
