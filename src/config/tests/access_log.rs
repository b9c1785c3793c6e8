//! `[access_log]`: its words, its patterns, and what is said to those who bring other servers' words.

use super::{SMALLEST, config, report};
use crate::config::{AccessFormat, AccessTarget};

/// The report on the smallest file with this table.
fn with(lines: &str) -> String {
    report(&format!("{SMALLEST}[access_log]\n{lines}\n"))
}

#[test]
fn a_target_is_a_stream_a_file_beside_the_configuration_or_none() {
    for (text, target) in [
        ("stderr", AccessTarget::Stderr),
        ("stdout", AccessTarget::Stdout),
        // Under systemd that is a socket, which cannot be opened by its name.
        ("/dev/stdout", AccessTarget::Stdout),
        ("off", AccessTarget::Off),
        ("access.log", AccessTarget::File("access.log".into())),
        ("/var/log/a.log", AccessTarget::File("/var/log/a.log".into())),
    ] {
        let config = config(&format!("{SMALLEST}[access_log]\ntarget = \"{text}\"\n"));
        assert_eq!(config.access_log.target.value, target);
    }
}

#[test]
fn the_format_is_that_of_the_log_unless_it_is_written() {
    let format = |lines: &str| config(&format!("{SMALLEST}{lines}")).access_log.format;
    assert_eq!(format(""), AccessFormat::Text);
    assert_eq!(format("[log]\nformat = \"json\"\n"), AccessFormat::Json);
    let both = "[log]\nformat = \"json\"\n[access_log]\nformat = \"text\"\n";
    assert_eq!(format(both), AccessFormat::Text);
}

#[test]
fn words_that_name_no_place_are_answered_with_one_that_does() {
    for (target, fix) in [
        ("journald", "write `\"stderr\"`: systemd puts it into the journal"),
        ("syslog:server=127.0.0.1", "pass it on to a syslog"),
        ("none", "write `\"off\"`"),
        ("|/usr/bin/rotatelogs /var/log/a 86400", "named pipe"),
        ("/var/log/", "a file in that folder"),
        ("", "a file's path"),
    ] {
        let report = with(&format!("target = \"{target}\""));
        assert!(report.contains("`target` names no place for lines"), "{report}");
        assert!(report.contains(fix), "{report}");
    }
}

#[test]
fn a_pattern_and_its_format_belong_together() {
    insta::assert_snapshot!(with("format = \"pattern\""), @r#"
    gateway.toml:11:10: `format` is `"pattern"`, and there is no `pattern`
      11 | format = "pattern"
         |          ^^^^^^^^^
      fix:  add below this line
            pattern = '$peer_address "$method $path" $status $total_ms'
    "#);
    insta::assert_snapshot!(with("pattern = '$status'"), @r#"
    gateway.toml:11:11: `pattern` is written, and `format` does not ask for it
      11 | pattern = '$status'
         |           ^^^^^^^^^
      fix:  write `format = "pattern"` in `[access_log]`, or remove `pattern`
    "#);
    insta::assert_snapshot!(with("format = '$remote_addr $status'"), @r#"
    gateway.toml:11:10: `format` is a word, and what a line looks like stands in `pattern`
      11 | format = '$remote_addr $status'
         |          ^^^^^^^^^^^^^^^^^^^^^^
      seen: a string, `'$remote_addr $status'`
      fix:  write `format = "pattern"`, and this text as `pattern`
    "#);
}

#[test]
fn a_name_that_nobody_knows_is_pointed_at() {
    insta::assert_snapshot!(with("format = \"pattern\"\npattern = '$status $request_uri'"), @r#"
    gateway.toml:12:20: `pattern` knows no `$request_uri`
      12 | pattern = '$status $request_uri'
         |                    ^^^^^^^^^^^^
      seen: `$request_uri`
      fix:  write `$path`
    "#);
    insta::assert_snapshot!(with("format = \"pattern\"\npattern = '${Peer_adress} x'"), @r#"
    gateway.toml:12:12: `pattern` knows no `$Peer_adress`
      12 | pattern = '${Peer_adress} x'
         |            ^^^^^^^^^^^^^^
      seen: `${Peer_adress}`
      fix:  did you mean `$peer_address`?
    "#);
    insta::assert_snapshot!(with("format = \"pattern\"\npattern = '%h %l %u'"), @r#"
    gateway.toml:12:11: `pattern` names no field
      12 | pattern = '%h %l %u'
         |           ^^^^^^^^^^
      fix:  name fields by a `$` (Apache's `%` means nothing here), such as `$peer_address "$method $path" $status`
    "#);
    insta::assert_snapshot!(with("format = \"pattern\"\npattern = \"$status\\n$path\""), @r#"
    gateway.toml:12:11: `pattern` holds a control character
      12 | pattern = "$status\n$path"
         |           ^^^^^^^^^^^^^^^^
      fix:  write one line; its end comes by itself
    "#);
}

#[test]
fn what_was_called_otherwise_is_answered() {
    insta::assert_snapshot!(report(&format!("{SMALLEST}[log]\naccess = false\n")), @r#"
    gateway.toml:11:1: unknown key `access` in `[log]`
      11 | access = false
         | ^^^^^^
      fix:  remove it if it says `true`; for `false`, write `target = "off"` in a table `[access_log]`
    "#);
    let nginx = "access_log = \"/var/log/nginx/access.log\"\nlog_format = \"main\"\n";
    insta::assert_snapshot!(report(&format!("{SMALLEST}{nginx}")), @r#"
    gateway.toml:10:1: unknown key `access_log` in `[[site]]`
      10 | access_log = "/var/log/nginx/access.log"
         | ^^^^^^^^^^
      fix:  write `target = "/var/log/mtls-gateway/access.log"` in a table `[access_log]`, which is one for all sites; `format = "combined"` there makes the lines that other tools know
    gateway.toml:11:1: unknown key `log_format` in `[[site]]`
      11 | log_format = "main"
         | ^^^^^^^^^^
      fix:  write `format = "pattern"` and a `pattern` with `$names` in a table `[access_log]`, or `format = "combined"`
    "#);
    insta::assert_snapshot!(report(&format!("CustomLog = \"a combined\"\naccess_log = \"a\"\n{SMALLEST}")), @r#"
    gateway.toml:1:1: unknown key `CustomLog` in the top table
      1 | CustomLog = "a combined"
        | ^^^^^^^^^
      fix:  write `target = "/var/log/mtls-gateway/access.log"` in a table `[access_log]`, which is one for all sites; `format = "combined"` there makes the lines that other tools know
    gateway.toml:2:14: `access_log` must be a table
      2 | access_log = "a"
        |              ^^^
      seen: a string, `"a"`
      fix:  write
            [access_log]
            target = "stderr"
    "#);
}

#[test]
fn every_name_that_nobody_knows_is_told_at_once() {
    let report = with("format = \"pattern\"\npattern = '$remote_addr $request $body_bytes_sent'");
    for (name, column) in [("remote_addr", 12), ("request", 25), ("body_bytes_sent", 34)] {
        let told = format!("gateway.toml:12:{column}: `pattern` knows no `${name}`");
        assert!(report.contains(&told), "{report}");
    }
}
