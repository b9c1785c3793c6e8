//! By what a site believes clients: the CAs of `client_ca` or the keys of `pinned_spki_sha256`, one of the two,
//! and nothing beside it that would have no effect.

use std::path::PathBuf;

use super::client::wrong;
use crate::config::model::{CaHints, Client};
use crate::config::raw::{Reader, Table, Wrong};
use crate::config::report::Located;
use crate::identity;

/// What only a path to a CA is judged by.
const OF_PATHS: [&str; 6] =
    ["chain_depth_max", "partial_chain", "crl", "crl_check", "crl_missing", "crl_expired"];

/// The keys that are trusted without a CA; none twice.
pub(super) fn pins(table: &mut Table<'_>, reader: &Reader<'_>) -> Vec<Located<[u8; 32]>> {
    if !table.has("pinned_spki_sha256") {
        return Vec::new();
    }
    let read = table.list("pinned_spki_sha256", |text| identity::sha256(text).map_err(wrong));
    let mut pins: Vec<Located<[u8; 32]>> = Vec::new();
    for pin in read.unwrap_or_default() {
        match pins.iter().find(|other| other.value == pin.value) {
            Some(first) => {
                let position = reader.report.borrow().position(&first.span);
                let twice = Wrong::new("this key is pinned twice", "remove one of the two");
                reader.wrong(&pin.span, twice.seen(format!("the first stands at {position}")));
            }
            None => pins.push(pin),
        }
    }
    pins
}

/// Complains of what has no effect where keys are pinned.
pub(super) fn nothing_of_paths(table: &Table<'_>, client: &Client, reader: &Reader<'_>) {
    if !table.has("pinned_spki_sha256") {
        return;
    }
    let hints = matches!(client.ca_hints, CaHints::Files(_)).then_some("ca_hints");
    for name in OF_PATHS.into_iter().chain(hints) {
        let Some(span) = table.span(name) else { continue };
        let wrong = Wrong::new(
            format!("`{name}` has no effect beside `pinned_spki_sha256`"),
            "remove it, or trust a CA: `client_ca` in `[[site]]` instead of the pins",
        );
        let why = "a pinned key is trusted by itself: no path leads to a CA, and no CA is asked";
        reader.wrong(&span, wrong.seen("both are set").why(why));
    }
}

/// Warns of what only says how lists are used, where there is none: it looks as if revocation were on.
pub(super) fn nothing_of_lists(table: &Table<'_>, reader: &Reader<'_>) {
    if table.has("crl") || table.has("pinned_spki_sha256") {
        return;
    }
    for name in ["crl_check", "crl_missing", "crl_expired"] {
        let Some(span) = table.span(name) else { continue };
        let mut report = reader.report.borrow_mut();
        report
            .warning(&span, format!("`{name}` has no effect without `crl`"))
            .why("nobody asks whether a certificate was revoked")
            .fix("name the revocation lists of your CAs: `crl = \"ca/clients.crl\"`, or remove it");
    }
}

/// `client_ca`, which has to be there unless keys are pinned, and then must not.
pub(super) fn client_ca(
    site: &mut Table<'_>,
    pins: Option<&std::ops::Range<usize>>,
    reader: &Reader<'_>,
) -> Option<Vec<Located<PathBuf>>> {
    let Some(pins) = pins else {
        site.or_else(
            "client_ca",
            "clients prove themselves by a CA, or without one by their keys: `pinned_spki_sha256` in \
             `[site.client]`",
        );
        return site.paths("client_ca");
    };
    let Some(span) = site.span("client_ca") else {
        return Some(Vec::new());
    };
    let position = reader.report.borrow().position(pins);
    let both = Wrong::new(
        "`client_ca` and `pinned_spki_sha256` cannot both say whom to trust",
        "keep `client_ca` and narrow it by rules (`allow = [{ spki_sha256 = \"...\" }]`), or keep the pins",
    );
    let both = both.seen(format!("the pins stand at {position}"));
    reader.wrong(
        &span,
        both.why("a client would have to be in both, or it would do to be in one: say which"),
    );
    site.paths("client_ca")
}
