//! What is read from texts, against slow and plain versions of the same rules.

use ixt_arcp::{Amount, AmountError, Timestamp, Ulid, canonical_target, json};
use proptest::prelude::*;
use serde_json::value::RawValue;

proptest! {
    /// ARCP §9.6.
    #[test]
    fn an_amount_reads_as_it_was_written(units in -10_i128.pow(36)..=10_i128.pow(36), shift in 0..36_u32) {
        let amount = Amount::from_units(units / 10_i128.pow(shift)).unwrap();
        let text = amount.text();
        if amount < Amount::ZERO {
            prop_assert_eq!(Amount::parse(&text), Err(AmountError::Syntax));
            prop_assert_eq!(Amount::parse_number(&text), Err(AmountError::Negative));
            prop_assert_eq!(Amount::parse_number(&text[1..]).unwrap().units(), -amount.units());
        } else {
            prop_assert_eq!(Amount::parse(&text), Ok(amount));
            prop_assert_eq!(Amount::parse_number(&text), Ok(amount));
        }
        prop_assert!(text.len() == 1 || !text.contains('.') || !text.ends_with(['0', '.']), "the shortest: {}", text);
    }

    #[test]
    fn a_number_is_its_digits_times_a_power_of_ten(
        digits in any::<u32>(),
        point in 0..10_usize,
        exponent in -40..40_i32,
        zeros in 0..4_usize,
    ) {
        // `digits × 10^exponent`, with a point somewhere, for which the exponent makes up, and zeros behind.
        let written = format!("{digits:010}{}", "0".repeat(zeros));
        let (whole, fraction) = written.split_at(written.len() - point);
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        let dot = if fraction.is_empty() { "" } else { "." };
        let text = format!("{whole}{dot}{fraction}e{}", exponent + point as i32 - zeros as i32);
        let units = match exponent + 18 {
            up @ 0.. => {
                let scaled = 10_i128.checked_pow(up as u32).and_then(|scale| scale.checked_mul(i128::from(digits)));
                scaled.ok_or(AmountError::TooLarge)
            }
            down => {
                let scale = 10_i128.pow(down.unsigned_abs());
                if i128::from(digits) % scale == 0 { Ok(i128::from(digits) / scale) } else { Err(AmountError::TooFine) }
            }
        };
        let expected = match units {
            _ if digits == 0 => Ok(0),
            Ok(units) if units > 10_i128.pow(36) => Err(AmountError::TooLarge),
            other => other,
        };
        prop_assert_eq!(Amount::parse_number(&text).map(Amount::units), expected, "{}", text);
    }

    #[test]
    fn sums_are_exact(amounts in prop::collection::vec(0..10_i128.pow(30), 1..50)) {
        let add = |sum: Amount, &units: &i128| sum.checked_add(Amount::from_units(units).unwrap()).unwrap();
        let sum = amounts.iter().fold(Amount::ZERO, add);
        prop_assert_eq!(sum.units(), amounts.iter().sum::<i128>());
        let left = amounts.iter().rev().fold(sum, |left, &units| {
            left.checked_sub(Amount::from_units(units).unwrap()).unwrap()
        });
        prop_assert_eq!(left, Amount::ZERO);
    }

    #[test]
    fn a_time_reads_as_it_was_written(micros in Timestamp::MIN.micros()..=Timestamp::MAX.micros()) {
        let time = Timestamp::from_micros(micros).unwrap();
        prop_assert_eq!(Timestamp::parse(&time.exact_text()), Ok(time));
        let shown = Timestamp::parse(&time.text()).unwrap();
        prop_assert_eq!(shown.micros(), micros.div_euclid(1_000) * 1_000);
    }

    #[test]
    fn an_id_reads_as_it_was_written(millis in 0..1_u64 << 48, random in any::<[u8; 10]>()) {
        let id = Ulid::new(millis, random);
        prop_assert_eq!(Ulid::parse(&id.text()), Some(id));
        prop_assert_eq!(id.millis(), millis);
        prop_assert_eq!(&id.to_u128().to_be_bytes()[6..], &random);
    }

    /// ARCP §9.3.
    #[test]
    fn a_canonical_path_leads_nowhere_else(
        segments in prop::collection::vec(
            prop::sample::select(vec![
                "..", ".", "", "a", "b", "...", "%2e", "%2E%2e", ".%2e", "%2f", "a%2F..", "%252e", "\\", "%5c", "100%", "%00",
                "%c3%a4", "%ff",
            ]),
            0..8,
        ),
    ) {
        let asked = format!("/{}", segments.join("/"));
        // Decoded, and followed step by step.
        let decoded = asked
            .replace("%252e", "<").replace("%2e", ".").replace("%2E", ".").replace("%2f", "/").replace("%2F", "/")
            .replace("%c3%a4", "ä");
        let mut at = Vec::new();
        let mut above = false;
        for segment in decoded.split('/') {
            match segment {
                "" | "." => {}
                ".." => above |= at.pop().is_none(),
                name => at.push(name),
            }
        }
        let strange = ["<", "\\", "%5c", "%00", "%ff"].into_iter().any(|text| decoded.contains(text));
        let expected = (!above && !strange).then(|| format!("/{}", at.join("/")));
        let canonical = canonical_target("fs.read", &asked).ok().map(|path| path.into_owned());
        prop_assert_eq!(&canonical, &expected, "{}", asked);
        if let Some(path) = canonical {
            prop_assert_eq!(canonical_target("fs.read", &path).unwrap(), path.as_str(), "it is its own canonical form");
        }
    }

    #[test]
    fn the_form_of_json_does_not_depend_on_how_it_was_written(tree in tree(), styles in any::<[u64; 2]>()) {
        let form = |style| {
            let mut text = String::new();
            print(&tree, &mut Style(style), &mut text);
            json::canonical(&RawValue::from_string(text).unwrap(), json::MAX_DEPTH).unwrap()
        };
        let one = form(styles[0]);
        prop_assert_eq!(&one, &form(styles[1]));
        let again = RawValue::from_string(String::from_utf8(one.clone()).unwrap()).unwrap();
        prop_assert_eq!(&one, &json::canonical(&again, json::MAX_DEPTH).unwrap());
    }

    #[test]
    fn other_json_has_another_form(one in tree(), other in tree()) {
        let form = |tree: &Tree| {
            let mut text = String::new();
            print(tree, &mut Style(0), &mut text);
            json::canonical(&RawValue::from_string(text).unwrap(), json::MAX_DEPTH).unwrap()
        };
        prop_assert_eq!(one == other, form(&one) == form(&other));
    }

    #[test]
    fn depth_is_that_of_brackets(tree in tree(), style in any::<u64>()) {
        fn depth(tree: &Tree) -> usize {
            match tree {
                Tree::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
                Tree::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
                _ => 0,
            }
        }
        let mut text = String::new();
        print(&tree, &mut Style(style), &mut text);
        for allowed in 0..6 {
            prop_assert_eq!(json::check(text.as_bytes(), text.len(), allowed).is_ok(), depth(&tree) <= allowed);
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Tree {
    Word(&'static str),
    Number(i32),
    Text(String),
    List(Vec<Tree>),
    Object(std::collections::BTreeMap<String, Tree>),
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec!['a', 'B', '"', '\\', '/', '{', '[', 'ä', '\n', '🦀']),
        0..4,
    )
    .prop_map(|characters| characters.into_iter().collect())
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["true", "false", "null"]).prop_map(Tree::Word),
        (-20..20_i32).prop_map(|number| Tree::Number(number * 10)),
        text().prop_map(Tree::Text),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::List),
            prop::collection::btree_map(text(), inner, 0..4).prop_map(Tree::Object),
        ]
    })
}

/// Decides how what can be written in several ways is written.
struct Style(u64);

impl Style {
    fn pick(&mut self, of: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % of
    }
}

fn print(tree: &Tree, style: &mut Style, out: &mut String) {
    fn space(style: &mut Style, out: &mut String) {
        out.push_str(["", " ", "\n\t", "\r"][style.pick(4) as usize]);
    }
    fn quote(text: &str, style: &mut Style, out: &mut String) {
        out.push('"');
        for character in text.chars() {
            let plain = !matches!(character, '"' | '\\' | '\n');
            match style.pick(3) {
                0 => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        *out += &format!("\\u{unit:04x}");
                    }
                }
                1 if matches!(character, '"' | '\\' | '/') => *out += &format!("\\{character}"),
                _ if plain => out.push(character),
                _ if character == '\n' => out.push_str("\\n"),
                _ => *out += &format!("\\{character}"),
            }
        }
        out.push('"');
    }
    space(style, out);
    match tree {
        Tree::Word(word) => out.push_str(word),
        Tree::Number(number) => match style.pick(4) {
            0 => *out += &number.to_string(),
            1 => *out += &format!("{number}.00"),
            2 => *out += &format!("{}e1", number / 10),
            _ if *number == 0 => out.push_str("-0E7"),
            _ => *out += &format!("{number}000E-3"),
        },
        Tree::Text(text) => quote(text, style, out),
        Tree::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                print(item, style, out);
            }
            space(style, out);
            out.push(']');
        }
        Tree::Object(members) => {
            out.push('{');
            let mut members: Vec<_> = members.iter().collect();
            if style.pick(2) == 0 {
                members.reverse();
            }
            for (at, (name, value)) in members.into_iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                space(style, out);
                quote(name, style, out);
                space(style, out);
                out.push(':');
                print(value, style, out);
            }
            space(style, out);
            out.push('}');
        }
    }
    space(style, out);
}
