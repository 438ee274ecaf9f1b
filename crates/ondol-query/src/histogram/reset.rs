//! Whether counting began anew between two histograms of a counter.

use super::bucket::{Side, indexed};
use super::{Histogram, ResetHint, Tally};

impl Histogram {
    /// Whether counting began anew after `before`, whatever the two say of it themselves.
    #[must_use]
    pub fn counts_anew_after(&self, before: &Self) -> bool {
        let mut silent = self.clone();
        silent.reset_hint = ResetHint::Unknown;
        silent.is_reset_after(before)
    }

    /// Whether counting began anew after `before`: a count fell, a bucket that had something in it is gone, or the
    /// layout became finer, which never happens otherwise.
    pub(crate) fn is_reset_after(&self, before: &Self) -> bool {
        match self.reset_hint {
            ResetHint::Reset => return true,
            ResetHint::NotReset => return false,
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        if self.count < before.count {
            return true;
        }
        if self.has_custom_buckets() || before.has_custom_buckets() {
            return self.has_custom_buckets() != before.has_custom_buckets()
                || self.custom_fell(before);
        }
        if self.schema > before.schema || self.zero_threshold < before.zero_threshold {
            return true;
        }
        let mut before = Tally::of(before);
        before.widen_zero(self.zero_threshold);
        if before.zero_threshold() != self.zero_threshold {
            return true;
        }
        before.coarsen(self.schema);
        let before = before.finish();
        // What this one has inside of its zero bucket is no bucket to compare with.
        let mut now = Tally::of(self);
        now.widen_zero(self.zero_threshold);
        let now = now.finish();
        self.zero_count < before.zero_count
            || fell(&now, &before, Side::Positive)
            || fell(&now, &before, Side::Negative)
    }

    /// Whether the count between two bounds that both have fell.
    fn custom_fell(&self, before: &Self) -> bool {
        let common: Vec<f64> = self
            .custom_values
            .iter()
            .filter(|bound| before.custom_values.contains(bound))
            .copied()
            .chain([f64::INFINITY])
            .collect();
        let between = |histogram: &Self| {
            let mut sums = vec![0.0; common.len()];
            for bucket in histogram.outward(Side::Positive) {
                let at = common.partition_point(|bound| *bound < bucket.upper);
                if let Some(sum) = sums.get_mut(at) {
                    *sum += bucket.count;
                }
            }
            sums
        };
        between(self)
            .iter()
            .zip(between(before))
            .any(|(now, before)| *now < before)
    }
}

fn fell(now: &Histogram, before: &Histogram, side: Side) -> bool {
    let parts = |histogram: &Histogram| -> Vec<(i32, f64)> {
        match side {
            Side::Positive => {
                indexed(&histogram.positive_spans, &histogram.positive_buckets).collect()
            }
            Side::Negative => {
                indexed(&histogram.negative_spans, &histogram.negative_buckets).collect()
            }
        }
    };
    let now = parts(now);
    parts(before).into_iter().any(|(index, count)| {
        let at = now.binary_search_by_key(&index, |(index, _)| *index);
        at.map_or(count != 0.0, |at| now[at].1 < count)
    })
}
