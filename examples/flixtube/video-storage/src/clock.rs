//! The time of day, as logs and as HTTP write it.

use std::time::{SystemTime, UNIX_EPOCH};

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]; // 1970 began on a Thursday
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// `2026-01-31T12:00:00.000Z`
pub fn for_log(ms: u64) -> String {
    let Civil { year, month, day } = civil(ms / 86_400_000);
    format!("{year:04}-{month:02}-{day:02}T{}.{:03}Z", of_day(ms), ms % 1_000)
}

/// `Sat, 31 Jan 2026 12:00:00 GMT`
pub fn for_http(ms: u64) -> String {
    let days = ms / 86_400_000;
    let Civil { year, month, day } = civil(days);
    let (weekday, month) = (WEEKDAYS[(days % 7) as usize], MONTHS[(month - 1) as usize]);
    format!("{weekday}, {day:02} {month} {year:04} {} GMT", of_day(ms))
}

fn of_day(ms: u64) -> String {
    let seconds = ms / 1_000 % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

struct Civil {
    year: u64,
    month: u64,
    day: u64,
}

/// Days since 1970 to a date, counted in eras of 400 years that begin on the 1st of March.
fn civil(days: u64) -> Civil {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    Civil { year: era * 400 + year_of_era + u64::from(month <= 2), month, day }
}

#[cfg(test)]
mod tests {
    use super::{for_http, for_log};

    #[test]
    fn logs_get_rfc_3339() {
        assert_eq!(for_log(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(for_log(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(for_log(1_767_225_599_999), "2025-12-31T23:59:59.999Z");
    }

    #[test]
    fn http_gets_its_own_format() {
        assert_eq!(for_http(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(for_http(784_111_777_000), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
