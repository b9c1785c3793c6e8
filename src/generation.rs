//! One immutable, fully built configuration: what every connection and request is judged by.
//!
//! A generation is built whole or not at all: every file that the configuration names is read, and each
//! problem put into the report.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use crate::config::{self, Config, Endpoint, Faulty, ProxyProtocol, Report, Upstream};
use crate::identity::Claims;
use crate::local_socket;
use crate::observe::{access, logging};
use crate::route::NameIndex;
use crate::tls::material::{load_client_ca, load_server};
use crate::tls::revocation::ListFacts;

mod changes;
mod files;
mod terms;

pub use crate::tls::material::OpenedKeys;
use crate::tls::{AppTls, ClientVerifier, SiteTls};
pub use files::Files;
pub use terms::{Expiring, Kind, Term};

/// All that a configuration says, ready to serve.
#[derive(Debug)]
pub struct Generation {
    /// The configuration that it was built from.
    pub config: Config,
    /// The sites, in the order of the file; the first is the default. Never empty.
    pub sites: Vec<Arc<Site>>,
    names: NameIndex,
    /// How TLS is spoken with the apps that speak it, by the names of their upstreams.
    apps: Apps,
}

/// The TLS of upstreams, by their names; an upstream that is an address has that for a name.
type Apps = BTreeMap<String, Arc<AppTls>>;

/// One site, ready to serve.
#[derive(Debug)]
pub struct Site {
    /// Its place among the sites.
    pub number: usize,
    /// Its first name, by which people call it.
    name: Arc<str>,
    /// What the file says of it.
    pub config: config::Site,
    /// Its TLS.
    pub tls: SiteTls,
    /// Its certificate and the trust it applies, for people who ask.
    pub facts: SiteFacts,
}

impl Site {
    /// What people call it: its first name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same, to be kept.
    pub fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }
}

/// What `check` tells about a site.
#[derive(Debug)]
pub struct SiteFacts {
    /// The server's chain, its own certificate first.
    pub server: Vec<Claims>,
    /// Whether the public CAs vouch for the server's chain.
    pub publicly_trusted: bool,
    /// The CAs that client certificates must chain to.
    pub anchors: Vec<Claims>,
    /// The revocation lists that they are judged by.
    pub lists: Vec<ListFacts>,
    /// All of it that runs out.
    pub terms: Vec<Term>,
}

/// What came of loading a configuration and every file that it names.
#[derive(Debug)]
pub struct Loaded {
    /// There is one exactly when the report holds no error.
    pub generation: Option<Generation>,
    /// What there is to say.
    pub report: Report,
    /// The configuration and, as far as it could be read, the files and folders that it names, as they looked
    /// before they were read.
    pub files: Files,
    /// The encrypted keys that were opened, for the next load.
    pub keys: OpenedKeys,
}

/// Loads a configuration and every file that it names; `now` is Unix time. `check`, the start and each reload
/// go the same way, so that they cannot differ in what they accept.
pub fn load(path: &Path, now: i64) -> Loaded {
    load_by(config::load, path, now, OpenedKeys::default())
}

/// [`load`] once more, with the keys that were opened before. A configuration that is no regular file is refused:
/// it would have to be waited for.
pub fn load_again(path: &Path, now: i64, keys: OpenedKeys) -> Loaded {
    load_by(config::load_regular, path, now, keys)
}

fn load_by(
    load_config: fn(&Path) -> Result<(Config, Report), Faulty>,
    path: &Path,
    now: i64,
    mut keys: OpenedKeys,
) -> Loaded {
    let mut files = Files::glance(&[files::configuration(path)]);
    let mut glance_at = |sites: &[config::Site]| {
        let named = std::iter::once(files::configuration(path)).chain(files::named(sites));
        files.follow(Files::glance(&named.collect::<Vec<_>>()));
    };
    let (config, mut report) = match load_config(path) {
        Ok(loaded) => loaded,
        Err(Faulty { mut report, sites }) => {
            glance_at(&sites);
            judge_sites(
                &sites,
                &judge_apps(&sites, &mut keys, &mut report),
                now,
                &mut keys,
                &mut report,
            );
            keys.settle(false);
            return Loaded { generation: None, report, files, keys };
        }
    };
    if let Err(error) = logging::check(&config.log) {
        report
            .error(&config.log.level.span, "`level` is no filter that can be read")
            .seen(error.to_string())
            .fix("write a level such as `info`, or a filter such as `info,mtls_gateway=debug`");
    }
    let named = files::named(&config.sites).map(|one| one.path);
    let read: Vec<_> = std::iter::once(path.to_owned()).chain(named).collect();
    access::check(&config.access_log, &read, &mut report);
    local_socket::check(&config, &mut report);
    check_challenges(&config, &mut report);
    glance_at(&config.sites);
    let generation = Generation::build_with(config, now, &mut keys, &mut report);
    keys.settle(generation.is_some());
    Loaded { generation, report, files, keys }
}

impl Generation {
    /// Builds a generation; `now` is Unix time. `None` if the report holds an error afterwards.
    pub fn build(config: Config, now: i64, report: &mut Report) -> Option<Self> {
        Self::build_with(config, now, &mut OpenedKeys::default(), report)
    }

    fn build_with(
        config: Config,
        now: i64,
        keys: &mut OpenedKeys,
        report: &mut Report,
    ) -> Option<Self> {
        let apps = judge_apps(&config.sites, keys, report);
        let sites = judge_sites(&config.sites, &apps, now, keys, report);
        if report.has_errors() {
            return None;
        }
        let names = names(&config.sites);
        let generation = Self { config, sites, names, apps };
        generation.report_expiring(now, report);
        Some(generation)
    }

    /// How many workers serve it.
    pub fn workers(&self) -> usize {
        match self.config.runtime.workers {
            Some(workers) => workers.get(),
            // Respects CPU affinity and cgroup quotas.
            None => std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// The site for a server name; without one, the first.
    pub fn site(&self, server_name: Option<&str>) -> Option<&Arc<Site>> {
        match server_name {
            Some(name) => self.sites.get(self.names.site(name)?),
            None => self.sites.first(),
        }
    }

    /// How TLS is spoken with an app; `None` where it is not.
    pub fn app_tls(&self, upstream: &Upstream) -> Option<&Arc<AppTls>> {
        // Most speak none, and cost no look.
        upstream.tls.as_ref().and_then(|_| self.apps.get(&upstream.name))
    }

    /// How an endpoint is spoken with by the first upstream that has it, for whoever only tries it.
    pub fn way_to(&self, endpoint: &Endpoint) -> (Option<Arc<AppTls>>, Option<ProxyProtocol>) {
        let mut upstreams = self.sites.iter().flat_map(|site| site.config.upstreams());
        let has = |one: &&Arc<Upstream>| one.endpoints.iter().any(|one| one.endpoint == *endpoint);
        let upstream = upstreams.find(has);
        let tls = upstream.and_then(|upstream| self.app_tls(upstream)).cloned();
        (tls, upstream.and_then(|upstream| upstream.proxy_protocol))
    }

    /// The listener that the configuration gives this address.
    pub fn listener(&self, configured: SocketAddr) -> Option<&Arc<config::Listener>> {
        self.config.listeners.iter().find(|listener| listener.address.value == configured)
    }

    /// Whether a `Host` belongs to a site.
    pub fn is_host_of(&self, host: &str, site: &Site) -> bool {
        self.names.site(host) == Some(site.number)
    }
}

/// Warns of folders of challenges that are none: whoever asks for a certificate would fail, weeks from now.
fn check_challenges(config: &Config, report: &mut Report) {
    for folder in config.challenge_folders().filter(|folder| !folder.value.is_dir()) {
        report
            .warning(&folder.span, format!("`{}` is no folder", folder.value.display()))
            .why("no challenge of a CA could be answered")
            .fix("make it, and let your ACME client put its files there");
    }
}

/// What a site believes client certificates by, without the rest of the site.
#[derive(Debug)]
pub struct Trust {
    /// Who judges by it.
    pub verifier: Arc<ClientVerifier>,
    anchors: Vec<Claims>,
    lists: Vec<ListFacts>,
    terms: Vec<Term>,
}

impl Trust {
    /// Reads a site's CAs and revocation lists at `now`, Unix time; `None` after a problem was reported.
    pub fn load(site: &config::Site, now: i64, report: &mut Report) -> Option<Self> {
        let trust = load_client_ca(site, now, report)?;
        let anchors = trust.anchors.iter().map(|ca| ca.claims.clone()).collect();
        let lists = trust.lists.facts();
        let terms = Term::of_trust(site, &trust);
        let verifier = ClientVerifier::of_site(site, trust, report)?;
        Some(Self { verifier, anchors, lists, terms })
    }
}

/// Reads and judges every file that is for TLS with apps; what is wrong goes to the report.
fn judge_apps(sites: &[config::Site], keys: &mut OpenedKeys, report: &mut Report) -> Apps {
    let mut apps = Apps::new();
    let mut seen: Vec<&str> = Vec::new();
    for upstream in sites.iter().flat_map(config::Site::upstreams) {
        let Some(tls) = upstream.tls.as_ref().filter(|_| !seen.contains(&upstream.name.as_str()))
        else {
            continue;
        };
        seen.push(&upstream.name);
        if let Some(tls) = AppTls::load(upstream, tls, keys, report) {
            apps.insert(upstream.name.clone(), Arc::new(tls));
        }
    }
    apps
}

/// Reads and judges every file of some sites; what is wrong goes to the report, and its sites are left out.
fn judge_sites(
    sites: &[config::Site],
    apps: &Apps,
    now: i64,
    keys: &mut OpenedKeys,
    report: &mut Report,
) -> Vec<Arc<Site>> {
    let mut judged = Vec::with_capacity(sites.len());
    for (number, site) in sites.iter().enumerate() {
        // Both are read before either is missed, so that one run reports the problems of both.
        let server = load_server(site, now, keys, report);
        let trust = Trust::load(site, now, report);
        let (Some(server), Some(trust)) = (server, trust) else {
            continue;
        };
        let mut terms = Term::of_server(site, &server.claims);
        let Trust { verifier, anchors, lists, terms: of_trust } = trust;
        terms.extend(of_trust);
        for upstream in site.upstreams() {
            let of_app = apps.get(&upstream.name).map(|app| Term::of_app(upstream, app));
            for term in of_app.into_iter().flatten() {
                // Routes share apps, and apps their CAs.
                let is_same = |known: &Term| known.kind == term.kind && known.id() == term.id();
                if !terms.iter().any(is_same) {
                    terms.push(term);
                }
            }
        }
        let Some(tls) = SiteTls::new(site, &server, verifier, report) else {
            continue;
        };
        let publicly_trusted = server.publicly_trusted;
        let facts = SiteFacts { server: server.claims, publicly_trusted, anchors, lists, terms };
        let first = site.server_names.first();
        let name = first.map_or_else(String::new, |name| name.value.to_string()).into();
        judged.push(Arc::new(Site { number, name, config: site.clone(), tls, facts }));
    }
    judged
}

/// Which site answers to which name; a site counts by its place.
pub fn names(sites: &[config::Site]) -> NameIndex {
    let names = sites
        .iter()
        .enumerate()
        .flat_map(|(number, site)| site.server_names.iter().map(move |name| (&name.value, number)));
    NameIndex::new(names)
}
