//! Events and outcomes as values of `ixt_sdk.streaming`.

use ixt_core::ErrorKind;
use ixt_core::flow::{Cancellation, Event, Failure, Outcome, State};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

use crate::call::call;
use crate::error::Result;
use crate::names::to_python;

/// A class of `ixt_sdk.streaming`, called with these arguments.
fn made<'py>(
    py: Python<'py>,
    name: &str,
    arguments: impl IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error: Into<PyErr>>,
) -> Result<Bound<'py, PyAny>> {
    static PUBLIC: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let public =
        PUBLIC.get_or_try_init(py, || Ok::<_, PyErr>(py.import("ixt_sdk.streaming")?.dict().unbind()))?;
    Ok(call(&public.bind(py).as_any().get_item(name)?, arguments)?)
}

fn failed<'py>(py: Python<'py>, failure: &Failure) -> Result<Bound<'py, PyAny>> {
    let by = made(py, "By", (failure.by.name(),))?;
    let code = to_python(py, failure.code)?;
    made(py, "Failed", (code, &failure.message, PyBytes::new(py, &failure.details), by))
}

fn cancelled<'py>(py: Python<'py>, cancellation: &Cancellation) -> Result<Bound<'py, PyAny>> {
    let by = made(py, "By", (cancellation.by.name(),))?;
    made(py, "Cancelled", (to_python(py, cancellation.reason)?, &cancellation.message, by))
}

pub(crate) fn event_to_python<'py>(py: Python<'py>, event: &Event) -> Result<Bound<'py, PyAny>> {
    match event {
        Event::Credit(frames) => made(py, "CreditGrown", (*frames,)),
        Event::Ready(ticket) => made(py, "TicketReady", (ticket.raw(),)),
        Event::Ended(ticket) => made(py, "TicketEnded", (ticket.raw(),)),
        Event::Closed(reason) => made(py, "PeerClosed", (to_python(py, *reason)?,)),
        Event::Finished => made(py, "Finished", ()),
        Event::Failed(failure) => failed(py, failure),
        Event::Cancelled(cancellation) => cancelled(py, cancellation),
        Event::Violation(violation) => made(py, "Violation", (violation.name(),)),
        // The list of events is open; this module is built with the core that it was written for.
        _ => Err(ErrorKind::Panic.into()),
    }
}

pub(crate) fn outcome_to_python<'py>(py: Python<'py>, outcome: &Outcome) -> Result<Bound<'py, PyAny>> {
    match outcome {
        Outcome::Completed(reason) => made(py, "Completed", (to_python(py, *reason)?,)),
        Outcome::Failed(failure) => failed(py, failure),
        Outcome::Cancelled(cancellation) => cancelled(py, cancellation),
    }
}

pub(crate) fn state_to_python<'py>(py: Python<'py>, state: State) -> Result<Bound<'py, PyAny>> {
    let half = |half: ixt_core::flow::Half| made(py, "Half", (PyString::intern(py, half.name()),));
    let halves = (half(state.sender)?, half(state.receiver)?);
    made(py, "StreamState", (halves.0, halves.1, state.credit, state.outstanding, state.ignored))
}

/// `StreamEndedError` with the outcome, if there is one yet.
pub(crate) fn ended(py: Python<'_>, outcome: Option<&Outcome>) -> Result<PyErr> {
    let outcome = outcome.map(|outcome| outcome_to_python(py, outcome)).transpose()?;
    let error = call(&py.import("ixt_sdk.errors")?.getattr("stream_ended")?, (outcome,))?;
    Ok(PyErr::from_value(error))
}
