//! Moments out of texts.

use super::{DAYS, MONTHS, Moment, next_part};
use crate::calendar::Date;

/// What was read so far.
struct Read {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    nanos: u32,
    offset_s: i32,
}

impl Moment {
    /// `None` when the text is not as the layout says.
    pub(in super::super) fn parse(layout: &str, text: &str) -> Option<Self> {
        let (mut layout, mut text) = (layout, text);
        let mut read = Read {
            year: 0,
            month: 1,
            day: 1,
            hour: 0,
            afternoon: None,
            minute: 0,
            second: 0,
            nanos: 0,
            offset_s: 0,
        };
        while let Some((at, part)) = next_part(layout) {
            text = text.strip_prefix(&layout[..at])?;
            layout = &layout[at + part.len()..];
            text = read.part(part, text)?;
            // A fraction may follow seconds though the layout says nothing of one.
            let of_seconds = matches!(part, "05" | "5");
            if of_seconds && !layout.starts_with(['.', ',']) && text.starts_with('.') {
                text = read.fraction(text)?;
            }
        }
        (text == layout).then(|| read.moment())?
    }
}

impl Read {
    /// Takes a part from the beginning of a text; gives what is left.
    fn part<'t>(&mut self, part: &str, text: &'t str) -> Option<&'t str> {
        let number = |least: usize, most: usize| {
            let text = if part.starts_with('_') {
                text.trim_start_matches(' ')
            } else {
                text
            };
            let digits = text
                .bytes()
                .take(most)
                .take_while(u8::is_ascii_digit)
                .count();
            (digits >= least).then_some(())?;
            Some((text[..digits].parse::<i64>().ok()?, &text[digits..]))
        };
        let name = |names: &[&str], short: bool| {
            names.iter().zip(0_i64..).find_map(|(name, at)| {
                let name = if short { &name[..3] } else { name };
                let start = text.get(..name.len())?;
                start
                    .eq_ignore_ascii_case(name)
                    .then(|| (at, &text[name.len()..]))
            })
        };
        let (value, rest) = match part {
            "January" | "Jan" => name(&MONTHS, part == "Jan")?,
            "Monday" | "Mon" => name(&DAYS, part == "Mon")?,
            "2006" => number(4, 4)?,
            "002" | "__2" => number(1, 3)?,
            "01" | "02" | "03" | "04" | "05" | "06" | "15" => number(2, 2)?,
            "1" | "2" | "_2" | "3" | "4" | "5" => number(1, 2)?,
            "PM" | "pm" => {
                let (half, rest) = (text.get(..2)?, &text[2..]);
                let is_pm = half.eq_ignore_ascii_case("pm");
                (is_pm || half.eq_ignore_ascii_case("am")).then_some(())?;
                self.afternoon = Some(is_pm);
                return Some(rest);
            }
            "MST" => {
                let letters = text
                    .find(|c: char| !c.is_ascii_uppercase())
                    .unwrap_or(text.len());
                return (letters >= 3).then(|| &text[letters..]);
            }
            _ if part.starts_with(['.', ',']) => return self.fraction(text),
            _ => return self.offset(part, text),
        };
        match part {
            "January" | "Jan" => self.month = value + 1,
            "01" | "1" => self.month = value,
            "2006" => self.year = value,
            "06" => self.year = value + if value >= 69 { 1900 } else { 2000 },
            "02" | "2" | "_2" => self.day = value,
            "002" | "__2" => (self.month, self.day) = (1, value),
            "15" | "03" | "3" => self.hour = value,
            "04" | "4" => self.minute = value,
            "05" | "5" => self.second = value,
            // The day of the week is known from the date.
            _ => {}
        }
        Some(rest)
    }

    fn fraction<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let Some(digits) = text.strip_prefix(['.', ',']) else {
            return Some(text);
        };
        let length = digits
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(digits.len());
        let nine: String = digits[..length]
            .chars()
            .chain("000000000".chars())
            .take(9)
            .collect();
        self.nanos = nine.parse().ok()?;
        Some(&digits[length..])
    }

    fn offset<'t>(&mut self, part: &str, text: &'t str) -> Option<&'t str> {
        if let (true, Some(rest)) = (part.starts_with('Z'), text.strip_prefix('Z')) {
            return Some(rest);
        }
        let sign = match text.chars().next()? {
            '-' => -1,
            '+' => 1,
            _ => return None,
        };
        let digits = text.get(1..part.len())?;
        let mut parts = [0, 0, 0];
        let bare: String = digits.chars().filter(|c| *c != ':').collect();
        let two_by_two = bare.as_bytes().chunks(2);
        for (place, two) in parts.iter_mut().zip(two_by_two) {
            *place = std::str::from_utf8(two).ok()?.parse::<i32>().ok()?;
        }
        self.offset_s = sign * (parts[0] * 3600 + parts[1] * 60 + parts[2]);
        Some(&text[part.len()..])
    }

    fn moment(self) -> Option<Moment> {
        let hour = match self.afternoon {
            Some(afternoon) => self.hour % 12 + if afternoon { 12 } else { 0 },
            None => self.hour,
        };
        let in_range = (1..=12).contains(&self.month)
            && (1..=366).contains(&self.day)
            && hour < 24
            && self.minute < 60
            && self.second < 60;
        in_range.then_some(())?;
        let days = Date::days(self.year, self.month, self.day);
        // A day that the month does not have is one of the next month.
        let exists = self.day > 31 || Date::of(days * 86_400).day == self.day;
        exists.then(|| Moment {
            seconds: days * 86_400 + hour * 3600 + self.minute * 60 + self.second
                - i64::from(self.offset_s),
            nanos: self.nanos,
            offset_s: self.offset_s,
        })
    }
}
