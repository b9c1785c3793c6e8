//! `[[upstream]]`, and `upstream` in a site or a route: the name of one, or an address.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use http::HeaderName;

use super::address::address;
use super::upstream_tls;
use crate::config::model::{
    Balance, HashKey, HealthCheck, Member, Protocol, ProxyProtocol, Retry, Upstream, UpstreamTls,
};
use crate::config::raw::{Reader, Table, Wrong};
use crate::config::report::Located;

/// Endpoints of one upstream; each request may have to look at all of them.
const ENDPOINTS_MAX: usize = 100;

/// The upstreams that have a name.
pub(super) struct Named<'a> {
    reader: &'a Reader<'a>,
    by_name: BTreeMap<String, (Option<Arc<Upstream>>, Range<usize>)>,
    used: RefCell<BTreeSet<String>>,
}

impl<'a> Named<'a> {
    /// Reads all of them.
    pub(super) fn read(tables: Vec<Table<'a>>, reader: &'a Reader<'a>) -> Self {
        let mut by_name = BTreeMap::new();
        for mut table in tables {
            let header = table.header.clone();
            let name = table.parsed("name", name);
            let upstream = named(&mut table, name.as_ref(), reader).map(Arc::new);
            table.finish();
            let Some(name) = name else { continue };
            if by_name.contains_key(&name.value) {
                let what = format!("there is another `[[upstream]]` of the name `{}`", name.value);
                reader.wrong(&name.span, Wrong::new(what, "give each a name of its own"));
                continue;
            }
            by_name.insert(name.value, (upstream, header));
        }
        Self { reader, by_name, used: RefCell::default() }
    }

    /// Whether they could all be made.
    pub(super) fn are_complete(&self) -> bool {
        self.by_name.values().all(|(upstream, _)| upstream.is_some())
    }

    /// The upstream that a key names, or whose address it is. `None` after a problem was told.
    pub(super) fn upstream(&self, table: &mut Table<'_>) -> Option<Located<Arc<Upstream>>> {
        let found = table.parsed("upstream", |text| {
            if let Some((upstream, _)) = self.by_name.get(text) {
                self.used.borrow_mut().insert(text.to_owned());
                return Ok(upstream.clone());
            }
            let address =
                address(&self.reader.folders, text).map_err(|wrong| self.or_name(text, wrong))?;
            let mut settings = Settings::read(&mut Table::absent(self.reader, "upstream"));
            if address.endpoint.protocol == Protocol::Https {
                settings.tls = Some(UpstreamTls::default());
            }
            let members = vec![Member::plain(address.endpoint)];
            let name = members[0].endpoint.to_string();
            Ok(Some(Arc::new(settings.upstream(name, members, address.base))))
        })?;
        Some(Located::new(found.value?, found.span))
    }

    fn or_name(&self, text: &str, mut wrong: Wrong) -> Wrong {
        let names: Vec<_> = self.by_name.keys().map(|name| format!("`\"{name}\"`")).collect();
        if !names.is_empty() {
            wrong
                .fix
                .push_str(&format!("; or the name of an `[[upstream]]`: {}", names.join(", ")));
        } else if name(text).is_ok() {
            wrong.fix.push_str("; or make it the `name` of an `[[upstream]]`");
        }
        wrong
    }

    /// Warns of those that nobody uses.
    pub(super) fn finish(self) {
        for (name, (_, header)) in &self.by_name {
            if !self.used.borrow().contains(name) {
                let mut report = self.reader.report.borrow_mut();
                report.warning(header, format!("nothing goes to the upstream `{name}`")).fix(
                    format!("write `upstream = \"{name}\"` in a site or a route, or remove it"),
                );
            }
        }
    }
}

/// What holds for the endpoints of an upstream.
struct Settings {
    balance: Balance,
    connections_max: Option<usize>,
    failures_max: Option<u32>,
    ejection_time: std::time::Duration,
    slow_start: Option<std::time::Duration>,
    retry: Retry,
    health_check: Option<HealthCheck>,
    tls: Option<UpstreamTls>,
    dns_refresh: std::time::Duration,
    proxy_protocol: Option<ProxyProtocol>,
}

impl Settings {
    fn read(table: &mut Table<'_>) -> Self {
        let balance = table.parsed("balance", balance);
        let retry = table.parsed("retry", retry);
        let proxy = table.parsed_or_off("proxy_protocol", proxy_protocol);
        let path = table.parsed("health_check_path", health_check_path);
        let (interval, timeout) =
            (table.duration("health_check_interval"), table.duration("health_check_timeout"));
        Self {
            balance: balance.map_or(Balance::LeastConnections, |balance| balance.value),
            connections_max: table.integer_or_unlimited("connections_max", 1..=1_000_000),
            failures_max: table.integer_or_unlimited("failures_max", 1..=1_000_000),
            ejection_time: table.duration("ejection_time"),
            slow_start: table.duration_or_none("slow_start"),
            retry: retry.map_or(Retry::Unsent, |retry| retry.value),
            health_check: path.map(|path| HealthCheck { path: path.value, interval, timeout }),
            tls: None,
            dns_refresh: table.duration("dns_refresh"),
            proxy_protocol: proxy.and_then(|proxy| proxy.value),
        }
    }

    fn upstream(self, name: String, endpoints: Vec<Member>, base: String) -> Upstream {
        Upstream {
            name,
            endpoints,
            base,
            balance: self.balance,
            connections_max: self.connections_max,
            failures_max: self.failures_max,
            ejection_time: self.ejection_time,
            slow_start: self.slow_start,
            retry: self.retry,
            health_check: self.health_check,
            tls: self.tls,
            dns_refresh: self.dns_refresh,
            proxy_protocol: self.proxy_protocol,
        }
    }
}

fn named(
    table: &mut Table<'_>,
    name: Option<&Located<String>>,
    reader: &Reader<'_>,
) -> Option<Upstream> {
    let members = table.list("endpoints", |text| {
        let mut words = text.split(' ').filter(|word| !word.is_empty());
        let address = address(&reader.folders, words.next().unwrap_or_default())?;
        if !address.base.is_empty() {
            let endpoint = &address.endpoint;
            let wrong = Wrong::new(
                format!("the endpoint `{endpoint}` has a path"),
                format!("write `\"{endpoint}\"`, and `path_rewrite` in a route"),
            );
            return Err(wrong.why("one request goes to any of the endpoints"));
        }
        let mut member = Member::plain(address.endpoint);
        for word in words {
            match (word, word.strip_prefix("weight=").map(str::parse)) {
                (_, Some(Ok(weight @ 1..=1000))) => member.weight = weight,
                ("backup", _) => member.is_backup = true,
                _ => {
                    let what = format!("`{word}` is nothing that an endpoint can be");
                    return Err(Wrong::new(what, "write `weight=N`, from 1 to 1000, or `backup`"));
                }
            }
        }
        Ok(member)
    });
    let mut settings = Settings::read(table);
    let spoken = |protocol| {
        let mut members = members.iter().flatten();
        members.any(|member: &Located<Member>| member.value.endpoint.protocol == protocol)
    };
    settings.tls = upstream_tls::read(table, spoken(Protocol::Https), reader);
    let members = members?;
    one_version(&members, reader);
    let mut seen = BTreeSet::new();
    for member in &members {
        let endpoint = member.value.endpoint.to_string();
        if !seen.insert(endpoint.clone()) {
            let what = format!("`{endpoint}` is listed twice");
            reader.wrong(
                &member.span,
                Wrong::new(what, "remove one of the two, or write `weight=2`"),
            );
        }
    }
    if members.iter().all(|member| member.value.is_backup) && !members.is_empty() {
        let what = "all endpoints are backups, of nothing";
        reader.wrong(&members[0].span, Wrong::new(what, "leave `backup` away from at least one"));
    }
    if let Some(member) = members.get(ENDPOINTS_MAX) {
        let what = format!("an upstream has {ENDPOINTS_MAX} endpoints at most");
        let wrong = Wrong::new(what, "put a balancer before them, or make several upstreams");
        reader.wrong(&member.span, wrong.seen(members.len().to_string()));
    }
    let members: Vec<_> = members.into_iter().map(|member| member.value).collect();
    if members.is_empty() {
        return None;
    }
    Some(settings.upstream(name?.value.clone(), members, String::new()))
}

/// A request is made for HTTP/1.1 or for HTTP/2, before it is known which endpoint it goes to.
fn one_version(members: &[Located<Member>], reader: &Reader<'_>) {
    let is_h2c = |member: &Located<Member>| member.value.endpoint.protocol == Protocol::H2c;
    let Some(first) = members.first().map(is_h2c) else {
        return;
    };
    if let Some(other) = members.iter().find(|member| is_h2c(member) != first) {
        let wrong = Wrong::new(
            "`h2c://` endpoints and others stand in one upstream",
            "make two upstreams of them, or let all speak the same",
        );
        reader.wrong(
            &other.span,
            wrong.why("one request goes to any of the endpoints, in one version of HTTP"),
        );
    }
}

fn name(text: &str) -> Result<String, Wrong> {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_name = text.bytes().all(in_name) && text.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_name && text.len() <= 64 {
        return Ok(text.to_owned());
    }
    let fix = "write letters, digits, `-` and `_`, a letter first, such as `\"app\"`";
    Err(Wrong::new(format!("`{text}` is no name of an upstream"), fix))
}

fn balance(text: &str) -> Result<Balance, Wrong> {
    let key = text.strip_prefix("hash(").and_then(|rest| rest.strip_suffix(')'));
    let fix = match (text, key) {
        ("least_connections", _) => return Ok(Balance::LeastConnections),
        ("round_robin", _) => return Ok(Balance::RoundRobin),
        (_, Some("identity")) => return Ok(Balance::Hash(HashKey::Identity)),
        (_, Some("client_address")) => return Ok(Balance::Hash(HashKey::ClientAddress)),
        (_, Some(key)) => {
            let header = key.strip_prefix("header:").map(str::trim);
            match header.map(|header| HeaderName::from_bytes(header.as_bytes())) {
                Some(Ok(header)) => return Ok(Balance::Hash(HashKey::Header(header))),
                _ => {
                    "write `\"hash(identity)\"`, `\"hash(client_address)\"` or `\"hash(header:X-Key)\"`"
                }
            }
        }
        ("least_conn" | "leastconn" | "least_request", _) => "write `\"least_connections\"`",
        ("roundrobin" | "rr", _) => "write `\"round_robin\"`",
        ("ip_hash" | "source", _) => "write `\"hash(client_address)\"`",
        _ => {
            "write `\"least_connections\"`, `\"round_robin\"`, or `\"hash(identity)\"`, which can be \
             `client_address` or `header:X-Key` too"
        }
    };
    Err(Wrong::new(format!("`balance` knows no `{text}`"), fix))
}

fn health_check_path(text: &str) -> Result<String, Wrong> {
    let is_target = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_target.then(|| text.to_owned()).ok_or_else(|| {
        Wrong::new(format!("`{text}` is no path to ask for"), "write one such as `\"/health\"`")
    })
}

fn proxy_protocol(text: &str) -> Result<Option<ProxyProtocol>, Wrong> {
    match text {
        "off" => Ok(None),
        "v1" => Ok(Some(ProxyProtocol::V1)),
        "v2" => Ok(Some(ProxyProtocol::V2)),
        _ => Err(Wrong::new(
            format!("`proxy_protocol` knows no `{text}`"),
            "write `\"v2\"`, `\"v1\"` for an app that reads addresses only, or `\"off\"`",
        )),
    }
}

fn retry(text: &str) -> Result<Retry, Wrong> {
    match text {
        "unsent" => Ok(Retry::Unsent),
        "idempotent" => Ok(Retry::Idempotent),
        _ => Err(Wrong::new(
            format!("`retry` knows no `{text}`"),
            "write `\"unsent\"`, or `\"idempotent\"` to send once more what may be done twice",
        )),
    }
}
