//! Numbers that are as good as equal.

/// Whether they differ by no more than `epsilon` of their size. NaN equals NaN here, and the staleness marker only
/// itself.
#[expect(
    clippy::float_cmp,
    reason = "exactly equal numbers are equal, infinities among them"
)]
#[must_use]
pub fn equal(a: f64, b: f64, epsilon: f64) -> bool {
    if crate::is_stale(a) || crate::is_stale(b) {
        return crate::is_stale(a) && crate::is_stale(b);
    }
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < epsilon * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < epsilon
}
