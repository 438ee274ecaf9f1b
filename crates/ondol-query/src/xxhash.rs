//! XXH64, with seed 0: the hash by which Prometheus chooses the series of `limit_ratio`.

const PRIMES: [u64; 5] = [
    0x9e37_79b1_85eb_ca87,
    0xc2b2_ae3d_27d4_eb4f,
    0x1656_67b1_9e37_79f9,
    0x85eb_ca77_c2b2_ae63,
    0x27d4_eb2f_1656_67c5,
];

pub(crate) fn hash(input: &[u8]) -> u64 {
    let [p1, p2, p3, p4, p5] = PRIMES;
    let (stripes, mut rest) = input.as_chunks::<32>();
    let mut state = if stripes.is_empty() {
        p5
    } else {
        let mut lanes = [p1.wrapping_add(p2), p2, 0, 0_u64.wrapping_sub(p1)];
        for stripe in stripes {
            let (words, _) = stripe.as_chunks::<8>();
            for (lane, word) in lanes.iter_mut().zip(words) {
                *lane = round(*lane, u64::from_le_bytes(*word));
            }
        }
        let turns = [1, 7, 12, 18];
        let joined = lanes.iter().zip(turns).fold(0_u64, |sum, (lane, turn)| {
            sum.wrapping_add(lane.rotate_left(turn))
        });
        lanes.iter().fold(joined, |state, lane| {
            (state ^ round(0, *lane)).wrapping_mul(p1).wrapping_add(p4)
        })
    };
    state = state.wrapping_add(input.len() as u64);
    while let Some((word, left)) = rest.split_first_chunk::<8>() {
        state ^= round(0, u64::from_le_bytes(*word));
        state = state.rotate_left(27).wrapping_mul(p1).wrapping_add(p4);
        rest = left;
    }
    if let Some((word, left)) = rest.split_first_chunk::<4>() {
        state ^= u64::from(u32::from_le_bytes(*word)).wrapping_mul(p1);
        state = state.rotate_left(23).wrapping_mul(p2).wrapping_add(p3);
        rest = left;
    }
    for byte in rest {
        state ^= u64::from(*byte).wrapping_mul(p5);
        state = state.rotate_left(11).wrapping_mul(p1);
    }
    state ^= state >> 33;
    state = state.wrapping_mul(p2);
    state ^= state >> 29;
    state = state.wrapping_mul(p3);
    state ^ (state >> 32)
}

fn round(lane: u64, word: u64) -> u64 {
    lane.wrapping_add(word.wrapping_mul(PRIMES[1]))
        .rotate_left(31)
        .wrapping_mul(PRIMES[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_specification() {
        assert_eq!(hash(b""), 0xef46_db37_51d8_e999);
        assert_eq!(hash(b"a"), 0xd24e_c4f1_a98c_6e5b);
        assert_eq!(
            hash(b"Nobody inspects the spammish repetition"),
            0xfbce_a83c_8a37_8bf1
        );
    }
}
