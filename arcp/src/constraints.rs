//! Until when a lease lasts (§9.5).

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::lenient::object_or_none;
use crate::text::Text;
use crate::{Code, Refusal, Timestamp};

/// The constraints of a lease (§9.5). What else stands among them is not looked at.
///
/// Expiry is decided by the wall clock's time at which the lease was asked for; who enforces it should turn
/// [`Constraints::left`] into a deadline on a monotonic clock then, so that a clock that is set later changes nothing
/// (§14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Constraints {
    /// When the lease ends; `None` when it does not.
    pub expires_at: Option<Timestamp>,
}

impl Constraints {
    /// Reads the `lease_constraints` of a request that comes at `now`.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when they are no object, when `expires_at` is no time in UTC, has come already, or lies after
    /// the year 9999, which no [`Timestamp`] can.
    pub fn parse(json: &str, now: Timestamp) -> Result<Self, Refusal> {
        let read = |error| Refusal::of_json("lease_constraints", &error);
        let mut json = serde_json::Deserializer::from_str(json);
        let texts: Option<Texts<'_>> = object_or_none(&mut json).map_err(read)?;
        json.end().map_err(read)?;
        let Some(Texts { expires_at }) = texts else {
            return Err(Refusal::invalid("lease_constraints: expected an object"));
        };
        let Some(text) = expires_at else { return Ok(Self::default()) };
        let expires_at =
            Timestamp::parse(&text).map_err(|error| Refusal::invalid(format!("expires_at is {error}")))?;
        if expires_at <= now {
            return Err(Refusal::invalid(format!("expires_at {} has passed", expires_at.exact_text())));
        }
        Ok(Self { expires_at: Some(expires_at) })
    }

    /// Those of a job to which a job with these delegates: its own end, or, without one, this one's (§9.4).
    ///
    /// # Errors
    /// `LEASE_SUBSET_VIOLATION` when its end would be later.
    pub fn delegate(&self, request: Self) -> Result<Self, Refusal> {
        match (self.expires_at, request.expires_at) {
            (Some(own), Some(asked)) if asked > own => Err(Refusal::new(
                Code::LeaseSubsetViolation,
                format!("expires_at {} is later than {}", asked.exact_text(), own.exact_text()),
            )),
            (own, asked) => Ok(Self { expires_at: asked.or(own) }),
        }
    }

    /// How long the lease still lasts: zero at its end and after it, `None` when it has none.
    #[must_use]
    pub fn left(&self, now: Timestamp) -> Option<std::time::Duration> {
        self.expires_at.map(|expires_at| expires_at.since(now))
    }

    /// Whether nothing is constrained.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.expires_at.is_none()
    }
}

impl Serialize for Constraints {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(usize::from(self.expires_at.is_some())))?;
        if let Some(expires_at) = self.expires_at {
            map.serialize_entry("expires_at", expires_at.exact_text().as_str())?;
        }
        map.end()
    }
}

/// The object as it stands.
#[derive(Deserialize)]
struct Texts<'a> {
    #[serde(borrow, default)]
    expires_at: Option<Text<'a>>,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn constraints() {
        let now = time("2026-05-13T00:00:00Z");
        let read = |json: &str| Constraints::parse(json, now);
        for json in ["{}", r#"{"expires_at":null}"#, r#"{"other":{"expires_at":1}}"#] {
            assert!(read(json).unwrap().is_empty(), "{json}");
        }
        let far = read(r#"{"x":[],"expires_at":"2026-06-07T00:00:00.000001Z"}"#).unwrap();
        assert_eq!(far.left(now), Some(Duration::from_micros(25 * 86_400 * 1_000_000 + 1)), "25 days ahead");
        assert_eq!(serde_json::to_string(&far).unwrap(), r#"{"expires_at":"2026-06-07T00:00:00.000001Z"}"#);
        assert_eq!(serde_json::to_string(&Constraints::default()).unwrap(), "{}");
        assert!(read(r#"{"expires_at":"9999-12-31T23:59:59Z"}"#).is_ok());
        for json in [
            "null",
            "[]",
            r#"{"expires_at":"2026-05-13T00:00:00Z"}"#,
            r#"{"expires_at":"2020-01-01T00:00:00Z"}"#,
            r#"{"expires_at":"2027-01-01T00:00:00+00:00"}"#,
            r#"{"expires_at":"2027-01-01T00:00:00"}"#,
            r#"{"expires_at":"10000-01-01T00:00:00Z"}"#,
            r#"{"expires_at":1900000000}"#,
            r#"{"expires_at":"2027-01-01T00:00:00Z","expires_at":null}"#,
        ] {
            assert_eq!(read(json).unwrap_err().code, Code::InvalidRequest, "{json}");
        }
        let long = "x".repeat(100_000);
        for json in [
            format!("\"{long}\""),
            format!("{{\"expires_at\":[\"{long}\"]}}"),
            format!("{{\"expires_at\":\"{long}\"}}"),
        ] {
            assert!(read(&json).unwrap_err().message.len() < 200);
        }
    }

    #[test]
    fn a_child_ends_no_later() {
        let at = |text| Constraints { expires_at: Some(time(text)) };
        let (early, late) = (at("2026-05-13T00:00:00Z"), at("2026-05-13T00:00:00.000001Z"));
        let none = Constraints::default();
        assert_eq!(late.delegate(early), Ok(early));
        assert_eq!(early.delegate(early), Ok(early));
        assert_eq!(early.delegate(none), Ok(early));
        assert_eq!(none.delegate(late), Ok(late));
        assert_eq!(none.delegate(none), Ok(none));
        assert_eq!(early.delegate(late).unwrap_err().code, Code::LeaseSubsetViolation);
        assert_eq!(early.left(early.expires_at.unwrap()), Some(Duration::ZERO), "at its end it has ended");
    }
}
