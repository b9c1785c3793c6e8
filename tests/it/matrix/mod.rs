//! What becomes of each kind of certificate, right, wrong and odd, over a real handshake; beside it what
//! RFC 5280 says and what servers built on OpenSSL do.
//!
//! The tables in `cases` are the one place of what is expected. `docs/reference/certificate-matrix.md` is
//! written from them: with `UPDATE_MATRIX` in the environment by the test that else compares the two. What
//! OpenSSL says is asked anew in every run, and what nginx and Apache do by a test that is run by hand
//! (`servers`), because few have both installed.

mod cases;
mod der;
mod extension;
pub(crate) mod forge;
pub(crate) mod key;
mod openssl;
mod page;
mod servers;

use std::time::{Duration, Instant};

use crate::support::client::VERSIONS;
use crate::support::gateway::Setup;
use crate::support::message::SITE;
use crate::support::openssl::is_installed;
use crate::support::upstream::{OK, Upstream};

use cases::TOPICS;
use forge::Made;

/// What becomes of a client that is let in, and of a gateway that does not start with such roots.
const LET_IN: &str = "let in";
const NO_START: &str = "no start";

/// No case may take longer than this, handshake and all: no certificate may keep a gateway busy.
const LONGEST: Duration = Duration::from_secs(10);

/// What RFC 5280 says of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rfc {
    /// It is valid.
    Valid,
    /// It is not, or what it is made of is no such certificate.
    Invalid,
    /// That is left to others: algorithms, sizes, what a client's key is for.
    Silent,
}
use Rfc::{Invalid, Silent, Valid};

/// One line of the table.
struct Case {
    name: &'static str,
    make: fn() -> Made,
    /// [`LET_IN`], [`NO_START`] or the reason of the refusal.
    gateway: &'static str,
    rfc: Rfc,
    /// `ok` or the words of `openssl verify -purpose sslclient`.
    openssl: &'static str,
    /// Whether nginx and Apache let the client in.
    servers: (bool, bool),
    note: &'static str,
}

/// A case in which nginx and Apache do as `openssl verify` does.
fn case(
    name: &'static str,
    make: fn() -> Made,
    gateway: &'static str,
    rfc: Rfc,
    openssl: &'static str,
) -> Case {
    let servers = (openssl == "ok", openssl == "ok");
    Case { name, make, gateway, rfc, openssl, servers, note: "" }
}

impl Case {
    /// Why the columns differ, or what is odd about it.
    fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }

    /// Where nginx and Apache do not do as `openssl verify` does.
    fn servers(mut self, nginx: bool, apache: bool) -> Self {
        self.servers = (nginx, apache);
        self
    }
}

/// What becomes of a client at a gateway, over each version of TLS.
fn outcomes(app: &Upstream, made: &Made) -> Vec<String> {
    let setup = Setup::new(app).site_tables(&format!("[site.client]\n{}", made.rules));
    let folder = setup.pki.folder();
    let trusted = made.anchors.iter().chain(&made.helpers);
    let trusted: String = trusted.map(|der| key::pem("CERTIFICATE", der)).collect();
    std::fs::write(folder.join(format!("{SITE}.ca.crt")), trusted).unwrap();
    if let Some(list) = &made.list {
        std::fs::write(folder.join("list.crl"), key::pem("X509 CRL", list)).unwrap();
    }
    let Ok(gateway) = setup.try_start() else {
        return vec![NO_START.to_owned()];
    };
    let caller = gateway.caller().presenting(made.credentials());
    let versions = VERSIONS.iter().map(|version| {
        let outcome = caller.clone().speaking(version).try_site(SITE);
        outcome.err().unwrap_or_else(|| LET_IN.to_owned())
    });
    versions.collect()
}

/// Makes the cases of a topic and has gateways judge them.
fn judge(topic: &str) {
    if !is_installed() {
        return;
    }
    let (_, cases) = TOPICS.iter().find(|(name, _)| *name == topic).unwrap();
    let app = Upstream::answering(OK);
    let mut wrong = Vec::new();
    for case in cases() {
        let made = (case.make)();
        let start = Instant::now();
        let outcomes = outcomes(&app, &made);
        let took = start.elapsed();
        if outcomes.iter().any(|outcome| outcome != case.gateway) || took > LONGEST {
            wrong.push(format!(
                "{}: expected {:?}, became {outcomes:?} in {took:?}",
                case.name, case.gateway
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn what_openssl_says_of_each_case_is_in_the_table() {
    if !is_installed() || !openssl::is_of_the_table() {
        return;
    }
    let cases = TOPICS.iter().flat_map(|(_, cases)| cases());
    let wrong: Vec<_> = cases
        .filter_map(|case| {
            let says = openssl::verify(&(case.make)());
            let is_right = says == case.openssl;
            (!is_right).then(|| format!("{}: {:?}, but {says:?}", case.name, case.openssl))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_key_and_signature_becomes_what_the_table_says() {
    judge("Keys and signatures");
}

#[test]
fn every_chain_becomes_what_the_table_says() {
    judge("Chains");
}

#[test]
fn every_usage_becomes_what_the_table_says() {
    judge("Usages");
}

#[test]
fn every_date_and_list_becomes_what_the_table_says() {
    judge("Dates and revocation");
}

#[test]
fn every_name_constraint_becomes_what_the_table_says() {
    judge("Name constraints");
}

#[test]
fn every_encoding_and_name_becomes_what_the_table_says() {
    judge("Encoding and names");
}
