//! Errors of the core as exceptions of `ixt_sdk.errors`.

use ixt_core::{Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::call::call;

/// What a function here fails with: an error of the core, or an exception.
pub(crate) enum Failure {
    Core(Error),
    Python(PyErr),
}

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

impl From<ErrorKind> for Failure {
    fn from(kind: ErrorKind) -> Self {
        Self::Core(kind.into())
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Python(error) => error,
            Failure::Core(error) => Python::attach(|py| exception(py, &error).unwrap_or_else(|error| error)),
        }
    }
}

/// An argument that cannot be taken, in this field.
pub(crate) fn invalid(field: &'static str) -> Failure {
    Error::new(ErrorKind::InvalidArgument).in_field(field).into()
}

/// The exception for an error; its class is found by the name of the kind.
fn exception(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    static CLASSES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let classes = CLASSES.get_or_try_init(py, || {
        let classes = py.import("ixt_sdk.errors")?.getattr("BY_KIND")?;
        Ok::<_, PyErr>(classes.cast_into::<PyDict>()?.unbind())
    })?;
    let class = classes.bind(py).as_any().get_item(error.kind().name())?;
    let value = call(&class, (error.to_string(), error.field(), error.offset()))?;
    Ok(PyErr::from_value(value))
}
