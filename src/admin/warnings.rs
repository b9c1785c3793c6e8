//! What is about to run out, of the configuration and of its clients alike, for whoever asks.

use crate::generation::{Expiring, Generation, Kind};
use crate::observe::metrics::SeenClient;
use crate::policy::{Stage, remark};

/// The word for the certificate of a client, beside those of [`Kind`].
pub(super) const CLIENT: &str = "client";

/// One thing whose end is near, or past.
#[derive(Clone, Debug)]
pub(super) struct Warning {
    /// What it is: a word, and the same for people.
    pub(super) kind: &'static str,
    pub(super) title: &'static str,
    /// The sites that it concerns, by their first names.
    pub(super) sites: Vec<String>,
    /// Its subject, a list's issuer, or a client's name.
    pub(super) name: String,
    pub(super) issuer: String,
    /// The file that holds it.
    pub(super) file: Option<String>,
    /// Its SHA-256, which a list has not.
    pub(super) fingerprint: Option<String>,
    /// When it ends, Unix time.
    pub(super) ends: i64,
    pub(super) stage: Stage,
    /// What there is to say, and what to do.
    pub(super) sentence: String,
    pub(super) advice: &'static str,
}

/// All of them at `now`, Unix time; what ends first, or did, at the front.
pub(super) fn warnings(generation: &Generation, clients: &[SeenClient], now: i64) -> Vec<Warning> {
    let days = &generation.config.warnings.expiry_days;
    let expiring = generation.expiring(now).into_iter().map(|one| of_file(one, now));
    let clients = clients.iter().filter_map(|client| {
        let stage = Stage::of(days, client.not_before, client.not_after, now)?;
        Some(of_client(client, stage, now))
    });
    let mut all: Vec<_> = expiring.chain(clients).collect();
    all.sort_by_key(|one| one.ends);
    all
}

/// Every word of a kind.
pub(super) fn kinds() -> impl Iterator<Item = &'static str> {
    Kind::ALL.map(Kind::as_str).into_iter().chain([CLIENT])
}

fn of_file(one: Expiring, now: i64) -> Warning {
    let (sentence, advice) = (one.sentence(now), one.advice());
    let Expiring { term, sites, ends, stage } = one;
    Warning {
        kind: term.kind.as_str(),
        title: term.kind.title(),
        sites,
        name: term.name,
        issuer: term.issuer,
        file: Some(term.file.display().to_string()),
        fingerprint: term.fingerprint,
        ends,
        stage,
        sentence,
        advice,
    }
}

fn of_client(client: &SeenClient, stage: Stage, now: i64) -> Warning {
    let (name, remark) = (&client.name, remark(client.not_after, now));
    Warning {
        kind: CLIENT,
        title: "Client certificate",
        sites: vec![client.site.to_string()],
        name: name.clone(),
        issuer: client.issuer.clone(),
        file: None,
        fingerprint: Some(client.fingerprint.clone()),
        ends: client.not_after,
        stage,
        sentence: format!("the certificate of the client `{name}` {remark}"),
        advice: "have its owner renew it; once it has run out, the client is refused",
    }
}
