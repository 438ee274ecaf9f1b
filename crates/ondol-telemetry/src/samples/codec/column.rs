//! A column of a segment: pages of up to 512 values, each on its own.
//!
//! A page is differences (or differences of differences) of decimals, or differences of bits, its bytes transposed: all
//! lowest bytes first, then all second ones. Bytes that are alike stand together then, and packing does the rest.

use ondol_query::STALE_NAN_BITS;

use super::{ABSENT, decimal};
use crate::bytes::{Malformed, Put, Take, unzigzag, zigzag};

/// Values in a page.
const PAGE_ROWS: usize = 512;

const BITS: u8 = 0;
const STEPS: u8 = 1;
const STEPS_OF_STEPS: u8 = 2;

/// Appends all of them; `scratch` is reused between columns.
pub(in crate::samples) fn encode(values: &[u64], scratch: &mut Scratch, into: &mut Vec<u8>) {
    for page in values.chunks(PAGE_ROWS) {
        scratch.page.clear();
        encode_page(page, scratch);
        into.put_varint(page.len() as u64);
        into.put_bytes(&scratch.page);
    }
}

/// Buffers of the encoder.
#[derive(Default)]
pub(in crate::samples) struct Scratch {
    filled: Vec<u64>,
    whole: Vec<i64>,
    words: Vec<u64>,
    other: Vec<u64>,
    page: Vec<u8>,
}

/// The values of rows `from..to`, appended to `into`; pages outside are skipped.
pub(in crate::samples) fn decode(
    column: &[u8],
    from: usize,
    to: usize,
    into: &mut Vec<u64>,
) -> Result<(), Malformed> {
    let mut take = Take(column);
    let mut row = 0;
    while row < to && !take.is_empty() {
        let rows = take.varint()? as usize;
        let page = take.bytes()?;
        if rows == 0 || rows > PAGE_ROWS {
            return Err(Malformed);
        }
        let next = row + rows;
        if next > from {
            let start = into.len();
            decode_page(page, rows, into)?;
            into.truncate(start + rows.min(to - row));
            into.drain(start..start + from.saturating_sub(row));
        }
        row = next;
    }
    Ok(())
}

fn encode_page(values: &[u64], scratch: &mut Scratch) {
    let Scratch {
        filled,
        whole,
        words,
        other,
        page,
    } = scratch;
    put_odd_runs(values, filled, page);
    match decimal::whole(filled, whole) {
        Some(exponent) => {
            steps(whole, words);
            other.clear();
            other.extend(words.iter().copied());
            steps_of_steps(whole, other);
            let size = |words: &[u64]| {
                words
                    .iter()
                    .map(|word| 64 - word.leading_zeros())
                    .sum::<u32>()
            };
            if size(other) < size(words) {
                page.push(STEPS_OF_STEPS);
                std::mem::swap(words, other);
            } else {
                page.push(STEPS);
            }
            page.push(exponent);
        }
        None => {
            page.push(BITS);
            words.clear();
            let mut before = 0;
            words.extend(
                filled
                    .iter()
                    .map(|bits| std::mem::replace(&mut before, *bits) ^ bits),
            );
        }
    }
    // The first one is large and on its own.
    let (first, rest) = words.split_first().unwrap_or((&0, &[]));
    page.put_varint(*first);
    let widest = rest.iter().fold(0, |all, word| all | word);
    let planes = (64 - widest.leading_zeros()).div_ceil(8);
    page.push(planes as u8);
    for plane in 0..planes {
        page.extend(rest.iter().map(|word| (word >> (plane * 8)) as u8));
    }
}

fn steps(whole: &[i64], words: &mut Vec<u64>) {
    words.clear();
    let mut before = 0;
    words.extend(
        whole
            .iter()
            .map(|value| zigzag(value - std::mem::replace(&mut before, *value))),
    );
}

/// The first two stand for themselves.
fn steps_of_steps(whole: &[i64], words: &mut [u64]) {
    let steps = whole
        .windows(3)
        .map(|three| three[2] - 2 * three[1] + three[0]);
    for (word, step) in words.iter_mut().skip(2).zip(steps) {
        *word = zigzag(step);
    }
}

/// Runs of what is no number (absent, stale, NaN, infinite) are kept apart; in their places `filled` repeats the number
/// before.
fn put_odd_runs(values: &[u64], filled: &mut Vec<u64>, page: &mut Vec<u8>) {
    let is_odd = |bits: u64| !f64::from_bits(bits).is_finite();
    filled.clear();
    let mut number = values
        .iter()
        .copied()
        .find(|bits| !is_odd(*bits))
        .unwrap_or(0);
    let mut runs: Vec<(usize, usize, u64)> = Vec::new();
    for (row, bits) in values.iter().copied().enumerate() {
        if is_odd(bits) {
            match runs.last_mut() {
                Some((start, len, same)) if *same == bits && *start + *len == row => *len += 1,
                _ => runs.push((row, 1, bits)),
            }
        } else {
            number = bits;
        }
        filled.push(number);
    }
    page.put_varint(runs.len() as u64);
    for (start, len, bits) in runs {
        page.put_varint(start as u64);
        page.put_varint(len as u64);
        match bits {
            ABSENT => page.push(0),
            STALE_NAN_BITS => page.push(1),
            bits => {
                page.push(2);
                page.put_u64(bits);
            }
        }
    }
}

fn decode_page(page: &[u8], rows: usize, into: &mut Vec<u64>) -> Result<(), Malformed> {
    let mut take = Take(page);
    let runs = take.count(3)?;
    let runs_from = take;
    for _ in 0..runs {
        take_odd_run(&mut take)?;
    }
    let kind = take.u8()?;
    let exponent = if kind == BITS { 0 } else { take.u8()? };
    if kind > STEPS_OF_STEPS || exponent > decimal::EXPONENT_MAX {
        return Err(Malformed);
    }
    let start = into.len();
    into.push(take.varint()?);
    let planes = usize::from(take.u8()?);
    if planes > 8 {
        return Err(Malformed);
    }
    into.resize(start + rows, 0);
    for plane in 0..planes {
        let bytes = take.slice(rows - 1)?;
        let words = into.get_mut(start + 1..).ok_or(Malformed)?;
        for (word, byte) in words.iter_mut().zip(bytes) {
            *word |= u64::from(*byte) << (plane * 8);
        }
    }
    let words = into.get_mut(start..).ok_or(Malformed)?;
    undo_steps(words, kind, exponent);
    let mut take = runs_from;
    for _ in 0..runs {
        let (from, len, bits) = take_odd_run(&mut take)?;
        let end = from.checked_add(len).ok_or(Malformed)?;
        words.get_mut(from..end).ok_or(Malformed)?.fill(bits);
    }
    Ok(())
}

fn undo_steps(words: &mut [u64], kind: u8, exponent: u8) {
    let (mut value, mut step) = (0_i64, 0_i64);
    let mut bits = 0;
    for (row, word) in words.iter_mut().enumerate() {
        match kind {
            BITS => {
                bits ^= *word;
                *word = bits;
                continue;
            }
            STEPS_OF_STEPS if row >= 2 => step = step.wrapping_add(unzigzag(*word)),
            _ => step = unzigzag(*word),
        }
        value = value.wrapping_add(step);
        *word = decimal::number(value, exponent).to_bits();
    }
}

fn take_odd_run(take: &mut Take<'_>) -> Result<(usize, usize, u64), Malformed> {
    let (start, len) = (take.varint()? as usize, take.varint()? as usize);
    let bits = match take.u8()? {
        0 => ABSENT,
        1 => STALE_NAN_BITS,
        2 => take.u64()?,
        _ => return Err(Malformed),
    };
    Ok((start, len, bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::fake::Dice;

    fn column(dice: &mut Dice) -> Vec<u64> {
        let rows = 1 + dice.below(1500) as usize;
        let (kind, mut counter) = (dice.below(6), dice.below(1 << 50) as f64);
        let value = |_| {
            if dice.below(50) == 0 {
                return [
                    ABSENT,
                    STALE_NAN_BITS,
                    f64::INFINITY.to_bits(),
                    (-0.0_f64).to_bits(),
                ][dice.below(4) as usize];
            }
            match kind {
                0 => 7.0_f64.to_bits(),
                1 => {
                    counter += 1000.0 + dice.below(3) as f64;
                    counter.to_bits()
                }
                2 => (dice.below(10_000) as f64 / 1000.0).to_bits(),
                3 => ABSENT,
                4 => (dice.below(1 << 53) as f64 / 7.0).to_bits(),
                _ => dice.next(),
            }
        };
        (0..rows).map(value).collect()
    }

    #[test]
    fn every_bit_of_any_range_of_rows_comes_back() {
        let (mut dice, mut scratch) = (Dice(3), Scratch::default());
        for _ in 0..1500 {
            let values = column(&mut dice);
            let mut bytes = Vec::new();
            encode(&values, &mut scratch, &mut bytes);
            let from = dice.below(values.len() as u64) as usize;
            let to = from + dice.below((values.len() - from) as u64 + 1) as usize;
            let mut back = vec![42];
            decode(&bytes, from, to, &mut back).unwrap();
            assert_eq!(back[1..], values[from..to]);
        }
    }

    #[test]
    fn any_bytes_are_values_or_malformed() {
        let (mut dice, mut scratch) = (Dice(9), Scratch::default());
        for _ in 0..3000 {
            let mut bytes = Vec::new();
            encode(&column(&mut dice), &mut scratch, &mut bytes);
            for _ in 0..3 {
                let at = dice.below(bytes.len() as u64) as usize;
                bytes[at] = dice.next() as u8;
            }
            let mut back = Vec::new();
            let _ = decode(&bytes, 0, 2000, &mut back);
            assert!(back.len() <= 2000);
        }
    }
}
