//! The files that a configuration names, and whether they have changed.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{Context, SHA256};
use zeroize::Zeroizing;

use crate::config::{CaHints, CrlMissing, Site};

/// Every path that sites name, folders included, without the configuration itself.
pub(super) fn named(sites: &[Site]) -> impl Iterator<Item = PathBuf> {
    let of_site = |site: &Site| {
        let hints = match &site.client.ca_hints {
            CaHints::Files(files) => files.as_slice(),
            CaHints::All | CaHints::None => &[],
        };
        let excused = match &site.client.crl_missing {
            CrlMissing::AllowFor(files) => files.as_slice(),
            CrlMissing::Allow | CrlMissing::Deny => &[],
        };
        let own = [&site.certificate, &site.private_key];
        let own = own.into_iter().chain(&site.private_key_passphrase_file);
        let lists = site.client_ca.iter().chain(&site.client.crl).chain(hints).chain(excused);
        own.chain(lists).map(|path| path.value.clone()).collect::<Vec<_>>()
    };
    sites.iter().flat_map(of_site)
}

/// How files were at a moment. Compared with how they are later, it tells whether what is in them has
/// changed, whichever way it was replaced: written over, renamed into place, or behind a symbolic link that
/// points elsewhere now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// As the configuration names them.
    paths: Vec<PathBuf>,
    /// The files, those in folders too.
    states: BTreeMap<PathBuf, State>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// A file: how it looked from outside, and its SHA-256, if it was read.
    File(Look, Option<[u8; 32]>),
    /// None, or none that may be read.
    Unreadable(io::ErrorKind),
}

type Content = (Look, Option<[u8; 32]>);

/// What changes whenever a file is written or replaced, and costs no reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl From<&Metadata> for Look {
    fn from(of: &Metadata) -> Self {
        Self {
            device: of.dev(),
            inode: of.ino(),
            bytes: of.len(),
            modified: (of.mtime(), of.mtime_nsec()),
            changed: (of.ctime(), of.ctime_nsec()),
        }
    }
}

impl Files {
    /// How the files at these paths look from outside, which costs no reading. For just before they are read by
    /// somebody else: what changes from then on is seen to.
    pub(super) fn glance(paths: &[PathBuf]) -> Self {
        Self::of(paths, &|path| {
            let look = fs::metadata(path).map(|metadata| Look::from(&metadata));
            look.map_or_else(
                |error| State::Unreadable(error.kind()),
                |look| State::File(look, None),
            )
        })
    }

    /// How the files at these paths are now; a folder stands for the files in it. What still looks as it did
    /// `before` is not read again.
    pub fn look(paths: &[PathBuf], before: &Self) -> Self {
        Self::of(paths, &|path| before.state(path))
    }

    fn of(paths: &[PathBuf], state: &dyn Fn(&Path) -> State) -> Self {
        let mut states = BTreeMap::new();
        for path in paths {
            match fs::read_dir(path) {
                Ok(entries) => {
                    for path in entries.flatten().map(|entry| entry.path()) {
                        let state = state(&path);
                        states.insert(path, state);
                    }
                }
                Err(_) => _ = states.insert(path.clone(), state(path)),
            }
        }
        Self { paths: paths.to_vec(), states }
    }

    /// The paths that were looked at.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.paths.clone()
    }

    /// Looks at the paths of `other` from now on; whether they are other ones. What is new is as it was there.
    pub fn follow(&mut self, other: Self) -> bool {
        let is_other = self.paths != other.paths;
        self.paths = other.paths;
        for (path, state) in other.states {
            self.states.entry(path).or_insert(state);
        }
        is_other
    }

    /// Whether anything was written or replaced since `before`, even if it holds the same.
    pub fn was_touched_since(&self, before: &Self) -> bool {
        !self.are_like(before, |(a, _), (b, _)| a == b) || !self.hold_the_same_as(before)
    }

    fn state(&self, path: &Path) -> State {
        match self.try_state(path) {
            Ok(state) => state,
            Err(error) => State::Unreadable(error.kind()),
        }
    }

    fn try_state(&self, path: &Path) -> io::Result<State> {
        let metadata = fs::metadata(path)?;
        let look = Look::from(&metadata);
        match self.states.get(path) {
            // The clock of a file system moves in steps; what was written in the same one looks the same.
            Some(State::File(before, sha256)) if *before == look && !is_fresh(&metadata) => {
                return Ok(State::File(look, *sha256));
            }
            _ => {}
        }
        if !metadata.is_file() {
            // Nothing that a configuration can use, and a pipe would never end.
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(State::File(look, Some(sha256(path)?)))
    }

    /// Whether all files hold the same.
    pub fn hold_the_same_as(&self, other: &Self) -> bool {
        // A file that was not read yet has to be taken at its look.
        self.are_like(other, |a, b| match (a.1, b.1) {
            (Some(a), Some(b)) => a == b,
            _ => a.0 == b.0,
        })
    }

    fn are_like(&self, other: &Self, is_like: impl Fn(Content, Content) -> bool) -> bool {
        let alike = |((a_path, a), (b_path, b)): ((&PathBuf, &State), (&PathBuf, &State))| {
            a_path == b_path
                && match (a, b) {
                    (State::File(a, a_sha256), State::File(b, b_sha256)) => {
                        is_like((*a, *a_sha256), (*b, *b_sha256))
                    }
                    (State::Unreadable(a), State::Unreadable(b)) => a == b,
                    _ => false,
                }
        };
        self.states.len() == other.states.len() && self.states.iter().zip(&other.states).all(alike)
    }

    /// Whether one of them was changed less than so long ago, by the file system's clock.
    pub fn is_younger_than(&self, age: Duration) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let young = now.saturating_sub(age).as_secs();
        // To the second. A time that lies ahead is no sign of youth: it may lie there for years.
        let young = i64::try_from(young).unwrap_or(i64::MAX)
            ..=i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        self.states.values().any(|state| match state {
            State::File(look, _) => {
                young.contains(&look.modified.0) || young.contains(&look.changed.0)
            }
            State::Unreadable(_) => false,
        })
    }
}

/// How long a file is read again even if it looks the same.
const FRESH: Duration = Duration::from_secs(1);

fn is_fresh(metadata: &Metadata) -> bool {
    // A time that lies ahead is no sign of age.
    metadata.modified().map_or(true, |at| at.elapsed().map_or(true, |age| age < FRESH))
}

fn sha256(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let mut context = Context::new(&SHA256);
    // Some of these files are keys.
    let mut buffer = Zeroizing::new(vec![0; 64 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => context.update(&buffer[..count]),
        }
    }
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(context.finish().as_ref());
    Ok(sha256)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            fs::write(self.path(name), text).unwrap();
            self.path(name)
        }
    }

    #[test]
    fn a_file_that_is_written_anew_with_the_same_bytes_has_not_changed() {
        let folder = Folder::new();
        let paths = [folder.write("a", "1")];
        let before = Files::look(&paths, &Files::default());
        assert!(!Files::look(&paths, &before).was_touched_since(&before));
        fs::remove_file(&paths[0]).unwrap();
        let gone = Files::look(&paths, &before);
        assert!(!gone.hold_the_same_as(&before));
        folder.write("a", "1");
        let again = Files::look(&paths, &gone);
        assert!(again.was_touched_since(&before));
        assert!(again.hold_the_same_as(&before));
        folder.write("a", "2");
        assert!(!Files::look(&paths, &again).hold_the_same_as(&before));
    }

    #[test]
    fn a_rename_and_a_link_that_points_elsewhere_are_changes() {
        let folder = Folder::new();
        folder.write("a", "1");
        folder.write("b", "2");
        symlink("a", folder.path("data")).unwrap();
        let paths = [folder.path("data"), folder.write("c", "3")];
        let before = Files::look(&paths, &Files::default());

        // As Kubernetes does it: a new link, renamed over the old one.
        symlink("b", folder.path("new")).unwrap();
        fs::rename(folder.path("new"), folder.path("data")).unwrap();
        let linked = Files::look(&paths, &before);
        assert!(!linked.hold_the_same_as(&before));

        fs::rename(folder.write("c.new", "4"), folder.path("c")).unwrap();
        assert!(!Files::look(&paths, &linked).hold_the_same_as(&linked));
    }

    #[test]
    fn a_change_after_the_first_glance_is_seen() {
        let folder = Folder::new();
        let paths = [folder.write("a", "1")];
        let glance = Files::glance(&paths);
        let same = Files::look(&paths, &glance);
        assert!(!same.was_touched_since(&glance));
        fs::rename(folder.write("a.new", "2"), folder.path("a")).unwrap();
        let other = Files::look(&paths, &glance);
        assert!(other.was_touched_since(&glance));
        assert!(!other.hold_the_same_as(&glance));
    }

    #[test]
    fn a_folder_stands_for_the_files_in_it() {
        let folder = Folder::new();
        let paths = [folder.0.path().to_owned()];
        let before = Files::look(&paths, &Files::default());
        folder.write("a.crl", "1");
        let one = Files::look(&paths, &before);
        assert!(!one.hold_the_same_as(&before));
        folder.write("a.crl", "2");
        assert!(!Files::look(&paths, &one).hold_the_same_as(&one));
    }
}
