//! The files that a configuration names, and whether they have changed.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{Context, SHA256};
use zeroize::Zeroizing;

use crate::config::{CaHints, CrlMissing, SOURCE_BYTES_MAX, Site, UpstreamTls, open_regular};
use crate::tls::material::{CRL_BYTES_MAX, FILE_BYTES_MAX, is_named_like_a_crl};

/// A path, and how many bytes of the file there are read at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) path: PathBuf,
    bytes_max: u64,
}

/// The configuration itself.
pub(super) fn configuration(path: &Path) -> Named {
    Named { path: path.to_owned(), bytes_max: SOURCE_BYTES_MAX }
}

/// Every path that sites name, folders included, without the configuration itself.
pub(super) fn named(sites: &[Site]) -> impl Iterator<Item = Named> {
    let of_site = |site: &Site| {
        let hints = match &site.client.ca_hints {
            CaHints::Files(files) => files.as_slice(),
            CaHints::All | CaHints::None => &[],
        };
        let excused = match &site.client.crl_missing {
            CrlMissing::AllowFor(files) => files.as_slice(),
            CrlMissing::Allow | CrlMissing::Deny => &[],
        };
        let apps = site.upstreams().filter_map(|upstream| upstream.tls.as_ref());
        let apps = apps.flat_map(UpstreamTls::files);
        let own = [&site.certificate, &site.private_key];
        let own = own.into_iter().chain(&site.private_key_passphrase_file);
        let authorities = site.client_ca.iter().chain(hints).chain(excused);
        let small = own.chain(authorities).chain(apps).map(|path| (path, FILE_BYTES_MAX));
        let lists = site.client.crl.iter().map(|path| (path, CRL_BYTES_MAX));
        let named = small.chain(lists);
        named
            .map(|(path, bytes_max)| Named { path: path.value.clone(), bytes_max })
            .collect::<Vec<_>>()
    };
    sites.iter().flat_map(of_site)
}

/// How files were at a moment. Compared with how they are later, it tells whether what is in them has
/// changed, whichever way it was replaced: written over, renamed into place, or behind a symbolic link that
/// points elsewhere now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// As the configuration names them.
    named: Vec<Named>,
    /// The files, those in folders too.
    states: BTreeMap<PathBuf, State>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// A file: how it looked from outside, and its SHA-256, if it was read.
    File(Look, Option<[u8; 32]>),
    /// Larger than anybody reads it, whatever it holds.
    TooLarge,
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
    pub(super) fn glance(named: &[Named]) -> Self {
        Self::of(named, &|one| {
            let look = Look::from(&regular(&one.path)?);
            Ok(if look.bytes > one.bytes_max { State::TooLarge } else { State::File(look, None) })
        })
    }

    /// How the same files are now; a folder stands for the revocation lists in it. What still looks as it did is
    /// not read again.
    pub fn look(&self) -> Self {
        Self::of(&self.named, &|one| self.state(one))
    }

    fn of(named: &[Named], state: &dyn Fn(&Named) -> io::Result<State>) -> Self {
        let state =
            |one: &Named| state(one).unwrap_or_else(|error| State::Unreadable(error.kind()));
        let mut states = BTreeMap::new();
        for one in named {
            match fs::read_dir(&one.path) {
                Ok(entries) => {
                    let paths = entries.flatten().map(|entry| entry.path());
                    // What the loader leaves alone may be of any size, and change all the time.
                    for path in paths.filter(|path| is_named_like_a_crl(path)) {
                        let inside = Named { path, bytes_max: one.bytes_max };
                        let state = state(&inside);
                        states.insert(inside.path, state);
                    }
                }
                Err(_) => _ = states.insert(one.path.clone(), state(one)),
            }
        }
        Self { named: named.to_vec(), states }
    }

    /// The paths that are looked at.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.named.iter().map(|one| one.path.clone()).collect()
    }

    /// Looks at the paths of `other` from now on; whether they are other ones. What is new is as it was there.
    pub fn follow(&mut self, other: Self) -> bool {
        let is_other = self.named != other.named;
        self.named = other.named;
        for (path, state) in other.states {
            self.states.entry(path).or_insert(state);
        }
        is_other
    }

    /// Whether anything was written or replaced since `before`, even if it holds the same.
    pub fn was_touched_since(&self, before: &Self) -> bool {
        !self.are_like(before, |(a, _), (b, _)| a == b) || !self.hold_the_same_as(before)
    }

    fn state(&self, one: &Named) -> io::Result<State> {
        let look = Look::from(&regular(&one.path)?);
        if look.bytes > one.bytes_max {
            return Ok(State::TooLarge);
        }
        match self.states.get(&one.path) {
            // The clock of a file system moves in steps; what was written in the same one looks the same.
            Some(State::File(before, sha256)) if *before == look && !look.is_fresh() => {
                Ok(State::File(look, *sha256))
            }
            _ => match sha256(one)? {
                Some(sha256) => Ok(State::File(look, Some(sha256))),
                None => Ok(State::TooLarge),
            },
        }
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
                    (State::TooLarge, State::TooLarge) => true,
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
            State::TooLarge | State::Unreadable(_) => false,
        })
    }
}

/// How long a file is read again even if it looks the same.
const FRESH: Duration = Duration::from_secs(1);

impl Look {
    /// Whether it was written so short a time ago that it may be written again and look the same.
    ///
    /// A time that lies further ahead was set by hand, or by a clock that was set back since: what is written now
    /// has another.
    fn is_fresh(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let is_near = |(seconds, nanoseconds): (i64, i64)| {
            let at = u64::try_from(seconds).map_or(Duration::ZERO, Duration::from_secs);
            let at = at.saturating_add(Duration::from_nanos(nanoseconds.unsigned_abs()));
            now.abs_diff(at) < FRESH
        };
        is_near(self.modified) || is_near(self.changed)
    }
}

/// Metadata of a file that a configuration can use: what is none may be a pipe, which never ends.
fn regular(path: &Path) -> io::Result<Metadata> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(metadata)
}

/// `None` for a file that holds more than is read of it.
fn sha256(of: &Named) -> io::Result<Option<[u8; 32]>> {
    let mut file = open_regular(&of.path)?.take(of.bytes_max + 1);
    let mut context = Context::new(&SHA256);
    // Some of these files are keys.
    let mut buffer = Zeroizing::new(vec![0; 64 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => context.update(&buffer[..count]),
        }
    }
    if file.limit() == 0 {
        return Ok(None);
    }
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(context.finish().as_ref());
    Ok(Some(sha256))
}

#[cfg(test)]
mod tests;
