//! Continuous verification, exhaustively: for every two sites A and B and every change of trust at one of them,
//! whatever a caller has from before or from A (an open connection over HTTP/1.1 or HTTP/2, a session of
//! TLS 1.2, a ticket of TLS 1.3) gives it exactly what a fresh connection to that site gives it now.
//!
//! The fresh connection is the oracle, and what it must say is in the table of changes. The callers offer every
//! session everywhere.

mod changes;
mod sessions;
mod stage;

use std::collections::BTreeMap;
use std::sync::Arc;

use mtls_gateway::pki::Authority;
use mtls_gateway::process::unix_now;
use rustls::HandshakeKind;

use crate::support::client::{Client, Connector, VERSIONS, reason, reason_in};
use crate::support::h2::{H2, empty};
use crate::support::pki::Credentials;
use crate::support::upstream::{OK, Upstream};

use changes::{CHANGES, Change, SERVED};
use sessions::Hoard;
use stage::{NARROW, OTHER, SITES, Stage};

/// The places of all sites.
const ALL: [usize; SITES.len()] = [0, 1, 2, 3, 4, 5];

/// What a caller has of one site, from before the change.
struct Possessions {
    /// The site.
    at: usize,
    http1: Client,
    http2: H2,
    /// One of each version of TLS.
    hoards: [(Arc<Hoard>, Connector); 2],
}

impl Possessions {
    /// Calls at a site, which must work, and keeps what comes of it: enough to offer it so many times.
    fn of(stage: &Stage, credentials: &Credentials, at: usize, times: usize) -> Self {
        let caller = stage.client(credentials, at);
        let hoards = VERSIONS.map(|version| {
            let hoard = Hoard::new();
            let caller = hoard.offered_by(caller.clone().speaking(version));
            // A ticket can be offered once, a session of TLS 1.2 again and again.
            let count = if version == VERSIONS[0] { 1 } else { times };
            while hoard.count() < count {
                assert_eq!(over_http1(&mut caller.connect(), SITES[at]), SERVED);
            }
            hoard.fill();
            (hoard, caller)
        });
        let mut http1 = caller.connect();
        assert_eq!(over_http1(&mut http1, SITES[at]), SERVED);
        let mut http2 = H2::connect(&caller);
        assert_eq!(over_http2(&mut http2, SITES[at]), SERVED);
        Self { at, http1, http2, hoards }
    }
}

/// What becomes of a request for a site over a connection.
fn over_http1(client: &mut Client, site: &str) -> String {
    client.try_site(site).err().unwrap_or_else(|| SERVED.to_owned())
}

fn over_http2(client: &mut H2, site: &str) -> String {
    let request = http::Request::get(format!("https://{site}/")).body(empty()).unwrap();
    let answer = client.begin(request).and_then(|response| client.finish(response));
    match answer {
        Ok(answer) if answer.status == 200 => SERVED.to_owned(),
        Ok(answer) => reason_in(&answer.body),
        Err(_) => reason(&client.event("refusal")),
    }
}

/// What becomes of one caller at each site over a fresh connection, found when it is asked for.
struct Oracle<'a> {
    stage: &'a Stage,
    credentials: &'a Credentials,
    /// By the site of the connection and the site that is asked for over it.
    known: BTreeMap<(usize, usize), String>,
}

impl<'a> Oracle<'a> {
    fn new(stage: &'a Stage, credentials: &'a Credentials) -> Self {
        Self { stage, credentials, known: BTreeMap::new() }
    }

    fn says(&mut self, at: usize, asked_for: usize) -> String {
        let fresh =
            || over_http1(&mut self.stage.client(self.credentials, at).open(), SITES[asked_for]);
        self.known.entry((at, asked_for)).or_insert_with(fresh).clone()
    }
}

/// Plays a change at one site through: all that callers have of every site is offered at the same site and, to and
/// from the site that changes, elsewhere.
fn play(stage: &Stage, change: &Change, changed: usize) {
    let mut sites = stage.sites();
    stage.put_in_force(&sites);
    let mut possessions: Vec<_> = (0..SITES.len())
        .map(|at| {
            let times = if at == changed { SITES.len() } else { 2 };
            Possessions::of(stage, &stage.ca_of(at).caller, at, times)
        })
        .collect();

    (change.make)(&mut sites[changed], stage.ca_not_of(changed));
    stage.put_in_force(&sites);

    let mut first = Oracle::new(stage, &stage.first.caller);
    let mut second = Oracle::new(stage, &stage.second.caller);
    for own in &mut possessions {
        let oracle = if own.at == OTHER { &mut second } else { &mut first };
        let what = format!("{} at {}, what is of {}", change.name, SITES[changed], SITES[own.at]);
        if own.at == changed {
            check(own, oracle, &what, &ALL);
        } else {
            assert_eq!(oracle.says(own.at, own.at), SERVED, "{what}");
            check(own, oracle, &what, &[own.at, changed]);
        }
    }
    let (own, other) =
        if changed == OTHER { (&mut second, &mut first) } else { (&mut first, &mut second) };
    let what = format!("{}, at {}", change.name, SITES[changed]);
    assert_eq!(own.says(changed, changed), change.own, "{what}");
    assert_eq!(other.says(changed, changed), change.other, "{what}");
}

/// Offers all that a caller has of a site at some sites. It gives what a fresh connection there gives.
fn check(own: &mut Possessions, oracle: &mut Oracle<'_>, what: &str, targets: &[usize]) {
    let at = own.at;
    let expected = oracle.says(at, at);
    // To other sites first: whoever is still trusted keeps the connection in spite of it.
    for asked_for in targets.iter().copied().filter(|asked_for| *asked_for != at) {
        if expected != SERVED {
            break;
        }
        let host = SITES[asked_for];
        let expected = oracle.says(at, asked_for);
        assert_ne!(expected, SERVED, "{what}");
        assert_eq!(over_http1(&mut own.http1, host), expected, "{what}, asking for {host}");
        assert_eq!(over_http2(&mut own.http2, host), expected, "{what}, asking for {host}");
    }
    // One that is not served is closed after the first answer, or before.
    for _ in 0..if expected == SERVED { 2 } else { 1 } {
        assert_eq!(over_http2(&mut own.http2, SITES[at]), expected, "{what}, HTTP/2");
        assert_eq!(over_http1(&mut own.http1, SITES[at]), expected, "{what}, HTTP/1.1");
    }
    for target in targets.iter().copied() {
        let expected = oracle.says(target, target);
        for (hoard, caller) in &own.hoards {
            assert!(hoard.count() > 0, "{what}: nothing is left to offer");
            let mut client = caller.clone().asking_for(SITES[target]).open();
            let became = over_http1(&mut client, SITES[target]);
            assert_eq!(became, expected, "{what}, a session at {}", SITES[target]);
            if became == SERVED {
                let kind = client.tls().handshake_kind();
                assert_eq!(kind, Some(HandshakeKind::Full), "{what}, at {}", SITES[target]);
            }
        }
    }
}

/// Every change at one site.
fn every_change_at(changed: usize) {
    let app = Upstream::answering(OK);
    let stage = Stage::new(&app);
    for change in &CHANGES {
        play(&stage, change, changed);
    }
}

#[test]
fn nothing_survives_a_change_at_a_site_with_defaults() {
    every_change_at(0);
}

#[test]
fn nothing_survives_a_change_at_a_site_with_a_ca_of_its_own() {
    every_change_at(OTHER);
}

#[test]
fn nothing_survives_a_change_at_a_site_with_rules() {
    every_change_at(3);
}

#[test]
fn nothing_survives_a_change_at_a_site_with_a_narrow_usage() {
    every_change_at(NARROW);
}

#[test]
fn nothing_survives_a_change_at_a_site_with_a_revocation_list() {
    every_change_at(5);
}

#[test]
fn sessions_are_there_to_be_offered() {
    let app = Upstream::answering(OK);
    let stage = Stage::new(&app);
    stage.put_in_force(&stage.sites());
    let own = Possessions::of(&stage, &stage.first.caller, 0, 2);
    for (_, caller) in &own.hoards {
        let mut client = caller.connect();
        assert_eq!(over_http1(&mut client, SITES[0]), SERVED);
        assert_eq!(client.tls().handshake_kind(), Some(HandshakeKind::Resumed));
    }
}

#[test]
fn whom_a_required_usage_shuts_out_keeps_nothing() {
    let app = Upstream::answering(OK);
    let stage = Stage::new(&app);
    let mut sites = stage.sites();
    stage.put_in_force(&sites);
    let plain = &stage.first.plain;
    let mut own = Possessions::of(&stage, plain, 0, ALL.len());
    // A session of the site that does not ask is nothing to the one that does, before any change.
    let (_, caller) = &own.hoards[1];
    let at_narrow = caller.clone().asking_for(SITES[NARROW]);
    assert_eq!(over_http1(&mut at_narrow.open(), SITES[NARROW]), "wrong-usage");

    sites[0].extended = "require";
    stage.put_in_force(&sites);
    let mut oracle = Oracle::new(&stage, plain);
    assert_eq!(oracle.says(0, 0), "wrong-usage");
    check(&mut own, &mut oracle, "a required usage", &ALL[..5]);
}

#[test]
fn nothing_survives_the_last_second_of_a_ca() {
    let app = Upstream::answering(OK);
    // Long enough for all that comes before; on a machine that is very busy, the next try is.
    let (stage, mut possessions) = [4, 12, 36]
        .into_iter()
        .find_map(|seconds| {
            let ends = unix_now() + seconds;
            let root = Authority::draft("First CA").valid(ends - 3600..ends).authority().unwrap();
            let stage = Stage::with_root(&app, root);
            stage.put_in_force(&stage.sites());
            let is_in_time = || unix_now() < ends;
            let possess = |at| {
                let caller = &stage.ca_of(at).caller;
                is_in_time().then(|| Possessions::of(&stage, caller, at, ALL.len()))
            };
            let possessions: Option<Vec<_>> = ALL.into_iter().map(possess).collect();
            possessions.filter(|_| is_in_time()).map(|possessions| (stage, possessions))
        })
        .unwrap();
    let mut waiting = stage.client(&stage.first.caller, 0).connect();
    waiting.end();

    let mut first = Oracle::new(&stage, &stage.first.caller);
    let mut second = Oracle::new(&stage, &stage.second.caller);
    for own in &mut possessions {
        let oracle = if own.at == OTHER { &mut second } else { &mut first };
        check_after_end(own, oracle);
    }
}

/// The callers of the CA that ended are shut out, and those of the other notice nothing.
fn check_after_end(own: &mut Possessions, oracle: &mut Oracle<'_>) {
    if own.at == OTHER {
        assert_eq!(oracle.says(OTHER, OTHER), SERVED);
        assert_eq!(over_http1(&mut own.http1, SITES[OTHER]), SERVED);
        assert_eq!(over_http2(&mut own.http2, SITES[OTHER]), SERVED);
    } else {
        assert_eq!(oracle.says(own.at, own.at), "expired");
        check(own, oracle, &format!("the end of a CA at {}", SITES[own.at]), &ALL);
    }
}
