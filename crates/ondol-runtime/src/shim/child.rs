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
use crate::sys::{self, Fork};

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
    /// Standard input and a terminal; `None` gives it nothing to read, a session of its own, and death with its parent.
    pub(crate) input: Option<BorrowedFd<'a>>,
    pub(crate) output: [BorrowedFd<'a>; 2],
}

/// Starts it. The error says for people at which step it failed; then no process is left.
pub(crate) fn spawn(start: &Start<'_>) -> Result<Pid, String> {
    let (failed, word) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(|e| e.to_string())?;
    match sys::fork().map_err(|error| format!("no further process could be made: {error}"))? {
        Fork::Child => {
            drop(failed);
            let why = become_program(start, &word);
            let _ = File::from(word).write_all(why.as_bytes());
            std::process::exit(127)
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

/// Returns only when it failed.
fn become_program(start: &Start<'_>, word: &OwnedFd) -> String {
    match prepare(start) {
        // Whoever died before its death could be heard of does not hear this either.
        Ok(_) if !sys::is_read(word) => "its shim is dead".to_owned(),
        Ok(exec) => exec.run(),
        Err(why) => why,
    }
}

fn prepare(start: &Start<'_>) -> Result<Exec, String> {
    let step = |what: &'static str| move |error: nix::Error| format!("{what}: {error}");
    if start.input.is_none() {
        nix::unistd::setsid().map_err(step("new session"))?;
    }
    if let Some(plan) = start.cgroup {
        // Said once when the groups were made; a replica without limits is better than none.
        let _ = plan.join();
    }
    reset_signals().map_err(step("signals"))?;
    if let Some(mounts) = start.mounts {
        nix::sched::setns(mounts, CloneFlags::CLONE_NEWNS).map_err(step("entering its files"))?;
    }
    connect(start.input, start.output).map_err(step("output"))?;
    sys::close_on_exec_from(3);
    for refused in crate::privileges::limit(start.ulimits) {
        let _ = writeln!(std::io::stderr(), "{refused}");
    }
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    let identity = who(start.command.user.as_deref())?;
    let workdir = Path::new(&start.command.workdir);
    make_workdir(workdir, &identity);
    if start.mounts.is_some() || start.command.user.is_some() {
        let kept = (!start.command.privileged).then_some(start.capabilities);
        crate::privileges::become_identity(&identity, kept, start.single_uid)
            .map_err(|error| format!("running as user {}: {error}", identity.uid))?;
    }
    if start.input.is_none() {
        // After the last change of user, which would clear it.
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(step("death signal"))?;
    }
    std::env::set_current_dir(workdir)
        .map_err(|error| format!("working directory {}: {error}", workdir.display()))?;
    Exec::new(start, &identity)
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

fn connect(input: Option<BorrowedFd<'_>>, [out, err]: [BorrowedFd<'_>; 2]) -> nix::Result<()> {
    match input {
        Some(input) => nix::unistd::dup2_stdin(input)?,
        None => {
            let null = File::open("/dev/null").map_err(|error| {
                error
                    .raw_os_error()
                    .map_or(nix::Error::EIO, nix::Error::from_raw)
            })?;
            nix::unistd::dup2_stdin(null.as_fd())?;
        }
    }
    nix::unistd::dup2_stdout(out)?;
    nix::unistd::dup2_stderr(err)
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
