//! Moments, written and read by Go's layouts: `2006-01-02 15:04:05`.

mod read;

use crate::calendar::Date;

/// A moment and the distance of its clock from UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    seconds: i64,
    nanos: u32,
    offset_s: i32,
}

/// Go's zero: the first of January of year 1.
impl Default for Moment {
    fn default() -> Self {
        Self::of_seconds(-62_135_596_800)
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// What a layout asks for, those first that begin with another.
const PARTS: [&str; 34] = [
    "January",
    "Jan",
    "Monday",
    "Mon",
    "MST",
    "2006",
    "-07:00:00",
    "-07:00",
    "-0700",
    "-07",
    "Z07:00",
    "Z0700",
    "Z07",
    "002",
    "__2",
    "_2",
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "15",
    "PM",
    "pm",
    "1",
    "2",
    "3",
    "4",
    "5",
    ".0",
    ".9",
    ",0",
    ",9",
];

/// The first part of a layout: what stands before it, and what it is. A fraction is as long as it is written.
fn next_part(layout: &str) -> Option<(usize, &str)> {
    for (at, _) in layout.char_indices() {
        let rest = &layout[at..];
        for part in PARTS {
            if !rest.starts_with(part) {
                continue;
            }
            if part.starts_with(['.', ',']) {
                let digit = &part[1..];
                let length = rest[1..].len() - rest[1..].trim_start_matches(digit).len() + 1;
                // Only behind seconds, and not in front of other digits.
                if rest[length..].starts_with(|c: char| c.is_ascii_digit()) {
                    continue;
                }
                return Some((at, &rest[..length]));
            }
            let followed_by_letter =
                rest[part.len()..].starts_with(|c: char| c.is_ascii_lowercase());
            if matches!(part, "Jan" | "Mon") && followed_by_letter {
                continue;
            }
            return Some((at, &rest[..part.len()]));
        }
    }
    None
}

impl Moment {
    pub(super) const fn of_seconds(seconds: i64) -> Self {
        Self {
            seconds,
            nanos: 0,
            offset_s: 0,
        }
    }

    pub(super) fn of_ns(ns: i64) -> Self {
        Self {
            seconds: ns.div_euclid(1_000_000_000),
            nanos: ns.rem_euclid(1_000_000_000) as u32,
            offset_s: 0,
        }
    }

    /// Of days, seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by how many digits they have.
    pub(super) fn of_epoch(text: &str) -> Result<Self, String> {
        let refused = || format!("{text} is no epoch; expected 5, 10, 13, 16 or 19 digits");
        let value: i64 = text.parse().map_err(|_| refused())?;
        match text.len() {
            5 => Ok(Self::of_seconds(value * 86_400)),
            10 => Ok(Self::of_seconds(value)),
            13 => Ok(Self::of_ns(value * 1_000_000)),
            16 => Ok(Self::of_ns(value * 1000)),
            19 => Ok(Self::of_ns(value)),
            _ => Err(refused()),
        }
    }

    pub(super) const fn seconds(&self) -> i64 {
        self.seconds
    }

    pub(super) fn ns(&self) -> i64 {
        self.seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(i64::from(self.nanos))
    }

    pub(super) fn format(&self, layout: &str) -> String {
        let date = Date::of(self.seconds.saturating_add(i64::from(self.offset_s)));
        let (mut out, mut rest) = (String::new(), layout);
        while let Some((at, part)) = next_part(rest) {
            out.push_str(&rest[..at]);
            rest = &rest[at + part.len()..];
            out.push_str(&self.part(part, &date));
        }
        out + rest
    }

    fn part(&self, part: &str, date: &Date) -> String {
        let name = |names: &[&str], at: i64| {
            let at = usize::try_from(at).unwrap_or(0);
            names.get(at).copied().unwrap_or_default().to_owned()
        };
        let hour12 = if date.hour % 12 == 0 {
            12
        } else {
            date.hour % 12
        };
        match part {
            "January" => name(&MONTHS, date.month - 1),
            "Jan" => name(&MONTHS, date.month - 1)[..3].to_owned(),
            "Monday" => name(&DAYS, date.weekday),
            "Mon" => name(&DAYS, date.weekday)[..3].to_owned(),
            "2006" => format!("{:04}", date.year),
            "06" => format!("{:02}", date.year.rem_euclid(100)),
            "01" => format!("{:02}", date.month),
            "1" => date.month.to_string(),
            "02" => format!("{:02}", date.day),
            "_2" => format!("{:2}", date.day),
            "2" => date.day.to_string(),
            "002" => format!("{:03}", date.year_day),
            "__2" => format!("{:3}", date.year_day),
            "15" => format!("{:02}", date.hour),
            "03" => format!("{hour12:02}"),
            "3" => hour12.to_string(),
            "04" => format!("{:02}", date.minute),
            "4" => date.minute.to_string(),
            "05" => format!("{:02}", date.second),
            "5" => date.second.to_string(),
            "PM" => if date.hour < 12 { "AM" } else { "PM" }.to_owned(),
            "pm" => if date.hour < 12 { "am" } else { "pm" }.to_owned(),
            "MST" if self.offset_s == 0 => "UTC".to_owned(),
            "MST" => self.offset("-0700"),
            _ if part.starts_with(['.', ',']) => self.fraction(part),
            _ => self.offset(part),
        }
    }

    fn fraction(&self, part: &str) -> String {
        let digits = format!("{:09}", self.nanos);
        let wanted = &digits[..(part.len() - 1).min(9)];
        if part.ends_with('0') {
            return format!("{}{wanted}", &part[..1]);
        }
        match wanted.trim_end_matches('0') {
            "" => String::new(),
            shown => format!("{}{shown}", &part[..1]),
        }
    }

    fn offset(&self, part: &str) -> String {
        if part.starts_with('Z') && self.offset_s == 0 {
            return "Z".to_owned();
        }
        let sign = if self.offset_s < 0 { '-' } else { '+' };
        let minutes = self.offset_s.unsigned_abs() / 60;
        let (hours, minutes) = (minutes / 60, minutes % 60);
        match &part[1..] {
            "07" => format!("{sign}{hours:02}"),
            "0700" => format!("{sign}{hours:02}{minutes:02}"),
            "07:00:00" => format!("{sign}{hours:02}:{minutes:02}:00"),
            _ => format!("{sign}{hours:02}:{minutes:02}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(layout: &str, text: &str) -> Option<i64> {
        Moment::parse(layout, text).map(|moment| moment.ns())
    }

    #[test]
    fn moments_are_written_by_layout() {
        let moment = Moment::of_ns(1_704_164_645_123_456_000);
        for (layout, expected) in [
            (
                "2006-01-02T15:04:05.00Z-07:00",
                "2024-01-02T03:04:05.12Z+00:00",
            ),
            (
                "Mon Jan _2 15:04:05 MST 2006",
                "Tue Jan  2 03:04:05 UTC 2024",
            ),
            ("Monday, 02-Jan-06 3:04PM", "Tuesday, 02-Jan-24 3:04AM"),
            (
                "2006-01-02T15:04:05.999999999Z07:00",
                "2024-01-02T03:04:05.123456Z",
            ),
            ("002 __2 1/2", "002   2 1/2"),
        ] {
            assert_eq!(moment.format(layout), expected, "{layout}");
        }
        assert_eq!(Moment::of_seconds(0).format("15:04:05.999"), "00:00:00");
    }

    #[test]
    fn moments_are_read_by_layout() {
        assert_eq!(
            read("2006-01-02", "2021-11-02"),
            Some(1_635_811_200_000_000_000)
        );
        assert_eq!(
            read("2006-01-02T15:04:05Z07:00", "2021-11-02T01:00:00.5+01:00"),
            Some(1_635_811_200_500_000_000)
        );
        assert_eq!(
            read("2006-01-02T15:04:05.999999999Z", "2021-11-02T00:00:00.25Z"),
            Some(1_635_811_200_250_000_000)
        );
        assert_eq!(
            read("Jan _2, 2006 3:04 pm", "Nov  2, 2021 1:05 pm"),
            Some(1_635_858_300_000_000_000)
        );
        for text in ["2021-13-02", "2021-02-30", "21-11-02", "2021-11-02x", ""] {
            assert_eq!(read("2006-01-02", text), None, "{text}");
        }
    }

    #[test]
    fn epochs_are_told_apart_by_their_length() {
        let seconds = |text: &str| Moment::of_epoch(text).map(|moment| moment.seconds());
        for text in [
            "1679577215",
            "1679577215000",
            "1679577215000000",
            "1679577215000000000",
        ] {
            assert_eq!(seconds(text), Ok(1_679_577_215), "{text}");
        }
        assert_eq!(seconds("19000"), Ok(1_641_600_000));
        assert!(seconds("123").is_err() && seconds("x").is_err());
    }
}
