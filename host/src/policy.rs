//! Who may do what: the policy, as its file says it.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::name::{is_among, is_name};

/// What each module may do.
///
/// ```
/// let policy = ixt_host::Policy::from_toml(r#"
///     [module.gateway]
///     uid = 1000
///     call = ["media.*"]
///     capabilities = ["media.*"]
///     subjects = ["external", "operator"]
///     ingress = true
///
///     [module.media]
///     uid = 1001
///     token_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
///     provide = ["media.*"]
/// "#)?;
/// assert!(policy.module("gateway").is_some_and(|gateway| gateway.ingress));
/// assert!(policy.module("other").is_none(), "who is not named may not connect");
/// # Ok::<(), ixt_host::PolicyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// By name.
    #[serde(default, rename = "module")]
    modules: BTreeMap<String, ModulePolicy>,
    /// For every other module; without it none may connect.
    default: Option<ModulePolicy>,
}

/// What one module may do. What is not said is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModulePolicy {
    /// The user id of its process, where the transport tells one.
    pub uid: Option<u32>,
    /// SHA-256 of its token, in hexadecimal digits. Modules of one user id need one, lest one takes the name of
    /// another.
    pub token_sha256: Option<String>,
    /// Services that it may provide: names, or `prefix.*`, or `*`.
    pub provide: Vec<String>,
    /// Topics that it may subscribe to.
    pub subscribe: Vec<String>,
    /// Services, modules and topics that it may call. Endpoints and replies need no permission: whoever has their
    /// names was given them.
    pub call: Vec<String>,
    /// Capabilities that it may assert for itself or for whom it speaks.
    pub capabilities: Vec<String>,
    /// Subjects for whom it may speak: `external`, `operator`, `module`, `system`, each also with one name, as
    /// `operator:alice`. For itself, as `module:` and its own name, it may always speak.
    pub subjects: Vec<String>,
    /// Whether it stands where calls come in: it alone may set `tenant`, `auth.strength` and `ingress.*`.
    pub ingress: bool,
}

/// A policy file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the policy is not valid: {0}")]
pub struct PolicyError(String);

impl PolicyError {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl Policy {
    /// Every module may do everything: for a socket that one user alone can reach, where the operating system has
    /// decided already.
    #[must_use]
    pub fn open() -> Self {
        let all = || vec!["*".to_owned()];
        let default = ModulePolicy {
            uid: None,
            token_sha256: None,
            provide: all(),
            subscribe: all(),
            call: all(),
            capabilities: all(),
            subjects: all(),
            ingress: true,
        };
        Self { modules: BTreeMap::new(), default: Some(default) }
    }

    /// Reads a policy file.
    ///
    /// # Errors
    /// What is wrong with it and where: no TOML, a setting that is not known, a module's name that is none, a hash
    /// of the wrong length, two modules of one user id without tokens.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        let policy: Self = toml::from_str(text).map_err(|error| PolicyError(error.to_string()))?;
        for (name, module) in policy
            .modules
            .iter()
            .map(|(name, module)| (name.as_str(), module))
            .chain(policy.default.iter().map(|module| ("default", module)))
        {
            if !is_name(name) {
                return Err(PolicyError(format!("`{name}` is no name of a module")));
            }
            if let Some(hash) = &module.token_sha256
                && !(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
            {
                return Err(PolicyError(format!("token_sha256 of `{name}` is not 64 hexadecimal digits")));
            }
            if name != "default" && module.uid.is_none() && module.token_sha256.is_none() {
                return Err(PolicyError(format!("`{name}` is bound to neither a uid nor a token")));
            }
        }
        for (name, module) in &policy.modules {
            let shares = |(other, of): (&String, &ModulePolicy)| other != name && of.uid == module.uid;
            if module.uid.is_some()
                && module.token_sha256.is_none()
                && let Some((other, _)) = policy.modules.iter().find(|entry| shares(*entry))
            {
                return Err(PolicyError(format!(
                    "`{name}` and `{other}` share a uid, so `{name}` needs a token"
                )));
            }
        }
        Ok(policy)
    }

    /// The modules that it names, by name.
    pub(crate) fn modules(&self) -> impl Iterator<Item = (&str, &ModulePolicy)> {
        self.modules.iter().map(|(name, module)| (name.as_str(), module))
    }

    /// Whether others may connect, too.
    pub(crate) fn has_default(&self) -> bool {
        self.default.is_some()
    }

    /// What this module may do; `None` when it may not connect.
    #[must_use]
    pub fn module(&self, name: &str) -> Option<&ModulePolicy> {
        self.modules.get(name).or(self.default.as_ref())
    }
}

impl ModulePolicy {
    /// Whether a process with this user id and token is the module.
    pub(crate) fn is_bound_to(&self, uid: Option<u32>, token: &[u8]) -> Result<(), &'static str> {
        if self.uid.is_some() && self.uid != uid {
            return Err("the process belongs to another user");
        }
        match &self.token_sha256 {
            Some(hash) if !hash.eq_ignore_ascii_case(&hex(&Sha256::digest(token))) => {
                Err(if token.is_empty() { "a token is needed" } else { "the token is another one" })
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn may_call(&self, name: &str) -> bool {
        is_among(&self.call, name)
    }

    /// Whether it may speak for a subject of this kind and name.
    pub(crate) fn may_speak_for(&self, kind: &str, name: &str) -> bool {
        self.subjects.iter().any(|allowed| match allowed.split_once(':') {
            None => allowed == "*" || allowed == kind,
            Some((of, one)) => of == kind && one == name,
        })
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_makes_no_sense_is_refused_with_the_place() {
        for (text, says) in [
            ("[module.a]\nuid = 1\nprovides = []", "provides"),
            ("[module.\"A b\"]\nuid = 1", "`A b`"),
            ("[module.a]\nuid = 1\ntoken_sha256 = \"12\"", "64 hexadecimal"),
            ("[module.a]\ncall = [\"*\"]", "neither a uid nor a token"),
            ("[module.a]\nuid = 1\n[module.b]\nuid = 1", "share a uid"),
            ("nonsense", "expected"),
        ] {
            let error = Policy::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_name_is_bound_to_a_user_and_a_token() {
        let hash = hex(&Sha256::digest(b"secret"));
        let policy = Policy::from_toml(&format!("[module.a]\nuid = 7\ntoken_sha256 = \"{hash}\"")).unwrap();
        let a = policy.module("a").unwrap();
        assert_eq!(a.is_bound_to(Some(7), b"secret"), Ok(()));
        assert_eq!(a.is_bound_to(Some(8), b"secret"), Err("the process belongs to another user"));
        assert_eq!(a.is_bound_to(None, b"secret"), Err("the process belongs to another user"));
        assert_eq!(a.is_bound_to(Some(7), b""), Err("a token is needed"));
        assert_eq!(a.is_bound_to(Some(7), b"Secret"), Err("the token is another one"));
        assert!(policy.module("b").is_none());
        assert!(Policy::open().module("b").unwrap().may_speak_for("operator", "alice"));
    }

    #[test]
    fn subjects_by_kind_or_by_name() {
        let policy =
            ModulePolicy { subjects: vec!["external".into(), "operator:alice".into()], ..Default::default() };
        let may: Vec<_> = [("external", "x"), ("operator", "alice"), ("operator", "bob"), ("system", "")]
            .map(|(kind, name)| policy.may_speak_for(kind, name))
            .to_vec();
        assert_eq!(may, [true, true, false, false]);
    }
}
