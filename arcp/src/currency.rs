//! Currencies, and amounts of them (§9.6).

use std::fmt;

use arrayvec::ArrayString;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::{Amount, AmountError};

/// Longest name of a currency.
const LONGEST: usize = 32;

/// A currency: `USD`, `credits`, or whatever a runtime defines; a letter, then at most 31 letters, digits, `_` or `-`.
/// The case counts.
///
/// The draft leaves the form of those that runtimes define open; this is one that needs no escape in an amount, in
/// JSON or in a log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(ArrayString<LONGEST>);

impl Currency {
    /// Reads a name.
    ///
    /// # Errors
    /// [`AmountError::Currency`] when it is none.
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
        let rest = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if !first || !text.bytes().all(rest) {
            return Err(AmountError::Currency);
        }
        ArrayString::from(text).map(Self).map_err(|_| AmountError::Currency)
    }

    /// As it stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Amounts of some currencies, one of each, in the order in which they were first named: a budget, or what is left of
/// it. It serializes as the `budget` of §7.1: `{"USD": 5}`.
///
/// ```
/// use ixt_arcp::Amounts;
///
/// let budget = Amounts::parse(["USD:5.00", "credits:1000", "USD:0.5"])?;
/// assert_eq!(serde_json::to_string(&budget)?, r#"{"USD":5.5,"credits":1000}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Amounts(Vec<(Currency, Amount)>);

impl Amounts {
    /// Reads amount strings as `USD:5.00`. Those of one currency add up: each entry is a grant of its own, as every
    /// other pattern of a lease is. An amount of 0 is valid, and exhausted from the beginning.
    ///
    /// # Errors
    /// For the first that is no amount, or makes a sum of more than 10^18.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, AmountError> {
        let mut amounts = Self::default();
        for text in texts {
            let (currency, decimal) = text.split_once(':').ok_or(AmountError::Currency)?;
            amounts.add(Currency::parse(currency)?, Amount::parse(decimal)?)?;
        }
        Ok(amounts)
    }

    /// Adds an amount to those of its currency.
    ///
    /// # Errors
    /// [`AmountError::TooLarge`] when the sum is out of range; nothing has changed then.
    pub fn add(&mut self, currency: Currency, amount: Amount) -> Result<(), AmountError> {
        match self.0.iter_mut().find(|(one, _)| *one == currency) {
            Some((_, sum)) => *sum = sum.checked_add(amount).ok_or(AmountError::TooLarge)?,
            None => self.0.push((currency, amount)),
        }
        Ok(())
    }

    /// The amount of this currency, if it is named.
    #[must_use]
    pub fn get(&self, currency: Currency) -> Option<Amount> {
        self.0.iter().find(|(one, _)| *one == currency).map(|&(_, amount)| amount)
    }

    /// Each currency with its amount.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Currency, Amount)> {
        self.0.iter().copied()
    }

    /// Whether no currency is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Amounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (currency, amount) in self.iter() {
            map.serialize_entry(currency.as_str(), &amount)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_currencies() {
        let long = "x".repeat(32);
        for text in ["USD", "EUR", "credits", "x", "gpu-hours_2", &long] {
            assert_eq!(Currency::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "1USD", "-a", "_a", "US D", "US:D", "€", "USDä", "a.b", &format!("{long}x")] {
            assert_eq!(Currency::parse(text), Err(AmountError::Currency), "{text}");
        }
    }

    #[test]
    fn amounts_of_one_currency_add_up() {
        let amounts = Amounts::parse(["USD:5.00", "usd:1", "USD:0.25", "EUR:0"]).unwrap();
        assert_eq!(serde_json::to_string(&amounts).unwrap(), r#"{"USD":5.25,"usd":1,"EUR":0}"#);
        assert_eq!(amounts.get(Currency::parse("EUR").unwrap()), Some(Amount::ZERO));
        assert_eq!(amounts.get(Currency::parse("GBP").unwrap()), None);
        assert!(Amounts::parse([]).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_amount() {
        for (text, error) in [
            ("USD", AmountError::Currency),
            ("5.00", AmountError::Currency),
            (":5", AmountError::Currency),
            ("USD 5", AmountError::Currency),
            ("USD:", AmountError::Syntax),
            ("USD:-1", AmountError::Syntax),
            ("USD:1e3", AmountError::Syntax),
            ("USD:inf", AmountError::Syntax),
            ("USD:NaN", AmountError::Syntax),
            ("USD: 5", AmountError::Syntax),
            ("USD:5:5", AmountError::Syntax),
            ("USD:1000000000000000001", AmountError::TooLarge),
            ("USD:0.0000000000000000001", AmountError::TooFine),
        ] {
            assert_eq!(Amounts::parse([text]), Err(error), "{text}");
        }
        let half = "USD:500000000000000001";
        assert_eq!(Amounts::parse([half, half]), Err(AmountError::TooLarge), "the sum counts");
    }
}
