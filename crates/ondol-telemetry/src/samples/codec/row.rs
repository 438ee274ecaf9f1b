//! A row in the log: what changed since the row before.

use super::ABSENT;
use crate::bytes::{Malformed, Put, Take, unzigzag, zigzag};

/// Appends `row`, as wide as `before`.
pub(in crate::samples) fn encode(row: &[u64], before: &[u64], into: &mut Vec<u8>) {
    let start = into.len();
    into.resize(start + row.len().div_ceil(8), 0);
    for (at, (bits, before)) in row.iter().zip(before).enumerate() {
        if bits == before {
            continue;
        }
        if let Some(flags) = into.get_mut(start + at / 8) {
            *flags |= 1 << (at % 8);
        }
        match (integer(*bits), integer(*before).unwrap_or(0)) {
            (Some(integer), base) => into.put_varint(zigzag(integer - base) << 1),
            (None, _) => {
                let changed = bits ^ before;
                let tail = (changed.trailing_zeros() / 8).min(7);
                let lead = (changed.leading_zeros() / 8).min(7 - tail);
                into.put_varint(u64::from(lead * 8 + tail) << 1 | 1);
                let bytes = (changed >> (tail * 8)).to_le_bytes();
                let kept = (8 - lead - tail) as usize;
                into.extend_from_slice(bytes.get(..kept).unwrap_or_default());
            }
        }
    }
}

/// Turns `row`, which is the row before, into the next one.
pub(in crate::samples) fn decode(from: &mut Take<'_>, row: &mut [u64]) -> Result<(), Malformed> {
    let flags = from.slice(row.len().div_ceil(8))?;
    for (eight, flags) in row.chunks_mut(8).zip(flags) {
        if *flags == 0 {
            continue;
        }
        for (at, bits) in eight.iter_mut().enumerate() {
            if flags >> at & 1 == 1 {
                *bits = changed(*bits, from)?;
            }
        }
    }
    Ok(())
}

fn changed(before: u64, from: &mut Take<'_>) -> Result<u64, Malformed> {
    let token = from.varint()?;
    if token & 1 == 0 {
        let base = integer(before).unwrap_or(0);
        return Ok((base.wrapping_add(unzigzag(token >> 1)) as f64).to_bits());
    }
    let (lead, tail) = ((token >> 4) as usize, (token >> 1 & 7) as usize);
    let kept = 8_usize
        .checked_sub(lead.saturating_add(tail))
        .ok_or(Malformed)?;
    let mut bytes = [0; 8];
    let there = from.slice(kept)?;
    bytes
        .get_mut(..kept)
        .ok_or(Malformed)?
        .copy_from_slice(there);
    Ok(before ^ u64::from_le_bytes(bytes) << (tail * 8))
}

/// The whole number that these bits are.
fn integer(bits: u64) -> Option<i64> {
    const MAX: i64 = 1 << 53;
    if bits == ABSENT {
        return None;
    }
    let integer = f64::from_bits(bits) as i64;
    let same = (integer as f64).to_bits() == bits && (-MAX..=MAX).contains(&integer);
    same.then_some(integer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::fake::Dice;

    #[test]
    fn every_row_comes_back_after_the_one_before() {
        let mut dice = Dice(11);
        let mut before = vec![ABSENT; 100];
        let mut replayed = before.clone();
        for _ in 0..500 {
            let value = |(at, bits): (usize, &u64)| match at % 6 {
                0 => *bits,
                1 => (f64::from_bits(*bits).max(0.0) + dice.below(9) as f64).to_bits(),
                2 => (dice.below(1000) as f64 / 8.0).to_bits(),
                3 => [ABSENT, (1_u64 << 53) as f64 as u64, (-0.0_f64).to_bits()]
                    [dice.below(3) as usize],
                4 => (-((1_i64 << 53) as f64)).to_bits() ^ (dice.below(2) << 63),
                _ => dice.next(),
            };
            let row: Vec<u64> = before.iter().enumerate().map(value).collect();
            let mut bytes = Vec::new();
            encode(&row, &before, &mut bytes);
            let mut take = Take(&bytes);
            decode(&mut take, &mut replayed).unwrap();
            assert!(take.is_empty());
            assert_eq!(replayed, row);
            before = row;
        }
    }
}
