//! `demo`: the story, and what it leaves behind.

use std::net::TcpListener;

use crate::support::{Gateway, Place, any_port, output, program, stderr, stdout};

#[test]
fn the_story_is_told_once_and_leaves_nothing_behind() {
    let place = Place::new();
    let temporary = place.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let output = program(["demo", "--once"]).env("TMPDIR", &temporary).output().unwrap();
    let story = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{story}");
    for part in [
        "[[listener]]",
        "✓ a callback with a verified certificate is answered",
        "gets 200 {\"ActionStatus\":\"OK\",\"ErrorInfo\":\"\",\"ErrorCode\":0}",
        "✓ a client without a certificate is refused",
        "gets the TLS alert certificate_required",
        "reason=no-certificate",
        "✓ a certificate of another CA is refused",
        "gets the TLS alert unknown_ca",
        "✓ an expired certificate is refused",
        "gets the TLS alert certificate_expired",
        "✓ an identity that a client makes up does not reach the app",
        "x-ssl-client-verify: SUCCESS\n",
        "All 5 steps went as they must.",
    ] {
        assert!(story.contains(part), "{part:?} is missing in\n{story}");
    }
    assert!(!story.contains('✗') && !story.contains('\u{1b}'));
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
}

#[test]
fn it_stays_for_curl_until_a_signal_and_leaves_nothing_behind() {
    let place = Place::new();
    let temporary = place.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut command = program(["demo"]);
    command.env("TMPDIR", &temporary);
    let mut demo = Gateway::start(command);
    let curl = demo.await_line("curl -sS --cacert ");
    let ca = curl.split_whitespace().nth(3).unwrap();
    assert!(std::path::Path::new(ca).is_file(), "{curl}");
    demo.await_line("Ctrl-C ends the demo");
    demo.signal("INT");
    assert_eq!(demo.await_end().code(), Some(0), "{:#?}", demo.log);
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
}

#[test]
fn a_port_in_use_exits_with_1_and_names_the_remedy() {
    let taken = TcpListener::bind(any_port()).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = output(["demo", "--once", "--port", &port]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("`ss -ltnp` shows which"));
}
