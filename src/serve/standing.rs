//! How a connection stands with the trust in force. What the handshake found holds until a new generation comes, the
//! first certificate of the verified path runs out, or the clock is set back; then the stored chain is judged again, in
//! full, by the site that its server name leads to now. A connection that passes goes on under the new generation and
//! notices nothing. One that does not pass, but whose site lets such clients in, goes on unverified: its next requests
//! say so. Any other has lost its standing for good: its requests are refused and it is closed.
//!
//! Asking costs three comparisons of integers.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::forward::{Announced, Caller, Forwarded, Recall, Trust};
use crate::generation::{Generation, Site};
use crate::observe::metrics::Flood;
use crate::observe::{ConnectionFacts, RequestId};
use crate::policy::{LetIn, Reason, Refusal, Verdict};
use crate::proxy_protocol::Introduction;
use crate::tls::unix_now;

use super::worker::Worker;

/// The shortest wait between two looks at a certificate's end.
const LEFT_MIN: Duration = Duration::from_millis(50);

/// Until when a verdict holds without being reached again. Every request asks.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Term {
    /// The trust epoch in which it was reached.
    pub epoch: u64,
    /// When it was reached, Unix time. A clock that stands before that has been set back, perhaps to before the
    /// first second of a certificate.
    pub reached: i64,
    /// The last second at which every certificate of its path is valid, Unix time.
    pub valid_until: i64,
}

impl Term {
    /// Whether it holds in this epoch, and at `now`, Unix time.
    pub fn holds(self, epoch: u64, now: i64) -> bool {
        epoch == self.epoch && (self.reached..=self.valid_until).contains(&now)
    }
}

pub(super) struct Standing {
    worker: Rc<Worker>,
    facts: ConnectionFacts,
    introduction: Rc<Introduction>,
    caller: RefCell<Rc<Caller>>,
    /// The trust epoch that the caller was judged in.
    epoch: Cell<u64>,
    /// When, Unix time.
    reached: Cell<i64>,
    /// Until when the verdict holds at most: Unix time, and the same on the clock of timers. That there is no
    /// verified certificate holds until the next generation.
    valid_until: Cell<i64>,
    expires: Cell<Option<Instant>>,
    /// Why it is lost.
    lost: Cell<Option<Reason>>,
    /// Told whenever it has been judged anew.
    changes: Notify,
    /// How often it has been.
    judgements: Cell<u64>,
    /// The exchanges that are under way, and some that have ended.
    exchanges: RefCell<Vec<Weak<Recall>>>,
    /// Whether there never was any: the client was refused, and is told so by an answer.
    is_turned_away: bool,
}

impl Standing {
    /// The standing of a connection that was judged under `generation`, which was current in `epoch`.
    pub(super) fn new(
        worker: Rc<Worker>,
        facts: ConnectionFacts,
        (tls_version, is_resumed): (&'static str, bool),
        epoch: u64,
        generation: Arc<Generation>,
        site: Arc<Site>,
        verdict: Verdict,
    ) -> Self {
        let valid_until = valid_until(&verdict);
        let introduction = Rc::new(Introduction {
            client: facts.peer,
            gateway: facts.local,
            tls_version,
            is_resumed,
            server_name: facts.server_name.clone(),
            unique_id: RequestId::random(),
        });
        let caller = caller(&worker, &facts, &introduction, generation, site, verdict);
        Self {
            worker,
            facts,
            introduction,
            caller: RefCell::new(Rc::new(caller)),
            epoch: Cell::new(epoch),
            reached: Cell::new(unix_now()),
            valid_until: Cell::new(valid_until),
            expires: Cell::new(expiry(valid_until)),
            lost: Cell::new(None),
            changes: Notify::new(),
            judgements: Cell::new(0),
            exchanges: RefCell::default(),
            is_turned_away: false,
        }
    }

    /// Of a connection whose client was refused for this reason; every request of it is told so.
    pub(super) fn turned_away(self, reason: Reason) -> Self {
        // For good: nobody judges again what is lost.
        self.lost.set(Some(reason));
        self.expires.set(None);
        Self { is_turned_away: true, ..self }
    }

    /// Whether there never was any, and the client is to be told so.
    pub(super) fn is_turned_away(&self) -> bool {
        self.is_turned_away
    }

    /// Whether the connection may go on.
    pub(super) fn holds(&self) -> bool {
        self.check();
        self.lost.get().is_none()
    }

    /// When it has to be looked at again, come what may; `None` is beyond what clocks can tell.
    pub(super) fn expires(&self) -> Option<Instant> {
        self.expires.get()
    }

    /// The moment of [`Self::expires`] has come, by the clock of timers; certificates go by the wall's.
    pub(super) fn rings(&self) {
        self.expires.set(expiry(self.valid_until.get()));
        self.check();
    }

    /// Counts and tells of a client whose connection was ended for a flood.
    pub(super) fn flooded(&self, flood: Flood) {
        self.worker.counters.flooded(flood);
        let told = self.caller.borrow().generation.config.log.refusals_per_minute;
        let refusal = Refusal::new(Reason::Http2Flood, flood.sentence());
        self.worker.shared.refusals.report(told, unix_now(), self.facts.clone(), refusal, true);
    }

    fn check(&self) {
        let epoch = self.worker.shared.epoch.load(Ordering::Acquire);
        let (reached, valid_until) = (self.reached.get(), self.valid_until.get());
        let (term, now) = (Term { epoch: self.epoch.get(), reached, valid_until }, unix_now());
        if !term.holds(epoch, now) && self.lost.get().is_none() {
            self.judge_again(epoch, now);
        }
    }

    fn judge_again(&self, epoch: u64, now: i64) {
        // The epoch was read first: a generation that comes between the two is judged once more. So is a jump of the
        // clock.
        self.epoch.set(epoch);
        self.reached.set(now);
        let generation = self.worker.shared.generation.load_full();
        let before = Rc::clone(&self.caller.borrow());
        let judged = match generation.site(self.facts.server_name.as_deref()) {
            Some(site) => site.tls.judge(before.verdict.chain()).map(|client| (site, client)),
            None => {
                let name = self.facts.server_name.as_deref().unwrap_or_default();
                let sentence = format!("came for `{name}`, which no site serves any more");
                Err(Refusal::new(Reason::UnknownServerName, sentence))
            }
        };
        match judged {
            Ok((site, LetIn { verdict, in_spite_of })) => {
                if let Some(refusal) = in_spite_of
                    && before.verdict.identity().is_some()
                {
                    let told = generation.config.log.refusals_per_minute;
                    self.worker.shared.refusals.report_let_in(told, &self.facts, &refusal, true);
                }
                let until = valid_until(&verdict);
                self.valid_until.set(until);
                self.expires.set(expiry(until));
                let site = Arc::clone(site);
                let caller = caller(
                    &self.worker,
                    &self.facts,
                    &self.introduction,
                    generation,
                    site,
                    verdict,
                );
                self.caller.replace(Rc::new(caller));
            }
            Err(refusal) => {
                self.lost.set(Some(refusal.reason));
                let (told, facts) = (generation.config.log.refusals_per_minute, self.facts.clone());
                self.worker.shared.refusals.report(told, unix_now(), facts, refusal, true);
                self.expires.set(None);
            }
        }
        self.judgements.set(self.judgements.get() + 1);
        self.changes.notify_waiters();
    }

    /// How often it has been judged anew: only then can an exchange have lost what it began under.
    pub(super) fn judgements(&self) -> u64 {
        self.judgements.get()
    }

    /// Whether an exchange goes on that may not.
    pub(super) fn is_outlasted(&self) -> bool {
        let exchanges = self.exchanges.borrow();
        exchanges.iter().filter_map(Weak::upgrade).any(|exchange| exchange.outlasts_its_trust())
    }

    /// Notes of such exchanges that they are broken off.
    pub(super) fn cut(&self) {
        for exchange in self.exchanges.borrow().iter().filter_map(Weak::upgrade) {
            exchange.cut();
        }
    }
}

impl Trust for Standing {
    fn caller(&self) -> (Rc<Caller>, Option<Reason>) {
        self.check();
        (Rc::clone(&self.caller.borrow()), self.lost.get())
    }

    fn begins(&self, exchange: &Rc<Recall>) {
        let mut exchanges = self.exchanges.borrow_mut();
        if exchanges.len() == exchanges.capacity() {
            exchanges.retain(|exchange| exchange.strong_count() > 0);
        }
        exchanges.push(Rc::downgrade(exchange));
    }

    fn ends(&self) {
        // On HTTP/1.1 that leaves none. On HTTP/2 those before one that goes on stay until the list is full.
        if let Ok(mut exchanges) = self.exchanges.try_borrow_mut() {
            while exchanges.pop_if(|exchange| exchange.strong_count() == 0).is_some() {}
        }
    }

    fn changes(&self) -> &Notify {
        &self.changes
    }
}

fn caller(
    worker: &Worker,
    facts: &ConnectionFacts,
    introduction: &Rc<Introduction>,
    generation: Arc<Generation>,
    site: Arc<Site>,
    verdict: Verdict,
) -> Caller {
    let (counted_as, counters) = worker.counters.site(site.name());
    if let Some(identity) = verdict.identity() {
        worker.counters.saw(&counted_as, identity, unix_now());
    }
    let identity_headers = worker.known_clients.headers(&generation, &site, &verdict);
    Caller {
        generation,
        identity_headers,
        // Its own, even where so many have come that it is counted among the others: rates are kept by it.
        site_name: site.shared_name(),
        site,
        verdict,
        peer: facts.peer,
        introduction: Rc::clone(introduction),
        announced: Announced::default(),
        balancer: facts.balancer.clone(),
        forwarded: Forwarded::new(facts.peer.ip()),
        upstreams: Rc::clone(&worker.upstreams),
        rates: Arc::clone(&worker.shared.rates),
        counters,
        access_log: Rc::clone(&worker.access_log),
    }
}

fn valid_until(verdict: &Verdict) -> i64 {
    verdict.identity().map_or(i64::MAX, |identity| identity.valid_until())
}

/// When the second after `valid_until` begins, as a timer knows it.
fn expiry(valid_until: i64) -> Option<Instant> {
    let since_1970 =
        Duration::from_secs(u64::try_from(valid_until).unwrap_or(0)) + Duration::from_secs(1);
    let left =
        (UNIX_EPOCH.checked_add(since_1970)?).duration_since(SystemTime::now()).unwrap_or_default();
    // The two clocks may disagree; a moment in the past must not become a timer that rings for ever.
    Instant::now().checked_add(left.max(LEFT_MIN))
}
