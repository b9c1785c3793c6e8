//! NIST's path validation test suite (PKITS), presented to a gateway as clients' certificates.
//!
//! Its name tells what must become of each certificate. What differs here is in the table of
//! `docs/reference/path-validation.md`, case by case with its reason, and that page is the list that is
//! compared: a case that begins to differ fails, and so does one that no longer does.
//!
//! The certificates come from the Python package `cryptography-vectors`, which `.ci/run` unpacks; `PKITS`
//! names the folder, or it is `target/pkits`.

mod suite;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::support::gateway::Setup;
use crate::support::message::SITE;
use crate::support::upstream::{OK, Upstream};

use suite::{Case, Suite};

/// What would stand in the page for a wrong acceptance, and what stands there for lists that cannot be used.
const LET_IN: &str = "let in";
const NO_START: &str = "no start";

#[test]
fn every_case_is_judged_as_nist_says_or_as_documented() {
    let Some(suite) = suite() else { return };
    let app = Upstream::answering(OK);
    let mut differing = BTreeMap::new();
    let mut count = 0;
    for case in suite.cases() {
        count += 1;
        match (case.must_hold, outcome(&suite, &app, &case)) {
            (true, Ok(())) | (false, Err(_)) => {}
            (true, Err(reason)) => _ = differing.insert(case.name.clone(), reason),
            (false, Ok(())) => _ = differing.insert(case.name.clone(), LET_IN.to_owned()),
        }
    }
    assert!(count > 200, "only {count} cases");
    let let_in: Vec<_> = differing.iter().filter(|(_, becomes)| *becomes == LET_IN).collect();
    assert!(let_in.is_empty(), "{let_in:?}");
    assert_eq!(differing, documented());
}

/// Whether a client with this certificate is served by a gateway with the lists of its CAs, or the reason why
/// not. Lists that cannot be used stop the start.
fn outcome(suite: &Suite, app: &Upstream, case: &Case) -> Result<(), String> {
    let tables = "[site.client]\nchain_depth_max = 6\ncrl = \"lists\"\ncrl_check = \"chain\"";
    let setup = Setup::new(app).site_tables(tables);
    let folder = setup.pki.folder();
    std::fs::write(folder.join(format!("{SITE}.ca.crt")), suite.anchor()).unwrap();
    std::fs::create_dir(folder.join("lists")).unwrap();
    for (name, list) in suite.lists_for(case) {
        std::fs::write(folder.join("lists").join(name), list).unwrap();
    }
    let Ok(gateway) = setup.try_start() else {
        return Err(NO_START.to_owned());
    };
    let caller = gateway.caller().presenting(case.credentials());
    let mut client = caller.open();
    let served = client.handshake().is_ok()
        && client.try_send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n")).is_ok()
        && matches!(client.reader.message(), Ok(Some(answer)) if answer.status() == 200);
    if served {
        return Ok(());
    }
    Err(client.event("refusal").field("reason").to_owned())
}

/// The cases that the documentation lists as differing, with what becomes of them.
fn documented() -> BTreeMap<String, String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/path-validation.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("\n## NIST PKITS").unwrap();
    let mut cases = BTreeMap::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        for case in cells[2].split(", ") {
            cases.insert(case.to_owned(), cells[1].trim_matches('`').to_owned());
        }
    }
    cases
}

fn suite() -> Option<Suite> {
    let named = std::env::var_os("PKITS").map(PathBuf::from);
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pkits");
    let folder = named.unwrap_or(usual);
    if folder.join("certs").is_dir() {
        return Some(Suite::read(&folder));
    }
    assert!(std::env::var_os("CI").is_none(), "no PKITS in {}", folder.display());
    let mut err = std::io::stderr();
    _ = writeln!(err, "SKIPPED: no PKITS in {}; `.ci/run` fetches it", folder.display());
    None
}
