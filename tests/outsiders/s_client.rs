//! `openssl s_client`: the handshake in detail, and the alert that each refused client gets.

use std::io::Write as _;
use std::process::{ChildStdin, Command};

use crate::material::Folder;
use crate::process::{self, Finished, Lines, Process, are_installed};
use crate::stage::{SITE, Stage};

const REQUEST: &[u8] = b"GET /hello HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n";

const CLIENT: [&str; 4] = ["-cert", "client.crt", "-key", "client.key"];
const NAME: [&str; 2] = ["-servername", "www.example.com"];

#[test]
fn a_verified_request_is_answered_in_both_versions() {
    let Some(mut stage) = Stage::new("openssl") else {
        return;
    };
    for (flag, version) in [("-tls1_3", "New, TLSv1.3"), ("-tls1_2", "New, TLSv1.2")] {
        let said = s_client(&stage, &[&CLIENT, &NAME, &[flag]]).text();
        assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
        assert!(said.contains(version), "{said}");
        assert!(said.contains("HTTP/1.1 200 OK"), "{said}");
        assert_eq!(stage.app.next().text("path"), "/hello");
    }
}

#[test]
fn a_handshake_in_small_pieces_is_as_good() {
    let Some(stage) = Stage::new("openssl") else {
        return;
    };
    for flag in ["-tls1_3", "-tls1_2"] {
        let pieces = ["-max_send_frag", "512", flag];
        let said = s_client(&stage, &[&CLIENT, &NAME, &pieces]).text();
        assert!(said.contains("HTTP/1.1 200 OK"), "{said}");
    }
}

#[test]
fn each_refused_client_gets_its_alert_and_leaves_its_reason() {
    let Some(mut stage) = Stage::new("openssl") else {
        return;
    };
    stage.folder.issue_client("expired", "20200101000000Z", "20210101000000Z");
    stage.folder.issue_client("early", "20900101000000Z", "20910101000000Z");
    stage.folder.shell(
        "new strange-ca authority -subj /CN=Strangers
         new stranger client -CA strange-ca.crt -CAkey strange-ca.key -subj /CN=stranger
         new loner client -subj /CN=loner
         new namesake-ca authority -subj '/O=Platform/CN=Client CA'
         new namesake client -CA namesake-ca.crt -CAkey namesake-ca.key -subj /CN=callback
         new usage server -CA client-ca.crt -CAkey client-ca.key -subj /CN=server",
    );
    let refused = [
        ("expired", "alert certificate expired", "expired"),
        ("early", "alert certificate expired", "not-yet-valid"),
        ("stranger", "alert unknown ca", "unknown-ca"),
        ("loner", "alert unknown ca", "unknown-ca"),
        ("namesake", "alert bad certificate", "bad-signature"),
        ("usage", "alert unsupported certificate", "wrong-usage"),
    ];
    for (name, alert, reason) in refused {
        for flag in ["-tls1_3", "-tls1_2"] {
            let files = [format!("{name}.crt"), format!("{name}.key")];
            let identity = ["-cert", &files[0], "-key", &files[1], flag];
            let said = s_client(&stage, &[&identity, &NAME]).failure();
            assert!(said.contains(alert), "{name} {flag}: {said}");
            assert!(!said.contains("HTTP/1.1"), "{name} {flag}: {said}");
            let event = stage.gateway.next_event("refusal");
            assert_eq!(event["reason"], reason, "{name} {flag}: {said}");
            let chain = event["chain"].as_str().unwrap();
            assert!(chain.contains("subject="), "{event}");
        }
    }
    for flag in ["-tls1_3", "-tls1_2"] {
        let said = s_client(&stage, &[&NAME, &[flag]]).failure();
        assert!(said.contains("alert certificate required"), "{said}");
        assert_eq!(stage.gateway.next_refusal(), "no-certificate");
    }
    assert!(stage.app.saw_no_more());
}

#[test]
fn a_client_that_is_too_old_is_told_so_and_the_log_says_what_it_offered() {
    let Some(mut stage) = Stage::new("openssl") else {
        return;
    };
    for (flag, version) in [("-tls1_1", "TLS 1.1"), ("-tls1", "TLS 1.0")] {
        // A library of today offers these only when it is asked to forget its principles.
        let old = [flag, "-cipher", "DEFAULT@SECLEVEL=0"];
        let said = s_client(&stage, &[&CLIENT, &NAME, &old]).failure();
        assert!(said.contains("alert protocol version"), "{said}");
        let event = stage.gateway.next_event("refusal");
        assert_eq!(event["reason"], "tls-too-old");
        assert_eq!(event["versions"], version);
        let sentence = event["message"].as_str().unwrap();
        assert!(sentence.contains(&format!("offered only {version};")), "{event}");
    }
}

#[test]
fn a_site_may_leave_version_1_2_behind() {
    if !are_installed(&["openssl", "python3"]) {
        return;
    }
    let site = format!("{SITE}[site.tls]\nversion_min = \"1.3\"\n");
    let mut stage = Stage::with_site(Folder::with_household(), &site);
    s_client(&stage, &[&CLIENT, &NAME]).text();
    let said = s_client(&stage, &[&CLIENT, &NAME, &["-tls1_2"]]).failure();
    assert!(said.contains("alert protocol version"), "{said}");
    let event = stage.gateway.next_event("refusal");
    assert_eq!(event["reason"], "tls-too-old");
    assert_eq!(event["versions"], "TLS 1.2");
}

#[test]
fn keys_are_renewed_and_a_handshake_is_not() {
    if !are_installed(&["openssl", "python3"]) {
        return;
    }
    let stage = Stage::with_site(Folder::with_household(), SITE);
    // On a line of its own, `K` asks for new keys of both sides (TLS 1.3) and `R` for a new handshake
    // in the connection (TLS 1.2), which is what CVE-2009-3555 needs.
    let (_openssl, mut input, mut lines) = talk(&stage, "-tls1_3");
    input.write_all(b"K\n").unwrap();
    lines.find(|line| line.contains("KEYUPDATE").then_some(()));
    input.write_all(REQUEST).unwrap();
    lines.find(|line| line.contains("HTTP/1.1 200 OK").then_some(()));

    let (_openssl, mut input, mut lines) = talk(&stage, "-tls1_2");
    input.write_all(b"R\n").unwrap();
    lines.find(|line| line.contains("no renegotiation").then_some(()));
}

#[test]
fn the_server_name_chooses_the_site_and_no_name_the_first() {
    if !are_installed(&["openssl", "python3"]) {
        return;
    }
    let folder = Folder::with_household();
    folder.shell(
        "new second server -CA server-ca.crt -CAkey server-ca.key \
            -subj /CN=second.example.com -addext subjectAltName=DNS:second.example.com",
    );
    let second = SITE.replace("www.", "second.").replace("server.", "second.");
    let mut stage = Stage::with_site(folder, &format!("{SITE}\n{second}"));
    let asked: [(&[&str], &str); 4] = [
        (&["-noservername"], "www.example.com"),
        (&NAME, "www.example.com"),
        (&["-servername", "second.example.com"], "second.example.com"),
        (&["-servername", "SECOND.example.com"], "second.example.com"),
    ];
    for (name, subject) in asked {
        let said = s_client(&stage, &[&CLIENT, name]).text().replace(" = ", "=");
        assert!(said.contains(&format!("subject=CN={subject}\n")), "{said}");
    }
    // The site without a name is as strict.
    s_client(&stage, &[&["-noservername"]]).failure();
    assert_eq!(stage.gateway.next_refusal(), "no-certificate");

    let unknown = ["-servername", "third.example.com"];
    let said = s_client(&stage, &[&CLIENT, &unknown]).failure();
    assert!(said.contains("unrecognized name"), "{said}");
    let event = stage.gateway.next_event("refusal");
    assert_eq!(event["reason"], "unknown-server-name");
    assert_eq!(event["sni"], "third.example.com");
}

#[test]
fn the_gateway_names_the_authorities_that_it_trusts() {
    if !are_installed(&["openssl", "python3"]) {
        return;
    }
    let folder = Folder::with_household();
    folder.shell("new other-ca authority -subj '/C=CN/O=Other Platform/CN=Other CA'");
    let both = SITE.replace("\"client-ca.crt\"", "[\"client-ca.crt\", \"other-ca.crt\"]");
    let stage = Stage::with_site(folder, &both);
    for flag in ["-tls1_3", "-tls1_2"] {
        let said = s_client(&stage, &[&CLIENT, &NAME, &[flag, "-groups", "X25519:P-256"]]).text();
        let (_, names) = said
            .split_once("Acceptable client certificate CA names\n")
            .unwrap_or_else(|| panic!("{said}"));
        // TLS 1.2 lists the types of certificate between the names and the algorithms.
        let end = match flag {
            "-tls1_2" => "Client Certificate Types",
            _ => "Requested Signature Algorithms",
        };
        let (names, _) = names.split_once(end).unwrap_or_else(|| panic!("{said}"));
        let names: Vec<String> = names.lines().map(|name| name.replace(" = ", "=")).collect();
        assert_eq!(names, ["O=Platform, CN=Client CA", "C=CN, O=Other Platform, CN=Other CA"]);
        assert!(said.contains("X25519, 253 bits"), "{said}");
    }
}

#[test]
fn a_session_is_resumed_and_the_request_verified() {
    if !are_installed(&["openssl", "python3"]) {
        return;
    }
    let stage = Stage::with_site(Folder::with_household(), SITE);
    // Five more handshakes, each asking for the session of the first.
    let said = s_client(&stage, &[&CLIENT, &NAME, &["-tls1_2", "-reconnect"]]).text();
    assert_eq!(said.matches("New, TLSv1.2").count(), 1, "{said}");
    assert_eq!(said.matches("Reused, TLSv1.2").count(), 5, "{said}");
    assert!(said.contains("200 OK"), "{said}");

    let session = stage.folder.file("session.pem");
    let session = session.to_str().unwrap();
    s_client(&stage, &[&CLIENT, &NAME, &["-tls1_3", "-sess_out", session]]).text();
    let again = ["-tls1_3", "-sess_in", session];
    let said = s_client(&stage, &[&CLIENT, &NAME, &again]).text();
    assert!(said.contains("Reused, TLSv1.3"), "{said}");
    assert!(said.contains("200 OK"), "{said}");
}

#[test]
fn http2_and_http1_are_offered_and_an_unknown_protocol_is_refused() {
    let Some(mut stage) = Stage::new("openssl") else {
        return;
    };
    for (offered, chosen) in [("http/1.1,h2", "h2"), ("http/1.1", "http/1.1")] {
        let alpn = ["-alpn", offered];
        let said = s_client(&stage, &[&CLIENT, &NAME, &alpn]);
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(said.contains(&format!("ALPN protocol: {chosen}\n")), "{said}");
    }
    let said = s_client(&stage, &[&CLIENT, &NAME, &["-alpn", "smtp"]]).failure();
    assert!(said.contains("alert no application protocol"), "{said}");
    assert_eq!(stage.gateway.next_refusal(), "tls-failure");
}

/// Sends [`REQUEST`] and reads until the gateway closes.
#[track_caller]
fn s_client(stage: &Stage, arguments: &[&[&str]]) -> Finished {
    let mut openssl = command(stage);
    openssl.arg("-ign_eof").args(arguments.concat());
    process::run(&mut openssl, REQUEST)
}

/// A conversation, in which single letters are commands; what it prints comes line by line.
fn talk(stage: &Stage, version: &str) -> (Process, ChildStdin, Lines) {
    let mut openssl = command(stage);
    openssl.args(CLIENT).args(NAME).arg(version);
    let mut process = Process::spawn(&mut openssl);
    let (input, lines) = (process.stdin(), process.output());
    (process, input, lines)
}

fn command(stage: &Stage) -> Command {
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-connect", &stage.gateway.address.to_string()]);
    openssl.args(["-CAfile", "server-ca.crt", "-verify_return_error"]);
    openssl.current_dir(stage.folder.path());
    openssl
}

#[test]
fn where_everybody_is_let_in_the_key_of_a_version_1_certificate_is_asked_for_all_the_same() {
    if !are_installed(&["openssl", "python3"]) {
        return;
    }
    let folder = Folder::with_household();
    // Newer openssl makes version 1 only when told to, and older knows no such option.
    folder.shell(
        "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
             -config openssl.cnf -subj /CN=old -keyout old.key -out old.csr
         openssl x509 -req -x509v1 -days 9 -in old.csr -signkey old.key -out old.crt ||
         openssl x509 -req -days 9 -in old.csr -signkey old.key -out old.crt",
    );
    let site = format!("{SITE}\n[site.client]\nmode = \"request\"\n");
    let mut stage = Stage::with_site(folder, &site);
    for flag in ["-tls1_3", "-tls1_2"] {
        let own = ["-cert", "old.crt", "-key", "old.key", flag];
        let said = s_client(&stage, &[&own, &NAME]).text();
        assert!(said.contains("HTTP/1.1 200 OK"), "{said}");
        let seen = stage.app.next();
        assert_eq!(seen.headers("x-ssl-client-verify"), ["FAILED:x509-v1"]);
        assert!(seen.headers("x-ssl-client-s-dn").is_empty());
        let event = stage.gateway.next_event("unverified");
        assert_eq!(event["reason"], "x509-v1");
        s_client(&stage, &[&["-cert", "client.crt", "-key", "client.key", flag], &NAME]).text();
        assert_eq!(stage.app.next().headers("x-ssl-client-verify"), ["SUCCESS"]);
    }
}
