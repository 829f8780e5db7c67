//! Leases: what a job may do (ARCP §§9.1, 9.2, 9.4, 9.7).

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::quoted;
use crate::text::Text;
use crate::{Amounts, Code, Glob, Refusal, canonical_target, check_pattern};

/// The namespace of budgets (§9.6), whose patterns are amounts.
const BUDGET: &str = "cost.budget";
/// The namespace of models, which §9.2 does not have and peers use.
const MODELS: &str = "model.use";
/// The namespace of addresses (§9.2).
const ADDRESSES: &str = "net.fetch";

/// How much work comparing two leases may be, in steps of [`Glob::is_subset_within`].
const WORK: usize = 1 << 20;

/// What a runtime decides about leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseSettings {
    /// How many namespaces a lease may have. 64.
    pub max_namespaces: usize,
    /// How many patterns, of all its namespaces together. 1,024.
    pub max_patterns: usize,
    /// How long a namespace or a pattern may be, in bytes. 1,024.
    pub max_length: usize,
    /// How long all namespaces and patterns together may be, in bytes. 16,384. Comparing a target with a lease takes
    /// at most this many steps for each character of the target.
    pub max_bytes: usize,
    /// How long the target of an operation may be, in bytes. 4,096.
    pub max_target: usize,
    /// Whether a job whose lease has no `model.use` may use every model. True: `model.use` is not among the namespaces
    /// of §9.2, so the lease of a client that does not know it says nothing about models.
    pub any_model_by_default: bool,
}

impl Default for LeaseSettings {
    fn default() -> Self {
        Self {
            max_namespaces: 64,
            max_patterns: 1_024,
            max_length: 1_024,
            max_bytes: 16_384,
            max_target: 4_096,
            any_model_by_default: true,
        }
    }
}

/// A lease: for each namespace, the patterns of what may be done there. What no pattern matches is not allowed.
///
/// Namespaces that §9.2 does not have are kept, and their targets compared as they are. The order is kept. It
/// serializes as it was written, `cost.budget` included.
///
/// ```
/// use ixt_arcp::{Lease, LeaseSettings};
///
/// let settings = LeaseSettings::default();
/// let lease = Lease::parse(r#"{"fs.read": ["/workspace/**"], "cost.budget": ["USD:5.00"]}"#, &settings)?;
/// assert_eq!(lease.check("fs.read", "/workspace/a/../b", &settings)?, "/workspace/b");
/// assert!(lease.check("fs.read", "/workspace/../etc/passwd", &settings).is_err());
/// assert!(lease.check("fs.write", "/workspace/b", &settings).is_err());
/// # Ok::<(), ixt_arcp::Refusal>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lease {
    grants: Vec<Grant>,
    budget: Option<Budget>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Grant {
    namespace: Box<str>,
    patterns: Vec<Glob>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Budget {
    /// As they were written.
    texts: Vec<Box<str>>,
    amounts: Amounts,
    /// How many grants stand before it.
    position: usize,
}

impl Grant {
    fn covers(&self, target: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(target))
    }
}

impl Lease {
    /// Reads a lease: an object whose values are lists of patterns.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when it is something else, names a namespace twice, is larger than the settings allow, has an
    /// amount that is none (§9.6), or a pattern that no canonical target can match ([`check_pattern`]).
    pub fn parse(json: &str, settings: &LeaseSettings) -> Result<Self, Refusal> {
        let entries: Entries<'_> =
            serde_json::from_str(json).map_err(|error| Refusal::of_json("the lease", &error))?;
        Self::of_entries(&entries.0, settings)
    }

    fn of_entries(entries: &[(Text<'_>, Vec<Text<'_>>)], settings: &LeaseSettings) -> Result<Self, Refusal> {
        let all = || entries.iter().flat_map(|(_, patterns)| patterns);
        if entries.len() > settings.max_namespaces || all().count() > settings.max_patterns {
            return Err(Refusal::invalid(format!(
                "a lease has at most {} namespaces and {} patterns",
                settings.max_namespaces, settings.max_patterns
            )));
        }
        let lengths = || all().chain(entries.iter().map(|(namespace, _)| namespace)).map(|text| text.len());
        if lengths().any(|length| length > settings.max_length)
            || lengths().sum::<usize>() > settings.max_bytes
        {
            return Err(Refusal::invalid(format!(
                "a namespace or pattern of a lease has at most {} bytes, and all together {}",
                settings.max_length, settings.max_bytes
            )));
        }
        let mut lease = Self::default();
        for (namespace, patterns) in entries {
            if lease.has(namespace) {
                return Err(Refusal::invalid(format!("the lease has {} twice", quoted(namespace))));
            }
            if namespace == BUDGET {
                let amounts = Amounts::parse(patterns.iter().map(|text| &**text))
                    .map_err(|error| Refusal::invalid(format!("{BUDGET}: {error}")))?;
                let texts = patterns.iter().map(|text| (**text).into()).collect();
                lease.budget = Some(Budget { texts, amounts, position: lease.grants.len() });
                continue;
            }
            for pattern in patterns {
                check_pattern(namespace, pattern).map_err(|error| {
                    Refusal::invalid(format!(
                        "{namespace}: the pattern {} is refused: {error}",
                        quoted(pattern)
                    ))
                })?;
            }
            let patterns = patterns.iter().map(|pattern| Glob::new(pattern)).collect();
            lease.grants.push(Grant { namespace: (**namespace).into(), patterns });
        }
        Ok(lease)
    }

    /// Whether it grants nothing and bounds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty() && self.budget.is_none()
    }

    /// Whether it names the namespace.
    #[must_use]
    pub fn has(&self, namespace: &str) -> bool {
        if namespace == BUDGET { self.budget.is_some() } else { self.grant(namespace).is_some() }
    }

    /// Its budget: the amounts of `cost.budget`, those of one currency added up. `None` without it: then nothing
    /// bounds what the job costs.
    #[must_use]
    pub fn budget(&self) -> Option<&Amounts> {
        self.budget.as_ref().map(|budget| &budget.amounts)
    }

    /// Whether the lease covers an operation, and the canonical form of its target ([`canonical_target`]): a path is
    /// to be used in that form. Expiry and budget are looked at apart from this, before it.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` when no pattern matches, or the target has no canonical form or is too long. The message
    /// names the target, without the query of an address; one without a canonical form it does not repeat.
    pub fn check<'a>(
        &self,
        namespace: &str,
        target: &'a str,
        settings: &LeaseSettings,
    ) -> Result<Cow<'a, str>, Refusal> {
        let refused = |why: &dyn fmt::Display| {
            Refusal::denied(format!("{} of this target is not allowed: {why}", name(namespace)))
        };
        if target.len() > settings.max_target {
            return Err(refused(&format_args!("it is longer than {} bytes", settings.max_target)));
        }
        let canonical = canonical_target(namespace, target).map_err(|error| refused(&error))?;
        let denied = |why: &dyn fmt::Display| {
            // Queries carry keys, which are nobody's business who reads a refusal.
            let shown = if namespace == ADDRESSES { canonical.split('?').next() } else { None };
            let shown = quoted(shown.unwrap_or(&canonical));
            Refusal::denied(format!("{} of {shown} is not allowed: {why}", name(namespace)))
        };
        match self.grant(namespace) {
            None if namespace == MODELS && settings.any_model_by_default => Ok(canonical),
            None => Err(denied(&"the lease does not have the namespace")),
            Some(grant) if grant.covers(&canonical) => Ok(canonical),
            Some(grant)
                if namespace == ADDRESSES && bare_origin(&canonical).is_some_and(|it| grant.covers(it)) =>
            {
                Ok(canonical)
            }
            Some(_) => Err(denied(&"no pattern of the lease matches")),
        }
    }

    /// The lease of a job to which a job with this one delegates (§9.4).
    ///
    /// Each pattern must be covered by one of the same namespace here ([`Glob::is_subset`], within one bound on the work
    /// for all of them); an equal lease is a subset, as the draft's own example lets a child have all that is left. The
    /// currencies of its budget must be
    /// named here; whether the amounts are left is for [`Accounts::reserve`](crate::Accounts::reserve) to say.
    ///
    /// What the request does not name it does not get, with one exception: where a missing `model.use` means every
    /// model, a child that does not name it gets the parent's, as it would otherwise have more than the parent.
    ///
    /// # Errors
    /// `LEASE_SUBSET_VIOLATION` that names the first grant that is not covered.
    pub fn delegate(&self, mut request: Self, settings: &LeaseSettings) -> Result<Self, Refusal> {
        let violation = |message| Refusal::new(Code::LeaseSubsetViolation, message);
        let mut work = WORK;
        for grant in &request.grants {
            let namespace = &*grant.namespace;
            let Some(held) = self.grant(namespace) else {
                if namespace == MODELS && settings.any_model_by_default {
                    continue;
                }
                return Err(violation(format!("the delegating lease does not have {}", name(namespace))));
            };
            let mut covered = |pattern: &&Glob| {
                let mut parents = held.patterns.iter();
                held.patterns.contains(pattern)
                    || parents.any(|parent| pattern.is_subset_within(parent, &mut work))
            };
            if let Some(pattern) = grant.patterns.iter().find(|pattern| !covered(pattern)) {
                let pattern = quoted(pattern.as_str());
                return Err(violation(format!(
                    "{} {pattern} is not covered by the delegating lease",
                    name(namespace)
                )));
            }
        }
        if let Some(asked) = request.budget() {
            let held = self.budget();
            for (currency, _) in asked.iter() {
                if held.and_then(|held| held.get(currency)).is_none() {
                    return Err(violation(format!("the delegating lease has no budget in {currency}")));
                }
            }
        }
        if let Some(models) = self.grant(MODELS)
            && settings.any_model_by_default
            && !request.has(MODELS)
        {
            request.grants.push(models.clone());
        }
        Ok(request)
    }

    fn grant(&self, namespace: &str) -> Option<&Grant> {
        self.grants.iter().find(|grant| *grant.namespace == *namespace)
    }
}

impl Serialize for Lease {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map =
            serializer.serialize_map(Some(self.grants.len() + usize::from(self.budget.is_some())))?;
        let budget_before = |at: usize| self.budget.as_ref().filter(|budget| budget.position == at);
        for at in 0..=self.grants.len() {
            if let Some(budget) = budget_before(at) {
                map.serialize_entry(BUDGET, &budget.texts)?;
            }
            if let Some(grant) = self.grants.get(at) {
                let patterns: Vec<_> = grant.patterns.iter().map(Glob::as_str).collect();
                map.serialize_entry(&grant.namespace, &patterns)?;
            }
        }
        map.end()
    }
}

/// A canonical address of a host's root without its last slash: `https://host` is how a pattern names it too.
fn bare_origin(address: &str) -> Option<&str> {
    let origin = address.strip_suffix('/')?;
    let (_, authority) = origin.split_once("://")?;
    (!authority.contains(['/', '?'])).then_some(origin)
}

/// A namespace in a message: those that are long or strange in quotes and cut.
fn name(namespace: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if namespace.len() <= 64 && !namespace.is_empty() && namespace.bytes().all(plain) {
        Cow::Borrowed(namespace)
    } else {
        Cow::Owned(quoted(namespace))
    }
}

/// The object as it stands, in its order and with what is there twice.
struct Entries<'a>(Vec<(Text<'a>, Vec<Text<'a>>)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Entries<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of lists of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: LeaseSettings = LeaseSettings {
        max_namespaces: 4,
        max_patterns: 6,
        max_length: 40,
        max_bytes: 100,
        max_target: 100,
        any_model_by_default: true,
    };
    const CLOSED: LeaseSettings = LeaseSettings { any_model_by_default: false, ..SETTINGS };

    fn lease(json: &str) -> Lease {
        Lease::parse(json, &SETTINGS).unwrap()
    }

    fn invalid(json: &str) -> String {
        let refusal = Lease::parse(json, &SETTINGS).unwrap_err();
        assert_eq!(refusal.code, Code::InvalidRequest);
        refusal.message.into_owned()
    }

    #[test]
    fn it_is_written_as_it_was_read() {
        for json in [
            "{}",
            r#"{"tool.call":["search.*","fetch.*"],"cost.budget":["USD:5.00","USD:1"],"fs.read":[]}"#,
            r#"{"cost.budget":["credits:0"]}"#,
            r#"{"x-vendor.gpu":["a\"ä***"],"cost.budget":[]}"#,
        ] {
            assert_eq!(serde_json::to_string(&lease(json)).unwrap(), json);
        }
        assert!(lease("{}").is_empty());
        assert!(!lease(r#"{"cost.budget":[]}"#).is_empty());
        assert_eq!(lease(r#"{"fs.\u0072ead":["/\u002a"]}"#), lease(r#"{"fs.read":["/*"]}"#));
    }

    #[test]
    fn what_is_no_lease() {
        for json in [
            "",
            "null",
            "[]",
            "{",
            r#"{"fs.read":"/a"}"#,
            r#"{"fs.read":[1]}"#,
            r#"{"fs.read":null}"#,
            "{} {}",
        ] {
            assert!(invalid(json).starts_with("the lease: "), "{json}");
        }
        for (json, says) in [
            (r#"{"fs.read":[],"fs.read":[]}"#, "\"fs.read\" twice"),
            (r#"{"cost.budget":[],"cost.budget":[]}"#, "\"cost.budget\" twice"),
            (r#"{"cost.budget":["USD:1e3"]}"#, "cost.budget: not a decimal number"),
            (r#"{"cost.budget":["USD:inf"]}"#, "cost.budget: not a decimal number"),
            (r#"{"cost.budget":["5.00"]}"#, "cost.budget: not an amount"),
            (r#"{"fs.read":["/a/../b"]}"#, "`..` leads out"),
            (r#"{"fs.write":["/a%2fb"]}"#, "an encoded"),
            (r#"{"a":[],"b":[],"c":[],"d":[],"e":[]}"#, "at most 4 namespaces and 6 patterns"),
            (r#"{"a":["1","2","3","4"],"b":["5","6","7"]}"#, "at most 4 namespaces and 6 patterns"),
            (r#"{"a":["12345678901234567890123456789012345678901"]}"#, "at most 40 bytes"),
            (r#"{"12345678901234567890123456789012345678901":[]}"#, "at most 40 bytes"),
            (
                r#"{"a":["123456789012345678901234567890","123456789012345678901234567890","1234567890123456789012345678901234567890"]}"#,
                "all together 100",
            ),
        ] {
            assert!(invalid(json).contains(says), "{json}: {}", invalid(json));
        }
    }

    #[test]
    fn what_no_pattern_matches_is_denied() {
        let lease =
            lease(r#"{"fs.read":["/workspace/**","/etc/hosts"],"tool.call":["search.*"],"x-a.b":["*"]}"#);
        let check = |namespace, target| {
            lease.check(namespace, target, &CLOSED).map(Cow::into_owned).map_err(|refusal| {
                assert_eq!(refusal.code, Code::PermissionDenied);
                refusal.message.into_owned()
            })
        };
        assert_eq!(check("fs.read", "/workspace/./a").as_deref(), Ok("/workspace/a"));
        assert_eq!(check("fs.read", "/etc/hosts").as_deref(), Ok("/etc/hosts"));
        assert_eq!(check("tool.call", "search.web").as_deref(), Ok("search.web"));
        assert_eq!(check("x-a.b", "%2e").as_deref(), Ok("%2e"));
        for (namespace, target, says) in [
            ("fs.read", "/workspace/../etc/passwd", "no pattern"),
            ("fs.read", "/workspace/%2e%2e/etc/passwd", "no pattern"),
            ("fs.read", "/workspace/%252e%252e/etc/passwd", "of this target is not allowed: an encoded"),
            ("fs.read", "/workspace/../etc/./passwd", "\"/etc/passwd\""),
            ("fs.read", "workspace/a", "must begin with"),
            ("fs.write", "/workspace/a", "does not have the namespace"),
            ("tool.call", "fetch.web", "no pattern"),
            ("model.use", "any", "does not have the namespace"),
            ("cost.budget", "USD:1", "does not have the namespace"),
        ] {
            let refused = check(namespace, target).unwrap_err();
            assert!(refused.starts_with(namespace) && refused.contains(says), "{refused}");
        }
        let long = lease.check("x\n", &"y".repeat(100), &CLOSED).unwrap_err();
        assert!(long.message.len() < 200 && long.message.starts_with("\"x\\n\""), "{long}");
        let longer = lease.check("x-a.b", &"y".repeat(101), &CLOSED).unwrap_err();
        assert!(longer.message.contains("longer than 100 bytes"), "{longer}");
    }

    #[test]
    fn a_host_alone_is_its_root_and_no_more() {
        let lease = lease(r#"{"net.fetch":["https://a.example","https://*.b.example"],"x-a.b":["z"]}"#);
        let check = |target: &str| lease.check("net.fetch", target, &SETTINGS).map(Cow::into_owned).ok();
        for target in ["https://a.example", "https://a.example/", "HTTPS://A.example:443"] {
            assert_eq!(check(target).as_deref(), Some("https://a.example/"), "{target}");
        }
        assert_eq!(check("https://c.b.example").as_deref(), Some("https://c.b.example/"));
        for target in [
            "https://a.example/b",
            "https://a.example/b/",
            "https://a.example/?q",
            "https://a.example/?q=/",
            "https://a.example:8443/",
            "https://a.example.org/",
            "https://b.example/",
            "https://c.b.example/d/",
            "http://a.example/",
        ] {
            assert_eq!(check(target), None, "{target}");
        }
        assert!(lease.check("x-a.b", "z/", &SETTINGS).is_err());
    }

    #[test]
    fn a_refusal_repeats_no_key_and_nothing_long() {
        let lease = lease(r#"{"net.fetch":["https://example.com/**"]}"#);
        for target in [
            "https://other.example/a?api_key=hunter2#hunter2",
            "https://me:hunter2@example.com/",
            "https://example.com/a b?hunter2",
        ] {
            let refusal = lease.check("net.fetch", target, &SETTINGS).unwrap_err();
            assert!(!refusal.message.contains("hunter2"), "{refusal}");
        }
        let refusal = lease.check("net.fetch", "https://Other.example/a?b", &SETTINGS).unwrap_err();
        assert!(refusal.message.contains("\"https://other.example/a\""), "{refusal}");
        let long = "x".repeat(100_000);
        for json in
            [format!("\"{long}\""), format!("{{\"a\":\"{long}\"}}"), format!("{{\"a\":[[\"{long}\"]]}}")]
        {
            assert!(invalid(&json).len() < 200);
        }
    }

    #[test]
    fn models_are_open_unless_a_setting_or_the_lease_closes_them() {
        let models = lease(r#"{"model.use":["small-*"]}"#);
        for settings in [SETTINGS, CLOSED] {
            assert!(models.check("model.use", "small-1", &settings).is_ok());
            assert!(models.check("model.use", "large-1", &settings).is_err());
            assert!(lease(r#"{"model.use":[]}"#).check("model.use", "small-1", &settings).is_err());
            let open = lease("{}").check("model.use", "large-1", &settings).is_ok();
            assert_eq!(open, settings.any_model_by_default);
        }
    }

    #[test]
    fn the_budget_adds_up() {
        let budget = lease(r#"{"cost.budget":["USD:5.00","USD:0.50","credits:0"]}"#);
        let shown = serde_json::to_string(budget.budget().unwrap()).unwrap();
        assert_eq!(shown, r#"{"USD":5.5,"credits":0}"#);
        assert_eq!(lease("{}").budget(), None);
    }

    #[test]
    fn a_delegated_lease_is_a_subset() {
        let parent = lease(
            r#"{"fs.read":["/a/**","/b/*"],"tool.call":["search.*"],"cost.budget":["USD:5"],"x.y":["z"]}"#,
        );
        for json in [
            "{}",
            r#"{"fs.read":["/a/src/*.rs","/b/?"],"cost.budget":["USD:900"]}"#,
            r#"{"tool.call":[]}"#,
            r#"{"model.use":["any-*"]}"#,
            r#"{"x.y":["z"]}"#,
        ] {
            assert_eq!(parent.delegate(lease(json), &SETTINGS).unwrap(), lease(json));
        }
        assert_eq!(parent.delegate(parent.clone(), &CLOSED), Ok(parent.clone()), "an equal one is a subset");
        for (json, says) in [
            (r#"{"fs.read":["/a/b","/b/**","/**"]}"#, r#"fs.read "/b/**" is not covered"#),
            (r#"{"fs.read":["/a"]}"#, r#"fs.read "/a" is not covered"#),
            (r#"{"fs.write":[]}"#, "does not have fs.write"),
            (r#"{"net.fetch":["**"]}"#, "does not have net.fetch"),
            (r#"{"cost.budget":["EUR:1"]}"#, "no budget in EUR"),
            (r#"{"model.use":["any-*"]}"#, "does not have model.use"),
            (r#"{"x.y":["zz"]}"#, r#"x.y "zz" is not covered"#),
        ] {
            let refusal = parent.delegate(lease(json), &CLOSED).unwrap_err();
            assert_eq!(refusal.code, Code::LeaseSubsetViolation);
            assert!(refusal.message.contains(says), "{refusal}");
        }
        let unbounded = lease("{}").delegate(lease(r#"{"cost.budget":["USD:1"]}"#), &SETTINGS);
        assert_eq!(unbounded.unwrap_err().code, Code::LeaseSubsetViolation);
    }

    #[test]
    fn comparing_two_large_leases_does_not_take_long() {
        let settings = LeaseSettings::default();
        // Nine thousand pairs, each of which is worth the bound of one comparison.
        let patterns = |star: &str| {
            let pattern = |at: usize| format!("\"{star}a{}{at}\"", "?".repeat(90));
            format!("{{\"x\":[{}]}}", (0..95).map(pattern).collect::<Vec<_>>().join(","))
        };
        let [child, parent] = ["*", "**"].map(|star| Lease::parse(&patterns(star), &settings).unwrap());
        let refusal = parent.delegate(child, &settings).unwrap_err();
        assert!(refusal.message.contains("is not covered"), "the safe answer: {refusal}");
        assert!(parent.delegate(parent.clone(), &settings).is_ok());
    }

    #[test]
    fn a_child_that_names_no_models_has_no_more_of_them() {
        let parent = lease(r#"{"model.use":["small-*"]}"#);
        let child = parent.delegate(lease("{}"), &SETTINGS).unwrap();
        assert!(child.check("model.use", "large-1", &SETTINGS).is_err());
        assert!(child.check("model.use", "small-1", &SETTINGS).is_ok());
        assert!(parent.delegate(lease(r#"{"model.use":["*"]}"#), &SETTINGS).is_err());
        let none = parent.delegate(lease(r#"{"model.use":[]}"#), &SETTINGS).unwrap();
        assert!(none.check("model.use", "small-1", &SETTINGS).is_err());
        assert!(parent.delegate(lease("{}"), &CLOSED).unwrap().is_empty());
    }
}
