//! `info`: series with the labels of the info metrics that describe the same target.

use std::collections::BTreeMap;

use super::super::ast::{Expr, TimeShift, VectorSelector};
use super::row::{Row, Rows, Sink};
use super::select::Wanted;
use super::{Done, EvalError, Evaluator, Times};
use crate::place::Place;
use crate::{Labels, METRIC_NAME, MatchOp, Matcher};

/// The labels that say which target a series is of.
const TARGET: [&str; 2] = ["instance", "job"];

/// What of info metrics is wanted.
struct Asked {
    names: Vec<Matcher>,
    labels: Vec<Matcher>,
}

impl Asked {
    fn of(selector: Option<&Expr>) -> Done<Self> {
        let mut asked = Self {
            names: Vec::new(),
            labels: Vec::new(),
        };
        if let Some(Expr::Vector(selector)) = selector.map(Expr::bare) {
            for matcher in &selector.matchers {
                if matcher.name() == METRIC_NAME {
                    asked.names.push(matcher.clone());
                } else {
                    asked.labels.push(matcher.clone());
                }
            }
        }
        let positive =
            |matcher: &Matcher| matches!(matcher.op(), MatchOp::Equal | MatchOp::Matches);
        if asked.names.is_empty() {
            asked.names.push(Matcher::equal(METRIC_NAME, "target_info"));
        } else if !asked.names.iter().any(positive) {
            let any = Matcher::new(METRIC_NAME, MatchOp::Matches, ".+_info")
                .map_err(|error| EvalError::failed(error.to_string()))?;
            asked.names.insert(0, any);
        }
        Ok(asked)
    }

    fn is_itself(&self, labels: &Labels) -> bool {
        self.names
            .iter()
            .all(|matcher| matcher.matches_labels(labels))
    }

    fn wants(&self, label: &str) -> bool {
        self.labels.is_empty() || self.labels.iter().any(|matcher| matcher.name() == label)
    }
}

/// The value of each of the labels that say which target it is.
fn target(labels: &Labels) -> [String; 2] {
    TARGET.map(|name| labels.get(name).to_owned())
}

/// When something in it looks, which is when its info metrics are looked at.
fn shift_of(expr: &Expr) -> Option<TimeShift> {
    match expr {
        Expr::Vector(selector) => Some(selector.shift.clone()),
        Expr::Matrix(matrix) => Some(matrix.vector.shift.clone()),
        Expr::Subquery(subquery) => Some(subquery.shift.clone()),
        Expr::Call(call) => call.args.iter().find_map(shift_of),
        Expr::Aggregate(aggregate) => shift_of(&aggregate.expr),
        Expr::Binary(binary) => shift_of(&binary.left).or_else(|| shift_of(&binary.right)),
        Expr::Unary(unary) => shift_of(&unary.expr),
        Expr::Paren(paren) => shift_of(&paren.expr),
        Expr::Number(_) | Expr::String(_) => None,
    }
}

impl Evaluator<'_> {
    pub(super) fn enrich(
        &self,
        arg: &Expr,
        selector: Option<&Expr>,
        times: Times,
        sink: Sink<'_>,
    ) -> Done {
        let asked = Asked::of(selector)?;
        let base = self.vector(arg, times)?;
        let infos = self.infos(&base, &asked, arg, times)?;
        let mut by_target: BTreeMap<[String; 2], Vec<usize>> = BTreeMap::new();
        for (at, info) in infos.iter().enumerate() {
            by_target.entry(target(&info.labels)).or_default().push(at);
        }
        let needed = asked.labels.iter().any(|matcher| !matcher.matches_empty());
        let mut out = Rows::new(times.count);
        for mut row in base {
            if asked.is_itself(&row.labels) {
                out.merge(&mut row)?;
                continue;
            }
            let candidates = by_target
                .get(&target(&row.labels))
                .map_or(&[][..], Vec::as_slice);
            for step in 0..times.count {
                if row.cells[step].is_absent() {
                    continue;
                }
                let found = newest(&infos, candidates, step)?;
                let labels = combined(&row.labels, &found, &asked)?;
                if labels.is_empty() && needed {
                    continue;
                }
                let mut builder = row.labels.to_builder();
                for label in &labels {
                    builder.set_shared(label.name.clone(), label.value.clone());
                }
                let enriched = out.row(&builder.build());
                enriched.drop_name |= row.drop_name;
                if !enriched.cells[step].is_absent() {
                    return Err(EvalError::failed(
                        "vector cannot contain metrics with the same labelset",
                    ));
                }
                enriched.cells[step] = std::mem::take(&mut row.cells[step]);
            }
        }
        out.give(sink)
    }

    /// The info metrics of the targets of these series; their values are when they were last seen.
    fn infos(&self, base: &[Row], asked: &Asked, arg: &Expr, times: Times) -> Done<Vec<Row>> {
        let described: Vec<&Row> = base
            .iter()
            .filter(|row| !asked.is_itself(&row.labels))
            .filter(|row| target(&row.labels).iter().any(|value| !value.is_empty()))
            .collect();
        if described.is_empty() {
            return Ok(Vec::new());
        }
        let mut matchers = asked.names.clone();
        matchers.extend(asked.labels.iter().cloned());
        let selector = VectorSelector {
            name: String::new(),
            matchers,
            shift: shift_of(arg).unwrap_or_default(),
            extension: None,
            place: Place::default(),
        };
        let mut infos = Vec::new();
        self.select_wanted(&selector, Wanted::Time, times, &mut |row| {
            self.hold(times.count)?;
            infos.push(std::mem::take(row));
            Ok(())
        })?;
        Ok(infos)
    }
}

/// Of each info metric, the series that was seen last.
fn newest<'i>(infos: &'i [Row], candidates: &[usize], step: usize) -> Done<Vec<&'i Row>> {
    let mut found: BTreeMap<&str, (&Row, f64)> = BTreeMap::new();
    for info in candidates.iter().map(|at| &infos[*at]) {
        let Some(seen) = info.cells[step].float() else {
            continue;
        };
        match found.get(info.labels.metric_name()) {
            Some((_, other)) if *other > seen => {}
            Some((other, at)) if at.to_bits() == seen.to_bits() => {
                return Err(EvalError::failed(format!(
                    "found duplicate series for info metric: existing {} @ {}, new {} @ {}",
                    other.labels,
                    (at * 1000.0).round(),
                    info.labels,
                    (seen * 1000.0).round()
                )));
            }
            _ => {
                found.insert(info.labels.metric_name(), (info, seen));
            }
        }
    }
    Ok(found.into_values().map(|(info, _)| info).collect())
}

/// The labels that info metrics add.
fn combined(base: &Labels, infos: &[&Row], asked: &Asked) -> Done<Labels> {
    let mut builder = crate::LabelsBuilder::default();
    for label in infos.iter().flat_map(|info| info.labels.iter()) {
        if *label.name == *METRIC_NAME || !asked.wants(&label.name) {
            continue;
        }
        let other = builder.get(&label.name);
        if !other.is_empty() && *other != *label.value {
            return Err(EvalError::failed(format!(
                "conflicting label: {}",
                label.name
            )));
        }
        if base.find(&label.name).is_none() {
            builder.set_shared(label.name.clone(), label.value.clone());
        }
    }
    Ok(builder.build())
}
