//! The demo's steps: who calls, what must come of it, and whether it did. A step is judged by what the
//! client saw, what the app saw and what the gateway logged, and by nothing else.

use std::net::SocketAddr;

use http::StatusCode;
use serde_json::Value;

use crate::identity::Claims;
use crate::policy::Reason;

use super::app::{App, Seen};
use super::client::{self, Call, Outcome};
use super::events::{Line, Lines};
use super::setup::{Caller, Setup};

/// Headers by which a client pretends to be somebody else, in two spellings that apps take for one.
const SPOOFED: [(&str, &str); 2] = [
    ("X-SSL-Client-S-DN", "CN=somebody.else.example"),
    ("x_ssl_client_verify", "SUCCESS, says the client"),
];

/// One call of the story.
pub(super) struct Step<'a> {
    /// What must happen, as a sentence.
    pub(super) title: &'static str,
    /// The certificate that the client shows.
    pub(super) caller: Option<&'a Caller>,
    /// Headers that the client sends beyond a callback's own.
    pub(super) headers: &'static [(&'static str, &'static str)],
    expected: Expected<'a>,
}

enum Expected<'a> {
    /// 200, and the app knows the client by what its certificate says.
    Answered(&'a Claims),
    /// A TLS alert, and this reason in the log.
    Refused(Reason),
}

/// Where the story plays.
pub(super) struct Stage<'a> {
    pub(super) setup: &'a Setup,
    pub(super) gateway: SocketAddr,
    pub(super) app: App,
    pub(super) lines: Lines,
}

/// What came of a step.
pub(super) struct Observed {
    pub(super) outcome: Outcome,
    /// What the gateway logged about it.
    pub(super) line: Option<Line>,
    /// The requests that reached the app.
    pub(super) seen: Vec<Seen>,
}

/// The story.
pub(super) fn steps(setup: &Setup) -> [Step<'_>; 5] {
    let caller = &setup.caller;
    [
        Step {
            title: "a callback with a verified certificate is answered",
            caller: Some(caller),
            headers: &[],
            expected: Expected::Answered(&caller.claims),
        },
        Step {
            title: "a client without a certificate is refused",
            caller: None,
            headers: &[],
            expected: Expected::Refused(Reason::NoCertificate),
        },
        Step {
            title: "a certificate of another CA is refused",
            caller: Some(&setup.stranger),
            headers: &[],
            expected: Expected::Refused(Reason::UnknownCa),
        },
        Step {
            title: "an expired certificate is refused",
            caller: Some(&setup.expired),
            headers: &[],
            expected: Expected::Refused(Reason::Expired),
        },
        Step {
            title: "an identity that a client makes up does not reach the app",
            caller: Some(caller),
            headers: &SPOOFED,
            expected: Expected::Answered(&caller.claims),
        },
    ]
}

impl Stage<'_> {
    /// Plays one step.
    pub(super) async fn play(&mut self, step: &Step<'_>) -> Observed {
        let caller = client::Caller {
            ca: &self.setup.server_ca,
            identity: step.caller.map(|caller| caller.pem.as_str()),
            headers: step.headers,
        };
        let Call { local, outcome } = client::call(self.gateway, &caller).await;
        let line = match local {
            Some(local) => self.lines.about(local).await,
            None => None,
        };
        let seen = std::iter::from_fn(|| self.app.seen.try_recv().ok()).collect();
        Observed { outcome, line, seen }
    }
}

impl Step<'_> {
    /// Whatever was not as it must be, as sentences; none if all was.
    pub(super) fn faults(&self, observed: &Observed) -> Vec<String> {
        let mut faults = Vec::new();
        let mut must = |holds: bool, fault: String| {
            if !holds {
                faults.push(fault);
            }
        };
        let logged = |name| {
            let line = observed.line.as_ref();
            line.map_or("", |line| line.field(name))
        };
        let count = observed.seen.len();
        match &self.expected {
            Expected::Refused(reason) => {
                let refused = matches!(observed.outcome, Outcome::Refused { .. });
                must(refused, "the client got no TLS alert".to_owned());
                let found = logged("reason");
                must(
                    found == reason.as_str(),
                    format!("the log gives the reason `{found}` instead of `{reason}`"),
                );
                must(count == 0, format!("{count} requests reached the app"));
            }
            Expected::Answered(claims) => {
                must(
                    is_success(&observed.outcome),
                    "the client did not get the app's success".to_owned(),
                );
                let status = logged("status");
                must(status == "200", format!("the log gives the status `{status}`"));
                must(count == 1, format!("{count} requests reached the app"));
                for seen in &observed.seen {
                    let told: Vec<_> = seen.identity().collect();
                    for (name, value) in [
                        ("x-ssl-client-verify", "SUCCESS"),
                        ("x-ssl-client-s-dn", claims.subject.as_str()),
                        ("x-ssl-client-fingerprint", &claims.fingerprint()),
                    ] {
                        let alike = told.iter().filter(|(told, _)| fold(told) == name);
                        let alike: Vec<_> = alike.collect();
                        must(
                            matches!(alike.as_slice(), [one] if **one == (name, value)),
                            format!("the app was told {alike:?} instead of `{name}: {value}`"),
                        );
                    }
                }
            }
        }
        faults
    }
}

impl Seen {
    /// The headers by which the app may know the client, in whatever spelling they arrived.
    pub(super) fn identity(&self) -> impl Iterator<Item = (&str, &str)> {
        let headers = self.headers.iter();
        headers
            .filter(|(name, _)| fold(name.as_str()).starts_with("x-ssl-client-"))
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or("not text")))
    }
}

/// A header name as an app sees it that takes dashes and underscores for the same.
fn fold(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// Whether the platform would take this for a success: 200 with a JSON body that says so.
fn is_success(outcome: &Outcome) -> bool {
    let Outcome::Answered { status, body } = outcome else {
        return false;
    };
    let body: Option<Value> = serde_json::from_str(body).ok();
    *status == StatusCode::OK && body.is_some_and(|body| body["ActionStatus"] == "OK")
}
