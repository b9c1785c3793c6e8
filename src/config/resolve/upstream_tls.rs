//! `[upstream.tls]`: whom the gateway believes that it speaks with its app, and by what it proves itself there.

use std::path::PathBuf;

use super::server_name::server_name;
use crate::config::model::{OwnCertificate, ServerName, UpstreamTls};
use crate::config::raw::{Reader, Table, Wrong};
use crate::config::report::Located;

/// Reads it; `None` where no endpoint speaks TLS, and then nothing of it may be written.
pub(super) fn read(
    upstream: &Table<'_>,
    is_spoken: bool,
    reader: &Reader<'_>,
) -> Option<UpstreamTls> {
    let mut table = upstream.table("tls");
    let ca = if table.has("ca") && !is_public(&mut table) { ca(&mut table) } else { None };
    let server_name = table.parsed("server_name", one_name);
    let (certificate, private_key) = (table.path("certificate"), table.path("private_key"));
    let private_key_passphrase_file = table.path("private_key_passphrase_file");
    for (name, other) in [("certificate", "private_key"), ("private_key", "certificate")] {
        if let Some(span) = table.span(name)
            && !table.has(other)
        {
            let what = format!("`{name}` stands without `{other}`");
            let fix =
                format!("add `{other}`, or remove `{name}` if the app asks for no certificate");
            reader.wrong(&span, Wrong::new(what, fix));
        }
    }
    if let Some(span) = table.span("private_key_passphrase_file")
        && !table.has("private_key")
    {
        let what = "`private_key_passphrase_file` stands without `private_key`";
        reader.wrong(&span, Wrong::new(what, "add `certificate` and `private_key`, or remove it"));
    }
    if !is_spoken && upstream.has("tls") {
        let mut report = reader.report.borrow_mut();
        let what = "`[upstream.tls]` has no effect: no endpoint of this upstream speaks TLS";
        report
            .warning(&table.header, what)
            .fix("write `https://` in `endpoints`, or remove the table");
    }
    table.finish();
    let certificate = certificate.zip(private_key).map(|(certificate, private_key)| {
        OwnCertificate { certificate, private_key, private_key_passphrase_file }
    });
    let server_name = server_name.map(|name| name.value);
    is_spoken.then(|| UpstreamTls { ca: ca.unwrap_or_default(), server_name, certificate })
}

/// The files of CAs. A word of others for those of the system is no file.
fn ca(table: &mut Table<'_>) -> Option<Vec<Located<PathBuf>>> {
    let word = table.read("ca", |value| match value.as_str() {
        Some(word @ ("system" | "default" | "auto" | "webpki" | "mozilla")) => Err(Wrong::new(
            format!("`ca` knows no `{word}`"),
            "write `\"public\"` for the CAs that browsers trust, or name a file such as \
             `\"/etc/ssl/certs/ca-certificates.crt\"`",
        )),
        _ => Ok(()),
    });
    word.and_then(|_| table.paths("ca"))
}

/// Whether `ca` says `"public"`: the CAs that browsers trust.
fn is_public(table: &mut Table<'_>) -> bool {
    !table.is_list("ca") && {
        let word = table.read("ca", |value| Ok(value.as_str() == Some("public")));
        word.is_some_and(|word| word.value)
    }
}

fn one_name(text: &str) -> Result<ServerName, Wrong> {
    match server_name(text)? {
        ServerName::Wildcard(_) => Err(Wrong::new(
            format!("`{text}` is no name to ask for"),
            "write one of the names that the app's certificate bears, without a wildcard",
        )),
        name => Ok(name),
    }
}
