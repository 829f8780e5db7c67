//! The id of a stream.

use ixt_core::{Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::bytes::BytesLike;
use crate::error::{Failure, Result, invalid};
use crate::hash::hash_of;
use crate::text::Text;

/// The 16 bytes that name a stream; never all zeros.
#[pyclass(frozen, module = "ixt_sdk.streaming")]
#[derive(Clone, Copy)]
pub(crate) struct StreamId(pub(crate) ixt_core::stream::StreamId);

#[pymethods]
impl StreamId {
    #[new]
    #[pyo3(signature = (value, /))]
    fn new(value: BytesLike<'_>) -> Result<Self> {
        Ok(Self(ixt_core::stream::StreamId::from_slice(value.as_bytes())?))
    }

    /// A new UUID of version 7: the time in milliseconds, then random bits.
    #[staticmethod]
    pub(crate) fn new_v7(py: Python<'_>) -> Result<Self> {
        let random = crate::random::<10>(py)?;
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let milliseconds = since.map_or(0, |since| since.as_millis()) as u64;

        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(milliseconds.to_be_bytes().iter().skip(2)) {
            *to = *from;
        }
        for (to, from) in id.iter_mut().skip(6).zip(&random) {
            *to = *from;
        }
        id[6] = id[6] & 0x0f | 0x70;
        id[8] = id[8] & 0x3f | 0x80;
        Ok(Self(ixt_core::stream::StreamId::new(id)?))
    }

    /// The id of 32 hexadecimal digits, as `str()` gives it.
    #[staticmethod]
    #[pyo3(signature = (digits, /))]
    fn from_hex(digits: Text<'_>) -> Result<Self> {
        let digits = digits.as_str()?;
        if digits.len() != 32 {
            return Err(Error::new(ErrorKind::BadIdLength).in_field("stream_id").into());
        }
        let number = if digits.starts_with('+') { None } else { u128::from_str_radix(digits, 16).ok() };
        let number = number.ok_or_else(|| invalid("stream_id"))?;
        Ok(Self(ixt_core::stream::StreamId::new(number.to_be_bytes())?))
    }

    /// The 32 lower-case hexadecimal digits.
    #[getter]
    fn hex(&self) -> String {
        self.0.to_string()
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.as_bytes())
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("StreamId.from_hex('{}')", self.0)
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn __lt__(&self, other: &Self) -> bool {
        self.0 < other.0
    }

    fn __le__(&self, other: &Self) -> bool {
        self.0 <= other.0
    }

    fn __gt__(&self, other: &Self) -> bool {
        self.0 > other.0
    }

    fn __ge__(&self, other: &Self) -> bool {
        self.0 >= other.0
    }

    fn __hash__(&self) -> u64 {
        hash_of(self.0)
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> Result<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,)), Failure> {
        Ok((py.get_type::<Self>().into_any(), (PyBytes::new(py, self.0.as_bytes()),)))
    }
}
