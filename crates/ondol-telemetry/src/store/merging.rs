//! Which segments become one: a pure choice.

use super::manifest::SegmentFacts;

/// So many segments of one level become one of the next.
const MERGE_COUNT: usize = 4;
/// What is larger, or longer, is not merged again: a merge holds its engine up, and whole segments are what is forgotten.
const MERGED_BYTES_MAX: u64 = 32 << 20;
const MERGED_MS_MAX: i64 = 24 * 3600 * 1000;

/// Segments that are to become one: the first stretch of enough of them, all of one level.
pub(crate) fn due(facts: &[SegmentFacts]) -> Option<&[SegmentFacts]> {
    facts.windows(MERGE_COUNT).find(|some| {
        let same = some
            .windows(2)
            .all(|two| two.first().map(|f| f.level) == two.last().map(|f| f.level));
        let bytes: u64 = some.iter().map(|facts| facts.bytes).sum();
        let min_ms = some.iter().map(|facts| facts.min_ms).min().unwrap_or(0);
        let max_ms = some.iter().map(|facts| facts.max_ms).max().unwrap_or(0);
        same && bytes <= MERGED_BYTES_MAX && max_ms.saturating_sub(min_ms) <= MERGED_MS_MAX
    })
}

/// What is known of the segment that comes of them.
pub(crate) fn merged(parts: &[SegmentFacts]) -> SegmentFacts {
    SegmentFacts {
        level: parts
            .iter()
            .map(|facts| facts.level)
            .max()
            .unwrap_or(0)
            .saturating_add(1),
        min_ms: parts.iter().map(|facts| facts.min_ms).min().unwrap_or(0),
        max_ms: parts.iter().map(|facts| facts.max_ms).max().unwrap_or(0),
        items: parts.iter().map(|facts| facts.items).sum(),
        ..SegmentFacts::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_level_are_merged_and_days_are_not() {
        let facts = |levels: &[u8], each_ms: i64| -> Vec<SegmentFacts> {
            (levels.iter().zip(1..))
                .map(|(level, number)| SegmentFacts {
                    number,
                    level: *level,
                    min_ms: number as i64 * each_ms,
                    max_ms: (number as i64 + 1) * each_ms,
                    ..SegmentFacts::default()
                })
                .collect()
        };
        let first = |facts: &[SegmentFacts]| due(facts).map(|some| some[0].number);
        assert_eq!(first(&facts(&[1, 0, 0, 0], 1)), None);
        assert_eq!(first(&facts(&[1, 0, 0, 0, 0], 1)), Some(2));
        assert_eq!(first(&facts(&[0; 4], MERGED_MS_MAX / 2)), None);
    }
}
