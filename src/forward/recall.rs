//! Whether a request may still be sent, and its exchange go on. One that waits, because its app restarts or has no
//! connection free, was judged when it came; what it is sent under is the trust of that moment. And nobody does what
//! its caller was told had failed. One that was sent is judged again when the trust has changed: it may finish, but
//! not last.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use http::request::Parts;
use http::{Method, Uri};

use crate::config::Upstream;
use crate::policy;
use crate::tls::AppTls;
use crate::upstream::Now;

use super::reply::Answer;
use super::{Caller, Denied, Trust, route};

/// One exchange, until it is over.
pub struct Recall {
    /// Whom it was judged by.
    caller: Rc<Caller>,
    trust: Rc<dyn Trust>,
    method: Method,
    uri: Uri,
    /// Whether its caller has had an answer.
    answered: Cell<bool>,
    denied: RefCell<Option<Denied>>,
    /// Whether it ends by itself once it may not go on.
    minds_itself: Cell<bool>,
    /// Why it is broken off.
    cut: RefCell<Option<String>>,
}

impl Drop for Recall {
    fn drop(&mut self) {
        self.trust.ends();
    }
}

impl Now for Recall {
    /// Whether it may be sent now. While nothing has changed, that costs what every request's own question costs.
    fn may_go(&self) -> bool {
        if self.answered.get() {
            return false;
        }
        match self.judge("the request waited") {
            Ok(()) => true,
            Err(denied) => {
                self.denied.replace(Some(denied));
                false
            }
        }
    }

    /// What is trusted by the rules that hold now.
    fn tls(&self, upstream: &Upstream) -> Option<Arc<AppTls>> {
        // Most speak none.
        upstream.tls.as_ref()?;
        self.trust.caller().0.generation.app_tls(upstream).cloned()
    }
}

impl Recall {
    /// Of a request as it came.
    pub(super) fn new(caller: Rc<Caller>, trust: Rc<dyn Trust>, head: &Parts) -> Rc<Self> {
        let (method, uri) = (head.method.clone(), head.uri.clone());
        let recall = Rc::new(Self {
            caller,
            trust,
            method,
            uri,
            answered: Cell::new(false),
            denied: RefCell::default(),
            minds_itself: Cell::new(false),
            cut: RefCell::default(),
        });
        recall.trust.begins(&recall);
        recall
    }

    /// Its caller has had an answer, and must not be served behind it.
    pub(super) fn answered(&self) {
        self.answered.set(true);
    }

    /// Whether an exchange that was sent may go on; the error says why not. Not asked per request, but where the trust
    /// has changed.
    pub(super) fn may_go_on(&self) -> Result<(), String> {
        self.judge("the exchange went on").map_err(|denied| denied.cause)
    }

    /// Whether it goes on without being allowed to, and somebody has to end it.
    pub fn outlasts_its_trust(&self) -> bool {
        !self.answered.get() && !self.minds_itself.get() && self.may_go_on().is_err()
    }

    /// Notes that it is about to be broken off, for whoever tells how it ended.
    pub fn cut(&self) {
        if self.outlasts_its_trust() {
            self.cut.replace(self.may_go_on().err());
        }
    }

    /// Why it was.
    pub(super) fn cut_by(&self) -> Option<String> {
        self.cut.take()
    }

    /// From here on it ends by itself once it may not go on.
    pub(super) fn minds_itself(&self) {
        self.minds_itself.set(true);
    }

    /// Waits until the trust of the connection has been looked at anew.
    pub(super) fn changed(&self) -> impl Future<Output = ()> {
        self.trust.changes().notified()
    }

    /// Why it may not.
    pub(super) fn denied(&self) -> Option<Denied> {
        self.denied.take()
    }

    fn judge(&self, meanwhile: &str) -> Result<(), Denied> {
        let (now, lost) = self.trust.caller();
        // Headers that name the client are made already; one that has a name no more must not be sent with them.
        let named = self.caller.verdict.unverified();
        let worse = now.verdict.unverified().filter(|reason| named != Some(*reason));
        if let Some(reason) = lost.or(worse) {
            let cause = format!("while {meanwhile}, the client lost its trust: {reason}");
            return Err(Denied::new(Answer::NotTrusted(reason), cause));
        }
        if Rc::ptr_eq(&now, &self.caller) {
            return Ok(());
        }
        // Another generation, and its rules.
        let site = &now.site.config;
        let (route, _) = route::choose(site, &self.method, &self.uri)?;
        let permit = policy::judge(&site.client, &route.client, &now.verdict);
        permit.map(drop).map_err(|denial| Denied::new(Answer::NotAllowed, denial.to_string()))
    }
}
