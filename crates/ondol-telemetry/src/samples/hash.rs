//! Where a key stands in a table. Nothing on the disk depends on it, and no order ever does.

/// Multiply and fold, eight bytes at a time.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let fold = |hash: u64, word: u64| {
        let wide = u128::from(hash ^ word ^ FACTOR) * u128::from(FACTOR | 1);
        (wide as u64) ^ (wide >> 64) as u64
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = bytes.len() as u64;
    for word in words {
        hash = fold(hash, u64::from_le_bytes(*word)).rotate_left(23);
    }
    let last = rest
        .iter()
        .fold(0, |word, byte| word << 8 | u64::from(*byte));
    fold(fold(hash, last), FACTOR)
}
