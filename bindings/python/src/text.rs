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

/// The same of a `str` that something else holds on to, if it is one.
#[inline]
pub(crate) fn held_str<'a>(text: Borrowed<'a, '_, PyAny>) -> Result<&'a str> {
    text.cast::<PyString>().map_err(PyErr::from)?;
    text.extract().map_err(|_: PyErr| Failure::from(ErrorKind::BadText))
}

/// What comes before the first error, which goes to `fault`.
pub(crate) fn whole<T>(
    items: impl Iterator<Item = Result<T>>,
    fault: &mut Option<Failure>,
) -> impl Iterator<Item = T> {
    let mut items = items;
    std::iter::from_fn(move || match items.next()? {
        _ if fault.is_some() => None,
        Ok(item) => Some(item),
        Err(error) => {
            *fault = Some(error);
            None
        }
    })
}

/// Texts of any iterable but a `str`, whose letters nobody means. A tuple stays as it is.
pub(crate) struct Texts<'py>(Bound<'py, PyTuple>);

impl<'a, 'py> FromPyObject<'a, 'py> for Texts<'py> {
    type Error = PyErr;

    fn extract(obj: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if obj.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err("expected several str, not one"));
        }
        if let Ok(tuple) = obj.cast_exact::<PyTuple>() {
            return Ok(Self(tuple.to_owned()));
        }
        let texts = obj.try_iter()?.collect::<PyResult<Vec<_>>>()?;
        Ok(Self(PyTuple::new(obj.py(), texts)?))
    }
}

impl<'py> Texts<'py> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = Result<&str>> {
        self.0.iter_borrowed().map(held_str)
    }

    pub(crate) fn tuple(&self) -> &Bound<'py, PyTuple> {
        &self.0
    }
}
