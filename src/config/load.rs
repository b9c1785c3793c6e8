//! The two ways in: a file's path, or its text.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Access, access};
use toml::Spanned;

use super::keys;
use super::model::{Config, Site};
use super::path::{self, Folders};
use super::raw::Reader;
use super::regular::open_regular;
use super::report::{Report, Source};
use super::{resolve, syntax};

/// The largest configuration that is read; a path such as `/dev/zero` ends here.
pub const SOURCE_BYTES_MAX: u64 = 1 << 20;

/// A configuration that cannot be used.
#[derive(Debug)]
pub struct Faulty {
    /// What is wrong; holds at least one error.
    pub report: Report,
    /// The sites of which enough is known to judge their certificates and keys, so that one load tells
    /// what is wrong with those too. They are not to be served.
    pub sites: Vec<Site>,
}

impl From<Report> for Faulty {
    fn from(report: Report) -> Self {
        Self { report, sites: Vec::new() }
    }
}

/// Reads and checks a file. The report beside a configuration holds warnings at most.
///
/// # Errors
/// A file that cannot be read, or that holds mistakes.
pub fn load(path: &Path) -> Result<(Config, Report), Faulty> {
    check(read(path, File::open(path))?)
}

/// [`load`] for whoever must not wait: of a regular file only. A pipe gives its text once, and its reader may have to
/// wait for it.
///
/// # Errors
/// Those of [`load`], and a file of another kind.
pub fn load_regular(path: &Path) -> Result<(Config, Report), Faulty> {
    check(read(path, open_regular(path))?)
}

/// Checks a text. Relative paths in it start at the folder of [`Source::path`]. There is a
/// configuration exactly when the report holds no error.
pub fn parse(source: Source) -> (Option<Config>, Report) {
    match check(source) {
        Ok((config, report)) => (Some(config), report),
        Err(faulty) => (None, faulty.report),
    }
}

/// Where the command line finds the gateway of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlSocket {
    /// At the `control_socket` that it names.
    Named(PathBuf),
    /// At the usual place: it names none, or there is no such file.
    Unnamed,
    /// It names one, and cannot be read so far; or cannot be read at all.
    Unreadable,
}

/// The `control_socket` of a file, whatever is wrong with the rest of it.
pub fn control_socket(path: &Path) -> ControlSocket {
    const KEY: &str = "control_socket";
    if matches!(path.try_exists(), Ok(false)) {
        return ControlSocket::Unnamed;
    }
    // Nobody waits for a pipe just to ask the gateway something.
    let Ok(source) = read(path, open_regular(path)) else {
        return ControlSocket::Unreadable;
    };
    let source = Arc::new(source);
    let syntax = syntax::parse(&source.text, &mut Report::new(Arc::clone(&source)));
    let top = syntax.tree.as_ref().map(Spanned::get_ref);
    let runtime = top.and_then(|top| top.get("runtime")?.get_ref().as_table());
    let written = runtime.and_then(|runtime| runtime.get(KEY));
    // Where the tree is not whole, it may stand in what is missing.
    let code = |line: &str| line.split('#').next().unwrap_or_default().contains(KEY);
    match written.map(|value| value.get_ref().as_str()) {
        Some(Some(text)) => match folders(&source).socket(KEY, text) {
            Ok(socket) => ControlSocket::Named(socket),
            Err(_) => ControlSocket::Unreadable,
        },
        None if !source.text.lines().any(code) => ControlSocket::Unnamed,
        _ => ControlSocket::Unreadable,
    }
}

fn folders(source: &Source) -> Folders<'_> {
    Folders {
        own: source.path.parent().unwrap_or(Path::new("")),
        credentials: path::credentials_directory(),
    }
}

fn check(source: Source) -> Result<(Config, Report), Faulty> {
    let source = Arc::new(source);
    let mut report = Report::new(Arc::clone(&source));
    let syntax = syntax::parse(&source.text, &mut report);
    let Some(tree) = &syntax.tree else {
        return Err(report.into());
    };
    let reader = Reader {
        text: &source.text,
        folders: folders(&source),
        report: RefCell::new(report),
        broken: syntax.broken,
        whole: syntax.whole,
        meant: RefCell::default(),
    };
    let config = resolve::config(&reader, &source, tree.get_ref());
    let report = reader.report.into_inner();
    match config {
        Ok(config) if report.has_errors() => Err(Faulty { report, sites: config.sites }),
        Ok(config) => Ok((config, report)),
        Err(sites) => Err(Faulty { report, sites }),
    }
}

fn read(path: &Path, opened: io::Result<File>) -> Result<Source, Report> {
    let mut bytes = Vec::new();
    let read = opened.and_then(|file| file.take(SOURCE_BYTES_MAX + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        return Err(unreadable(path, &error));
    }
    if bytes.len() as u64 > SOURCE_BYTES_MAX {
        let mut report = about(path, String::new());
        report
            .error_nowhere("this file is too large for a configuration")
            .seen("more than 1 MiB")
            .fix("name the right file with `--config FILE`");
        return Err(report);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source { path: path.to_owned(), text }),
        Err(error) => Err(not_utf8(path, &error)),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Report {
    let (what, fix) = match error.kind() {
        io::ErrorKind::NotFound => (
            "there is no such file".to_owned(),
            format!(
                "name the configuration with `--config FILE`, or create it; the smallest one is\n{}",
                smallest()
            ),
        ),
        // Who may read a file by its mode, and may not open it, is kept from it by something else.
        io::ErrorKind::PermissionDenied if access(path, Access::READ_OK).is_ok() => (
            "this file lies outside of the sandbox of this process".to_owned(),
            "restart the gateway: what may be read was settled at the start (`sandbox` in `[runtime]`)"
                .to_owned(),
        ),
        io::ErrorKind::PermissionDenied => (
            "this file may not be read".to_owned(),
            "let the gateway's user read the file and enter the folders above it (`chmod`, `chgrp`)".to_owned(),
        ),
        io::ErrorKind::IsADirectory => (
            "this is a folder, not a file".to_owned(),
            format!("name the file in it: `--config {}`", path.join("gateway.toml").display()),
        ),
        _ if path.metadata().is_ok_and(|data| !data.is_file()) => (
            "this is a pipe or a device, and a running gateway reads its configuration from a file only".to_owned(),
            "put a file there; where the gateway was started from a pipe, restart it for another configuration"
                .to_owned(),
        ),
        _ => (
            "this file cannot be read".to_owned(),
            "mend what the system complains of, or name another file with `--config FILE`".to_owned(),
        ),
    };
    let mut report = about(path, String::new());
    let entry = report.error_nowhere(what).fix(fix);
    if error.kind() != io::ErrorKind::NotFound {
        entry.seen(format!("the system says: {error}"));
    }
    report
}

fn not_utf8(path: &Path, error: &std::string::FromUtf8Error) -> Report {
    let bytes = error.as_bytes();
    let at = error.utf8_error().valid_up_to();
    let is_utf16 = bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]);
    let fix = if is_utf16 {
        "save the file as UTF-8; it is UTF-16 now"
    } else {
        "save the file as UTF-8, or write this character anew"
    };
    let seen = bytes.get(at).map(|byte| format!("the byte 0x{byte:02X}"));
    // A key in DER would be shown as it is.
    let is_text = |byte: &u8| !byte.is_ascii_control() || b"\t\r\n".contains(byte);
    if !(is_utf16 || bytes.iter().all(is_text)) {
        let mut report = about(path, String::new());
        report
            .error_nowhere("this is no text")
            .seen(format!("{} at {at} bytes from its beginning", seen.unwrap_or_default()))
            .fix("name the configuration with `--config FILE`");
        return report;
    }
    let mut report = about(path, String::from_utf8_lossy(bytes).into_owned());
    report.error(&(at..at + 1), "this is not UTF-8").seen(seen.unwrap_or_default()).fix(fix);
    report
}

fn about(path: &Path, text: String) -> Report {
    Report::new(Arc::new(Source { path: path.to_owned(), text }))
}

/// The smallest useful file.
fn smallest() -> String {
    let tables = keys::needed().map(keys::smallest);
    tables.collect::<Vec<_>>().join("\n\n")
}
