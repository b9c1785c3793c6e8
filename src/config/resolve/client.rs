//! `[site.client]`: how a client's certificate is judged, and who is admitted and who is not, as rules whose
//! patterns are read here once and for all.

use super::{legacy, trust};
use crate::config::model::{
    CaHints, Client, ClientMode, CrlCheck, CrlMissing, ExtendedKeyUsage, OnDoubt, Refused,
};
use crate::config::raw::{Reader, Table, Wrong};
use crate::config::report::Located;
use crate::config::rule::{Condition, Rule};
use crate::identity::{Field, NotAPattern, Pattern};

/// Reads the table and its rules.
pub(super) fn client(mut table: Table<'_>, reader: &Reader<'_>) -> Client {
    let vain = Vain {
        what: "this rule asks for nothing, so that it would admit every client",
        without: "without any rule, every client of `client_ca` is admitted",
    };
    let allow = rules(&table, "allow", &vain, reader);
    let vain = Vain {
        what: "this rule asks for nothing, so that it would refuse every client",
        without: "without any rule, no client is refused here",
    };
    let deny = rules(&table, "deny", &vain, reader);
    let extended_key_usage = table.parsed("extended_key_usage", extended_key_usage);
    let crl_check = table.parsed("crl_check", crl_check);
    let mode = table.parsed("mode", client_mode);
    let refused = table.parsed("refused", refused);
    let client = Client {
        mode: mode.map_or(ClientMode::Require, |mode| mode.value),
        refused: refused.map_or(Refused::Alert, |word| word.value),
        allow,
        deny,
        pinned_spki_sha256: trust::pins(&mut table, reader),
        extended_key_usage: extended_key_usage
            .map_or(ExtendedKeyUsage::IfPresent, |rule| rule.value),
        chain_depth_max: table.integer("chain_depth_max", 0..=6),
        partial_chain: table.bool("partial_chain"),
        accept_legacy: legacy::words(&mut table, reader),
        ca_hints: ca_hints(&mut table),
        crl: table.paths("crl").unwrap_or_default(),
        crl_check: crl_check.map_or(CrlCheck::Leaf, |check| check.value),
        crl_missing: crl_missing(&mut table),
        crl_expired: crl_expired(&mut table),
    };
    trust::nothing_of_paths(&table, &client, reader);
    trust::nothing_of_lists(&table, reader);
    client
}

pub(super) fn client_mode(text: &str) -> Result<ClientMode, Wrong> {
    let fix = match text {
        "require" => return Ok(ClientMode::Require),
        "optional" => return Ok(ClientMode::Optional),
        "request" => return Ok(ClientMode::Request),
        "on" | "required" => "write `\"require\"`, which is what holds when nothing is written",
        "optional_no_ca" | "want" => "write `\"request\"`, which does the same",
        "off" | "none" => {
            "write `\"optional\"` to let clients in that have no certificate; this gateway always \
             asks for one, and a site where none is asked for belongs behind another server"
        }
        _ => "write `\"require\"`, `\"optional\"` or `\"request\"`",
    };
    Err(Wrong::new(format!("`mode` knows no `{text}`"), fix))
}

fn refused(text: &str) -> Result<Refused, Wrong> {
    match text {
        "alert" => Ok(Refused::Alert),
        "drop" => Ok(Refused::Drop),
        "answer" => Ok(Refused::Answer),
        _ => Err(Wrong::new(
            format!("`refused` knows no `{text}`"),
            "write `\"alert\"`, `\"drop\"` to close without a word, or `\"answer\"` for a 403 behind the handshake",
        )),
    }
}

fn crl_check(text: &str) -> Result<CrlCheck, Wrong> {
    match text {
        "leaf" => Ok(CrlCheck::Leaf),
        "chain" => Ok(CrlCheck::Chain),
        _ => Err(Wrong::new(
            format!("`crl_check` knows no `{text}`"),
            "write `\"leaf\"` for the client's own certificate, or `\"chain\"` for the intermediates too",
        )),
    }
}

fn crl_missing(table: &mut Table<'_>) -> CrlMissing {
    if table.is_list("crl_missing") {
        return table.paths("crl_missing").map_or(CrlMissing::Deny, CrlMissing::AllowFor);
    }
    let word = table.parsed("crl_missing", |text| match text {
        "deny" => Ok(CrlMissing::Deny),
        "allow" => Ok(CrlMissing::Allow),
        _ => Err(Wrong::new(
            format!("`crl_missing` knows no `{text}`"),
            "write `\"deny\"`, `\"allow\"`, or a list of files with the CAs to allow it for: \
             `[\"ca/no-list.crt\"]`",
        )),
    });
    word.map_or(CrlMissing::Deny, |word| word.value)
}

fn crl_expired(table: &mut Table<'_>) -> OnDoubt {
    let word = table.parsed("crl_expired", |text| match text {
        "deny" => Ok(OnDoubt::Deny),
        "allow" => Ok(OnDoubt::Allow),
        _ => Err(Wrong::new(
            format!("`crl_expired` knows no `{text}`"),
            "write `\"deny\"` or `\"allow\"`",
        )),
    });
    word.map_or(OnDoubt::Deny, |word| word.value)
}

fn extended_key_usage(text: &str) -> Result<ExtendedKeyUsage, Wrong> {
    match text {
        "if_present" => Ok(ExtendedKeyUsage::IfPresent),
        "require" => Ok(ExtendedKeyUsage::Require),
        "ignore" => Ok(ExtendedKeyUsage::Ignore),
        _ => Err(Wrong::new(
            format!("`extended_key_usage` knows no `{text}`"),
            "write `\"if_present\"`, `\"require\"` or `\"ignore\"`",
        )),
    }
}

fn ca_hints(table: &mut Table<'_>) -> CaHints {
    if table.is_list("ca_hints") {
        return table.paths("ca_hints").map_or(CaHints::All, CaHints::Files);
    }
    let word = table.parsed("ca_hints", |text| match text {
        "all" => Ok(CaHints::All),
        "none" => Ok(CaHints::None),
        _ => Err(Wrong::new(
            format!("`ca_hints` knows no `{text}`"),
            "write `\"all\"`, `\"none\"`, or a list of files: `[\"ca/hints.crt\"]`",
        )),
    });
    word.map_or(CaHints::All, |word| word.value)
}

/// What to say of a rule that asks for nothing.
pub(super) struct Vain {
    pub(super) what: &'static str,
    pub(super) without: &'static str,
}

/// The rules of a list.
pub(super) fn rules(
    table: &Table<'_>,
    list: &'static str,
    vain: &Vain,
    reader: &Reader<'_>,
) -> Vec<Located<Rule>> {
    let tables = table.tables(list).into_iter();
    tables.map(|table| rule(table, vain, reader)).collect()
}

fn rule(mut table: Table<'_>, vain: &Vain, reader: &Reader<'_>) -> Located<Rule> {
    let span = table.header.clone();
    if table.is_empty() {
        let fix = format!(
            "write what it asks for, such as `{{ san_dns = \"client.example.com\" }}`; {}",
            vain.without
        );
        reader.wrong(&span, Wrong::new(vain.what, fix));
    }
    let mut conditions = Vec::new();
    for field in Field::ALL {
        let parse = |text: &str| Pattern::parse(field, text).map_err(wrong);
        let Some(patterns) = table.one_or_list(field.key(), parse) else {
            continue;
        };
        for pattern in &patterns {
            literal_asterisk(pattern, reader);
        }
        let any_of = patterns.into_iter().map(|pattern| pattern.value).collect();
        conditions.push(Condition { field, any_of });
    }
    Located::new(Rule { conditions }, span)
}

pub(super) fn wrong(pattern: NotAPattern) -> Wrong {
    let wrong = Wrong::new(pattern.what, pattern.fix);
    match pattern.why {
        Some(why) => wrong.why(why),
        None => wrong,
    }
}

fn literal_asterisk(pattern: &Located<Pattern>, reader: &Reader<'_>) {
    if !pattern.value.has_literal_asterisk() {
        return;
    }
    let mut report = reader.report.borrow_mut();
    let what = format!("`{}` is compared letter by letter, not as a pattern", pattern.value);
    report
        .warning(&pattern.span, what)
        .why("it fits only a certificate that holds this very name, asterisk included")
        .fix("if that is not meant, list the names: `[\"one\", \"other\"]`");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;

    #[test]
    fn every_field_is_a_key_of_both_lists() {
        let fields = Field::ALL.map(Field::key);
        for list in ["site.client.allow", "site.client.deny", "site.route.allow"] {
            let keys: Vec<_> = keys::keys_in(list).map(|key| key.name).collect();
            assert_eq!(keys, fields);
        }
    }

    #[test]
    fn every_example_of_a_field_is_a_pattern() {
        for field in Field::ALL {
            for key in keys::KEYS.iter().filter(|key| key.name == field.key()) {
                let example = key.unset.text().trim_matches('"');
                assert!(Pattern::parse(field, example).is_ok(), "{example}");
            }
        }
    }
}
