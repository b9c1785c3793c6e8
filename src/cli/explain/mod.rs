//! `mtls-gateway explain`: would this client get in, and why, at a desk instead of at the door.
//!
//! Judges with the code of the handshake, from the configuration's trust alone: no private key is read and
//! no port opened, so that whoever may read the CAs may ask.

mod at;
mod json;
mod text;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use crate::config::{self, Config, Faulty, Located, Report, Rule};
use crate::forward::ClientIdentityHeaders;
use crate::generation::{self, Trust};
use crate::identity::{Claims, Identity};
use crate::policy::{self, Refusal};
use crate::process;
use crate::tls::material::presented_chain;

use super::print::{palette, print, print_error};
use super::{Chosen, Exit};

pub(super) use at::moment;

/// Far more than a handshake could carry.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What is asked.
pub(super) struct Question<'a> {
    /// The file with the client's certificate and its intermediates; `-` is the standard input.
    pub(super) file: &'a Path,
    /// The site, by one of its names; without, every site.
    pub(super) site: Option<&'a str>,
    /// The moment, Unix time; without, now.
    pub(super) at: Option<i64>,
}

/// All that there is to tell.
struct Explanation<'a> {
    config: &'a Config,
    file: &'a Path,
    at: i64,
    presented: &'a [Vec<u8>],
    sites: Vec<Judged<'a>>,
}

/// What one site says.
struct Judged<'a> {
    site: &'a config::Site,
    outcome: Result<Admitted, Refusal>,
    /// The verdict that the app is told, where the site's `mode` lets a refused client through unverified.
    unverified: Option<String>,
}

/// Why a client gets in, and what the app is told of it.
struct Admitted {
    identity: Arc<Identity>,
    /// From the issuer of the client's certificate to the anchor.
    cas: Vec<Claims>,
    rule: Option<Located<Rule>>,
    /// Or why no request would be forwarded all the same.
    headers: Result<Vec<(String, String)>, String>,
}

/// Explains, for people or as JSON.
pub(super) fn explain(config: &Chosen, question: &Question<'_>, as_json: bool) -> Exit {
    let (config, mut report) = match config::load(&config.path) {
        Ok(loaded) => loaded,
        Err(Faulty { report, .. }) => return misconfigured(&report),
    };
    let presented = match read(question.file) {
        Ok(presented) => presented,
        Err(message) => {
            print_error(&message);
            return Exit::Usage;
        }
    };
    let asked = match question.site.map(|name| site_of(&config, name)) {
        None => config.sites.iter().collect(),
        Some(Ok(site)) => vec![site],
        Some(Err(message)) => {
            print_error(&message);
            return Exit::Usage;
        }
    };
    let at = question.at.unwrap_or_else(process::unix_now);
    let sites = asked.into_iter().filter_map(|site| {
        let trust = trust(site, at, &mut report)?;
        let outcome = judge(site, &trust, &presented, at);
        let refusal = outcome.as_ref().err();
        let unverified = refusal.and_then(|refusal| unverified(site, &trust, refusal, &presented));
        Some(Judged { site, outcome, unverified })
    });
    let sites: Vec<_> = sites.collect();
    if report.has_errors() {
        return misconfigured(&report);
    }
    let explanation =
        Explanation { config: &config, file: question.file, at, presented: &presented, sites };
    if as_json {
        print(&json::document(&explanation));
    } else {
        print(&text::page(&explanation, palette(&io::stdout())));
    }
    let gets_in = explanation.sites.iter().any(|site| site.outcome.is_ok());
    if gets_in { Exit::Success } else { Exit::Runtime }
}

/// A site's trust as the gateway would load it today. Where nothing of it is in force any more, or yet, there
/// may still have been, or be, something to judge by at the moment that was asked for.
fn trust(site: &config::Site, at: i64, report: &mut Report) -> Option<Trust> {
    Trust::load(site, process::unix_now(), &mut Report::default())
        .or_else(|| Trust::load(site, at, report))
}

fn judge(
    site: &config::Site,
    trust: &Trust,
    presented: &[Vec<u8>],
    at: i64,
) -> Result<Admitted, Refusal> {
    let admission = trust.verifier.explain(presented, at)?;
    let verdict = policy::Verdict::Verified(Arc::clone(&admission.identity));
    let headers = ClientIdentityHeaders::new(&verdict, site.client.mode, &site.identity_headers);
    Ok(Admitted {
        headers: headers.lines().map_err(|too_long| too_long.to_string()),
        identity: admission.identity,
        cas: admission.cas,
        rule: admission.rule.cloned(),
    })
}

/// What the app is told of a client that goes on in spite of its refusal.
fn unverified(
    site: &config::Site,
    trust: &Trust,
    refusal: &Refusal,
    presented: &[Vec<u8>],
) -> Option<String> {
    let is_let_in = policy::lets_in(site.client.mode, refusal.reason, presented.len());
    let takes_proof = presented.first().is_some_and(|own| trust.verifier.takes_proof_by(own));
    (is_let_in && takes_proof).then(|| format!("FAILED:{}", refusal.reason))
}

fn misconfigured(report: &Report) -> Exit {
    print_error(&super::start::render(report, palette(&io::stderr())));
    Exit::Configuration
}

fn site_of<'a>(config: &'a Config, name: &str) -> Result<&'a config::Site, String> {
    let site = generation::names(&config.sites).site(name);
    site.and_then(|number| config.sites.get(number)).ok_or_else(|| {
        let names = config.sites.iter().flat_map(|site| &site.server_names);
        let names: Vec<_> = names.map(|name| format!("`{}`", name.value)).collect();
        format!(
            "no site answers to `{}`\n  seen: the names in `{}` are {}\n  fix:  name one of them with \
             `--site`, or leave it out to ask every site\n",
            name.escape_default(),
            config.source.path.display(),
            names.join(", ")
        )
    })
}

/// The presented chain, or the message that says why there is none.
fn read(path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let name =
        if path == Path::new("-") { "standard input".into() } else { path.display().to_string() };
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
    };
    let message = |what: &str, seen: &str, fix: &str| {
        format!("{name}: {what}\n  seen: {seen}\n  fix:  {fix}\n")
    };
    if let Err(error) = read {
        let fix =
            "name a file with the client's certificate and then its intermediates, PEM or DER";
        return Err(message("cannot be read", &error.to_string(), fix));
    }
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let fix = "name a file that holds one client's chain";
        return Err(message("is too large", "more than 1 MiB", fix));
    }
    presented_chain(&bytes).map_err(|error| message(error.what, &error.seen, error.fix))
}
