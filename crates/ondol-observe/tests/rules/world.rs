//! Series in a store, rules over them, minute by minute.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ondol_alert::{
    Alert, AlertState, Group, Labels, QueryResult, RuleState, Sample, Surroundings, Unevaluated,
};
use ondol_query::promql::{Features, Outcome, Query, Series, evaluate, parse, parse_matchers};
use ondol_query::{MatchOp, Value, stale_nan};
use ondol_telemetry::{Config, Folder, Pushed, Samples, SharedSamples};

/// When all this is said to be taken in.
const NOW_MS: i64 = 3 * 3_600_000;

pub(crate) struct World {
    samples: SharedSamples,
    states: BTreeMap<(String, usize), RuleState>,
    dir: std::path::PathBuf,
}

impl World {
    /// Series (`name{a="b"}`) with a value each minute from 0 on; `None` where there is none.
    pub(crate) fn of(series: &[(String, Vec<Option<f64>>)]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("ondol-rules-{}-{number}", std::process::id()));
        let folder = Arc::new(Folder::open(&dir).unwrap());
        let (samples, _) = Samples::open(folder, Config::default()).unwrap();
        let world = World {
            samples: SharedSamples::new(samples),
            states: BTreeMap::new(),
            dir,
        };
        for (name, values) in series {
            let labels = labels_of(name);
            let minutes = values.iter().enumerate();
            let present = minutes.filter_map(|(minute, value)| Some((minute, (*value)?)));
            let pushed = present.map(|(minute, value)| Pushed {
                labels: labels.clone(),
                at_ms: minute as i64 * 60_000,
                value: Value::Float(value),
            });
            world.push(&pushed.collect::<Vec<_>>());
        }
        world
    }

    fn push(&self, pushed: &[Pushed]) {
        // Later than all of them: none comes from the future.
        self.samples.write().push(pushed, NOW_MS).unwrap();
    }

    pub(crate) fn ask(&self, expr: &str, at_ms: i64) -> QueryResult {
        let expr = parse(expr, Features::STABLE).map_err(|error| error.to_string())?;
        let answer = evaluate(&Query::instant(&expr, at_ms), &self.samples);
        let Outcome::Vector(series) = answer.map_err(|error| error.to_string())?.outcome else {
            return Err("no vector".to_owned());
        };
        let sample = |series: &Series| match series.samples.last().map(|sample| &sample.value) {
            Some(Value::Float(value)) => Sample {
                labels: series
                    .labels
                    .iter()
                    .map(|label| (label.name.to_string(), label.value.to_string()))
                    .collect(),
                value: *value,
            },
            other => panic!("{other:?}"),
        };
        Ok(series.iter().map(sample).collect())
    }

    /// Evaluates all groups at a moment, each rule after the other.
    pub(crate) fn evaluate(&mut self, groups: &[Group], at_ms: i64) {
        for group in groups {
            for (index, rule) in group.rules.iter().enumerate() {
                let key = (group.id(), index);
                let mut state = self.states.remove(&key).unwrap_or_default();
                let vector = self.ask(&rule.expr, at_ms).unwrap();
                let mut known: BTreeMap<String, QueryResult> = BTreeMap::new();
                let evaluated = loop {
                    let around = Surroundings {
                        external_labels: &Labels::new(),
                        external_url: "",
                        answers: &|expr: &str| known.get(expr).cloned(),
                    };
                    match state.advance(group, rule, &vector, &around, at_ms) {
                        Ok(evaluated) => break evaluated,
                        Err(Unevaluated::Failed(why)) => panic!("{}: {why}", rule.name),
                        Err(Unevaluated::Asks(expr)) => {
                            let answer = self.ask(&expr, at_ms);
                            known.insert(expr, answer);
                        }
                    }
                };
                let written = evaluated
                    .samples
                    .iter()
                    .map(|sample| (&sample.labels, sample.value));
                let ended = evaluated.stale.iter().map(|labels| (labels, stale_nan()));
                let pushed = written.chain(ended).map(|(labels, value)| Pushed {
                    labels: plain(labels),
                    at_ms,
                    value: Value::Float(value),
                });
                self.push(&pushed.collect::<Vec<_>>());
                self.states.insert(key, state);
            }
        }
    }

    /// Alerts that fire.
    pub(crate) fn firing(&self) -> Vec<Alert> {
        let all = self.states.values().flat_map(|state| state.alerts.values());
        all.filter(|alert| alert.state == AlertState::Firing)
            .cloned()
            .collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn plain(labels: &Labels) -> ondol_query::Labels {
    let pairs: Vec<(&str, &str)> = labels
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    ondol_query::Labels::of(&pairs)
}

/// The labels of a series as it is written.
fn labels_of(series: &str) -> ondol_query::Labels {
    let matchers = parse_matchers(series).unwrap();
    let equal = matchers
        .iter()
        .filter(|matcher| matcher.op() == MatchOp::Equal);
    let pairs: Vec<(&str, &str)> = equal
        .map(|matcher| (matcher.name(), matcher.value()))
        .collect();
    ondol_query::Labels::of(&pairs)
}
