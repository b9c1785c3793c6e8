//! What is different between two generations, for the people who changed it.

use std::collections::BTreeSet;
use std::fmt;

use crate::config::{Client, Located, Route, Rule};
use crate::identity::{Claims, timestamp_text};
use crate::tls::revocation::ListFacts;

use super::{Generation, Site};

impl Generation {
    /// What this generation has that `before` had not, and the other way round: one sentence each, by name, date
    /// and fingerprint. Nothing if both say the same.
    pub fn changes_since(&self, before: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        let addresses = |generation: &Self| {
            let listeners = generation.config.listeners.iter();
            listeners.map(|listener| listener.address.value).collect::<BTreeSet<_>>()
        };
        sets("listener", &addresses(before), &addresses(self), &mut changes);
        for listener in &self.config.listeners {
            let address = listener.address.value;
            if before.listener(address).is_some_and(|old| old != listener) {
                changes.push(format!("listener {address}: changed"));
            }
        }
        for site in &self.sites {
            // A site is the same as another if its first name is.
            match before.sites.iter().find(|old| old.name() == site.name()) {
                Some(old) => of_site(old, site, &mut changes),
                None => changes.push(format!("site {}: new", site.name())),
            }
        }
        for old in &before.sites {
            if !self.sites.iter().any(|site| site.name() == old.name()) {
                changes.push(format!("site {}: gone", old.name()));
            }
        }
        for (what, is_other) in [
            ("[access_log]", before.config.access_log != self.config.access_log),
            ("[admin]", before.config.admin != self.config.admin),
            ("[limits]", before.config.limits != self.config.limits),
            ("[log]", before.config.log != self.config.log),
            ("[runtime]", before.config.runtime != self.config.runtime),
            ("[warnings]", before.config.warnings != self.config.warnings),
        ] {
            if is_other {
                changes.push(format!("{what}: changed"));
            }
        }
        changes
    }
}

fn of_site(old: &Site, new: &Site, changes: &mut Vec<String>) {
    let mut found = Vec::new();
    if let (Some(old), Some(new)) = (old.facts.server.first(), new.facts.server.first())
        && old.sha256 != new.sha256
    {
        found.push(format!("certificate {} in place of {}", shown(new), shown(old)));
    }
    let names = |site: &Site| {
        site.config.server_names.iter().map(|name| name.value.to_string()).collect::<BTreeSet<_>>()
    };
    sets("server name", &names(old), &names(new), &mut found);
    let anchors = |site: &Site| site.facts.anchors.iter().map(shown).collect::<BTreeSet<_>>();
    sets("client CA", &anchors(old), &anchors(new), &mut found);
    let lists = |site: &Site| site.facts.lists.iter().map(list).collect::<BTreeSet<_>>();
    sets("revocation list", &lists(old), &lists(new), &mut found);
    let rules = |rules: &[Located<Rule>]| {
        rules.iter().map(|rule| rule.value.to_string()).collect::<BTreeSet<_>>()
    };
    let (a, b) = (&old.config, &new.config);
    sets("allow", &rules(&a.client.allow), &rules(&b.client.allow), &mut found);
    sets("deny", &rules(&a.client.deny), &rules(&b.client.deny), &mut found);
    if a.upstream.value != b.upstream.value {
        let (old, new) = (a.upstream.value.shown(), b.upstream.value.shown());
        found.push(match old == new {
            true => format!("upstream {new} changed"),
            false => format!("upstream {new} in place of {old}"),
        });
    }
    let (old_routes, new_routes) = (a.written_routes(), b.written_routes());
    let routes = |routes: &[Located<Route>]| {
        routes.iter().map(|route| route.value.to_string()).collect::<BTreeSet<_>>()
    };
    let told = found.len();
    sets("route", &routes(old_routes), &routes(new_routes), &mut found);
    // Their order, or what their lines do not show.
    let is_told = found.len() > told;
    for (what, is_other) in [
        ("[[site.route]]", !is_told && old_routes != new_routes),
        ("[site.answers]", a.answers != b.answers),
        ("encoded_slashes", a.encoded_slashes != b.encoded_slashes),
        ("[site.client]", without_rules(&a.client) != without_rules(&b.client)),
        ("[site.identity_headers]", a.identity_headers != b.identity_headers),
        ("[site.tls]", a.tls != b.tls),
        ("[site.timeouts]", a.timeouts != b.timeouts),
        ("[site.limits]", a.limits != b.limits),
    ] {
        if is_other {
            found.push(format!("{what} changed"));
        }
    }
    let name = new.name();
    changes.extend(found.into_iter().map(|change| format!("site {name}: {change}")));
}

/// The rules are told one by one.
fn without_rules(client: &Client) -> Client {
    Client { allow: Vec::new(), deny: Vec::new(), ..client.clone() }
}

fn sets<T: fmt::Display + Ord>(
    what: &str,
    old: &BTreeSet<T>,
    new: &BTreeSet<T>,
    changes: &mut Vec<String>,
) {
    changes.extend(new.difference(old).map(|one| format!("{what} {one} added")));
    changes.extend(old.difference(new).map(|one| format!("{what} {one} removed")));
}

fn shown(claims: &Claims) -> String {
    let (until, sha256) = (claims.not_after_text(), claims.fingerprint());
    format!("`{}` (until {until}, sha256 {sha256})", claims.subject)
}

fn list(list: &ListFacts) -> String {
    let next = list.next_update.map_or_else(|| "never".to_owned(), timestamp_text);
    format!("of `{}` ({} entries, next update {next})", list.issuer, list.entries)
}
