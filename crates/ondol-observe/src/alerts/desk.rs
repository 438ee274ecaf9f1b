//! The machine, where all that has to do with alerts finds it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ondol_alert::{Action, Event, Machine, Plan, Silence, SilenceError};
use ondol_model::ReceiverKind;
use tokio::sync::Notify;

use super::kept::{Kept, KeptError};

/// The machine and what stands around it.
pub(crate) struct Desk {
    inside: Mutex<Inside>,
    kept: Kept,
    /// Something is to be done before its time.
    pub(super) woken: Notify,
    /// Of random numbers, for the ids of silences.
    ids: std::hash::RandomState,
}

struct Inside {
    machine: Machine,
    receivers: BTreeMap<String, ReceiverKind>,
    /// What a new plan or a silence led to, for the rounds to do.
    waiting: Vec<Action>,
    external_url: String,
}

/// Why a silence was not taken or ended.
#[derive(Debug)]
pub(crate) enum Unsilenced {
    Refused(SilenceError),
    NotKept(KeptError),
}

impl Desk {
    /// Goes on where the file in `dir` ends; what is wrong with it is said.
    pub(crate) fn open(dir: &Path, now_ms: i64) -> (Self, Option<String>) {
        let (kept, durable, complaint) = Kept::open(dir);
        let inside = Inside {
            machine: Machine::new(durable, now_ms),
            receivers: BTreeMap::new(),
            waiting: Vec::new(),
            external_url: String::new(),
        };
        let desk = Desk {
            inside: Mutex::new(inside),
            kept,
            woken: Notify::new(),
            ids: std::hash::RandomState::new(),
        };
        (desk, complaint)
    }

    /// Follows these rules and tells these receivers from now on.
    pub(crate) fn set_plan(&self, plan: Plan, external_url: &str, now_ms: i64) {
        let mut inside = self.inside();
        inside.machine.set_external_url(external_url);
        external_url.clone_into(&mut inside.external_url);
        inside.receivers = plan.receivers;
        for event in [Event::Routing(plan.routing), Event::Rules(plan.groups)] {
            let actions = inside.machine.handle(event, now_ms);
            inside.waiting.extend(actions);
        }
        drop(inside);
        self.woken.notify_one();
    }

    /// Takes in what happened; what is to be done then, and when to ask again.
    pub(super) fn handle(&self, event: Event, now_ms: i64) -> (Vec<Action>, Option<i64>) {
        let mut inside = self.inside();
        let mut actions = std::mem::take(&mut inside.waiting);
        actions.extend(inside.machine.handle(event, now_ms));
        (actions, inside.machine.wake_at_ms())
    }

    /// Adds or changes a silence. It lasts when this returned.
    pub(super) fn silence(&self, silence: Silence, now_ms: i64) -> Result<(), Unsilenced> {
        self.change(|machine| machine.silence(silence, now_ms), now_ms)
    }

    /// Ends a silence. It has ended for good when this returned.
    pub(super) fn expire(&self, id: &str, now_ms: i64) -> Result<(), Unsilenced> {
        self.change(|machine| machine.expire(id, now_ms), now_ms)
    }

    fn change(
        &self,
        change: impl FnOnce(&mut Machine) -> Result<(), SilenceError>,
        now_ms: i64,
    ) -> Result<(), Unsilenced> {
        change(&mut self.inside().machine).map_err(Unsilenced::Refused)?;
        self.save(now_ms).map_err(Unsilenced::NotKept)?;
        self.woken.notify_one();
        Ok(())
    }

    /// Keeps what is to survive a restart. Blocks on the disk.
    pub(super) fn save(&self, now_ms: i64) -> Result<(), KeptError> {
        self.kept.save(|| self.inside().machine.durable(now_ms))
    }

    /// Looks at the machine; who looks long holds everybody up.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Machine) -> T) -> T {
        look(&self.inside().machine)
    }

    pub(super) fn receiver(&self, name: &str) -> Option<ReceiverKind> {
        self.inside().receivers.get(name).cloned()
    }

    pub(super) fn external_url(&self) -> String {
        self.inside().external_url.clone()
    }

    /// A name that no other silence has (in the form of a UUID, version 4).
    pub(super) fn new_id(&self, now_ms: i64) -> String {
        use std::hash::BuildHasher;
        let count = self.inside().machine.silences().count();
        let half = |salt: u8| self.ids.hash_one((now_ms, count, salt));
        let (high, low) = (half(0), half(1));
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        )
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
