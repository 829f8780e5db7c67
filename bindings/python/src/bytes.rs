//! Bytes in and out.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView};

use crate::call::call;
use crate::error::Result;

/// From this many bytes on the interpreter is released while they are copied. Measured: 64 KiB take
/// under 1 µs, 256 KiB 3.5 µs, 1 MiB 25 to 35 µs. A release takes some 50 ns, but who let the interpreter
/// go may wait for a busy thread to give it back, so it is for copies alone that others would notice.
const DETACH_AT: usize = 512 << 10;

/// A bytes-like argument: `bytes` as it is, anything else copied, since somebody could change it.
pub(crate) struct BytesLike<'py>(pub(crate) Bound<'py, PyBytes>);

impl<'a, 'py> FromPyObject<'a, 'py> for BytesLike<'py> {
    type Error = PyErr;

    #[inline]
    fn extract(obj: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = obj.cast_exact::<PyBytes>() {
            return Ok(Self(bytes.to_owned()));
        }
        let copy = call(&PyMemoryView::from(&obj)?.getattr("tobytes")?, ())?;
        Ok(Self(copy.cast_into::<PyBytes>()?))
    }
}

impl BytesLike<'_> {
    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A copy as `bytes`.
#[inline]
pub(crate) fn copied<'py>(py: Python<'py>, bytes: &[u8]) -> Result<Bound<'py, PyBytes>> {
    if bytes.len() < DETACH_AT {
        return Ok(PyBytes::new(py, bytes));
    }
    written(py, bytes.len(), |out| {
        out.copy_from_slice(bytes);
        Ok(())
    })
}

/// New `bytes` of this length, filled by `fill`, which sees zeros.
#[inline]
pub(crate) fn written<'py, F>(py: Python<'py>, length: usize, fill: F) -> Result<Bound<'py, PyBytes>>
where
    F: Send + FnOnce(&mut [u8]) -> ixt_core::Result<()>,
{
    let mut refused = Ok(());
    let bytes = PyBytes::new_with(py, length, |out| {
        refused = if length < DETACH_AT { fill(out) } else { py.detach(|| fill(out)) };
        Ok(())
    })?;
    refused?;
    Ok(bytes)
}
