use std::sync::Arc;

use ondol_model::{Digest, Project, RunId, Time};
use serde::{Deserialize, Serialize};

use crate::Action;
use crate::service::ServiceState;
use crate::target::Target;
use crate::turn::Turn;

/// What was decided about a service and cannot be seen on the machine: another node goes on with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// A restart or a rebuild was asked for when this was the last start of all: replicas of that time and before
    /// are to be replaced.
    pub renewed: RunId,
    /// The definition that was taken back, while it is the wanted one.
    pub refused: Option<Refused>,
    /// How many replicas its load asked for last, when that decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// Ports that it was seen listening on before it fell asleep.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports_asleep: Vec<u16>,
}

/// A definition that was taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// Which one.
    pub definition: Digest,
    /// Why.
    pub why: String,
    /// The project with the definition that all replicas were ready with before.
    pub back_to: Arc<Project>,
}

impl ServiceState {
    /// Has it written down what was decided just now.
    pub(crate) fn remember(&self, turn: &mut Turn) {
        let Some(goal) = &self.goal else { return };
        let refused = self.refused.as_ref().zip(self.wanted.as_ref());
        turn.act(Action::Remember {
            service: self.name.clone(),
            memory: Memory {
                renewed: RunId(goal.generation),
                refused: refused.map(|(why, wanted)| Refused {
                    definition: wanted.definition.clone(),
                    why: why.clone(),
                    back_to: goal.project.clone(),
                }),
                replicas: self.scale_to_remember(),
                ports_asleep: self.ports_asleep.clone(),
            },
        });
    }

    /// Takes up what an earlier node decided about the definition that is wanted.
    pub(crate) fn recall(&mut self, memory: Memory, now: Time) {
        let Some(wanted) = &self.wanted else { return };
        self.generation = memory.renewed.0;
        let renewed =
            |project: &Arc<Project>| Target::of(project, &self.name.service, self.generation);
        let back = memory.refused.and_then(|refused| {
            let still = refused.definition == wanted.definition;
            let good = renewed(&refused.back_to).filter(|_| still)?;
            Some((Arc::new(good), refused.why))
        });
        let wanted = renewed(&wanted.project).map(Arc::new);
        self.goal = wanted.clone();
        self.wanted = wanted;
        self.recall_scale(memory.replicas, memory.ports_asleep, now);
        if let Some((good, why)) = back {
            self.goal = Some(good.clone());
            self.good = Some(good);
            self.refused = Some(why);
        }
    }
}
