//! `docs/reference/log.md` beside what a gateway really writes.

use std::collections::BTreeSet;
use std::fs;

use mtls_gateway::config::AccessField;
use mtls_gateway::pki::Authority;
use serde_json::Value;

use crate::blocks::blocks;
use crate::stage::Stage;
use crate::tables::{code, reference, rows, section};

/// Fields that every event has.
const COMMON: [&str; 3] = ["timestamp", "level", "target"];

#[test]
fn the_fields_of_the_log_are_those_of_its_page() {
    let Some(mut stage) = Stage::new() else {
        return;
    };
    // A client with a certificate, whose app is down, then with another one, then with none, and a CA that has run
    // out beside its own: a line of each kind.
    let (well, printed) = stage.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=CA -keyout ca.key -out ca.crt
        openssl req -newkey rsa:2048 -nodes -subj /CN=client -keyout test.key -out test.csr
        printf 'extendedKeyUsage=clientAuth\\n' > test.ext
        openssl x509 -req -in test.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
            -extfile test.ext -out test.crt
        openssl req -newkey rsa:2048 -nodes -subj /CN=client -keyout new.key -out new.csr
        openssl x509 -req -in new.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
            -extfile test.ext -out new.crt
        mkdir -p /etc/mtls-gateway
        cp www.example.com.* ca.crt /etc/mtls-gateway/",
    );
    assert!(well, "{printed}");
    let config = crate::SMALLEST
        .replace("ca/TencentQQAuthCA.crt", "ca.crt")
        .replace("127.0.0.1:8080", "127.0.0.1:8443")
        + "[log]\nformat = \"json\"\n";
    let path = stage.rewrite("/etc/mtls-gateway/gateway.toml");
    fs::write(path, stage.rewrite(&config)).unwrap();
    let old = Authority::draft("Old CA").expired().authority().unwrap();
    let ca = stage.rewrite("/etc/mtls-gateway/ca.crt");
    let both = fs::read_to_string(&ca).unwrap() + old.certificate_pem();
    fs::write(ca, both).unwrap();
    stage.start_service();
    let expiry = stage.service_line(|line| line.contains(r#""target":"expiry""#));
    let call = "curl --silent --insecure --connect-to ::127.0.0.1:443 https://www.example.com/";
    let (well, printed) = stage.run(&format!("{call} --cert test.crt --key test.key"));
    assert!(well, "{printed}");
    let upstream = stage.service_line(|line| line.contains(r#""target":"upstream""#));
    let access = stage.service_line(|line| line.contains(r#""target":"access""#));
    let (well, printed) = stage.run(&format!("{call} --cert new.crt --key new.key"));
    assert!(well, "{printed}");
    let drift = stage.service_line(|line| line.contains(r#""target":"drift""#));
    let (well, _) = stage.run(call);
    assert!(!well);
    let refusal = stage.service_line(|line| line.contains(r#""target":"refusal""#));
    for (target, line) in [
        ("upstream", &upstream),
        ("access", &access),
        ("refusal", &refusal),
        ("expiry", &expiry),
        ("drift", &drift),
    ] {
        assert_eq!(fields(line), documented(target), "{line}");
    }
}

#[test]
fn the_examples_of_the_log_have_its_fields() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/log.md");
    let examples: Vec<_> = blocks(&page).into_iter().filter(|block| block.is("log")).collect();
    for (example, target) in
        examples.iter().zip(["access", "refusal", "upstream", "expiry", "drift"])
    {
        let event: Value = serde_json::from_str(&example.text).unwrap();
        assert_eq!(event["target"], target);
        assert_eq!(fields(&example.text), documented(target));
    }
    assert_eq!(examples.len(), 5);
}

#[test]
fn the_names_of_patterns_are_those_of_the_page() {
    let page = reference("log.md");
    let own = rows(section(&page, "Patterns"));
    let own = own.iter().filter_map(|row| code(&row[0])?.strip_prefix('$'));
    let mut known: Vec<_> = vec!["timestamp".to_owned()];
    known.extend(
        rows(section(&page, "`access`")).iter().filter_map(|row| code(&row[0]).map(str::to_owned)),
    );
    known.extend(own.map(str::to_owned));
    let fields: Vec<_> = AccessField::ALL.iter().map(|field| field.as_str()).collect();
    assert_eq!(known, fields);
}

fn documented(target: &str) -> BTreeSet<String> {
    let page = reference("log.md");
    let rows = rows(section(&page, &format!("`{target}`")));
    let own = rows.iter().filter_map(|row| code(&row[0]));
    own.chain(COMMON).map(str::to_owned).collect()
}

fn fields(event: &str) -> BTreeSet<String> {
    let event: Value = serde_json::from_str(event).unwrap();
    event.as_object().unwrap().keys().cloned().collect()
}
