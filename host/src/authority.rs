//! What a module may claim in the context of a call (specification 25, "Authority").

use ixt_core::invocation::capability::attenuates;
use ixt_core::invocation::metadata::is_ingress_key;
use ixt_core::invocation::{ContextRef, Subject};

use crate::policy::ModulePolicy;

/// Checks the claims of a call by `module` against its policy and against the call that caused it.
pub(crate) fn check(
    module: &str,
    policy: &ModulePolicy,
    context: &ContextRef<'_>,
    parent: Option<&ContextRef<'_>>,
) -> Result<(), String> {
    if context.source_module() != module {
        return Err(format!("source_module is `{}`", context.source_module()));
    }
    check_subject(module, policy, context, parent)?;
    check_capabilities(policy, context, parent)?;
    check_ingress(policy, context, parent)
}

fn check_subject(
    module: &str,
    policy: &ModulePolicy,
    context: &ContextRef<'_>,
    parent: Option<&ContextRef<'_>>,
) -> Result<(), String> {
    let subject = context.actor().subject();
    let (kind, name) = match subject {
        Subject::External("") => return Ok(()),
        Subject::External(name) => ("external", name),
        Subject::Operator(name) => ("operator", name),
        Subject::Module(name) if name == module => return Ok(()),
        Subject::Module(name) => ("module", name),
        Subject::System => ("system", ""),
        _ => return Err("the subject is of an unknown kind".to_owned()),
    };
    if policy.may_speak_for(kind, name) || parent.is_some_and(|parent| parent.actor().subject() == subject) {
        return Ok(());
    }
    Err(format!("it may not speak for this {kind}"))
}

/// Each capability is the module's own, or its parent's.
fn check_capabilities(
    policy: &ModulePolicy,
    context: &ContextRef<'_>,
    parent: Option<&ContextRef<'_>>,
) -> Result<(), String> {
    let own: Vec<&str> = policy.capabilities.iter().map(String::as_str).collect();
    for capability in context.actor().capabilities() {
        let one = [*capability];
        let inherited = parent.is_some_and(|parent| attenuates(parent.actor().capabilities(), &one));
        if !inherited && !attenuates(&own, &one) {
            return Err(format!("it may not assert the capability `{capability}`"));
        }
    }
    Ok(())
}

/// What an ingress sets is the parent's, unless the module is one.
fn check_ingress(
    policy: &ModulePolicy,
    context: &ContextRef<'_>,
    parent: Option<&ContextRef<'_>>,
) -> Result<(), String> {
    if policy.ingress {
        return Ok(());
    }
    let set = |context: &ContextRef<'_>| -> Vec<(String, String)> {
        let entries = context.metadata().iter().filter(|entry| is_ingress_key(entry.key));
        entries.map(|entry| (entry.key.to_owned(), entry.value.to_owned())).collect()
    };
    if set(context) == parent.map(set).unwrap_or_default() {
        return Ok(());
    }
    Err("tenant, auth.strength and ingress.* are not those of its parent".to_owned())
}
