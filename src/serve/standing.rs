//! How a connection stands with the trust in force. What the handshake found holds until a new generation comes, the
//! first certificate of the verified path runs out, or the clock is set back; then the stored chain is judged again, in
//! full, by the site that its server name leads to now. A connection that passes goes on under the new generation and
//! notices nothing. One that does not pass, but whose site lets such clients in, goes on unverified: its next requests
//! say so. Any other has lost its standing for good: its requests are refused and it is closed.
//!
//! Asking costs three comparisons of integers.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::forward::{Caller, ClientIdentityHeaders, Forwarded, Trust};
use crate::generation::{Generation, Site};
use crate::observe::ConnectionFacts;
use crate::policy::{LetIn, Reason, Refusal, Verdict};
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
}

impl Standing {
    /// The standing of a connection that was judged under `generation`, which was current in `epoch`.
    pub(super) fn new(
        worker: Rc<Worker>,
        facts: ConnectionFacts,
        epoch: u64,
        generation: Arc<Generation>,
        site: Arc<Site>,
        verdict: Verdict,
    ) -> Self {
        let valid_until = valid_until(&verdict);
        let caller = caller(&worker, &facts, generation, site, verdict);
        Self {
            worker,
            facts,
            caller: RefCell::new(Rc::new(caller)),
            epoch: Cell::new(epoch),
            reached: Cell::new(unix_now()),
            valid_until: Cell::new(valid_until),
            expires: Cell::new(expiry(valid_until)),
            lost: Cell::new(None),
        }
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
                let caller = caller(&self.worker, &self.facts, generation, site, verdict);
                self.caller.replace(Rc::new(caller));
            }
            Err(refusal) => {
                self.lost.set(Some(refusal.reason));
                let (told, facts) = (generation.config.log.refusals_per_minute, self.facts.clone());
                self.worker.shared.refusals.report(told, unix_now(), facts, refusal, true);
                self.expires.set(None);
            }
        }
    }
}

impl Trust for Standing {
    fn caller(&self) -> (Rc<Caller>, Option<Reason>) {
        self.check();
        (Rc::clone(&self.caller.borrow()), self.lost.get())
    }
}

fn caller(
    worker: &Worker,
    facts: &ConnectionFacts,
    generation: Arc<Generation>,
    site: Arc<Site>,
    verdict: Verdict,
) -> Caller {
    let config = &site.config;
    let name = site.name();
    if let Some(identity) = verdict.identity() {
        worker.counters.saw(&name, identity, unix_now());
    }
    let headers =
        ClientIdentityHeaders::new(&verdict, config.client.mode, &config.identity_headers);
    Caller {
        generation,
        identity_headers: headers,
        site,
        verdict,
        peer: facts.peer,
        forwarded: Forwarded::new(facts.peer.ip()),
        upstreams: Rc::clone(&worker.upstreams),
        rates: Arc::clone(&worker.shared.rates),
        counters: worker.counters.site(&name),
        access_log: Rc::clone(&worker.access_log),
        site_name: Arc::from(name),
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
