//! `[[site.route]]`: what becomes of some requests of a site.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode};

use crate::config::report::Located;
use crate::config::rule::Rule;

use super::{ClientMode, Template, Timeouts, Upgrade, Upstream};

/// One route; with everything that holds for its requests, its own or its site's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Which paths.
    pub path: RoutePath,
    /// Which methods; empty is all.
    pub methods: Vec<Method>,
    /// Who, beyond what the site asks.
    pub client: RouteClient,
    /// What to do.
    pub action: Action,
    /// Bytes of a request's body; `None` sets no limit.
    pub body_bytes_max: Option<u64>,
    /// How slow a body may be; `None` sets no limit.
    pub body_rate: Option<BodyRate>,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// The protocols that a connection may change to.
    pub upgrades: Vec<Upgrade>,
}

impl Route {
    /// Whether a connection may change to WebSocket here.
    pub fn takes_websocket(&self) -> bool {
        self.upgrades.iter().any(Upgrade::is_websocket)
    }
}

/// How slowly a client may send or take a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyRate {
    /// The least, on an average.
    pub bytes_per_second: NonZeroU64,
    /// How long it may have made others wait beyond that.
    pub grace: Duration,
}

/// Which paths a route is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoutePath {
    /// All.
    Any,
    /// This one.
    Exact(String),
    /// This one and all below it; with a slash at its end, only those below.
    Prefix(String),
}

impl fmt::Display for RoutePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any path"),
            Self::Exact(path) => f.write_str(path),
            Self::Prefix(path) if path.ends_with('/') => write!(f, "{path}**"),
            Self::Prefix(path) => write!(f, "{path}, {path}/**"),
        }
    }
}

/// A route in one line, as reports show it.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for method in &self.methods {
            write!(f, "{method} ")?;
        }
        write!(f, "{}: {}", self.path, self.action.as_str())?;
        match &self.action {
            Action::Proxy(Proxy { upstream, path_rewrite, .. }) => {
                write!(f, " to {}", upstream.value.shown())?;
                if let Some(path) = path_rewrite {
                    write!(f, " as {path}")?;
                }
            }
            Action::Respond { status, .. } | Action::Redirect { status, .. } => {
                write!(f, " {}", status.as_u16())?;
            }
            Action::Drop => {}
        }
        if let Some(mode) = self.client.mode {
            write!(f, ", mode {}", mode.as_str())?;
        }
        for (number, rule) in self.client.allow.iter().enumerate() {
            let joint = if number == 0 { ", only" } else { " or" };
            write!(f, "{joint} {}", rule.value)?;
        }
        Ok(())
    }
}

/// What a route asks of clients. It can only narrow what its site asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteClient {
    /// A stricter mode than the site's.
    pub mode: Option<ClientMode>,
    /// Rules of which one must fit, beside one of the site's; empty asks for nothing more.
    pub allow: Vec<Located<Rule>>,
}

/// `action = "..."`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Pass on to an app.
    Proxy(Proxy),
    /// Answer with this.
    Respond {
        /// Its status.
        status: StatusCode,
        /// What the body is; none without a body.
        content_type: Option<HeaderValue>,
        /// The body.
        body: Template,
    },
    /// Send the client elsewhere.
    Redirect {
        /// Its status, one of 301, 302, 303, 307 and 308.
        status: StatusCode,
        /// Where to.
        location: Template,
    },
    /// Close without an answer.
    Drop,
}

impl Action {
    /// Its word in the file.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Proxy(_) => "proxy",
            Self::Respond { .. } => "respond",
            Self::Redirect { .. } => "redirect",
            Self::Drop => "drop",
        }
    }
}

/// How requests are passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// The app.
    pub upstream: Located<Arc<Upstream>>,
    /// What stands in place of the route's path; without it, the path stays.
    pub path_rewrite: Option<String>,
    /// What changes in the headers of requests.
    pub request_headers: HeaderRules,
    /// What changes in the headers of responses.
    pub response_headers: HeaderRules,
}

/// Headers that are set and removed; removing comes first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderRules {
    /// Removed.
    pub remove: Vec<HeaderName>,
    /// Put in place of all of that name.
    pub set: Vec<(HeaderName, HeaderValue)>,
}
