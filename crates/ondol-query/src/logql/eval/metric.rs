//! Values out of values, which is `PromQL`'s: ranges of lines become the series that its selectors find.

use std::collections::BTreeMap;

use super::range::{self, Row};
use super::{EvalError, Outcome, Query, Series, Statistics};
use crate::logql::ast::{
    Aggregate, Binary, Grouping, LabelReplace, Metric, RangeAggregate, RangeOp, VectorOp,
};
use crate::logql::source::LogSource;
use crate::promql::{self, Aggregation, Expr, Function, TimeShift};
use crate::{Matcher, Place, Sample, Samples, Selected, Selection, Source, SourceError, Value};

/// The label by which a selector finds its range.
const RANGE: &str = "__range__";
/// Steps are so far apart in the time of the values, which is not that of the lines: nothing there asks for it.
const STEP_MS: i64 = 1000;

pub(super) fn evaluate(
    query: &Query<'_>,
    metric: &Metric,
    source: &dyn LogSource,
    statistics: &mut Statistics,
) -> Result<Outcome, EvalError> {
    let mut ranges = Ranges {
        query,
        source,
        statistics,
        rows: Vec::new(),
    };
    let expr = ranges.expr(metric, None)?;
    let rows = Rows(ranges.rows);
    let steps = i64::try_from(query.steps()).unwrap_or(i64::MAX);
    let mut values = if query.is_instant() {
        promql::Query::instant(&expr, 0)
    } else if steps == 0 {
        return Ok(Outcome::Matrix(Vec::new()));
    } else {
        promql::Query::range(&expr, 0, (steps - 1) * STEP_MS, STEP_MS)
    };
    // A value counts at its step only.
    values.lookback_ms = 1;
    values.limits.samples = query.limits.values;
    values.stop = query.stop;
    let answer = promql::evaluate(&values, &rows)?;
    let at_ns = |time_ms: i64| {
        let first_ns = if query.is_instant() {
            query.end_ns
        } else {
            query.start_ns
        };
        first_ns.saturating_add(time_ms / STEP_MS * query.step_ns)
    };
    let series = |all: Vec<promql::Series>| -> Vec<Series> {
        (all.into_iter())
            .map(|series| Series {
                labels: series.labels,
                points: (series.samples.into_iter())
                    .filter_map(|sample| Some((at_ns(sample.time_ms), float(&sample.value)?)))
                    .collect(),
            })
            .collect()
    };
    Ok(match answer.outcome {
        promql::Outcome::Scalar(sample) => {
            Outcome::Scalar(query.end_ns, float(&sample.value).unwrap_or(f64::NAN))
        }
        promql::Outcome::Vector(all) => Outcome::Vector(series(all)),
        promql::Outcome::Matrix(all) => Outcome::Matrix(series(all)),
        promql::Outcome::String(_) => return Err(EvalError::refused("a text is no value")),
    })
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Float(value) => Some(*value),
        Value::Histogram(_) => None,
    }
}

/// Evaluates the ranges of an expression and puts selectors in their place.
struct Ranges<'a, 'q> {
    query: &'a Query<'q>,
    source: &'a dyn LogSource,
    statistics: &'a mut Statistics,
    rows: Vec<Vec<Row>>,
}

impl Ranges<'_, '_> {
    /// `above`: the aggregation that this is the only argument of.
    fn expr(&mut self, metric: &Metric, above: Option<&Aggregate>) -> Result<Expr, EvalError> {
        Ok(match metric {
            Metric::Number(number) => Expr::Number(promql::NumberLiteral {
                value: number.0,
                is_duration: false,
                place: Place::default(),
            }),
            Metric::Vector(number) => {
                let number = self.expr(&Metric::Number(*number), None)?;
                call("vector", vec![number])?
            }
            Metric::Paren(inner) => self.expr(inner, above)?,
            Metric::Range(aggregate) => self.range(aggregate, above)?,
            Metric::Aggregate(aggregate) => self.aggregate(aggregate)?,
            Metric::Binary(binary) => self.binary(binary)?,
            Metric::LabelReplace(replace) => self.label_replace(replace)?,
        })
    }

    fn range(
        &mut self,
        aggregate: &RangeAggregate,
        above: Option<&Aggregate>,
    ) -> Result<Expr, EvalError> {
        let everything = Grouping::default();
        let pushed = above
            .filter(|above| is_the_same_below(above.op, aggregate))
            .map(|above| above.grouping.as_ref().unwrap_or(&everything));
        let grouping = aggregate.grouping.as_ref().or(pushed);
        let rows = range::evaluate(
            self.query,
            aggregate,
            grouping,
            self.source,
            self.statistics,
        )?;
        let name = self.rows.len().to_string();
        self.rows.push(rows);
        Ok(Expr::Vector(Box::new(promql::VectorSelector {
            name: String::new(),
            matchers: vec![Matcher::equal(RANGE, &name)],
            shift: TimeShift::default(),
            extension: None,
            place: aggregate.place,
        })))
    }

    fn aggregate(&mut self, aggregate: &Aggregate) -> Result<Expr, EvalError> {
        let expr = self.expr(&aggregate.of, Some(aggregate))?;
        let op = match aggregate.op {
            VectorOp::Sum => Aggregation::Sum,
            VectorOp::Avg => Aggregation::Avg,
            VectorOp::Max => Aggregation::Max,
            VectorOp::Min => Aggregation::Min,
            VectorOp::Count => Aggregation::Count,
            VectorOp::Stddev => Aggregation::Stddev,
            VectorOp::Stdvar => Aggregation::Stdvar,
            VectorOp::Topk | VectorOp::ApproxTopk => Aggregation::Topk,
            VectorOp::Bottomk => Aggregation::Bottomk,
            VectorOp::Sort => return call("sort", vec![expr]),
            VectorOp::SortDesc => return call("sort_desc", vec![expr]),
        };
        if aggregate.op == VectorOp::ApproxTopk && !self.query.is_instant() {
            return Err(EvalError::refused(
                "approx_topk answers at an instant only; expected an instant query, or topk",
            ));
        }
        let parameter = aggregate.parameter.map(|k| {
            Expr::Number(promql::NumberLiteral {
                value: f64::from(k),
                is_duration: false,
                place: Place::default(),
            })
        });
        let grouping = aggregate.grouping.clone().unwrap_or_default();
        Ok(Expr::Aggregate(Box::new(promql::Aggregate {
            op,
            grouping: grouping.labels,
            without: grouping.without,
            parameter,
            expr,
            place: Place::default(),
        })))
    }

    fn binary(&mut self, binary: &Binary) -> Result<Expr, EvalError> {
        let scalars = binary.left.is_scalar() && binary.right.is_scalar();
        Ok(Expr::Binary(Box::new(promql::Binary {
            op: binary.op,
            left: self.expr(&binary.left, None)?,
            right: self.expr(&binary.right, None)?,
            // Two numbers that are compared give 0 or 1.
            return_bool: binary.return_bool || (scalars && binary.op.is_comparison()),
            matching: binary.matching.clone(),
        })))
    }

    fn label_replace(&mut self, replace: &LabelReplace) -> Result<Expr, EvalError> {
        let mut args = vec![self.expr(&replace.of, None)?];
        let texts = [
            &replace.destination,
            &replace.replacement,
            &replace.source,
            &replace.pattern,
        ];
        args.extend(texts.map(|text| {
            Expr::String(promql::StringLiteral {
                value: text.clone().into_bytes(),
                place: Place::default(),
            })
        }));
        call("label_replace", args)
    }
}

/// Whether an aggregation gives the same when its groups are made of lines and not of series.
fn is_the_same_below(op: VectorOp, range: &RangeAggregate) -> bool {
    if range.grouping.is_some() {
        return false;
    }
    match op {
        VectorOp::Sum => matches!(
            range.op,
            RangeOp::Count | RangeOp::Rate | RangeOp::Bytes | RangeOp::BytesRate | RangeOp::Sum
        ),
        VectorOp::Max => range.op == RangeOp::Max,
        VectorOp::Min => range.op == RangeOp::Min,
        _ => false,
    }
}

fn call(name: &str, args: Vec<Expr>) -> Result<Expr, EvalError> {
    let function = Function::named(name);
    let function =
        function.ok_or_else(|| EvalError::refused(format!("there is no function {name}")))?;
    Ok(Expr::Call(promql::Call {
        function,
        args,
        place: Place::default(),
    }))
}

/// The ranges, as a store of series.
struct Rows(Vec<Vec<Row>>);

impl Source for Rows {
    fn select<'s>(&'s self, selection: &Selection<'_>) -> Result<Vec<Selected<'s>>, SourceError> {
        let wanted = selection
            .matchers
            .iter()
            .find(|matcher| matcher.name() == RANGE);
        let rows = wanted
            .and_then(|matcher| self.0.get(matcher.value().parse::<usize>().ok()?))
            .map(Vec::as_slice)
            .unwrap_or_default();
        let span = selection.start_ms..=selection.end_ms;
        let mut found: BTreeMap<_, _> = BTreeMap::new();
        for (labels, values) in rows {
            let samples: Vec<Sample> = (values.iter().zip(0_i64..))
                .filter_map(|(value, step)| Some(Sample::float(step * STEP_MS, (*value)?)))
                .filter(|sample| span.contains(&sample.time_ms))
                .collect();
            found.insert(labels.clone(), samples);
        }
        let selected = |(labels, samples)| Selected {
            labels,
            samples: Box::new(Once(samples)),
        };
        Ok(found.into_iter().map(selected).collect())
    }
}

/// Samples that are given at once.
struct Once(Vec<Sample>);

impl Samples for Once {
    fn read(&mut self, into: &mut Vec<Sample>) -> Result<bool, SourceError> {
        let any = !self.0.is_empty();
        into.append(&mut self.0);
        Ok(any)
    }
}
