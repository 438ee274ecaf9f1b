//! Blobs on disk. A blob is a folder `blobs/<id>` with its `content` and its `type`; it is written
//! elsewhere, flushed, and moved into place whole, so a blob is either complete or not there.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::id::BlobId;

const CHUNK_BYTES: usize = 64 * 1024;
const TYPE_BYTES_MAX: u64 = 100;

pub struct Limits {
    pub blob_bytes_max: u64,
    pub store_bytes_max: u64,
}

pub struct Store {
    blobs: PathBuf,
    partial: PathBuf,
    limits: Limits,
    used: AtomicU64,
    serial: AtomicU64,
}

pub struct Blob {
    pub content: File,
    pub length: u64,
    pub media_type: String,
}

#[derive(Debug, PartialEq, Eq)]
pub enum PutError {
    Exists,
    BlobTooLarge,
    StoreFull,
    Cut,
    Disk(io::ErrorKind),
}

impl From<io::Error> for PutError {
    fn from(error: io::Error) -> Self {
        Self::Disk(error.kind())
    }
}

impl Store {
    pub fn open(folder: &Path, limits: Limits) -> io::Result<Self> {
        let (blobs, partial) = (folder.join("blobs"), folder.join("partial"));
        if partial.exists() {
            fs::remove_dir_all(&partial)?; // what an earlier life did not finish
        }
        fs::create_dir_all(&blobs)?;
        fs::create_dir_all(&partial)?;
        let mut used = 0;
        for entry in fs::read_dir(&blobs)? {
            used += fs::metadata(entry?.path().join("content")).map_or(0, |file| file.len());
        }
        Ok(Self { blobs, partial, limits, used: AtomicU64::new(used), serial: AtomicU64::new(0) })
    }

    pub fn get(&self, id: BlobId) -> io::Result<Blob> {
        let folder = self.blobs.join(id.as_str());
        let content = File::open(folder.join("content"))?;
        let length = content.metadata()?.len();
        let mut media_type = String::new();
        File::open(folder.join("type"))?.take(TYPE_BYTES_MAX).read_to_string(&mut media_type)?;
        Ok(Blob { content, length, media_type })
    }

    /// Stores `body` under `id`, once: a blob never changes afterwards. `declared` is the length
    /// the client announced; a body that ends elsewhere was cut off and is not kept.
    pub fn put(
        &self,
        id: BlobId,
        media_type: &str,
        declared: Option<u64>,
        body: &mut dyn Read,
    ) -> Result<u64, PutError> {
        if self.blobs.join(id.as_str()).exists() {
            return Err(PutError::Exists);
        }
        let partial = self.partial.join(self.serial.fetch_add(1, Relaxed).to_string());
        let kept = self.write(&partial, media_type, declared, body).and_then(|length| {
            match fs::rename(&partial, self.blobs.join(id.as_str())) {
                Ok(()) => Ok(length),
                Err(_) if self.blobs.join(id.as_str()).exists() => Err(PutError::Exists),
                Err(error) => Err(error.into()),
            }
        });
        match kept {
            Ok(length) => {
                self.used.fetch_add(length, Relaxed);
                sync_folder(&self.blobs)?;
            }
            // Best effort: what stays behind is swept at the next start.
            Err(_) => drop(fs::remove_dir_all(&partial)),
        }
        kept
    }

    /// True when there was such a blob.
    pub fn delete(&self, id: BlobId) -> io::Result<bool> {
        let gone = self.partial.join(self.serial.fetch_add(1, Relaxed).to_string());
        match fs::rename(self.blobs.join(id.as_str()), &gone) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other?,
        }
        let length = fs::metadata(gone.join("content")).map_or(0, |file| file.len());
        self.used.fetch_sub(length, Relaxed);
        fs::remove_dir_all(gone)?;
        Ok(true)
    }

    pub fn writable(&self) -> bool {
        let probe = self.partial.join("probe");
        File::create(&probe).and_then(|_| fs::remove_file(&probe)).is_ok()
    }

    fn write(
        &self,
        folder: &Path,
        media_type: &str,
        declared: Option<u64>,
        body: &mut dyn Read,
    ) -> Result<u64, PutError> {
        self.check(declared.unwrap_or(0))?;
        fs::create_dir(folder)?;
        fs::write(folder.join("type"), media_type)?;
        let mut content = File::create(folder.join("content"))?;
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut length = 0;
        loop {
            let count = match body.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Err(PutError::Cut),
            };
            length += count as u64;
            self.check(length)?;
            content.write_all(&chunk[..count])?;
        }
        if declared.unwrap_or(length) != length {
            return Err(PutError::Cut);
        }
        content.sync_all()?;
        Ok(length)
    }

    fn check(&self, length: u64) -> Result<(), PutError> {
        if length > self.limits.blob_bytes_max {
            return Err(PutError::BlobTooLarge);
        }
        if length > self.limits.store_bytes_max.saturating_sub(self.used.load(Relaxed)) {
            return Err(PutError::StoreFull);
        }
        Ok(())
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_kept_once_and_survives_a_restart() {
        let folder = TestFolder::new("kept");
        let id = BlobId::parse("a").unwrap();
        assert_eq!(folder.open(10, 100).put(id, "video/webm", Some(3), &mut &b"abc"[..]), Ok(3));

        let store = folder.open(10, 100);
        assert_eq!(store.put(id, "text/html", Some(1), &mut &b"x"[..]), Err(PutError::Exists));
        let mut blob = store.get(id).unwrap();
        let mut content = String::new();
        blob.content.read_to_string(&mut content).unwrap();
        assert_eq!((content.as_str(), blob.length, blob.media_type.as_str()), ("abc", 3, "video/webm"));

        assert!(store.delete(id).unwrap());
        assert!(!store.delete(id).unwrap());
        assert_eq!(store.get(id).err().map(|error| error.kind()), Some(io::ErrorKind::NotFound));
    }

    #[test]
    fn a_body_that_was_cut_off_leaves_nothing() {
        let folder = TestFolder::new("cut");
        let store = folder.open(10, 100);
        let id = BlobId::parse("a").unwrap();
        assert_eq!(store.put(id, "video/webm", Some(9), &mut &b"abc"[..]), Err(PutError::Cut));
        assert!(store.get(id).is_err());
        assert_eq!(fs::read_dir(&store.partial).unwrap().count(), 0);
    }

    #[test]
    fn limits_hold_for_one_blob_and_for_all_of_them() {
        let folder = TestFolder::new("limits");
        let store = folder.open(4, 6);
        let [a, b] = ["a", "b"].map(|name| BlobId::parse(name).unwrap());
        assert_eq!(store.put(a, "", None, &mut &b"12345"[..]), Err(PutError::BlobTooLarge));
        assert_eq!(store.put(a, "", Some(5), &mut &b""[..]), Err(PutError::BlobTooLarge));
        assert_eq!(store.put(a, "", None, &mut &b"1234"[..]), Ok(4));
        assert_eq!(store.put(b, "", None, &mut &b"123"[..]), Err(PutError::StoreFull));
        assert!(store.delete(a).unwrap());
        assert_eq!(store.put(b, "", None, &mut &b"123"[..]), Ok(3));
    }

    struct TestFolder(PathBuf);

    impl TestFolder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("video-storage-{}-{name}", std::process::id()));
            Self(path)
        }

        fn open(&self, blob_bytes_max: u64, store_bytes_max: u64) -> Store {
            Store::open(&self.0, Limits { blob_bytes_max, store_bytes_max }).unwrap()
        }
    }

    impl Drop for TestFolder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }
}
