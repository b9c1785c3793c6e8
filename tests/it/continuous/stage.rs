//! The sites, the CAs and the callers that changes are played through with.

use std::fmt::Write as _;

use mtls_gateway::pki::{Authority, Usage};
use mtls_gateway::process::unix_now;
use rustls::pki_types::CertificateDer;

use crate::support::client::Connector;
use crate::support::gateway::{Gateway, Setup};
use crate::support::pki::Credentials;
use crate::support::upstream::Upstream;

const DAY: i64 = 24 * 60 * 60;

/// The sites: one, its twin, one for another CA, one with rules, one with a narrower extended key usage, one
/// with a revocation list.
pub const SITES: [&str; 6] = [
    "a.example",
    "twin.example",
    "other.example",
    "ruled.example",
    "narrow.example",
    "listed.example",
];

/// What a site is called after it has been given another name.
pub const NEW_NAME: &str = "new.example";

/// The place of the site that has a CA of its own.
pub const OTHER: usize = 2;

/// The place of the site that is for those alone whose extended key usage says so.
pub const NARROW: usize = 4;

/// A CA, an intermediate below it, and two callers below that.
pub struct Ca {
    pub name: &'static str,
    pub root: Authority,
    pub issuing: Authority,
    pub caller: Credentials,
    pub caller_der: CertificateDer<'static>,
    /// The one without an extended key usage.
    pub plain: Credentials,
}

impl Ca {
    fn new(name: &'static str, root: Authority) -> Self {
        let issuing = root.intermediate(&format!("{name} below")).authority().unwrap();
        let caller = issuing.client("caller").issue().unwrap();
        let plain = issuing.client("caller").usage(Usage::Any).issue().unwrap();
        Self {
            name,
            caller: Credentials::of(&caller).followed_by(&issuing),
            caller_der: caller.der().clone(),
            plain: Credentials::of(&plain).followed_by(&issuing),
            root,
            issuing,
        }
    }

    pub fn pem(&self) -> String {
        self.root.certificate_pem().to_owned()
    }

    /// A list of the intermediate's, in force between so many days from now.
    pub fn list(&self, revoked: &[&CertificateDer<'_>], from: i64, to: i64) -> String {
        let now = unix_now();
        self.issuing.revocation_list(revoked, now + from * DAY..now + to * DAY).unwrap()
    }
}

/// A site, as it can be changed.
#[derive(Clone)]
pub struct Site<'a> {
    /// The name that its files have, and that it answers to at first.
    pub name: &'static str,
    pub answers_to: &'static str,
    pub is_there: bool,
    /// Whose callers are its own.
    pub ca: &'a Ca,
    pub anchors: Vec<String>,
    pub list: Option<String>,
    pub crl_check: &'static str,
    pub allow: Option<&'static str>,
    pub deny: Option<&'static str>,
    pub extended: &'static str,
    pub depth: u8,
    pub resumption: &'static str,
}

impl Site<'_> {
    fn text(&self, upstream: &str) -> String {
        let Self { name, answers_to, extended, depth, crl_check, resumption, .. } = self;
        let mut text = format!(
            "[[site]]\nserver_names = [\"{answers_to}\"]\ncertificate = \"{name}.crt\"\n\
             private_key = \"{name}.key\"\nclient_ca = \"{name}.ca.crt\"\nupstream = \"{upstream}\"\n\
             [site.tls]\nresumption = \"{resumption}\"\n\
             [site.client]\nextended_key_usage = \"{extended}\"\nchain_depth_max = {depth}\n"
        );
        if self.list.is_some() {
            writeln!(text, "crl = \"{name}.crl\"\ncrl_check = \"{crl_check}\"").unwrap();
        }
        for (key, rules) in [("allow", self.allow), ("deny", self.deny)] {
            if let Some(rules) = rules {
                writeln!(text, "{key} = [{rules}]").unwrap();
            }
        }
        text
    }
}

/// A gateway with all sites.
pub struct Stage {
    pub gateway: Gateway,
    upstream: String,
    pub first: Ca,
    pub second: Ca,
    spare: Authority,
}

impl Stage {
    pub fn new(app: &Upstream) -> Self {
        Self::with_root(app, Authority::root("First CA").unwrap())
    }

    /// The same with a root of the test's own for the callers of all sites but one.
    pub fn with_root(app: &Upstream, root: Authority) -> Self {
        let first = Ca::new("First CA", root);
        let second = Ca::new("Second CA", Authority::root("Second CA").unwrap());
        let mut setup = Setup::new(app);
        for name in &SITES[1..] {
            setup = setup.site(name, &first.root, app);
        }
        let gateway = setup.start();
        let pki = &gateway.pki;
        for name in SITES {
            let server = pki.server_ca.server([name, NEW_NAME]).issue().unwrap();
            let file = pki.folder().join(name);
            std::fs::write(file.with_extension("example.crt"), server.certificate_pem()).unwrap();
            std::fs::write(file.with_extension("example.key"), server.key_pem()).unwrap();
        }
        let spare = Authority::root("Spare CA").unwrap();
        Self { gateway, upstream: app.url.clone(), first, second, spare }
    }

    /// The sites as they are before anything changes.
    pub fn sites(&self) -> Vec<Site<'_>> {
        let lists = self.first.list(&[], -2, 9) + &self.second.list(&[], -2, 9);
        let site = |(place, name): (usize, &&'static str)| {
            let ca = self.ca_of(place);
            Site {
                name,
                answers_to: name,
                is_there: true,
                ca,
                anchors: vec![ca.pem(), self.spare.certificate_pem().to_owned()],
                list: (*name == "listed.example").then(|| lists.clone()),
                crl_check: "leaf",
                allow: (*name == "ruled.example").then_some("{ subject_cn = \"caller\" }"),
                deny: None,
                extended: if place == NARROW { "require" } else { "if_present" },
                depth: 3,
                resumption: "on",
            }
        };
        SITES.iter().enumerate().map(site).collect()
    }

    /// Puts sites in force.
    pub fn put_in_force(&self, sites: &[Site<'_>]) {
        let mut text = "[[listener]]\naddress = \"127.0.0.1:0\"\n".to_owned();
        for site in sites.iter().filter(|site| site.is_there) {
            let file = self.gateway.pki.folder().join(site.name);
            std::fs::write(file.with_extension("example.ca.crt"), site.anchors.concat()).unwrap();
            if let Some(list) = &site.list {
                std::fs::write(file.with_extension("example.crl"), list).unwrap();
            }
            text.push_str(&site.text(&self.upstream));
        }
        text.push_str("[log]\nrefusals_per_minute = \"unlimited\"\n[runtime]\nworkers = 1\n");
        self.gateway.put_in_force(&text);
    }

    /// The CA whose callers a site is for.
    pub fn ca_of(&self, place: usize) -> &Ca {
        if place == OTHER { &self.second } else { &self.first }
    }

    /// The CA whose callers it is not for.
    pub fn ca_not_of(&self, place: usize) -> &Ca {
        if place == OTHER { &self.first } else { &self.second }
    }

    pub fn client(&self, credentials: &Credentials, place: usize) -> Connector {
        let caller = self.gateway.caller().presenting(credentials.clone());
        caller.asking_for(SITES[place])
    }
}
