use std::sync::Arc;

use ondol_model::Time;

use super::ServiceState;
use super::regulate::see;
use crate::NoteKind;
use crate::probe::Verdict as ProbeVerdict;
use crate::reconcile::Standing;
use crate::replace::{Progress, Rolling, Verdict};
use crate::replica::Life;
use crate::running::Stage;
use crate::target::Target;
use crate::turn::Turn;

/// Follows a replacement from its first new replica to the end of its watch, or back.
impl ServiceState {
    pub(super) fn follow_rollout(&mut self, turn: &mut Turn) -> bool {
        let Some(goal) = self.goal.clone() else {
            return false;
        };
        let seen = self.progress(&goal, turn.now);
        let settled = seen.old == 0 && seen.all_good;
        let Some(rolling) = &mut self.rolling else {
            if settled {
                self.good = Some(goal);
            }
            return false;
        };
        if settled {
            rolling.paused = None;
        }
        let rules = rolling.rules(&goal);
        if let Some(changed) = rolling.step(seen, rules, turn.now) {
            return self.blame_the_silent(&goal, turn) || changed;
        }
        let words = if rolling.back { "back" } else { "replaced" };
        let watched = crate::span::span(rules.monitor);
        turn.note(
            NoteKind::Replaced,
            &self.name,
            format!("{words}: all are ready, and none failed in {watched}"),
        );
        self.rolling = None;
        self.good = Some(goal);
        self.replaced = true;
        true
    }

    fn progress(&self, goal: &Arc<Target>, now: Time) -> Progress {
        let mut seen = Progress {
            in_flight: 0,
            old: 0,
            all_good: true,
        };
        let mut current = 0;
        for replica in self.regulars().filter(|replica| !replica.is_discarded()) {
            let there = see(replica, goal, true, now);
            if !there.current {
                seen.old += 1;
                continue;
            }
            current += 1;
            match there.standing {
                Standing::Serving | Standing::Done => {}
                Standing::Busy | Standing::Crowded => {
                    seen.in_flight += 1;
                    seen.all_good = false;
                }
                Standing::Failing | Standing::Leaving => seen.all_good = false,
            }
        }
        seen.all_good &= current == self.count;
        seen
    }

    /// A new replica can fail without ending: its probes say no for good, or its preparation cannot be done.
    fn blame_the_silent(&mut self, goal: &Arc<Target>, turn: &mut Turn) -> bool {
        if let Some(why) = self.preparations.failure(&goal.definition)
            && self
                .rolling
                .as_mut()
                .is_some_and(Rolling::blame_preparation)
        {
            let why = format!("it could not be prepared: {why}");
            return self.blame(&why, turn);
        }
        let silent = self.replicas.values_mut().find(|replica| {
            !replica.blamed && replica.is_of(goal) && {
                matches!(&replica.life, Life::Running(running)
                    if running.stage != Stage::Ready && running.ready.verdict == ProbeVerdict::Failed)
            }
        });
        let Some(replica) = silent else {
            return false;
        };
        replica.blamed = true;
        let saw = replica
            .running()
            .and_then(|running| running.ready.last.as_ref())
            .map_or("nothing", |last| &last.saw);
        let why = format!("{} did not become ready, its probe saw: {saw}", replica.id);
        self.blame(&why, turn);
        true
    }

    /// A failure of the new definition; goes back, pauses or tolerates it, as the file says.
    pub(super) fn blame(&mut self, why: &str, turn: &mut Turn) -> bool {
        let (Some(rolling), Some(goal)) = (&mut self.rolling, &self.goal) else {
            return false;
        };
        let rules = rolling.rules(goal);
        match (rolling.blame(rules, self.count), &self.good) {
            (Verdict::GoOn, _) => false,
            (Verdict::Back, Some(good)) if !good.same_start(goal) => {
                let good = good.clone();
                self.refused = Some(why.to_owned());
                let words = format!("{why}; back to the definition before");
                turn.note(NoteKind::RolledBack, &self.name, words);
                self.goal = Some(good);
                self.rolling = Some(Rolling::new(true));
                self.remember(turn);
                true
            }
            (Verdict::Back | Verdict::Pause, _) => {
                rolling.paused = Some(why.to_owned());
                turn.note(
                    NoteKind::Waiting,
                    &self.name,
                    format!("{why}; the replacement pauses, and what serves goes on serving"),
                );
                true
            }
        }
    }
}
