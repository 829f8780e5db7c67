//! Text as an argument: what UTF-8 cannot say (a lone surrogate) is `BadTextError`.

use ixt_core::ErrorKind;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::error::{Failure, Result};

/// A `str` that UTF-8 can say.
#[derive(Clone)]
pub(crate) struct Text<'py>(pub(crate) Bound<'py, PyString>);

impl<'a, 'py> FromPyObject<'a, 'py> for Text<'py> {
    type Error = PyErr;

    #[inline]
    fn extract(obj: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let text = obj.cast::<PyString>()?.to_owned();
        as_str(&text)?;
        Ok(Self(text))
    }
}

impl Text<'_> {
    pub(crate) fn as_str(&self) -> Result<&str> {
        as_str(&self.0)
    }

    pub(crate) fn to_owned(&self) -> Result<String> {
        self.as_str().map(str::to_owned)
    }
}

/// The UTF-8 of a `str`, which keeps it.
#[inline]
pub(crate) fn as_str<'a>(text: &'a Bound<'_, PyString>) -> Result<&'a str> {
    text.to_str().map_err(|_| Failure::from(ErrorKind::BadText))
}

/// Texts of any iterable but a `str`, whose letters nobody means.
pub(crate) struct Texts(pub(crate) Vec<String>);

impl<'a, 'py> FromPyObject<'a, 'py> for Texts {
    type Error = PyErr;

    fn extract(obj: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if obj.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err("expected several str, not one"));
        }
        if let Ok(tuple) = obj.cast_exact::<PyTuple>() {
            // A tuple stays as it is, and needs no iterator of Python's.
            let texts = tuple.iter_borrowed().map(|text| Ok(text.extract::<Text<'_>>()?.to_owned()?));
            return texts.collect::<PyResult<_>>().map(Self);
        }
        let texts = obj.try_iter()?.map(|text| Ok(text?.extract::<Text<'_>>()?.to_owned()?));
        texts.collect::<PyResult<_>>().map(Self)
    }
}
