/// Chance without a state: the same seed and the same question give the same answer, in whatever order they are
/// asked. So leaving an incident out of a story leaves the other incidents what they were.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Luck(u64);

impl Luck {
    pub(crate) fn new(seed: u64) -> Self {
        Luck(mix(seed ^ 0x6f6e_646f_6c00_0001))
    }

    /// The luck of one thing.
    pub(crate) fn of(self, thing: u64) -> Self {
        Luck(mix(self.0.wrapping_add(mix(thing))))
    }

    /// From 0 to `bound` - 1.
    pub(crate) fn below(self, bound: u64) -> u64 {
        ((u128::from(self.0) * u128::from(bound.max(1))) >> 64) as u64
    }

    /// From `low` to `high`, both possible.
    pub(crate) fn between(self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True once in `times`.
    pub(crate) fn once_in(self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
