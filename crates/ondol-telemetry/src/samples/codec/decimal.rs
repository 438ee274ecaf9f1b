//! Numbers as integers with a common power of ten.

/// More digits behind the point are not looked for.
pub(super) const EXPONENT_MAX: u8 = 12;
const POWERS: [f64; EXPONENT_MAX as usize + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
];
/// Integers up to here are exact in a double.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The smallest exponent with which all of them are whole, their integers into `whole`. None for what is no decimal:
/// infinities, negative zeros and long fractions too.
pub(super) fn whole(values: &[u64], whole: &mut Vec<i64>) -> Option<u8> {
    whole.clear();
    let mut exponent = 0;
    for bits in values {
        loop {
            if let Some(integer) = scaled(f64::from_bits(*bits), exponent) {
                whole.push(integer);
                break;
            }
            if exponent == EXPONENT_MAX {
                return None;
            }
            exponent += 1;
        }
    }
    // Those before the exponent grew are not scaled enough.
    for (integer, bits) in whole.iter_mut().zip(values) {
        *integer = scaled(f64::from_bits(*bits), exponent)?;
    }
    Some(exponent)
}

/// The number that was `integer`.
#[inline]
pub(super) fn number(integer: i64, exponent: u8) -> f64 {
    let power = POWERS.get(usize::from(exponent)).copied().unwrap_or(1.0);
    integer as f64 / power
}

#[inline]
fn scaled(value: f64, exponent: u8) -> Option<i64> {
    let power = POWERS.get(usize::from(exponent))?;
    let scaled = (value * power).round();
    let is_exact = scaled.abs() < EXACT_MAX; // no NaN is
    let integer = scaled as i64;
    (is_exact && number(integer, exponent).to_bits() == value.to_bits()).then_some(integer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_come_back_to_the_last_bit_and_others_are_refused() {
        let mut integers = Vec::new();
        let mut go = |values: &[f64]| {
            let bits: Vec<u64> = values.iter().map(|v| v.to_bits()).collect();
            let exponent = whole(&bits, &mut integers)?;
            for (integer, bits) in integers.iter().zip(&bits) {
                assert_eq!(number(*integer, exponent).to_bits(), *bits);
            }
            Some(exponent)
        };
        assert_eq!(go(&[1.0, 2.0, -7.0, 0.0]), Some(0));
        assert_eq!(go(&[1.0, 0.25, 3.5]), Some(2));
        assert_eq!(go(&[0.013_758]), Some(6));
        for odd in [
            f64::NAN,
            f64::INFINITY,
            -0.0,
            1.0 / 3.0,
            1e300,
            0.013_300_656_000_000_001,
        ] {
            assert_eq!(go(&[odd]), None, "{odd}");
        }
    }
}
