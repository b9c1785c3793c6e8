//! Files that are written over, renamed into place, linked, grown and left alone.

use std::os::unix::fs::symlink;

use super::*;

/// A first look.
fn look(paths: &[PathBuf]) -> Files {
    let named = paths.iter().map(|path| Named { path: path.clone(), bytes_max: 1024 });
    Files { named: named.collect(), ..Files::default() }.look()
}

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
    let before = look(&paths);
    assert!(!before.look().was_touched_since(&before));
    fs::remove_file(&paths[0]).unwrap();
    let gone = before.look();
    assert!(!gone.hold_the_same_as(&before));
    folder.write("a", "1");
    let again = gone.look();
    assert!(again.was_touched_since(&before));
    assert!(again.hold_the_same_as(&before));
    folder.write("a", "2");
    assert!(!again.look().hold_the_same_as(&before));
}

#[test]
fn a_rename_and_a_link_that_points_elsewhere_are_changes() {
    let folder = Folder::new();
    folder.write("a", "1");
    folder.write("b", "2");
    symlink("a", folder.path("data")).unwrap();
    let paths = [folder.path("data"), folder.write("c", "3")];
    let before = look(&paths);

    // As Kubernetes does it: a new link, renamed over the old one.
    symlink("b", folder.path("new")).unwrap();
    fs::rename(folder.path("new"), folder.path("data")).unwrap();
    let linked = before.look();
    assert!(!linked.hold_the_same_as(&before));

    fs::rename(folder.write("c.new", "4"), folder.path("c")).unwrap();
    assert!(!linked.look().hold_the_same_as(&linked));
}

#[test]
fn a_change_after_the_first_glance_is_seen() {
    let folder = Folder::new();
    let paths = [folder.write("a", "1")];
    let glance = Files::glance(&look(&paths).named);
    let same = glance.look();
    assert!(!same.was_touched_since(&glance));
    fs::rename(folder.write("a.new", "2"), folder.path("a")).unwrap();
    let other = glance.look();
    assert!(other.was_touched_since(&glance));
    assert!(!other.hold_the_same_as(&glance));
}

#[test]
fn a_folder_stands_for_the_files_in_it() {
    let folder = Folder::new();
    let paths = [folder.0.path().to_owned()];
    let before = look(&paths);
    folder.write("a.crl", "1");
    let one = before.look();
    assert!(!one.hold_the_same_as(&before));
    folder.write("a.crl", "2");
    assert!(!one.look().hold_the_same_as(&one));
}
#[test]
fn what_is_no_list_in_a_folder_is_left_alone() {
    let folder = Folder::new();
    let paths = [folder.0.path().to_owned()];
    folder.write("a.crl", "1");
    let before = look(&paths);
    folder.write("notes.txt", "1");
    folder.write("growing.log", "1");
    assert!(!before.look().was_touched_since(&before));
    assert_eq!(before.states.len(), 1);
}

#[test]
fn a_file_that_is_too_large_is_not_read_to_its_end_and_its_growth_is_no_change() {
    let folder = Folder::new();
    // Holes are files of 16 TiB too, and would take hours.
    let path = folder.write("www.key", "1");
    let paths = [path.clone()];
    let small = look(&paths);
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(1 << 40).unwrap();
    let large = small.look();
    assert!(!large.hold_the_same_as(&small));
    file.set_len((1 << 40) + 1).unwrap();
    assert!(!large.look().was_touched_since(&large));
    file.set_len(1024).unwrap();
    assert!(!large.look().hold_the_same_as(&large));
    assert!(matches!(large.look().states.get(&path), Some(State::File(_, Some(_)))));
}

#[test]
fn a_time_that_lies_ahead_does_not_have_a_file_read_for_ever() {
    let at = |seconds: i64| (seconds, 0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let now = i64::try_from(now).unwrap();
    let old = at(now - 3600);
    let look = |modified, changed| Look { device: 0, inode: 0, bytes: 0, modified, changed };
    assert!(look(at(now), old).is_fresh());
    assert!(look(old, at(now)).is_fresh());
    assert!(!look(old, old).is_fresh());
    assert!(!look(at(now + 3600), old).is_fresh());
    assert!(!look(at(i64::MAX), at(i64::MIN)).is_fresh());
}

#[test]
fn a_pipe_is_neither_opened_nor_a_change() {
    let folder = Folder::new();
    let path = folder.path("gateway.toml");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let glance = Files::glance(&[configuration(&path)]);
    assert!(!glance.look().was_touched_since(&glance));
}
