//! Follows a project until it is where somebody wants it, and shows the way there.

use std::collections::BTreeMap;
use std::time::Duration;

use ondol_api::{
    Client, ClientError, ErrorCode, Follow, ProjectState, ReplicaState, ServicePhase, ServiceState,
};
use ondol_model::ProjectName;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep, sleep_until};

use super::clock::now_unix_ms;
use super::failure::Failure;
use super::out::Out;
use super::report;
use super::screen::Screen;
use super::terminal::{Terminal, paint};

/// A replica that nothing probes is believed to be up once it has run for so long: one that cannot run
/// mostly ends at once.
const PROOF: Duration = Duration::from_secs(1);
/// Countdowns are redrawn so often.
const REDRAW: Duration = Duration::from_millis(200);
/// How long a project may take to be seen after it was asked for, and a node to come back.
const APPEAR_MAX: Duration = Duration::from_secs(10);
const APPEAR_PAUSE: Duration = Duration::from_millis(20);
/// Services whose last words are read at once.
const HEARD_MAX: usize = 8;

/// Where a project is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Every process runs, or is done.
    Running,
    /// Everything is ready, or done, and nothing else is left.
    Settled,
    /// What was stopped on request does not run.
    Stopped,
    /// It is not there any more.
    Gone,
}

/// What following it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    Reached,
    /// Something will not come right by waiting a little.
    Failed,
    /// It was taken down meanwhile.
    Vanished,
    TimedOut,
    Interrupted,
}

/// Ctrl-C and a polite request to end.
#[derive(Debug)]
pub(crate) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    pub(crate) fn listen() -> Result<Self, Failure> {
        let refused = |error| Failure::error(format!("Ctrl-C could not be listened to: {error}"));
        let listen = |kind| signal(kind).map_err(refused);
        Ok(Interrupts {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// One project on its way.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    client: &'a Client,
    out: &'a Out,
    name: &'a ProjectName,
    screen: Screen,
    terminal: Terminal,
    /// Replicas that crashed, with the number of their restarts, and what they wrote last.
    last_words: BTreeMap<(String, u32), Vec<String>>,
    /// As it was seen last.
    pub(crate) state: Option<ProjectState>,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(
        verb: &'static str,
        client: &'a Client,
        name: &'a ProjectName,
        out: &'a Out,
    ) -> Self {
        Progress {
            client,
            out,
            name,
            screen: Screen::new(verb, now_unix_ms()),
            terminal: Terminal::default(),
            last_words: BTreeMap::new(),
            state: None,
        }
    }

    /// Follows it until `goal`, but not longer than `limit`, and only until an interrupt when those are listened to.
    pub(crate) async fn until(
        &mut self,
        goal: Goal,
        limit: Option<Duration>,
        mut interrupts: Option<&mut Interrupts>,
    ) -> Result<Came, Failure> {
        let begun = Instant::now();
        let end = limit.map(|limit| begun + limit);
        let Some(mut changes) = follow(self.client, self.name).await? else {
            return Ok(if goal == Goal::Gone {
                Came::Reached
            } else {
                Came::Vanished
            });
        };
        let mut proven: Option<Instant> = None;
        let came = loop {
            tokio::select! {
                change = changes.next() => match change {
                    Some(Ok(state)) => {
                        let came = came(&state, goal);
                        proven = Some(Instant::now() + proof_left(&state, now_unix_ms()));
                        self.see(state).await;
                        match came {
                            Some(Came::Reached) if goal == Goal::Settled => {}
                            Some(came) => break came,
                            None => proven = None,
                        }
                    }
                    Some(Err(_)) | None => match follow(self.client, self.name).await? {
                        Some(again) => changes = again,
                        None if goal == Goal::Gone => break Came::Reached,
                        None => break Came::Vanished,
                    },
                },
                () = sleep(REDRAW), if self.out.redraw => self.draw(),
                () = wait_until(proven) => break Came::Reached,
                () = wait_until(end) => break Came::TimedOut,
                () = interrupted(&mut interrupts) => break Came::Interrupted,
            }
        };
        if came == Came::Failed && self.out.redraw {
            // The report that follows says it.
            self.screen.hear(BTreeMap::new());
            self.draw();
        }
        self.terminal.leave();
        Ok(came)
    }

    async fn see(&mut self, state: ProjectState) {
        let now = now_unix_ms();
        self.screen.see(&state, now);
        if self.out.redraw && !self.out.quiet {
            self.hear(&state).await;
        }
        self.state = Some(state);
        self.draw();
    }

    /// Reads once what each replica wrote before it crashed.
    async fn hear(&mut self, state: &ProjectState) {
        let mut last_words = BTreeMap::new();
        let mut of_services = BTreeMap::new();
        for (service, replica) in crashed(state).take(HEARD_MAX) {
            let start = (replica.name.clone(), replica.restarts);
            let words = match self.last_words.remove(&start) {
                Some(words) => words,
                None => {
                    let lines = report::last_lines(state, replica, self.client).await;
                    lines.into_iter().map(|line| line.text).collect()
                }
            };
            of_services.insert(service.name.clone(), words.clone());
            last_words.insert(start, words);
        }
        self.last_words = last_words;
        self.screen.hear(of_services);
    }

    fn draw(&mut self) {
        let Some(state) = self.state.as_ref().filter(|_| !self.out.quiet) else {
            return;
        };
        let now = now_unix_ms();
        if self.out.redraw {
            let frame = self.screen.frame(state, Terminal::room(), now);
            self.terminal.draw(&frame, self.out);
            return;
        }
        for line in self.screen.news(state, now) {
            self.out.say(paint(&line, self.out).trim());
        }
    }
}

/// Services that failed or that come up again after a crash, each with the replica whose words explain it.
fn crashed(state: &ProjectState) -> impl Iterator<Item = (&ServiceState, &ReplicaState)> {
    let unsettled = state.services.iter().filter(|service| !service.settled);
    unsettled.filter_map(|service| {
        let replica = report::culprit(service)?;
        let crashed = replica.exit.as_ref().is_some_and(|exit| !exit.is_success());
        (crashed || service.failed.is_some()).then_some((service, replica))
    })
}

/// A project's changes; `None` when it is not there. A node that is just leaving or coming is waited for.
pub(crate) async fn follow(
    client: &Client,
    name: &ProjectName,
) -> Result<Option<Follow<ProjectState>>, Failure> {
    let mut waited = Duration::ZERO;
    loop {
        match client.follow_project(name).await {
            Ok(changes) => return Ok(Some(changes)),
            Err(ClientError::Refused(error)) if error.code == ErrorCode::NotFound => {
                return Ok(None);
            }
            // One that `up` started has left with its last project.
            Err(ClientError::NoNode(_)) if waited >= APPEAR_MAX / 20 => return Ok(None),
            Err(error) if waited >= APPEAR_MAX => return Err(error.into()),
            Err(_) => {}
        }
        sleep(APPEAR_PAUSE).await;
        waited += APPEAR_PAUSE;
    }
}

/// What this state means to somebody who waits for `goal`; `None` is: wait on.
fn came(state: &ProjectState, goal: Goal) -> Option<Came> {
    let reached = match goal {
        Goal::Gone => return None,
        Goal::Settled => state.settled,
        Goal::Running => state.services.iter().all(runs),
        // What else goes wrong is not what was asked about.
        Goal::Stopped => {
            let mut stopped = state
                .services
                .iter()
                .filter(|service| state.stopped.contains(&service.name));
            return stopped
                .all(|service| service.settled)
                .then_some(Came::Reached);
        }
    };
    let failed = || {
        state
            .services
            .iter()
            .any(|service| service.failed.is_some())
    };
    match (failed(), reached) {
        (true, _) => Some(Came::Failed),
        (false, true) => Some(Came::Reached),
        (false, false) => None,
    }
}

/// How long it takes until everything that nothing probes has run for a little while.
fn proof_left(state: &ProjectState, now_unix_ms: u64) -> Duration {
    let replicas = state.services.iter().flat_map(|service| &service.replicas);
    let unproven = replicas.filter(|replica| replica.pid.is_some() && replica.probe.is_none());
    let age = |replica: &ReplicaState| {
        Duration::from_millis(now_unix_ms.saturating_sub(replica.since_unix_ms))
    };
    unproven
        .map(|replica| PROOF.saturating_sub(age(replica)))
        .max()
        .unwrap_or_default()
}

fn runs(service: &ServiceState) -> bool {
    let regular = || service.replicas.iter().filter(|replica| !replica.one_off);
    let up = regular()
        .filter(|replica| replica.done || replica.pid.is_some())
        .count();
    service.phase == ServicePhase::Stopped || up >= service.wanted as usize
}

async fn wait_until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

async fn interrupted(interrupts: &mut Option<&mut Interrupts>) {
    match interrupts {
        Some(interrupts) => interrupts.next().await,
        None => std::future::pending().await,
    }
}
