//! What is known of the values of a range of time, in any order and piece by piece.

use crate::logql::ast::RangeOp;

/// What is known so far.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tally {
    /// How many, and their sum.
    Sum { count: f64, sum: f64 },
    /// The largest or smallest.
    Extreme { value: f64, largest: bool },
    /// The first or last, and its time.
    Edge { at_ns: i64, value: f64, last: bool },
    /// How many, their mean, and the sum of the squares of their distances from it.
    Moments { count: f64, mean: f64, squares: f64 },
    /// All of them with their times.
    Points(Vec<(i64, f64)>),
}

impl Tally {
    /// Of one value.
    pub(super) fn of(op: RangeOp, at_ns: i64, value: f64) -> Self {
        match op {
            RangeOp::Max | RangeOp::Min => Self::Extreme {
                value,
                largest: op == RangeOp::Max,
            },
            RangeOp::First | RangeOp::Last => Self::Edge {
                at_ns,
                value,
                last: op == RangeOp::Last,
            },
            RangeOp::Stddev | RangeOp::Stdvar => Self::Moments {
                count: 1.0,
                mean: value,
                squares: 0.0,
            },
            RangeOp::Quantile | RangeOp::RateCounter => Self::Points(vec![(at_ns, value)]),
            RangeOp::Rate
            | RangeOp::Count
            | RangeOp::BytesRate
            | RangeOp::Bytes
            | RangeOp::Absent
            | RangeOp::Sum
            | RangeOp::Avg => Self::Sum {
                count: 1.0,
                sum: value,
            },
        }
    }

    /// Both together; they are of the same kind.
    pub(super) fn add(&mut self, other: &Self) {
        match (self, other) {
            (
                Self::Sum { count, sum },
                Self::Sum {
                    count: more,
                    sum: by,
                },
            ) => {
                *count += more;
                *sum += by;
            }
            (Self::Extreme { value, largest }, Self::Extreme { value: other, .. }) => {
                let beyond = if *largest {
                    *other > *value
                } else {
                    *other < *value
                };
                if beyond || value.is_nan() {
                    *value = *other;
                }
            }
            (
                Self::Edge { at_ns, value, last },
                Self::Edge {
                    at_ns: other_ns,
                    value: other,
                    ..
                },
            ) => {
                let beyond = if *last {
                    *other_ns >= *at_ns
                } else {
                    *other_ns < *at_ns
                };
                if beyond {
                    (*at_ns, *value) = (*other_ns, *other);
                }
            }
            (
                Self::Moments {
                    count,
                    mean,
                    squares,
                },
                Self::Moments {
                    count: more,
                    mean: other,
                    squares: further,
                },
            ) => {
                // Chan, Golub and LeVeque: updating formulae for sample variances.
                let (total, distance) = (*count + more, other - *mean);
                *squares += further + distance * distance * *count * more / total;
                *mean += distance * more / total;
                *count = total;
            }
            (Self::Points(points), Self::Points(more)) => points.extend_from_slice(more),
            _ => {}
        }
    }

    /// What the operation gives over a range of time that ends then; none when it cannot be told.
    pub(super) fn value(
        &self,
        op: RangeOp,
        unwrapped: bool,
        parameter: f64,
        (end_ns, range_ns): (i64, i64),
    ) -> Option<f64> {
        let seconds = range_ns as f64 / 1e9;
        Some(match self {
            Self::Sum { count, sum } => match op {
                RangeOp::Avg => sum / count,
                RangeOp::Count | RangeOp::Absent => *count,
                RangeOp::Rate if unwrapped => sum / seconds,
                RangeOp::Rate => count / seconds,
                RangeOp::BytesRate => sum / seconds,
                _ => *sum,
            },
            Self::Extreme { value, .. } | Self::Edge { value, .. } => *value,
            Self::Moments { count, squares, .. } => match op {
                RangeOp::Stddev => (squares / count).sqrt(),
                _ => squares / count,
            },
            Self::Points(points) => {
                let mut points = points.clone();
                if op == RangeOp::Quantile {
                    return Some(quantile(parameter, &mut points));
                }
                points.sort_by_key(|(at_ns, _)| *at_ns);
                return rate_of_counter(&points, end_ns - range_ns, end_ns);
            }
        })
    }
}

/// Between two values, in proportion.
fn quantile(q: f64, points: &mut [(i64, f64)]) -> f64 {
    if q.is_nan() || points.is_empty() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    points.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let rank = q * (points.len() - 1) as f64;
    let value = |at: f64| {
        points
            .get(at as usize)
            .map_or(f64::NAN, |(_, value)| *value)
    };
    let (below, above, weight) = (rank.floor(), rank.ceil(), rank.fract());
    value(below) * (1.0 - weight) + value(above) * weight
}

/// Per second, as Prometheus' `rate`: a value below the one before is a reset, and the ends are extrapolated.
fn rate_of_counter(points: &[(i64, f64)], start_ns: i64, end_ns: i64) -> Option<f64> {
    let [(first_ns, first), .., (last_ns, last)] = points else {
        return None;
    };
    let resets: f64 = (points.windows(2))
        .filter(|pair| pair[1].1 < pair[0].1)
        .map(|pair| pair[0].1)
        .sum();
    let increase = last - first + resets;
    let sampled = (last_ns - first_ns) as f64;
    if sampled <= 0.0 {
        return None;
    }
    let mean_interval = sampled / (points.len() - 1) as f64;
    let threshold = mean_interval * 1.1;
    let mut before = (first_ns - start_ns) as f64;
    let after = (end_ns - last_ns) as f64;
    if increase > 0.0 && *first >= 0.0 {
        // A counter does not begin below zero.
        before = before.min(sampled * first / increase);
    }
    let reach = |distance: f64| {
        if distance < threshold {
            distance
        } else {
            mean_interval / 2.0
        }
    };
    let whole = sampled + reach(before) + reach(after);
    Some(increase * whole / sampled / ((end_ns - start_ns) as f64 / 1e9))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(op: RangeOp, values: &[f64]) -> f64 {
        let mut tallies = values
            .iter()
            .zip(0..)
            .map(|(value, at)| Tally::of(op, at * 1_000_000_000, *value));
        let mut all = tallies.next().unwrap();
        tallies.for_each(|tally| all.add(&tally));
        all.value(op, true, 0.5, (10_000_000_000, 10_000_000_000))
            .unwrap()
    }

    #[test]
    fn values_are_summed_up_in_pieces_as_at_once() {
        let values = [4.0, 2.0, 9.0, 1.0];
        for (op, expected) in [
            (RangeOp::Sum, 16.0),
            (RangeOp::Rate, 1.6),
            (RangeOp::Avg, 4.0),
            (RangeOp::Max, 9.0),
            (RangeOp::Min, 1.0),
            (RangeOp::First, 4.0),
            (RangeOp::Last, 1.0),
            (RangeOp::Stdvar, 9.5),
            (RangeOp::Stddev, 9.5_f64.sqrt()),
            (RangeOp::Quantile, 3.0),
        ] {
            assert!((of(op, &values) - expected).abs() < 1e-9, "{op:?}");
        }
    }

    #[test]
    fn a_counter_that_falls_was_reset() {
        // 10, 20, 5, 15: 10 and 5 and 10, over three seconds, extrapolated to both ends.
        let rate = of(RangeOp::RateCounter, &[10.0, 20.0, 5.0, 15.0]);
        assert!((rate - 25.0 * 3.5 / 3.0 / 10.0).abs() < 1e-9, "{rate}");
    }
}
