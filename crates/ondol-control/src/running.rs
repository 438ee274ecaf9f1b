use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ondol_model::{
    Prepared, ProbeKind, ProbeResult, ReplicaId, RestartCondition, RunId, Service, Time,
};

use crate::checks::{Checks, PORT_PATIENCE, ReadyFrom, expected};
use crate::probe::{Tracker, Verdict};
use crate::span::span;
use crate::turn::Turn;
use crate::{Action, Hooked, NoteKind};

/// A `post_start` hook may take so long.
const POST_START_MAX: Duration = Duration::from_secs(60);

/// A replica whose process runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) run: RunId,
    pub(crate) pid: u32,
    pub(crate) ip: IpAddr,
    pub(crate) moved_ports: BTreeMap<u16, SocketAddr>,
    pub(crate) listening: Vec<u16>,
    pub(crate) started: Time,
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) checks: Checks,
    pub(crate) stage: Stage,
    /// Since when it has been ready without a break.
    pub(crate) ready_since: Option<Time>,
    hooks: Hooks,
    pub(crate) startup: Tracker,
    pub(crate) ready: Tracker,
    pub(crate) live: Tracker,
    trust: Trust,
}

/// Whether a replica is taken as ready although nothing was asked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    Needless,
    Given,
    /// The first answer was no.
    Lost,
}

/// Whether a running replica is sent traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It has not been ready yet.
    Starting,
    /// It is sent traffic.
    Ready,
    /// It has been ready and is not now.
    Unready,
}

/// Where the process is.
pub(crate) struct Whereabouts {
    pub(crate) pid: u32,
    pub(crate) ip: IpAddr,
    pub(crate) moved_ports: BTreeMap<u16, SocketAddr>,
}

#[derive(Debug, Default)]
struct Hooks {
    next: usize,
    asked: bool,
    failed: Option<String>,
}

/// What follows for the replica.
pub(crate) enum Next {
    Same,
    Changed,
    /// It must be ended and started again: why.
    Restart(String),
}

impl Running {
    pub(crate) fn new(
        run: RunId,
        at: Whereabouts,
        prepared: Arc<Prepared>,
        service: &Service,
        now: Time,
    ) -> Self {
        Running {
            run,
            pid: at.pid,
            ip: at.ip,
            moved_ports: at.moved_ports,
            listening: Vec::new(),
            started: now,
            checks: Checks::of(service, &prepared),
            prepared,
            stage: Stage::Starting,
            ready_since: None,
            hooks: Hooks::default(),
            startup: Tracker::new(now),
            ready: Tracker::new(now),
            live: Tracker::new(now),
            trust: Trust::Needless,
        }
    }

    /// One that outlived the node. The proxy has been sending to it all the time, so it counts as ready until it
    /// fails the first check that it is asked; then it is taken as one that is still starting.
    pub(crate) fn adopted(
        run: RunId,
        at: Whereabouts,
        prepared: Arc<Prepared>,
        service: &Service,
        now: Time,
    ) -> Self {
        Running {
            stage: Stage::Ready,
            ready_since: Some(now),
            hooks: Hooks {
                next: usize::MAX,
                ..Hooks::default()
            },
            trust: Trust::Given,
            ..Running::new(run, at, prepared, service, now)
        }
    }

    /// The file asks differently now: what was learned from other checks is forgotten, readiness is kept.
    pub(crate) fn recheck(&mut self, service: &Service, now: Time) {
        let checks = Checks::of(service, &self.prepared);
        if checks == self.checks {
            return;
        }
        self.checks = checks;
        self.forget(now);
        if self.stage == Stage::Ready {
            self.trust = Trust::Given;
        }
    }

    pub(crate) fn answered(&mut self, kind: ProbeKind, result: ProbeResult, now: Time) {
        let (tracker, probe) = match kind {
            ProbeKind::Startup => (&mut self.startup, &self.checks.startup),
            ProbeKind::Ready => (&mut self.ready, &self.checks.ready),
            ProbeKind::Live => (&mut self.live, &self.checks.live),
        };
        let Some(probe) = probe else { return };
        let ok = result.ok;
        let heard = tracker.hear(probe, result, self.started, now);
        if heard && kind != ProbeKind::Live && self.trust == Trust::Given {
            let decided = match self.checks.ready {
                Some(_) => self.ready.passed,
                None => self.startup.passed,
            };
            self.trust = match (ok, decided) {
                (false, _) => Trust::Lost,
                (true, true) => Trust::Needless,
                (true, false) => Trust::Given,
            };
        }
    }

    /// The ports it listens on now. Seeing one of its own open is as good as asking it.
    pub(crate) fn listens(&mut self, ports: Vec<u16>) {
        self.listening = ports;
        let mut own = self.checks.ports.iter();
        let open = own.find(|port| self.listening.contains(port));
        if let Some(port) = open
            && self.checks.from == ReadyFrom::Port
            && !self.ready.passed
        {
            self.ready.seen(format!("port {port} is open"));
        }
    }

    fn forget(&mut self, now: Time) {
        let fresh = Tracker::new(now);
        (self.startup, self.ready, self.live) = (fresh.clone(), fresh.clone(), fresh);
    }

    pub(crate) fn hook_ended(&mut self, result: ProbeResult) {
        if !self.hooks.asked {
            return;
        }
        self.hooks.asked = false;
        self.hooks.next += 1;
        if !result.ok {
            self.hooks.failed = Some(result.saw);
        }
    }

    /// Asks what is due, and draws the conclusions.
    pub(crate) fn step(&mut self, id: &ReplicaId, service: &Service, turn: &mut Turn) -> Next {
        if let Some(saw) = self.hooks.failed.take() {
            return Next::Restart(format!("its post_start hook failed: {saw}"));
        }
        if !self.hooks_done(id, service, turn) {
            return Next::Same;
        }
        if self.trust == Trust::Lost {
            return self.begin_again(id, turn);
        }
        if let Some(probe) = &self.checks.startup
            && !self.startup.passed
        {
            if self.startup.verdict == Verdict::Failed {
                return Next::Restart(failed("startup", probe, &self.startup));
            }
            self.ask(id, ProbeKind::Startup, turn);
            return Next::Same;
        }
        if self.wants_ready_asked() {
            self.ask(id, ProbeKind::Ready, turn);
        }
        self.ask(id, ProbeKind::Live, turn);
        self.judge(id, service, turn)
    }

    /// It was taken as ready and is not: it may still be starting, so it is judged like one that starts now.
    fn begin_again(&mut self, id: &ReplicaId, turn: &mut Turn) -> Next {
        let saw = self
            .deciding()
            .and_then(|(_, _, tracker)| tracker.last.as_ref());
        let saw = saw.map_or("nothing", |last| &last.saw);
        let why =
            format!("the first answer to this probe was: {saw}; no traffic until it succeeds");
        turn.tell(NoteKind::Unready, id, why);
        self.trust = Trust::Needless;
        self.stage = Stage::Starting;
        self.ready_since = None;
        self.started = turn.now;
        Next::Changed
    }

    /// When it has something to do without being told anything.
    pub(crate) fn wake(&self) -> Option<Time> {
        if self.hooks.asked {
            return None;
        }
        if let Some(probe) = &self.checks.startup
            && !self.startup.passed
        {
            return Some(self.startup.due(probe));
        }
        let ready = self
            .checks
            .ready
            .as_ref()
            .filter(|_| self.wants_ready_asked());
        let ready = ready.map(|probe| self.ready.due(probe));
        let live = self.checks.live.as_ref().map(|probe| self.live.due(probe));
        let patience = (self.checks.from == ReadyFrom::Port && self.stage == Stage::Starting)
            .then(|| self.started + PORT_PATIENCE);
        [ready, live, patience].into_iter().flatten().min()
    }

    /// The probe that decides now whether it is ready, and what it has seen.
    pub(crate) fn deciding(&self) -> Option<(ProbeKind, &ondol_model::Probe, &Tracker)> {
        match (&self.checks.startup, &self.checks.live, &self.checks.ready) {
            (Some(probe), _, _) if !self.startup.passed => {
                Some((ProbeKind::Startup, probe, &self.startup))
            }
            (_, Some(probe), _) if self.live.failures > 0 => {
                Some((ProbeKind::Live, probe, &self.live))
            }
            (_, _, Some(probe)) => Some((ProbeKind::Ready, probe, &self.ready)),
            _ => None,
        }
    }

    fn hooks_done(&mut self, id: &ReplicaId, service: &Service, turn: &mut Turn) -> bool {
        let Some(hook) = service.post_start.get(self.hooks.next) else {
            return true;
        };
        if !self.hooks.asked {
            self.hooks.asked = true;
            turn.act(Action::Hook {
                replica: id.clone(),
                run: self.run,
                when: Hooked::PostStart,
                hook: hook.clone(),
                timeout: POST_START_MAX,
            });
        }
        false
    }

    /// A port is only asked until it accepts once: every later connection would be noise in the service's log.
    fn wants_ready_asked(&self) -> bool {
        let open = self.ready.passed || self.stage != Stage::Starting;
        self.checks.from != ReadyFrom::Port || !open
    }

    fn ask(&mut self, id: &ReplicaId, kind: ProbeKind, turn: &mut Turn) {
        let (tracker, probe) = match kind {
            ProbeKind::Startup => (&mut self.startup, &self.checks.startup),
            ProbeKind::Ready => (&mut self.ready, &self.checks.ready),
            ProbeKind::Live => (&mut self.live, &self.checks.live),
        };
        let Some(probe) = probe else { return };
        if tracker.ask(probe, turn.now) {
            turn.act(Action::Probe {
                replica: id.clone(),
                run: self.run,
                kind,
                check: probe.check.clone(),
                port: self
                    .checks
                    .ports
                    .first()
                    .or(self.listening.first())
                    .copied(),
                timeout: probe.timeout,
            });
        }
    }

    fn judge(&mut self, id: &ReplicaId, service: &Service, turn: &mut Turn) -> Next {
        if let Some(probe) = &self.checks.live
            && self.live.verdict == Verdict::Failed
        {
            return Next::Restart(failed("live", probe, &self.live));
        }
        match (self.stage, self.readiness(turn.now)) {
            (Stage::Starting | Stage::Unready, Verdict::Passing) => {
                turn.tell(NoteKind::Ready, id, self.why_ready(turn.now));
                self.stage = Stage::Ready;
                self.ready_since = Some(turn.now);
                Next::Changed
            }
            (Stage::Ready, Verdict::Failed) => {
                let why = self.why_failed("no traffic until it succeeds");
                turn.tell(NoteKind::Unready, id, why);
                self.stage = Stage::Unready;
                self.ready_since = None;
                Next::Changed
            }
            (Stage::Unready, Verdict::Failed) if self.is_beyond_hope(service) => {
                Next::Restart(self.why_failed("it is started again"))
            }
            _ => Next::Same,
        }
    }

    fn readiness(&self, now: Time) -> Verdict {
        match self.checks.from {
            ReadyFrom::Nothing => Verdict::Passing,
            ReadyFrom::Probes | ReadyFrom::Healthcheck => self.ready.verdict,
            ReadyFrom::Port if self.ready.passed => Verdict::Passing,
            ReadyFrom::Port if now.since(self.started) >= PORT_PATIENCE => Verdict::Passing,
            ReadyFrom::Port => Verdict::Unknown,
        }
    }

    /// "Unhealthy" must not stay a label: a `healthcheck` that took its replica's traffic away and then fails as
    /// often again has it started again. `x-ondol.probes.ready` does not: who writes it can write `live` as well.
    fn is_beyond_hope(&self, service: &Service) -> bool {
        let Some(probe) = &self.checks.ready else {
            return false;
        };
        self.checks.from == ReadyFrom::Healthcheck
            && service.restart.condition != RestartCondition::Never
            && self.ready.failures >= probe.failures_max.max(1).saturating_mul(2)
    }

    fn why_ready(&self, now: Time) -> String {
        let age = span(now.since(self.started));
        match (self.checks.from, &self.ready.last) {
            (ReadyFrom::Nothing, _) => "it runs, and has nothing that could be asked".to_owned(),
            (ReadyFrom::Port, _) if !self.ready.passed => format!(
                "its port {} did not accept a connection in {age}; taken as ready all the same, \
                 because it may listen elsewhere: name its port, or a healthcheck",
                self.checks.ports.first().copied().unwrap_or_default()
            ),
            (_, Some(result)) => format!("{} {age} after its start", result.saw),
            (_, None) => format!("ready {age} after its start"),
        }
    }

    fn why_failed(&self, then: &str) -> String {
        let name = match self.checks.from {
            ReadyFrom::Healthcheck => "healthcheck",
            _ => "ready",
        };
        let why = self.checks.ready.as_ref();
        let why = why.map(|probe| failed(name, probe, &self.ready));
        format!("{}; {then}", why.unwrap_or_default())
    }
}

fn failed(name: &str, probe: &ondol_model::Probe, tracker: &Tracker) -> String {
    let saw = tracker.last.as_ref().map_or("nothing", |last| &last.saw);
    format!(
        "its {name} probe failed {} times in a row: expected that {}, saw: {saw}",
        tracker.failures.max(1),
        expected(&probe.check)
    )
}
