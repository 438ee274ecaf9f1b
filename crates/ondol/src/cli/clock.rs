//! The only place of the command line that asks what time it is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::args::Since;

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the clock module")]
pub(crate) fn now_unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

/// Since 1970.
pub(crate) fn since_1970() -> Duration {
    Duration::from_millis(now_unix_ms())
}

/// Reads `10m`, `1h30m`, `2026-01-31T12:00:00Z`, `2026-01-31` or seconds since 1970.
pub(crate) fn since(text: &str) -> Result<Since, String> {
    read(text, now_unix_ms()).map(Since).ok_or_else(|| {
        "expected a time ago such as 10m or 2h, or a moment such as 2026-01-31T12:00:00Z".into()
    })
}

/// `2026-01-31T12:00:00.123Z`
pub(crate) fn rfc3339(unix_ms: u64) -> String {
    let (days, ms) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    let (year, month, day) = date(days as i64);
    let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
    let (second, ms) = (ms / 1000 % 60, ms % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// `3 s`, `5 min`, `2 h`, `4 d`: as exact as people need it.
pub(crate) fn span(length: Duration) -> String {
    match length.as_secs() {
        0 if length.as_millis() > 0 => format!("{} ms", length.as_millis()),
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7_199 => format!("{} min", seconds / 60),
        seconds @ 7_200..=172_799 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

fn read(text: &str, now: u64) -> Option<u64> {
    if let Ok(seconds) = text.parse::<u64>() {
        return seconds.checked_mul(1000);
    }
    ago(text)
        .map(|ago| now.saturating_sub(ago))
        .or_else(|| moment(text))
}

/// Milliseconds of `1h30m`.
fn ago(text: &str) -> Option<u64> {
    let mut total = 0u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .filter(|at| *at > 0)?;
        let (number, after) = rest.split_at(digits);
        let unit = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let factor = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        let part = number.parse::<u64>().ok()?.checked_mul(factor)?;
        total = total.checked_add(part)?;
        rest = after;
    }
    Some(total)
}

/// RFC 3339 with `Z` or an offset; without a time it is midnight, without a zone UTC.
fn moment(text: &str) -> Option<u64> {
    let (day, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
    let mut parts = day.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let zone = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (time, zone) = time.split_at(zone);
    let mut parts = time.splitn(3, ':');
    let hour: u64 = parts.next()?.parse().ok().filter(|hour| *hour < 24)?;
    let minute: u64 = parts.next()?.parse().ok().filter(|minute| *minute < 60)?;
    let second: f64 = parts.next().unwrap_or("0").parse().ok()?;
    if !(0.0..61.0).contains(&second) {
        return None;
    }
    let ms = ((hour * 60 + minute) * 60_000) as i64 + (second * 1000.0) as i64;
    let utc = days(year, month, day) * 86_400_000 + ms - offset(zone)?;
    u64::try_from(utc).ok()
}

/// Milliseconds of `+02:00`.
fn offset(zone: &str) -> Option<i64> {
    let sign = match zone.chars().next() {
        None | Some('Z' | 'z') => return Some(0),
        Some('-') => -1,
        Some(_) => 1,
    };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
    (0..24 * 60)
        .contains(&minutes)
        .then_some(sign * minutes * 60_000)
}

/// Days since 1970 of a day of the Gregorian calendar: years are counted from March, so that the day that
/// some of them have more is their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The other way round.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_769_860_800_000;

    #[test]
    fn moments_are_read_and_shown() {
        for text in [
            "2026-01-31T12:00:00Z",
            "2026-01-31 12:00:00",
            "2026-01-31T14:00:00+02:00",
            "2026-01-31T08:30:00.000-03:30",
            "1769860800",
        ] {
            assert_eq!(read(text, 0), Some(NOON), "{text}");
        }
        assert_eq!(rfc3339(NOON + 7), "2026-01-31T12:00:00.007Z");
        assert_eq!(rfc3339(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(read("2000-02-29", 0), Some(951_782_400_000));
    }

    #[test]
    fn times_ago_are_read() {
        assert_eq!(read("1h30m", NOON), Some(NOON - 5_400_000));
        assert_eq!(read("10s", NOON), Some(NOON - 10_000));
        assert_eq!(read("999999d", NOON), Some(0));
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "yesterday",
            "10x",
            "m",
            "2026-13-01",
            "2026-01-31T25:00",
            "99999999999999999999d",
            "2026-1-1T1:1:nan",
        ] {
            assert_eq!(
                read(text, NOON).filter(|_| !text.is_empty()),
                None,
                "{text}"
            );
        }
    }

    #[test]
    fn every_day_of_eight_centuries_is_its_own() {
        let mut before = (1969, 12, 31);
        for number in 0..300_000 {
            let day = date(number);
            assert!(day > before, "{day:?} after {before:?}");
            assert_eq!(days(day.0, day.1, day.2), number);
            before = day;
        }
    }

    #[test]
    fn spans_are_as_exact_as_people_need() {
        let words = [3, 119, 120, 7_200, 200_000].map(|s| span(Duration::from_secs(s)));
        assert_eq!(words, ["3 s", "119 s", "2 min", "2 h", "2 d"]);
        assert_eq!(span(Duration::from_millis(40)), "40 ms");
    }
}
