//! Whether a request may still be sent. One that waits, because its app restarts or has no connection free, was judged
//! when it came; what it is sent under is the trust of that moment. And nobody does what its caller was told had failed.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use http::request::Parts;
use http::{Method, Uri};

use crate::policy;

use super::reply::Answer;
use super::{Caller, Denied, Trust, route};

/// One request, for as long as it is not sent.
pub(super) struct Recall {
    /// Whom it was judged by.
    caller: Rc<Caller>,
    trust: Rc<dyn Trust>,
    method: Method,
    uri: Uri,
    /// Whether its caller has had an answer.
    answered: Cell<bool>,
    denied: RefCell<Option<Denied>>,
}

impl Recall {
    /// Of a request as it came.
    pub(super) fn new(caller: Rc<Caller>, trust: Rc<dyn Trust>, head: &Parts) -> Rc<Self> {
        let (method, uri) = (head.method.clone(), head.uri.clone());
        let (answered, denied) = (Cell::new(false), RefCell::default());
        Rc::new(Self { caller, trust, method, uri, answered, denied })
    }

    /// Its caller has had an answer, and must not be served behind it.
    pub(super) fn answered(&self) {
        self.answered.set(true);
    }

    /// Whether it may be sent now. While nothing has changed, that costs what every request's own question costs.
    pub(super) fn may_go(&self) -> bool {
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

    /// Whether an exchange that was sent may go on; the error says why not. Not asked per request, but where the trust
    /// has changed.
    pub(super) fn may_go_on(&self) -> Result<(), String> {
        self.judge("the exchange went on").map_err(|denied| denied.cause)
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
