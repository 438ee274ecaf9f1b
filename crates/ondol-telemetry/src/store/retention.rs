//! How long things are kept: a pure choice of the segments that go.

use super::manifest::SegmentFacts;

/// How long, and how much, one signal is kept. Whole segments go, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// What is older goes.
    pub keep_ms: u64,
    /// Beyond so many bytes the oldest goes.
    pub bytes_max: u64,
    /// So much of the disk stays free: before it the oldest goes, and when nothing is left to go, nothing is taken in.
    pub free_bytes_min: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Retention {
            keep_ms: 15 * 24 * 3600 * 1000,
            bytes_max: 4 << 30,
            free_bytes_min: 256 << 20,
        }
    }
}

/// The segments that go. The newest one stays, whatever the clock says: a clock that jumped ahead must not cost
/// everything.
pub(super) fn outlived<'a>(
    segments: impl Iterator<Item = &'a SegmentFacts>,
    retention: &Retention,
    free_bytes: u64,
    now_ms: i64,
) -> Vec<u64> {
    let mut by_age: Vec<&SegmentFacts> = segments.collect();
    by_age.sort_by_key(|facts| (facts.max_ms, facts.number));
    by_age.pop();
    let mut bytes: u64 = by_age.iter().map(|facts| facts.bytes).sum();
    let mut free_bytes = free_bytes;
    let oldest_ms = now_ms.saturating_sub_unsigned(retention.keep_ms);
    let goes = |facts: &&&SegmentFacts| {
        let too_old = facts.max_ms < oldest_ms;
        if !too_old && bytes <= retention.bytes_max && free_bytes >= retention.free_bytes_min {
            return false;
        }
        bytes -= facts.bytes;
        free_bytes = free_bytes.saturating_add(facts.bytes);
        true
    };
    by_age
        .iter()
        .take_while(goes)
        .map(|facts| facts.number)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outlived_of(retention: Retention, free_bytes: u64, now_ms: i64) -> Vec<u64> {
        let segments: Vec<SegmentFacts> = (1..=5)
            .map(|number| SegmentFacts {
                number,
                level: 0,
                min_ms: number as i64 * 100,
                max_ms: number as i64 * 100 + 99,
                bytes: 10,
                items: 1,
            })
            .collect();
        outlived(segments.iter(), &retention, free_bytes, now_ms)
    }

    #[test]
    fn age_bytes_and_a_full_disk_each_take_the_oldest() {
        let all = Retention {
            keep_ms: 1000,
            bytes_max: 100,
            free_bytes_min: 0,
        };
        assert_eq!(outlived_of(all, 0, 600), []);
        assert_eq!(
            outlived_of(
                Retention {
                    keep_ms: 250,
                    ..all
                },
                0,
                600
            ),
            [1, 2]
        );
        assert_eq!(
            outlived_of(
                Retention {
                    bytes_max: 25,
                    ..all
                },
                0,
                600
            ),
            [1, 2]
        );
        assert_eq!(
            outlived_of(
                Retention {
                    free_bytes_min: 20,
                    ..all
                },
                5,
                600
            ),
            [1, 2]
        );
    }

    #[test]
    fn a_clock_that_jumped_ahead_leaves_the_newest() {
        let all = Retention {
            keep_ms: 1000,
            bytes_max: 100,
            free_bytes_min: 0,
        };
        assert_eq!(outlived_of(all, 0, i64::MAX), [1, 2, 3, 4]);
    }
}
