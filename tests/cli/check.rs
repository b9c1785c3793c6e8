//! `check`: every problem at once, or a summary, for people and for programs.

use std::ffi::OsStr;
use std::net::TcpListener;

use mtls_gateway::pki::Authority;
use serde_json::Value;

use crate::support::{Place, any_port, output, program, stderr, stdout};

fn check(path: &std::path::Path) -> std::process::Output {
    output([OsStr::new("check"), OsStr::new("--config"), path.as_os_str()])
}

fn check_json(path: &std::path::Path) -> (Option<i32>, Value) {
    let config = path.as_os_str();
    let output = output([OsStr::new("check"), OsStr::new("--json"), OsStr::new("-c"), config]);
    let document = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code(), document)
}

#[test]
fn a_good_file_is_summarised() {
    let place = Place::new();
    let app = TcpListener::bind(any_port()).unwrap();
    let config = place.config(
        any_port(),
        app.local_addr().unwrap(),
        "[site.client]\nallow = [{ subject_cn = \"caller\" }]\n",
    );
    let output = check(&config);
    let summary = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{summary}");
    for part in [
        "is ready to serve",
        "listener            127.0.0.1:0",
        "\n  access log          stderr, text\n",
        "site localhost",
        "server certificate  CN=localhost",
        "issued by CN=Test Server CA",
        "days left",
        "not publicly trusted",
        "client CA           CN=Test Client CA",
        "sha256 ",
        "admits only         subject_cn = \"caller\"",
        "                    reachable",
    ] {
        assert!(summary.contains(part), "{part:?} is missing in\n{summary}");
    }
    assert!(!summary.contains('\u{1b}'), "colour without a terminal");
}

#[test]
fn where_operators_look_and_what_runs_out_is_told() {
    let place = Place::new();
    let app = TcpListener::bind(any_port()).unwrap();
    let tables = "[admin]\naddress = \"127.0.0.1:9443\"\nsocket = \"admin.sock\"\n\
         [warnings]\nexpiry_days = [400, 100]\n";
    let config = place.config(any_port(), app.local_addr().unwrap(), tables);
    let socket = place.path().join("admin.sock").display().to_string();
    let expected = format!(
        "  operators look at   http://127.0.0.1:9443/status\n  and                 unix:{socket}\n"
    );
    let summary = output(["check", "--config", config.to_str().unwrap()]);
    assert!(stdout(&summary).contains(&expected), "{}", stdout(&summary));
    let (_, document) = check_json(&config);
    assert_eq!(document["admin"]["address"], "127.0.0.1:9443");
    assert_eq!(document["admin"]["socket"], socket);
    assert_eq!(document["expiry_days"], serde_json::json!([100, 400]));

    // A CA of a year: 400 days are more than a third of its life, and 100 days are not near.
    let problems = |document: &Value| document["problems"].to_string();
    assert!(!problems(&document).contains("expires in"), "{document}");
    let old = Authority::draft("Old CA").expired().authority().unwrap();
    let clients = std::fs::read_to_string(place.path().join("clients.crt")).unwrap();
    place.write("clients.crt", &format!("{clients}{}", old.certificate_pem()));
    let (code, document) = check_json(&config);
    assert_eq!(code, Some(0));
    let problems = document["problems"].as_array().unwrap();
    let found =
        problems.iter().find(|problem| problem["what"].to_string().contains("expired 3 days ago"));
    let found = found.unwrap_or_else(|| panic!("{document}"));
    assert_eq!(found["severity"], "warning");
    assert_eq!(found["line"], 8);
    assert!(found["fix"].as_str().unwrap().starts_with("take it out of the file"), "{found}");
}

#[test]
fn where_access_lines_go_is_told() {
    let place = Place::new();
    let app = TcpListener::bind(any_port()).unwrap().local_addr().unwrap();
    let log = place.path().join("access.log").display().to_string();
    for (table, told, target, format) in [
        (
            "target = \"access.log\"\nformat = \"combined\"",
            format!("{log}, combined"),
            &*log,
            "combined",
        ),
        ("target = \"off\"", "off".to_owned(), "off", "text"),
    ] {
        let config = place.config(any_port(), app, &format!("[access_log]\n{table}\n"));
        let summary = check(&config);
        let expected = format!("\n  access log          {told}\n");
        assert!(stdout(&summary).contains(&expected), "{}", stdout(&summary));
        let (_, document) = check_json(&config);
        assert_eq!(document["access_log"]["target"], target);
        assert_eq!(document["access_log"]["format"], format);
    }
    let broken = place.config(any_port(), app, "[access_log]\ntarget = \"none/a.log\"\n");
    assert_eq!(check_json(&broken).1["access_log"]["target"], Value::Null);
}

#[test]
fn the_rules_of_a_site_are_printed() {
    let place = Place::new();
    let app = TcpListener::bind(any_port()).unwrap();
    let tables = "[site.client]\n\
         allow = [{ san_dns = [\"*.example.com\", \"b\"], issuer_cn = \"CA\" }, { san_ip = \"::1\" }]\n\
         deny = [{ serial = \"1A\" }]\n\
         [site.identity_headers]\nformats = [\"rfc9440\", \"xfcc\"]\n";
    let config = place.config(any_port(), app.local_addr().unwrap(), tables);
    let output = check(&config);
    let summary = stdout(&output);
    let expected = "  admits only         san_dns = [\"*.example.com\", \"b\"], issuer_cn = \"CA\"\n  \
        or                  san_ip = \"::1\"\n  \
        but never           serial = \"1A\"\n";
    assert!(summary.contains(expected), "{summary}");
    let formats = "identity headers    rfc9440, xfcc";
    assert!(summary.contains(formats), "{summary}");
    let (_, document) = check_json(&config);
    let site = &document["sites"][0];
    assert_eq!(site["allow"][0]["san_dns"][1], "b");
    assert_eq!(site["allow"][0]["subject_cn"], Value::Null);
    assert_eq!(site["deny"][0]["serial"][0], "1A");
    assert_eq!(site["identity_headers"][1], "xfcc");
}

#[test]
fn a_site_that_serves_unverified_clients_is_said_to() {
    let place = Place::new();
    let app = TcpListener::bind(any_port()).unwrap();
    for (mode, who) in [
        ("require", None),
        ("optional", Some("clients without a certificate\n")),
        ("request", Some("clients without a certificate, and with one that does not verify")),
    ] {
        let tables = format!("[site.client]\nmode = \"{mode}\"\n");
        let config = place.config(any_port(), app.local_addr().unwrap(), &tables);
        let output = check(&config);
        let summary = stdout(&output);
        match who {
            None => assert!(!summary.contains("\n  mode "), "{summary}"),
            Some(who) => {
                let said = format!(
                    "  mode                {mode}\n{:22}reach the app unverified: {who}",
                    ""
                );
                assert!(summary.contains(&said), "{summary}");
            }
        }
        assert_eq!(check_json(&config).1["sites"][0]["mode"], mode);
    }
}

#[test]
fn pins_and_what_is_old_are_shown() {
    let place = Place::new();
    let app = TcpListener::bind(any_port()).unwrap();
    let pin = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752";
    let tables = format!(
        "[site.client]\npinned_spki_sha256 = [\"{pin}\"]\naccept_legacy = [\"x509_v1\", \"rsa_1024\"]\n"
    );
    let config = place.config(any_port(), app.local_addr().unwrap(), &tables);
    let text = std::fs::read_to_string(&config).unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("client_ca"));
    std::fs::write(&config, lines.collect::<Vec<_>>().join("\n")).unwrap();
    let output = check(&config);
    let summary = stdout(&output);
    for part in [
        "warning: clients are let in with certificates of X.509 version 1",
        "warning: RSA keys of 1024 bits are believed",
        &format!("client key          sha256 {pin}"),
        "admits              every certificate with one of these keys",
        "although it is old  x509_v1, rsa_1024",
        "TLS                 1.2\n",
    ] {
        assert!(summary.contains(part), "{part:?} is missing in\n{summary}");
    }
    let (code, document) = check_json(&config);
    assert_eq!(code, Some(0));
    let site = &document["sites"][0];
    assert_eq!(site["pinned_spki_sha256"][0], pin);
    assert_eq!(site["client_ca"].as_array().map(Vec::len), Some(0));
    assert_eq!(site["accept_legacy"][1], "rsa_1024");
    assert_eq!(site["tls_version_max"], "1.2");
}

#[test]
fn an_app_that_is_down_is_noted_and_no_error() {
    let place = Place::new();
    // Bound and dropped: nobody listens there now.
    let nobody = TcpListener::bind(any_port()).unwrap().local_addr().unwrap();
    let config = place.config(any_port(), nobody, "");
    let output = check(&config);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("not reachable now: connection refused: nothing listens"));
    assert!(stdout(&output).contains("every certificate of these CAs"));
}

#[test]
fn the_json_document_says_the_same() {
    let place = Place::new();
    let app = TcpListener::bind(any_port()).unwrap();
    let config = place.config(any_port(), app.local_addr().unwrap(), "");
    let (code, document) = check_json(&config);
    assert_eq!(code, Some(0));
    assert_eq!(document["ok"], true);
    assert_eq!(document["listeners"][0]["address"], "127.0.0.1:0");
    let site = &document["sites"][0];
    assert_eq!(site["server_names"][0], "localhost");
    assert_eq!(site["certificate"]["subject"], "CN=localhost");
    // A year less the day that it is old; 363 once a second has passed.
    let days_left = site["certificate"]["days_left"].as_i64().unwrap();
    assert!((363..=364).contains(&days_left), "{days_left}");
    assert_eq!(site["publicly_trusted"], false);
    assert_eq!(site["client_ca"][0]["subject"], "CN=Test Client CA");
    assert_eq!(site["client_ca"][0]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(site["tls_version_min"], "1.2");
    assert_eq!(site["upstream"]["reachable"], true);
}

#[test]
fn every_problem_of_a_file_is_told_at_once_and_exits_with_78() {
    let place = Place::new();
    let config = place.write(
        "gateway.toml",
        "[[listener]]\nadress = \"127.0.0.1:0\"\n\n[[site]]\nserver_names = [\"a b\"]\n\
         upstream = \"ftp://app\"\n",
    );
    let output = check(&config);
    let report = stdout(&output);
    assert_eq!(output.status.code(), Some(78));
    for part in [
        "gateway.toml:2:1: unknown key `adress`",
        "did you mean `address`?",
        "gateway.toml:5:",
        "gateway.toml:6:",
        "lacks `certificate`, `private_key`, `client_ca`",
        " errors",
    ] {
        assert!(report.contains(part), "{part:?} is missing in\n{report}");
    }
    let (code, document) = check_json(&config);
    assert_eq!(code, Some(78));
    assert_eq!(document["ok"], false);
    let problems = document["problems"].as_array().unwrap();
    assert!(problems.len() >= 4, "{problems:#?}");
    let unknown = problems.iter().find(|p| p["line"] == 2).unwrap();
    assert_eq!(unknown["severity"], "error");
    assert_eq!(unknown["column"], 1);
    assert_eq!(unknown["what"], "unknown key `adress` in `[[listener]]`");
    assert_eq!(unknown["fix"], "did you mean `address`?");
}

#[test]
fn problems_of_all_named_files_are_told_at_once() {
    let place = Place::new();
    let config = place.config(any_port(), "127.0.0.1:1".parse().unwrap(), "");
    std::fs::remove_file(place.path().join("server.key")).unwrap();
    place.write("clients.crt", "nothing of the kind\n");
    let output = check(&config);
    let report = stdout(&output);
    assert_eq!(output.status.code(), Some(78));
    assert!(report.contains("server.key`, which does not exist"), "{report}");
    assert!(report.contains("clients.crt`, which holds no certificate"), "{report}");
    assert!(report.contains(": warning: `certificate`"), "{report}");
    assert!(report.ends_with("\n2 errors, 1 warning\n"), "{report}");
}

#[test]
fn a_filter_that_the_log_cannot_read_is_an_error() {
    let place = Place::new();
    let app = "127.0.0.1:1".parse().unwrap();
    let config = place.config(any_port(), app, "[log]\nlevel = \"info,[[=x\"\n");
    let output = check(&config);
    assert_eq!(output.status.code(), Some(78), "{}", stdout(&output));
    let report = stdout(&output);
    assert!(report.contains("gateway.toml:12:9: `level` is no filter"), "{report}");
}

#[test]
fn without_a_name_both_places_that_were_looked_at_are_told() {
    let place = Place::new();
    let etc = std::path::Path::new("/etc/mtls-gateway/gateway.toml");
    if etc.exists() {
        return;
    }
    let mut check = program([OsStr::new("check")]);
    let output = check.current_dir(place.path()).output().unwrap();
    let report = stdout(&output);
    assert_eq!(output.status.code(), Some(78));
    assert!(report.contains("/etc/mtls-gateway/gateway.toml: there is no such file"), "{report}");
    assert!(report.contains("no `gateway.toml` in this folder either"), "{report}");
}

#[test]
fn a_missing_file_is_a_problem_like_others() {
    let place = Place::new();
    let config = place.path().join("elsewhere.toml");
    let output = check(&config);
    assert_eq!(output.status.code(), Some(78));
    assert!(stdout(&output).contains("elsewhere.toml: there is no such file"));
    let (code, document) = check_json(&config);
    assert_eq!(code, Some(78));
    assert_eq!(document["problems"][0]["what"], "there is no such file");
    assert_eq!(document["problems"][0]["line"], Value::Null);
    assert_eq!(document["sites"], Value::Array(Vec::new()));
}

#[test]
fn a_socket_takes_no_files_place_and_has_a_folder() {
    let place = Place::new();
    let tables = "[runtime]\ncontrol_socket = \"server.key\"\n[admin]\nsocket = \"none/a.sock\"\n";
    let config = place.config(any_port(), "127.0.0.1:1".parse().unwrap(), tables);
    let key = std::fs::read(place.path().join("server.key")).unwrap();
    for said in [check(&config), output([OsStr::new("run"), OsStr::new("-c"), config.as_os_str()])]
    {
        assert_eq!(said.status.code(), Some(78));
        let report = format!("{}{}", stdout(&said), stderr(&said));
        for part in [
            "server.key`, which is a file and no socket",
            "fix:  name a place of its own",
            "none`, which is not there",
            "fix:  make its folder, which the gateway's user must be able to write to",
        ] {
            assert!(report.contains(part), "{part:?} is missing in\n{report}");
        }
    }
    assert_eq!(std::fs::read(place.path().join("server.key")).unwrap(), key);
}

#[test]
fn a_folder_below_run_may_be_made_later() {
    let place = Place::new();
    let tables = "[runtime]\ncontrol_socket = \"/run/no-such-service/control.sock\"\n";
    let said = check(&place.config(any_port(), "127.0.0.1:1".parse().unwrap(), tables));
    assert_eq!(said.status.code(), Some(0), "{}", stdout(&said));
    assert!(stdout(&said).contains("`/run/no-such-service`, which is not there"));
}
