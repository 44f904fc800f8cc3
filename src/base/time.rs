//! Times, days and months of the protocol. Protocol §1. Nothing here reads a clock.

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub u64);

/// Days since 1970-01-01: `floor(t / 86400)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub u32);

/// `year*12 + (month_of_year − 1)` in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(pub u32);

/// Seconds in a day.
pub const DAY_SECONDS: u64 = 86_400;
/// Seconds in an hour.
pub const HOUR_SECONDS: u64 = 3_600;

impl UnixTime {
    /// The day of this second.
    #[must_use]
    pub fn day(self) -> Day {
        Day(u32::try_from(self.0 / DAY_SECONDS).unwrap_or(u32::MAX))
    }

    /// The month of this second.
    #[must_use]
    pub fn month(self) -> Month {
        self.day().month()
    }

    /// Adds seconds, saturating.
    #[must_use]
    pub fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Subtracts seconds, saturating at 1970.
    #[must_use]
    pub fn minus(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }
}

impl Day {
    /// The first second of the day.
    #[must_use]
    pub fn start(self) -> UnixTime {
        UnixTime(u64::from(self.0) * DAY_SECONDS)
    }

    /// The month of this day in the proleptic Gregorian calendar. Years are
    /// counted from March so that the leap day comes last.
    #[must_use]
    pub fn month(self) -> Month {
        // Days since 0000-03-01; an era is the 400 years after which the calendar repeats.
        let days = u64::from(self.0) + 719_468;
        let era = days / 146_097;
        let day_of_era = days % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // 153 days in each run of five months from March.
        let month_from_march = (5 * day_of_year + 2) / 153;
        let months = (era * 400 + year_of_era) * 12 + month_from_march + 2;
        Month(u32::try_from(months).unwrap_or(u32::MAX))
    }
}

impl Month {
    /// The first day of the month.
    #[must_use]
    pub fn first_day(self) -> Day {
        let from_march = u64::from(self.0).saturating_sub(2);
        let (year, month) = (from_march / 12, from_march % 12);
        let (era, year_of_era) = (year / 400, year % 400);
        let day_of_era =
            year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + (153 * month + 2) / 5;
        let days = (era * 146_097 + day_of_era).saturating_sub(719_468);
        Day(u32::try_from(days).unwrap_or(u32::MAX))
    }

    /// The next month.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Calendar year and month of the year, 1–12.
    #[must_use]
    pub fn year_month(self) -> (u32, u32) {
        (self.0 / 12, self.0 % 12 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_match_the_calendar() {
        assert_eq!(UnixTime(0).month(), Month(1970 * 12));
        assert_eq!(UnixTime(1_795_300_000).month().year_month(), (2026, 11));
        assert_eq!(UnixTime(951_782_399).month().year_month(), (2000, 2));
        assert_eq!(UnixTime(951_868_799).month().year_month(), (2000, 2));
        assert_eq!(UnixTime(951_868_800).month().year_month(), (2000, 3));
    }

    #[test]
    fn every_day_of_four_centuries_has_the_right_month() {
        let mut month = Month(1970 * 12);
        for day in 0..146_097 {
            if Day(day) == month.next().first_day() {
                month = month.next();
            }
            assert_eq!(Day(day).month(), month, "day {day}");
        }
        assert_eq!(month.year_month(), (2369, 12));
    }
}
