use ondol_model::{Capacity, Demand};

use super::{Shortage, saturating_sub};

/// Machines and what is set aside on each; places by best fit.
///
/// The score is Nomad's `ScoreFit`: 20 - (10^freeCPU + 10^freeMemory) with the free shares after placement, so that
/// machines fill up evenly in both and large holes stay. The powers are kept per machine and the demand enters as a
/// factor per kind of machine, so that looking at one machine costs two multiplications.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    slots: Vec<Slot>,
    /// The distinct capacities; a fleet has few kinds.
    kinds: Vec<Capacity>,
    /// By kind: 10^(-demand share) for the placement at hand.
    factors: Vec<(f64, f64)>,
}

#[derive(Clone, Debug)]
struct Slot {
    kind: usize,
    cpu_used: u64,
    memory_used: u64,
    cpu_free: u64,
    memory_free: u64,
    /// 10^(free share), or what it takes to compute the score from it.
    cpu_power: f64,
    memory_power: f64,
}

impl Fleet {
    /// Empty machines of these capacities.
    pub fn new(capacities: impl IntoIterator<Item = Capacity>) -> Self {
        let mut fleet = Fleet::default();
        for capacity in capacities {
            let kind = fleet.kind(capacity);
            let mut slot = Slot {
                kind,
                cpu_used: 0,
                memory_used: 0,
                cpu_free: 0,
                memory_free: 0,
                cpu_power: 0.0,
                memory_power: 0.0,
            };
            slot.count(capacity);
            fleet.slots.push(slot);
        }
        fleet
    }

    /// Sets room aside on the machine with the best fit and names it; the first of several that fit equally well.
    /// `None` when it fits nowhere.
    pub fn place(&mut self, demand: Demand) -> Option<usize> {
        self.factors.clear();
        for kind in &self.kinds {
            let cpu = share(u64::from(demand.cpu_milli), u64::from(kind.cpu_milli));
            let memory = share(demand.memory.0, kind.memory.0);
            self.factors.push((10f64.powf(-cpu), 10f64.powf(-memory)));
        }
        let (cpu, memory) = (u64::from(demand.cpu_milli), demand.memory.0);
        let mut best: Option<(usize, f64)> = None;
        for (at, slot) in self.slots.iter().enumerate() {
            if slot.cpu_free < cpu || slot.memory_free < memory {
                continue;
            }
            let (cpu_factor, memory_factor) = self.factors[slot.kind];
            let emptiness = slot.cpu_power * cpu_factor + slot.memory_power * memory_factor;
            if best.is_none_or(|(_, least)| emptiness < least) {
                best = Some((at, emptiness));
            }
        }
        let (at, _) = best?;
        self.account(at, demand);
        Some(at)
    }

    /// Sets room aside on this machine, whether it fits or not: for what is there already.
    pub fn account(&mut self, machine: usize, demand: Demand) {
        if let Some(slot) = self.slots.get_mut(machine) {
            slot.cpu_used += u64::from(demand.cpu_milli);
            slot.memory_used += demand.memory.0;
            slot.count(self.kinds[slot.kind]);
        }
    }

    /// Gives room back.
    pub fn release(&mut self, machine: usize, demand: Demand) {
        if let Some(slot) = self.slots.get_mut(machine) {
            slot.cpu_used = slot.cpu_used.saturating_sub(u64::from(demand.cpu_milli));
            slot.memory_used = slot.memory_used.saturating_sub(demand.memory.0);
            slot.count(self.kinds[slot.kind]);
        }
    }

    /// The machine has more or less to give now; says whether it has more of anything.
    pub fn resize(&mut self, machine: usize, capacity: Capacity) -> bool {
        let kind = self.kind(capacity);
        let Some(slot) = self.slots.get_mut(machine) else {
            return false;
        };
        let before = self.kinds[slot.kind];
        slot.kind = kind;
        slot.count(capacity);
        capacity.cpu_milli > before.cpu_milli || capacity.memory > before.memory
    }

    /// What this machine has, and what of it is free, beside what is asked for.
    pub fn shortage(&self, machine: usize, demand: Demand) -> Shortage {
        let none = Capacity {
            cpu_milli: 0,
            memory: ondol_model::Bytes(0),
        };
        let (capacity, free) = self
            .slots
            .get(machine)
            .map_or((none, Demand::default()), |slot| {
                let capacity = self.kinds[slot.kind];
                (
                    capacity,
                    saturating_sub(capacity, slot.cpu_used, slot.memory_used),
                )
            });
        Shortage {
            demand,
            free,
            capacity,
        }
    }

    fn kind(&mut self, capacity: Capacity) -> usize {
        let known = self.kinds.iter().position(|kind| *kind == capacity);
        known.unwrap_or_else(|| {
            self.kinds.push(capacity);
            self.kinds.len() - 1
        })
    }
}

impl Slot {
    fn count(&mut self, capacity: Capacity) {
        self.cpu_free = u64::from(capacity.cpu_milli).saturating_sub(self.cpu_used);
        self.memory_free = capacity.memory.0.saturating_sub(self.memory_used);
        self.cpu_power = 10f64.powf(share(self.cpu_free, u64::from(capacity.cpu_milli)));
        self.memory_power = 10f64.powf(share(self.memory_free, capacity.memory.0));
    }
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use ondol_model::Bytes;
    use proptest::prelude::*;

    fn capacity(cpu_milli: u32, memory: u64) -> Capacity {
        Capacity {
            cpu_milli,
            memory: Bytes(memory),
        }
    }

    fn demand(cpu_milli: u32, memory: u64) -> Demand {
        Demand {
            cpu_milli,
            memory: Bytes(memory),
        }
    }

    /// Nomad's formula, written plainly.
    fn score_fit(capacity: Capacity, used: (u64, u64), demand: Demand) -> f64 {
        let free = |used: u64, ask: u64, all: u64| 1.0 - (used + ask) as f64 / all as f64;
        let cpu = free(used.0, demand.cpu_milli.into(), capacity.cpu_milli.into());
        let memory = free(used.1, demand.memory.0, capacity.memory.0);
        20.0 - (10f64.powf(cpu) + 10f64.powf(memory))
    }

    #[test]
    fn the_fuller_machine_that_still_fits_is_taken() {
        let mut fleet = Fleet::new([capacity(4000, 4000), capacity(4000, 4000)]);
        fleet.account(1, demand(2000, 2000));
        assert_eq!(fleet.place(demand(1000, 1000)), Some(1));
        assert_eq!(fleet.place(demand(2000, 1000)), Some(0));
        assert_eq!(fleet.place(demand(9000, 1)), None);
    }

    proptest! {
        #[test]
        fn best_fit_agrees_with_the_formula_and_never_overfills(
            machines in prop::collection::vec((500u32..8000, 500u64..8000), 1..12),
            demands in prop::collection::vec((1u32..3000, 1u64..3000), 1..40),
        ) {
            let capacities: Vec<_> = machines.iter().map(|&(cpu, memory)| capacity(cpu, memory)).collect();
            let mut fleet = Fleet::new(capacities.clone());
            let mut used = vec![(0u64, 0u64); capacities.len()];
            for (cpu, memory) in demands {
                let ask = demand(cpu, memory);
                let fits = |at: usize| {
                    used[at].0 + u64::from(cpu) <= u64::from(capacities[at].cpu_milli)
                        && used[at].1 + memory <= capacities[at].memory.0
                };
                let best = (0..capacities.len())
                    .filter(|&at| fits(at))
                    .map(|at| score_fit(capacities[at], used[at], ask))
                    .fold(f64::NEG_INFINITY, f64::max);
                match fleet.place(ask) {
                    Some(at) => {
                        prop_assert!(fits(at));
                        let score = score_fit(capacities[at], used[at], ask);
                        prop_assert!((score - best).abs() < 1e-9, "{score} instead of {best}");
                        used[at].0 += u64::from(cpu);
                        used[at].1 += memory;
                    }
                    None => prop_assert!(best == f64::NEG_INFINITY),
                }
            }
        }
    }
}
