use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A folder of one test, removed with all that is in it when dropped.
#[derive(Debug)]
pub struct TestDir(PathBuf);

impl TestDir {
    /// A new empty folder that only its owner can enter.
    pub fn new() -> Result<Self> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // Short, because the path of a Unix socket in it must fit into 108 bytes.
        let path = std::env::temp_dir().join(format!("ondol-{}-{number}", process::id()));
        fs::create_dir(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
        Ok(TestDir(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, with the folders above it, and returns its path.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.0.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(path)
    }

    /// Copies a folder of the project into this one, without what its own `.gitignore` would leave out
    /// (`target`, `node_modules`), and returns the copy's path.
    pub fn copy_of(&self, folder: &Path) -> Result<PathBuf> {
        let name = folder
            .file_name()
            .with_context(|| format!("{} has no name", folder.display()))?;
        let copy = self.0.join(name);
        copy_folder(folder, &copy)
            .with_context(|| format!("{} cannot be copied", folder.display()))?;
        Ok(copy)
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, copy) = (entry.path(), to.join(entry.file_name()));
        let built = ["target", "node_modules", "__pycache__"]
            .iter()
            .any(|name| entry.file_name() == *name);
        if entry.file_type()?.is_dir() {
            if !built {
                copy_folder(&source, &copy)?;
            }
        } else {
            fs::copy(source, copy)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_private_and_leaves_nothing_behind() {
        let folder = TestDir::new().unwrap();
        let file = folder.write("a/b.txt", "text").unwrap();
        assert_eq!(
            fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777,
            0o700
        );
        drop(folder);
        assert!(!file.exists());
    }

    #[test]
    fn a_copy_has_the_sources_and_not_what_was_built() {
        let folder = TestDir::new().unwrap();
        folder.write("app/src/main.js", "1").unwrap();
        folder.write("app/node_modules/x/index.js", "2").unwrap();
        let other = TestDir::new().unwrap();
        let copy = other.copy_of(&folder.path().join("app")).unwrap();
        assert!(copy.join("src/main.js").exists());
        assert!(!copy.join("node_modules").exists());
    }
}
