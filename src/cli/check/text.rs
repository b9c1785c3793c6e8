//! The summary that people read.

use std::collections::HashMap;

use crate::config::{
    AccessTarget, Endpoint, ListenerKind, Located, Palette, Refused, Report, Rule, TlsVersion,
};
use crate::generation::Site;
use crate::identity::{Claims, timestamp_text};
use crate::observe::days_left;

use super::super::print::Page;
use super::{Findings, hex};

/// The column of labels.
const LABEL_WIDTH: usize = 19;

/// All that a start would serve, aligned.
pub(super) fn summary(report: &Report, findings: &Findings, palette: Palette) -> String {
    let generation = &findings.generation;
    let mut page = Page::new(palette, LABEL_WIDTH);
    let verdict = if report.problems().is_empty() {
        "is ready to serve"
    } else {
        "is ready to serve, with warnings"
    };
    let (good, reset) = (palette.good, palette.reset);
    page.line(&format!("{good}✓ {} {verdict}{reset}", report.path().display()));
    page.line("");
    for listener in &generation.config.listeners {
        let address = listener.address.value;
        match &listener.kind {
            ListenerKind::Https => page.fact("listener", &address.to_string()),
            ListenerKind::Http(http) => {
                page.fact("listener", &format!("{address}, plain HTTP: sends on to HTTPS"));
                if let Some(folder) = &http.acme_challenges {
                    page.fact("", &format!("ACME challenges from {}", folder.value.display()));
                }
            }
        }
        if !listener.proxy_protocol_from.is_empty() {
            let networks = listener.proxy_protocol_from.iter().map(ToString::to_string);
            let networks = networks.collect::<Vec<_>>().join(", ");
            page.fact("", &format!("PROXY protocol from {networks}, and nobody else"));
        }
    }
    let admin = &generation.config.admin;
    let address = admin.address.iter().map(|address| format!("http://{}/status", address.value));
    let socket = admin.socket.iter().map(|socket| format!("unix:{}", socket.value.display()));
    for (number, place) in address.chain(socket).enumerate() {
        page.fact(if number == 0 { "operators look at" } else { "and" }, &place);
    }
    let by_whom = match generation.config.runtime.workers {
        Some(_) => "as configured",
        None => "one for each CPU",
    };
    page.fact("workers", &format!("{}, {by_whom}", generation.workers()));
    let access_log = &generation.config.access_log;
    let lines = match &access_log.target.value {
        AccessTarget::Off => "off".to_owned(),
        target => format!("{target}, {}", access_log.format.as_str()),
    };
    page.fact("access log", &lines);
    for site in &generation.sites {
        page.site(site, &findings.reached, findings.now);
    }
    page.text
}

impl Page {
    fn site(&mut self, site: &Site, reached: &HashMap<Endpoint, Result<(), String>>, now: i64) {
        let (strong, reset) = (self.palette.strong, self.palette.reset);
        let names: Vec<_> =
            site.config.server_names.iter().map(|name| name.value.to_string()).collect();
        self.line("");
        self.line(&format!("{strong}site {}{reset}", names.join(", ")));
        if site.number == 0 {
            self.fact("also answers", "clients that name no server (no SNI)");
        }
        self.server(site, now);
        for (number, ca) in site.facts.anchors.iter().enumerate() {
            let label = if number == 0 { "client CA" } else { "or" };
            self.fact(label, &ca.subject);
            self.fact("", &format!("sha256 {}", ca.fingerprint()));
            self.fact("", &expiry(ca, now));
        }
        for (number, list) in site.facts.lists.iter().enumerate() {
            let label = if number == 0 { "revocation list" } else { "and" };
            self.fact(label, &format!("of {}", list.issuer));
            let next = list.next_update.map(timestamp_text);
            let next = next.map_or("no next update".to_owned(), |at| format!("next update {at}"));
            let kib = list.memory.div_ceil(1024);
            self.fact("", &format!("{} entries, {next}, {kib} KiB of memory", list.entries));
        }
        let client = &site.config.client;
        if let Some(who) = client.mode.unverified() {
            let (warning, reset) = (self.palette.warning, self.palette.reset);
            self.fact("mode", client.mode.as_str());
            self.fact("", &format!("{warning}reach the app unverified{reset}: {who}"));
        }
        for (number, pin) in client.pinned_spki_sha256.iter().enumerate() {
            let label = if number == 0 { "client key" } else { "or" };
            self.fact(label, &format!("sha256 {}", hex(&pin.value)));
        }
        match client.refused {
            Refused::Alert => {}
            Refused::Drop => self.fact("refused clients", "are dropped without an alert"),
            Refused::Answer => self.fact("refused clients", "get 403 with the reason"),
        }
        if client.allow.is_empty() {
            let of_whom = if client.pinned_spki_sha256.is_empty() {
                "every certificate of these CAs"
            } else {
                "every certificate with one of these keys"
            };
            self.fact("admits", of_whom);
        }
        self.rules("admits only", &client.allow);
        self.rules("but never", &client.deny);
        let words: Vec<_> = client.accept_legacy.iter().map(|word| word.as_str()).collect();
        if !words.is_empty() {
            self.fact("although it is old", &words.join(", "));
        }
        let versions = match (site.config.tls.version_min, site.config.tls_version_max()) {
            (TlsVersion::V1_2, TlsVersion::V1_3) => "1.2 and 1.3",
            (TlsVersion::V1_3, _) => "1.3",
            (_, TlsVersion::V1_2) => "1.2",
        };
        self.fact("TLS", versions);
        let formats = site.config.identity_headers.formats.iter();
        let formats: Vec<_> = formats.map(|format| format.as_str()).collect();
        self.fact("identity headers", &formats.join(", "));
        for (number, route) in site.config.written_routes().iter().enumerate() {
            self.fact(if number == 0 { "routes" } else { "" }, &route.value.to_string());
        }
        self.upstream(site, reached);
    }

    fn rules(&mut self, label: &str, rules: &[Located<Rule>]) {
        for (number, rule) in rules.iter().enumerate() {
            let label = if number == 0 { label } else { "or" };
            self.fact(label, &rule.value.to_string());
        }
    }

    fn server(&mut self, site: &Site, now: i64) {
        let Some(own) = site.facts.server.first() else {
            return;
        };
        self.fact("server certificate", &own.subject);
        self.fact("", &format!("issued by {}", own.issuer));
        self.fact("", &expiry(own, now));
        let trust = if site.facts.publicly_trusted {
            "publicly trusted"
        } else {
            "not publicly trusted: only clients that know its CA accept it"
        };
        self.fact("", trust);
        for file in site.config.credentials() {
            let name = file.value.file_name().unwrap_or_default().display();
            self.fact(
                "",
                &format!("`{name}` is a credential: a new one takes a restart, not a reload"),
            );
        }
    }

    fn upstream(&mut self, site: &Site, reached: &HashMap<Endpoint, Result<(), String>>) {
        let upstream = &site.config.upstream.value;
        let (good, warning, reset) = (self.palette.good, self.palette.warning, self.palette.reset);
        self.fact("upstream", &upstream.shown());
        for endpoint in site.config.endpoints() {
            // The only one is named already.
            let name = match endpoint.to_string() {
                only if only == upstream.name => String::new(),
                name => format!("{name}: "),
            };
            match reached.get(endpoint) {
                Some(Err(why)) => self.fact(
                    "",
                    &format!(
                        "{name}{warning}not reachable now{reset}: {why}; clients get 502 until it is"
                    ),
                ),
                _ => self.fact("", &format!("{name}{good}reachable{reset}")),
            }
        }
    }
}

/// When a certificate ends, by the calendar and in days.
fn expiry(claims: &Claims, now: i64) -> String {
    let end = claims.not_after_text();
    match days_left(claims.not_after, now) {
        ..0 => format!("expired {end}"),
        0 => format!("expires {end}, within a day"),
        1 => format!("expires {end}, 1 day left"),
        days => format!("expires {end}, {days} days left"),
    }
}
