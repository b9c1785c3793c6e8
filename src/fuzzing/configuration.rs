//! The text of a `gateway.toml`: a configuration, or an error that is said; and every place that is named lies
//! in the file.

use std::path::PathBuf;

use crate::config::{Palette, Severity, Source, parse};

pub(super) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (config, report) =
        parse(Source { path: PathBuf::from("gateway.toml"), text: text.to_owned() });
    let errors: Vec<_> =
        report.problems().into_iter().filter(|one| one.severity == Severity::Error).collect();
    assert_eq!(config.is_some(), errors.is_empty(), "{text}");
    let lines: Vec<&str> = text.split('\n').collect();
    for problem in report.problems() {
        assert!(!problem.what.is_empty());
        let Some(place) = &problem.place else {
            continue;
        };
        let line = lines.get(place.line.wrapping_sub(1)).unwrap_or_else(|| panic!("{place:?}"));
        // What may be a secret is left out, and all after it.
        let shown = place.text.strip_suffix('…').unwrap_or(&place.text);
        assert!(line.starts_with(shown), "{place:?}");
        assert!(place.column >= 1 && place.column <= line.chars().count() + 1, "{place:?}");
        assert!(place.width >= 1);
    }
    if let Some(config) = config {
        assert!(!config.sites.is_empty() && !config.listeners.is_empty());
        for site in &config.sites {
            assert!(!site.server_names.is_empty());
            assert!(site.client_ca.is_empty() != site.client.pinned_spki_sha256.is_empty());
            assert!(!site.identity_headers.formats.is_empty());
        }
    }
    for palette in [Palette::PLAIN, Palette::COLOURED] {
        assert_eq!(report.render(palette).to_string().is_empty(), report.problems().is_empty());
    }
}
