//! What ARCP's core decides about leases and the small texts around them, for code without a running engine.
//!
//! Leases and constraints come as JSON, amounts and times as text, moments as microseconds since 1970.

use std::borrow::Cow;

use ixt_arcp::{
    AgentRef, Amount, Amounts, Code, Constraints, Currency, Lease, LeaseSettings, Refusal, Timestamp,
};
use pyo3::prelude::*;

use crate::arcp::error::refused;

/// The settings that everybody has, with what a lease without `model.use` says about models.
fn settings(any_model: bool) -> LeaseSettings {
    LeaseSettings { any_model_by_default: any_model, ..LeaseSettings::default() }
}

fn raised<T>(py: Python<'_>, result: Result<T, Refusal>) -> PyResult<T> {
    result.map_err(|refusal| refused(py, &refusal))
}

fn moment(micros: i64) -> Result<Timestamp, Refusal> {
    Timestamp::from_micros(micros)
        .ok_or_else(|| Refusal::invalid("the time is outside of the years 0000 to 9999"))
}

fn end(text: &str) -> Result<Timestamp, Refusal> {
    Timestamp::parse(text).map_err(|error| Refusal::invalid(format!("expires_at is {error}")))
}

/// The currency and the decimal of an amount such as `USD:5.00`; `None` when it is none.
#[pyfunction]
#[pyo3(signature = (text, /))]
pub(crate) fn arcp_amount(text: &str) -> Option<(&str, &str)> {
    Amounts::parse([text]).ok()?;
    text.split_once(':')
}

/// The name and the version of an agent; `None` when it is none.
#[pyfunction]
#[pyo3(signature = (text, /))]
pub(crate) fn arcp_agent_ref(text: &str) -> Option<(&str, Option<&str>)> {
    let agent = AgentRef::parse(text).ok()?;
    Some((agent.name(), agent.version()))
}

/// A time of the protocol as microseconds since 1970; `None` when it is none.
#[pyfunction]
#[pyo3(signature = (text, /))]
pub(crate) fn arcp_time(text: &str) -> Option<i64> {
    Timestamp::parse(text).ok().map(Timestamp::micros)
}

/// Reads a lease, and gives its budget: each currency with its amount.
#[pyfunction]
#[pyo3(signature = (lease, /))]
pub(crate) fn arcp_lease_budget(py: Python<'_>, lease: &str) -> PyResult<Vec<(String, String)>> {
    let lease = raised(py, Lease::parse(lease, &LeaseSettings::default()))?;
    let amounts = lease.budget().into_iter().flat_map(Amounts::iter);
    Ok(amounts.map(|(currency, amount)| (currency.to_string(), amount.to_string())).collect())
}

/// Whether the lease covers an operation now: the target's canonical form.
#[pyfunction]
#[pyo3(signature = (lease, namespace, target, any_model, /))]
pub(crate) fn arcp_lease_check(
    py: Python<'_>,
    lease: &str,
    namespace: &str,
    target: &str,
    any_model: bool,
) -> PyResult<String> {
    let settings = settings(any_model);
    let checked = Lease::parse(lease, &settings)
        .and_then(|lease| lease.check(namespace, target, &settings).map(Cow::into_owned));
    raised(py, checked)
}

/// Whether a lease that ends at `expires_at` still lasts.
#[pyfunction]
#[pyo3(signature = (expires_at, now, /))]
pub(crate) fn arcp_lease_lasts(py: Python<'_>, expires_at: &str, now: i64) -> PyResult<()> {
    let lasts = end(expires_at).and_then(|end| match end <= moment(now)? {
        true => Err(Refusal::new(Code::LeaseExpired, format!("the lease has expired, at {end}"))),
        false => Ok(()),
    });
    raised(py, lasts)
}

/// Whether these can be the constraints of a lease that is asked for now.
#[pyfunction]
#[pyo3(signature = (constraints, now, /))]
pub(crate) fn arcp_constraints_check(py: Python<'_>, constraints: &str, now: i64) -> PyResult<()> {
    raised(py, moment(now).and_then(|now| Constraints::parse(constraints, now)).map(|_| ()))
}

/// Whether a job with the lease `parent` may delegate to one with `child` (§9.4). `remaining` is what the parent's
/// budget has left, where that is known; otherwise it is as the lease has it.
#[pyfunction]
#[pyo3(signature = (child, parent, remaining, child_end, parent_end, any_model, /))]
pub(crate) fn arcp_lease_subset(
    py: Python<'_>,
    child: &str,
    parent: &str,
    remaining: Option<Vec<(String, String)>>,
    child_end: Option<&str>,
    parent_end: Option<&str>,
    any_model: bool,
) -> PyResult<()> {
    raised(py, subset(child, parent, remaining, [child_end, parent_end], any_model))
}

fn subset(
    child: &str,
    parent: &str,
    remaining: Option<Vec<(String, String)>>,
    ends: [Option<&str>; 2],
    any_model: bool,
) -> Result<(), Refusal> {
    let settings = settings(any_model);
    let remaining = remaining.map(amounts).transpose()?;
    let child = Lease::parse(child, &settings)?;
    let parent = match &remaining {
        Some(remaining) => with_budget(parent, remaining, &settings)?,
        None => Lease::parse(parent, &settings)?,
    };
    let child = parent.delegate(child, &settings)?;
    for (currency, asked) in child.budget().into_iter().flat_map(Amounts::iter) {
        let left = parent.budget().and_then(|budget| budget.get(currency)).unwrap_or_default();
        if asked > left {
            return Err(Refusal::new(
                Code::LeaseSubsetViolation,
                format!("the budget of {asked} {currency} is more than the {left} that are left"),
            ));
        }
    }
    let [child_end, parent_end] = ends.map(|text| text.map(end).transpose());
    Constraints { expires_at: parent_end? }.delegate(Constraints { expires_at: child_end? }).map(|_| ())
}

/// Each currency with its amount, as text.
fn amounts(texts: Vec<(String, String)>) -> Result<Amounts, Refusal> {
    let mut amounts = Amounts::default();
    for (currency, amount) in texts {
        let read =
            Currency::parse(&currency).and_then(|currency| amounts.add(currency, Amount::parse(&amount)?));
        read.map_err(|error| Refusal::invalid(format!("the remaining budget: {error}")))?;
    }
    Ok(amounts)
}

/// A lease with another budget than it was written with.
fn with_budget(json: &str, budget: &Amounts, settings: &LeaseSettings) -> Result<Lease, Refusal> {
    // What is wrong with the lease is said of the lease as it was written.
    Lease::parse(json, settings)?;
    let unreadable = |_| Refusal::invalid("the lease cannot be read");
    let mut lease: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(json).map_err(unreadable)?;
    let texts = budget.iter().map(|(currency, amount)| format!("{currency}:{amount}").into());
    lease.insert("cost.budget".to_owned(), serde_json::Value::Array(texts.collect()));
    Lease::parse(&serde_json::Value::Object(lease).to_string(), settings)
}
