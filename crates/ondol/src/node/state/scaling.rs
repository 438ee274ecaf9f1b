//! How a service is scaled, as the API shows it.

use ondol_api::{ScaleDecisionState, ScaleFigureState, ScalingState};
use ondol_control::{ScaleDecision, ScaleFigure, ScalingView};

use crate::node::clock::Clock;

pub(super) fn scaling(view: &ScalingView, clock: &Clock) -> ScalingState {
    ScalingState {
        min: view.min,
        max: view.max,
        asleep: view.asleep,
        pinned: view.pinned,
        last: view.last.as_ref().map(|last| decision(last, clock)),
        changes: view
            .changes
            .iter()
            .map(|one| decision(one, clock))
            .collect(),
    }
}

fn decision(made: &ScaleDecision, clock: &Clock) -> ScaleDecisionState {
    ScaleDecisionState {
        at_unix_ms: clock.unix_ms(made.at),
        from: made.from,
        to: made.to,
        figures: made.figures.iter().map(figure).collect(),
        why: made.why.clone(),
    }
}

fn figure(seen: &ScaleFigure) -> ScaleFigureState {
    ScaleFigureState {
        name: seen.name.clone(),
        saw: seen.saw.clone(),
        target: seen.target.clone(),
        value: seen.value,
        wants: seen.wants,
        missing: seen.missing.clone(),
    }
}
