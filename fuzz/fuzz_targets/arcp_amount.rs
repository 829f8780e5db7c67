//! Amounts: what is read is printed so that it reads as the same.
#![no_main]

use ixt_arcp::{Amount, AmountError, Amounts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(amount) = Amount::parse(text) {
        assert!(amount >= Amount::ZERO && amount <= Amount::MAX);
        assert_eq!(Amount::parse(&amount.text()), Ok(amount));
        assert!(text.len() >= amount.text().len() || amount == Amount::ZERO);
    }
    let exact = Amount::parse_number(text);
    let rounded = Amount::parse_number_rounding_up(text);
    match exact {
        Ok(amount) => {
            assert_eq!(rounded, exact);
            assert_eq!(Amount::parse_number(&amount.text()), Ok(amount));
            let float: f64 = serde_json::from_str(text).expect("it is a number of JSON");
            let shown: f64 = amount.text().parse().expect("so is this");
            assert!((float.abs() - shown).abs() <= float.abs() * 1e-15, "{text} {amount}");
        }
        Err(AmountError::TooFine) => {
            assert!(rounded.is_ok_and(|above| above > Amount::ZERO) || rounded == Err(AmountError::TooLarge))
        }
        Err(error) => assert_eq!(rounded, Err(error)),
    }
    if exact == Err(AmountError::Syntax) {
        assert!(
            serde_json::from_str::<f64>(text.trim_ascii()).is_err() || text != text.trim_ascii(),
            "{text}"
        );
    }
    if let Ok(amounts) = Amounts::parse(text.split('\n')) {
        let json = serde_json::to_string(&amounts).expect("amounts are numbers");
        let read: serde_json::Value = serde_json::from_str(&json).expect("and names need no escape");
        assert_eq!(read.as_object().map_or(0, serde_json::Map::len), amounts.iter().len());
    }
});
