//! The invocation context and the rules of capabilities.

use std::cell::RefCell;
use std::sync::Arc;

use ixt_core::invocation::metadata::keys;
use ixt_core::invocation::{self as core, ChildSpec, ContextBuilder, capability, metadata};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyMapping, PyMappingProxy, PyString, PyTuple};

use crate::actor::{ActorIdentity, without_token};
use crate::bytes::BytesLike;
use crate::error::Result;
use crate::hash::hash_of;
use crate::number::Number;
use crate::repr::{of_hex, of_text};
use crate::subject::{target_of, target_to_python};
use crate::text::{Text, Texts, as_str};

/// Who invokes what, with which authority, until when. Immutable and always valid.
#[pyclass(frozen, module = "ixt_sdk.invocation")]
pub(crate) struct InvocationContext {
    pub(crate) core: Arc<core::InvocationContext>,
    target: PyOnceLock<Py<PyAny>>,
    actor: PyOnceLock<Py<ActorIdentity>>,
    metadata: PyOnceLock<Py<PyMappingProxy>>,
}

impl From<core::InvocationContext> for InvocationContext {
    fn from(context: core::InvocationContext) -> Self {
        Self {
            core: Arc::new(context),
            target: PyOnceLock::new(),
            actor: PyOnceLock::new(),
            metadata: PyOnceLock::new(),
        }
    }
}

/// Pairs of a mapping, or of an iterable of pairs, in the order given.
fn pairs(metadata: &Bound<'_, PyAny>) -> Result<Vec<(String, String)>> {
    let owned = |text: &Bound<'_, PyAny>| -> Result<String> {
        Ok(as_str(text.cast::<PyString>().map_err(PyErr::from)?)?.to_owned())
    };
    if let Ok(metadata) = metadata.cast_exact::<PyDict>() {
        let pairs = RefCell::new(Vec::with_capacity(metadata.len()));
        metadata.locked_for_each(|key, value| {
            pairs.borrow_mut().push((owned(&key)?, owned(&value)?));
            Ok(())
        })?;
        return Ok(pairs.into_inner());
    }
    let mut pairs = Vec::new();
    let items = match metadata.cast::<PyMapping>() {
        Ok(mapping) => mapping.items()?.into_any(),
        Err(_) => metadata.clone(),
    };
    for item in items.try_iter()? {
        let (key, value): (Text<'_>, Text<'_>) = item?.extract()?;
        pairs.push((key.to_owned()?, value.to_owned()?));
    }
    Ok(pairs)
}

/// A metadata key as a `str`: the conventional ones are there already, with their hashes.
fn key_to_python<'py>(py: Python<'py>, key: &str) -> Bound<'py, PyString> {
    let kept = match key {
        keys::TENANT => intern!(py, keys::TENANT),
        keys::AUTH_STRENGTH => intern!(py, keys::AUTH_STRENGTH),
        keys::INGRESS_KIND => intern!(py, keys::INGRESS_KIND),
        keys::INGRESS_SOURCE_IP => intern!(py, keys::INGRESS_SOURCE_IP),
        keys::TRACESTATE => intern!(py, keys::TRACESTATE),
        keys::BAGGAGE => intern!(py, keys::BAGGAGE),
        _ => return PyString::new(py, key),
    };
    kept.clone()
}

#[pymethods]
impl InvocationContext {
    #[new]
    #[pyo3(
        signature = (
            *, correlation_id=None, span_id=None, parent_span_id=None, trace_flags=Number(0),
            deadline_ms=None, source_module=None, target=None, actor=None, metadata=None,
        ),
        text_signature = "(*, correlation_id=None, span_id=None, parent_span_id=None, trace_flags=0, \
            deadline_ms=None, source_module=None, target=None, actor=None, metadata=None)"
    )]
    #[allow(clippy::too_many_arguments, reason = "each is a keyword")]
    fn new(
        correlation_id: Option<BytesLike<'_>>,
        span_id: Option<BytesLike<'_>>,
        parent_span_id: Option<BytesLike<'_>>,
        trace_flags: Number<u8>,
        deadline_ms: Option<Number<u64>>,
        source_module: Option<Text<'_>>,
        target: Option<&Bound<'_, PyAny>>,
        actor: Option<&ActorIdentity>,
        metadata: Option<&Bound<'_, PyAny>>,
    ) -> Result<Self> {
        let mut builder: ContextBuilder = core::InvocationContext::builder().trace_flags(trace_flags.0);
        if let Some(id) = correlation_id {
            builder = builder.correlation_id(core::correlation_id(id.as_bytes())?);
        }
        if let Some(id) = span_id {
            builder = builder.span_id(core::span_id(id.as_bytes())?);
        }
        if let Some(id) = parent_span_id {
            let id = core::span_id(id.as_bytes());
            builder = builder.parent_span_id(
                id.map_err(|error| ixt_core::Error::new(error.kind()).in_field("parent_span_id"))?,
            );
        }
        builder = builder.deadline_ms(deadline_ms.map_or(0, |deadline| deadline.0));
        if let Some(module) = source_module {
            builder = builder.source_module(module.to_owned()?);
        }
        if let Some(target) = target {
            builder = builder.target(target_of(target)?);
        }
        if let Some(actor) = actor {
            let actor = actor.core();
            builder = builder
                .subject(actor.subject().to_owned())
                .token_ref(actor.token_ref().expose())
                .capabilities(actor.capabilities().iter().cloned());
        }
        if let Some(metadata) = metadata {
            builder = builder.metadata_entries(pairs(metadata)?);
        }
        Ok(builder.build()?.into())
    }

    /// An external caller with an empty name and no capability: what zero bytes decode to.
    #[staticmethod]
    fn anonymous() -> Self {
        core::InvocationContext::anonymous().into()
    }

    /// The runtime itself, with the capability `*`.
    #[staticmethod]
    fn system() -> Self {
        core::InvocationContext::system().into()
    }

    /// Decodes one whole context; zero bytes are `anonymous()`.
    #[staticmethod]
    #[pyo3(signature = (data, /, *, canonical=false))]
    fn from_bytes(data: BytesLike<'_>, canonical: bool) -> Result<Self> {
        let context = if canonical {
            core::ContextRef::decode_canonical(data.as_bytes())?.to_owned()
        } else {
            core::InvocationContext::decode(data.as_bytes())?
        };
        Ok(context.into())
    }

    /// The canonical bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.core.encode())
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        self.to_bytes(py)
    }

    /// The 16 bytes that all invocations of one piece of work share: a W3C trace-id. Zeros for none.
    #[getter]
    fn correlation_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.core.correlation_id())
    }

    /// The 8 bytes that name this invocation: a W3C parent-id. Zeros for none.
    #[getter]
    fn span_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.core.span_id())
    }

    /// The span of the invocation that caused this one. Zeros for none.
    #[getter]
    fn parent_span_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.core.parent_span_id())
    }

    /// The W3C trace-flags; bit 0 says sampled.
    #[getter]
    fn trace_flags(&self) -> u8 {
        self.core.trace_flags()
    }

    /// Until when, in milliseconds since the Unix epoch; `None` for no deadline.
    #[getter]
    fn deadline_ms(&self) -> Option<u64> {
        self.core.deadline_ms()
    }

    /// The module that sent it; empty for none.
    #[getter]
    fn source_module(&self) -> &str {
        self.core.source_module()
    }

    /// Where it goes.
    #[getter]
    fn target(&self, py: Python<'_>) -> Result<Py<PyAny>> {
        let make = || target_to_python(py, self.core.target());
        Ok(self.target.get_or_try_init(py, make)?.clone_ref(py))
    }

    /// Who invokes, and with which authority.
    #[getter]
    fn actor(&self, py: Python<'_>) -> Result<Py<ActorIdentity>> {
        let make = || Py::new(py, ActorIdentity::of(Arc::clone(&self.core)));
        Ok(self.actor.get_or_try_init(py, make)?.clone_ref(py))
    }

    /// The metadata, sorted by the bytes of the keys; read-only.
    #[getter]
    fn metadata(&self, py: Python<'_>) -> Result<Py<PyMappingProxy>> {
        let make = || {
            let entries = PyDict::new(py);
            for entry in self.core.metadata() {
                entries.set_item(key_to_python(py, &entry.key), &entry.value)?;
            }
            Ok::<_, PyErr>(PyMappingProxy::new(py, entries.as_mapping()).unbind())
        };
        Ok(self.metadata.get_or_try_init(py, make)?.clone_ref(py))
    }

    /// Whether one of the actor's patterns covers `required`, a concrete capability.
    #[pyo3(signature = (required, /))]
    fn has_capability(&self, required: &Bound<'_, PyString>) -> bool {
        required.to_str().is_ok_and(|required| self.core.actor().has_capability(required))
    }

    /// Whether the deadline has passed at `now_ms`, by default now. Never without a deadline.
    #[pyo3(signature = (now_ms=None))]
    fn deadline_elapsed(&self, now_ms: Option<Number<u64>>) -> bool {
        self.core.deadline_elapsed(now_ms.map_or_else(unix_now_ms, |now| now.0))
    }

    /// Milliseconds until the deadline has passed on every clock that differs by at most
    /// `max_skew_ms`; 0 when it has, `None` without a deadline.
    #[pyo3(
        signature = (now_ms=None, max_skew_ms=Number(0)),
        text_signature = "($self, now_ms=None, max_skew_ms=0)"
    )]
    fn remaining(&self, now_ms: Option<Number<u64>>, max_skew_ms: Number<u64>) -> Option<u64> {
        self.core.remaining(now_ms.map_or_else(unix_now_ms, |now| now.0), max_skew_ms.0)
    }

    /// The W3C `traceparent` header; `None` when the correlation id or the span id is all zeros.
    fn traceparent(&self) -> Option<String> {
        self.core.traceparent()
    }

    /// The context of an invocation that this one causes: same correlation, this span as the parent
    /// span, the earlier deadline, no more authority.
    #[pyo3(signature = (
        span_id, source_module, target, *, deadline_ms=None, capabilities=None, metadata=None,
    ))]
    fn child(
        &self,
        span_id: BytesLike<'_>,
        source_module: Text<'_>,
        target: &Bound<'_, PyAny>,
        deadline_ms: Option<Number<u64>>,
        capabilities: Option<Texts>,
        metadata: Option<&Bound<'_, PyAny>>,
    ) -> Result<Self> {
        let span = core::span_id(span_id.as_bytes())?;
        let mut spec = ChildSpec::new(span, source_module.to_owned()?, target_of(target)?)
            .deadline_ms(deadline_ms.map_or(0, |deadline| deadline.0));
        if let Some(capabilities) = capabilities {
            spec = spec.capabilities(capabilities.0);
        }
        if let Some(metadata) = metadata {
            for (key, value) in pairs(metadata)? {
                spec = spec.metadata(key, value);
            }
        }
        Ok(self.core.child(spec)?.into())
    }

    fn __repr__(&self, py: Python<'_>) -> Result<String> {
        let context = &self.core;
        let mut parts = Vec::new();
        let mut id = |name, bytes: &[u8]| {
            if bytes.iter().any(|byte| *byte != 0) {
                parts.push(format!("{name}={}", of_hex(bytes)));
            }
        };
        id("correlation_id", &context.correlation_id());
        id("span_id", &context.span_id());
        id("parent_span_id", &context.parent_span_id());
        if let Some(deadline) = context.deadline_ms() {
            parts.push(format!("deadline_ms={deadline}"));
        }
        if !context.source_module().is_empty() {
            parts.push(format!("source_module={}", of_text(context.source_module())));
        }
        parts.push(format!("target={}", self.target(py)?.bind(py).repr()?.to_str()?));
        parts.push(format!("actor={}", self.actor(py)?.bind(py).repr()?.to_str()?));
        parts.push(format!("metadata=<{} entries>", context.metadata().len()));
        Ok(format!("InvocationContext({})", parts.join(", ")))
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.core == other.core
    }

    fn __hash__(&self) -> u64 {
        let context = &self.core;
        let metadata = context.metadata();
        let ids = (context.correlation_id(), context.span_id(), context.parent_span_id());
        hash_of((ids, context.deadline_ms(), context.target(), context.actor().subject(), metadata))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Result<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        without_token(self.core.actor())?;
        let make = py.get_type::<Self>().getattr("from_bytes")?;
        Ok((make, (self.to_bytes(py),).into_pyobject(py)?))
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }
}

/// The context of a call that begins here, or that `parent` causes: with ids of its own, drawn at once.
///
/// A child keeps its parent's actor, with no more capabilities, and its deadline where that is earlier.
#[pyfunction]
#[pyo3(
    signature = (source_module, target, parent=None, deadline_ms=None, capabilities=None, metadata=None, actor=None),
    text_signature = "(source_module, target, parent=None, deadline_ms=None, capabilities=None, metadata=None, actor=None)"
)]
#[allow(clippy::too_many_arguments, reason = "each is a keyword")]
pub(crate) fn invocation(
    py: Python<'_>,
    source_module: Text<'_>,
    target: &Bound<'_, PyAny>,
    parent: Option<&InvocationContext>,
    deadline_ms: Option<Number<u64>>,
    capabilities: Option<Texts>,
    metadata: Option<&Bound<'_, PyAny>>,
    actor: Option<&ActorIdentity>,
) -> Result<InvocationContext> {
    let (span, correlation) = crate::random::<24>(py)?
        .split_first_chunk::<8>()
        .map_or_else(Default::default, |(span, rest)| (*span, *rest.first_chunk::<16>().unwrap_or(&[0; 16])));
    // A service is what most calls go to.
    let target = match target.cast_exact::<PyString>() {
        Ok(service) => core::Target::Service(as_str(service)?.to_owned()),
        Err(_) => target_of(target)?,
    };
    let metadata = metadata.map_or_else(|| Ok(Vec::new()), pairs)?;
    let deadline = deadline_ms.map_or(0, |deadline| deadline.0);
    if let Some(parent) = parent.filter(|_| actor.is_none()) {
        let mut spec = ChildSpec::new(span, source_module.to_owned()?, target).deadline_ms(deadline);
        if let Some(capabilities) = capabilities {
            spec = spec.capabilities(capabilities.0);
        }
        for (key, value) in metadata {
            spec = spec.metadata(key, value);
        }
        return Ok(parent.core.child(spec)?.into());
    }
    let mut builder: ContextBuilder = core::InvocationContext::builder()
        .correlation_id(correlation)
        .span_id(span)
        .deadline_ms(deadline)
        .source_module(source_module.to_owned()?)
        .target(target);
    if let Some(actor) = actor {
        let actor = actor.core();
        builder = builder.subject(actor.subject().to_owned()).token_ref(actor.token_ref().expose());
        if capabilities.is_none() {
            builder = builder.capabilities(actor.capabilities().iter().cloned());
        }
    }
    if let Some(capabilities) = capabilities {
        builder = builder.capabilities(capabilities.0);
    }
    for (key, value) in metadata {
        builder = builder.metadata(key, value);
    }
    Ok(builder.build()?.into())
}

/// The actor of an encoded context; for unpickling.
#[pyfunction]
pub(crate) fn actor_of(message: BytesLike<'_>) -> Result<ActorIdentity> {
    Ok(ActorIdentity::of(Arc::new(core::InvocationContext::decode(message.as_bytes())?)))
}

fn unix_now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

// What is no text at all in UTF-8 is malformed, and what is malformed denies.

/// Whether `granted`, a pattern, covers `required`, a concrete capability.
#[pyfunction]
#[pyo3(signature = (granted, required, /))]
pub(crate) fn covers(granted: &Bound<'_, PyString>, required: &Bound<'_, PyString>) -> bool {
    match (granted.to_str(), required.to_str()) {
        (Ok(granted), Ok(required)) => capability::covers(granted, required),
        _ => false,
    }
}

/// Whether each pattern of `child` is covered by one of `parent`.
#[pyfunction]
#[pyo3(signature = (parent, child, /))]
pub(crate) fn attenuates(parent: Texts, child: Texts) -> bool {
    capability::attenuates(&parent.0, &child.0)
}

/// Whether this is a well-formed pattern: concrete, or with `*` as its whole last segment.
#[pyfunction]
#[pyo3(signature = (pattern, /))]
pub(crate) fn is_pattern(pattern: &Bound<'_, PyString>) -> bool {
    pattern.to_str().is_ok_and(capability::is_pattern)
}

/// Whether this is a well-formed capability without `*`.
#[pyfunction]
#[pyo3(signature = (name, /))]
pub(crate) fn is_concrete(name: &Bound<'_, PyString>) -> bool {
    name.to_str().is_ok_and(capability::is_concrete)
}

/// Whether a metadata key is the ingress's to set.
#[pyfunction]
#[pyo3(signature = (key, /))]
pub(crate) fn is_ingress_key(key: &Bound<'_, PyString>) -> bool {
    key.to_str().is_ok_and(metadata::is_ingress_key)
}

/// The correlation id, the span id and the trace flags of a `traceparent` header.
#[pyfunction]
#[pyo3(signature = (header, /))]
pub(crate) fn from_traceparent<'py>(
    py: Python<'py>,
    header: &Bound<'_, PyString>,
) -> Option<(Bound<'py, PyBytes>, Bound<'py, PyBytes>, u8)> {
    let parsed = header.to_str().ok().and_then(core::from_traceparent)?;
    let correlation = PyBytes::new(py, &parsed.correlation_id);
    Some((correlation, PyBytes::new(py, &parsed.span_id), parsed.trace_flags))
}
