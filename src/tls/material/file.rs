//! A file that the configuration names: its bytes, or why there are none, said with the remedy.

use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::process::{getegid, geteuid};
use zeroize::Zeroizing;

use super::passphrase;
use crate::config::{Located, Report, is_credential, is_missing_credential, open_regular};

/// Far beyond any bundle of certificates, and small enough to hold in memory.
pub const FILE_BYTES_MAX: u64 = 8 * MIB;

const MIB: u64 = 1024 * 1024;

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
    ///
    /// Any of these files may hold a key, meant or not: all are wiped when they are dropped.
    pub(super) fn read(&self, report: &mut Report) -> Option<Zeroizing<Vec<u8>>> {
        self.read_up_to(FILE_BYTES_MAX, report)
    }

    /// The same with another ceiling.
    pub(super) fn read_up_to(&self, most: u64, report: &mut Report) -> Option<Zeroizing<Vec<u8>>> {
        match self.bytes(most) {
            Ok(bytes) if bytes.len() as u64 > most => {
                let (most, what) = match most {
                    ..MIB => (format!("{most} bytes"), "a file that holds nothing else"),
                    _ => (format!("{} MiB", most / MIB), "a PEM file"),
                };
                report
                    .error(self.span, format!("{} is too large", self.says()))
                    .seen(format!("more than {most}"))
                    .fix(format!("point `{}` at {what}", self.key));
                None
            }
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.report_unreadable(&error, report);
                None
            }
        }
    }

    fn bytes(&self, most: u64) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut file = open_regular(self.path)?;
        // A byte more than there is, so that what has grown is seen to. The buffer does not grow with it: one that
        // does leaves a copy behind.
        let size = file.metadata()?.len().min(most) + 1;
        let size = usize::try_from(size).map_err(|_| io::Error::from(ErrorKind::FileTooLarge))?;
        let mut bytes = Zeroizing::new(vec![0; size]);
        let mut filled = 0;
        while filled < size {
            match file.read(&mut bytes[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if filled == size && size as u64 <= most {
            return Err(io::Error::other("it grew while it was read"));
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// Warns of a file whose content is nobody else's business and that others may read.
    pub(super) fn warn_if_others_may_read(&self, report: &mut Report) {
        let Ok(mode) = fs::metadata(self.path).map(|data| data.mode() & 0o777) else {
            return;
        };
        let who = match mode {
            // systemd guards its credentials by the folder they are in, whatever the mode of the file.
            _ if is_credential(self.path) => return,
            mode if mode & 0o004 != 0 => "everybody on this machine",
            mode if mode & 0o040 != 0 => "its whole group",
            _ => return,
        };
        report
            .warning(self.span, format!("{} {who} may read", self.says()))
            .seen(format!("mode {mode:04o}"))
            .fix(format!("`chmod 600 {}`", quoted(self.path)));
    }

    /// Reports that the file, or the folder, cannot be read.
    pub(super) fn report_unreadable(&self, error: &io::Error, report: &mut Report) {
        // Who may read a file by its mode, and may not open it, is kept from it by something else.
        self.report_why(error, access(self.path, Access::READ_OK).is_ok(), report);
    }

    /// Whether the value may be what should stand in the file.
    fn is_perhaps_a_passphrase(&self) -> bool {
        self.key == passphrase::KEY && fs::symlink_metadata(self.path).is_err()
    }

    fn report_why(&self, error: &io::Error, is_readable: bool, report: &mut Report) {
        let (says, key) = (self.says(), self.key);
        if is_missing_credential(self.path) {
            report
                .error(self.span, format!("`{key}` names a credential, and this process has none"))
                .seen("no `CREDENTIALS_DIRECTORY` in the environment")
                .why("systemd sets it for a service whose unit has `LoadCredential=NAME:/path/of/the/file`")
                .fix(
                    "as a service: add that line to the unit and restart it; by hand: set \
                        `CREDENTIALS_DIRECTORY` to a folder that holds the files, or as root to \
                        `/run/credentials/mtls-gateway.service` while the service runs",
                );
            return;
        }
        if self.is_perhaps_a_passphrase() && error.kind() != ErrorKind::PermissionDenied {
            let config = report_file_name(report);
            let why = match error.kind() {
                ErrorKind::NotFound => "does not exist",
                _ => "cannot be read",
            };
            report
                .error(self.span, format!("`{key}` names a file that {why}"))
                .seen("the name is not shown here: it may be the passphrase itself")
                .fix(format!(
                    "put the passphrase into a file, on one line and alone, and write that file's path as `{key}`; a \
                        relative one starts at the folder of `{config}`"
                ));
            return;
        }
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
            ErrorKind::PermissionDenied if is_readable => report
                .error(self.span, format!("{says} lies outside of the sandbox of this process"))
                .seen("its mode lets the gateway read it, and the kernel does not")
                .why(
                    "what may be read was settled at the start, from the configuration of then \
                        (`sandbox` in `[runtime]`)",
                )
                .fix(
                    "restart the gateway, or move the file into a folder that the configuration \
                        named at the start; where nothing was settled, ask AppArmor or SELinux",
                ),
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

fn whose(path: &Path) -> String {
    let (user, group) = (geteuid(), getegid());
    let reader = format!("the gateway runs as uid {} gid {}", user.as_raw(), group.as_raw());
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
        let file = NamedFile::new("private_key", &path);
        file.report_why(&io::ErrorKind::PermissionDenied.into(), false, &mut report);
        let said = text(&report);
        assert!(said.contains("which the gateway may not read"), "{said}");
        assert!(said.contains("seen: mode 0"), "{said}");
        assert!(said.contains("the gateway runs as uid "), "{said}");
        assert!(said.contains("namei -l "), "{said}");
    }

    #[test]
    fn a_file_that_the_sandbox_hides_says_so() {
        let lab = Lab::new();
        lab.write("a.key", "");
        let mut report = lab.report();
        let path = Located::new(lab.path("a.key"), 0..0);
        let file = NamedFile::new("private_key", &path);
        file.report_why(&io::ErrorKind::PermissionDenied.into(), true, &mut report);
        insta::assert_snapshot!("sandbox", lab.redact(&report.to_string()));
    }

    #[test]
    fn a_credential_that_was_not_handed_over_is_no_missing_file() {
        let lab = Lab::new();
        let mut report = lab.report();
        let path = Located::new("${CREDENTIALS_DIRECTORY}/a.key".into(), 0..0);
        assert!(NamedFile::new("private_key", &path).read(&mut report).is_none());
        insta::assert_snapshot!("credential", lab.redact(&report.to_string()));
    }

    #[test]
    fn commands_survive_odd_file_names_and_never_overwrite_their_input() {
        assert_eq!(quoted(Path::new("/etc/a-b.crt")), "/etc/a-b.crt");
        assert_eq!(quoted(Path::new("my key's.pem")), r"'my key'\''s.pem'");
        assert_eq!(beside(Path::new("a.crt"), "pem"), Path::new("a.pem"));
        assert_eq!(beside(Path::new("a.pem"), "pem"), Path::new("a.new.pem"));
    }
}
