use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use ondol_model::{Exit, Prepared, Probe};
use serde::{Deserialize, Serialize};

/// Written in [`Launch::argv`], [`Before::argv`] and in values of [`Launch::env`]: the address to listen on.
/// `0.0.0.0` where the replica has a network of its own, else its 127.77.x.y.
pub const LISTEN_IP: &str = "${ONDOL_LISTEN_IP}";

/// Like [`LISTEN_IP`]: the port to listen on. The first of [`Launch::ports`] where the replica has a network
/// of its own, else a free port that the first one is moved to.
pub const LISTEN_PORT: &str = "${ONDOL_LISTEN_PORT}";

/// What to run: everything about a service's process that its image, Dockerfile and file say.
/// The module `source` makes it; *where* it runs (sandbox, address, volumes, limits) is added by the engine.
///
/// All paths without another word are paths in the replica's sight. Where there is no mount namespace,
/// the engine moves [`Launch::data_dirs`], [`Launch::files`], mounts and [`ContextMount::target`] to real places
/// and rewrites those paths in `argv`, `env` and `workdir` accordingly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// Program and arguments, entrypoint first; never empty. A program without `/` is searched in `PATH` of `env`.
    pub argv: Vec<String>,
    /// The whole environment: the image's, then the file's. The engine adds what is missing of
    /// `PATH`, `HOME`, `HOSTNAME`, `PORT` and the other services' `<NAME>_HOST`, `_PORT`, `_URL`.
    pub env: BTreeMap<String, String>,
    /// Where it starts; made when it is missing.
    pub workdir: String,
    /// `user[:group]` by name or id; `None` is root in the replica's sight.
    pub user: Option<String>,
    /// What is laid over the machine's own root.
    pub layers: Layers,
    /// The sources, shown where its Dockerfile copies them.
    pub context: Option<ContextMount>,
    /// Ports that it listens on, the main one first.
    pub ports: Vec<u16>,
    /// The image's own readiness check.
    pub ready: Option<Probe>,
    /// The image's STOPSIGNAL.
    pub stop_signal: Option<String>,
    /// Users that its `/etc/passwd` and `/etc/group` must have; those that are there already are kept.
    pub users: Vec<UserEntry>,
    /// Folders that must exist before anything runs, also when they lie on a volume.
    pub data_dirs: Vec<DataDir>,
    /// Files written into the replica before anything runs.
    pub files: Vec<LaunchFile>,
    /// Run to their end, in order, in the same sandbox before the process; one that fails fails the start.
    pub before: Vec<Before>,
    /// What runs, for people: `redis 7.0.15 (Debian)`, `node server.js`.
    pub runs: String,
}

/// Trees laid over the machine's root, in the replica's sight only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layers {
    /// Folders of the machine, topmost first; each has `usr/`, `etc/`, `var/`, `opt/`... inside, and any other
    /// folder of `/` that a Dockerfile makes (`app/`, `srv/`, `code/`), also those that the machine lacks.
    pub lower: Vec<PathBuf>,
}

/// A source folder in the replica's sight. What the replica writes below `target` stays its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextMount {
    /// The folder on the machine, lowest of all; never written to.
    pub host: PathBuf,
    /// Where it is seen.
    pub target: String,
    /// Folders of the machine laid over it, topmost first: installed dependencies (`node_modules` inside).
    pub lowers: Vec<PathBuf>,
}

/// A user with a group of the same name and id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserEntry {
    /// Its name.
    pub name: String,
    /// User and group id.
    pub id: u32,
    /// Its home.
    pub home: String,
}

/// A folder that must exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataDir {
    /// Absolute.
    pub path: String,
    /// `user[:group]` that owns it; `None` is [`Launch::user`].
    pub owner: Option<String>,
    /// Permission bits.
    pub mode: u32,
}

/// A file with its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchFile {
    /// Absolute.
    pub path: String,
    /// What is in it; [`LISTEN_IP`] and [`LISTEN_PORT`] are replaced here too.
    pub content: String,
    /// Permission bits; the owner is [`Launch::user`].
    pub mode: u32,
}

/// A command that comes before the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Program and arguments, in the environment of the process.
    pub argv: Vec<String>,
    /// `user[:group]`; `None` is [`Launch::user`].
    pub user: Option<String>,
    /// Not run when this path exists (`/var/lib/postgresql/data/PG_VERSION`).
    pub unless_exists: Option<String>,
}

impl Launch {
    /// What the control core is told about it.
    pub fn prepared(&self) -> Prepared {
        Prepared {
            ports: self.ports.clone(),
            ready: self.ready.clone(),
            stop_signal: self.stop_signal.clone(),
            runs: self.runs.clone(),
        }
    }
}

/// Laid down between the engine and the module `source`, which has two doors, both plain blocking functions
/// that the engine calls off its own thread:
///
/// - `source::prepare(&PrepareRequest, &mut dyn FnMut(String)) -> Result<Launch, String>`: fetches and installs
///   what is missing; says what it does just now; the error says what happened, what was expected, what to do.
/// - `source::launch(&PrepareRequest) -> Result<Launch, String>`: the same `Launch` from what is there already,
///   touching no network; called at each start.
#[derive(Clone, Debug)]
pub struct PrepareRequest<'a> {
    /// The project.
    pub project: &'a ondol_model::Project,
    /// The service, which may differ from the project's in its command and limits.
    pub service: &'a ondol_model::Service,
    /// The state folder (`packages/` and `prepared/` are inside).
    pub state_dir: &'a std::path::Path,
    /// Mount namespaces are there: layers can be shown. Without them a program must run from where it is.
    pub layered: bool,
    /// Do it again though the inputs are the same.
    pub again: bool,
    /// Runs what installs dependencies; only used where `layered`.
    pub oven: &'a dyn Oven,
}

/// One command that prepares a service (a RUN line, `x-ondol.prepare`): run to its end in a sandbox of its own
/// with the machine's network, so that package managers work.
#[derive(Clone, Debug)]
pub struct Bake<'a> {
    /// Program and arguments; one without `/` is searched in `PATH` of `env`.
    pub argv: &'a [String],
    /// The whole environment.
    pub env: &'a BTreeMap<String, String>,
    /// Where it starts; made when it is missing.
    pub workdir: &'a str,
    /// `user[:group]` by name or id; `None` is root in its sight.
    pub user: Option<&'a str>,
    /// Users that its `/etc/passwd` and `/etc/group` must have.
    pub users: &'a [UserEntry],
    /// What is laid over the machine's root, topmost first.
    pub lower: &'a [PathBuf],
    /// Takes everything it writes outside of `/proc`, `/sys`, `/dev`, `/run` and `/tmp`, in the shape of a layer
    /// (`upper/app/node_modules`, `upper/usr/local/bin`): it becomes the topmost of [`Layers::lower`]. It may hold
    /// files already, which the command sees. Nothing of the machine itself may be written.
    pub upper: &'a Path,
}

/// Runs [`Bake`]s; the engine's sandbox does, and tests do it without one.
pub trait Oven: fmt::Debug + Sync {
    /// Runs the command to its end and hands over each line of its output. The error says why it could not run.
    fn bake(&self, bake: &Bake<'_>, line: &mut dyn FnMut(&str)) -> Result<Exit, String>;
}
