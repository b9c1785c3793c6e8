//! `docs/reference/explain.md` beside what `explain --json` really prints.

use std::collections::BTreeSet;
use std::fs;

use mtls_gateway::pki::Authority;

use crate::SMALLEST;
use crate::check::collect;
use crate::stage::Stage;
use crate::tables::{code, reference, rows};

#[test]
fn the_keys_of_the_explanation_are_those_of_its_page() {
    let Some(stage) = Stage::new() else {
        return;
    };
    let ca = Authority::root("CA").unwrap();
    let (admitted, refused) = (ca.client("caller"), ca.client("caller").expired());
    fs::write(stage.work().join("ca.crt"), ca.certificate_pem()).unwrap();
    let config = stage.rewrite(SMALLEST).replace("ca/TencentQQAuthCA.crt", "ca.crt");
    fs::write(stage.work().join("gateway.toml"), config).unwrap();
    let mut found = BTreeSet::new();
    for (draft, is_admitted) in [(admitted, true), (refused, false)] {
        let caller = draft.issue().unwrap();
        fs::write(stage.work().join("caller.pem"), caller.certificate_pem()).unwrap();
        let (well, printed) = stage.run("mtls-gateway explain caller.pem --json");
        assert_eq!(well, is_admitted, "{printed}");
        collect(&serde_json::from_str(&printed).unwrap(), "", &mut found);
    }
    let page = reference("explain.md");
    let rows = rows(&page);
    let described = rows.iter().filter_map(|row| code(&row[0]));
    let described = described.filter(|key| !key.starts_with("--"));
    assert_eq!(found, described.map(str::to_owned).collect());
}
