//! What a certificate and its key may look like, and what is said of everything else.

use super::super::opened_keys::OpenedKeys;
use super::super::testing::Lab;
use super::*;
use crate::config::ServerName;
use crate::pki::{Algorithm, Authority, Issued, self_signed_server};
use rustls::pki_types::TrustAnchor;

fn now() -> i64 {
    time::OffsetDateTime::now_utc().unix_timestamp()
}

impl Lab {
    /// What becomes of the site's certificate and key, beside `roots`.
    fn load_beside(&self, roots: &[TrustAnchor<'_>]) -> (Option<ServerMaterial>, String) {
        self.load_site(&self.site(), roots)
    }

    fn load_site(
        &self,
        site: &Site,
        roots: &[TrustAnchor<'_>],
    ) -> (Option<ServerMaterial>, String) {
        let mut report = self.report();
        let material = load_server_beside(
            PublicRoots::of(roots),
            site,
            now(),
            &mut OpenedKeys::default(),
            &mut report,
        );
        assert_eq!(material.is_none(), report.has_errors(), "{report}");
        (material, self.redact(&report.to_string()))
    }

    /// The report on files that cannot be used.
    fn refusal(&self) -> String {
        let (material, said) = self.load_beside(&[]);
        assert!(material.is_none(), "taken: {said}");
        said
    }

    /// The report on files that can be used; asks whether they do what they are for.
    fn remarks(&self) -> String {
        let (material, said) = self.load_beside(&[]);
        let material = material.unwrap_or_else(|| panic!("refused: {said}"));
        rustls::ServerConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(
            material.certified_key(),
        )));
        said
    }

    fn write_server(&self, issued: &Issued) {
        self.write("www.crt", issued.certificate_pem());
        self.write("www.key", issued.key_pem());
    }
}

fn authorities() -> (Authority, Authority) {
    let root = Authority::root("Root CA").unwrap();
    let issuing = root.intermediate("Issuing CA").authority().unwrap();
    (root, issuing)
}

fn server(authority: &Authority) -> Issued {
    authority.server(["www.example.com"]).issue().unwrap()
}

fn self_signed() -> Issued {
    self_signed_server(["www.example.com"]).issue().unwrap()
}

/// Whether nothing is said but that the certificate signs itself.
fn assert_self_signed_only(said: &str) {
    assert!(said.contains("which is self-signed"), "{said}");
    assert_eq!(said.matches("gateway.toml:").count(), 1, "{said}");
}

#[test]
fn a_chain_to_a_public_root_needs_no_remark() {
    let lab = Lab::new();
    let (root, issuing) = authorities();
    let leaf = server(&issuing);
    lab.write_server(&leaf);
    lab.write("www.crt", format!("{}{}", leaf.certificate_pem(), issuing.certificate_pem()));
    let anchor = webpki::anchor_from_trusted_cert(root.der()).unwrap();
    let (material, said) = lab.load_beside(&[anchor]);
    let material = material.unwrap();
    assert_eq!(said, "");
    assert!(material.publicly_trusted);
    assert_eq!(material.chain.len(), 2);
    assert_eq!(material.claims[1].subject, "CN=Issuing CA");
}

#[test]
fn a_private_chain_is_used_with_one_remark() {
    let lab = Lab::new();
    let (_, issuing) = authorities();
    lab.write_server(&server(&issuing));
    insta::assert_snapshot!("private_chain", lab.remarks());
    lab.write_server(&self_signed());
    insta::assert_snapshot!("self_signed", lab.remarks());
}

#[test]
fn every_algorithm_that_clients_speak_is_used() {
    for algorithm in [
        Algorithm::EcP256,
        Algorithm::EcP384,
        Algorithm::EcP521,
        Algorithm::Ed25519,
        Algorithm::Rsa2048,
    ] {
        let lab = Lab::new();
        let issued = self_signed_server(["www.example.com"]).algorithm(algorithm).issue().unwrap();
        lab.write_server(&issued);
        assert_self_signed_only(&lab.remarks());
    }
}

#[test]
fn both_files_are_complained_of_at_once() {
    let lab = Lab::new();
    insta::assert_snapshot!("both_missing", lab.refusal());
    let issued = self_signed();
    lab.write("www.crt", issued.key_pem());
    lab.write("www.key", issued.certificate_pem());
    insta::assert_snapshot!("swapped", lab.refusal());
}

#[test]
fn a_damaged_or_empty_file_is_told_from_one_of_another_kind() {
    let lab = Lab::new();
    let issued = self_signed();
    lab.write_server(&issued);
    lab.write("www.crt", "");
    let mut said = lab.refusal();
    lab.write("www.crt", &issued.certificate_pem()[..200]);
    said += &lab.refusal();
    lab.write(
        "www.crt",
        format!("{}{}", issued.certificate_pem(), &issued.certificate_pem()[..200]),
    );
    said += &lab.refusal();
    lab.write(
        "www.crt",
        format!("{}\n{}", &issued.certificate_pem()[..200], issued.certificate_pem()),
    );
    said += &lab.refusal();
    lab.write("www.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    said += &lab.refusal();
    lab.write("www.crt", "<html>404 not found</html>\n");
    said += &lab.refusal();
    insta::assert_snapshot!("damaged", said);
}

#[test]
fn a_certificate_in_der_is_answered_with_the_command_that_converts_it() {
    let lab = Lab::new();
    let issued = self_signed();
    lab.write_server(&issued);
    lab.write("www.crt", issued.der());
    insta::assert_snapshot!("certificate_in_der", lab.refusal());
}

#[test]
fn a_key_of_another_certificate_is_refused_with_both_hashes() {
    let lab = Lab::new();
    lab.write_server(&self_signed());
    lab.write("www.key", self_signed().key_pem());
    insta::assert_snapshot!("mismatch", lab.refusal());
}

#[test]
fn the_key_of_the_ca_is_refused_once_and_sends_nobody_to_another_order() {
    let lab = Lab::new();
    let (_, issuing) = authorities();
    let leaf = server(&issuing);
    lab.write("www.key", issuing.key_pem());
    let (leaf, above) = (leaf.certificate_pem(), issuing.certificate_pem());
    lab.write("www.crt", format!("{leaf}{above}"));
    insta::assert_snapshot!("key_of_the_ca", lab.refusal());
}

#[test]
fn beside_the_key_of_the_ca_the_servers_own_is_used() {
    let lab = Lab::new();
    let (_, issuing) = authorities();
    let leaf = server(&issuing);
    lab.write("www.key", issuing.key_pem() + &leaf.key_pem());
    let (leaf, above) = (leaf.certificate_pem(), issuing.certificate_pem());
    lab.write("www.crt", format!("{leaf}{above}"));
    assert!(lab.remarks().contains("holds 2 private keys"));
}

#[test]
fn of_several_keys_the_one_that_belongs_is_used() {
    let lab = Lab::new();
    let issued = self_signed();
    lab.write_server(&issued);
    lab.write("www.key", format!("{}{}", self_signed().key_pem(), issued.key_pem()));
    insta::assert_snapshot!("two_keys", lab.remarks());
}

#[test]
fn certificate_and_key_may_share_a_file() {
    let lab = Lab::new();
    let issued = self_signed();
    let both = format!("{}{}", issued.key_pem(), issued.certificate_pem());
    lab.write("www.crt", &both);
    lab.write("www.key", &both);
    assert_self_signed_only(&lab.remarks());
}

#[test]
fn a_chain_in_the_wrong_order_is_refused_with_the_right_one() {
    let lab = Lab::new();
    let (root, issuing) = authorities();
    let leaf = server(&issuing);
    lab.write_server(&leaf);
    lab.write(
        "www.crt",
        [root.certificate_pem(), issuing.certificate_pem(), leaf.certificate_pem()].concat(),
    );
    insta::assert_snapshot!("wrong_order", lab.refusal());
}

#[test]
fn a_gap_and_a_stranger_in_the_chain_are_refused() {
    let lab = Lab::new();
    let (root, issuing) = authorities();
    let leaf = server(&issuing);
    let stranger = Authority::root("Somebody Else").unwrap();
    let namesake = root.intermediate("Issuing CA").authority().unwrap();
    lab.write_server(&leaf);
    let mut said = String::new();
    for above in [
        vec![root.certificate_pem()],
        vec![namesake.certificate_pem()],
        vec![issuing.certificate_pem(), stranger.certificate_pem()],
    ] {
        lab.write("www.crt", format!("{}{}", leaf.certificate_pem(), above.concat()));
        said += &lab.refusal();
    }
    insta::assert_snapshot!("gap_and_stranger", said);
}

#[test]
fn a_chain_longer_than_needed_is_used() {
    let lab = Lab::new();
    let (root, issuing) = authorities();
    let leaf = server(&issuing);
    lab.write_server(&leaf);
    lab.write(
        "www.crt",
        [
            leaf.certificate_pem(),
            issuing.certificate_pem(),
            issuing.certificate_pem(),
            root.certificate_pem(),
        ]
        .concat(),
    );
    insta::assert_snapshot!("longer_than_needed", lab.remarks());
}

#[test]
fn a_certificate_for_other_names_is_refused_once_a_name() {
    let lab = Lab::new();
    let issued = self_signed_server(["example.com", "192.0.2.7"]).issue().unwrap();
    lab.write_server(&issued);
    let mut site = lab.site();
    let span = site.server_names[0].span.clone();
    for name in [
        ServerName::Address("192.0.2.7".parse().unwrap()),
        ServerName::Wildcard("example.com".to_owned()),
    ] {
        site.server_names.push(crate::config::Located::new(name, span.clone()));
    }
    let (material, said) = lab.load_site(&site, &[]);
    assert!(material.is_none());
    insta::assert_snapshot!("other_names", said);
}

#[test]
fn a_name_in_the_common_name_only_is_used_with_a_remark() {
    let lab = Lab::new();
    let root = Authority::root("Root CA").unwrap();
    lab.write_server(&root.server(["www.example.com"]).without_names().issue().unwrap());
    insta::assert_snapshot!("common_name_only", lab.remarks());
}

#[test]
fn a_certificate_that_begins_later_is_used_with_a_remark() {
    let lab = Lab::new();
    let root = Authority::root("Root CA").unwrap();
    let anchor = webpki::anchor_from_trusted_cert(root.der()).unwrap();
    let mut all = String::new();
    for draft in [
        root.server(["www.example.com"]).not_yet_valid(),
        // What runs out is told by the generation.
        root.server(["www.example.com"]).expired(),
    ] {
        lab.write_server(&draft.issue().unwrap());
        let (material, said) = lab.load_beside(std::slice::from_ref(&anchor));
        assert!(material.unwrap().publicly_trusted);
        // A second may pass between two readings of the clock.
        all += &said.replace("another 2 days", "another 3 days");
    }
    insta::assert_snapshot!("not_yet_valid", all);
}

#[cfg(unix)]
#[test]
fn a_key_that_others_may_read_is_remarked_on() {
    use std::os::unix::fs::PermissionsExt as _;
    let lab = Lab::new();
    lab.write_server(&self_signed());
    let mut all = String::new();
    for mode in [0o640, 0o644] {
        std::fs::set_permissions(lab.path("www.key"), std::fs::Permissions::from_mode(mode))
            .unwrap();
        all += &lab.remarks();
    }
    insta::assert_snapshot!("readable_key", all);
}

/// Keys and certificates as the `openssl` commands of everyday guides make them.
mod by_openssl {
    use super::*;

    #[test]
    fn the_version_1_self_signed_certificate_of_the_guides_works() {
        let lab = Lab::new();
        if !lab.openssl("genrsa -traditional -out www.key 2048")
            || !lab.openssl(
                "req -new -subj /C=US/O=Company/CN=www.example.com -key www.key -out www.csr",
            )
            || !lab.openssl("x509 -req -days 3650 -in www.csr -signkey www.key -out www.crt")
        {
            return;
        }
        let pem = std::fs::read_to_string(lab.path("www.key")).unwrap();
        assert!(pem.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
        insta::assert_snapshot!("guide_v1", lab.remarks());
        // The request in the certificate's place, and in the key's.
        std::fs::copy(lab.path("www.csr"), lab.path("www.crt")).unwrap();
        let mut said = lab.refusal();
        std::fs::copy(lab.path("www.csr"), lab.path("www.key")).unwrap();
        said += &lab.refusal();
        insta::assert_snapshot!("request_instead", said);
    }

    #[test]
    fn every_plain_form_of_a_key_is_read() {
        for make in [
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out www.key",
            "ecparam -genkey -name prime256v1 -out www.key",
            "ecparam -genkey -name secp384r1 -noout -out www.key",
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out www.key",
            "genpkey -algorithm ED25519 -out www.key",
        ] {
            let lab = Lab::new();
            if !lab.openssl(make)
                || !lab.openssl(
                    "req -x509 -days 365 -new -key www.key -subj /CN=www.example.com -addext \
                    subjectAltName=DNS:www.example.com -text -out www.crt",
                )
            {
                return;
            }
            assert_self_signed_only(&lab.remarks());
        }
    }

    #[test]
    fn keys_that_cannot_be_used_say_why() {
        let lab = Lab::new();
        lab.write_server(&self_signed());
        let mut all = String::new();
        for make in [
            "genrsa -out www.key 1024",
            "genpkey -algorithm RSA-PSS -out www.key",
            "ecparam -genkey -name secp256k1 -noout -out www.key",
            "genpkey -algorithm ED448 -out www.key",
            "genpkey -algorithm X25519 -out www.key",
            "genrsa -aes256 -passout pass:secret -out www.key 2048",
            "genrsa -traditional -aes256 -passout pass:secret -out www.key 2048",
            "ecparam -name prime256v1 -out www.key",
        ] {
            if !lab.openssl(make) {
                return;
            }
            all += &format!("# openssl {make}\n{}", lab.refusal());
        }
        if lab.openssl("dsaparam -genkey -noout -out www.key 1024") {
            all += &format!("# DSA\n{}", lab.refusal());
        }
        insta::assert_snapshot!("unusable_keys", all);
    }

    #[test]
    fn a_curve_that_is_spelled_out_is_refused() {
        let lab = Lab::new();
        if !lab.openssl("ecparam -genkey -name prime256v1 -param_enc explicit -noout -out www.key")
            || !lab.openssl(
                "req -x509 -new -key www.key -subj /CN=www.example.com -addext \
            subjectAltName=DNS:www.example.com -days 365 -out www.crt",
            )
        {
            return;
        }
        insta::assert_snapshot!("explicit_curve", lab.refusal());
    }

    #[test]
    fn other_containers_are_answered_with_the_command_that_opens_them() {
        let lab = Lab::new();
        let issued = self_signed();
        lab.write_server(&issued);
        let mut all = String::new();
        for make in [
            "pkcs12 -export -in good.crt -inkey good.key -passout pass:x -out www.crt",
            "pkcs12 -export -in good.crt -inkey good.key -passout pass:x -out www.key",
            "crl2pkcs7 -nocrl -certfile good.crt -out www.crt",
            "crl2pkcs7 -nocrl -certfile good.crt -outform DER -out www.crt",
            "pkey -in good.key -outform DER -out www.key",
            "pkcs8 -topk8 -in good.key -outform DER -passout pass:x -out www.key",
            "pkey -in good.key -pubout -out www.key",
            "pkey -in good.key -pubout -outform DER -out www.crt",
        ] {
            lab.write_server(&issued);
            lab.write("good.crt", issued.certificate_pem());
            lab.write("good.key", issued.key_pem());
            if !lab.openssl(make) {
                return;
            }
            all += &format!("# openssl {make}\n{}", lab.refusal());
        }
        insta::assert_snapshot!("containers", all);
    }

    #[test]
    fn a_trusted_certificate_is_a_certificate() {
        let lab = Lab::new();
        let issued = self_signed();
        lab.write_server(&issued);
        lab.write("good.crt", issued.certificate_pem());
        if lab.openssl("x509 -in good.crt -trustout -addtrust serverAuth -out www.crt") {
            assert_self_signed_only(&lab.remarks());
        }
    }

    #[test]
    fn a_public_certificate_without_its_intermediate_is_refused() {
        let lab = Lab::new();
        let (_, issuing) = authorities();
        lab.write("ca.crt", issuing.certificate_pem());
        lab.write("ca.key", issuing.key_pem());
        // A list of one signed timestamp (RFC 6962, section 3.3), as public CAs embed; all but the
        // lengths is zero.
        let mut timestamps = vec![0x04, 55, 0, 53, 0, 51];
        timestamps.extend([0; 32 + 1 + 8 + 2]);
        timestamps.extend([4, 3, 0, 4, 0, 0, 0, 0]);
        let hex: Vec<String> = timestamps.iter().map(|byte| format!("{byte:02x}")).collect();
        lab.write(
            "ext",
            format!(
                "subjectAltName=DNS:www.example.com\n1.3.6.1.4.1.11129.2.4.2=DER:{}\n",
                hex.join(":")
            ),
        );
        if !lab.openssl(
            "req -new -newkey rsa:2048 -nodes -keyout www.key -subj \
            /CN=www.example.com -out www.csr",
        ) || !lab.openssl(
            "x509 -req -days 365 -in www.csr -CA ca.crt -CAkey ca.key -CAcreateserial \
                -extfile ext -out www.crt",
        ) {
            return;
        }
        insta::assert_snapshot!("public_without_intermediate", lab.refusal());
    }

    #[test]
    fn weak_links_are_remarked_on() {
        let lab = Lab::new();
        lab.write("ext", "subjectAltName=DNS:www.example.com\n");
        for make in [
            "req -x509 -days 365 -newkey rsa:1024 -nodes -keyout ca.key -subj /CN=Weak -out ca.crt",
            "req -new -newkey rsa:2048 -nodes -keyout www.key -subj /CN=www.example.com -out \
                www.csr",
            "x509 -req -days 365 -sha1 -in www.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile ext \
                -out leaf.crt",
        ] {
            if !lab.openssl(make) {
                return;
            }
        }
        let read = |name| std::fs::read_to_string(lab.path(name)).unwrap();
        lab.write("www.crt", read("leaf.crt") + &read("ca.crt"));
        insta::assert_snapshot!("weak_links", lab.remarks());
    }
}
