//! Moments and lengths of time, as parameters have them.

use super::envelope::Failure;

/// Milliseconds since 1970 of seconds with a fraction, or of RFC 3339.
pub(crate) fn moment(name: &str, text: &str) -> Result<i64, Failure> {
    let seconds = text.parse::<f64>().ok().filter(|s| s.is_finite());
    if let Some(seconds) = seconds {
        // The cast keeps to the ends of what an i64 holds.
        return Ok((seconds * 1000.0).round() as i64);
    }
    match text {
        // What Go's clients say when they mean the beginning and the end of time.
        "-292273086-05-16T16:47:06Z" => return Ok(i64::MIN / 1_000_000),
        "+292277025-08-18T07:12:54.999999999Z" => return Ok(i64::MAX / 1_000_000),
        _ => {}
    }
    rfc3339(text).ok_or_else(|| {
        Failure::parameter(
            name,
            format!("cannot parse \"{text}\" to a valid timestamp"),
        )
    })
}

/// Milliseconds of seconds with a fraction, or of `5m`.
pub(super) fn span(name: &str, text: &str) -> Result<i64, Failure> {
    let invalid =
        || Failure::parameter(name, format!("cannot parse \"{text}\" to a valid duration"));
    if let Ok(seconds) = text.parse::<f64>() {
        let ms = seconds * 1000.0;
        return match ms.is_finite() && ms.abs() < i64::MAX as f64 / 1e6 {
            true => Ok(ms.round() as i64),
            false => Err(invalid()),
        };
    }
    ondol_query::parse_duration(text).map_err(|_| invalid())
}

/// Milliseconds since 1970 of `2026-01-31T12:00:00.5+09:00`.
pub(crate) fn rfc3339(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once(['T', 't'])?;
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = rest.split_at(zone_at);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let in_range = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !in_range {
        return None;
    }
    let offset_minutes = match zone {
        "Z" | "z" => 0,
        _ => {
            let [hours, minutes] = numbers(zone.get(1..)?, ':', [2, 2])?;
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            sign * (hours * 60 + minutes)
        }
    };
    let ms: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let minutes = (days(year, month, day) * 24 + hour) * 60 + minute - offset_minutes;
    Some((minutes * 60 + second) * 1000 + ms)
}

fn numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next()?;
        let is_number = part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit());
        *number = is_number.then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(numbers)
}

/// Days since 1970 of a date of the Gregorian calendar; years begin in March, so that a leap day is the last one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// RFC 3339 of milliseconds since 1970, in UTC.
pub(super) fn shown(ms: i64) -> String {
    let (day, rest) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, ms) = (rest / 1000 % 60, rest % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_each_of_their_forms() {
        let read = |text| moment("time", text).unwrap();
        assert_eq!(read("1435781451.781"), 1_435_781_451_781);
        assert_eq!(read("2015-07-01T20:10:51.781Z"), 1_435_781_451_781);
        assert_eq!(read("2015-07-02T05:10:51.7815+09:00"), 1_435_781_451_781);
        assert_eq!(read("2000-02-29T00:00:00-01:30"), 951_787_800_000);
        assert_eq!(shown(1_435_781_451_781), "2015-07-01T20:10:51.781Z");
        assert_eq!(shown(-1), "1969-12-31T23:59:59.999Z");
        for wrong in [
            "",
            "x",
            "2015-07-01",
            "2015-13-01T00:00:00Z",
            "NaN",
            "2015-07-01T00:00:00",
        ] {
            assert!(moment("time", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_day_is_shown_as_it_is_read() {
        for day in (-800_000..800_000).step_by(97) {
            let ms = day * 86_400_000 + 5;
            assert_eq!(
                moment("t", &shown(ms)).ok(),
                (ms > -62_167_219_200_000).then_some(ms)
            );
        }
    }

    #[test]
    fn lengths_are_seconds_or_durations() {
        assert_eq!(span("step", "1.5"), Ok(1500));
        assert_eq!(span("step", "5m"), Ok(300_000));
        assert!(span("step", "1e300").is_err() && span("step", "five").is_err());
    }
}
