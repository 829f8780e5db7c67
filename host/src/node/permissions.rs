//! A policy as the permissions of a server of NATS (specification 27, "Permissions").

use std::collections::BTreeSet;
use std::fmt::Write;

use super::subject::{self, escape};
use crate::policy::{ModulePolicy, Policy, PolicyError};

/// The block `authorization` of the configuration of nats-server that lets every module of a policy do what the policy
/// lets it, as far as subjects say it, and nothing else: speak in its own name, be reached, call and provide what is
/// listed. What modules claim in the contexts of their calls the server does not see; the nodes of providers hold the
/// same policy against it.
///
/// A user has the name of its module, and its password is that of the environment variable `IXT_PASSWORD_` and the name
/// in capital letters, other characters as `_`.
///
/// # Errors
/// The policy has a `default`, whose modules have no names, or lets a module provide or subscribe to a pattern: a
/// subject holds a whole name. The message says where.
pub fn permissions(policy: &Policy) -> Result<String, PolicyError> {
    if policy.has_default() {
        return Err(PolicyError::new("`default` has no user on NATS: name the modules"));
    }
    let known: BTreeSet<&str> = policy
        .modules()
        .flat_map(|(name, module)| {
            let offered = module.provide.iter().chain(&module.subscribe);
            std::iter::once(name).chain(offered.map(String::as_str))
        })
        .collect();
    let mut out = String::from("authorization {\n  users = [\n");
    let mut variables = BTreeSet::new();
    for (name, module) in policy.modules() {
        let variable = variable(name);
        if !variables.insert(variable.clone()) {
            return Err(PolicyError::new(format!(
                "another module's password is `${variable}` too, as `{name}`'s"
            )));
        }
        // Writing into memory does not fail.
        let _ = write!(
            out,
            "    {{\n      user: \"{name}\"\n      password: ${variable}\n      permissions: {{\n        publish: \
             {{ allow: [{}] }}\n        subscribe: {{ allow: [{}] }}\n      }}\n    }}\n",
            quoted(publish(name, module, &known)),
            quoted(subscribe(name, module)?),
        );
    }
    out.push_str("  ]\n}\n");
    Ok(out)
}

/// What it may say: always under its own name. Into inboxes, since whoever calls it is answered there.
fn publish(name: &str, module: &ModulePolicy, known: &BTreeSet<&str>) -> Vec<String> {
    let me = escape(name);
    let mut subjects = vec![format!("ixt.*.{me}.*")];
    for pattern in &module.call {
        if pattern == "*" {
            subjects.push(format!("ixt.*.{me}"));
            continue;
        }
        let named = known.iter().filter(|known| crate::name::is_among(std::slice::from_ref(pattern), known));
        let own = (!pattern.ends_with('*')).then_some(pattern.as_str());
        for called in named.copied().chain(own).collect::<BTreeSet<_>>() {
            let to = escape(called);
            subjects.extend(["s", "m", "t"].map(|kind| format!("ixt.{kind}-{to}.{me}")));
        }
    }
    subjects
}

/// What it may hear: of streams that go to one of several, as one of them.
fn subscribe(name: &str, module: &ModulePolicy) -> Result<Vec<String>, PolicyError> {
    let me = escape(name);
    let mut subjects = vec![format!("ixt.i-{me}.>"), format!("ixt.m-{me}.* ixt"), "ixt.t-.*".to_owned()];
    subjects.push(subject::question());
    for (setting, kind, group, names) in
        [("provide", "s", " ixt", &module.provide), ("subscribe", "t", "", &module.subscribe)]
    {
        for called in names {
            if called.ends_with('*') {
                return Err(PolicyError::new(format!(
                    "`{setting}` of `{name}` has the pattern `{called}`: a subject of NATS holds a whole name"
                )));
            }
            subjects.push(format!("ixt.{kind}-{}.*{group}", escape(called)));
        }
    }
    Ok(subjects)
}

fn quoted(subjects: Vec<String>) -> String {
    subjects.iter().map(|subject| format!("\"{subject}\"")).collect::<Vec<_>>().join(", ")
}

fn variable(name: &str) -> String {
    let letter = |byte: u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_uppercase() } else { b'_' };
    format!("IXT_PASSWORD_{}", name.bytes().map(|byte| char::from(letter(byte))).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<String, String> {
        permissions(&Policy::from_toml(text).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_module_speaks_in_its_own_name_alone() {
        let made = of(r#"
            [module.gate-way]
            uid = 1
            call = ["media.*", "logs"]
            [module.media]
            uid = 2
            provide = ["media.thumbs", "media"]
            subscribe = ["news"]
            [module.root]
            uid = 3
            call = ["*"]
        "#)
        .unwrap();
        let expected = r#"authorization {
  users = [
    {
      user: "gate-way"
      password: $IXT_PASSWORD_GATE_WAY
      permissions: {
        publish: { allow: ["ixt.*.gate-way.*", "ixt.s-media=2ethumbs.gate-way", "ixt.m-media=2ethumbs.gate-way", "ixt.t-media=2ethumbs.gate-way", "ixt.s-logs.gate-way", "ixt.m-logs.gate-way", "ixt.t-logs.gate-way"] }
        subscribe: { allow: ["ixt.i-gate-way.>", "ixt.m-gate-way.* ixt", "ixt.t-.*", "ixt.t-ixt=2eadmin.*"] }
      }
    }
    {
      user: "media"
      password: $IXT_PASSWORD_MEDIA
      permissions: {
        publish: { allow: ["ixt.*.media.*"] }
        subscribe: { allow: ["ixt.i-media.>", "ixt.m-media.* ixt", "ixt.t-.*", "ixt.t-ixt=2eadmin.*", "ixt.s-media=2ethumbs.* ixt", "ixt.s-media.* ixt", "ixt.t-news.*"] }
      }
    }
    {
      user: "root"
      password: $IXT_PASSWORD_ROOT
      permissions: {
        publish: { allow: ["ixt.*.root.*", "ixt.*.root"] }
        subscribe: { allow: ["ixt.i-root.>", "ixt.m-root.* ixt", "ixt.t-.*", "ixt.t-ixt=2eadmin.*"] }
      }
    }
  ]
}
"#;
        assert_eq!(made, expected);
    }

    #[test]
    fn what_subjects_cannot_hold_is_refused() {
        for (text, says) in [
            ("[default]\ncall = []", "name the modules"),
            ("[module.a]\nuid = 1\nprovide = [\"x.*\"]", "`provide` of `a` has the pattern `x.*`"),
            ("[module.a]\nuid = 1\nsubscribe = [\"*\"]", "`subscribe` of `a`"),
            ("[module.a-b]\nuid = 1\n[module.a_b]\nuid = 2", "IXT_PASSWORD_A_B"),
        ] {
            assert!(of(text).unwrap_err().contains(says), "{text}");
        }
    }
}
