//! What an image has at a path, as files for a volume: its layers seen as one, without the machine's own root.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, lchown};
use std::path::{Path, PathBuf};

use super::context::{self, Entry, Match, Owner};
use super::store::{in_layer, remove_all};
use crate::sys;

/// Copies what `layers` (topmost first) have at `target` into the folder `volume`, when nothing is in it: Docker's
/// rule for a volume's first use. It gets everything or nothing. `keep_owners` where this process may give files away.
pub(crate) fn fill(
    volume: &Path,
    target: &str,
    layers: &[PathBuf],
    keep_owners: bool,
) -> io::Result<()> {
    if fs::read_dir(volume)?.next().is_some() {
        return Ok(());
    }
    let inside = in_layer(target);
    let merged = merged(layers, &inside)?;
    let Some(top) = layers
        .iter()
        .map(|layer| layer.join(&inside))
        .find(|dir| dir.is_dir())
        .filter(|_| !merged.is_empty())
    else {
        return Ok(());
    };
    let owner = if keep_owners {
        Owner::Kept
    } else {
        Owner::Ours
    };
    let part = volume.with_extension(format!("part-{}", std::process::id()));
    remove_all(&part)?;
    fs::create_dir(&part)?;
    let entries: Vec<Entry> = merged.into_values().collect();
    let copied = context::copy(&entries, &part, Path::new(""), owner, None)
        .map_err(io::Error::other)
        .and_then(|()| {
            let meta = fs::metadata(&top)?;
            fs::set_permissions(&part, meta.permissions())?;
            if keep_owners {
                lchown(&part, Some(meta.uid()), Some(meta.gid()))?;
            }
            // An empty folder gives way; one that somebody filled meanwhile does not, and is right as it is.
            match fs::rename(&part, volume) {
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
                other => other,
            }
        });
    remove_all(&part)?;
    copied
}

/// Everything below a path, the topmost layer's of each; what a layer removed is not there.
fn merged(layers: &[PathBuf], inside: &Path) -> io::Result<BTreeMap<PathBuf, Entry>> {
    let mut all: BTreeMap<PathBuf, Entry> = BTreeMap::new();
    for layer in layers.iter().rev() {
        let dir = layer.join(inside);
        match dir.symlink_metadata() {
            Ok(meta) if meta.is_dir() => {}
            Ok(meta) if is_whiteout(&meta) => {
                all.clear();
                continue;
            }
            _ => continue,
        }
        if sys::is_opaque(&dir) {
            all.clear();
        }
        let found = Match {
            path: inside.to_path_buf(),
            is_dir: true,
        };
        let entries = context::entries_below(layer, &found, &|_| false, false);
        for entry in entries.map_err(io::Error::other)? {
            let meta = entry.host.symlink_metadata()?;
            if is_whiteout(&meta) || !meta.is_dir() || sys::is_opaque(&entry.host) {
                all.retain(|path, _| !path.starts_with(&entry.relative));
            }
            if !is_whiteout(&meta) {
                all.insert(entry.relative.clone(), entry);
            }
        }
    }
    Ok(all)
}

/// How the kernel's overlay marks what a layer removed.
fn is_whiteout(meta: &fs::Metadata) -> bool {
    meta.file_type().is_char_device() && meta.rdev() == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Layers as `path=text` each; `path=!` is a whiteout where the machine lets one be made.
    fn layers(dir: &Path, all: &[&[&str]]) -> Vec<PathBuf> {
        let mut layers = Vec::new();
        for (at, files) in all.iter().enumerate() {
            let layer = dir.join(at.to_string());
            fs::create_dir_all(&layer).unwrap();
            for file in *files {
                let (path, text) = file.split_once('=').unwrap();
                let path = layer.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                if text == "!" {
                    let done = std::process::Command::new("mknod")
                        .arg(&path)
                        .args(["c", "0", "0"])
                        .status();
                    assert!(done.unwrap().success());
                } else {
                    fs::write(path, text).unwrap();
                }
            }
            layers.push(layer);
        }
        layers
    }

    fn below(dir: &Path) -> Vec<String> {
        let found = Match {
            path: PathBuf::new(),
            is_dir: true,
        };
        let entries = context::entries_below(dir, &found, &|_| false, false).unwrap();
        let files = entries.iter().filter(|entry| entry.host.is_file());
        let said = |entry: &Entry| {
            let text = fs::read_to_string(&entry.host).unwrap();
            format!("{}={text}", entry.relative.display())
        };
        files.map(said).collect()
    }

    fn scene(name: &str) -> (PathBuf, PathBuf) {
        let dir = std::env::temp_dir().join(format!("ondol-fill-{name}-{}", std::process::id()));
        let _ = remove_all(&dir);
        let volume = dir.join("volume");
        fs::create_dir_all(&volume).unwrap();
        (dir, volume)
    }

    #[test]
    fn an_empty_volume_gets_what_the_image_has_there_once() {
        let (dir, volume) = scene("once");
        let image = layers(
            &dir,
            &[
                &["app/data/b=new"],
                &["app/data/a=1", "app/data/b=old", "app/x=no"],
            ],
        );
        fill(&volume, "/app/data", &image, false).unwrap();
        assert_eq!(below(&volume), ["a=1", "b=new"]);
        fs::remove_file(volume.join("b")).unwrap();
        fill(&volume, "/app/data", &image, false).unwrap();
        assert_eq!(
            below(&volume),
            ["a=1"],
            "a volume in use is never written to"
        );
        remove_all(&dir).unwrap();
    }

    #[test]
    fn what_a_layer_removed_does_not_come_back() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let (dir, volume) = scene("gone");
        let lowest: &[&str] = &["d/a=1", "d/sub/b=2", "d/c=3"];
        let image = layers(&dir, &[&["d/a=!"], &["d/sub=!", "d/new=4"], lowest]);
        fill(&volume, "/d", &image, true).unwrap();
        assert_eq!(below(&volume), ["c=3", "new=4"]);
        remove_all(&dir).unwrap();
    }

    #[test]
    fn nothing_in_the_image_leaves_the_volume_as_it_is() {
        let (dir, volume) = scene("none");
        let image = layers(&dir, &[&["other/a=1"]]);
        fill(&volume, "/etc", &image, false).unwrap();
        assert_eq!(below(&volume), Vec::<String>::new());
        remove_all(&dir).unwrap();
    }
}
