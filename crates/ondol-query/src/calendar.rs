//! The calendar, in UTC.

/// A moment as people call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: i64,
    /// From 1.
    pub(crate) month: i64,
    /// From 1.
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    /// From 0, which is Sunday.
    pub(crate) weekday: i64,
    /// From 1.
    pub(crate) year_day: i64,
}

const DAY: i64 = 24 * 60 * 60;
/// Years repeat after 400 of them.
const ERA_DAYS: i64 = 146_097;

impl Date {
    /// Of so many seconds since 1970.
    pub(crate) fn of(seconds: i64) -> Self {
        let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        // Counted from a first of March, so that the leap day is the last one of a year.
        let from_march = days + 719_468;
        let (era, day) = (
            from_march.div_euclid(ERA_DAYS),
            from_march.rem_euclid(ERA_DAYS),
        );
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day_of_month = day - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 {
            (month + 3, 0)
        } else {
            (month - 9, 1)
        };
        let year = year + era * 400 + next;
        let leap = i64::from(is_leap(year));
        let year_day = if month > 2 {
            day + 60 + leap
        } else {
            day - 305
        };
        Self {
            year,
            month,
            day: day_of_month,
            hour: second / 3600,
            minute: second / 60 % 60,
            second: second % 60,
            weekday: (days + 4).rem_euclid(7),
            year_day,
        }
    }

    /// Days since 1970 of a date.
    pub(crate) const fn days(year: i64, month: i64, day: i64) -> i64 {
        let year = if month > 2 { year } else { year - 1 };
        let from_march = if month > 2 { month - 3 } else { month + 9 };
        let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
        let day = (153 * from_march + 2) / 5 + day - 1;
        era * ERA_DAYS + year * 365 + year / 4 - year / 100 + day - 719_468
    }

    pub(crate) const fn days_in_month(self) -> i64 {
        match self.month {
            2 if is_leap(self.year) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(seconds: i64) -> (i64, i64, i64, i64, i64) {
        let date = Date::of(seconds);
        (date.year, date.month, date.day, date.weekday, date.year_day)
    }

    #[test]
    fn days_have_their_dates() {
        assert_eq!(day(0), (1970, 1, 1, 4, 1));
        assert_eq!(day(951_782_400), (2000, 2, 29, 2, 60));
        assert_eq!(day(1_704_067_199), (2023, 12, 31, 0, 365));
        assert_eq!(day(1_735_603_200), (2024, 12, 31, 2, 366));
        assert_eq!(day(-1), (1969, 12, 31, 3, 365));
        assert_eq!(Date::of(951_782_400).days_in_month(), 29);
        assert_eq!(Date::days(2000, 2, 29) * DAY, 951_782_400);
        assert_eq!(Date::days(1969, 12, 31), -1);
    }
}
