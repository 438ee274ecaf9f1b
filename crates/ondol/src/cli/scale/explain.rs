//! `ondol scale --explain`: what decides how many replicas there are.

use std::process::ExitCode;
use std::time::Duration;

use ondol_api::{ScaleDecisionState, ScalingState, ServiceState};

use crate::cli::clock::{now_unix_ms, span};
use crate::cli::failure::Failure;
use crate::cli::out::Out;
use crate::cli::table::Table;

pub(super) fn explain(service: &ServiceState, out: &Out) -> Result<ExitCode, Failure> {
    let Some(scaling) = &service.scaling else {
        let what = format!(
            "`{}` has a fixed number of replicas: {}",
            service.name, service.wanted
        );
        return Err(Failure::invalid(what).hint(
            "let its load decide: `x-ondol: {autoscale: {min: 1, max: 10, requests: 50}}` in its service",
        ));
    };
    if out.json {
        out.object(scaling)?;
        return Ok(ExitCode::SUCCESS);
    }
    for line in lines(service, scaling) {
        out.data(line);
    }
    if let Some(last) = &scaling.last {
        let mut table = Table::new(&["FIGURE", "IS", "TARGET", "WANTS"]);
        for figure in &last.figures {
            let saw = figure.saw.as_ref().or(figure.missing.as_ref());
            let wants = figure
                .wants
                .map_or("-".to_owned(), |wants| wants.to_string());
            table.row(vec![
                figure.name.clone(),
                saw.cloned().unwrap_or_else(|| "-".to_owned()),
                figure.target.clone(),
                wants,
            ]);
        }
        table.lines().iter().for_each(|line| out.data(line));
    }
    for change in &scaling.changes {
        out.data(changed(change));
    }
    Ok(ExitCode::SUCCESS)
}

/// In a few lines.
pub(in crate::cli) fn lines(service: &ServiceState, scaling: &ScalingState) -> Vec<String> {
    let ScalingState { min, max, .. } = scaling;
    let state = match (scaling.pinned, scaling.asleep) {
        (true, _) => format!(
            "as was said; `ondol scale {}=auto` lets its load decide again",
            service.name
        ),
        (false, true) => "asleep: the next request wakes it".to_owned(),
        (false, false) => "its load decides".to_owned(),
    };
    let mut lines = vec![format!(
        "  {:12} {} of {min} to {max}: {state}",
        "replicas", service.wanted
    )];
    let last = scaling.last.as_ref().filter(|_| !scaling.pinned);
    lines.extend(last.map(|last| format!("  {:12} {}", "because", last.why)));
    lines
}

fn changed(change: &ScaleDecisionState) -> String {
    let ago = Duration::from_millis(now_unix_ms().saturating_sub(change.at_unix_ms));
    let ScaleDecisionState { from, to, why, .. } = change;
    format!("{} ago  {from} -> {to}: {why}", span(ago))
}
