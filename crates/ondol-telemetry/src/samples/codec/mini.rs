//! Up to sixteen values of one series: how they wait in memory.

use ondol_query::STALE_NAN_BITS;

use super::{ABSENT, decimal};
use crate::bytes::{Malformed, Put, Take};

/// So many at most.
pub(in crate::samples) const MINI_ROWS: usize = 16;

const ALL_ABSENT: u8 = 0;
const ALL_STALE: u8 = 1;
/// One whole number, again and again.
const SAME_WHOLE: u8 = 2;
const SAME: u8 = 3;
/// Differences of bits.
const BITS: u8 = 4;
/// From here on: differences of decimals, and the exponent.
const DECIMAL: u8 = 16;

/// Appends `values` to `into`; `whole` is scratch.
pub(in crate::samples) fn encode(values: &[u64], whole: &mut Vec<i64>, into: &mut Vec<u8>) {
    let Some((first, rest)) = values.split_first() else {
        return;
    };
    if rest.iter().all(|value| value == first) {
        return encode_same(*first, into);
    }
    match decimal::whole(values, whole) {
        Some(exponent) => {
            into.push(DECIMAL + exponent);
            encode_whole(whole, into);
        }
        None => {
            into.push(BITS);
            let mut before = 0;
            for value in values {
                let changed = value ^ before;
                let (lead, tail) = (changed.leading_zeros() / 8, changed.trailing_zeros() / 8);
                let tail = tail.min(7);
                let lead = lead.min(7 - tail);
                into.push((lead << 4 | tail) as u8);
                let kept = 8 - lead - tail;
                let bytes = (changed >> (tail * 8)).to_le_bytes();
                into.extend_from_slice(bytes.get(..kept as usize).unwrap_or_default());
                before = *value;
            }
        }
    }
}

fn encode_same(value: u64, into: &mut Vec<u8>) {
    let number = f64::from_bits(value);
    let integer = number as i64;
    match value {
        ABSENT => into.push(ALL_ABSENT),
        STALE_NAN_BITS => into.push(ALL_STALE),
        _ if (integer as f64).to_bits() == value && integer.abs() < 1 << 48 => {
            into.push(SAME_WHOLE);
            into.put_signed(integer);
        }
        _ => {
            into.push(SAME);
            into.put_u64(value);
        }
    }
}

/// First number, smallest difference, and how much each difference is above it, in as many bits as the largest needs.
fn encode_whole(whole: &[i64], into: &mut Vec<u8>) {
    // All are below 2^53, so no difference overflows.
    let steps = || whole.windows(2).map(|pair| pair[1] - pair[0]);
    let least = steps().min().unwrap_or(0);
    let most = steps().max().unwrap_or(0);
    let width = 64 - ((most - least) as u64).leading_zeros();
    into.put_signed(whole.first().copied().unwrap_or(0));
    into.put_signed(least);
    into.push(width as u8);
    let (mut held, mut count) = (0_u128, 0);
    for step in steps() {
        held |= u128::from((step - least) as u64) << count;
        count += width;
        while count >= 8 {
            into.push(held as u8);
            held >>= 8;
            count -= 8;
        }
    }
    if count > 0 {
        into.push(held as u8);
    }
}

/// Takes `rows` values from the front, appended to `into`.
pub(in crate::samples) fn decode(
    from: &mut Take<'_>,
    rows: usize,
    into: &mut Vec<u64>,
) -> Result<(), Malformed> {
    let same = |value: u64, into: &mut Vec<u64>| into.resize(into.len() + rows, value);
    match from.u8()? {
        ALL_ABSENT => same(ABSENT, into),
        ALL_STALE => same(STALE_NAN_BITS, into),
        SAME_WHOLE => same((from.signed()? as f64).to_bits(), into),
        SAME => same(from.u64()?, into),
        BITS => {
            let mut before = 0;
            for _ in 0..rows {
                let head = from.u8()?;
                let (lead, tail) = (usize::from(head >> 4), usize::from(head & 7));
                let kept = 8_usize.checked_sub(lead + tail).ok_or(Malformed)?;
                let mut bytes = [0; 8];
                let there = from.slice(kept)?;
                bytes
                    .get_mut(..kept)
                    .ok_or(Malformed)?
                    .copy_from_slice(there);
                before ^= u64::from_le_bytes(bytes) << (tail * 8);
                into.push(before);
            }
        }
        kind => {
            let exponent = kind.checked_sub(DECIMAL).ok_or(Malformed)?;
            decode_whole(from, rows, exponent, into)?;
        }
    }
    Ok(())
}

fn decode_whole(
    from: &mut Take<'_>,
    rows: usize,
    exponent: u8,
    into: &mut Vec<u64>,
) -> Result<(), Malformed> {
    let mut value = from.signed()?;
    let least = from.signed()?;
    let width = u32::from(from.u8()?);
    if width > 64 || exponent > decimal::EXPONENT_MAX {
        return Err(Malformed);
    }
    into.push(decimal::number(value, exponent).to_bits());
    let mask = (1_u128 << width) - 1;
    let (mut held, mut count) = (0_u128, 0);
    for _ in 1..rows {
        while count < width {
            held |= u128::from(from.u8()?) << count;
            count += 8;
        }
        let above = (held & mask) as u64;
        held >>= width;
        count -= width;
        value = value.wrapping_add(least).wrapping_add(above as i64);
        into.push(decimal::number(value, exponent).to_bits());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::fake::Dice;

    /// Values of the kinds that are met.
    fn values(dice: &mut Dice) -> Vec<u64> {
        let rows = 1 + dice.below(MINI_ROWS as u64) as usize;
        let kind = dice.below(8);
        let mut counter = dice.below(1 << 40) as f64;
        let mut value = |_| match kind {
            0 => counter.to_bits(),
            1 => {
                counter += dice.below(50) as f64;
                counter.to_bits()
            }
            2 => (dice.below(100_000) as f64 / 100.0).to_bits(),
            3 => (dice.below(1 << 53) as f64 / (1_u64 << 53) as f64).to_bits(),
            4 => ABSENT,
            5 => STALE_NAN_BITS,
            6 => dice.next(),
            _ => [ABSENT, STALE_NAN_BITS, 0, 1.5_f64.to_bits()][dice.below(4) as usize],
        };
        (0..rows).map(&mut value).collect()
    }

    #[test]
    fn every_bit_comes_back() {
        let (mut dice, mut whole) = (Dice(1), Vec::new());
        for _ in 0..20_000 {
            let values = values(&mut dice);
            let (mut bytes, mut back) = (Vec::new(), Vec::new());
            encode(&values, &mut whole, &mut bytes);
            let mut take = Take(&bytes);
            assert_eq!(decode(&mut take, values.len(), &mut back), Ok(()));
            assert_eq!(back, values);
            assert!(take.is_empty());
        }
    }

    #[test]
    fn a_steady_counter_takes_half_a_byte_each() {
        let values: Vec<u64> = (0..16)
            .map(|n| ((n * 37 + 1_000_000) as f64).to_bits())
            .collect();
        let mut bytes = Vec::new();
        encode(&values, &mut Vec::new(), &mut bytes);
        assert!(bytes.len() <= 8, "{}", bytes.len());
    }

    #[test]
    fn any_bytes_are_values_or_malformed() {
        let mut dice = Dice(7);
        for _ in 0..50_000 {
            let bytes: Vec<u8> = (0..dice.below(40)).map(|_| dice.next() as u8).collect();
            let mut back = Vec::new();
            if decode(&mut Take(&bytes), 16, &mut back).is_ok() {
                assert_eq!(back.len(), 16);
            }
        }
    }
}
