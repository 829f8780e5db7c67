//! Times as the protocol writes them.

use std::fmt;
use std::time::Duration;

use arrayvec::ArrayString;
use serde::Serialize;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// From 0000-03-01 to 1970-01-01, in days.
const ERA_TO_EPOCH: i64 = 719_468;

/// A moment: microseconds since 1970-01-01T00:00:00Z, from the year 0000 to the end of the year 9999.
///
/// The last microsecond of the year 9999 is the latest that can be written ([`Timestamp::MAX`]), so it is the cap on
/// deadlines too: what would lie after it is refused, and nothing before it is cut short or wraps, as it would with
/// milliseconds in 32 bits.
///
/// ```
/// use ixt_arcp::Timestamp;
///
/// let time = Timestamp::parse("2026-05-13T19:42:13.020Z")?;
/// assert_eq!(time.micros(), 1_778_701_333_020_000);
/// assert_eq!(time.to_string(), "2026-05-13T19:42:13.020Z");
/// assert!(Timestamp::parse("2026-05-13T21:42:13+02:00").is_err(), "UTC alone (§9.5)");
/// # Ok::<(), ixt_arcp::TimeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A text that is no time of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time as `2026-05-13T19:42:13.000Z` (UTC, the `Z` written, 1 to 9 digits of a second if any)")]
pub struct TimeError;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// 0000-01-01T00:00:00Z.
    pub const MIN: Self = Self(-62_167_219_200 * SECOND);
    /// 9999-12-31T23:59:59.999999Z.
    pub const MAX: Self = Self(253_402_300_800 * SECOND - 1);

    /// From microseconds since the epoch; `None` outside of [`Timestamp::MIN`] to [`Timestamp::MAX`].
    #[must_use]
    pub const fn from_micros(micros: i64) -> Option<Self> {
        if micros < Self::MIN.0 || micros > Self::MAX.0 { None } else { Some(Self(micros)) }
    }

    /// Microseconds since the epoch; negative before it.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The moment so much later; `None` when that lies after [`Timestamp::MAX`]. Parts of a microsecond are dropped.
    #[must_use]
    pub fn checked_add(self, duration: Duration) -> Option<Self> {
        let micros = i64::try_from(duration.as_micros()).ok()?;
        Self::from_micros(self.0.checked_add(micros)?)
    }

    /// How long it is from `earlier` until this; zero when it is not later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads `2026-05-13T19:42:13Z`, with 1 to 9 digits of a second or none. Digits past the microsecond are dropped,
    /// so that a deadline is never later than it was written. A leap second (`23:59:60`, on any day, as no table of
    /// them is at hand) is the last microsecond before it, as the count of seconds has no place for it.
    ///
    /// # Errors
    /// For everything else, what ISO 8601 or RFC 3339 allow besides too: an offset in place of `Z` (the draft wants
    /// `Z`, §9.5), lower case, a space in place of `T`, a comma, week dates, days that the month has not.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        Self::read(text.as_bytes()).ok_or(TimeError)
    }

    fn read(text: &[u8]) -> Option<Self> {
        let (&fixed, rest) = text.split_first_chunk::<19>()?;
        let [y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T', h1, h2, b':', mi1, mi2, b':', s1, s2] =
            fixed
        else {
            return None;
        };
        let two = |tens: u8, ones: u8| Some(10 * digit(tens)? + digit(ones)?);
        let year = 100 * two(y1, y2)? + two(y3, y4)?;
        let (month, day) = (two(mo1, mo2)?, two(d1, d2)?);
        let (hour, minute, second) = (two(h1, h2)?, two(mi1, mi2)?, two(s1, s2)?);
        let mut micros = match rest {
            [b'Z'] => 0,
            [b'.', digits @ .., b'Z'] if (1..=9).contains(&digits.len()) => {
                let read = digits.iter().try_fold(0, |sum, &byte| Some(10 * sum + digit(byte)?))?;
                let nanos = (digits.len()..9).fold(read, |nanos, _| 10 * nanos);
                nanos / 1_000
            }
            _ => return None,
        };
        let mut second = second;
        if (hour, minute, second) == (23, 59, 60) {
            (second, micros) = (59, SECOND - 1);
        }
        if !(1..=12).contains(&month) || day < 1 || day > days_of(year, month) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let seconds = hour * 3_600 + minute * 60 + second;
        Some(Self(days_from_civil(year, month, day) * DAY + seconds * SECOND + micros))
    }

    /// As the draft's examples write times, with milliseconds: `2026-05-13T19:42:13.020Z`. What is finer is dropped.
    #[must_use]
    pub fn text(self) -> ArrayString<24> {
        let mut text = ArrayString::new();
        self.write(&mut text, 3);
        text
    }

    /// As [`Timestamp::text`], but with microseconds where there are any, so that it reads as the same time: for what
    /// is compared later, as `expires_at`.
    #[must_use]
    pub fn exact_text(self) -> ArrayString<27> {
        let mut text = ArrayString::new();
        self.write(&mut text, if self.0 % 1_000 == 0 { 3 } else { 6 });
        text
    }

    /// Both are as long as what is written into them, so nothing is cut.
    fn write<const N: usize>(self, text: &mut ArrayString<N>, fraction: usize) {
        let (year, month, day) = civil_from_days(self.0.div_euclid(DAY));
        let of_day = self.0.rem_euclid(DAY);
        let seconds = of_day / SECOND;
        let parts = [
            (year, 4, b'-'),
            (month, 2, b'-'),
            (day, 2, b'T'),
            (seconds / 3_600, 2, b':'),
            (seconds / 60 % 60, 2, b':'),
            (seconds % 60, 2, b'.'),
            (of_day % SECOND / if fraction == 3 { 1000 } else { 1 }, fraction, b'Z'),
        ];
        let mut written = [0; 27];
        let mut rest = written.iter_mut();
        for (value, width, end) in parts {
            let mut value = u32::try_from(value).unwrap_or(0);
            let mut digits = [0; 6];
            for digit in &mut digits {
                // A digit is one of ten.
                *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
                value /= 10;
            }
            for (byte, place) in digits.into_iter().take(width).rev().chain([end]).zip(rest.by_ref()) {
                *place = byte;
            }
        }
        let left = rest.len();
        let written = written.get(..written.len() - left).unwrap_or_default();
        let _ = text.try_push_str(std::str::from_utf8(written).unwrap_or_default());
    }
}

impl fmt::Display for Timestamp {
    /// [`Timestamp::text`].
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.text())
    }
}

impl Serialize for Timestamp {
    /// [`Timestamp::text`].
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

fn digit(byte: u8) -> Option<i64> {
    byte.is_ascii_digit().then(|| i64::from(byte - b'0'))
}

fn days_of(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the epoch. Years are counted from March, so that the leap day is the last day of one.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - ERA_TO_EPOCH
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + ERA_TO_EPOCH;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> i64 {
        Timestamp::parse(text).unwrap().micros()
    }

    #[test]
    fn the_drafts_examples() {
        for text in ["2026-05-13T19:42:13.000Z", "2026-05-13T19:42:13.020Z", "9999-12-31T23:59:59.999Z"] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Timestamp::parse("2026-05-13T23:42:00Z").unwrap().to_string(), "2026-05-13T23:42:00.000Z");
        assert_eq!(micros("1970-01-01T00:00:00Z"), 0);
        assert_eq!(micros("0001-01-01T00:00:00Z"), -62_135_596_800_000_000, "the zero time of Go");
        assert_eq!(Timestamp::parse("0000-01-01T00:00:00Z").unwrap(), Timestamp::MIN);
        assert_eq!(Timestamp::parse("9999-12-31T23:59:59.999999Z").unwrap(), Timestamp::MAX);
    }

    #[test]
    fn one_to_nine_digits_of_a_second() {
        assert_eq!(micros("1970-01-01T00:00:00.5Z"), 500_000);
        assert_eq!(micros("1970-01-01T00:00:00.000001Z"), 1);
        assert_eq!(micros("1970-01-01T00:00:00.999999999Z"), 999_999, "never later than written");
        assert_eq!(Timestamp(-1).exact_text().as_str(), "1969-12-31T23:59:59.999999Z");
        assert_eq!(Timestamp(-1).text().as_str(), "1969-12-31T23:59:59.999Z");
        assert_eq!(Timestamp(5_000).exact_text().as_str(), "1970-01-01T00:00:00.005Z");
    }

    #[test]
    fn a_leap_second_is_the_last_moment_before_it() {
        assert_eq!(micros("2016-12-31T23:59:60Z"), micros("2016-12-31T23:59:59.999999Z"));
        assert_eq!(micros("2016-12-31T23:59:60.000Z"), micros("2016-12-31T23:59:59.999999Z"));
        assert_eq!(micros("2016-12-31T23:59:60.9Z") + 1, micros("2017-01-01T00:00:00Z"));
        assert!(Timestamp::parse("2016-12-31T23:58:60Z").is_err());
        assert!(Timestamp::parse("2016-12-31T22:59:60Z").is_err());
        assert!(Timestamp::parse("2016-12-31T23:59:61Z").is_err());
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "Z",
            "2026-05-13",
            "2026-05-13T19:42:13",
            "2026-05-13T19:42:13+00:00",
            "2026-05-13T19:42:13.Z",
            "2026-05-13T19:42:13.1234567890Z",
            "2026-05-13T19:42:13,5Z",
            "2026-05-13T19:42:13.5z",
            "2026-05-13t19:42:13Z",
            "2026-05-13 19:42:13Z",
            "2026-05-13T19:42Z",
            "20260513T194213Z",
            "2026-W20-3T19:42:13Z",
            "2026-00-13T19:42:13Z",
            "2026-13-13T19:42:13Z",
            "2026-05-00T19:42:13Z",
            "2026-05-32T19:42:13Z",
            "2026-04-31T19:42:13Z",
            "2026-02-29T19:42:13Z",
            "1900-02-29T19:42:13Z",
            "2026-05-13T24:00:00Z",
            "2026-05-13T19:60:13Z",
            "+2026-05-13T19:42:13Z",
            "-001-05-13T19:42:13Z",
            "2026-05-13T19:42:+3Z",
            "2026-05-13T19:42:13.5Z ",
            " 2026-05-13T19:42:13Z",
            "2026-05-13T19:42:13ZZ",
            "２026-05-13T19:42:13Z",
        ] {
            assert_eq!(Timestamp::parse(text), Err(TimeError), "{text}");
        }
        assert!(Timestamp::parse("2024-02-29T00:00:00Z").is_ok());
        assert!(Timestamp::parse("2000-02-29T00:00:00Z").is_ok());
    }

    #[test]
    fn twenty_five_days_and_ten_thousand_years_ahead() {
        let now = Timestamp::parse("2026-05-13T00:00:00Z").unwrap();
        let days = |days: u64| Duration::from_secs(days * 86_400);
        let ahead = Timestamp::parse("2026-06-07T00:00:00Z").unwrap();
        assert_eq!(now.checked_add(days(25)), Some(ahead));
        assert_eq!(ahead.since(now), days(25), "more milliseconds than 31 bits hold");
        assert_eq!(now.since(ahead), Duration::ZERO);
        assert_eq!(Timestamp::MAX.checked_add(Duration::from_micros(1)), None);
        assert_eq!(now.checked_add(Duration::MAX), None);
        assert_eq!(now.checked_add(Duration::from_secs(u64::MAX / 2_000_000)), None);
        assert_eq!(Timestamp::from_micros(i64::MAX), None);
        assert_eq!(Timestamp::from_micros(i64::MIN), None);
        assert_eq!(
            Timestamp::MAX.since(Timestamp::MIN),
            Duration::from_micros(315_569_520_000 * 1_000_000 - 1)
        );
    }

    #[test]
    fn every_day_is_that_of_another_calendar() {
        let mut day = time::Date::from_calendar_date(0, time::Month::January, 1).unwrap();
        let mut count = Timestamp::MIN.0;
        assert_eq!(i128::from(count) * 1_000, day.midnight().assume_utc().unix_timestamp_nanos());
        loop {
            let (year, month, of_month) = day.to_calendar_date();
            let theirs = (i64::from(year), i64::from(u8::from(month)), i64::from(of_month));
            assert_eq!(civil_from_days(count / DAY), theirs);
            assert_eq!(days_from_civil(theirs.0, theirs.1, theirs.2), count / DAY);
            if of_month == 1 || of_month > 27 {
                let text = Timestamp(count + 3_661_000_001).exact_text();
                assert_eq!(
                    text.as_str(),
                    format!("{year:04}-{:02}-{of_month:02}T01:01:01.000001Z", theirs.1)
                );
                assert_eq!(micros(&text), count + 3_661_000_001);
                assert_eq!(
                    Timestamp::parse(&format!("{year:04}-{:02}-{:02}T00:00:00Z", theirs.1, of_month + 1))
                        .is_err(),
                    day.next_day().is_none_or(|next| next.day() == 1)
                );
            }
            count += DAY;
            match day.next_day() {
                Some(next) => day = next,
                None => break,
            }
        }
        assert_eq!(count - 1, Timestamp::MAX.0);
    }
}
