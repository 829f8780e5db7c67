//! Calls in one message.

use ixt_core::Limits;
use ixt_core::invocation::{HandlePayloadRef, InvocationContext as Core};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::bytes::{BytesLike, copied};
use crate::context::InvocationContext;
use crate::error::Result;
use crate::frame::limits;
use crate::hash::hash_of;
use crate::number::Number;
use crate::repr::{of_bytes, of_text};
use crate::text::Text;

/// A call in one message: who calls, what is asked, and with what. Immutable.
#[pyclass(frozen, module = "ixt_sdk.invocation")]
pub(crate) struct HandlePayload {
    #[pyo3(get)]
    context: Py<InvocationContext>,
    #[pyo3(get)]
    method: Py<PyString>,
    #[pyo3(get)]
    body: Py<PyBytes>,
}

impl HandlePayload {
    fn of(py: Python<'_>, payload: &HandlePayloadRef<'_>, context: Py<InvocationContext>) -> Result<Self> {
        Ok(Self {
            context,
            method: PyString::new(py, payload.method).unbind(),
            body: copied(py, payload.body)?.unbind(),
        })
    }

    fn parts<'a>(&'a self, py: Python<'a>) -> Result<(&'a Core, &'a str, &'a [u8])> {
        Ok((self.context.get().core(py)?, self.method.to_str(py)?, self.body.as_bytes(py)))
    }
}

#[pymethods]
impl HandlePayload {
    #[new]
    #[pyo3(signature = (context, method, body=None), text_signature = "(context, method, body=b'')")]
    fn new(
        py: Python<'_>,
        context: Py<InvocationContext>,
        method: Text<'_>,
        body: Option<BytesLike<'_>>,
    ) -> Self {
        let body = body.map_or_else(|| PyBytes::new(py, b"").unbind(), |body| body.0.unbind());
        Self { context, method: method.0.unbind(), body }
    }

    /// Decodes one whole message.
    #[staticmethod]
    #[pyo3(signature = (data, /, *, max_payload=None))]
    fn from_bytes(py: Python<'_>, data: BytesLike<'_>, max_payload: Option<Number<usize>>) -> Result<Self> {
        let payload = HandlePayloadRef::decode_within(data.as_bytes(), limits(max_payload))?;
        let context = Py::new(py, InvocationContext::of(py, &payload.context))?;
        Self::of(py, &payload, context)
    }

    /// Decodes the message of a call whose stream was opened with `open`; another context within it is
    /// refused as `InvalidArgumentError`.
    #[staticmethod]
    #[pyo3(signature = (data, open, /))]
    fn accept(py: Python<'_>, data: BytesLike<'_>, open: Py<InvocationContext>) -> Result<Self> {
        // The connection holds each frame to what its ends agreed on.
        let most = Limits::with_max_payload(usize::MAX);
        let payload = HandlePayloadRef::accept(data.as_bytes(), open.get().core(py)?, most)?;
        Self::of(py, &payload, open.clone_ref(py))
    }

    /// The canonical bytes.
    #[pyo3(signature = (*, max_payload=None))]
    fn to_bytes<'py>(
        &self,
        py: Python<'py>,
        max_payload: Option<Number<usize>>,
    ) -> Result<Bound<'py, PyBytes>> {
        let (context, method, body) = self.parts(py)?;
        let mut out = Vec::new();
        HandlePayloadRef { context: context.clone(), method, body }
            .encode_into(&mut out, limits(max_payload))?;
        copied(py, &out)
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyBytes>> {
        self.to_bytes(py, None)
    }

    fn __repr__(&self, py: Python<'_>) -> Result<String> {
        let (_, method, body) = self.parts(py)?;
        let context = self.context.bind(py).repr()?;
        let (context, method, body) = (context.to_str()?, of_text(method), of_bytes(body));
        Ok(format!("HandlePayload(context={context}, method={method}, body={body})"))
    }

    fn __eq__(&self, py: Python<'_>, other: &Self) -> Result<bool> {
        Ok(self.parts(py)? == other.parts(py)?)
    }

    fn __hash__(&self, py: Python<'_>) -> Result<u64> {
        let (context, method, body) = self.parts(py)?;
        Ok(hash_of((context.correlation_id(), context.span_id(), method, body)))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> Result<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let (py, own) = (slf.py(), slf.get());
        let parts = (own.context.clone_ref(py), own.method.clone_ref(py), own.body.clone_ref(py));
        Ok((py.get_type::<Self>().into_any(), parts.into_pyobject(py)?))
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }
}
