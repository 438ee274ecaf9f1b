use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use ondol_store::{Store, StoreError};

use crate::setup::{Folder, scaled, wish};

#[test]
fn a_second_node_is_refused_and_told_who_is_first() {
    let folder = Folder::new();
    let first = Store::open(folder.path()).unwrap();

    let refused = Store::open(folder.path()).unwrap_err();

    let pid = std::process::id();
    assert!(matches!(&refused, StoreError::Locked { pid: Some(said), .. } if *said == pid));
    assert_eq!(
        refused.to_string(),
        format!(
            "another node (process {pid}) uses the state folder {}",
            folder.path().display()
        )
    );
    drop(first);
    Store::open(folder.path()).unwrap();
}

#[test]
fn the_state_folder_is_closed_to_others() {
    let folder = Folder::new();
    let state = folder.path().join("a/b");
    Store::open(&state).unwrap();
    assert_eq!(mode(&state), 0o700);

    fs::set_permissions(&state, Permissions::from_mode(0o755)).unwrap();
    Store::open(&state).unwrap();
    assert_eq!(mode(&state), 0o700);
}

#[test]
fn a_damaged_file_is_named_and_left_as_it_is() {
    let folder = Folder::new();
    let path = folder.path().join("state.db");
    Store::open(folder.path())
        .unwrap()
        .keep(&wish("shop", 80), "user 0", 0)
        .unwrap();
    let mut bytes = fs::read(&path).unwrap();
    for byte in bytes.iter_mut().skip(4096) {
        *byte ^= 0x5a;
    }
    fs::write(&path, &bytes).unwrap();

    let refused = Store::open(folder.path()).unwrap_err();

    assert!(matches!(refused, StoreError::Corrupt { .. }), "{refused}");
    assert!(refused.hint().contains("put a copy"));
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_file_that_is_no_database_is_damaged() {
    let folder = Folder::new();
    fs::write(folder.path().join("state.db"), "x".repeat(5000)).unwrap();

    let refused = Store::open(folder.path()).unwrap_err();

    assert!(matches!(refused, StoreError::Corrupt { .. }), "{refused}");
}

#[test]
fn a_file_of_a_newer_program_is_refused() {
    let folder = Folder::new();
    let path = folder.path().join("state.db");
    drop(Store::open(folder.path()).unwrap());
    let db = rusqlite::Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);

    let refused = Store::open(folder.path()).unwrap_err();

    assert!(
        matches!(refused, StoreError::TooNew { found: 99, .. }),
        "{refused}"
    );
}

#[test]
fn a_stored_project_that_does_not_fit_is_named() {
    let folder = Folder::new();
    Store::open(folder.path())
        .unwrap()
        .keep(&wish("shop", 80), "user 0", 0)
        .unwrap();
    let db = rusqlite::Connection::open(folder.path().join("state.db")).unwrap();
    db.execute("UPDATE revision SET definition = '{}'", [])
        .unwrap();
    drop(db);

    let refused = Store::open(folder.path()).unwrap().wishes().unwrap_err();

    assert!(
        refused
            .to_string()
            .starts_with("the stored project `shop` cannot be read: missing field"),
        "{refused}"
    );
}

/// Needs a file system of its own, so it runs where the tests may mount one.
#[test]
fn a_full_disk_loses_nothing_and_is_said() {
    let folder = Folder::new();
    let Some(disk) = Disk::mount(folder.path(), "size=1m") else {
        return skipped("cannot mount a file system of its own here");
    };
    let mut store = Store::open(disk.0).unwrap();
    store.keep(&scaled("shop", 1), "user 0", 0).unwrap();
    let filler = fs::File::create(disk.0.join("filler")).unwrap();
    while (&filler).write_all(&[0; 4096]).is_ok() {}

    let mut replicas = 1;
    let refused = loop {
        match store.keep(&scaled("shop", replicas + 1), "user 0", 0) {
            Ok(_) => replicas += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, StoreError::Full(_)), "{refused}");
    drop(filler);
    fs::remove_file(disk.0.join("filler")).unwrap();

    let kept = store.wishes().unwrap();
    assert_eq!(kept[0].wish, scaled("shop", replicas));
    store.keep(&scaled("shop", 99), "user 0", 0).unwrap();
    drop(store);
    let again = Store::open(disk.0).unwrap().wishes().unwrap();
    assert_eq!(again[0].wish, scaled("shop", 99));
}

#[test]
fn a_read_only_folder_is_named() {
    let folder = Folder::new();
    let Some(disk) = Disk::mount(folder.path(), "size=256k") else {
        return skipped("cannot mount a file system of its own here");
    };
    drop(Store::open(disk.0).unwrap());
    assert!(mount(&["-o", "remount,ro"], disk.0));

    let refused = Store::open(disk.0).unwrap_err();

    assert!(
        matches!(refused, StoreError::NotWritable { .. }),
        "{refused}"
    );
    assert!(
        refused.to_string().contains("cannot be written: "),
        "{refused}"
    );
}

/// A small file system in memory, gone when the test is over.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    fn mount(at: &'a Path, options: &str) -> Option<Self> {
        mount(&["-t", "tmpfs", "-o", options, "tmpfs"], at).then_some(Disk(at))
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).output();
    }
}

fn mount(options: &[&str], at: &Path) -> bool {
    let done = Command::new("mount").args(options).arg(at).output();
    done.is_ok_and(|done| done.status.success())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
