//! What the Debian package is made of: everything that its list names is there, its versions agree, and its scripts
//! can be read. `packaging/build` makes it, `packaging/test` installs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files that `[package.metadata.deb]` names.
fn sources() -> Vec<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, section) = manifest.split_once("[package.metadata.deb]").unwrap();
    let section = section.split("\n[").next().unwrap();
    let asset = |line: &str| Some(line.strip_prefix("  [\"")?.split('"').next()?.to_owned());
    let named = |line: &str| {
        let (key, value) = line.split_once(" = ")?;
        ["changelog", "license-file"].contains(&key).then(|| value.trim_matches('"').to_owned())
    };
    section.lines().filter_map(|line| asset(line).or_else(|| named(line))).collect()
}

#[test]
fn package_lists_only_what_is_there() {
    let mut count = 0;
    // What is below target is made by the build.
    for source in sources().iter().filter(|source| !source.starts_with("target/")) {
        let (folder, name) = source.rsplit_once('/').unwrap_or((".", source));
        let is_there = match name.strip_prefix('*') {
            None => root().join(source).is_file(),
            Some(suffix) => fs::read_dir(root().join(folder))
                .unwrap()
                .any(|entry| entry.unwrap().file_name().to_string_lossy().ends_with(suffix)),
        };
        assert!(is_there, "Cargo.toml, [package.metadata.deb]: `{source}` is not there");
        count += 1;
    }
    assert!(count >= 10, "only {count} files");
}

#[test]
fn package_has_the_version_of_the_program() {
    let changelog = fs::read_to_string(root().join("packaging/debian/changelog")).unwrap();
    let expected = format!("mtls-gateway ({}-", env!("CARGO_PKG_VERSION"));
    assert!(
        changelog.starts_with(&expected),
        "packaging/debian/changelog begins without `{expected}1)`"
    );
}

#[test]
fn package_scripts_can_be_read_by_their_shells() {
    let script = |(shell, path): (&'static str, &str)| (shell, root().join("packaging").join(path));
    let scripts: Vec<(&str, PathBuf)> = [
        ("sh", "debian/postinst"),
        ("sh", "debian/prerm"),
        ("sh", "debian/postrm"),
        ("bash", "build"),
        ("bash", "test"),
    ]
    .into_iter()
    .map(script)
    .collect();
    for (shell, path) in scripts {
        let status = Command::new(shell).arg("-n").arg(&path).status().unwrap();
        assert!(status.success(), "{}", path.display());
    }
}

#[test]
fn package_rotates_logs_as_the_page_says() {
    let file = fs::read_to_string(root().join("packaging/debian/logrotate")).unwrap();
    let page = fs::read_to_string(root().join("docs/reference/log.md")).unwrap();
    let lines = file.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    assert!(page.contains(&format!("```text\n{lines}\n```")), "{lines}");
}

/// The build rewrites this path for the package, and finds it nowhere else.
#[test]
fn package_units_start_the_program_where_packages_put_it() {
    let entries = fs::read_dir(root().join("systemd")).unwrap().map(|entry| entry.unwrap().path());
    for unit in entries.filter(|path| path.extension().is_some_and(|kind| kind == "service")) {
        let text = fs::read_to_string(&unit).unwrap();
        for line in text.lines().filter(|line| line.contains("bin/mtls-gateway")) {
            let is_rewritten =
                line.starts_with('#') || line.contains("/usr/local/bin/mtls-gateway");
            assert!(is_rewritten, "{}: {line}", unit.display());
        }
    }
}
