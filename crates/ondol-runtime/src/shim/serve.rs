use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use ondol_model::{Exit, RunId};

use super::child::{self, Start, Tie};
use super::connections::Connections;
use super::output::Output;
use super::wire::{Asked, Said};
use super::{exit, tree};
use crate::room::{self, Built};
use crate::spec::{Command, Order, Preliminary, Task};

/// So much of a command is repeated when it fails.
const NAME_CHARS_MAX: usize = 200;
/// How long the beginning of a line may wait for its end before it is written.
const BEGUN_MS: u16 = 250;

/// Runs what the order says, to its end.
pub(super) fn serve(order: io::Result<Order>) -> io::Result<()> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGCHLD);
    signals.thread_block()?;
    let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    let mut connections = Connections::new();
    let order = match order {
        Ok(order) => order,
        Err(error) => {
            let why = format!("its {} cannot be read: {error}", crate::spec::FILE);
            connections.tell(&Said::Exited(Exit::NotStarted(why)));
            return Err(error);
        }
    };
    let output = Output::new(order.task.logs, order.task.run)?;
    let mut shim = Shim {
        queue: order.task.before.iter().cloned().collect(),
        task: order.task,
        signals,
        connections,
        output,
        room: None,
        diagnosis: None,
        state: State::Starting,
        before: String::new(),
        current: None,
    };
    let exit = shim.live();
    shim.leave(&exit);
    Ok(())
}

struct Shim {
    task: Task,
    /// What has to run before the main process.
    queue: VecDeque<Preliminary>,
    signals: SignalFd,
    connections: Connections,
    output: Output,
    room: Option<Built>,
    /// Asks the kernel about sockets of the replica's network.
    diagnosis: Option<OwnedFd>,
    state: State,
    /// What the preliminary command is called that runs, or ran last.
    before: String,
    /// The child that is waited for.
    current: Option<Pid>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Starting,
    Running(Pid),
    /// Told to end: whatever comes next is the end.
    Ending,
}

impl Shim {
    fn live(&mut self) -> Exit {
        if let Err(why) = self.set_up() {
            return Exit::NotStarted(why);
        }
        if let Err(exit) = self.go_on() {
            return exit;
        }
        loop {
            self.wait();
            self.output.pump();
            if let Some(exit) = self.reap() {
                return exit;
            }
            self.connections
                .accept(&said(self.state, self.room.as_ref()));
            if let Some(exit) = self.obey() {
                return exit;
            }
        }
    }

    /// Groups, namespaces and their files.
    fn set_up(&mut self) -> Result<(), String> {
        if let Some(plan) = &self.task.cgroup {
            for failed in plan.make() {
                self.output
                    .say(&format!("a limit is not in force: {failed}"));
            }
        }
        if let Some(plan) = &self.task.room {
            let user = self.task.main.user.as_deref();
            let built = room::build(plan, user)?;
            for word in &built.words {
                self.output.say(word);
            }
            self.diagnosis = built.diagnosis.as_ref().and_then(|fd| fd.try_clone().ok());
            if let Some((uid, gid)) = built.owner {
                self.output.give_to(uid, gid);
            }
            self.room = Some(built);
        }
        Ok(())
    }

    /// Starts the next process: a preliminary one while there are, then the main one.
    fn go_on(&mut self) -> Result<(), Exit> {
        while let Some(next) = self.queue.pop_front() {
            if self.is_there(next.unless_exists.as_deref()) {
                continue;
            }
            self.output.listen();
            let mut env = self.task.env.clone();
            env.extend(next.env);
            self.current = Some(self.spawn(&next.command, &env)?);
            self.before = next.name;
            return Ok(());
        }
        self.output.listen_no_more();
        let pid = self.spawn(&self.task.main, &self.task.env)?;
        self.current = Some(pid);
        self.state = State::Running(pid);
        self.connections.tell(&said(self.state, self.room.as_ref()));
        crate::sys::forget_code();
        Ok(())
    }

    fn spawn(&self, command: &Command, env: &BTreeMap<String, String>) -> Result<Pid, Exit> {
        child::spawn(&Start {
            command,
            env,
            ulimits: &self.task.ulimits,
            cgroup: self.task.cgroup.as_ref(),
            mounts: self.room.as_ref().map(|room| room.mounts.as_fd()),
            single_uid: self.task.room.as_ref().is_some_and(|room| room.single_uid),
            capabilities: self.task.capabilities(),
            tie: Tie::Child(self.output.ends()),
        })
        .map_err(Exit::NotStarted)
    }

    /// Whether a path exists in the replica's sight.
    fn is_there(&self, path: Option<&str>) -> bool {
        path.is_some_and(|path| match &self.room {
            Some(room) => room.sees(path),
            None => std::path::Path::new(path).exists(),
        })
    }

    /// Sleeps until there is something to do.
    fn wait(&self) {
        let sources = std::iter::once(self.signals.as_fd())
            .chain(self.output.sources())
            .chain(self.connections.sources());
        let mut sources: Vec<PollFd<'_>> = sources
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        let timeout = match self.output.is_open() {
            true => PollTimeout::from(BEGUN_MS),
            false => PollTimeout::NONE,
        };
        let _ = poll(&mut sources, timeout);
    }

    /// Takes the dead. The end of the child that is waited for is the end, unless it was a preliminary one
    /// that did its work.
    fn reap(&mut self) -> Option<Exit> {
        while let Ok(Some(_)) = self.signals.read_signal() {}
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => return None,
                Ok(status) if status.pid() == self.current => {
                    if let Some(exit) = self.ended(status) {
                        return Some(exit);
                    }
                }
                Ok(status) if status.pid() == self.room.as_ref().map(|room| room.init) => {
                    // Somebody killed the first process of the namespaces: all others died with it.
                    return Some(self.end());
                }
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return None,
            }
        }
    }

    fn ended(&mut self, status: WaitStatus) -> Option<Exit> {
        let exit = exit::meaning(status, self.oom_killed())?;
        self.current = None;
        match self.state {
            State::Starting if exit.is_success() => self.go_on().err(),
            State::Starting => Some(self.failed_before(&exit)),
            State::Running(_) | State::Ending => Some(exit),
        }
    }

    /// A preliminary command failed: says how, and what it said last.
    fn failed_before(&mut self, exit: &Exit) -> Exit {
        self.output.pump();
        let name: String = self.before.chars().take(NAME_CHARS_MAX).collect();
        Exit::NotStarted(match self.output.last_words() {
            words if words.is_empty() => format!("{name} failed: {exit}"),
            words => format!("{name} failed: {exit}, and said: {words}"),
        })
    }

    /// Does what was asked.
    fn obey(&mut self) -> Option<Exit> {
        for (who, asked) in self.connections.read() {
            match asked {
                Asked::Signal(number) => self.signal(number),
                Asked::Kill => return Some(self.end()),
                Asked::Stats => {
                    let mut stats = crate::cgroup::Stats::default();
                    if let Some(plan) = &self.task.cgroup {
                        stats = plan.stats();
                        let own_network = self.diagnosis.as_ref();
                        stats.network_bytes = own_network.and_then(|_| plan.network_bytes());
                    }
                    self.connections.answer(who, &Said::Stats(stats));
                }
                Asked::Ports => {
                    let ports = self.diagnosis.as_ref().and_then(crate::netlink::listening);
                    self.connections.answer(who, &Said::Ports(ports));
                }
                Asked::Limit(limits) => {
                    if let Some(plan) = &mut self.task.cgroup {
                        plan.limits = limits;
                        for failed in plan.apply(&limits) {
                            self.output
                                .say(&format!("a limit is not in force: {failed}"));
                        }
                    }
                }
            }
        }
        None
    }

    fn signal(&self, number: i32) {
        if let (Some(pid), Ok(signal)) = (self.current, Signal::try_from(number)) {
            let _ = kill(pid, signal);
        }
    }

    /// Kills everything and tells how the main process ended.
    fn end(&mut self) -> Exit {
        self.state = State::Ending;
        let main = self.current.take();
        let room = self.room.as_ref().map(|room| room.init);
        let status = tree::end(room, self.task.cgroup.as_ref(), main);
        status
            .and_then(|status| exit::meaning(status, self.oom_killed()))
            .unwrap_or(Exit::Signal(Signal::SIGKILL as i32))
    }

    fn oom_killed(&self) -> bool {
        self.task
            .cgroup
            .as_ref()
            .is_some_and(|plan| plan.oom_kills() > 0)
    }

    /// Ends what the main process left behind, then tells everybody.
    fn leave(mut self, exit: &Exit) {
        let room = self.room.as_ref().map(|room| room.init);
        tree::end(room, self.task.cgroup.as_ref(), None);
        self.output.finish();
        let _ = exit::write(RunId(self.task.run), exit);
        // From here on the next start of this replica may use the folder: nothing of it is touched after the last word.
        self.connections.accept(&Said::Starting);
        let _ = std::fs::remove_file(super::SOCKET);
        self.connections.tell(&Said::Exited(exit.clone()));
        if let Some(plan) = &self.task.cgroup {
            plan.remove();
        }
    }
}

fn said(state: State, room: Option<&Built>) -> Said {
    match state {
        State::Running(pid) => Said::Running {
            pid: pid.as_raw().unsigned_abs(),
            room_pid: room.map(|room| room.init.as_raw().unsigned_abs()),
        },
        State::Starting | State::Ending => Said::Starting,
    }
}
