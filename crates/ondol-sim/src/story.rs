use std::collections::BTreeSet;
use std::fmt::Write as _;

use ondol_control::Action;
use ondol_model::Observation;

use crate::incident::Incident;
use crate::world::World;

/// Replays of a failing seed that shortening it may take.
const REPLAYS_MAX: u32 = 600;
/// Lines of a story that are shown: its end is what matters.
const LINES_MAX: usize = 150;

/// How a seed ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Steps that were taken.
    pub steps: u32,
    /// What was broken, when something was.
    pub violation: Option<String>,
    /// The steps at which something went wrong in the world.
    pub(crate) incidents: Vec<u32>,
    pub(crate) lines: Vec<String>,
}

/// Plays one seed for so many steps.
pub fn play(seed: u64, steps: u32) -> Outcome {
    play_without(seed, steps, &BTreeSet::new(), false)
}

fn play_without(seed: u64, steps: u32, left_out: &BTreeSet<u32>, listens: bool) -> Outcome {
    let mut outcome = Outcome {
        steps: 0,
        violation: None,
        incidents: Vec::new(),
        lines: Vec::new(),
    };
    let Some(mut world) = World::new(seed, listens) else {
        outcome.violation = Some("the scenario could not be made".to_owned());
        return outcome;
    };
    let luck = world.luck.of(u64::MAX);
    for step in 0..steps {
        outcome.steps = step + 1;
        if !left_out.contains(&step)
            && let Some(incident) = Incident::pick(&world, luck.of(step.into()))
        {
            outcome.incidents.push(step);
            world.befall(incident);
        } else if !world.next() {
            // Nothing left to happen: only another incident can change that.
            continue;
        }
        if world.violation.is_some() {
            break;
        }
    }
    if world.violation.is_none() {
        world.come_to_rest();
    }
    outcome.violation = world.violation.take();
    outcome.lines = world.story.take().unwrap_or_default();
    outcome
}

/// Tells the shortest story of a failing seed that was found, and how to hear it again. `None` when it does not fail.
pub fn retell(seed: u64, steps: u32) -> Option<String> {
    let mut best = play(seed, steps);
    best.violation.as_ref()?;
    let mut left_out = BTreeSet::new();
    let mut length = best.steps;
    let mut replays = 0;
    let mut chunk = best.incidents.len().div_ceil(2).max(1);
    loop {
        let mut shorter = false;
        for part in best.incidents.clone().chunks(chunk) {
            replays += 1;
            let mut fewer = left_out.clone();
            fewer.extend(part.iter().copied());
            let outcome = play_without(seed, length, &fewer, false);
            if outcome.violation.is_some() {
                length = outcome.steps;
                left_out = fewer;
                best = outcome;
                shorter = true;
            }
            if replays >= REPLAYS_MAX {
                break;
            }
        }
        if replays >= REPLAYS_MAX || chunk == 1 && !shorter {
            break;
        }
        chunk = chunk.div_ceil(2).max(1);
    }
    let told = play_without(seed, length, &left_out, true);
    let mut story = String::new();
    let skipped = told.lines.len().saturating_sub(LINES_MAX);
    if skipped > 0 {
        let _ = writeln!(story, "({skipped} lines before)");
    }
    for line in &told.lines[skipped..] {
        let _ = writeln!(story, "{line}");
    }
    let violation = told.violation.or(best.violation).unwrap_or_default();
    let _ = writeln!(story, "seed {seed}: {violation}");
    let _ = writeln!(
        story,
        "again: cargo xtask sim --start-seed {seed} --seeds 1 --steps {steps}"
    );
    Some(story)
}

/// An action in one line.
pub(crate) fn action(action: &Action) -> String {
    match action {
        Action::Prepare { service, again, .. } => format!("prepare {service} (again: {again})"),
        Action::Start(run) => format!("start {} as {}, {}", run.replica, run.run, run.definition),
        Action::Probe {
            replica, run, kind, ..
        } => format!("probe {replica} {run} {kind:?}"),
        Action::Hook { replica, when, .. } => format!("hook {replica} {when:?}"),
        Action::Publish(table) => {
            let mut words = format!("publish {} {}:", table.service, table.version);
            for endpoint in &table.endpoints {
                let ready = if endpoint.ready { "" } else { " not" };
                let _ = write!(
                    words,
                    " {}({}){ready} ready",
                    endpoint.replica.number, endpoint.run.0
                );
            }
            words
        }
        Action::AwaitDrained { replica, .. } => format!("await drained {replica}"),
        Action::Signal {
            replica, signal, ..
        } => format!("{signal} {replica}"),
        Action::Kill { replica, .. } => format!("kill {replica}"),
        Action::Discard { replica, .. } => format!("discard {replica}"),
        Action::DiscardProject { project, .. } => format!("discard project {project}"),
        Action::Measure { service, .. } => format!("measure {service}"),
        Action::Remember { service, memory } => {
            let refused = memory.refused.as_ref().map(|refused| &refused.definition);
            format!(
                "remember {service}: {}, refused {refused:?}",
                memory.renewed
            )
        }
        Action::Note(note) => match &note.replica {
            Some(replica) => format!("# {replica} {:?}: {}", note.kind, note.why),
            None => format!("# {} {:?}: {}", note.service, note.kind, note.why),
        },
    }
}

/// An observation in one line.
pub(crate) fn observation(observation: &Observation) -> String {
    match observation {
        Observation::Machine(_) => "the machine's capacity".to_owned(),
        Observation::Preparing { service, doing, .. } => format!("{service} {doing}"),
        Observation::Prepared { service, .. } => format!("{service} prepared"),
        Observation::PrepareFailed { service, .. } => format!("{service} could not be prepared"),
        Observation::Started { replica, run, .. } => format!("{replica} {run} started"),
        Observation::Listening { replica, .. } => format!("{replica} listens"),
        Observation::Exited { replica, run, exit } => format!("{replica} {run} {exit}"),
        Observation::Probed {
            replica,
            run,
            kind,
            result,
        } => {
            format!("{replica} {run} {kind:?} {}", result.saw)
        }
        Observation::HookEnded {
            replica, result, ..
        } => {
            format!("{replica} hook ended, ok: {}", result.ok)
        }
        Observation::Acknowledged { service, version } => format!("{service} {version} in use"),
        Observation::Drained { replica, .. } => format!("{replica} drained"),
        Observation::Measured { service, .. } => format!("how much {service} has to do"),
        Observation::Awaited { service } => format!("{service} is waited for"),
    }
}
