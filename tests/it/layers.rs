//! The walls of the house, as `src/lib.rs` draws them, against every file below `src`; and what holds of every file.

use std::fs;
use std::path::{Path, PathBuf};

/// The floors from the top down; modules of one floor do not know each other.
const FLOORS: [&[&str]; 11] = [
    &["cli"],
    &["app", "process"],
    &["serve"],
    &["forward", "admin"],
    &["generation"],
    &["tls", "upstream", "pki", "local_socket", "proxy_protocol"],
    &["observe"],
    &["policy", "route"],
    &["config"],
    &["identity"],
    &[],
];

/// Lines of a file; of a test, more.
const LINES_MAX: usize = 400;
const TEST_LINES_MAX: usize = 550;

/// One file of `src`.
struct File {
    /// Below `src`, with `/` between.
    path: String,
    text: String,
    /// The text without comments, and without the unit tests at its end.
    code: String,
}

impl File {
    /// The module of the house that it belongs to.
    fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap();
        first.trim_end_matches(".rs")
    }

    /// Whether it is a test from its first line to its last.
    fn is_test(&self) -> bool {
        let parts = ["tests.rs", "testing.rs"];
        let name = self.path.rsplit('/').next().unwrap();
        // What is for fuzzing only is compiled for tests and fuzzing only, as `fuzzing_is_in_no_build`
        // holds.
        let is_for_fuzzing = name == "fuzzing.rs" || self.module() == "fuzzing";
        parts.contains(&name) || self.path.contains("/tests/") || is_for_fuzzing
    }
}

fn source() -> Vec<File> {
    below("src")
}

/// Every file of Rust below a folder of the repository.
fn below(folder: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    let files: Vec<_> = paths.iter().map(|path| read(&root, path)).collect();
    assert!(files.len() > 30, "the source was not found");
    files
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn read(root: &Path, path: &Path) -> File {
    let text = fs::read_to_string(path).unwrap();
    let own = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = own.lines().map(|line| line.split("//").next().unwrap());
    File {
        path: path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(),
        code: lines.collect::<Vec<_>>().join("\n"),
        text,
    }
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// The modules that a file names with `crate::`.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for after in code.split("crate::").skip(1) {
        if let Some(list) = after.strip_prefix('{') {
            let mut depth = 0;
            let mut item = String::new();
            for character in list.chars() {
                match character {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => found.push(std::mem::take(&mut item)),
                    other if depth == 0 => item.push(other),
                    _ => {}
                }
            }
            found.push(item);
        } else {
            found.push(after.to_owned());
        }
    }
    let first = |path: String| -> String {
        let name = path.trim_start().chars();
        name.take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    found.into_iter().map(first).filter(|name| !name.is_empty()).collect()
}

/// The files with a finding, for a message that shows all at once.
fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

#[test]
fn imports_read_every_form_of_a_path() {
    let code = "use crate::a::{b, c};\nuse crate::{d, e::{f, g}, h};\ncrate::i::j();\npub(in crate::k) fn x";
    assert_eq!(imports(code), ["a", "d", "e", "h", "i", "k"]);
}

#[test]
fn every_module_has_a_floor() {
    let lib = source().into_iter().find(|file| file.path == "lib.rs").unwrap();
    let modules = lib.code.lines().filter_map(|line| {
        let name = line.trim_start_matches("pub ").strip_prefix("mod ")?;
        name.strip_suffix(';')
    });
    // In no build that serves, and above all floors.
    for module in modules.filter(|module| *module != "fuzzing") {
        assert!(floor(module).is_some(), "`{module}` stands on no floor");
        assert!(lib.text.contains(&format!("[`{module}`]")), "`{module}` is not on the map");
    }
}

#[test]
fn a_module_imports_only_from_floors_below_its_own() {
    let mut found = Vec::new();
    for file in source().iter().filter(|file| !file.is_test()) {
        let Some(own) = floor(file.module()) else {
            continue;
        };
        for import in imports(&file.code) {
            let fine = import == file.module() || floor(&import).is_some_and(|floor| floor > own);
            if !fine {
                found.push(format!("{} imports `{import}`", file.path));
            }
        }
    }
    assert_none("upward or sideways imports", &found);
}

/// Names that stand only where they may.
fn assert_named_only_in(name: &str, allowed: &[&str]) {
    let mut found = Vec::new();
    for file in source() {
        let is_allowed = allowed.iter().any(|allowed| file.path.starts_with(allowed));
        if !is_allowed && !file.is_test() && file.code.contains(name) {
            found.push(file.path);
        }
    }
    assert_none(&format!("`{name}` is named outside of {allowed:?}"), &found);
}

#[test]
fn rustls_stays_in_its_own_module() {
    // `pki` hands certificates over in rustls's type for bytes, which is not rustls's protocol.
    assert_named_only_in("rustls::", &["tls/", "pki/"]);
    assert_named_only_in("rustls_pemfile", &["tls/material/pem.rs"]);
    assert_named_only_in("webpki::", &["tls/"]);
    assert_named_only_in("pkcs8::", &["tls/material/unlock.rs"]);
    assert_named_only_in("landlock::", &["process/sandbox.rs"]);
}

#[test]
fn pure_modules_know_neither_runtime_nor_http_library() {
    let mut found = Vec::new();
    for file in source() {
        let is_pure = ["identity", "policy", "route", "config"].contains(&file.module());
        for name in ["tokio", "hyper", "rustls"] {
            if is_pure && file.code.contains(&format!("{name}::")) {
                found.push(format!("{} names {name}", file.path));
            }
        }
    }
    assert_none("pure modules that are not", &found);
}

#[test]
fn proofs_are_made_where_the_check_is_made() {
    assert_named_only_in("Identity::of_verified(", &["tls/verifier/mod.rs"]);
    assert_named_only_in("Permit(())", &["policy/"]);
}

#[test]
fn fuzzing_is_in_no_build_that_serves() {
    let mut doors = 0;
    for file in source() {
        for (before, _) in file.code.match_indices("mod fuzzing;") {
            let gate = file.code[..before].lines().rev().find(|line| line.starts_with("#["));
            assert_eq!(gate, Some("#[cfg(any(test, fuzzing))]"), "{}", file.path);
            doors += 1;
        }
    }
    assert!(doors >= 3, "the doors were not found");
    // Nothing but the doors themselves goes through them.
    let uses = |file: &File| !file.is_test() && file.code.contains("fuzzing::");
    let found: Vec<_> = source().into_iter().filter(uses).map(|file| file.path).collect();
    assert_none("uses of what is for fuzzing", &found);
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = |file: &File| !file.text.starts_with("//!");
    let found: Vec<_> =
        below("src").into_iter().chain(below("tests")).filter(silent).map(|f| f.path).collect();
    assert_none("files that do not open with `//!`", &found);
}

#[test]
fn no_file_is_long() {
    let source = source().into_iter().map(|file| {
        let max = match file.path.as_str() {
            "main.rs" => 40,
            _ if file.is_test() => TEST_LINES_MAX,
            _ => LINES_MAX,
        };
        (file, max)
    });
    let tests = below("tests").into_iter().map(|file| (file, TEST_LINES_MAX));
    let mut found = Vec::new();
    for (file, max) in source.chain(tests) {
        let lines = file.text.lines().count();
        if lines > max {
            found.push(format!("{}: {lines} lines", file.path));
        }
    }
    assert_none("files above their ceiling", &found);
}
