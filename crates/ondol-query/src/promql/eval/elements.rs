//! Functions of one value.

use crate::Histogram;
use crate::calendar::Date;
use crate::kahan::Kahan;

/// Of a number.
pub(super) fn of_float(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "acos" => f64::acos,
        "acosh" => f64::acosh,
        "asin" => f64::asin,
        "asinh" => f64::asinh,
        "atan" => f64::atan,
        "atanh" => f64::atanh,
        "ceil" => f64::ceil,
        "cos" => f64::cos,
        "cosh" => f64::cosh,
        "deg" => f64::to_degrees,
        "exp" => f64::exp,
        "floor" => f64::floor,
        "ln" => f64::ln,
        "log10" => f64::log10,
        "log2" => f64::log2,
        "rad" => f64::to_radians,
        "sgn" => |value| {
            if value < 0.0 {
                -1.0
            } else if value > 0.0 {
                1.0
            } else {
                value
            }
        },
        "sin" => f64::sin,
        "sinh" => f64::sinh,
        "sqrt" => f64::sqrt,
        "tan" => f64::tan,
        "tanh" => f64::tanh,
        _ => return None,
    })
}

/// Of seconds since 1970.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "parts of a date are small; seconds beyond the calendar are cut to its end"
)]
pub(super) fn date(name: &str) -> Option<fn(f64) -> f64> {
    fn of(value: f64) -> Date {
        // Some three hundred million years.
        Date::of(value.clamp(-1e16, 1e16) as i64)
    }
    Some(match name {
        "day_of_month" => |value| of(value).day as f64,
        "day_of_week" => |value| of(value).weekday as f64,
        "day_of_year" => |value| of(value).year_day as f64,
        "days_in_month" => |value| of(value).days_in_month() as f64,
        "hour" => |value| of(value).hour as f64,
        "minute" => |value| of(value).minute as f64,
        "month" => |value| of(value).month as f64,
        "year" => |value| of(value).year as f64,
        _ => return None,
    })
}

/// Of a histogram.
pub(super) fn of_histogram(name: &str) -> Option<fn(&Histogram) -> f64> {
    Some(match name {
        "histogram_avg" => |histogram| histogram.sum / histogram.count,
        "histogram_count" => |histogram| histogram.count,
        "histogram_sum" => |histogram| histogram.sum,
        "histogram_stddev" => |histogram| variance(histogram).sqrt(),
        "histogram_stdvar" => variance,
        _ => return None,
    })
}

/// As if each observation were in the middle of its bucket.
fn variance(histogram: &Histogram) -> f64 {
    let mean = histogram.sum / histogram.count;
    let mut squares = Kahan::default();
    for bucket in histogram.rising_as_they_are() {
        if bucket.count == 0.0 {
            continue;
        }
        let middle = if histogram.has_custom_buckets() {
            f64::midpoint(bucket.upper, bucket.lower)
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            let middle = (bucket.upper * bucket.lower).sqrt();
            if bucket.upper < 0.0 { -middle } else { middle }
        };
        let delta = middle - mean;
        squares.add(bucket.count * delta * delta);
    }
    squares.total() / histogram.count
}

/// To the nearest multiple; halves upward.
pub(super) fn round(value: f64, to_nearest: f64) -> f64 {
    // The inverse, because 0.1 is not exact but 10 is.
    let inverse = 1.0 / to_nearest;
    (value * inverse + 0.5).floor() / inverse
}

/// None when the bounds leave nothing.
pub(super) fn clamp(value: f64, least: f64, most: f64) -> Option<f64> {
    if most < least {
        return None;
    }
    if value.is_nan() || least.is_nan() || most.is_nan() {
        return Some(f64::NAN);
    }
    Some(least.max(most.min(value)))
}
