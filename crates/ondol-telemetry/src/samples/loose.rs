//! Samples that come with moments of their own: pushed ones, late ones, native histograms.

use std::collections::BTreeMap;
use std::sync::Arc;

use ondol_query::Histogram;

use super::series::SeriesId;

/// What came for one series, in the order in which it came.
#[derive(Clone, Default)]
pub(super) struct Run {
    pub(super) floats: Vec<(i64, u64)>,
    pub(super) histograms: Vec<(i64, Arc<Histogram>)>,
}

#[derive(Default)]
pub(super) struct Loose {
    pub(super) runs: BTreeMap<SeriesId, Run>,
    bytes: usize,
}

impl Loose {
    pub(super) fn push(&mut self, series: SeriesId, at_ms: i64, bits: u64) {
        self.runs
            .entry(series)
            .or_default()
            .floats
            .push((at_ms, bits));
        self.bytes += 16;
    }

    pub(super) fn push_histogram(
        &mut self,
        series: SeriesId,
        at_ms: i64,
        histogram: Arc<Histogram>,
    ) {
        let buckets = histogram.positive_buckets.len() + histogram.negative_buckets.len();
        self.bytes += size_of::<Histogram>() + buckets * 8;
        let run = self.runs.entry(series).or_default();
        run.histograms.push((at_ms, histogram));
    }

    /// Bytes of memory, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.runs.len() * (size_of::<Run>() + 16)
    }
}

/// In the order of their moments, of two at the same moment the one that came last.
pub(super) fn in_order<T: Clone>(came: &[(i64, T)]) -> Vec<(i64, T)> {
    let mut sorted = came.to_vec();
    sorted.sort_by_key(|(at_ms, _)| *at_ms);
    let mut kept: Vec<(i64, T)> = Vec::with_capacity(sorted.len());
    for sample in sorted {
        match kept.last_mut() {
            Some(last) if last.0 == sample.0 => *last = sample,
            _ => kept.push(sample),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_about_a_moment_counts() {
        let came = [(3, 'a'), (1, 'b'), (3, 'c'), (2, 'd'), (1, 'e')];
        assert_eq!(in_order(&came), [(1, 'e'), (2, 'd'), (3, 'c')]);
    }
}
