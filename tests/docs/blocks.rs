//! The fenced blocks of a page and their marks.

use std::fs;
use std::path::{Path, PathBuf};

/// A fenced block.
pub(crate) struct Block {
    page: PathBuf,
    line: usize,
    pub(crate) language: String,
    /// What stands behind the language.
    pub(crate) marks: Vec<String>,
    pub(crate) text: String,
}

impl Block {
    /// Whether it has this mark.
    pub(crate) fn is(&self, mark: &str) -> bool {
        self.marks.iter().any(|own| own == mark)
    }

    /// The value of `name=value`.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.marks.iter().filter_map(|mark| mark.split_once('='));
        values.find_map(|(own, value)| (own == name).then_some(value))
    }

    /// Where it stands, for messages.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.page.display(), self.line)
    }
}

/// All pages that people read.
pub(crate) fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    markdown_in(root, &mut found);
    for folder in ["ca", "systemd", "docs", "docs/guide", "docs/reference", "docs/decisions"] {
        markdown_in(&root.join(folder), &mut found);
    }
    assert!(found.len() > 10, "only {found:?}");
    found
}

fn markdown_in(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    found.append(&mut pages);
}

/// The fenced blocks of a page, in order.
pub(crate) fn blocks(page: &Path) -> Vec<Block> {
    let text = fs::read_to_string(page).unwrap();
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(info), None) => {
                let mut words = info.split(' ').map(str::to_owned);
                open = Some(Block {
                    page: page.to_owned(),
                    line: number + 1,
                    language: words.next().unwrap_or_default(),
                    marks: words.collect(),
                    text: String::new(),
                });
            }
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{}: a block has no end", page.display());
    blocks
}
