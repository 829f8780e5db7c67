//! JSON before anybody parses it, and JSON in one form.

use std::borrow::Cow;

use memchr::memchr2;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::Refusal;

/// How deep JSON may be nested by default, in a frame and in what is compared. Parsers that call themselves for each
/// level, here and in the languages above, stand this on any stack.
pub const MAX_DEPTH: usize = 64;

/// Refuses a frame that is longer or nested deeper than allowed, before it is parsed. One pass, no recursion, no
/// allocation; whether it is JSON at all the parser says.
///
/// # Errors
/// `INVALID_REQUEST`.
///
/// ```
/// use ixt_arcp::json;
///
/// assert!(json::check(br#"{"payload":{"input":[1,2]}}"#, 2 << 20, json::MAX_DEPTH).is_ok());
/// assert!(json::check("[".repeat(100_000).as_bytes(), 2 << 20, json::MAX_DEPTH).is_err());
/// ```
pub fn check(frame: &[u8], max_length: usize, max_depth: usize) -> Result<(), Refusal> {
    if frame.len() > max_length {
        return Err(Refusal::invalid(format!(
            "a frame has at most {max_length} bytes, this one {}",
            frame.len()
        )));
    }
    let mut depth = 0_usize;
    let mut rest = frame;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => rest = behind_string(rest),
            b'{' | b'[' => {
                depth += 1;
                if depth > max_depth {
                    return Err(too_deep(max_depth));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

fn too_deep(max_depth: usize) -> Refusal {
    Refusal::invalid(format!("JSON is nested at most {max_depth} deep"))
}

/// What follows the quote that ends the string whose first character `text` begins with.
fn behind_string(mut text: &[u8]) -> &[u8] {
    loop {
        let Some(at) = memchr2(b'"', b'\\', text) else { return &[] };
        let escape = text.get(at) == Some(&b'\\');
        text = text.get(at + 1 + usize::from(escape)..).unwrap_or_default();
        if !escape {
            return text;
        }
    }
}

/// The SHA-256 of parameters in canonical form: equal for two requests just when they ask for the same (§7.2), however
/// their JSON is written. `fields` are the names and values of those that are there, in an order that the caller keeps
/// to.
///
/// # Errors
/// `INVALID_REQUEST` when a value is nested deeper than [`MAX_DEPTH`].
pub fn fingerprint<'a>(
    fields: impl IntoIterator<Item = (&'a str, &'a RawValue)>,
) -> Result<[u8; 32], Refusal> {
    let mut hash = Sha256::new();
    for (name, value) in fields {
        let value = canonical(value, MAX_DEPTH)?;
        // With their lengths, so that no two lists of fields are one text.
        for part in [name.as_bytes(), &value] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
    }
    Ok(hash.finalize().into())
}

/// A value in canonical form: without spaces, the members of objects sorted by name, texts with no escape that they can
/// do without, numbers as digits and an exponent without trailing zeros. So `{"b": 1.0, "a": "\u0061"}` becomes
/// `{"a":"a","b":1e0}`.
///
/// Numbers are compared as they are written and not as floats, so that two large integers that differ in their last
/// digit differ. Members of one name are all kept, in their order, as programs differ in which of them they take.
///
/// # Errors
/// `INVALID_REQUEST` when it is nested deeper than `max_depth`.
pub fn canonical(value: &RawValue, max_depth: usize) -> Result<Vec<u8>, Refusal> {
    let text = value.get();
    let mut writer = Writer { text, out: Vec::with_capacity(text.len()), max_depth };
    writer.value(0)?;
    Ok(writer.out)
}

/// Reads JSON that is known to be valid, so it looks at no more than it needs to find its way.
struct Writer<'a> {
    /// What is not read yet.
    text: &'a str,
    out: Vec<u8>,
    max_depth: usize,
}

impl<'a> Writer<'a> {
    /// One value. It calls itself for each level, at most `max_depth` times.
    fn value(&mut self, depth: usize) -> Result<(), Refusal> {
        match self.peek() {
            Some(open @ (b'{' | b'[')) => {
                if depth >= self.max_depth {
                    return Err(too_deep(self.max_depth));
                }
                self.skip(1);
                if open == b'{' { self.object(depth + 1) } else { self.array(depth + 1) }
            }
            Some(b'"') => {
                let text = self.string();
                self.out.extend_from_slice(&text);
                Ok(())
            }
            _ => {
                let token = self.token();
                self.out.extend_from_slice(number(token).as_bytes());
                Ok(())
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), Refusal> {
        self.out.push(b'[');
        while let Some(next) = self.peek() {
            match next {
                b']' => {
                    self.skip(1);
                    break;
                }
                b',' => {
                    self.skip(1);
                    self.out.push(b',');
                }
                _ => self.value(depth)?,
            }
        }
        self.out.push(b']');
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<(), Refusal> {
        let start = self.out.len();
        let mut members: Vec<(Vec<u8>, std::ops::Range<usize>)> = Vec::new();
        while let Some(next) = self.peek() {
            match next {
                b'}' => {
                    self.skip(1);
                    break;
                }
                b',' | b':' => self.skip(1),
                _ => {
                    let name = self.string();
                    if self.peek() == Some(b':') {
                        self.skip(1);
                    }
                    let from = self.out.len();
                    self.value(depth)?;
                    members.push((name, from..self.out.len()));
                }
            }
        }
        // The values stand in `out` in their order; now they are put into that of the names.
        let values = self.out.split_off(start);
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.out.push(b'{');
        for (at, (name, range)) in members.iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            self.out.extend_from_slice(name);
            self.out.push(b':');
            let value = range.start.checked_sub(start).zip(range.end.checked_sub(start));
            self.out.extend_from_slice(value.and_then(|(from, to)| values.get(from..to)).unwrap_or_default());
        }
        self.out.push(b'}');
        Ok(())
    }

    /// A string, with its quotes, in the one form that the writer of `serde_json` gives it. An escape of half a
    /// character, which is valid JSON and no text, stays as it is.
    fn string(&mut self) -> Vec<u8> {
        let begins = self.text;
        let rest = behind_string(begins.as_bytes().get(1..).unwrap_or_default());
        let (token, rest) = begins.split_at_checked(begins.len() - rest.len()).unwrap_or((begins, ""));
        self.text = rest;
        let read = serde_json::from_str::<Cow<'_, str>>(token).and_then(|text| serde_json::to_vec(&text));
        read.unwrap_or_else(|_| token.as_bytes().to_vec())
    }

    /// A number, `true`, `false` or `null`.
    fn token(&mut self) -> &'a str {
        let ends =
            |character: char| matches!(character, ',' | ':' | ']' | '}') || character.is_ascii_whitespace();
        let end = self.text.find(ends).unwrap_or(self.text.len());
        let (token, rest) = self.text.split_at_checked(end).unwrap_or((self.text, ""));
        self.text = rest;
        token
    }

    fn peek(&mut self) -> Option<u8> {
        self.text = self.text.trim_ascii_start();
        self.text.bytes().next()
    }

    /// Over bytes that are ASCII.
    fn skip(&mut self, bytes: usize) {
        self.text = self.text.get(bytes..).unwrap_or_default();
    }
}

/// A number as its digits, without zeros before or behind them, and the power of ten: `12.50` is `125e-1`, zero is `0`.
/// Anything else stays what it is; so does a number whose exponent is beyond 64 bits.
fn number(token: &str) -> Cow<'_, str> {
    let (sign, unsigned) = match token.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", token),
    };
    if !unsigned.starts_with(|first: char| first.is_ascii_digit()) {
        return Cow::Borrowed(token);
    }
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Cow::Borrowed("0");
    }
    let length = |text: &str| i64::try_from(text.len()).ok();
    let power = (|| {
        let exponent = exponent.parse::<i64>().ok()?.checked_sub(length(fraction)?)?;
        exponent.checked_add(length(digits)? - length(significant)?)
    })();
    match power {
        Some(power) => Cow::Owned(format!("{sign}{significant}e{power}")),
        None => Cow::Borrowed(token),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    fn form(json: &str) -> String {
        String::from_utf8(canonical(&raw(json), MAX_DEPTH).unwrap()).unwrap()
    }

    #[test]
    fn frames_have_a_length_and_a_depth() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(check(nested(64).as_bytes(), 1_000, 64).is_ok());
        assert_eq!(check(nested(65).as_bytes(), 1_000, 64).unwrap_err().code, Code::InvalidRequest);
        assert!(check("{\"a\":".repeat(65).as_bytes(), 1_000, 64).is_err());
        assert!(check(&[b'['; 2 << 20], 2 << 20, 64).is_err());
        assert!(check(&[b' '; 100], 100, 64).is_ok());
        assert!(
            check(&[b' '; 101], 100, 64).unwrap_err().message.contains("at most 100 bytes, this one 101")
        );
        assert!(check("[[],[],[[]]]".repeat(100).as_bytes(), 10_000, 3).is_ok(), "side by side is not deep");
    }

    #[test]
    fn brackets_in_strings_do_not_count() {
        for (frame, deep) in [
            (r#"["[[["]"#, false),
            (r#"["\"[[["]"#, false),
            (r#"["\\",[["x"]]]"#, true),
            (r#"["\\\"[[[",[["x"]]]"#, true),
            (r#"["[[[[[["#, false),
            (r#"["\"#, false),
            ("]]]][[", false),
        ] {
            assert_eq!(check(frame.as_bytes(), 100, 2).is_err(), deep, "{frame}");
        }
        assert!(check(b"", 0, 0).is_ok());
        assert!(check(b"\xff\"\xfe[[[\"", 100, 0).is_ok(), "what is no text is for the parser");
    }

    #[test]
    fn one_form() {
        for (json, canonical) in [
            (" { } ", "{}"),
            ("[ ]", "[]"),
            ("[ 1 , [ ] , true , null ]", "[1e0,[],true,null]"),
            (r#"{"b": 1.0, "a": "\u0061"}"#, r#"{"a":"a","b":1e0}"#),
            (r#"{"\u0062":1,"a":{"z":[],"y":false}}"#, r#"{"a":{"y":false,"z":[]},"b":1e0}"#),
            (r#""\/\u00e4\u000a\ud83e\udd80""#, r#""/ä\n🦀""#),
            (r#""\ud800""#, r#""\ud800""#),
            (r#"{"a":2,"a":1}"#, r#"{"a":2e0,"a":1e0}"#),
            (r#"["{\"a\":[", "]"]"#, r#"["{\"a\":[","]"]"#),
        ] {
            assert_eq!(form(json), canonical, "{json}");
        }
    }

    #[test]
    fn numbers_by_their_digits() {
        for (one, other) in [
            ("1", "1.0"),
            ("1", "1e0"),
            ("100", "1E+2"),
            ("0.015", "15e-3"),
            ("-0.0", "0e9"),
            ("12.50", "125e-1"),
            ("1e99999999999999999999", "1e99999999999999999999"),
        ] {
            assert_eq!(form(one), form(other));
        }
        for (one, other) in [
            ("9007199254740993", "9007199254740992"),
            ("1", "-1"),
            ("1", "10"),
            ("1", "\"1\""),
            ("0.1", "0.10000000000000001"),
            ("1e400", "1e401"),
            ("1e99999999999999999999", "1e99999999999999999998"),
            ("1e-9223372036854775808", "0.1e-9223372036854775808"),
        ] {
            assert_ne!(form(one), form(other));
        }
        assert_eq!(form("0e99999999999999999999"), "0");
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| raw(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        assert!(canonical(&nested(64), 64).is_ok());
        assert_eq!(canonical(&nested(65), 64).unwrap_err().code, Code::InvalidRequest);
        assert!(fingerprint([("input", &*nested(65))]).is_err());
    }

    #[test]
    fn a_fingerprint_is_of_what_is_asked() {
        let of = |fields: &[(&str, &str)]| {
            let raws: Vec<_> = fields.iter().map(|&(name, value)| (name, raw(value))).collect();
            fingerprint(raws.iter().map(|(name, value)| (*name, &**value))).unwrap()
        };
        let one = of(&[("agent", r#""a""#), ("input", r#"{"x":1,"y":[2]}"#)]);
        assert_eq!(one, of(&[("agent", r#" "\u0061" "#), ("input", r#"{ "y": [2.0], "x": 1 }"#)]));
        for other in [
            of(&[("agent", r#""a""#), ("input", r#"{"x":1,"y":[3]}"#)]),
            of(&[("agent", r#""a""#)]),
            of(&[("input", r#"{"x":1,"y":[2]}"#), ("agent", r#""a""#)]),
            of(&[("agentx", r#""a""#), ("input", r#"{"x":1,"y":[2]}"#)]),
        ] {
            assert_ne!(one, other);
        }
        assert_ne!(of(&[("a", "12")]), of(&[("a1", "2")]), "where a name ends is part of it");
    }
}
