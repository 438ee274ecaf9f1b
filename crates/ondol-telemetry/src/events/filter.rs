//! Which words are in a block: a split-block Bloom filter.
//!
//! Each word sets one bit in each of eight neighbouring 32-bit words, so that asking touches one cache line. With ten
//! bits for each word about one block in a hundred is read in vain.

const BITS_PER_TOKEN: usize = 10;
const LANES: usize = 8;
const SALTS: [u32; LANES] = [
    0x47b6_137b,
    0x4497_4d91,
    0x8824_ad5b,
    0xa2b7_289d,
    0x7054_95c7,
    0x2df1_424b,
    0x9efc_4947,
    0x5c6b_fb31,
];

/// A word's hash. Stable: it is on the disk.
pub(super) fn token_hash(token: &[u8]) -> u64 {
    // FNV-1a, and a finish that spreads it over all bits.
    let hash = token.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ (hash >> 32)
}

/// The words of a text: letters, digits and `_`, and whatever is not ASCII.
pub(super) fn tokens(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| !is_word(*byte))
        .filter(|token| !token.is_empty())
}

/// Words that every text has of which `part` is a part: those with both their ends in it.
pub(super) fn inner_tokens(part: &[u8]) -> impl Iterator<Item = &[u8]> {
    let start = part
        .iter()
        .position(|byte| !is_word(*byte))
        .unwrap_or(part.len());
    let end = part.iter().rposition(|byte| !is_word(*byte)).unwrap_or(0);
    tokens(part.get(start..end).unwrap_or_default())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The filter over these hashes, each once.
pub(super) fn build(hashes: &[u64]) -> Vec<u8> {
    let buckets = (hashes.len() * BITS_PER_TOKEN).div_ceil(LANES * 32).max(1);
    let mut words = vec![0_u32; buckets * LANES];
    for hash in hashes {
        let bucket = bucket(*hash, buckets);
        if let Some(lanes) = words.get_mut(bucket * LANES..(bucket + 1) * LANES) {
            for (lane, salt) in lanes.iter_mut().zip(SALTS) {
                *lane |= bit(*hash, salt);
            }
        }
    }
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Whether the word may be there.
pub(super) fn may_have(filter: &[u8], hash: u64) -> bool {
    let (words, _) = filter.as_chunks::<4>();
    let bucket = bucket(hash, words.len() / LANES);
    let lanes = words
        .get(bucket * LANES..(bucket + 1) * LANES)
        .unwrap_or_default();
    let has = |(lane, salt): (&[u8; 4], u32)| u32::from_le_bytes(*lane) & bit(hash, salt) != 0;
    lanes.iter().zip(SALTS).all(has)
}

fn bucket(hash: u64, buckets: usize) -> usize {
    ((u128::from(hash >> 32) * buckets as u128) >> 32) as usize
}

fn bit(hash: u64, salt: u32) -> u32 {
    1 << ((hash as u32).wrapping_mul(salt) >> 27)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found_and_little_else_is() {
        let hash = |n: u32| token_hash(n.to_string().as_bytes());
        let hashes: Vec<u64> = (0..5000).map(hash).collect();
        let filter = build(&hashes);
        assert!(hashes.iter().all(|hash| may_have(&filter, *hash)));
        let wrong = (5000..105_000)
            .filter(|n| may_have(&filter, hash(*n)))
            .count();
        assert!(wrong < 2500, "{wrong} of 100,000");
        assert!(filter.len() <= 5000 * BITS_PER_TOKEN / 8 + 32);
    }

    #[test]
    fn only_whole_words_of_a_part_are_asked_for() {
        let inner = |part: &str| -> Vec<String> {
            let text = |token: &[u8]| String::from_utf8_lossy(token).into_owned();
            inner_tokens(part.as_bytes()).map(text).collect()
        };
        assert_eq!(inner("tion refused by pe"), ["refused", "by"]);
        assert_eq!(inner("[error] x"), ["error"]);
        assert!(inner("error").is_empty() && inner("").is_empty());
    }
}
