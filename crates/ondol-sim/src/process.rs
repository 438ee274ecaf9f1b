use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ondol_model::{Demand, Digest, Exit, ReplicaId, RunId, Service, Time};

use crate::scenario::Temper;

/// A process of the machine: the truth about it, and what the core was told.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) replica: ReplicaId,
    pub(crate) run: RunId,
    pub(crate) definition: Digest,
    pub(crate) service: Arc<Service>,
    pub(crate) temper: Temper,
    /// It does the `pre_start` steps of the whole service.
    pub(crate) initiates: bool,
    /// What comes before it is done.
    pub(crate) begun: bool,
    /// Before this moment it answers no probe.
    pub(crate) well_at: Time,
    /// It answers no probe any more.
    pub(crate) hangs: bool,
    /// It answers every other probe.
    pub(crate) flaps: bool,
    /// Questions it was asked.
    pub(crate) asked: u32,
    /// How it ended.
    pub(crate) exit: Option<Exit>,
    pub(crate) told: Told,
}

/// What the core of the present node was told about a process, and what it told the proxy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) started: bool,
    pub(crate) exited: bool,
    /// It was found, and trusted until it fails once.
    pub(crate) trusted: bool,
    pub(crate) listens: bool,
    /// When it was told to run, as the node felt it.
    pub(crate) since: Time,
    /// A probe or hook of any kind has failed.
    pub(crate) doubted: bool,
    pub(crate) passed: bool,
    pub(crate) failures: u32,
    /// Successes in a row.
    pub(crate) successes: u32,
    /// It was in a table as ready.
    pub(crate) served: bool,
    /// Since when it is not any more, and by which version.
    pub(crate) withdrawn: Option<(Time, u64)>,
    pub(crate) drained: bool,
}

impl Process {
    pub(crate) fn is_alive(&self) -> bool {
        self.exit.is_none()
    }

    /// What placement sets aside for it.
    pub(crate) fn demand(&self) -> Demand {
        Demand {
            cpu_milli: self.service.resources.cpu_reserved_milli,
            memory: self.service.resources.memory_reserved,
        }
    }

    /// Nothing about it is wrong.
    pub(crate) fn is_sound(&self) -> bool {
        self.is_alive() && !self.hangs && !self.flaps && self.temper == Temper::Good
    }

    /// Answers a probe.
    pub(crate) fn answer(&mut self, now: Time) -> bool {
        self.asked += 1;
        let flapped = self.flaps && self.asked.is_multiple_of(2);
        self.is_alive()
            && !self.hangs
            && !flapped
            && self.temper != Temper::Deaf
            && now >= self.well_at
    }

    pub(crate) fn ip(&self) -> IpAddr {
        let number = u32::try_from(self.run.0 % 60_000).unwrap_or_default();
        Ipv4Addr::from(0x0a4d_0002 + number).into()
    }

    pub(crate) fn pid(&self) -> u32 {
        u32::try_from(self.run.0 % 1_000_000).unwrap_or_default() + 1000
    }
}
