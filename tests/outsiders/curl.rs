//! `curl`: HTTP/1.1 and HTTP/2 over both versions of TLS, bodies of every kind, and what it does when it
//! is refused.

use crate::material::Folder;
use crate::process::are_installed;
use crate::stage::{SITE, Stage};

/// 32 MiB, and a little that fills no buffer.
const LARGE: usize = 32 * 1024 * 1024 + 17;

/// Every way in which curl can speak to the gateway, and what curl calls it.
const DIALECTS: [(&str, &str, &str); 4] = [
    ("--http1.1", "1.3", "1.1"),
    ("--http1.1", "1.2", "1.1"),
    ("--http2", "1.3", "2"),
    ("--http2", "1.2", "2"),
];

#[test]
fn a_verified_request_reaches_the_app_in_every_dialect() {
    let Some(mut stage) = Stage::new("curl") else {
        return;
    };
    let url = format!("{}/callback?x=1", stage.origin("www.example.com"));
    for (http, tls, version) in DIALECTS {
        let format = "\n%{http_version} %{response_code}";
        let arguments = [http, "--tls-max", tls, "--write-out", format, &url];
        let said = stage.curl(&arguments).text();
        assert!(said.ends_with(&format!("\n{version} 200")), "{said}");
        let seen = stage.app.next();
        assert_eq!(seen.text("method"), "GET");
        assert_eq!(seen.text("path"), "/callback?x=1");
        assert_eq!(seen.text("version"), "HTTP/1.1");
        let host = format!("www.example.com:{}", stage.gateway.address.port());
        assert_eq!(seen.headers("host"), [host]);
    }
}

#[test]
fn the_app_is_told_who_called_and_by_nobody_else() {
    let Some(mut stage) = Stage::new("curl") else {
        return;
    };
    let url = stage.origin("www.example.com");
    let forged = [
        "X-SSL-Client-Verify: SUCCESS",
        "X_SSL_CLIENT_VERIFY: SUCCESS",
        "x-ssl-client-s-dn: CN=admin",
        "X-Forwarded-For: 192.0.2.1",
        "X-Request-Id: mine",
        "Ssl-Client-Cert: forged",
    ];
    let forged: Vec<&str> = forged.iter().flat_map(|line| ["-H", *line]).collect();
    for http in ["--http1.1", "--http2"] {
        stage.curl(&[&forged, [http, &url].as_slice()].concat()).text();
        let seen = stage.app.next();
        assert_eq!(seen.headers("x-ssl-client-verify"), ["SUCCESS"]);
        assert_eq!(seen.headers("x-ssl-client-s-dn").len(), 1);
        assert!(seen.headers("x-ssl-client-s-dn")[0].contains("CN=callback"));
        assert_eq!(seen.headers("x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!(seen.headers("x-forwarded-proto"), ["https"]);
        assert_ne!(seen.headers("x-request-id"), ["mine"]);
        for name in ["x_ssl_client_verify", "ssl-client-cert"] {
            assert!(seen.headers(name).is_empty(), "{name}");
        }
        let said = "openssl x509 -in client.crt -noout -fingerprint -sha256";
        let fingerprint = stage.folder.shell(said).trim().replace(':', "");
        let (_, fingerprint) = fingerprint.split_once('=').unwrap();
        assert_eq!(seen.headers("x-ssl-client-fingerprint"), [fingerprint.to_lowercase()]);
    }
}

#[test]
fn who_shows_no_certificate_gets_an_alert_and_the_app_sees_nothing() {
    let Some(mut stage) = Stage::new("curl") else {
        return;
    };
    let url = stage.origin("www.example.com");
    for (http, tls, _) in DIALECTS {
        let refused = stage.curl_as_nobody(&[http, "--tls-max", tls, &url]);
        let said = refused.failure();
        let alert = "alert certificate required";
        assert!(said.contains(alert), "TLS {tls}: {said}");
        assert_eq!(stage.gateway.next_refusal(), "no-certificate");
    }
    assert!(stage.app.saw_no_more());
}

#[test]
fn who_shows_no_certificate_is_served_where_it_is_optional_and_the_app_is_told() {
    if !are_installed(&["openssl", "python3", "curl"]) {
        return;
    }
    let site = format!("{SITE}\n[site.client]\nmode = \"optional\"\n");
    let mut stage = Stage::with_site(Folder::with_household(), &site);
    let url = stage.origin("www.example.com");
    for (http, tls, _) in DIALECTS {
        let arguments = [http, "--tls-max", tls, "-H", "X-SSL-Client-S-DN: CN=callback", &url];
        stage.curl_as_nobody(&arguments).text();
        let seen = stage.app.next();
        assert_eq!(seen.headers("x-ssl-client-verify"), ["NONE"]);
        assert!(seen.headers("x-ssl-client-s-dn").is_empty());
        stage.curl(&arguments).text();
        let seen = stage.app.next();
        assert_eq!(seen.headers("x-ssl-client-verify"), ["SUCCESS"]);
        assert_eq!(seen.headers("x-ssl-client-s-dn").len(), 1);
    }
}

#[test]
fn who_speaks_plain_http_is_told_so() {
    let Some(mut stage) = Stage::new("curl") else {
        return;
    };
    let url = format!("http://{}/", stage.gateway.address);
    let format = "%{response_code}";
    let said = stage.curl(&["--write-out", format, &url]).text();
    assert!(said.contains("\"code\":\"plain-http\""), "{said}");
    assert!(said.ends_with("400"), "{said}");
    assert_eq!(stage.gateway.next_refusal(), "not-tls");
    assert!(stage.app.saw_no_more());
}

#[test]
fn a_host_of_no_site_is_misdirected() {
    let Some(stage) = Stage::new("curl") else {
        return;
    };
    let url = stage.origin("www.example.com");
    for http in ["--http1.1", "--http2"] {
        let format = "%{response_code}";
        let arguments = [http, "-H", "Host: other.example", "--write-out", format];
        let said = stage.curl(&[&arguments, [&*url].as_slice()].concat()).text();
        assert!(said.ends_with("421"), "{said}");
    }
    assert!(stage.app.saw_no_more());
}

#[test]
fn a_large_upload_arrives_whole() {
    let Some(mut stage) = Stage::new("curl") else {
        return;
    };
    let url = stage.origin("www.example.com");
    let hash = large_file(&stage);
    for http in ["--http1.1", "--http2"] {
        for coding in ["Content-Type: text/plain", "Transfer-Encoding: chunked"] {
            if http == "--http2" && coding.starts_with("Transfer") {
                continue;
            }
            let body = ["--data-binary", "@large", "-H", coding];
            stage.curl(&[&[http], body.as_slice(), &[&url]].concat()).text();
            let seen = stage.app.next();
            assert_eq!(seen.text("body_sha256"), hash, "{http} {coding}");
            assert_eq!(seen.body_bytes(), LARGE as u64);
        }
    }
}

#[test]
fn an_upload_of_unknown_length_arrives_in_chunks() {
    let Some(mut stage) = Stage::new("curl") else {
        return;
    };
    let url = stage.origin("www.example.com");
    for http in ["--http1.1", "--http2"] {
        // From standard input, curl cannot know the length.
        let arguments = [http, "-X", "POST", "-T", "-", &url];
        stage.curl_with_input(&arguments, b"twelve bytes").text();
        let seen = stage.app.next();
        assert_eq!(seen.headers("transfer-encoding"), ["chunked"], "{http}");
        assert!(seen.headers("content-length").is_empty());
        assert_eq!(seen.body_bytes(), 12);
        assert_eq!(seen.text("method"), "POST");
    }
}

#[test]
fn a_large_download_arrives_whole() {
    let Some(mut stage) = Stage::new("curl") else {
        return;
    };
    let mut hashes = Vec::new();
    for http in ["--http1.1", "--http2"] {
        for path in ["bytes", "chunks"] {
            let url = format!("{}/{path}/{LARGE}", stage.origin("www.example.com"));
            let format = "%{size_download}";
            let arguments = [http, "--output", "got", "--write-out", format, &url];
            assert_eq!(stage.curl(&arguments).text(), LARGE.to_string());
            hashes.push(stage.folder.sha256("got"));
            stage.app.next();
        }
    }
    let url = format!("http://127.0.0.1:{}/bytes/{LARGE}", stage.app.port);
    stage.curl(&["--output", "direct", &url]).text();
    let direct = stage.folder.sha256("direct");
    assert!(hashes.iter().all(|hash| *hash == direct), "{hashes:?}");
}

#[test]
fn head_has_the_length_and_no_body() {
    let Some(mut stage) = Stage::new("curl") else {
        return;
    };
    let url = format!("{}/bytes/12345", stage.origin("www.example.com"));
    for http in ["--http1.1", "--http2"] {
        let said = stage.curl(&[http, "--head", &url]).text().to_lowercase();
        assert!(said.contains("content-length: 12345\r\n"), "{said}");
        assert!(said.ends_with("\r\n\r\n"), "{said}");
        assert_eq!(stage.app.next().text("method"), "HEAD");
    }
}

#[test]
fn who_expects_100_continue_gets_it_from_the_app_and_sends() {
    let Some(mut stage) = Stage::new("curl") else {
        return;
    };
    let url = stage.origin("www.example.com");
    let hash = large_file(&stage);
    // Longer than curl may take altogether: it sends because it was told to, or not at all.
    let patience = ["--expect100-timeout", "25"];
    let body = ["--data-binary", "@large", "-H", "Expect: 100-continue"];
    let arguments = [&["--verbose", "--http1.1"], patience.as_slice(), &body].concat();
    let sent = stage.curl(&[&arguments, [&*url].as_slice()].concat());
    sent.text();
    assert!(sent.stderr.contains("HTTP/1.1 100 Continue"), "{}", sent.stderr);
    assert_eq!(stage.app.next().text("body_sha256"), hash);

    let refused = format!("{url}/refuse");
    let format = "\n%{response_code} %{size_upload}";
    let arguments = [&arguments, ["--output", "/dev/null"].as_slice()].concat();
    let arguments = [&arguments, ["--write-out", format, &refused].as_slice()].concat();
    let said = stage.curl(&arguments).text();
    assert_eq!(said.trim(), "403 0");
}

#[test]
fn two_requests_share_a_connection() {
    let Some(mut stage) = Stage::new("curl") else {
        return;
    };
    let origin = stage.origin("www.example.com");
    let (first, second) = (format!("{origin}/1"), format!("{origin}/2"));
    for http in ["--http1.1", "--http2"] {
        let format = "%{num_connects}\n";
        let output = ["--output", "/dev/null", "--output", "/dev/null"];
        let arguments = [http, "--write-out", format, &first, &second];
        let said = stage.curl(&[&output, arguments.as_slice()].concat()).text();
        assert_eq!(said, "1\n0\n", "{http}");
        for path in ["/1", "/2"] {
            assert_eq!(stage.app.next().text("path"), path);
        }
        let [one, two] = [(); 2].map(|()| stage.gateway.next_event("access"));
        assert_eq!(one["peer"], two["peer"], "{http}");
        assert_eq!(one["status"], 200);
        assert_eq!(one["identity"], two["identity"]);
    }
}

#[test]
fn many_requests_at_once_share_a_connection() {
    let Some(mut stage) = Stage::new("curl") else {
        return;
    };
    let url = format!("{}/bytes/[100000-100049]", stage.origin("www.example.com"));
    let format = "%{http_version} %{response_code} %{size_download}\n";
    let arguments = ["--http2", "--parallel", "--parallel-max", "50"];
    let output = ["--output", "/dev/null", "--write-out", format, &url];
    let said = stage.curl(&[&arguments, output.as_slice()].concat()).text();
    let mut lines: Vec<&str> = said.lines().collect();
    lines.sort_unstable();
    let expected: Vec<String> = (100_000..100_050).map(|size| format!("2 200 {size}")).collect();
    assert_eq!(lines, expected);
    let peers = (0..50).map(|_| stage.gateway.next_event("access")["peer"].to_string());
    let mut peers: Vec<String> = peers.collect();
    peers.dedup();
    assert_eq!(peers.len(), 1, "{peers:?}");
}

/// Writes the file `large`; its hash.
fn large_file(stage: &Stage) -> String {
    let pattern: Vec<u8> = (0..251).cycle().take(LARGE).collect();
    stage.folder.write("large", pattern);
    stage.folder.sha256("large")
}
