//! What runs out in a generation: its certificates, its clients' CAs, its revocation lists. And what is to be said of
//! those whose end is near, in one way for the log, the status page and `check`.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::config::{self, OnDoubt, Report, Upstream};
use crate::identity::Claims;
use crate::policy::{Stage, remark};
use crate::tls::AppTls;
use crate::tls::material::{ClientTrust, TrustedCa};

use super::{Generation, Site};

/// What kind of thing runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The certificate of a site.
    Server,
    /// One that is sent behind it.
    Intermediate,
    /// A CA of a site's clients.
    ClientCa,
    /// A revocation list.
    Crl,
    /// The gateway's own certificate for an app.
    Upstream,
    /// A CA of an app's certificate.
    UpstreamCa,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Server,
        Self::Intermediate,
        Self::ClientCa,
        Self::Crl,
        Self::Upstream,
        Self::UpstreamCa,
    ];

    /// The word in the log, in metrics and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Intermediate => "intermediate",
            Self::ClientCa => "client_ca",
            Self::Crl => "crl",
            Self::Upstream => "upstream",
            Self::UpstreamCa => "upstream_ca",
        }
    }

    /// The same for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Server => "Server certificate",
            Self::Intermediate => "Intermediate",
            Self::ClientCa => "Client CA",
            Self::Crl => "Revocation list",
            Self::Upstream => "Certificate for an app",
            Self::UpstreamCa => "CA of an app",
        }
    }
}

/// Something with an end.
#[derive(Clone, Debug)]
pub struct Term {
    /// What it is.
    pub kind: Kind,
    /// Its subject; of a list, its issuer.
    pub name: String,
    /// Who issued it.
    pub issuer: String,
    /// The file that holds it.
    pub file: PathBuf,
    /// Its SHA-256, hexadecimal; a list has none.
    pub fingerprint: Option<String>,
    /// When it begins, Unix time.
    pub begins: i64,
    /// When it ends, Unix time; `None` for a list that does not run out.
    pub ends: Option<i64>,
    /// What its end means.
    why: &'static str,
    /// The place in the configuration that names its file.
    span: Range<usize>,
}

/// Something whose end is near, or past.
#[derive(Clone, Debug)]
pub struct Expiring {
    /// What it is.
    pub term: Term,
    /// The sites that need it, by their first names.
    pub sites: Vec<String>,
    /// When it ends, Unix time.
    pub ends: i64,
    /// Which threshold was crossed.
    pub stage: Stage,
}

impl Term {
    /// A site's own certificate and what is sent behind it.
    pub(super) fn of_server(site: &config::Site, server: &[Claims]) -> Vec<Self> {
        let named = (site.certificate.value.as_path(), &site.certificate.span);
        let term = |(at, claims)| {
            let kind = if at == 0 { Kind::Server } else { Kind::Intermediate };
            let why = "from then on callers that check the dates refuse it";
            Self::of_certificate(kind, claims, named, why)
        };
        server.iter().enumerate().map(term).collect()
    }

    /// What a site believes its clients by.
    pub(super) fn of_trust(site: &config::Site, trust: &ClientTrust) -> Vec<Self> {
        let ca = |ca: &TrustedCa, why| {
            let named = site.client_ca.iter().find(|path| path.value == ca.file);
            let span = named.map_or(0..0, |path| path.span.clone());
            Self::of_certificate(Kind::ClientCa, &ca.claims, (&ca.file, &span), why)
        };
        let refused = "from then on every client of this CA is refused";
        let incomplete = "from then on clients that do not send it themselves are refused";
        let anchors = trust.anchors.iter().map(|anchor| ca(anchor, refused));
        let intermediates = trust.intermediates.iter().map(|one| ca(one, incomplete));
        let span = site.client.crl.first().map_or(0..0, |path| path.span.clone());
        let lists = trust.lists.facts().into_iter().map(|list| Self {
            kind: Kind::Crl,
            name: list.issuer.clone(),
            issuer: list.issuer,
            file: list.file,
            fingerprint: None,
            begins: list.this_update,
            ends: list.next_update,
            why: match site.client.crl_expired {
                OnDoubt::Deny => "from then on every client that it is for is refused",
                OnDoubt::Allow => "whoever is revoked after that is still let in, by `crl_expired`",
            },
            span: span.clone(),
        });
        anchors.chain(intermediates).chain(lists).collect()
    }

    /// What the gateway shows to an app, and what it believes that app by.
    pub(super) fn of_app(upstream: &Upstream, app: &AppTls) -> Vec<Self> {
        let Some(config) = &upstream.tls else {
            return Vec::new();
        };
        let own = config.certificate.iter().flat_map(|own| {
            let named = (own.certificate.value.as_path(), &own.certificate.span);
            let why = "from then on an app that asks for it refuses the gateway";
            app.own()
                .iter()
                .map(move |claims| Self::of_certificate(Kind::Upstream, claims, named, why))
        });
        let cas = app.cas().iter().map(|ca| {
            let named = config.ca.iter().find(|path| path.value == ca.file);
            let span = named.map_or(0..0, |path| path.span.clone());
            let why = "from then on no app is believed by it, and requests get 502";
            Self::of_certificate(Kind::UpstreamCa, &ca.claims, (&ca.file, &span), why)
        });
        own.chain(cas).collect()
    }

    fn of_certificate(
        kind: Kind,
        claims: &Claims,
        (file, span): (&Path, &Range<usize>),
        why: &'static str,
    ) -> Self {
        Self {
            kind,
            name: claims.subject.clone(),
            issuer: claims.issuer.clone(),
            file: file.to_owned(),
            fingerprint: Some(claims.fingerprint()),
            begins: claims.not_before,
            ends: Some(claims.not_after),
            why,
            span: span.clone(),
        }
    }

    /// What tells it from others: its fingerprint, or a list's file.
    pub fn id(&self) -> String {
        self.fingerprint.clone().unwrap_or_else(|| self.file.display().to_string())
    }

    /// Whether both are the same thing, perhaps of two sites.
    fn is_the_same_as(&self, other: &Self) -> bool {
        let of_file = self.name == other.name && self.file == other.file && self.ends == other.ends;
        self.kind == other.kind && self.fingerprint == other.fingerprint && of_file
    }
}

impl Generation {
    /// What is near its end at `now`, Unix time, or past it, by `[warnings]`: each thing once, whatever sites need it,
    /// and what ends first at the front.
    pub fn expiring(&self, now: i64) -> Vec<Expiring> {
        let mut all: Vec<Expiring> = Vec::new();
        for site in &self.sites {
            for (term, ends, stage) in self.expiring_of(site, now) {
                let name = site.name().to_owned();
                match all.iter_mut().find(|known| known.term.is_the_same_as(term)) {
                    // A file that is named twice in a site is one thing of it.
                    Some(known) if known.sites.contains(&name) => {}
                    Some(known) => known.sites.push(name),
                    None => {
                        let sites = vec![name];
                        all.push(Expiring { term: term.clone(), sites, ends, stage });
                    }
                }
            }
        }
        all.sort_by_key(|one| one.ends);
        all
    }

    fn expiring_of<'a>(
        &'a self,
        site: &'a Site,
        now: i64,
    ) -> impl Iterator<Item = (&'a Term, i64, Stage)> {
        let days = &self.config.warnings.expiry_days;
        site.facts.terms.iter().filter_map(move |term| {
            let ends = term.ends?;
            Some((term, ends, Stage::of(days, term.begins, ends, now)?))
        })
    }

    /// Warns of the same in a report.
    pub(super) fn report_expiring(&self, now: i64, report: &mut Report) {
        for one in self.expiring(now) {
            report
                .warning(&one.term.span, one.sentence(now))
                .seen(format!("in `{}`", one.term.file.display()))
                .why(one.term.why)
                .fix(one.advice())
                .of_time();
        }
    }
}

impl Expiring {
    /// What there is to say.
    pub fn sentence(&self, now: i64) -> String {
        let (name, remark) = (&self.term.name, remark(self.ends, now));
        match self.term.kind {
            Kind::Server | Kind::Intermediate | Kind::Upstream => format!("`{name}` {remark}"),
            Kind::ClientCa | Kind::UpstreamCa => format!("the CA `{name}` {remark}"),
            Kind::Crl => format!("the revocation list of `{name}` {remark}"),
        }
    }

    /// What to do.
    pub fn advice(&self) -> &'static str {
        match self.term.kind {
            Kind::Server | Kind::Upstream => "renew it and replace the file",
            Kind::Intermediate => {
                "have the server certificate issued anew, and replace the file by what comes with it"
            }
            Kind::ClientCa if self.stage.is_over() => {
                "take it out of the file once no client needs it"
            }
            Kind::ClientCa => "add its successor to `client_ca` now; both can stand side by side",
            Kind::UpstreamCa => "add its successor to `ca` now; both can stand side by side",
            Kind::Crl => "fetch the CA's current list",
        }
    }
}
