//! What a `client_ca` may hold, and what is said of everything else.

use rustls::pki_types::TrustAnchor;

use super::super::testing::Lab;
use super::*;
use crate::config::{CaHints, Condition, CrlMissing, Legacy, Located, Rule};
use crate::identity::{Field, Pattern};
use crate::pki::{Authority, self_signed_server};

const DAY: i64 = 24 * 60 * 60;

fn now() -> i64 {
    time::OffsetDateTime::now_utc().unix_timestamp()
}

impl Lab {
    fn trust_of(&self, site: &Site, roots: &[TrustAnchor<'_>]) -> (Option<ClientTrust>, String) {
        let mut report = self.report();
        let trust = load_client_ca_beside(PublicRoots::of(roots), site, now(), &mut report);
        assert_eq!(trust.is_none(), report.has_errors(), "{report}");
        (trust, self.redact(&report.to_string()))
    }

    fn trust(&self) -> (ClientTrust, String) {
        let (trust, said) = self.trust_of(&self.site(), &[]);
        (trust.unwrap_or_else(|| panic!("refused: {said}")), said)
    }

    fn refusal_of_ca(&self) -> String {
        let (trust, said) = self.trust_of(&self.site(), &[]);
        assert!(trust.is_none(), "taken: {said}");
        said
    }
}

fn subjects(authorities: &[TrustedCa]) -> Vec<&str> {
    authorities.iter().map(|ca| ca.claims.subject.as_str()).collect()
}

#[test]
fn an_empty_list_is_complained_of_by_whoever_read_it_only() {
    let mut site = Lab::new().site();
    site.client_ca.clear();
    let mut report = Lab::new().report();
    assert!(load_client_ca(&site, now(), &mut report).is_none());
    assert!(report.problems().is_empty(), "{report}");
}

#[test]
fn a_bundle_is_read_whole_and_roots_are_told_from_intermediates() {
    let lab = Lab::new();
    let one = Authority::root("One").unwrap();
    let two = Authority::root("Two").unwrap();
    let below = two.intermediate("Below Two").authority().unwrap();
    lab.write(
        "ca.crt",
        [
            "# the platform's\n",
            one.certificate_pem(),
            below.certificate_pem(),
            two.certificate_pem(),
            one.certificate_pem(),
        ]
        .concat(),
    );
    let (trust, said) = lab.trust();
    assert_eq!(said, "");
    assert_eq!(subjects(&trust.anchors), ["CN=One", "CN=Two"]);
    assert_eq!(subjects(&trust.intermediates), ["CN=Below Two"]);
    assert_eq!(trust.anchors[0].file, lab.path("ca.crt"));
}

#[test]
fn der_and_a_list_of_files_are_read() {
    let lab = Lab::new();
    lab.write("ca.crt", Authority::root("One").unwrap().der());
    lab.write("b.pem", Authority::root("Two").unwrap().certificate_pem());
    let mut site = lab.site();
    site.client_ca.push(site.client_ca[0].with(lab.path("b.pem")));
    let (trust, said) = lab.trust_of(&site, &[]);
    assert_eq!(said, "");
    assert_eq!(subjects(&trust.unwrap().anchors), ["CN=One", "CN=Two"]);
}

#[test]
fn a_file_of_another_kind_is_refused() {
    let lab = Lab::new();
    let root = Authority::root("One").unwrap();
    let mut all = lab.refusal_of_ca();
    lab.write("ca.crt", root.key_pem());
    all += &lab.refusal_of_ca();
    lab.write("ca.crt", "");
    all += &lab.refusal_of_ca();
    insta::assert_snapshot!("another_kind", all);
}

#[test]
fn a_damaged_certificate_spoils_the_bundle() {
    let lab = Lab::new();
    let root = Authority::root("One").unwrap();
    let mut all = String::new();
    for second in [
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n",
    ] {
        lab.write("ca.crt", format!("{}{second}", root.certificate_pem()));
        all += &lab.refusal_of_ca();
    }
    insta::assert_snapshot!("damaged", all);
}

#[test]
fn what_is_no_ca_opens_no_door() {
    let lab = Lab::new();
    let root = Authority::root("One").unwrap();
    let client = root.client("caller").issue().unwrap();
    lab.write("ca.crt", client.certificate_pem());
    let mut all = lab.refusal_of_ca();
    let own = self_signed_server(["www.example.com"]).issue().unwrap();
    lab.write("ca.crt", own.certificate_pem());
    all += &lab.refusal_of_ca();
    lab.write("ca.crt", [root.certificate_pem(), client.certificate_pem()].concat());
    let (trust, said) = lab.trust();
    assert_eq!(subjects(&trust.anchors), ["CN=One"]);
    assert!(trust.intermediates.is_empty());
    all += &said;
    insta::assert_snapshot!("no_ca", all);
}

#[test]
fn intermediates_without_their_root_are_refused() {
    let lab = Lab::new();
    let root = Authority::root("Root").unwrap();
    let upper = root.intermediate("Upper").authority().unwrap();
    let lower = upper.intermediate("Lower").authority().unwrap();
    lab.write("ca.crt", [lower.certificate_pem(), upper.certificate_pem()].concat());
    insta::assert_snapshot!("no_root", lab.refusal_of_ca());
}

#[test]
fn with_partial_chain_an_intermediate_is_an_anchor() {
    let lab = Lab::new();
    let root = Authority::root("Root").unwrap();
    let upper = root.intermediate("Upper").authority().unwrap();
    let mut site = lab.site();
    site.client.partial_chain = true;
    lab.write("ca.crt", [upper.certificate_pem(), root.certificate_pem()].concat());
    let (trust, said) = lab.trust_of(&site, &[]);
    assert_eq!(said, "");
    let trust = trust.unwrap();
    assert_eq!(subjects(&trust.anchors), ["CN=Upper", "CN=Root"]);
    assert!(trust.intermediates.is_empty());
    let old = root.intermediate("Old").expired().authority().unwrap();
    lab.write("ca.crt", old.certificate_pem());
    let (trust, said) = lab.trust_of(&site, &[]);
    assert!(trust.is_none() && said.contains("every client would be refused"), "{said}");
}

#[test]
fn a_ca_that_needs_no_list_should_lead_to_one_of_client_ca() {
    let lab = Lab::new();
    let root = Authority::root("Root").unwrap();
    let upper = root.intermediate("Upper").authority().unwrap();
    let lower = upper.intermediate("Lower").authority().unwrap();
    let stranger = Authority::root("Stranger").unwrap();
    lab.write("ca.crt", root.certificate_pem());
    lab.write("b.crt", [lower.certificate_pem(), upper.certificate_pem()].concat());
    let mut site = lab.site();
    let b = site.client_ca[0].with(lab.path("b.crt"));
    site.client.crl_missing = CrlMissing::AllowFor(vec![b]);
    assert_eq!(lab.trust_of(&site, &[]).1, "");
    lab.write("b.crt", [lower.certificate_pem(), stranger.certificate_pem()].concat());
    let (trust, said) = lab.trust_of(&site, &[]);
    assert!(trust.is_some());
    insta::assert_snapshot!("excused_strangers", said);
    lab.write("b.crt", "");
    assert!(lab.trust_of(&site, &[]).0.is_none());
}

#[test]
fn a_ca_out_of_its_dates_is_refused_only_when_nothing_remains() {
    let lab = Lab::new();
    let old = Authority::draft("Old").expired().authority().unwrap();
    let early = Authority::draft("Early")
        .valid(now() + 3 * DAY + 3600..now() + 90 * DAY)
        .authority()
        .unwrap();
    let good = Authority::root("Good").unwrap();
    let both = [old.certificate_pem(), early.certificate_pem()].concat();
    lab.write("ca.crt", &both);
    let mut all = lab.refusal_of_ca();
    lab.write("ca.crt", [&both, good.certificate_pem()].concat());
    let (trust, said) = lab.trust();
    // The verifier knows the dates; the others stay for what it has to say of their clients.
    assert_eq!(subjects(&trust.anchors), ["CN=Good", "CN=Old", "CN=Early"]);
    assert_eq!(trust.hints.len(), 1);
    all += &said;
    insta::assert_snapshot!("expired", all);
}

#[test]
fn names_that_do_not_go_into_the_handshake_are_an_error() {
    let lab = Lab::new();
    let long = |number| Authority::root(&format!("{number:0>1000}")).unwrap();
    let bundle = |count| {
        let cas = (0..count).map(|number| long(number).certificate_pem().to_owned());
        cas.collect::<String>()
    };
    lab.write("ca.crt", bundle(60));
    assert_eq!(lab.trust().0.hints.len(), 60);
    lab.write("ca.crt", bundle(66));
    let said = lab.refusal_of_ca();
    assert!(said.contains("the names of the 66 CAs of `client_ca` do not go into"), "{said}");
    // They can be trusted all the same.
    let mut site = lab.site();
    site.client.ca_hints = CaHints::None;
    let (trust, said) = lab.trust_of(&site, &[]);
    assert_eq!(trust.map(|trust| trust.anchors.len()), Some(66), "{said}");
}

fn rule(field: Field, pattern: &str) -> Located<Rule> {
    let any_of = vec![Pattern::parse(field, pattern).unwrap()];
    let conditions = vec![Condition { field, any_of }];
    Located::new(Rule { conditions }, 0..0)
}

#[test]
fn a_root_of_the_public_web_needs_a_rule_about_the_client() {
    let lab = Lab::new();
    let root = Authority::root("Public Root").unwrap();
    let namesake = Authority::root("Public Root").unwrap();
    let roots = [webpki::anchor_from_trusted_cert(root.der()).unwrap()];
    lab.write("ca.crt", root.certificate_pem());
    let mut site = lab.site();
    let (trust, said) = lab.trust_of(&site, &roots);
    assert!(trust.is_none());
    insta::assert_snapshot!("public_root", said);
    site.client.allow = vec![rule(Field::IssuerCn, "Public Root")];
    assert!(lab.trust_of(&site, &roots).0.is_none());
    site.client.allow = vec![rule(Field::SanDns, "caller.example.com")];
    let (trust, said) = lab.trust_of(&site, &roots);
    assert!(trust.is_some(), "{said}");
    site.client.accept_legacy = vec![Legacy::Sha1];
    let (trust, said) = lab.trust_of(&site, &roots);
    assert!(trust.is_none() && said.contains("remove `accept_legacy`"), "{said}");
    // The name alone does not make a root public.
    lab.write("ca.crt", namesake.certificate_pem());
    assert!(lab.trust_of(&lab.site(), &roots).0.is_some());
}

#[test]
fn the_compiled_in_roots_are_asked_by_default() {
    let lab = Lab::new();
    lab.write("ca.crt", Authority::root("One").unwrap().certificate_pem());
    let mut report = lab.report();
    assert!(load_client_ca(&lab.site(), now(), &mut report).is_some());
    assert!(report.problems().is_empty());
}

#[test]
fn the_roots_that_openssl_makes_are_judged_by_what_they_say() {
    let lab = Lab::new();
    lab.write("none", "keyUsage=digitalSignature\n");
    let request = "req -new -newkey rsa:2048 -nodes -keyout ca.key -subj /CN=Root -out ca.csr";
    if !lab.openssl(request) {
        return;
    }
    let sign = "x509 -req -days 365 -in ca.csr -signkey ca.key -out ca.crt";
    lab.openssl(sign);
    let (trust, mut all) = lab.trust();
    assert_eq!(trust.anchors[0].claims.version, 1);
    lab.openssl(&format!("{sign} -sha1"));
    all += &lab.trust().1;
    lab.openssl(
        "req -x509 -newkey rsa:1024 -nodes -keyout k -subj /CN=Short -days 365 -out ca.crt",
    );
    all += &lab.trust().1;
    let mut site = lab.site();
    site.client.accept_legacy = vec![Legacy::Rsa1024];
    assert_eq!(lab.trust_of(&site, &[]).1, "");
    lab.openssl(&format!("{sign} -extfile none"));
    all += &lab.refusal_of_ca();
    insta::assert_snapshot!("by_openssl", all);
}
