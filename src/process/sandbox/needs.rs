//! What the gateway needs of the file system: now, after any reload that is to be expected, and for starting its
//! program anew.
//!
//! Folders, not files: whoever replaces a file by renaming makes another one, and what is allowed is allowed to one
//! file or folder, not to a name. Where a symbolic link is on the way, the folder that it is in, so that it may be
//! turned elsewhere beside; then also where it leads now.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::config::{AccessTarget, Config};

/// What a place is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    /// Reading what is in it.
    Read,
    /// Reading, and starting programs from it.
    Start,
    /// Making sockets in it.
    Listen,
    /// Reading and writing a device.
    Device,
    /// Making files in it and writing to them.
    Write,
}

/// Where certificates, CAs and the configuration usually are; what looking up names takes; credentials and what
/// containers mount; the kernel's word on CPUs and on this process.
const READ: [&str; 8] = [
    "/etc",
    "/usr",
    "/run",
    "/proc",
    "/sys/fs/cgroup",
    "/sys/devices/system/cpu",
    // Where everything in /etc leads to, on systems that have them.
    "/nix/store",
    "/gnu/store",
];

/// What a program is loaded with.
const LIBRARIES: [&str; 4] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"];

const DEVICES: [&str; 3] = ["/dev/null", "/dev/urandom", "/dev/random"];

/// Files of which only the beginning is always in the same place.
const OF_NAMES: [&str; 3] = ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"];

/// As many links as the kernel follows (`path_resolution(7)`).
const LINKS_MAX: usize = 40;

/// Places and what each is needed for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    places: BTreeSet<(PathBuf, Use)>,
}

impl Needs {
    /// Of a configuration, the files that it was read from, and the program that serves it.
    pub fn of(config: &Config, files: &[PathBuf], program: &Path) -> Self {
        let mut needs = Self::default();
        for path in READ {
            needs.add(Path::new(path), Use::Read);
        }
        for path in LIBRARIES {
            needs.add(Path::new(path), Use::Start);
        }
        for path in DEVICES {
            needs.add(Path::new(path), Use::Device);
        }
        for path in OF_NAMES.iter().map(Path::new).chain(files.iter().map(PathBuf::as_path)) {
            needs.reach(path, Use::Read);
        }
        for path in mapped().iter().map(PathBuf::as_path).chain([program]) {
            needs.reach(path, Use::Start);
        }
        let sockets = config.runtime.control_socket.iter().chain(&config.admin.socket);
        for folder in sockets.filter_map(|socket| socket.value.parent()) {
            needs.add(folder, Use::Listen);
        }
        for folder in config.challenge_folders() {
            needs.reach(&folder.value, Use::Read);
        }
        if let AccessTarget::File(log) = &config.access_log.target.value {
            needs.write(log);
        }
        // Where logs usually are, for what a reload may want there.
        needs.add(Path::new("/var/log"), Use::Write);
        // Made by systemd for this service: likewise.
        let folders = std::env::var_os("RUNTIME_DIRECTORY").unwrap_or_default();
        for folder in std::env::split_paths(&folders).filter(|folder| folder.is_absolute()) {
            needs.add(&folder, Use::Listen);
        }
        needs
    }

    /// Each place with a use of it.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Path, Use)> {
        self.places.iter().map(|(path, purpose)| (path.as_path(), *purpose))
    }

    /// What it takes to write a file that somebody else may rename; or a device or pipe, which nobody does.
    fn write(&mut self, path: &Path) {
        match fs::metadata(path) {
            Ok(there) if !there.is_file() => self.add(path, Use::Device),
            _ => self.reach(path, Use::Write),
        }
    }

    fn add(&mut self, path: &Path, purpose: Use) {
        // An empty path is the folder that we are in.
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        self.places.insert((path.to_owned(), purpose));
    }

    /// What it takes that a path leads to its file also when that is replaced.
    fn reach(&mut self, path: &Path, purpose: Use) {
        let Ok(path) = std::path::absolute(path) else {
            return;
        };
        let mut rest: VecDeque<OsString> = steps(&path);
        let (mut at, mut links) = (PathBuf::from("/"), 0);
        while let Some(step) = rest.pop_front() {
            if step == ".." {
                at.pop();
                continue;
            }
            let next = at.join(&step);
            let Ok(target) = fs::read_link(&next) else {
                at = next;
                continue;
            };
            links += 1;
            if links > LINKS_MAX {
                return;
            }
            // A link right below `/`, or in one of its folders, would open all of that: such as `/var/run`.
            if rest.is_empty() || at.components().count() > 2 {
                self.add_folder(&at, purpose);
            }
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            for step in steps(&target).into_iter().rev() {
                rest.push_front(step);
            }
        }
        match at.parent() {
            // A folder of revocation lists stands for what is in it.
            _ if at.is_dir() => self.add_folder(&at, purpose),
            Some(folder) if folder != Path::new("/") => self.add_folder(folder, purpose),
            _ => self.add(&at, purpose),
        }
    }

    /// Never the whole file system.
    fn add_folder(&mut self, folder: &Path, purpose: Use) {
        if folder != Path::new("/") {
            self.add(folder, purpose);
        }
    }
}

/// The names on the way, with `..` for the way back.
fn steps(path: &Path) -> VecDeque<OsString> {
    let step = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(step).collect()
}

/// The files that this program was loaded from, wherever a distribution keeps them.
fn mapped() -> BTreeSet<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    // `proc(5)`: address, rights, offset, device, inode, and from column 73 the path.
    let path = |line: &str| line.find('/').map(|at| PathBuf::from(&line[at..]));
    maps.lines().filter(|line| line.contains(" r-xp ")).filter_map(path).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// The places below a folder of the test that reaching a path of it takes.
    fn reached(folder: &Path, path: &str) -> Vec<String> {
        let mut needs = Needs::default();
        needs.reach(&folder.join(path), Use::Read);
        let below = |place: &Path| Some(place.strip_prefix(folder).ok()?.display().to_string());
        needs.iter().filter_map(|(place, _)| below(place)).collect()
    }

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        (folder, path)
    }

    #[test]
    fn a_file_takes_its_folder() {
        let (_held, folder) = folder();
        fs::create_dir_all(folder.join("tls/lists")).unwrap();
        fs::write(folder.join("tls/www.key"), "").unwrap();
        assert_eq!(reached(&folder, "tls/www.key"), ["tls"]);
        assert_eq!(reached(&folder, "tls/not-yet.key"), ["tls"]);
        assert_eq!(reached(&folder, "tls/lists/../www.key"), ["tls"]);
        assert_eq!(reached(&folder, "tls/lists"), ["tls/lists"]);
    }

    #[test]
    fn links_as_certbot_and_kubernetes_make_them_may_be_turned() {
        let (_held, folder) = folder();
        for made in ["live/www", "archive/www", "mounted/..1"] {
            fs::create_dir_all(folder.join(made)).unwrap();
        }
        symlink("../../archive/www/privkey1.pem", folder.join("live/www/privkey.pem")).unwrap();
        assert_eq!(reached(&folder, "live/www/privkey.pem"), ["archive/www", "live/www"]);
        symlink("..1", folder.join("mounted/..data")).unwrap();
        symlink("..data/tls.key", folder.join("mounted/tls.key")).unwrap();
        assert_eq!(reached(&folder, "mounted/tls.key"), ["mounted", "mounted/..1"]);
    }

    #[test]
    fn no_link_opens_all_there_is() {
        let mut needs = Needs::default();
        needs.reach(Path::new("/no-such-file"), Use::Read);
        needs.reach(Path::new("/proc/self/root/etc/hosts"), Use::Read);
        let places: Vec<_> = needs.iter().map(|(place, _)| place.to_owned()).collect();
        assert!(!places.contains(&PathBuf::from("/")), "{places:?}");
        // A link that leads to itself ends.
        let (_held, folder) = folder();
        symlink("loop", folder.join("loop")).unwrap();
        reached(&folder, "loop/a");
    }

    #[test]
    fn what_this_program_was_loaded_from_is_known() {
        let own = std::env::current_exe().unwrap();
        assert!(mapped().contains(&own), "{:?}", mapped());
    }
}
