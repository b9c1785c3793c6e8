//! `[[site.route]]`: what becomes of some requests, and last the site itself for all others.

use std::num::NonZeroU64;
use std::sync::Arc;

use http::{HeaderValue, Method, StatusCode};

use super::answers::{content_type, final_status};
use super::client::{Vain, client_mode, rules};
use super::header_rules::header_rules;
use super::site::{body_rate_min, within_budget};
use super::template::template;
use super::upgrades::upgrades_or;
use super::upstream::Named;
use crate::config::canonical_path::CanonicalPath;
use crate::config::model::{
    Action, BodyRate, ClientMode, HeaderRules, Proxy, Route, RouteClient, RoutePath, SiteLimits,
    Template, Timeouts, Upgrade, Upstream,
};
use crate::config::raw::{Reader, Table, Wrong};
use crate::config::report::Located;

/// What sends a client elsewhere (RFC 9110 section 15.4).
const REDIRECTS: [StatusCode; 5] = [
    StatusCode::MOVED_PERMANENTLY,
    StatusCode::FOUND,
    StatusCode::SEE_OTHER,
    StatusCode::TEMPORARY_REDIRECT,
    StatusCode::PERMANENT_REDIRECT,
];

/// Routes of one site; a request may have to look at all of them.
const ROUTES_MAX: usize = 1000;

/// What a route has from its site unless it says otherwise.
pub(super) struct OfSite<'a> {
    pub(super) upstream: &'a Located<Arc<Upstream>>,
    pub(super) limits: &'a SiteLimits,
    pub(super) timeouts: &'a Timeouts,
    pub(super) mode: ClientMode,
    pub(super) upgrades: &'a [Upgrade],
}

/// Reads the routes of a site; the last of them is the site itself. `None` if one could not be made; `judge` looks
/// at the upstreams that they write.
pub(super) fn routes(
    tables: Vec<Table<'_>>,
    site: &OfSite<'_>,
    upstreams: &Named<'_>,
    judge: impl Fn(&Located<Arc<Upstream>>),
    reader: &Reader<'_>,
) -> Option<Vec<Located<Route>>> {
    if let Some(table) = tables.get(ROUTES_MAX) {
        let wrong = Wrong::new(
            format!("a site has {ROUTES_MAX} routes at most"),
            "let the app tell the rest apart, or bring paths together by `path_prefix`",
        );
        reader.wrong(&table.header, wrong.seen(tables.len().to_string()));
    }
    let mut routes: Vec<Option<Located<Route>>> = Vec::with_capacity(tables.len() + 1);
    for table in tables {
        let header = table.header.clone();
        let route = route(table, site, upstreams, &judge, reader);
        // Where a path is written under a wrong name, nothing is known of what follows.
        let is_known =
            ["path", "path_prefix"].iter().all(|key| !reader.is_meant("site.route", key));
        if let Some(route) = route.as_ref().filter(|_| is_known) {
            let mut before = routes.iter().flatten();
            if let Some(first) = before.find(|first| takes_all_of(&first.value, &route.value)) {
                let at = reader.report.borrow().position(&first.span);
                let mut report = reader.report.borrow_mut();
                let what = "no request ever takes this route";
                report
                    .warning(&header, what)
                    .seen(format!("the route at {at} takes all of them before"))
                    .fix("put this one before that one: the first that fits is taken");
            }
        }
        routes.push(route);
    }
    let own = Route {
        path: RoutePath::Any,
        methods: Vec::new(),
        client: RouteClient::default(),
        action: Action::Proxy(Proxy {
            upstream: site.upstream.clone(),
            path_rewrite: None,
            request_headers: HeaderRules::default(),
            response_headers: HeaderRules::default(),
        }),
        body_bytes_max: site.limits.body_bytes_max,
        body_rate: body_rate(site.limits.body_rate_min, site.timeouts),
        timeouts: site.timeouts.clone(),
        upgrades: site.upgrades.to_vec(),
    };
    routes.push(Some(Located::new(own, 0..0)));
    routes.into_iter().collect()
}

/// Whether every request for the second takes the first.
fn takes_all_of(first: &Route, second: &Route) -> bool {
    let methods = first.methods.is_empty()
        || !second.methods.is_empty()
            && second.methods.iter().all(|method| first.methods.contains(method));
    let paths = match (&first.path, &second.path) {
        (RoutePath::Any, _) => true,
        (first, second) => first == second,
    };
    methods && paths
}

fn route(
    mut table: Table<'_>,
    site: &OfSite<'_>,
    upstreams: &Named<'_>,
    judge: impl Fn(&Located<Arc<Upstream>>),
    reader: &Reader<'_>,
) -> Option<Located<Route>> {
    let span = table.header.clone();
    let read = path(&mut table, reader);
    // Stands in for one that is wrong, so that the rest is read; such a route is never made.
    let path = read.clone().unwrap_or_else(|| RoutePath::Exact(String::new()));
    let methods = table.list_if_written("methods", method).unwrap_or_default();
    let client = RouteClient {
        mode: mode(&mut table, site.mode, reader),
        allow: rules(
            &table,
            "allow",
            &Vain {
                what: "this rule asks for nothing, so that it would admit every client",
                without: "without any rule, the route admits whom the site admits",
            },
            reader,
        ),
    };
    let own = upstreams.upstream(&mut table);
    if let Some(own) = &own {
        judge(own);
    }
    let is_own_wrong = own.is_none() && table.has("upstream");
    let mut timeouts = site.timeouts.clone();
    for (name, timeout) in [
        ("body_idle_timeout", &mut timeouts.body_idle_timeout),
        ("response_header_timeout", &mut timeouts.response_header_timeout),
    ] {
        *timeout = table.duration_if_written(name).unwrap_or(*timeout);
    }
    if table.has("exchange_timeout") {
        timeouts.exchange_timeout = table.duration_or_none("exchange_timeout");
    }
    let timeouts = within_budget(timeouts);
    let body_bytes_max = match table.has("body_bytes_max") {
        true => table.size_or_unlimited("body_bytes_max"),
        false => site.limits.body_bytes_max,
    };
    let upgrades = upgrades_or(site.upgrades, &mut table, reader);
    let rate_min = match table.has("body_rate_min") {
        true => body_rate_min(&mut table),
        false => site.limits.body_rate_min,
    };
    let body_rate = body_rate(rate_min, &timeouts);
    let action = action(&mut table, own.unwrap_or_else(|| site.upstream.clone()), &path, reader);
    table.finish();
    let methods = methods.into_iter().map(|method| method.value).collect();
    let route = Route {
        path,
        methods,
        client,
        action: action?,
        body_bytes_max,
        body_rate,
        timeouts,
        upgrades,
    };
    (read.is_some() && !is_own_wrong).then(|| Located::new(route, span))
}

fn body_rate(bytes_per_second: Option<NonZeroU64>, timeouts: &Timeouts) -> Option<BodyRate> {
    let grace = timeouts.body_rate_grace;
    bytes_per_second.map(|bytes_per_second| BodyRate { bytes_per_second, grace })
}

/// Keys that only some actions have.
const OF_ACTIONS: [(&str, &[&str]); 11] = [
    ("upstream", &["proxy"]),
    ("path_rewrite", &["proxy"]),
    ("request_headers_remove", &["proxy"]),
    ("request_headers_set", &["proxy"]),
    ("response_headers_remove", &["proxy"]),
    ("response_headers_set", &["proxy"]),
    ("upgrades", &["proxy"]),
    ("status", &["respond", "redirect"]),
    ("content_type", &["respond"]),
    ("body", &["respond"]),
    ("location", &["redirect"]),
];

fn action(
    table: &mut Table<'_>,
    upstream: Located<Arc<Upstream>>,
    path: &RoutePath,
    reader: &Reader<'_>,
) -> Option<Action> {
    // All of them are read, so that a wrong value is told wherever it stands.
    let proxy = Proxy {
        upstream,
        path_rewrite: path_rewrite(table, path, reader),
        request_headers: header_rules(table, "request_headers_remove", "request_headers_set"),
        response_headers: header_rules(table, "response_headers_remove", "response_headers_set"),
    };
    let status = table.read("status", |value| final_status("status", value));
    let body = table.parsed("body", |text| template(text, &["request_id", "status"]));
    let content_type = table.parsed("content_type", content_type);
    let location = table.parsed("location", location);
    let word = table.parsed("action", action_word)?.value;
    for (key, words) in OF_ACTIONS {
        if let Some(span) = table.span(key).filter(|_| !words.contains(&word)) {
            let words: Vec<_> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
            let wrong = Wrong::new(
                format!("`{key}` says nothing where `action` is `\"{word}\"`"),
                format!("remove it, or write {} for `action`", words.join(" or ")),
            );
            reader.wrong(&span, wrong);
        }
    }
    Some(match word {
        "respond" => {
            let body = body.map(|read| read.value).unwrap_or_default();
            let plain = HeaderValue::from_static("text/plain; charset=utf-8");
            let content_type = content_type.map_or(plain, |read| read.value);
            Action::Respond {
                status: status.map_or(StatusCode::OK, |read| read.value),
                content_type: (!body.is_empty()).then_some(content_type),
                body,
            }
        }
        "redirect" => redirect(table, status.as_ref(), location, reader)?,
        "drop" => Action::Drop,
        _ => Action::Proxy(proxy),
    })
}

fn action_word(text: &str) -> Result<&'static str, Wrong> {
    const FORMS: &str = "write `\"proxy\"`, `\"respond\"`, `\"redirect\"` or `\"drop\"`";
    let fix = match text {
        "proxy" => return Ok("proxy"),
        "respond" => return Ok("respond"),
        "redirect" => return Ok("redirect"),
        "drop" => return Ok("drop"),
        "444" | "close" | "reject" => "write `\"drop\"`, which closes without an answer",
        "return" | "deny" => "write `\"respond\"` and a `status`, or `\"drop\"`",
        "pass" | "allow" | "proxy_pass" | "forward" => "write `\"proxy\"`",
        _ => FORMS,
    };
    Err(Wrong::new(format!("`action` knows no `{text}`"), fix))
}

fn redirect(
    table: &Table<'_>,
    status: Option<&Located<StatusCode>>,
    location: Option<Located<Template>>,
    reader: &Reader<'_>,
) -> Option<Action> {
    if let Some(status) = status.filter(|status| !REDIRECTS.contains(&status.value)) {
        let wrong = Wrong::new(
            format!("{} sends nobody elsewhere", status.value.as_u16()),
            "write 301, 302, 303, 307 or 308",
        );
        reader.wrong(&status.span, wrong);
    }
    if !table.has("location") {
        let wrong = Wrong::new(
            "this redirect lacks `location`",
            "add below this line\nlocation = \"https://www.example.com$path\"",
        );
        reader.wrong(&table.header, wrong);
    }
    let status = status.map_or(StatusCode::PERMANENT_REDIRECT, |read| read.value);
    Some(Action::Redirect { status, location: location?.value })
}

fn location(text: &str) -> Result<Template, Wrong> {
    if !["https://", "http://", "/"].iter().any(|start| text.starts_with(start)) {
        return Err(Wrong::new(
            format!("`{text}` is no place to send a client to"),
            "write a whole URL, such as `\"https://www.example.com$path\"`, or a path",
        ));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Wrong::new(
            format!("`{text}` has characters that no URL may have"),
            "write them as `%` and two hex digits, a space as `%20`",
        ));
    }
    template(text, &["host", "path"])
}

fn path(table: &mut Table<'_>, reader: &Reader<'_>) -> Option<RoutePath> {
    let exact = table.parsed("path", |text| canonical("path", text));
    let prefix = table.parsed("path_prefix", |text| canonical("path_prefix", text));
    if let (Some(exact), Some(_)) = (&exact, &prefix) {
        let wrong = Wrong::new(
            "this route has a `path` and a `path_prefix`",
            "keep one: `path` is that path alone, `path_prefix` is it and all below",
        );
        reader.wrong(&exact.span, wrong);
    }
    match (exact, prefix) {
        (Some(exact), _) => Some(RoutePath::Exact(exact.value)),
        (None, Some(prefix)) => Some(RoutePath::Prefix(prefix.value)),
        (None, None) if table.has("path") || table.has("path_prefix") => None,
        (None, None) => Some(RoutePath::Any),
    }
}

/// A path in the form that requests are compared in.
fn canonical(name: &str, text: &str) -> Result<String, Wrong> {
    if !text.starts_with('/') {
        let fix = match text.trim_start_matches(['^', '~', '=', ' ']) {
            "" => format!("write one such as `{name} = \"/callback\"`"),
            rest => format!("write `{name} = \"/{}\"`", rest.trim_start_matches('/')),
        };
        return Err(Wrong::new(format!("`{text}` is no path"), fix));
    }
    if let Some(what) = text.chars().find(|c| matches!(c, '*' | '?' | '#' | ';')) {
        let wrong = Wrong::new(
            format!("`{text}` has `{what}`, which is compared with nothing"),
            "write a plain path; `path_prefix` is it and all below",
        );
        return Err(wrong.why("there are no patterns here, and a query is no part of the path"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let fix = "write them as `%` and two hex digits, a space as `%20`";
        return Err(Wrong::new(format!("`{text}` has characters that no URL may have"), fix));
    }
    let form = CanonicalPath::of(text, true).map_err(|ambiguous| {
        Wrong::new(
            format!("`{text}` is read in different ways: {ambiguous}"),
            "write it in a way that all read alike",
        )
    })?;
    if form.path != text {
        let wrong = Wrong::new(
            format!("`{text}` is not how requests are compared"),
            format!("write `{name} = \"{}\"`", form.path),
        );
        return Err(
            wrong.why("dot segments, double slashes and needless codes are taken out of them")
        );
    }
    Ok(text.to_owned())
}

fn path_rewrite(table: &mut Table<'_>, path: &RoutePath, reader: &Reader<'_>) -> Option<String> {
    let rewrite = table.parsed("path_rewrite", |text| canonical("path_rewrite", text))?;
    if *path == RoutePath::Any {
        let wrong = Wrong::new(
            "`path_rewrite` has nothing to put its path in place of",
            "write the `path` or `path_prefix` that it replaces; `path_prefix = \"/\"` puts it before all",
        );
        reader.wrong(&rewrite.span, wrong);
    }
    Some(rewrite.value)
}

fn method(text: &str) -> Result<Method, Wrong> {
    let method = Method::from_bytes(text.as_bytes()).ok();
    match method {
        Some(method) if !text.bytes().any(|byte| byte.is_ascii_lowercase()) => Ok(method),
        _ => Err(Wrong::new(
            format!("`{text}` is no method"),
            format!(
                "write one in capitals, such as `\"{}\"`",
                match text.to_ascii_uppercase() {
                    upper if Method::from_bytes(upper.as_bytes()).is_ok() => upper,
                    _ => "POST".to_owned(),
                }
            ),
        )),
    }
}

fn mode(table: &mut Table<'_>, of_site: ClientMode, reader: &Reader<'_>) -> Option<ClientMode> {
    let mode = table.parsed("mode", client_mode)?;
    if mode.value.strictness() < of_site.strictness() {
        let wrong = Wrong::new(
            format!(
                "this route would let in clients that its site, whose `mode` is `\"{}\"`, refuses",
                of_site.as_str()
            ),
            "set the wider `mode` in `[site.client]`, and the stricter one in the routes that need it",
        );
        reader.wrong(
            &mode.span,
            wrong.why("clients are judged when they connect, before a path is known"),
        );
    }
    Some(mode.value)
}
