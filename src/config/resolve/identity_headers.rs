//! `[site.identity_headers]`: how the app is told who the client is, and how much of it.

use crate::config::model::{IdentityFormat, IdentityHeaders};
use crate::config::raw::{Reader, Table, Wrong};

/// Reads the formats and their ceiling.
pub(super) fn identity_headers(mut table: Table<'_>, reader: &Reader<'_>) -> IdentityHeaders {
    let written = table.list("formats", format).unwrap_or_default();
    let mut formats = Vec::with_capacity(written.len());
    for format in written {
        if formats.contains(&format.value) {
            let what = format!("`{}` is listed twice", format.value.as_str());
            reader.wrong(&format.span, Wrong::new(what, "remove one of the two"));
        } else {
            formats.push(format.value);
        }
    }
    let bytes_max = table.size("bytes_max", 1 << 10..=1 << 20);
    IdentityHeaders { formats, bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX) }
}

fn format(text: &str) -> Result<IdentityFormat, Wrong> {
    let known = |format: &IdentityFormat| format.as_str() == text;
    if let Some(format) = IdentityFormat::ALL.into_iter().find(known) {
        return Ok(format);
    }
    let plain = text.to_ascii_lowercase().replace(['-', ' '], "_");
    let meant = match plain.as_str() {
        "x_ssl_client" | "x_ssl" | "nginx" | "apache" => Some(IdentityFormat::XSsl),
        "x_forwarded_client_cert" | "xfcc" | "envoy" => Some(IdentityFormat::Xfcc),
        "client_cert" | "rfc_9440" | "rfc9440" => Some(IdentityFormat::Rfc9440),
        "x_forwarded_tls" | "x_forwarded_tls_client_cert" | "traefik" => {
            Some(IdentityFormat::XForwardedTlsClientCert)
        }
        _ => None,
    };
    let fix = match meant {
        Some(meant) => format!("write `\"{}\"`", meant.as_str()),
        None => {
            let all = IdentityFormat::ALL.map(|format| format!("`\"{}\"`", format.as_str()));
            format!("write one of {}", all.join(", "))
        }
    };
    Err(Wrong::new(format!("`formats` knows no `{text}`"), fix))
}
