//! Where the paths of the file start: at its own folder, or at the one in which systemd keeps what `LoadCredential=`
//! names.
//!
//! A credential that nobody handed over is no mistake of the file: the path stays as it is written, and whoever reads
//! the file complains. So `explain`, which reads no key, and `reload`, which asks another process, go without.

use std::env;
use std::path::{Path, PathBuf};

use super::raw::Wrong;
use super::withheld;

/// How a path begins that leads to a credential.
const CREDENTIALS: &str = "${CREDENTIALS_DIRECTORY}";

/// The folders that paths start at.
#[derive(Debug)]
pub(super) struct Folders<'a> {
    /// Of the configuration.
    pub(super) own: &'a Path,
    /// Of the credentials, where there are any.
    pub(super) credentials: Option<PathBuf>,
}

impl Folders<'_> {
    /// The path of a file that is read.
    pub(super) fn file(&self, name: &str, text: &str) -> Result<PathBuf, Wrong> {
        if text.is_empty() || text.contains('\0') {
            return Err(Wrong::new(
                format!("`{name}` names no file"),
                "write a file's path, absolute or starting at the folder of this file",
            ));
        }
        if withheld::is_pem(text) || withheld::is_bare_key(text) {
            return Err(Wrong::new(
                format!("`{name}` holds the PEM itself"),
                format!("put it in a file of its own and write its path: `{name} = \"FILE\"`"),
            )
            .seen("a text, not shown here")
            .why("this file is read by more people and programs than a key may be"));
        }
        if text.contains(char::is_control) {
            return Err(Wrong::new(
                format!("`{name}` holds a line break or another control character"),
                "write a file's path, on one line",
            )
            .seen("a text, not shown here"));
        }
        let Some(rest) = text.strip_prefix(CREDENTIALS) else {
            no_variable(name, text)?;
            return Ok(self.own.join(text));
        };
        no_variable(name, rest)?;
        // Nothing that climbs out again: what is said of credentials would not hold of it.
        let credential = rest.strip_prefix('/').filter(|file| {
            !file.is_empty() && Path::new(file).components().all(|part| is_plain(&part))
        });
        let Some(file) = credential else {
            return Err(Wrong::new(
                format!("`{name}` names no credential"),
                format!(
                    "write `\"{CREDENTIALS}/NAME\"`, with the NAME of `LoadCredential=NAME:...`"
                ),
            ));
        };
        Ok(self.credentials.as_deref().unwrap_or(Path::new(CREDENTIALS)).join(file))
    }

    /// The path of a socket that is made or connected to.
    pub(super) fn socket(&self, name: &str, text: &str) -> Result<PathBuf, Wrong> {
        no_variable(name, text)?;
        self.file(name, text)
    }
}

fn is_plain(part: &std::path::Component<'_>) -> bool {
    matches!(part, std::path::Component::Normal(_))
}

/// No other variable is replaced: what a file means must not depend on who reads it.
fn no_variable(name: &str, text: &str) -> Result<(), Wrong> {
    let Some(at) = text.find("${") else {
        return Ok(());
    };
    let end = text[at..].find('}').map_or(text.len(), |length| at + length + 1);
    let variable = if withheld::is_passphrase(name) { "${…}" } else { &text[at..end] };
    let what = format!("`{name}` holds `{variable}`, which stands for nothing here");
    let fix = format!(
        "write the path out; only `{CREDENTIALS}` is replaced, at the beginning of a file's path"
    );
    Err(Wrong::new(what, fix))
}

/// The folder in which systemd keeps this service's credentials (`systemd.exec(5)`), if it has any.
pub(super) fn credentials_directory() -> Option<PathBuf> {
    env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from).filter(|folder| folder.is_absolute())
}

/// Whether a path leads to a credential: a copy that systemd makes when the service starts, and not again.
pub fn is_credential(path: &Path) -> bool {
    is_missing_credential(path)
        || credentials_directory().is_some_and(|folder| path.starts_with(folder))
}

/// Whether a path leads to a credential and this process was given none.
pub fn is_missing_credential(path: &Path) -> bool {
    path.starts_with(CREDENTIALS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(credentials: Option<&str>) -> Folders<'static> {
        Folders { own: Path::new("/etc/gw"), credentials: credentials.map(PathBuf::from) }
    }

    fn file(text: &str) -> Result<PathBuf, String> {
        folders(Some("/run/credentials/gw")).file("private_key", text).map_err(|wrong| wrong.what)
    }

    #[test]
    fn the_folder_of_credentials_stands_at_the_beginning_of_a_path() {
        let read = |text| file(text).unwrap();
        assert_eq!(
            read("${CREDENTIALS_DIRECTORY}/www.key"),
            Path::new("/run/credentials/gw/www.key")
        );
        assert_eq!(read("www.key"), Path::new("/etc/gw/www.key"));
        assert_eq!(read("$HOME"), Path::new("/etc/gw/$HOME"));
    }

    #[test]
    fn no_other_variable_is_replaced() {
        for (text, complaint) in [
            ("${HOME}/www.key", "`private_key` holds `${HOME}`, which stands for nothing here"),
            (
                "/run/${CREDENTIALS_DIRECTORY}/www.key",
                "`private_key` holds `${CREDENTIALS_DIRECTORY}`, which stands for nothing here",
            ),
            (
                "${CREDENTIALS_DIRECTORY}/${A",
                "`private_key` holds `${A`, which stands for nothing here",
            ),
            ("${CREDENTIALS_DIRECTORY}", "`private_key` names no credential"),
            ("${CREDENTIALS_DIRECTORY}/", "`private_key` names no credential"),
            ("${CREDENTIALS_DIRECTORY}www.key", "`private_key` names no credential"),
            ("${CREDENTIALS_DIRECTORY}/../other/www.key", "`private_key` names no credential"),
        ] {
            assert_eq!(file(text).unwrap_err(), complaint, "{text}");
        }
        assert!(folders(None).socket("socket", "${CREDENTIALS_DIRECTORY}/a.sock").is_err());
    }

    #[test]
    fn a_credential_that_nobody_handed_over_is_known_as_one() {
        let path = folders(None).file("private_key", "${CREDENTIALS_DIRECTORY}/www.key").unwrap();
        assert!(is_missing_credential(&path));
        assert!(is_credential(&path));
        assert!(!is_credential(Path::new("/etc/gw/www.key")));
    }
}
