use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::sched::CloneFlags;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal};
use nix::unistd::{Gid, Pid, Uid};
use ondol_model::Ulimit;

use crate::cgroup::Plan;
use crate::identity::{self, Identity};
use crate::spec::Command;
use crate::streams::{Door, Streams};
use crate::sys::{self, Fork};

/// What shells end with when a program cannot be run.
const NOT_RUN: i32 = 126;

/// All that a process of a replica is started with.
pub(crate) struct Start<'a> {
    pub(crate) command: &'a Command,
    pub(crate) env: &'a BTreeMap<String, String>,
    pub(crate) ulimits: &'a BTreeMap<String, Ulimit>,
    pub(crate) cgroup: Option<&'a Plan>,
    /// The replica's own sight of files.
    pub(crate) mounts: Option<BorrowedFd<'a>>,
    pub(crate) single_uid: bool,
    pub(crate) capabilities: u64,
    pub(crate) tie: Tie<'a>,
}

/// What ties it to whoever starts it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tie<'a> {
    /// It writes to these, has nothing to read and a session of its own, and dies with its parent.
    Child([BorrowedFd<'a>; 2]),
    /// It belongs to a person.
    Person(Streams<'a>),
}

impl Tie<'_> {
    /// A Ctrl-C at the person's terminal reaches it.
    fn shares_session(&self) -> bool {
        matches!(self, Tie::Person(Streams::Own(_)))
    }
}

/// Starts it. The error says for people at which step it failed; then no process is left.
pub(crate) fn spawn(start: &Start<'_>) -> Result<Pid, String> {
    let (failed, word) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(|e| e.to_string())?;
    match sys::fork().map_err(|error| format!("no further process could be made: {error}"))? {
        Fork::Child => {
            drop(failed);
            let mut word = Some(word);
            let why = become_program(start, &mut word);
            let _ = match word {
                Some(word) => File::from(word).write_all(why.as_bytes()),
                None => writeln!(std::io::stderr(), "ondol: {why}"),
            };
            std::process::exit(NOT_RUN)
        }
        Fork::Parent(pid) => {
            drop(word);
            let why = read_word(failed);
            if why.is_empty() {
                return Ok(pid);
            }
            let _ = nix::sys::wait::waitpid(pid, None);
            Err(why)
        }
    }
}

fn read_word(failed: OwnedFd) -> String {
    let mut why = String::new();
    let _ = File::from(failed).read_to_string(&mut why);
    why
}

/// Returns only when it failed. `word` is gone when whoever starts it has been told that it goes well: what fails
/// from then on is for the person who handed over the streams.
fn become_program(start: &Start<'_>, word: &mut Option<OwnedFd>) -> String {
    let prepared = prepare(start, word);
    let heard = word.as_ref().is_none_or(sys::is_read);
    match prepared {
        // Whoever died before its death could be heard of does not hear this either.
        Ok(_) if !heard => "its shim is dead".to_owned(),
        Ok(exec) => exec.run(),
        Err(why) => why,
    }
}

fn prepare(start: &Start<'_>, word: &mut Option<OwnedFd>) -> Result<Exec, String> {
    let step = |what: &'static str| move |error: nix::Error| format!("{what}: {error}");
    if !start.tie.shares_session() {
        nix::unistd::setsid().map_err(step("new session"))?;
    }
    // Paths of the replica's folder are in sight only until its own files are entered.
    let door = match start.command.attended {
        true => Some(Door::open().map_err(|error| format!("a socket for its streams: {error}"))?),
        false => None,
    };
    if let Some(plan) = start.cgroup {
        // Said once when the groups were made; a replica without limits is better than none.
        let _ = plan.join();
    }
    reset_signals().map_err(step("signals"))?;
    if let Some(mounts) = start.mounts {
        nix::sched::setns(mounts, CloneFlags::CLONE_NEWNS).map_err(step("entering its files"))?;
    }
    let terminal = match door {
        Some(door) => {
            die_with_parent().map_err(step("death signal"))?;
            *word = None;
            attend(door).map_err(|error| format!("its input and output: {error}"))?
        }
        None => connect(start.tie).map_err(step("output"))?,
    };
    sys::close_on_exec_from(3);
    for refused in crate::privileges::limit(start.ulimits) {
        let _ = writeln!(std::io::stderr(), "{refused}");
    }
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    let identity = who(start.command.user.as_deref())?;
    if terminal {
        // So that it can open what its `/dev/stdout` leads to.
        let _ = nix::unistd::fchown(std::io::stdin(), Some(Uid::from_raw(identity.uid)), None);
    }
    let workdir = Path::new(&start.command.workdir);
    make_workdir(workdir, &identity);
    if start.mounts.is_some() || start.command.user.is_some() {
        let kept = (!start.command.privileged).then_some(start.capabilities);
        crate::privileges::become_identity(&identity, kept, start.single_uid)
            .map_err(|error| format!("running as user {}: {error}", identity.uid))?;
    }
    if matches!(start.tie, Tie::Child(_)) {
        // After the last change of user, which would clear it.
        die_with_parent().map_err(step("death signal"))?;
    }
    std::env::set_current_dir(workdir)
        .map_err(|error| format!("working directory {}: {error}", workdir.display()))?;
    Exec::new(start, &identity)
}

fn die_with_parent() -> nix::Result<()> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)
}

fn who(user: Option<&str>) -> Result<Identity, String> {
    match user {
        Some(user) => identity::find(user, Path::new("/")),
        None => Ok(Identity {
            uid: nix::unistd::geteuid().as_raw(),
            gid: nix::unistd::getegid().as_raw(),
            ..Identity::default()
        }),
    }
}

fn make_workdir(workdir: &Path, identity: &Identity) {
    if fs::symlink_metadata(workdir).is_err() && fs::create_dir_all(workdir).is_ok() {
        let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
        let _ = nix::unistd::chown(workdir, Some(uid), Some(gid));
    }
}

/// The shim ignores and blocks signals; its service starts as from a login.
fn reset_signals() -> nix::Result<()> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    for signal in Signal::iterator() {
        if !matches!(signal, Signal::SIGKILL | Signal::SIGSTOP) {
            sys::set_action(signal, &default)?;
        }
    }
    SigSet::empty().thread_set_mask()
}

/// Connects standard input, output and errors. Says whether they are a terminal of its own.
fn connect(tie: Tie<'_>) -> nix::Result<bool> {
    match tie {
        Tie::Child([output, errors]) => {
            let null = null()?;
            redirect([null.as_fd(), output, errors])?;
        }
        Tie::Person(Streams::Own(streams)) => redirect(streams)?,
        Tie::Person(Streams::Nowhere) => {
            let null = null()?;
            redirect([null.as_fd(); 3])?;
        }
        Tie::Person(Streams::Terminal(terminal)) => {
            redirect([terminal; 3])?;
            sys::take_terminal(std::io::stdin())?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Waits for streams and connects them. Says whether they are a terminal of its own.
fn attend(door: Door) -> std::io::Result<bool> {
    let handed = door.wait()?;
    let [output, errors] = &handed.outputs;
    redirect([handed.input.as_fd(), output.as_fd(), errors.as_fd()])?;
    if handed.terminal {
        sys::take_terminal(std::io::stdin())?;
    }
    Ok(handed.terminal)
}

fn redirect([input, output, errors]: [BorrowedFd<'_>; 3]) -> nix::Result<()> {
    nix::unistd::dup2_stdin(input)?;
    nix::unistd::dup2_stdout(output)?;
    nix::unistd::dup2_stderr(errors)
}

fn null() -> nix::Result<File> {
    let file = File::options().read(true).write(true).open("/dev/null");
    file.map_err(|error| {
        error
            .raw_os_error()
            .map_or(nix::Error::EIO, nix::Error::from_raw)
    })
}

/// A program with all that exec takes, made before it is too late to say what is wrong.
struct Exec {
    program: CString,
    argv: Vec<CString>,
    env: Vec<CString>,
}

impl Exec {
    fn new(start: &Start<'_>, identity: &Identity) -> Result<Self, String> {
        let name = start.command.argv.first().map_or("", String::as_str);
        let mut env = start.env.clone();
        let home = identity.home.clone().unwrap_or_else(|| "/".to_owned());
        env.entry("HOME".to_owned()).or_insert(home);
        let path = env
            .get("PATH")
            .map_or("/usr/local/bin:/usr/bin:/bin", String::as_str);
        let program = locate(name, path)?;
        let text = |bytes: Vec<u8>| {
            CString::new(bytes)
                .map_err(|_| format!("a zero byte in an argument or variable of {name}"))
        };
        let argv: Result<_, _> = start
            .command
            .argv
            .iter()
            .map(|word| text(word.clone().into()))
            .collect();
        let vars: Result<_, _> = env
            .iter()
            .map(|(k, v)| text(format!("{k}={v}").into()))
            .collect();
        Ok(Exec {
            program: text(std::os::unix::ffi::OsStringExt::into_vec(
                program.into_os_string(),
            ))?,
            argv: argv?,
            env: vars?,
        })
    }

    fn run(&self) -> String {
        let argv: Vec<&CStr> = self.argv.iter().map(CString::as_c_str).collect();
        let env: Vec<&CStr> = self.env.iter().map(CString::as_c_str).collect();
        let Err(error) = nix::unistd::execve(&self.program, &argv, &env);
        let program = self.program.to_string_lossy();
        match error {
            nix::Error::ENOENT => format!(
                "{program} is there, but not the interpreter that its first line or its header names"
            ),
            nix::Error::ENOEXEC => format!(
                "{program} is neither a program of this machine nor a script that begins with #!"
            ),
            error => format!("{program}: {error}"),
        }
    }
}

/// Where a program is, searched like execvp(3) does; the error names where it was searched.
pub(crate) fn locate(name: &str, path: &str) -> Result<PathBuf, String> {
    if name.is_empty() {
        return Err("no command to run: add `command:` to the service".to_owned());
    }
    if name.contains('/') {
        return match fs::metadata(name) {
            Ok(_) => Ok(name.into()),
            Err(error) => Err(format!("{name}: {error}")),
        };
    }
    let runnable = |file: &PathBuf| {
        fs::metadata(file)
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    path.split(':')
        .filter(|dir| !dir.is_empty())
        .map(|dir| Path::new(dir).join(name))
        .find(runnable)
        .ok_or_else(|| {
            format!(
                "the program `{name}` was not found in {path}; install it, or name its Debian package \
                 under `x-ondol: {{packages: [...]}}`"
            )
        })
}
