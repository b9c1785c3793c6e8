//! A file that the configuration names: its bytes, or why there are none, said with the remedy.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::config::{Located, Report};

/// Far beyond any bundle of certificates, and small enough to hold in memory.
const BYTES_MAX: u64 = 8 * 1024 * 1024;

/// A file and the key of `gateway.toml` that names it.
#[derive(Clone, Copy)]
pub(super) struct NamedFile<'a> {
    /// The configuration key, such as `certificate`.
    pub(super) key: &'static str,
    /// Where the value stands.
    pub(super) span: &'a Range<usize>,
    /// The file.
    pub(super) path: &'a Path,
}

impl<'a> NamedFile<'a> {
    pub(super) fn new(key: &'static str, path: &'a Located<PathBuf>) -> Self {
        Self { key, span: &path.span, path: &path.value }
    }

    /// How every message about the file begins.
    pub(super) fn says(&self) -> String {
        format!("`{}` names `{}`, which", self.key, self.path.display())
    }

    /// The file's bytes; `None` after the problem was reported.
    pub(super) fn read(&self, report: &mut Report) -> Option<Vec<u8>> {
        self.read_up_to(BYTES_MAX, report)
    }

    /// The same with another ceiling.
    pub(super) fn read_up_to(&self, most: u64, report: &mut Report) -> Option<Vec<u8>> {
        match self.bytes(most) {
            Ok(bytes) if bytes.len() as u64 > most => {
                report
                    .error(self.span, format!("{} is too large", self.says()))
                    .seen(format!("more than {} MiB", most / 1024 / 1024))
                    .fix(format!("point `{}` at a PEM file", self.key));
                None
            }
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.report_unreadable(&error, report);
                None
            }
        }
    }

    fn bytes(&self, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        // Looked at before it is opened: a named pipe would hang right there, a device never end.
        let kind = fs::metadata(self.path)?.file_type();
        if kind.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        if !kind.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        File::open(self.path)?.take(most + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn report_unreadable(&self, error: &io::Error, report: &mut Report) {
        let (says, key) = (self.says(), self.key);
        let config = report_file_name(report);
        match error.kind() {
            ErrorKind::NotFound => report
                .error(self.span, format!("{says} does not exist"))
                .seen(what_is_missing(self.path))
                .fix(format!(
                    "put the file there, or correct `{key}`; a relative path starts at the \
                        folder of `{config}`"
                )),
            ErrorKind::IsADirectory => report
                .error(self.span, format!("{says} is a folder"))
                .fix(format!("name the file in it that `{key}` should be")),
            ErrorKind::PermissionDenied => report
                .error(self.span, format!("{says} the gateway may not read"))
                .seen(whose(self.path))
                .fix(format!(
                    "let the gateway's user read it (`namei -l {0}` shows every step), or pass \
                        it with `LoadCredential=` in the unit",
                    quoted(self.path)
                )),
            _ => report.error(self.span, format!("{says} cannot be read")).seen(error.to_string()),
        };
    }
}

fn report_file_name(report: &Report) -> String {
    report
        .path()
        .file_name()
        .map_or_else(|| "gateway.toml".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The step of the path that fails: a broken link, a missing folder, or the file itself.
fn what_is_missing(path: &Path) -> String {
    if let Ok(target) = fs::read_link(path) {
        return format!("a symbolic link to `{}`, which does not exist", target.display());
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.exists() => {
            format!("no folder `{}`", folder.display())
        }
        _ => "no file of that name in the folder".to_owned(),
    }
}

#[cfg(unix)]
fn whose(path: &Path) -> String {
    use std::os::unix::fs::MetadataExt as _;
    // The owner of /proc/self is this process's user; std offers no other way to ask.
    let reader = fs::metadata("/proc/self").map_or_else(
        |_| "the gateway's user".to_owned(),
        |own| format!("the gateway runs as uid {} gid {}", own.uid(), own.gid()),
    );
    match fs::metadata(path) {
        Ok(file) => format!(
            "mode {:04o}, owner uid {} gid {}; {reader}",
            file.mode() & 0o7777,
            file.uid(),
            file.gid()
        ),
        Err(_) => format!("a folder on the way to it is closed; {reader}"),
    }
}

#[cfg(not(unix))]
fn whose(_path: &Path) -> String {
    "access denied".to_owned()
}

/// The path as a shell takes it, for commands in messages.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%,:=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A name beside `path` for the result of a conversion: never `path` itself.
pub(super) fn beside(path: &Path, extension: &str) -> PathBuf {
    let result = path.with_extension(extension);
    if result == path {
        return path.with_extension(format!("new.{extension}"));
    }
    result
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use super::super::testing::{Lab, text};
    use super::{NamedFile, beside, quoted};
    use crate::config::Located;

    fn complaint(lab: &Lab, path: &str) -> String {
        let mut report = lab.report();
        let path = Located::new(lab.path(path), 0..0);
        assert!(NamedFile::new("certificate", &path).read(&mut report).is_none());
        lab.redact(&report.to_string())
    }

    #[test]
    fn a_file_that_is_not_there_is_told_from_a_folder_that_is_not_there() {
        let lab = Lab::new();
        insta::assert_snapshot!("missing_file", complaint(&lab, "a.crt"));
        insta::assert_snapshot!("missing_folder", complaint(&lab, "nowhere/a.crt"));
        insta::assert_snapshot!("folder", complaint(&lab, "."));
    }

    #[cfg(unix)]
    #[test]
    fn a_broken_link_names_its_target() {
        let lab = Lab::new();
        std::os::unix::fs::symlink("live/gone.crt", lab.path("a.crt")).unwrap();
        insta::assert_snapshot!("broken_link", complaint(&lab, "a.crt"));
    }

    #[test]
    fn a_file_that_may_not_be_read_says_who_owns_it() {
        // Root may read everything, so the refusal is handed in instead of provoked.
        let lab = Lab::new();
        lab.write("a.key", "");
        let mut report = lab.report();
        let path = Located::new(lab.path("a.key"), 0..0);
        NamedFile::new("private_key", &path)
            .report_unreadable(&io::ErrorKind::PermissionDenied.into(), &mut report);
        let said = text(&report);
        assert!(said.contains("which the gateway may not read"), "{said}");
        assert!(said.contains("seen: mode 0"), "{said}");
        assert!(said.contains("the gateway runs as uid "), "{said}");
        assert!(said.contains("namei -l "), "{said}");
    }

    #[test]
    fn commands_survive_odd_file_names_and_never_overwrite_their_input() {
        assert_eq!(quoted(Path::new("/etc/a-b.crt")), "/etc/a-b.crt");
        assert_eq!(quoted(Path::new("my key's.pem")), r"'my key'\''s.pem'");
        assert_eq!(beside(Path::new("a.crt"), "pem"), Path::new("a.pem"));
        assert_eq!(beside(Path::new("a.pem"), "pem"), Path::new("a.new.pem"));
    }
}
