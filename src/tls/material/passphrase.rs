//! The passphrase of a private key: the one line of a file, wiped when it is dropped.

use zeroize::Zeroizing;

use super::file::NamedFile;
use super::pair_files::PairFiles;
use crate::config::Report;

/// The key of the configuration that names its file.
pub(super) const KEY: &str = "private_key_passphrase_file";

/// Far longer than any passphrase that somebody keeps.
const BYTES_MAX: u64 = 1024;

/// What opens a key.
pub(super) struct Passphrase {
    bytes: Zeroizing<Vec<u8>>,
}

impl Passphrase {
    /// The passphrase without the end of its line.
    pub(super) fn as_bytes(&self) -> &[u8] {
        let line = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        line.strip_suffix(b"\r").unwrap_or(line)
    }
}

/// The file of a passphrase, if there is one.
pub(super) fn file(files: PairFiles<'_>) -> Option<NamedFile<'_>> {
    Some(NamedFile::new(KEY, files.passphrase?))
}

/// Reads it; `None` after the problem was reported.
pub(super) fn load(file: &NamedFile<'_>, report: &mut Report) -> Option<Passphrase> {
    let bytes = file.read_up_to(BYTES_MAX, report)?;
    let passphrase = Passphrase { bytes };
    let text = passphrase.as_bytes();
    let put = "write the passphrase into it, on one line and alone";
    if text.is_empty() {
        report.error(file.span, format!("{} is empty", file.says())).fix(put);
        return None;
    }
    let lines = text.split(|byte| *byte == b'\n').count();
    if lines > 1 {
        report
            .error(file.span, format!("{} holds more than one line", file.says()))
            .seen(format!("{lines} lines"))
            .why("each site has a file of its own, so that nothing is tried that is not meant")
            .fix(put);
        return None;
    }
    file.warn_if_others_may_read(report);
    Some(passphrase)
}
