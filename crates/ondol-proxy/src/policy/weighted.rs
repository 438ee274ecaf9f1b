//! The rules of balancing where endpoints have unequal parts. A weight is 0 for one that must not be chosen; each
//! function gives `None` when all are.

use super::balance::mixed;

/// One drawn with the probability of its weight; `point` is from 0 to 1.
pub(crate) fn draw(count: usize, point: f64, weight: impl Fn(usize) -> f64) -> Option<usize> {
    let sum: f64 = (0..count).map(&weight).sum();
    let (mut left, mut drawn) = (point * sum, None);
    for at in (0..count).filter(|&at| weight(at) > 0.0) {
        drawn = Some(at);
        if left < weight(at) {
            break;
        }
        left -= weight(at);
    }
    drawn
}

/// Of two drawn, perhaps twice the same one, the one with the lower cost.
pub(crate) fn pick(
    count: usize,
    random: u64,
    weight: impl Fn(usize) -> f64,
    cost: impl Fn(usize) -> f64,
) -> Option<usize> {
    let first = draw(count, unit(random), &weight)?;
    let second = draw(count, unit(random.rotate_left(32)), &weight)?;
    Some(if cost(second) < cost(first) {
        second
    } else {
        first
    })
}

/// The one with the least load for its weight; of several, one drawn.
pub(crate) fn least(
    count: usize,
    random: u64,
    weight: impl Fn(usize) -> f64,
    load: impl Fn(usize) -> f64,
) -> Option<usize> {
    let first = draw(count, unit(random), &weight)?;
    let relative = |at: usize| load(at) / weight(at);
    let others = (0..count).filter(|&at| weight(at) > 0.0);
    std::iter::once(first)
        .chain(others)
        .min_by(|&one, &other| relative(one).total_cmp(&relative(other)))
}

/// The one whose turn it is: in any number of turns that follow each other, each has had nearly its part (Weyl's
/// sequence: multiples of the golden ratio are spread evenly).
pub(crate) fn in_turn(count: usize, turn: u64, weight: impl Fn(usize) -> f64) -> Option<usize> {
    draw(
        count,
        unit(turn.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        weight,
    )
}

/// Always the same one for the same key; the keys are shared by weight (weighted rendezvous hashing, Schindelhauer
/// and Schomaker 2005).
pub(crate) fn by_key(
    count: usize,
    key: u64,
    weight: impl Fn(usize) -> f64,
    name: impl Fn(usize) -> u64,
) -> Option<usize> {
    let score = |at: usize| -weight(at) / unit(mixed(key ^ name(at))).max(f64::MIN_POSITIVE).ln();
    (0..count)
        .filter(|&at| weight(at) > 0.0)
        .max_by(|&one, &other| score(one).total_cmp(&score(other)))
}

/// A random number from 0 to 1.
pub(crate) fn unit(random: u64) -> f64 {
    (random >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::balance::{hash, next_random};

    const WEIGHTS: [f64; 4] = [3.0, 1.0, 0.0, 4.0];

    fn weight(at: usize) -> f64 {
        WEIGHTS[at]
    }

    fn counts(mut choose: impl FnMut(u64) -> Option<usize>) -> [u32; 4] {
        let (mut state, mut counts) = (7, [0; 4]);
        for _ in 0..8_000 {
            counts[choose(next_random(&mut state)).unwrap()] += 1;
        }
        counts
    }

    fn assert_shares(counts: [u32; 4], slack: u32) {
        for (count, weight) in counts.into_iter().zip(WEIGHTS) {
            let expected = (weight * 1_000.0) as u32;
            assert!(count.abs_diff(expected) <= slack, "{counts:?}");
        }
    }

    #[test]
    fn each_rule_gives_each_its_part_and_nothing_to_a_weight_of_0() {
        assert_shares(counts(|random| pick(4, random, weight, |_| 1.0)), 200);
        assert_shares(counts(|random| least(4, random, weight, |_| 0.0)), 200);
        let mut turn = 0;
        let turns = counts(|_| {
            turn += 1;
            in_turn(4, turn, weight)
        });
        assert_shares(turns, 8);
        let name = |at: usize| hash(&[at as u8]);
        assert_shares(counts(|key| by_key(4, key, weight, name)), 250);
    }

    #[test]
    fn a_dear_or_loaded_one_is_left_for_another() {
        let dear = counts(|random| pick(4, random, weight, |at| f64::from(at == 3)));
        assert!(dear[3] < 2_500, "{dear:?}");
        let load = |at: usize| [3.0, 0.0, 0.0, 5.0][at];
        assert_eq!(least(4, 7, weight, load), Some(1));
    }

    #[test]
    fn keys_move_only_to_or_from_the_one_that_changed() {
        let name = |at: usize| hash(&[at as u8]);
        for key in 0..1_000 {
            let key = hash(&u64::to_be_bytes(key));
            let before = by_key(4, key, weight, name);
            let gone = |at: usize| if at == 3 { 0.0 } else { weight(at) };
            let after = by_key(4, key, gone, name);
            assert!(before == Some(3) || after == before);
        }
    }

    #[test]
    fn where_nobody_may_be_chosen_nobody_is() {
        assert_eq!(draw(0, 0.5, |_| 1.0), None);
        assert_eq!(draw(3, 0.5, |_| 0.0), None);
        assert_eq!(pick(3, 7, |_| 0.0, |_| 1.0), None);
        assert_eq!(by_key(3, 7, |_| 0.0, |_| 1), None);
        assert_eq!(draw(2, 1.0, weight), Some(1), "the end belongs to the last");
    }
}
