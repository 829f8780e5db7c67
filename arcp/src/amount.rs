//! Exact decimal amounts (§9.6).

use std::fmt::{self, Write as _};

use arrayvec::ArrayString;
use serde::Serialize;
use serde_json::value::RawValue;

/// Digits after the point.
const SCALE: i64 = 18;

/// In one: 10^18.
const ONE: i128 = 1_000_000_000_000_000_000;

/// An amount of some currency, exact: a whole number of 10^-18, from −10^18 to 10^18.
///
/// Costs are added up over thousands of events, and a budget is compared with zero; with binary floating point 0.1 ten
/// times is not 1, and a budget of exactly that would be refused or overdrawn by chance. So what was written in
/// decimal digits stays that.
///
/// ```
/// use ixt_arcp::Amount;
///
/// let budget = Amount::parse("1.00")?;
/// let spent = Amount::parse_number("0.42")?;
/// let left = budget.checked_sub(spent).ok_or("out of range")?;
/// assert_eq!(left.to_string(), "0.58");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(i128);

/// Why a text is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AmountError {
    /// Not digits, with a point and digits or without.
    #[error("not a decimal number")]
    Syntax,
    /// Below zero: a cost may not give back (§9.6).
    #[error("a negative amount")]
    Negative,
    /// More than 10^18.
    #[error("an amount above 10^18")]
    TooLarge,
    /// Digits other than 0 after the 18th place.
    #[error("an amount with more than 18 digits after the point")]
    TooFine,
    /// Not `currency:decimal`, or a currency that does not look like one.
    #[error(
        "not an amount as `USD:5.00`: a currency (a letter, then at most 31 letters, digits, `_` or `-`), a colon, digits"
    )]
    Currency,
}

impl Amount {
    /// 0.
    pub const ZERO: Self = Self(0);
    /// 10^18.
    pub const MAX: Self = Self(ONE * ONE);
    /// −10^18.
    pub const MIN: Self = Self(-ONE * ONE);

    /// A whole number of 10^-18; `None` out of range.
    #[must_use]
    pub const fn from_units(units: i128) -> Option<Self> {
        if units < Self::MIN.0 || units > Self::MAX.0 { None } else { Some(Self(units)) }
    }

    /// How many 10^-18 it is.
    #[must_use]
    pub const fn units(self) -> i128 {
        self.0
    }

    /// Reads the `decimal` of §9.6: digits, or digits, a point and digits. No sign, no exponent, no space.
    ///
    /// # Errors
    /// [`AmountError::Syntax`] for another form, [`AmountError::TooLarge`], [`AmountError::TooFine`].
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        let (whole, fraction) = match text.split_once('.') {
            Some((whole, fraction)) => (whole, fraction),
            // As if `.0` followed.
            None => (text, "0"),
        };
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(AmountError::Syntax);
        }
        Self::of_digits(whole, fraction, 0, false)
    }

    /// Reads the text of a JSON number, without the detour over a float. An exponent is as exact as any digit, so
    /// `1e-05`, as Python writes it, is read. −0 is 0.
    ///
    /// # Errors
    /// [`AmountError::Syntax`] for what is no JSON number (NaN, infinity, a text in quotes), [`AmountError::Negative`],
    /// [`AmountError::TooLarge`], [`AmountError::TooFine`].
    pub fn parse_number(text: &str) -> Result<Self, AmountError> {
        Self::read_number(text, false)
    }

    /// As [`Amount::parse_number`], but digits after the 18th place are rounded up instead of refused.
    ///
    /// For costs that an agent computed in floating point: 15 × 0.0000023 is 0.000034499999999999996 there, and who
    /// means 0.0000345 should not be told that it has too many digits. Rounding up, by less than 10^-18, never lets an
    /// agent spend more than it has.
    ///
    /// # Errors
    /// As [`Amount::parse_number`], without [`AmountError::TooFine`].
    pub fn parse_number_rounding_up(text: &str) -> Result<Self, AmountError> {
        Self::read_number(text, true)
    }

    fn read_number(text: &str, round_up: bool) -> Result<Self, AmountError> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (text, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if !digits(whole) || leading_zero || fraction.is_some_and(|fraction| !digits(fraction)) {
            return Err(AmountError::Syntax);
        }
        let exponent = match exponent {
            None => 0,
            Some(exponent) => {
                let (down, places) = match exponent.strip_prefix('-') {
                    Some(places) => (true, places),
                    None => (false, exponent.strip_prefix('+').unwrap_or(exponent)),
                };
                if !digits(places) {
                    return Err(AmountError::Syntax);
                }
                // An exponent of this size makes anything but 0 too large or too fine, so the rest of it is no matter.
                let places = places.parse::<i64>().unwrap_or(FAR).min(FAR);
                if down { -places } else { places }
            }
        };
        let amount = Self::of_digits(whole, fraction.unwrap_or_default(), exponent, round_up);
        if negative && amount != Ok(Self::ZERO) { Err(AmountError::Negative) } else { amount }
    }

    /// `whole.fraction × 10^exponent`, of parts that hold digits alone.
    fn of_digits(whole: &str, fraction: &str, exponent: i64, round_up: bool) -> Result<Self, AmountError> {
        let length = |digits: &str| i64::try_from(digits.len()).unwrap_or(FAR);
        let zeros = whole.bytes().chain(fraction.bytes()).take_while(|&byte| byte == b'0').count();
        let significant = whole.bytes().chain(fraction.bytes()).skip(zeros);
        if significant.clone().next().is_none() {
            return Ok(Self::ZERO);
        }
        // So many significant digits stand before the point; fewer than none when zeros come first.
        let before = length(whole) + exponent - i64::try_from(zeros).unwrap_or(FAR);
        if before > SCALE + 1 {
            return Err(AmountError::TooLarge);
        }
        // So many fit: at most 19 before the point and 18 after it, so that the sum cannot overflow.
        let fit = usize::try_from(before + SCALE).unwrap_or(0);
        let mut units = 0;
        let mut read = 0;
        let mut rest = significant;
        for byte in rest.by_ref().take(fit) {
            units = units * 10 + i128::from(byte - b'0');
            read += 1;
        }
        for _ in read..fit {
            units *= 10;
        }
        if rest.any(|byte| byte != b'0') {
            if !round_up {
                return Err(AmountError::TooFine);
            }
            units += 1;
        }
        Self::from_units(units).ok_or(AmountError::TooLarge)
    }

    /// The sum; `None` out of range.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        // Both are far from the ends of what 128 bits hold.
        Self::from_units(self.0 + other.0)
    }

    /// The difference; `None` out of range.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        Self::from_units(self.0 - other.0)
    }

    /// Whether nothing is left: zero or below.
    #[must_use]
    pub const fn is_exhausted(self) -> bool {
        self.0 <= 0
    }

    /// The shortest form that is exact, and a JSON number: `0.58`, `-0.12`, `5`.
    #[must_use]
    pub fn text(self) -> ArrayString<40> {
        let mut text = ArrayString::new();
        let units = self.0.unsigned_abs();
        let (whole, fraction) = (units / ONE.unsigned_abs(), units % ONE.unsigned_abs());
        let sign = if self.0 < 0 { "-" } else { "" };
        // A sign, 19 digits, a point and 18 digits are 39 bytes.
        let _ = if fraction == 0 {
            write!(text, "{sign}{whole}")
        } else {
            write!(text, "{sign}{whole}.{fraction:018}")
        };
        if fraction != 0 {
            let length = text.trim_end_matches('0').len();
            text.truncate(length);
        }
        text
    }
}

/// Past every exponent, and every length of a text, that makes a difference; and far from what 64 bits hold.
const FAR: i64 = 1 << 40;

impl fmt::Display for Amount {
    /// [`Amount::text`].
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.text())
    }
}

impl Serialize for Amount {
    /// As a number, with the digits of [`Amount::text`]; so by `serde_json` alone.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.text();
        let number: &RawValue = serde_json::from_str(&text).map_err(serde::ser::Error::custom)?;
        number.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Result<String, AmountError> {
        Amount::parse_number(text).map(|amount| amount.to_string())
    }

    fn decimal(text: &str) -> Result<String, AmountError> {
        Amount::parse(text).map(|amount| amount.to_string())
    }

    #[test]
    fn decimals_of_the_grammar() {
        for (text, shown) in [
            ("5.00", "5"),
            ("0", "0"),
            ("007", "7"),
            ("0.0234", "0.0234"),
            ("1000000000000000000", "1000000000000000000"),
            ("0.000000000000000001", "0.000000000000000001"),
            ("999999999999999999.999999999999999999", "999999999999999999.999999999999999999"),
            ("0.1000000000000000000000000000", "0.1"),
            (&"0".repeat(1_000), "0"),
            (&format!("{}1.5", "0".repeat(1_000)), "1.5"),
        ] {
            assert_eq!(decimal(text).as_deref(), Ok(shown), "{text}");
        }
        for text in [
            "", ".", "5.", ".5", "+5", "-5", "-0", "5e3", "1E2", "NaN", "nan", "Infinity", "inf", " 5", "5 ",
            "5,0", "1_0", "5.0.0", "0x5", "٥",
        ] {
            assert_eq!(decimal(text), Err(AmountError::Syntax), "{text}");
        }
        assert_eq!(decimal("1000000000000000000.000000000000000001"), Err(AmountError::TooLarge));
        assert_eq!(decimal("1000000000000000001"), Err(AmountError::TooLarge));
        assert_eq!(decimal(&"9".repeat(10_000)), Err(AmountError::TooLarge));
        assert_eq!(decimal("0.0000000000000000001"), Err(AmountError::TooFine));
        assert_eq!(decimal(&format!("0.{}1", "0".repeat(10_000))), Err(AmountError::TooFine));
    }

    #[test]
    fn numbers_of_json() {
        for (text, shown) in [
            ("0.0234", "0.0234"),
            ("1e-05", "0.00001"),
            ("1E+2", "100"),
            ("1.50e1", "15"),
            ("12345e-2", "123.45"),
            ("-0", "0"),
            ("-0.0e-5", "0"),
            ("0e99999999999999999999999999", "0"),
            ("0.00000000000000000000000000100e26", "0.1"),
            ("1e18", "1000000000000000000"),
            ("0.30000000000000004", "0.30000000000000004"),
        ] {
            assert_eq!(number(text).as_deref(), Ok(shown), "{text}");
        }
        for text in [
            "", "-", "+1", "01", "1.", ".5", "1e", "1e+", "1e1.5", "NaN", "Infinity", "\"1\"", "null", "1 ",
            "--1", "1e--1",
        ] {
            assert_eq!(number(text), Err(AmountError::Syntax), "{text}");
        }
        for text in ["-0.5", "-1e-30", "-1e400"] {
            assert_eq!(number(text), Err(AmountError::Negative), "{text}");
        }
        for text in ["1e19", "1e400", "1e99999999999999999999999", "1000000000000000000.1"] {
            assert_eq!(number(text), Err(AmountError::TooLarge), "{text}: an infinite cost");
        }
        for text in ["1e-19", "1e-400", "1.5e-18", "1e-99999999999999999999999", "0.0000345000000000000012"] {
            assert_eq!(number(text), Err(AmountError::TooFine), "{text}");
        }
    }

    #[test]
    fn what_floats_leave_over_can_be_rounded_up() {
        let rounded = |text| Amount::parse_number_rounding_up(text).map(|amount| amount.to_string());
        assert_eq!(rounded("3.4499999999999996e-05").as_deref(), Ok("0.0000345"));
        assert_eq!(rounded("1e-400").as_deref(), Ok("0.000000000000000001"));
        assert_eq!(rounded("0.9999999999999999999").as_deref(), Ok("1"));
        assert_eq!(rounded("0.25").as_deref(), Ok("0.25"));
        assert_eq!(rounded("1000000000000000000.0000000000000000001"), Err(AmountError::TooLarge));
        assert_eq!(rounded("-1e-400"), Err(AmountError::Negative));
    }

    #[test]
    fn ten_tenths_are_one() {
        let tenth = Amount::parse("0.1").unwrap();
        let one = (0..10).try_fold(Amount::ZERO, |sum, _| sum.checked_add(tenth)).unwrap();
        assert_eq!(one, Amount::parse("1").unwrap());
        assert!(one.checked_sub(one).unwrap().is_exhausted());
        let below = Amount::parse("0.58").unwrap().checked_sub(Amount::parse("0.70").unwrap()).unwrap();
        assert_eq!(below.to_string(), "-0.12");
        assert!(below.is_exhausted() && !tenth.is_exhausted());
    }

    #[test]
    fn the_range_has_ends() {
        let unit = Amount::from_units(1).unwrap();
        assert_eq!(Amount::MAX.checked_add(unit), None);
        assert_eq!(Amount::MIN.checked_sub(unit), None);
        assert_eq!(Amount::MAX.checked_sub(Amount::MIN), None);
        assert_eq!(Amount::MIN.checked_add(Amount::MAX), Some(Amount::ZERO));
        assert_eq!(Amount::from_units(i128::MAX), None);
        assert_eq!(
            Amount::MIN.checked_add(unit).unwrap().to_string(),
            "-999999999999999999.999999999999999999"
        );
        assert_eq!(Amount::MIN.to_string(), "-1000000000000000000");
    }

    #[test]
    fn it_is_a_number_on_the_wire() {
        let amounts = ["0.58", "5", "0.000000000000000001"].map(|text| Amount::parse(text).unwrap());
        assert_eq!(serde_json::to_string(&amounts).unwrap(), "[0.58,5,0.000000000000000001]");
        assert_eq!(serde_json::to_string(&Amount::from_units(-120_000_000_000_000_000)).unwrap(), "-0.12");
    }
}
