//! Circuits of the proxy that open and close: written down, and shown.

use ondol_control::{Note, NoteKind};
use ondol_model::{ReplicaId, RunId, ServiceRef};
use ondol_proxy::CircuitStatus;

use super::Node;

impl Node {
    pub(super) fn circuits_changed(&mut self, circuits: Vec<CircuitStatus>) {
        if circuits == self.circuits {
            return;
        }
        let changes = changes(&self.circuits, &circuits);
        let mut notes = Vec::with_capacity(changes.len());
        for change in changes {
            if self.wants(&change.service) {
                notes.push(self.note_of(change));
            }
        }
        self.circuits = circuits;
        self.circuits_version += 1;
        self.write_down(&notes);
        self.publish();
    }

    fn wants(&self, service: &ServiceRef) -> bool {
        let kept = self.kept.get(&service.project);
        kept.is_some_and(|kept| kept.wish.project.services.contains_key(&service.service))
    }

    fn note_of(&mut self, change: Change) -> Note {
        Note {
            kind: NoteKind::Circuit,
            replica: change
                .run
                .and_then(|run| self.replica_of(&change.service, run)),
            service: change.service,
            why: change.why,
        }
    }

    fn replica_of(&mut self, service: &ServiceRef, run: RunId) -> Option<ReplicaId> {
        let view = self.control.view();
        let service = view
            .projects
            .get(&service.project)?
            .services
            .get(&service.service)?;
        let mut replicas = service.replicas.iter();
        let replica = replicas.find(|replica| replica.run == Some(run))?;
        Some(replica.id.clone())
    }
}

/// A circuit that is not as it was.
#[derive(Debug, PartialEq)]
struct Change {
    service: ServiceRef,
    run: Option<RunId>,
    why: String,
}

/// What changed between two lists of the circuits that are not closed.
fn changes(before: &[CircuitStatus], after: &[CircuitStatus]) -> Vec<Change> {
    let change = |circuit: &CircuitStatus, why: String| Change {
        service: circuit.service.clone(),
        run: circuit.run,
        why,
    };
    let same = |one: &CircuitStatus, other: &CircuitStatus| {
        (&one.service, one.run) == (&other.service, other.run)
    };
    let mut changes = Vec::new();
    for circuit in after {
        let was = before.iter().find(|was| same(was, circuit));
        if was.is_some_and(|was| was.half_open == circuit.half_open) {
            continue;
        }
        let what = match circuit.half_open {
            true => "half open, some requests are let through to see whether it works again",
            false => "open, requests are not sent to it",
        };
        changes.push(change(circuit, format!("{}; {what}", circuit.reason)));
    }
    let gone = before
        .iter()
        .filter(|was| !after.iter().any(|now| same(was, now)));
    let closed = |was| change(was, "closed, requests are sent to it again".to_owned());
    changes.extend(gone.map(closed));
    changes
}

#[cfg(test)]
mod tests {
    use ondol_model::{ProjectName, ServiceName};

    use super::*;

    fn circuit(half_open: bool, reason: &str) -> CircuitStatus {
        CircuitStatus {
            service: ServiceRef {
                project: ProjectName::new("shop").unwrap(),
                service: ServiceName::new("prices").unwrap(),
            },
            run: None,
            half_open,
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn a_circuit_that_opens_is_tried_and_closes_is_told_three_times() {
        let (open, tried) = (
            circuit(false, "3 of 4 requests failed within 10 s"),
            circuit(true, "the same"),
        );
        let why = |before: &[CircuitStatus], after: &[CircuitStatus]| {
            let changes = changes(before, after).into_iter();
            changes.map(|change| change.why).collect::<Vec<_>>()
        };
        assert_eq!(
            why(&[], std::slice::from_ref(&open)),
            ["3 of 4 requests failed within 10 s; open, requests are not sent to it"]
        );
        let more = circuit(false, "4 of 5 requests failed within 10 s");
        assert!(
            why(std::slice::from_ref(&open), &[more]).is_empty(),
            "it is open as before"
        );
        assert_eq!(why(&[open], std::slice::from_ref(&tried)).len(), 1);
        assert_eq!(
            why(&[tried], &[]),
            ["closed, requests are sent to it again"]
        );
    }
}
