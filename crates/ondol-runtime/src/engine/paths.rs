use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use ondol_model::{Digest, ProjectName, ReplicaId};

/// Where everything lies in the state folder.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    state_dir: PathBuf,
    tag: String,
    /// Permission bits of its folders.
    mode: u32,
}

impl Paths {
    /// Makes the folder, open to its owner only. `passable`: other users may go through it to what is theirs, but
    /// not look around: services of other users see it where they have no mount namespace.
    pub(super) fn open(state_dir: &Path, passable: bool) -> io::Result<Self> {
        let mode = if passable { 0o711 } else { 0o700 };
        dir(state_dir, mode)?;
        let state_dir = fs::canonicalize(state_dir)?;
        // Control groups are shared by all nodes of a machine.
        let tag = Digest::of(state_dir.as_os_str().as_encoded_bytes()).to_string();
        let paths = Paths {
            state_dir,
            tag,
            mode,
        };
        for name in ["replicas", "volumes", "packages", "prepared"] {
            dir(&paths.state_dir.join(name), mode)?;
        }
        Ok(paths)
    }

    /// Makes the folder of a replica.
    pub(super) fn make_replica(&self, replica: &ReplicaId) -> io::Result<PathBuf> {
        dir(&self.project(&replica.project), self.mode)?;
        let own = self.replica(replica);
        dir(&own, self.mode)?;
        Ok(own)
    }

    /// Names this state folder among those of the machine.
    pub(super) fn tag(&self) -> &str {
        &self.tag
    }

    pub(super) fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    pub(super) fn replicas(&self) -> PathBuf {
        self.state_dir.join("replicas")
    }

    pub(super) fn project(&self, project: &ProjectName) -> PathBuf {
        self.replicas().join(project.as_str())
    }

    pub(super) fn replica(&self, replica: &ReplicaId) -> PathBuf {
        self.project(&replica.project)
            .join(format!("{}-{}", replica.service, replica.number))
    }

    pub(super) fn logs(&self, replica: &ReplicaId) -> PathBuf {
        self.replica(replica).join("logs")
    }

    /// A folder of its own for something that is thrown away.
    pub(super) fn scratch(&self, number: u64) -> PathBuf {
        let own = std::process::id();
        self.state_dir
            .join("prepared")
            .join(format!(".bake-{own}-{number}"))
    }

    pub(super) fn volumes(&self) -> PathBuf {
        self.state_dir.join("volumes")
    }
}

/// Makes a folder and those above it that are missing; only its owner may enter it.
pub(super) fn private_dir(path: &Path) -> io::Result<()> {
    dir(path, 0o700)
}

fn dir(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(mode).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Writes a file that appears whole or not at all, readable by its owner only.
pub(super) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let part = path.with_extension("part");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&part)?;
    file.write_all(content)?;
    fs::rename(part, path)
}
