//! Numbers made small.
//!
//! Most numbers that are measured are short decimals: kept as integers with a common exponent, their differences are
//! tiny. A column that is no such thing is kept as differences of bits. All of it is lossless to the last bit.

pub(super) mod column;
mod decimal;
pub(super) mod histogram;
pub(super) mod mini;
pub(super) mod row;
pub(super) mod times;

use ondol_query::STALE_NAN_BITS;

/// No sample here: the series was not in this scrape. Never a value that came from outside.
pub(super) const ABSENT: u64 = 0x7ff0_0000_0000_0003;
const PLAIN_NAN: u64 = 0x7ff8_0000_0000_0001;

/// The bits that are kept for a value: of all NaNs only the staleness marker stays apart.
pub(super) fn bits_of(value: f64) -> u64 {
    let bits = value.to_bits();
    match value.is_nan() && bits != STALE_NAN_BITS {
        true => PLAIN_NAN,
        false => bits,
    }
}

/// Whether a series has a value there that it could end after.
pub(super) fn is_live(bits: u64) -> bool {
    bits != ABSENT && bits != STALE_NAN_BITS
}
