//! `docs/reference/check.md` beside what `check --json` really prints.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::SMALLEST;
use crate::stage::Stage;
use crate::tables::{code, reference, rows};

#[test]
fn the_keys_of_the_document_are_those_of_its_page() {
    let Some(stage) = Stage::new() else {
        return;
    };
    fs::write(stage.work().join("gateway.toml"), stage.rewrite(SMALLEST)).unwrap();
    // The guide's certificate is no public one, which is a warning: a problem to look at.
    let (well, printed) = stage.run("mtls-gateway check --json");
    assert!(well, "{printed}");
    let mut found = BTreeSet::new();
    collect(&serde_json::from_str(&printed).unwrap(), "", &mut found);
    let page = reference("check.md");
    let rows = rows(&page);
    let described: Vec<_> = rows.iter().filter_map(|row| code(&row[0])).collect();
    assert_eq!(found, described.into_iter().map(str::to_owned).collect());
}

/// The paths of all keys that hold a value of their own. Rules have those of the configuration, and the
/// CAs of a path those of a certificate.
pub(crate) fn collect(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        // Headers are named by the configuration.
        Value::Object(members) if !path.ends_with(".headers") => {
            for (key, value) in members {
                collect(value, format!("{path}.{key}").trim_start_matches('.'), found);
            }
        }
        Value::Array(items)
            if items.iter().any(Value::is_object)
                && ![".allow", ".deny", ".path"].iter().any(|rules| path.ends_with(rules)) =>
        {
            for item in items {
                collect(item, &format!("{path}[]"), found);
            }
        }
        _ => {
            found.insert(path.to_owned());
        }
    }
}
