//! Figures as people read them: `humanize` and its kin, times and durations, as Prometheus and Go write them.

use crate::number::significant;

/// With a prefix of the metric system.
pub(super) fn humanize(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return significant(value, 4);
    }
    let (value, prefix) = scaled(value);
    format!("{}{prefix}", significant(value, 4))
}

/// With a prefix of powers of 1024.
pub(super) fn humanize1024(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return significant(value, 4);
    }
    let (mut value, mut prefix) = (value, "");
    for next in ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"] {
        if value.abs() < 1024.0 {
            break;
        }
        (value, prefix) = (value / 1024.0, next);
    }
    format!("{}{prefix}", significant(value, 4))
}

/// Seconds as days, hours, minutes and seconds, or as parts of a second.
pub(super) fn humanize_duration(value: f64) -> String {
    if !value.is_finite() {
        return significant(value, 4);
    }
    if value == 0.0 {
        return "0s".to_owned();
    }
    if value.abs() < 1.0 {
        let (value, prefix) = scaled(value);
        return format!("{}{prefix}s", significant(value, 4));
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let whole = value.abs() as u64;
    let (days, hours) = (whole / 86_400, whole / 3_600 % 24);
    let (minutes, seconds) = (whole / 60 % 60, whole % 60);
    match (days, hours, minutes) {
        (1.., ..) => format!("{sign}{days}d {hours}h {minutes}m {seconds}s"),
        (_, 1.., _) => format!("{sign}{hours}h {minutes}m {seconds}s"),
        (_, _, 1..) => format!("{sign}{minutes}m {seconds}s"),
        _ => format!("{sign}{}s", significant(value.abs(), 4)),
    }
}

pub(super) fn humanize_percentage(value: f64) -> String {
    format!("{}%", significant(value * 100.0, 4))
}

/// Seconds of Unix time.
pub(super) fn humanize_timestamp(seconds: f64) -> Result<String, String> {
    match seconds.is_finite() {
        true => milliseconds(seconds).map(time),
        false => Ok(significant(seconds, 4)),
    }
}

/// Seconds as the milliseconds that a time is.
pub(super) fn milliseconds(seconds: f64) -> Result<i64, String> {
    let ms = seconds * 1000.0;
    // Go's nanoseconds of a time end with the year 2262.
    match ms.abs() < i64::MAX as f64 / 1e6 {
        true => Ok(ms as i64),
        false => Err(format!("{} s is no time", significant(seconds, 4))),
    }
}

/// A moment as Go prints it: `2026-11-21 18:04:05.25 +0000 UTC`.
pub(super) fn time(ms: i64) -> String {
    let (year, month, day) = crate::calendar::date(ms.div_euclid(86_400_000));
    let of_day = ms.rem_euclid(86_400_000);
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, fraction) = (of_day / 1000 % 60, of_day % 1000);
    let fraction = match fraction {
        0 => String::new(),
        _ => format!(".{fraction:03}").trim_end_matches('0').to_owned(),
    };
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction} +0000 UTC")
}

/// A length of time as Go prints it: `1h15m30.5s`, `1.5ms`.
pub(super) fn duration(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs();
    let with = |value: u64, unit: u64, name: &str| {
        let fraction = format!("{:0width$}", value % unit, width = unit.ilog10() as usize);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{}{point}{fraction}{name}", value / unit)
    };
    let text = match ns {
        0 => "0s".to_owned(),
        1..1_000 => format!("{ns}ns"),
        1_000..1_000_000 => with(ns, 1_000, "µs"),
        1_000_000..1_000_000_000 => with(ns, 1_000_000, "ms"),
        _ => {
            let seconds = with(ns % 60_000_000_000, 1_000_000_000, "s");
            match (ns / 3_600_000_000_000, ns / 60_000_000_000) {
                (0, 0) => seconds,
                (0, minutes) => format!("{minutes}m{seconds}"),
                (hours, minutes) => format!("{hours}h{}m{seconds}", minutes % 60),
            }
        }
    };
    format!("{sign}{text}")
}

/// A number between 1 and 1000, or beyond the last prefix, and its prefix.
fn scaled(value: f64) -> (f64, &'static str) {
    let (mut value, mut prefix) = (value, "");
    if value.abs() >= 1.0 {
        for next in ["k", "M", "G", "T", "P", "E", "Z", "Y"] {
            if value.abs() < 1000.0 {
                break;
            }
            (value, prefix) = (value / 1000.0, next);
        }
    } else {
        for next in ["m", "u", "n", "p", "f", "a", "z", "y"] {
            if value.abs() >= 1.0 {
                break;
            }
            (value, prefix) = (value * 1000.0, next);
        }
    }
    (value, prefix)
}
