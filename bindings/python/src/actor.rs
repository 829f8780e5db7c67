//! Who invokes, and the token reference that never shows.

use std::sync::{Arc, OnceLock};

use ixt_core::invocation::{self as core, ContextRef};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::bytes::BytesLike;
use crate::error::Result;
use crate::hash::hash_of;
use crate::message::Message;
use crate::once::Once;
use crate::repr::of_text;
use crate::subject::{ExternalSubject, subject_of, subject_to_python};
use crate::text::{Texts, held_str, whole};

/// The handle of the presented token, never the token itself. It never shows: reading it takes
/// `expose()`.
#[pyclass(frozen, module = "ixt_sdk.invocation")]
pub(crate) struct TokenRef(Py<PyBytes>);

impl TokenRef {
    pub(crate) fn as_bytes<'a>(&'a self, py: Python<'_>) -> &'a [u8] {
        self.0.as_bytes(py)
    }
}

#[pymethods]
impl TokenRef {
    #[new]
    #[pyo3(signature = (handle, /))]
    fn new(handle: BytesLike<'_>) -> Self {
        Self(handle.0.unbind())
    }

    /// The bytes of the handle; empty for none. Whoever calls this keeps them out of logs.
    fn expose(&self, py: Python<'_>) -> Py<PyBytes> {
        self.0.clone_ref(py)
    }

    /// Whether there is one.
    fn __bool__(&self, py: Python<'_>) -> bool {
        !self.as_bytes(py).is_empty()
    }

    fn __repr__(&self) -> &'static str {
        "TokenRef(redacted)"
    }

    fn __format__(&self, _spec: &Bound<'_, PyAny>) -> &'static str {
        "TokenRef(redacted)"
    }

    /// Takes the same time for all of the same length.
    fn __eq__(&self, py: Python<'_>, other: &Self) -> bool {
        core::TokenRef::new(self.as_bytes(py)) == core::TokenRef::new(other.as_bytes(py))
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
    /// The context that it stands in, or one of it alone, which is made when it is needed: its parts are
    /// there then.
    message: OnceLock<Arc<Message>>,
    subject: Once<PyAny>,
    token_ref: Once<TokenRef>,
    capabilities: Once<PyTuple>,
}

impl ActorIdentity {
    /// That of a context.
    pub(crate) fn of(message: Arc<Message>) -> Self {
        Self {
            message: message.into(),
            subject: Once::new(),
            token_ref: Once::new(),
            capabilities: Once::new(),
        }
    }

    pub(crate) fn message(&self, py: Python<'_>) -> Result<&Arc<Message>> {
        if let Some(message) = self.message.get() {
            return Ok(message);
        }
        let (subject, token, capabilities) =
            (self.subject_ref(py)?, self.token(py)?, self.capabilities_ref(py)?);
        let mut fault = None;
        let builder = ContextRef::builder()
            .subject(subject_of(subject.bind(py))?)
            .token_ref(token.get().as_bytes(py))
            .capabilities(whole(capabilities.bind(py).iter_borrowed().map(held_str), &mut fault));
        if let Some(fault) = fault {
            return Err(fault);
        }
        let message = Arc::new(Message::written(py, &builder.build()?));
        Ok(self.message.get_or_init(|| message))
    }

    fn core(&self, py: Python<'_>) -> Result<&core::ActorIdentity> {
        Ok(self.message(py)?.core(py)?.actor())
    }

    pub(crate) fn subject_ref(&self, py: Python<'_>) -> Result<&Py<PyAny>> {
        self.subject.get_ref(|| subject_to_python(py, self.message(py)?))
    }

    pub(crate) fn token(&self, py: Python<'_>) -> Result<&Py<TokenRef>> {
        self.token_ref.get_ref(|| {
            let message = self.message(py)?;
            let bytes = message.part(py, message.index(py)?.token_ref)?;
            Ok(Py::new(py, TokenRef(PyBytes::new(py, bytes).unbind()))?)
        })
    }

    pub(crate) fn capabilities_ref(&self, py: Python<'_>) -> Result<&Py<PyTuple>> {
        self.capabilities.get_ref(|| {
            let message = self.message(py)?;
            let spans = message.index(py)?.capabilities().iter();
            let texts = spans.map(|span| message.text(py, *span)).collect::<Result<Vec<_>>>()?;
            Ok(PyTuple::new(py, texts)?.unbind())
        })
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
        py: Python<'_>,
        subject: Option<Bound<'_, PyAny>>,
        token_ref: Option<&Bound<'_, PyAny>>,
        capabilities: Option<Texts<'_>>,
    ) -> Result<Self> {
        let subject = match subject {
            Some(subject) => subject,
            None => ExternalSubject::make(PyString::intern(py, ""))?.into_bound(py),
        };
        let token_ref = match token_ref.map(|token| (token, token.cast::<TokenRef>())) {
            Some((_, Ok(token))) => token.clone(),
            Some((other, Err(_))) => Bound::new(py, TokenRef(other.extract::<BytesLike<'_>>()?.0.unbind()))?,
            None => Bound::new(py, TokenRef(PyBytes::new(py, b"").unbind()))?,
        };

        // Everything is checked here, and the capabilities come out sorted.
        let mut fault = None;
        let builder = ContextRef::builder()
            .subject(subject_of(&subject)?)
            .token_ref(token_ref.get().as_bytes(py))
            .capabilities(whole(capabilities.iter().flat_map(Texts::iter), &mut fault));
        if let Some(fault) = fault {
            return Err(fault);
        }
        let checked = builder.build()?;
        let sorted = checked.actor().capabilities();
        let capabilities = match &capabilities {
            Some(given) if given.iter().zip(sorted).all(|(given, text)| given.is_ok_and(|g| g == *text)) => {
                given.tuple().clone()
            }
            _ => PyTuple::new(py, sorted)?,
        };
        Ok(Self {
            message: OnceLock::new(),
            subject: Once::of(subject.unbind()),
            token_ref: Once::of(token_ref.unbind()),
            capabilities: Once::of(capabilities.unbind()),
        })
    }

    /// Who.
    #[getter]
    fn subject(&self, py: Python<'_>) -> Result<Py<PyAny>> {
        Ok(self.subject_ref(py)?.clone_ref(py))
    }

    /// The handle of the presented token; empty for none.
    #[getter]
    fn token_ref(&self, py: Python<'_>) -> Result<Py<TokenRef>> {
        Ok(self.token(py)?.clone_ref(py))
    }

    /// The granted patterns as they travel, sorted by bytes. To decide, ask `has_capability`.
    #[getter]
    fn capabilities(&self, py: Python<'_>) -> Result<Py<PyTuple>> {
        Ok(self.capabilities_ref(py)?.clone_ref(py))
    }

    /// Whether one of the granted patterns covers `required`, a concrete capability.
    #[pyo3(signature = (required, /))]
    fn has_capability(&self, required: &Bound<'_, PyString>) -> Result<bool> {
        let actor = self.core(required.py())?;
        Ok(required.to_str().is_ok_and(|required| actor.has_capability(required)))
    }

    fn __repr__(&self, py: Python<'_>) -> Result<String> {
        let (subject, actor) = (self.subject(py)?, self.core(py)?);
        let token = if actor.token_ref().is_empty() { "none" } else { "redacted" };
        let shown: Vec<_> = actor.capabilities().iter().take(4).map(|text| of_text(text)).collect();
        let more = if actor.capabilities().len() > shown.len() { ", ..." } else { "" };
        Ok(format!(
            "ActorIdentity(subject={}, token_ref={token}, capabilities=[{}{more}])",
            subject.bind(py).repr()?.to_str()?,
            shown.join(", "),
        ))
    }

    fn __eq__(&self, py: Python<'_>, other: &Self) -> Result<bool> {
        Ok(self.core(py)? == other.core(py)?)
    }

    fn __hash__(&self, py: Python<'_>) -> Result<u64> {
        let actor = self.core(py)?;
        Ok(hash_of((actor.subject(), actor.capabilities())))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Result<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        without_token(self.core(py)?)?;
        let message = self.message(py)?.to_bytes(py)?.into_bound(py);
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
