//! Which series of two vectors belong together.

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::ast::{Binary, Matching};
use super::super::super::operator::{BinaryOp, Cardinality};
use super::super::row::{Cell, Row, Rows, Sink};
use super::super::{Done, EvalError, Evaluator, Times, is_of_metric};
use super::Result;
use crate::{Labels, METRIC_NAME};

/// The labels by which a series is matched.
fn signature(matching: &Matching, labels: &Labels) -> Labels {
    let listed = |name: &str| matching.labels.iter().any(|label| label == name);
    if matching.on {
        labels.keeping(|label| listed(&label.name))
    } else {
        labels.keeping(|label| *label.name != *METRIC_NAME && !listed(&label.name))
    }
}

/// Whether each signature is there, at each step.
type Present = BTreeMap<Labels, Vec<bool>>;

/// What of a series stays: where its signature is there, or where it is not.
fn filtered(mut row: Row, matching: &Matching, by: &Present, keep: bool) -> Row {
    let steps = by.get(&signature(matching, &row.labels));
    for (at, cell) in row.cells.iter_mut().enumerate() {
        if steps.is_some_and(|steps| steps[at]) != keep {
            *cell = Cell::Absent;
        }
    }
    row
}

/// Series of both sides with the same signature. "Many" and "one" are the sides, whatever the cardinality.
#[derive(Default)]
struct Pairing {
    many: Vec<usize>,
    one: Vec<usize>,
}

struct Matched<'b> {
    binary: &'b Binary,
    many: Vec<Row>,
    one: Vec<Row>,
    out: Rows,
    /// Which series of the result each pair is in.
    results: BTreeMap<(Option<usize>, Option<usize>), usize>,
}

impl Evaluator<'_> {
    /// `and`, `or`, `unless`.
    pub(super) fn sets(&self, binary: &Binary, times: Times, sink: Sink<'_>) -> Done {
        let left = self.vector(&binary.left, times)?;
        let right = self.vector(&binary.right, times)?;
        let present = |rows: &[Row]| {
            let mut present = Present::new();
            for row in rows {
                let steps = present
                    .entry(signature(&binary.matching, &row.labels))
                    .or_insert_with(|| vec![false; times.count]);
                for (step, cell) in steps.iter_mut().zip(&row.cells) {
                    *step |= !cell.is_absent();
                }
            }
            present
        };
        let give = |mut row: Row| {
            if row.is_empty() {
                Ok(())
            } else {
                sink(&mut row)
            }
        };
        if binary.op != BinaryOp::Or {
            let by = present(&right);
            let keep = binary.op == BinaryOp::And;
            return left
                .into_iter()
                .map(|row| filtered(row, &binary.matching, &by, keep))
                .try_for_each(give);
        }
        let by = present(&left);
        let right = right
            .into_iter()
            .map(|row| filtered(row, &binary.matching, &by, false));
        let both = left.into_iter().chain(right);
        if times.count == 1 {
            return both.into_iter().try_for_each(give);
        }
        let mut all = Rows::new(times.count);
        for mut row in both {
            all.merge(&mut row)?;
        }
        all.rows.into_iter().try_for_each(give)
    }

    /// All other operators: values of series that match.
    pub(super) fn matched(&self, binary: &Binary, times: Times, sink: Sink<'_>) -> Done {
        let mut many = self.vector(&binary.left, times)?;
        let mut one = self.vector(&binary.right, times)?;
        if binary.matching.cardinality == Cardinality::OneToMany {
            std::mem::swap(&mut many, &mut one);
        }
        let mut pairings: BTreeMap<Labels, Pairing> = BTreeMap::new();
        for (at, row) in one.iter().enumerate() {
            let signature = signature(&binary.matching, &row.labels);
            pairings.entry(signature).or_default().one.push(at);
        }
        for (at, row) in many.iter().enumerate() {
            let signature = signature(&binary.matching, &row.labels);
            pairings.entry(signature).or_default().many.push(at);
        }
        let mut matched = Matched {
            binary,
            many,
            one,
            out: Rows::new(times.count),
            results: BTreeMap::new(),
        };
        // In order of the series that the result is about, so that an instant query keeps it.
        let mut order: Vec<(&Labels, &Pairing)> = pairings.iter().collect();
        order.sort_by_key(|(_, pairing)| pairing.many.first().copied().unwrap_or(usize::MAX));
        let fill = binary.matching.fill;
        let filled = fill.left.is_some() || fill.right.is_some();
        for step in 0..times.count {
            // Where one side has nothing at all, nobody looks whether the other side is unique.
            let nothing = |rows: &[Row]| rows.iter().all(|row| row.cells[step].is_absent());
            if !filled && (nothing(&matched.many) || nothing(&matched.one)) {
                continue;
            }
            for (signature, pairing) in &order {
                self.match_group(&mut matched, signature, pairing, step)?;
            }
        }
        self.hold(matched.out.rows.len().saturating_mul(times.count))?;
        matched.out.give(sink)
    }

    fn match_group(
        &self,
        matched: &mut Matched<'_>,
        signature: &Labels,
        pairing: &Pairing,
        step: usize,
    ) -> Done {
        let mut ones = pairing
            .one
            .iter()
            .copied()
            .filter(|at| !matched.one[*at].cells[step].is_absent());
        let one = ones.next();
        if let (Some(first), Some(second)) = (one, ones.next()) {
            return Err(matched.duplicate(signature, first, second));
        }
        drop(ones);
        let mut seen: BTreeSet<usize> = BTreeSet::new();
        let mut any = false;
        let fill = matched.binary.matching.fill;
        let (fill_many, fill_one) = if matched.swapped() {
            (fill.right, fill.left)
        } else {
            (fill.left, fill.right)
        };
        for many in &pairing.many {
            if matched.many[*many].cells[step].is_absent() || (one.is_none() && fill_one.is_none())
            {
                continue;
            }
            let repeated = any;
            any = true;
            let result = matched.result((Some(*many), one), signature);
            if matched.binary.matching.cardinality == Cardinality::OneToOne {
                if repeated {
                    return Err(EvalError::failed(
                        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
                    ));
                }
            } else if !seen.insert(result) {
                return Err(EvalError::failed(
                    "multiple matches for labels: grouping labels must ensure unique matches",
                ));
            }
            self.put(
                matched,
                result,
                (Some(*many), one),
                [fill_many, fill_one],
                step,
            )?;
        }
        if let (false, Some(_), Some(_)) = (any, one, fill_many) {
            let result = matched.result((None, one), signature);
            self.put(matched, result, (None, one), [fill_many, fill_one], step)?;
        }
        Ok(())
    }

    fn put(
        &self,
        matched: &mut Matched<'_>,
        result: usize,
        (many, one): (Option<usize>, Option<usize>),
        [fill_many, fill_one]: [Option<f64>; 2],
        step: usize,
    ) -> Done {
        let value = |rows: &[Row], at: Option<usize>, fill: Option<f64>| match at {
            Some(at) => rows[at].cells[step].clone(),
            None => Cell::from(fill),
        };
        let mut left = value(&matched.many, many, fill_many);
        let mut right = value(&matched.one, one, fill_one);
        if matched.swapped() {
            std::mem::swap(&mut left, &mut right);
        }
        let binary = matched.binary;
        let cell = match self.of_values(binary.op, &left, &right, binary.place()) {
            Result::Value(value) => value,
            Result::Compared(holds) if binary.return_bool => {
                Cell::Float(f64::from(u8::from(holds)))
            }
            Result::Compared(true) => left,
            Result::Compared(false) | Result::Nothing => return Ok(()),
        };
        let dropped = many.is_some_and(|at| matched.many[at].drop_name);
        let row = &mut matched.out.rows[result];
        row.drop_name |= binary.return_bool || dropped;
        if !row.cells[step].is_absent() {
            return Err(EvalError::failed(
                "multiple matches for labels: grouping labels must ensure unique matches",
            ));
        }
        row.cells[step] = cell;
        Ok(())
    }
}

impl Matched<'_> {
    fn swapped(&self) -> bool {
        self.binary.matching.cardinality == Cardinality::OneToMany
    }

    /// Which series of the result a pair is in. A series that is filled in is known by its signature only.
    fn result(&mut self, pair: (Option<usize>, Option<usize>), signature: &Labels) -> usize {
        if let Some(result) = self.results.get(&pair) {
            return *result;
        }
        let labels = self.labels(pair, signature);
        let result = self.out.position(&labels);
        self.results.insert(pair, result);
        result
    }

    fn labels(&self, (many, one): (Option<usize>, Option<usize>), signature: &Labels) -> Labels {
        let matching = &self.binary.matching;
        let listed = |name: &str| matching.labels.iter().any(|label| label == name);
        let base = many.map_or(signature, |at| &self.many[at].labels);
        let mut builder = base.to_builder();
        if self.binary.op.drops_name() {
            builder.keep(|label| !is_of_metric(&label.name));
        }
        if matching.cardinality == Cardinality::OneToOne {
            builder.keep(|label| listed(&label.name) == matching.on);
        }
        let other = one.map_or(signature, |at| &self.one[at].labels);
        for name in &matching.include {
            match other.find(name) {
                Some(label) => builder.set_shared(label.name.clone(), label.value.clone()),
                None => builder.remove(name),
            };
        }
        builder.build()
    }

    fn duplicate(&self, signature: &Labels, first: usize, second: usize) -> EvalError {
        let side = if self.swapped() { "left" } else { "right" };
        let mut pair = [&self.one[first].labels, &self.one[second].labels];
        pair.sort();
        EvalError::failed(format!(
            "found duplicate series for the match group {signature} on the {side} hand-side of the operation: [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
            pair[0], pair[1]
        ))
    }
}
