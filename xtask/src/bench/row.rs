//! What is measured, and what it should be: one table, from which the printed one, the JSON and the page come.

use serde::Serialize;

use super::samples::Samples;

/// One line of the bench.
pub(crate) struct Spec {
    /// What the measurements are filed under.
    pub(crate) key: &'static str,
    name: &'static str,
    unit: &'static str,
    goal: Goal,
    /// What stands beside it.
    peer: Option<&'static str>,
}

pub(super) enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// Of what stands beside it.
    RatioAtMost(f64),
    RatioAtLeast(f64),
    /// Measured to be known.
    Known,
}

use Goal::{AtLeast, AtMost, Known, RatioAtLeast, RatioAtMost};

const DOCKER: Option<&str> = Some("Docker");
const COMPOSE: Option<&str> = Some("Docker Compose");
const SWARM: Option<&str> = Some("Docker Swarm");

pub(super) const fn spec(
    key: &'static str,
    name: &'static str,
    unit: &'static str,
    goal: Goal,
    peer: Option<&'static str>,
) -> Spec {
    Spec {
        key,
        name,
        unit,
        goal,
        peer,
    }
}

pub(crate) const ROWS: [Spec; 18] = [
    spec(
        "idle_pss",
        "node and proxy, nothing to run: memory (PSS)",
        "MB",
        AtMost(25.0),
        SWARM,
    ),
    spec(
        "busy_pss",
        "node and proxy, 20 replicas: memory (PSS)",
        "MB",
        AtMost(40.0),
        SWARM,
    ),
    spec(
        "shim_pss",
        "beside each replica: memory (PSS)",
        "MB",
        AtMost(0.4),
        SWARM,
    ),
    spec(
        "idle_cpu",
        "everything, 20 idle replicas: CPU",
        "% of a core",
        AtMost(0.3),
        SWARM,
    ),
    spec(
        "up_cold",
        "first `up` of 10 services until all run",
        "s",
        AtMost(0.4),
        COMPOSE,
    ),
    spec(
        "up_again",
        "`up` with nothing changed",
        "ms",
        AtMost(60.0),
        COMPOSE,
    ),
    spec(
        "start_20",
        "20 replicas until all run, without namespaces",
        "s",
        AtMost(0.25),
        SWARM,
    ),
    spec(
        "start_100",
        "100 replicas until all run, without namespaces",
        "s",
        AtMost(1.0),
        SWARM,
    ),
    spec(
        "start_20_sandbox",
        "20 replicas until all run, each in its sandbox",
        "s",
        Known,
        None,
    ),
    spec(
        "start_100_sandbox",
        "100 replicas until all run, each in its sandbox",
        "s",
        Known,
        None,
    ),
    spec(
        "replace_p50",
        "kill -9 of a replica until the next runs, p50",
        "ms",
        AtMost(10.0),
        SWARM,
    ),
    spec(
        "replace_p99",
        "kill -9 of a replica until the next runs, p99",
        "ms",
        AtMost(50.0),
        SWARM,
    ),
    spec(
        "node_kill_restarted",
        "kill -9 of the node and its restart: services restarted",
        "services",
        AtMost(0.0),
        DOCKER,
    ),
    spec(
        "node_kill_failed",
        "kill -9 of the node and its restart: failed requests",
        "requests",
        AtMost(0.0),
        DOCKER,
    ),
    spec(
        "node_kill_adopted",
        "restart of the node until it knows its 20 replicas again",
        "s",
        AtMost(0.3),
        DOCKER,
    ),
    spec(
        "placement",
        "placements among 1,000 machines",
        "per second",
        AtLeast(25_000.0),
        None,
    ),
    spec(
        "sim",
        "simulator: 10,000 seeds of 1,000 steps",
        "s",
        AtMost(60.0),
        None,
    ),
    spec("binary", "size of the binary", "MB", Known, None),
];

/// A line with its numbers.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    /// `None`: could not be measured.
    pub(crate) value: Option<f64>,
    pub(crate) goal: Option<f64>,
    pub(crate) met: Option<bool>,
    pub(crate) peer: Option<&'static str>,
    pub(crate) peer_value: Option<f64>,
    /// Ours over theirs.
    pub(crate) ratio: Option<f64>,
    #[serde(skip)]
    pub(crate) wanted: String,
}

impl Row {
    pub(crate) fn of(spec: &Spec, ours: &Samples, theirs: &Samples) -> Self {
        let peer_value = spec.peer.and_then(|_| theirs.median(spec.key));
        Row::new(spec, ours.median(spec.key), peer_value)
    }

    /// The same where several stand beside one thing: theirs is filed under `KEY/PEER`.
    pub(super) fn beside(spec: &Spec, ours: &Samples, theirs: &Samples) -> Self {
        let value = |peer| theirs.median(&format!("{}/{peer}", spec.key));
        Row::new(spec, ours.median(spec.key), spec.peer.and_then(value))
    }

    fn new(spec: &Spec, value: Option<f64>, peer_value: Option<f64>) -> Self {
        let ratio = value
            .zip(peer_value)
            .filter(|(_, theirs)| *theirs > 0.0)
            .map(|(ours, theirs)| ours / theirs);
        let (goal, met, wanted) = match spec.goal {
            AtMost(goal) => (
                Some(goal),
                value.map(|value| value <= goal),
                format!("<= {goal}"),
            ),
            AtLeast(goal) => (
                Some(goal),
                value.map(|value| value >= goal),
                format!(">= {goal}"),
            ),
            RatioAtMost(goal) => (
                Some(goal),
                ratio.map(|ratio| ratio <= goal),
                format!("<= {goal}x"),
            ),
            RatioAtLeast(goal) => (
                Some(goal),
                ratio.map(|ratio| ratio >= goal),
                format!(">= {goal}x"),
            ),
            Known => (None, None, String::new()),
        };
        Row {
            name: spec.name,
            unit: spec.unit,
            value,
            goal,
            // A goal that could not be measured was not met.
            met: goal.map(|_| met.unwrap_or(false)),
            peer: spec.peer.filter(|_| peer_value.is_some()),
            peer_value,
            ratio,
            wanted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(spec: &Spec, value: Option<f64>, peer: Option<f64>) -> Row {
        let samples = |value: Option<f64>| {
            let mut samples = Samples::default();
            value
                .into_iter()
                .for_each(|value| samples.add(spec.key, value));
            samples
        };
        Row::of(spec, &samples(value), &samples(peer))
    }

    #[test]
    fn a_goal_is_met_on_its_own_side() {
        let small = spec("k", "n", "MB", AtMost(25.0), SWARM);
        let much = spec("k", "n", "/s", AtLeast(25.0), None);
        for (spec, value, met) in [
            (&small, 25.0, true),
            (&small, 25.1, false),
            (&much, 25.0, true),
            (&much, 24.9, false),
        ] {
            assert_eq!(row(spec, Some(value), None).met, Some(met), "{value}");
        }
        assert_eq!(row(&small, None, None).met, Some(false));
    }

    #[test]
    fn a_goal_may_be_a_part_of_what_another_needs() {
        let cost = spec("k", "n", "us", RatioAtMost(1.05), Some("nginx"));
        let (mut ours, mut theirs) = (Samples::default(), Samples::default());
        ours.add("k", 21.0);
        assert_eq!(Row::beside(&cost, &ours, &theirs).met, Some(false));
        theirs.add("k/nginx", 20.0);
        let row = Row::beside(&cost, &ours, &theirs);
        assert_eq!((row.met, row.ratio), (Some(true), Some(1.05)));
    }

    #[test]
    fn a_peer_that_is_not_here_is_null() {
        let small = spec("k", "n", "MB", AtMost(25.0), SWARM);
        let alone = serde_json::to_value(row(&small, Some(10.0), None)).unwrap();
        assert_eq!(alone["peer"], serde_json::Value::Null);
        let beside = serde_json::to_value(row(&small, Some(10.0), Some(40.0))).unwrap();
        assert_eq!(
            (&beside["peer"], &beside["ratio"]),
            (&"Docker Swarm".into(), &0.25.into())
        );
    }

    #[test]
    fn every_row_has_a_key_of_its_own() {
        let keys: std::collections::BTreeSet<_> = ROWS.iter().map(|spec| spec.key).collect();
        assert_eq!(keys.len(), ROWS.len());
    }
}
