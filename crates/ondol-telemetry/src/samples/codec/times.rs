//! Moments in rising order: differences of differences.

use crate::bytes::{Malformed, Put, Take};

/// Appends all of them.
pub(in crate::samples) fn encode(times: &[i64], into: &mut Vec<u8>) {
    into.put_varint(times.len() as u64);
    let (mut before, mut step) = (0_i64, 0_i64);
    for time in times {
        let new_step = time.wrapping_sub(before);
        into.put_signed(new_step.wrapping_sub(step));
        (before, step) = (*time, new_step);
    }
}

/// Takes all of them.
pub(in crate::samples) fn decode(from: &mut Take<'_>) -> Result<Vec<i64>, Malformed> {
    let count = from.count(1)?;
    let mut times = Vec::with_capacity(count);
    let (mut before, mut step) = (0_i64, 0_i64);
    for _ in 0..count {
        step = step.wrapping_add(from.signed()?);
        before = before.wrapping_add(step);
        times.push(before);
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_back_and_a_steady_second_is_a_byte() {
        let times: Vec<i64> = (0..100).map(|n| 1_700_000_000_000 + n * 1000).collect();
        let mut bytes = Vec::new();
        encode(&times, &mut bytes);
        assert!(bytes.len() < 115, "{}", bytes.len());
        assert_eq!(decode(&mut Take(&bytes)), Ok(times));
        let odd = [i64::MIN, -1, 0, i64::MAX];
        bytes.clear();
        encode(&odd, &mut bytes);
        assert_eq!(decode(&mut Take(&bytes)).as_deref(), Ok(&odd[..]));
    }
}
