//! The commands of the pages, run in order on a [`Stage`].

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::blocks::{Block, blocks, pages};
use crate::stage::Stage;
use crate::tables::{code, reference, rows, section};

#[test]
fn the_path_of_the_readme_leads_to_a_running_service() {
    let Some(mut stage) = Stage::new() else {
        return;
    };
    play(&mut stage, &Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    // The app saw what the reference says, beside what `curl` itself sends.
    let mut expected: BTreeSet<_> = ["host", "user-agent", "accept"].map(str::to_owned).into();
    for row in rows(section(&reference("headers.md"), "Set on every request")) {
        expected.extend(code(&row[0]).map(str::to_ascii_lowercase));
    }
    assert_eq!(stage.app_headers(), expected);
}

#[test]
fn the_commands_of_the_other_pages_work() {
    for page in pages() {
        let is_readme = page == Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        if is_readme || !blocks(&page).iter().any(|block| block.is("run")) {
            continue;
        }
        let Some(mut stage) = Stage::new() else {
            return;
        };
        play(&mut stage, &page);
    }
}

/// Does what a page says.
fn play(stage: &mut Stage, page: &Path) {
    let mut printed = String::new();
    let mut is_running = false;
    for block in blocks(page) {
        let place = block.place();
        if let Some(file) = block.value("file") {
            fs::write(stage.work().join(file), stage.rewrite(&block.text)).unwrap();
        } else if block.is("run") {
            let went_well;
            (went_well, printed) = stage.run(&block.text);
            assert_eq!(went_well, !block.is("fails"), "{place} printed\n{printed}");
        } else if block.is("service") && !is_running {
            stage.start_service();
            is_running = true;
        } else if block.is("output") {
            check_output(&stage.rewrite(&block.text), &printed, &place);
        } else if block.language == "text" && block.is("log") {
            check_log(stage, &block);
        }
    }
}

/// Every line that the page shows was printed, in this order.
fn check_output(shown: &str, printed: &str, place: &str) {
    let mut lines = printed.lines();
    for pattern in shown.lines().filter(|line| !line.is_empty()) {
        let found = lines.any(|line| fits(line, pattern));
        assert!(found, "{place}: no line like\n{pattern}\nat its place in\n{printed}");
    }
}

fn check_log(stage: &Stage, block: &Block) {
    for pattern in block.text.lines() {
        stage.service_line(|line| fits(line, pattern));
    }
}

/// Whether a line holds the parts of a pattern, divided by `…`, in order.
fn fits(line: &str, pattern: &str) -> bool {
    let mut rest = line;
    pattern.split('…').all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}
