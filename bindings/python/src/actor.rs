//! Who invokes, and the token reference that never shows.

use std::sync::Arc;

use ixt_core::invocation as core;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::bytes::BytesLike;
use crate::error::Result;
use crate::hash::hash_of;
use crate::repr::of_text;
use crate::subject::{subject_of, subject_to_python};
use crate::text::Texts;

/// The handle of the presented token, never the token itself. It never shows: reading it takes
/// `expose()`.
#[pyclass(frozen, module = "ixt_sdk.invocation")]
pub(crate) struct TokenRef(pub(crate) core::TokenRef);

#[pymethods]
impl TokenRef {
    #[new]
    #[pyo3(signature = (handle, /))]
    fn new(handle: BytesLike<'_>) -> Self {
        Self(core::TokenRef::new(handle.as_bytes().to_vec()))
    }

    /// The bytes of the handle; empty for none. Whoever calls this keeps them out of logs.
    fn expose<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.expose())
    }

    /// Whether there is one.
    fn __bool__(&self) -> bool {
        !self.0.is_empty()
    }

    fn __repr__(&self) -> &'static str {
        "TokenRef(redacted)"
    }

    fn __format__(&self, _spec: &Bound<'_, PyAny>) -> &'static str {
        "TokenRef(redacted)"
    }

    /// Takes the same time for all of the same length.
    fn __eq__(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    /// The same for all: what depends on the bytes would tell of them.
    fn __hash__(&self) -> u64 {
        hash_of("TokenRef")
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }

    fn __reduce_ex__(&self, _protocol: &Bound<'_, PyAny>) -> Result<()> {
        Err(PyTypeError::new_err("a token reference does not pickle").into())
    }
}

/// Who invokes, with the token's handle and the granted capabilities.
#[pyclass(frozen, module = "ixt_sdk.invocation")]
pub(crate) struct ActorIdentity {
    /// The context that it stands in, or one made for it alone.
    pub(crate) context: Arc<core::InvocationContext>,
    subject: PyOnceLock<Py<PyAny>>,
    capabilities: PyOnceLock<Py<PyTuple>>,
}

impl ActorIdentity {
    pub(crate) fn of(context: Arc<core::InvocationContext>) -> Self {
        Self { context, subject: PyOnceLock::new(), capabilities: PyOnceLock::new() }
    }

    pub(crate) fn core(&self) -> &core::ActorIdentity {
        self.context.actor()
    }
}

#[pymethods]
impl ActorIdentity {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str, &'static str) {
        ("subject", "token_ref", "capabilities")
    }

    #[new]
    #[pyo3(signature = (subject=None, token_ref=None, capabilities=None))]
    fn new(
        subject: Option<&Bound<'_, PyAny>>,
        token_ref: Option<&Bound<'_, PyAny>>,
        capabilities: Option<Texts>,
    ) -> Result<Self> {
        let mut builder = core::InvocationContext::builder();
        if let Some(subject) = subject {
            builder = builder.subject(subject_of(subject)?);
        }
        if let Some(token) = token_ref {
            builder = match token.cast::<TokenRef>() {
                Ok(token) => builder.token_ref(token.get().0.expose()),
                Err(_) => builder.token_ref(token.extract::<BytesLike<'_>>()?.as_bytes()),
            };
        }
        if let Some(capabilities) = capabilities {
            builder = builder.capabilities(capabilities.0);
        }
        Ok(Self::of(Arc::new(builder.build()?)))
    }

    /// Who.
    #[getter]
    fn subject(&self, py: Python<'_>) -> Result<Py<PyAny>> {
        let make = || subject_to_python(py, self.core().subject());
        Ok(self.subject.get_or_try_init(py, make)?.clone_ref(py))
    }

    /// The handle of the presented token; empty for none.
    #[getter]
    fn token_ref(&self) -> TokenRef {
        TokenRef(core::TokenRef::new(self.core().token_ref().expose().to_vec()))
    }

    /// The granted patterns as they travel, sorted by bytes. To decide, ask `has_capability`.
    #[getter]
    fn capabilities(&self, py: Python<'_>) -> Result<Py<PyTuple>> {
        let make = || PyTuple::new(py, self.core().capabilities()).map(Bound::unbind);
        Ok(self.capabilities.get_or_try_init(py, make)?.clone_ref(py))
    }

    /// Whether one of the granted patterns covers `required`, a concrete capability.
    #[pyo3(signature = (required, /))]
    fn has_capability(&self, required: &Bound<'_, PyString>) -> bool {
        required.to_str().is_ok_and(|required| self.core().has_capability(required))
    }

    fn __repr__(&self, py: Python<'_>) -> Result<String> {
        let subject = self.subject(py)?;
        let token = if self.core().token_ref().is_empty() { "none" } else { "redacted" };
        let shown: Vec<_> = self.core().capabilities().iter().take(4).map(|text| of_text(text)).collect();
        let more = if self.core().capabilities().len() > shown.len() { ", ..." } else { "" };
        Ok(format!(
            "ActorIdentity(subject={}, token_ref={token}, capabilities=[{}{more}])",
            subject.bind(py).repr()?.to_str()?,
            shown.join(", "),
        ))
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.core() == other.core()
    }

    fn __hash__(&self) -> u64 {
        hash_of((self.core().subject(), self.core().capabilities()))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Result<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        without_token(self.core())?;
        let message = PyBytes::new(py, &self.context.encode());
        let make = py.import("ixt_sdk._native")?.getattr("actor_of")?;
        Ok((make, (message,).into_pyobject(py)?))
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }
}

/// Refuses what would pickle a token reference.
pub(crate) fn without_token(actor: &core::ActorIdentity) -> Result<()> {
    if actor.token_ref().is_empty() {
        return Ok(());
    }
    let says = "a token reference does not pickle; to_bytes() is the form that holds it";
    Err(PyTypeError::new_err(says).into())
}
