use std::collections::BTreeMap;
use std::fmt;

use ondol_model::{Bytes, Capacity, Demand};

mod constraint;
mod fleet;

pub(crate) use constraint::unmet;
pub use fleet::Fleet;

/// The machine that services are placed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// What it has to give.
    pub capacity: Capacity,
    /// What `deploy.placement.constraints` may ask for, by Swarm's names: `node.hostname`, `node.role`,
    /// `node.platform.os`, `node.platform.arch`, `node.labels.<name>`.
    pub attributes: BTreeMap<String, String>,
}

/// Why something does not fit: what was asked for, and what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// What was asked for.
    pub demand: Demand,
    /// What is not set aside yet.
    pub free: Demand,
    /// All there is.
    pub capacity: Capacity,
}

impl Shortage {
    /// It would not fit if the machine were empty.
    pub fn is_for_ever(&self) -> bool {
        self.demand.cpu_milli > self.capacity.cpu_milli || self.demand.memory > self.capacity.memory
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short_of_cpu = self.demand.cpu_milli > self.free.cpu_milli;
        if short_of_cpu {
            write!(
                f,
                "needs {} CPU, {} of {} are free",
                cores(self.demand.cpu_milli),
                cores(self.free.cpu_milli),
                cores(self.capacity.cpu_milli)
            )?;
        }
        if self.demand.memory > self.free.memory {
            if short_of_cpu {
                f.write_str("; ")?;
            }
            write!(
                f,
                "needs {} of memory, {} of {} are free",
                self.demand.memory, self.free.memory, self.capacity.memory
            )?;
        }
        if self.is_for_ever() {
            f.write_str("; it never fits on this machine: lower its reservation")?;
        }
        Ok(())
    }
}

/// Thousandths of a core as people write them: `0.5`, `2`.
fn cores(milli: u32) -> String {
    let text = format!("{}.{:03}", milli / 1000, milli % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The room on this machine.
#[derive(Debug)]
pub(crate) struct Room {
    fleet: Fleet,
    attributes: BTreeMap<String, String>,
    /// Replicas that were found and that nobody knows: what they take is not known either, so nothing that asks for
    /// room is placed beside them.
    pub(crate) strangers: u32,
    /// Room appeared since this was last cleared: who waits for it should try again.
    pub(crate) appeared: bool,
}

impl Room {
    pub(crate) fn new(machine: Machine) -> Self {
        Room {
            fleet: Fleet::new([machine.capacity]),
            attributes: machine.attributes,
            strangers: 0,
            appeared: false,
        }
    }

    pub(crate) fn resize(&mut self, capacity: Capacity) {
        self.appeared |= self.fleet.resize(0, capacity);
    }

    /// Sets room aside, or says why not.
    pub(crate) fn take(&mut self, demand: Demand) -> Result<(), Shortage> {
        match self.fleet.place(demand) {
            Some(_) => Ok(()),
            None => Err(self.fleet.shortage(0, demand)),
        }
    }

    /// Sets room aside for something that is there already, whether it fits or not.
    pub(crate) fn account(&mut self, demand: Demand) {
        self.fleet.account(0, demand);
    }

    pub(crate) fn give_back(&mut self, demand: Demand) {
        self.fleet.release(0, demand);
        self.appeared = true;
    }

    /// Why this could not be placed now.
    pub(crate) fn shortage(&self, demand: Demand) -> Option<Shortage> {
        let shortage = self.fleet.shortage(0, demand);
        let short =
            demand.cpu_milli > shortage.free.cpu_milli || demand.memory > shortage.free.memory;
        short.then_some(shortage)
    }

    /// Replicas that nobody knows stand in the way of this.
    pub(crate) fn strangers(&self, demand: Demand) -> Option<u32> {
        (self.strangers > 0 && demand != Demand::default()).then_some(self.strangers)
    }

    /// One of them is gone.
    pub(crate) fn stranger_left(&mut self) {
        self.strangers = self.strangers.saturating_sub(1);
        self.appeared = true;
    }

    /// The first of these placement constraints that this machine does not meet, in words.
    pub(crate) fn unmet(&self, constraints: &[String]) -> Option<String> {
        unmet(constraints, &self.attributes)
    }
}

pub(crate) fn saturating_sub(capacity: Capacity, cpu_milli: u64, memory: u64) -> Demand {
    Demand {
        cpu_milli: u64::from(capacity.cpu_milli)
            .saturating_sub(cpu_milli)
            .try_into()
            .unwrap_or(u32::MAX),
        memory: Bytes(capacity.memory.0.saturating_sub(memory)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_told_in_numbers() {
        let mut room = Room::new(Machine {
            capacity: Capacity {
                cpu_milli: 2000,
                memory: Bytes(1 << 30),
            },
            attributes: BTreeMap::new(),
        });
        let half = Demand {
            cpu_milli: 1500,
            memory: Bytes(768 << 20),
        };
        assert_eq!(room.take(half), Ok(()));
        let why = room.take(half).unwrap_err();
        assert_eq!(
            why.to_string(),
            "needs 1.5 CPU, 0.5 of 2 are free; needs 768m of memory, 256m of 1g are free"
        );
        assert!(!why.is_for_ever());
        room.give_back(half);
        assert!(room.appeared);
        assert_eq!(room.take(half), Ok(()));
    }
}
