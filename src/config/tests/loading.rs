//! Files that cannot be read at all.

use std::fs;
use std::path::Path;

use super::SMALLEST;
use crate::config::{ControlSocket, control_socket, load};

/// The report on a file of these bytes, its folder left out.
fn report(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.toml");
    fs::write(&path, bytes).unwrap();
    let report = load(&path).unwrap_err().report;
    assert!(report.has_errors());
    report.to_string().replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn a_file_that_is_right_is_loaded_with_nothing_to_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.toml");
    fs::write(&path, SMALLEST).unwrap();
    let (config, report) = load(&path).unwrap();
    assert_eq!(report.to_string(), "");
    assert_eq!(config.sites[0].certificate.value, folder.path().join("www.example.com.crt"));
}

#[test]
fn a_file_that_does_not_exist_is_answered_with_the_smallest_one() {
    let report = load(Path::new("no/such/gateway.toml")).unwrap_err().report;
    insta::assert_snapshot!(report, @r#"
    no/such/gateway.toml: there is no such file
      fix:  name the configuration with `--config FILE`, or create it; the smallest one is
            [[listener]]
            address = "0.0.0.0:443"

            [[site]]
            server_names = ["www.example.com"]
            certificate = "www.example.com.crt"
            private_key = "www.example.com.key"
            client_ca = "ca/TencentQQAuthCA.crt"
            upstream = "http://127.0.0.1:8080"
    "#);
}

#[test]
fn a_folder_is_answered_with_the_file_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let report = load(folder.path()).unwrap_err().report.to_string();
    insta::assert_snapshot!(report.replace(&folder.path().display().to_string(), "etc"), @r#"
    etc: this is a folder, not a file
      seen: the system says: Is a directory (os error 21)
      fix:  name the file in it: `--config etc/gateway.toml`
    "#);
}

#[test]
fn a_file_in_another_encoding_is_refused_with_the_place_of_the_first_stranger() {
    insta::assert_snapshot!(report(b"[[site]]\n# caf\xE9\n"), @r#"
    gateway.toml:2:6: this is not UTF-8
      2 | # caf�
        |      ^
      seen: the byte 0xE9
      fix:  save the file as UTF-8, or write this character anew
    "#);
}

#[test]
fn a_file_in_utf16_is_to_be_saved_as_utf8() {
    insta::assert_snapshot!(report(b"\xFF\xFE[\0"), @r#"
    gateway.toml:1:1: this is not UTF-8
      1 | ��[�
        | ^
      seen: the byte 0xFF
      fix:  save the file as UTF-8; it is UTF-16 now
    "#);
}

#[test]
fn a_file_without_end_is_not_read_to_its_end() {
    insta::assert_snapshot!(load(Path::new("/dev/zero")).unwrap_err().report, @r#"
    /dev/zero: this file is too large for a configuration
      seen: more than 1 MiB
      fix:  name the right file with `--config FILE`
    "#);
}

#[test]
fn mistakes_elsewhere_do_not_hide_the_control_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.toml");
    assert_eq!(control_socket(&path), ControlSocket::Unnamed);
    let socket = "[runtime]\ncontrol_socket = \"a.sock\"\n";
    let named = ControlSocket::Named(folder.path().join("a.sock"));
    for (text, found) in [
        (socket.to_owned(), named.clone()),
        (format!("{socket}worker = 1\n[[site]]\nserver_names = 7\n"), named.clone()),
        (format!("{socket}drain_timeout = 7 s\n[[site]]\n"), named),
        ("workers = = 1\n# control_socket = \"a.sock\"\n".to_owned(), ControlSocket::Unnamed),
        ("[runtime]\ncontrol_socket = 7\n".to_owned(), ControlSocket::Unreadable),
        ("[runtime\ncontrol_socket = \"a.sock\"\n".to_owned(), ControlSocket::Unreadable),
        ("\u{0}".to_owned(), ControlSocket::Unnamed),
    ] {
        fs::write(&path, &text).unwrap();
        assert_eq!(control_socket(&path), found, "{text}");
    }
    fs::write(&path, b"\xFF").unwrap();
    assert_eq!(control_socket(&path), ControlSocket::Unreadable);
}
