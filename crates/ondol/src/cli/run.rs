mod begin;
mod words;

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ondol_api::{Client, ClientError, ProjectState, ReplicaState};
use ondol_model::{Exit, Phase, ProjectName};
use ondol_runtime::{ExecTarget, Streams};
use tokio::task::{JoinHandle, spawn_blocking};

use super::args::{ProjectArgs, RunArgs};
use super::exec::{NOT_RUN, no_terminal};
use super::failure::Failure;
use super::out::Out;
use super::progress::{self, Interrupts};
use super::pty::{self, Pty};

/// What a shell shows of a command that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Runs it beside the replicas with this command's terminal or streams, and ends with its exit code.
pub(crate) async fn run(
    files: &ProjectArgs,
    args: RunArgs,
    out: &Out,
) -> Result<ExitCode, Failure> {
    if let Some(refused) = words::refused(&args) {
        return Err(refused);
    }
    let dir = std::env::current_dir()
        .map_err(|error| Failure::error(format!("this folder cannot be read: {error}")))?;
    let body = words::body(&args, &dir, !args.detach)?;
    let begun = begin::begin(files, &args, out).await?;
    let (client, name) = (&begun.client, &begun.project);
    let mut interrupts = Interrupts::listen()?;
    let started = client.run(name, &args.service, &body).await?;
    let replica = &started.replica;
    let Some(streams) = started.streams else {
        out.data(replica);
        return Ok(ExitCode::SUCCESS);
    };
    let one_off = OneOff {
        client,
        name,
        replica,
    };
    let attended = async {
        if let Some(exit) = one_off.runs().await? {
            return Ok::<_, Failure>((exit, None));
        }
        let terminal = !args.no_tty && pty::wanted();
        let carried = one_off.attend(&streams, terminal).await?;
        Ok((one_off.ends().await?, carried))
    };
    let attended = tokio::select! {
        attended = attended => Some(attended),
        () = interrupts.next() => None,
    };
    let code = match attended {
        Some(attended) => {
            let (exit, carried) = attended?;
            // Its last words are shown before this command ends.
            if let Some(carried) = carried {
                let broke = |error| Failure::error(format!("this terminal broke: {error}"));
                carried.finish().await.map_err(broke)?;
            }
            code_of(replica, exit)
        }
        None => {
            one_off.stop(&mut interrupts).await?;
            Ok(INTERRUPTED)
        }
    };
    if args.rm || attended_nobody(&code) {
        one_off.forget().await?;
    }
    begun.end(args.rm).await?;
    Ok(ExitCode::from(code?))
}

/// One that never ran leaves nothing to look at.
fn attended_nobody(code: &Result<u8, Failure>) -> bool {
    matches!(code, Err(failure) if failure.code == NOT_RUN)
}

fn code_of(replica: &str, exit: Exit) -> Result<u8, Failure> {
    match exit {
        // Every exit code that the machine knows is a byte.
        Exit::Code(code) => Ok(code as u8),
        Exit::Signal(number) => Ok(128u8.wrapping_add(number as u8)),
        Exit::NotStarted(why) => Err(Failure::with_code(NOT_RUN, why)),
        other => Err(Failure::error(format!("{replica} ended: {other}"))
            .hint("`ondol events` says what was seen")),
    }
}

/// A terminal that is carried to and from the program.
struct Carried {
    over: Arc<AtomicBool>,
    work: JoinHandle<io::Result<()>>,
}

impl Carried {
    fn begin(pty: Pty) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let seen = over.clone();
        let work = spawn_blocking(move || pty.carry(|| seen.load(Ordering::Relaxed)));
        Carried { over, work }
    }

    async fn finish(self) -> io::Result<()> {
        self.over.store(true, Ordering::Relaxed);
        self.work.await.map_err(io::Error::other)?
    }
}

/// The run, as the node knows it.
struct OneOff<'a> {
    client: &'a Client,
    name: &'a ProjectName,
    replica: &'a str,
}

impl OneOff<'_> {
    /// Waits until its process is there, or says how it ended before.
    async fn runs(&self) -> Result<Option<Exit>, Failure> {
        self.until(|state| match ended(state) {
            Some(exit) => Some(Some(exit)),
            None => state.pid.map(|_| None),
        })
        .await
    }

    async fn ends(&self) -> Result<Exit, Failure> {
        self.until(ended).await
    }

    /// Follows it until `found` finds something; a node that goes is waited for.
    async fn until<T>(&self, found: impl Fn(&ReplicaState) -> Option<T>) -> Result<T, Failure> {
        let gone = || Failure::error(format!("{} was taken away meanwhile", self.replica));
        loop {
            let mut changes = progress::follow(self.client, self.name)
                .await?
                .ok_or_else(gone)?;
            while let Some(Ok(project)) = changes.next().await {
                let state = self.of(&project).ok_or_else(gone)?;
                if let Some(found) = found(state) {
                    return Ok(found);
                }
            }
        }
    }

    fn of<'s>(&self, project: &'s ProjectState) -> Option<&'s ReplicaState> {
        let mut replicas = project
            .services
            .iter()
            .flat_map(|service| &service.replicas);
        replicas.find(|state| state.name == self.replica)
    }

    /// Hands over a terminal, which is carried from then on, or this command's own streams.
    async fn attend(&self, socket: &Path, terminal: bool) -> Result<Option<Carried>, Failure> {
        let broke = |error| {
            Failure::error(format!(
                "{} did not take its input and output: {error}",
                self.replica
            ))
        };
        if !terminal {
            let (input, output, errors) = (io::stdin(), io::stdout(), io::stderr());
            let own = [input.as_fd(), output.as_fd(), errors.as_fd()];
            ondol_runtime::hand_over(socket, Streams::Own(own)).map_err(broke)?;
            return Ok(None);
        }
        let pty = Pty::open(self.room().await?).map_err(no_terminal)?;
        ondol_runtime::hand_over(socket, Streams::Terminal(pty.program())).map_err(broke)?;
        Ok(Some(Carried::begin(pty)))
    }

    /// The first process of its namespaces.
    async fn room(&self) -> Result<Option<u32>, Failure> {
        let target = self.client.exec_target(self.name, self.replica).await?;
        let target: Result<ExecTarget, _> = serde_json::from_value(target.enter);
        Ok(target.ok().and_then(|target| target.room_pid))
    }

    /// Ends it as a service is ended; at a second Ctrl-C at once.
    async fn stop(&self, interrupts: &mut Interrupts) -> Result<(), Failure> {
        self.forget().await?;
        tokio::select! {
            // It is gone, or it ended: either is what was wanted.
            _ = self.ends() => Ok(()),
            () = interrupts.next() => match self.client.kill(self.name, self.replica).await {
                Ok(_) | Err(ClientError::Refused(_)) => Ok(()),
                Err(error) => Err(error.into()),
            },
        }
    }

    async fn forget(&self) -> Result<(), Failure> {
        match self.client.forget(self.name, self.replica).await {
            // It is forgotten already.
            Ok(_) | Err(ClientError::Refused(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn ended(state: &ReplicaState) -> Option<Exit> {
    let ended = state.phase == Phase::Ended;
    ended.then(|| state.exit.clone().unwrap_or(Exit::Lost))
}
