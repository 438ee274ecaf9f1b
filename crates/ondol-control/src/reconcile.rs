use ondol_model::UpdateOrder;

/// One replica of a service as the comparison sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct There {
    pub(crate) number: u32,
    /// It is of the wanted definition.
    pub(crate) current: bool,
    /// A change that needs no restart has not been told to it yet.
    pub(crate) untold: bool,
    pub(crate) standing: Standing,
}

/// What a replica is good for just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is sent traffic.
    Serving,
    /// It did its work and ended.
    Done,
    /// It comes up, or comes back, or is not well.
    Busy,
    /// The same, and it has been given up as part of a rollout: nobody waits for it.
    Failing,
    /// It waits for room on the machine.
    Crowded,
    /// It will be discarded.
    Leaving,
}

/// How many, and how one is exchanged for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) count: u32,
    pub(crate) order: UpdateOrder,
    /// Replicas exchanged at once just now; none while a rollout pauses.
    pub(crate) at_once: u32,
    /// A rollout was stopped: what is there stays as it is.
    pub(crate) paused: bool,
}

/// What to do about the difference between what is wanted and what is there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Buckets {
    /// Create so many.
    pub(crate) place: u32,
    /// There are too many of these, or they go because the new ones took over.
    pub(crate) stop: Vec<u32>,
    /// Of another definition, and serving nobody: gone at once.
    pub(crate) replace: Vec<u32>,
    /// Told what changed.
    pub(crate) in_place: Vec<u32>,
}

#[derive(Default)]
struct Tally {
    current: u32,
    current_good: u32,
    in_flight: u32,
    crowded: u32,
    old: u32,
    leaving: u32,
}

/// Compares what is wanted with what is there.
pub(crate) fn diff(
    wanted: Wanted,
    there: impl DoubleEndedIterator<Item = There> + Clone,
) -> Buckets {
    let mut buckets = Buckets::default();
    let mut tally = Tally::default();
    for replica in there.clone() {
        tally.count(&replica, wanted.paused, &mut buckets);
    }
    let all = tally.current + tally.old;
    // The next one waits until the place of the one before is free, where two at once would do harm.
    let taken = match wanted.order {
        UpdateOrder::StartFirst => all,
        UpdateOrder::StopFirst => all + tally.leaving + len(&buckets.replace),
    };
    buckets.place = wanted.count.saturating_sub(taken);
    let excess = tally.current.saturating_sub(wanted.count);
    let of = |current: bool| {
        there.clone().filter(move |replica| {
            replica.current == current && replica.standing != Standing::Leaving
        })
    };
    let highest = of(true).rev().take(excess as usize);
    buckets.stop.extend(highest.map(|replica| replica.number));
    if tally.old > 0 {
        let going = exchange(wanted, &tally, &mut buckets.place);
        let lowest = of(false)
            .filter(|replica| replica.standing == Standing::Serving)
            .take(going as usize);
        buckets.stop.extend(lowest.map(|replica| replica.number));
    }
    buckets
}

/// How many of the old ones go now; adds to `place` how many of the new ones come.
fn exchange(wanted: Wanted, tally: &Tally, place: &mut u32) -> u32 {
    let surplus = (tally.current_good + tally.old).saturating_sub(wanted.count);
    if wanted.paused {
        return tally.old.saturating_sub(wanted.count);
    }
    let in_flight = tally.in_flight + *place;
    let free = wanted.at_once.saturating_sub(in_flight);
    // No room for the new ones, and none on its way: one of the old makes way. Only one: should somebody else take
    // its room, the rest goes on serving until there is more.
    let stuck = tally.crowded > 0 && tally.crowded == tally.in_flight && tally.leaving == 0;
    let serving = tally.current_good + tally.old;
    let makes_way = u32::from(stuck && serving == wanted.count);
    let going = match wanted.order {
        UpdateOrder::StartFirst => {
            let missing = wanted.count.saturating_sub(tally.current + *place);
            *place += free.min(missing);
            surplus
        }
        UpdateOrder::StopFirst => {
            // Those that are missing already count among the ones exchanged at once.
            let spare = serving.saturating_sub(wanted.count.saturating_sub(wanted.at_once));
            surplus.max(spare.min(free.saturating_sub(tally.leaving)))
        }
    };
    (going + makes_way).min(tally.old)
}

impl Tally {
    fn count(&mut self, replica: &There, paused: bool, buckets: &mut Buckets) {
        match (replica.current, replica.standing) {
            (_, Standing::Leaving) => self.leaving += 1,
            (true, standing) => {
                self.current += 1;
                self.current_good +=
                    u32::from(matches!(standing, Standing::Serving | Standing::Done));
                self.in_flight += u32::from(matches!(standing, Standing::Busy | Standing::Crowded));
                self.crowded += u32::from(standing == Standing::Crowded);
                if replica.untold {
                    buckets.in_place.push(replica.number);
                }
            }
            (false, Standing::Serving) => self.old += 1,
            (false, _) if paused => self.old += 1,
            (false, _) => buckets.replace.push(replica.number),
        }
    }
}

fn len(numbers: &[u32]) -> u32 {
    u32::try_from(numbers.len()).unwrap_or(u32::MAX)
}
