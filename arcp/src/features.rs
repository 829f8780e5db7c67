//! The features that both peers have (§6.2).

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a peer may use only when both have said that they know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u16)]
pub enum Feature {
    /// Pings of an idle peer (§6.4).
    Heartbeat = 1 << 0,
    /// The client says how far it is (§6.5).
    Ack = 1 << 1,
    /// Listing jobs (§6.6).
    ListJobs = 1 << 2,
    /// Watching a job of another session (§7.6).
    Subscribe = 1 << 3,
    /// Leases that end (§9.5).
    LeaseExpiresAt = 1 << 4,
    /// Leases that cost (§9.6).
    CostBudget = 1 << 5,
    /// Events that say how far a job is (§8.2.1).
    Progress = 1 << 6,
    /// Results in parts (§8.4).
    ResultChunk = 1 << 7,
    /// `name@version` (§7.5).
    AgentVersions = 1 << 8,
    /// Leases that name models (§9.7).
    ModelUse = 1 << 9,
    /// Credentials that the runtime issues for a job (§9.8).
    ProvisionedCredentials = 1 << 10,
}

impl Feature {
    /// Those of §6.2; the two that later versions of the draft added come last.
    pub const ALL: [Self; 11] = [
        Self::Heartbeat,
        Self::Ack,
        Self::ListJobs,
        Self::Subscribe,
        Self::LeaseExpiresAt,
        Self::CostBudget,
        Self::Progress,
        Self::ResultChunk,
        Self::AgentVersions,
        Self::ModelUse,
        Self::ProvisionedCredentials,
    ];

    /// As it stands on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Heartbeat => "heartbeat",
            Self::Ack => "ack",
            Self::ListJobs => "list_jobs",
            Self::Subscribe => "subscribe",
            Self::LeaseExpiresAt => "lease_expires_at",
            Self::CostBudget => "cost.budget",
            Self::Progress => "progress",
            Self::ResultChunk => "result_chunk",
            Self::AgentVersions => "agent_versions",
            Self::ModelUse => "model.use",
            Self::ProvisionedCredentials => "provisioned_credentials",
        }
    }

    /// The feature of this name; `None` for one that we do not know.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.as_str() == name)
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// A set of features. On the wire it is a list of names, where unknown ones do not count: a later version may have
/// more of them.
///
/// ```
/// use ixt_arcp::{Feature, Features};
///
/// let theirs: Features = serde_json::from_str(r#"["ack", "time_travel", "heartbeat"]"#)?;
/// let both = Features::SPECIFIED.intersection(theirs);
/// assert!(both.contains(Feature::Ack) && !both.contains(Feature::Progress));
/// assert_eq!(serde_json::to_string(&both)?, r#"["heartbeat","ack"]"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Features(u16);

impl Features {
    /// None.
    pub const NONE: Self = Self(0);
    /// The nine of §6.2.
    pub const SPECIFIED: Self = Self((1 << 9) - 1);
    /// Those, `model.use` and `provisioned_credentials`.
    pub const ALL: Self = Self((1 << 11) - 1);

    /// Of names, those that we know.
    #[must_use]
    pub fn of_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        names.into_iter().filter_map(Feature::parse).collect()
    }

    /// Whether it is in the set.
    #[must_use]
    pub const fn contains(self, feature: Feature) -> bool {
        self.0 & feature as u16 != 0
    }

    /// What is in both: the effective set of a session.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// With this one too.
    #[must_use]
    pub const fn with(self, feature: Feature) -> Self {
        Self(self.0 | feature as u16)
    }

    /// Without this one.
    #[must_use]
    pub const fn without(self, feature: Feature) -> Self {
        Self(self.0 & !(feature as u16))
    }

    /// Each, in the order of [`Feature::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::ALL.into_iter().filter(move |&feature| self.contains(feature))
    }
}

impl FromIterator<Feature> for Features {
    fn from_iter<T: IntoIterator<Item = Feature>>(features: T) -> Self {
        features.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter().map(Feature::as_str)).finish()
    }
}

impl Serialize for Features {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Feature::as_str))
    }
}

impl<'de> Deserialize<'de> for Features {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Features;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of names of features")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Features, A::Error> {
                let mut features = Features::NONE;
                while let Some(name) = names.next_element::<std::borrow::Cow<'de, str>>()? {
                    features = Feature::parse(&name).map_or(features, |feature| features.with(feature));
                }
                Ok(features)
            }
        }

        deserializer.deserialize_seq(Names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nine_of_the_draft() {
        let names = [
            "heartbeat",
            "ack",
            "list_jobs",
            "subscribe",
            "lease_expires_at",
            "cost.budget",
            "progress",
            "result_chunk",
            "agent_versions",
        ];
        assert_eq!(Features::of_names(names), Features::SPECIFIED);
        assert_eq!(Features::SPECIFIED.iter().map(Feature::as_str).collect::<Vec<_>>(), names);
        assert_eq!(Feature::ALL.into_iter().collect::<Features>(), Features::ALL);
        for feature in Feature::ALL {
            assert_eq!(Feature::parse(feature.as_str()), Some(feature));
            assert!(!Features::ALL.without(feature).contains(feature));
        }
    }

    #[test]
    fn unknown_names_do_not_count() {
        let read = |text| serde_json::from_str::<Features>(text);
        assert_eq!(read(r#"["Ack", "acks", "a\u0063k", ""]"#).unwrap(), Features::NONE.with(Feature::Ack));
        assert_eq!(read("[]").unwrap(), Features::default());
        assert!(read("[1]").is_err());
        assert!(read(r#""ack""#).is_err());
        assert_eq!(format!("{:?}", Features::of_names(["progress", "ack"])), r#"{"ack", "progress"}"#);
    }

    #[test]
    fn only_what_both_have() {
        let ours = Features::of_names(["ack", "progress"]);
        assert_eq!(ours.intersection(Features::of_names(["progress", "subscribe"])).iter().count(), 1);
        assert_eq!(ours.intersection(Features::NONE), Features::NONE);
    }
}
