//! Agents and their versions (§7.5).

use std::fmt;

use serde::ser::{SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};

use crate::error::quoted;
use crate::{Code, Refusal};

/// Longest name and longest version, in bytes. The grammar has no bound; a key of a table needs one.
const LONGEST: usize = 128;

/// An agent as a request names it: `name`, or `name@version`.
///
/// ```
/// let agent = ixt_arcp::AgentRef::parse("code-refactor@2.0.0")?;
/// assert_eq!((agent.name(), agent.version()), ("code-refactor", Some("2.0.0")));
/// # Ok::<(), ixt_arcp::Refusal>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AgentRef<'a> {
    name: &'a str,
    version: Option<&'a str>,
}

impl<'a> AgentRef<'a> {
    /// Reads a name (`[a-z0-9][a-z0-9._-]*`), with a version (`[a-zA-Z0-9.+_-]+`) or without, of at most 128 bytes
    /// each.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when it is neither.
    pub fn parse(text: &'a str) -> Result<Self, Refusal> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        if !is_name(name) || version.is_some_and(|version| !is_version(version)) {
            return Err(Refusal::invalid(format!(
                "{} is no agent: `name` or `name@version` is, at most {LONGEST} bytes each (§7.5)",
                quoted(text)
            )));
        }
        Ok(Self { name, version })
    }

    /// The agent's name.
    #[must_use]
    pub const fn name(self) -> &'a str {
        self.name
    }

    /// The version, where one is pinned.
    #[must_use]
    pub const fn version(self) -> Option<&'a str> {
        self.version
    }
}

impl fmt::Display for AgentRef<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => write!(formatter, "{}@{version}", self.name),
            None => formatter.write_str(self.name),
        }
    }
}

fn is_name(name: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let rest = |byte: u8| first(byte) || matches!(byte, b'.' | b'_' | b'-');
    name.len() <= LONGEST && name.bytes().next().is_some_and(first) && name.bytes().all(rest)
}

fn is_version(version: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'_' | b'-');
    (1..=LONGEST).contains(&version.len()) && version.bytes().all(allowed)
}

/// The agents that a runtime has, in the order in which they were registered.
///
/// An agent is registered under one or more versions, or under none: then it is listed with an empty list of versions
/// and named without `@`. It serializes as the `agents` of a welcome (§6.2).
///
/// ```
/// use ixt_arcp::{AgentRef, Inventory};
///
/// let mut inventory = Inventory::default();
/// inventory.register(AgentRef::parse("code-refactor@1.0.0")?)?;
/// inventory.register(AgentRef::parse("code-refactor@2.0.0")?)?;
/// let resolved = inventory.resolve(AgentRef::parse("code-refactor")?)?;
/// assert_eq!(resolved.to_string(), "code-refactor@2.0.0", "the last one, where no other is made the default");
/// # Ok::<(), ixt_arcp::Refusal>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    agents: Vec<Agent>,
}

#[derive(Debug, Clone)]
struct Agent {
    name: Box<str>,
    /// Empty for an agent without versions.
    versions: Vec<Box<str>>,
    /// Of `versions`, if somebody chose one.
    chosen: Option<usize>,
}

impl Agent {
    fn default(&self) -> Option<&str> {
        let chosen = self.chosen.and_then(|at| self.versions.get(at));
        chosen.or(self.versions.last()).map(|version| &**version)
    }
}

impl Inventory {
    /// Adds an agent, or a version of one.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when it is there already, or when the agent would be there both with and without versions: a
    /// name without a version then meant two things.
    pub fn register(&mut self, agent: AgentRef<'_>) -> Result<(), Refusal> {
        let Some(known) = self.agents.iter_mut().find(|known| *known.name == *agent.name) else {
            let versions = agent.version.iter().map(|&version| version.into()).collect();
            self.agents.push(Agent { name: agent.name.into(), versions, chosen: None });
            return Ok(());
        };
        match agent.version {
            Some(version)
                if !known.versions.is_empty() && !known.versions.iter().any(|one| **one == *version) =>
            {
                known.versions.push(version.into());
                Ok(())
            }
            Some(_) if known.versions.is_empty() => {
                Err(Refusal::invalid(format!("{} is registered without a version", agent.name)))
            }
            None if !known.versions.is_empty() => {
                Err(Refusal::invalid(format!("{} is registered with versions", agent.name)))
            }
            _ => Err(Refusal::invalid(format!("{agent} is registered already"))),
        }
    }

    /// Makes a version the one that the bare name means. Without this it is the one registered last.
    ///
    /// # Errors
    /// As [`Inventory::resolve`]; `INVALID_REQUEST` when no version is named.
    pub fn set_default(&mut self, agent: AgentRef<'_>) -> Result<(), Refusal> {
        let Some(version) = agent.version else {
            return Err(Refusal::invalid(format!("{agent} names no version to be the default")));
        };
        self.resolve(agent)?;
        if let Some(known) = self.agents.iter_mut().find(|known| *known.name == *agent.name) {
            known.chosen = known.versions.iter().position(|one| **one == *version);
        }
        Ok(())
    }

    /// The agent that a request means: with its version, unless it has none. A job stays with it to its end.
    ///
    /// # Errors
    /// `AGENT_NOT_AVAILABLE` when no agent has the name, `AGENT_VERSION_NOT_AVAILABLE` when it has not that version.
    pub fn resolve(&self, agent: AgentRef<'_>) -> Result<AgentRef<'_>, Refusal> {
        let missing = |code| Refusal::new(code, format!("{agent} is not registered"));
        let found = self.agents.iter().find(|known| *known.name == *agent.name);
        let found = found.ok_or_else(|| missing(Code::AgentNotAvailable))?;
        let version = match agent.version {
            None => found.default(),
            Some(asked) => {
                let version = found.versions.iter().find(|one| ***one == *asked);
                Some(&**version.ok_or_else(|| missing(Code::AgentVersionNotAvailable))?)
            }
        };
        Ok(AgentRef { name: &found.name, version })
    }

    /// How many agents there are, versions not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.agents.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.agents.is_empty()
    }
}

impl Serialize for Inventory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.agents.len()))?;
        for agent in &self.agents {
            list.serialize_element(agent)?;
        }
        list.end()
    }
}

impl Serialize for Agent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let default = self.default();
        let mut agent = serializer.serialize_struct("Agent", 2 + usize::from(default.is_some()))?;
        agent.serialize_field("name", &self.name)?;
        agent.serialize_field("versions", &self.versions)?;
        if let Some(default) = default {
            agent.serialize_field("default", default)?;
        }
        agent.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(text: &str) -> AgentRef<'_> {
        AgentRef::parse(text).unwrap()
    }

    fn inventory() -> Inventory {
        let mut inventory = Inventory::default();
        for name in ["code-refactor@1.0.0", "noop", "code-refactor@2.0.0"] {
            inventory.register(agent(name)).unwrap();
        }
        inventory
    }

    #[test]
    fn the_grammar() {
        let long = "x".repeat(128);
        for text in ["a", "0", "a.b_c-d", "a@1", "a@V1.0.0+build_7-rc", &long, &format!("{long}@{long}")] {
            assert_eq!(AgentRef::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "A",
            ".a",
            "-a",
            "_a",
            "a b",
            "a@",
            "@1",
            "a@1@2",
            "a@1 ",
            "a/b",
            "ä",
            "a@ä",
            &format!("{long}x"),
        ] {
            assert_eq!(AgentRef::parse(text).unwrap_err().code, Code::InvalidRequest, "{text}");
        }
    }

    #[test]
    fn what_a_name_means() {
        let mut inventory = inventory();
        let resolve = |inventory: &Inventory, text: &str| {
            inventory
                .resolve(agent(text))
                .map(|found| found.to_string())
                .map_err(|refusal| refusal.to_string())
        };
        assert_eq!(resolve(&inventory, "code-refactor").unwrap(), "code-refactor@2.0.0");
        assert_eq!(resolve(&inventory, "code-refactor@1.0.0").unwrap(), "code-refactor@1.0.0");
        assert_eq!(resolve(&inventory, "noop").unwrap(), "noop");
        assert_eq!(
            resolve(&inventory, "code-refactor@3.0.0").unwrap_err(),
            "AGENT_VERSION_NOT_AVAILABLE: code-refactor@3.0.0 is not registered"
        );
        assert_eq!(
            resolve(&inventory, "noop@1.0.0").unwrap_err(),
            "AGENT_VERSION_NOT_AVAILABLE: noop@1.0.0 is not registered"
        );
        assert_eq!(
            resolve(&inventory, "nosuch@1").unwrap_err(),
            "AGENT_NOT_AVAILABLE: nosuch@1 is not registered"
        );
        inventory.set_default(agent("code-refactor@1.0.0")).unwrap();
        assert_eq!(resolve(&inventory, "code-refactor").unwrap(), "code-refactor@1.0.0");
        inventory.register(agent("code-refactor@3.0.0")).unwrap();
        assert_eq!(resolve(&inventory, "code-refactor").unwrap(), "code-refactor@1.0.0");
        assert!(inventory.set_default(agent("code-refactor@4.0.0")).is_err());
        assert!(inventory.set_default(agent("code-refactor")).is_err());
        assert!(inventory.set_default(agent("noop@1")).is_err());
    }

    #[test]
    fn nothing_is_registered_twice() {
        let mut inventory = inventory();
        for (text, says) in [
            ("noop", "noop is registered already"),
            ("noop@1.0.0", "noop is registered without a version"),
            ("code-refactor", "code-refactor is registered with versions"),
            ("code-refactor@2.0.0", "code-refactor@2.0.0 is registered already"),
        ] {
            assert_eq!(inventory.register(agent(text)), Err(Refusal::invalid(says)));
        }
        assert_eq!(inventory.len(), 2);
    }

    #[test]
    fn the_welcome_lists_them() {
        assert_eq!(
            serde_json::to_string(&inventory()).unwrap(),
            r#"[{"name":"code-refactor","versions":["1.0.0","2.0.0"],"default":"2.0.0"},{"name":"noop","versions":[]}]"#
        );
        assert!(Inventory::default().is_empty());
    }
}
