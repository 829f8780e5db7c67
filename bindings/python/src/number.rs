//! Numbers as arguments: out of range is `InvalidArgumentError`, as in every other language.

use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;

use crate::error::invalid;

/// An unsigned integer of the width of `T`.
#[derive(Clone, Copy)]
pub(crate) struct Number<T>(pub(crate) T);

impl<'a, 'py, T> FromPyObject<'a, 'py> for Number<T>
where
    T: FromPyObject<'a, 'py, Error = PyErr>,
{
    type Error = PyErr;

    #[inline]
    fn extract(obj: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        T::extract(obj).map(Self).map_err(|error| {
            if error.is_instance_of::<PyOverflowError>(obj.py()) { invalid("number").into() } else { error }
        })
    }
}
