//! What ARCP's engines refuse, as exceptions of `ixt_sdk.arcp`.

use ixt_arcp::Refusal;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::call::call;

/// The exception for a refusal: Python finds its class by the code, in the table to which `arcp` adds its own.
pub(crate) fn refused(py: Python<'_>, refusal: &Refusal) -> PyErr {
    exception(py, refusal).unwrap_or_else(|error| error)
}

fn exception(py: Python<'_>, refusal: &Refusal) -> PyResult<PyErr> {
    static REFUSED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let made = REFUSED.import(py, "ixt_sdk.arcp", "refused")?;
    let details = refusal.details.as_ref().map(|details| details.get());
    let arguments = (refusal.code.as_str(), refusal.message.as_ref(), refusal.retryable(), details);
    Ok(PyErr::from_value(call(made, arguments)?))
}
