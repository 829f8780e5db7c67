//! The invocation context and the rules of capabilities.

use std::sync::Arc;

use ixt_core::invocation::metadata::keys;
use ixt_core::invocation::{self as core, ChildSpec, Context, ContextRef, Target, capability, metadata};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyMapping, PyMappingProxy, PyString, PyTuple};

use crate::actor::{ActorIdentity, without_token};
use crate::bytes::BytesLike;
use crate::error::Result;
use crate::hash::hash_of;
use crate::message::Message;
use crate::number::Number;
use crate::once::Once;
use crate::repr::{of_hex, of_text};
use crate::subject::{subject_of, target_of, target_to_python};
use crate::text::{Text, Texts, as_str, held_str, whole};

/// Who invokes what, with which authority, until when. Immutable and always valid.
#[pyclass(frozen, module = "ixt_sdk.invocation")]
pub(crate) struct InvocationContext {
    numbers: Numbers,
    message: Arc<Message>,
    source_module: Once<PyString>,
    target: Once<PyAny>,
    actor: Once<ActorIdentity>,
    metadata: Once<PyMappingProxy>,
}

/// What needs no Python object.
#[derive(Clone, Copy)]
struct Numbers {
    correlation_id: [u8; 16],
    span_id: [u8; 8],
    parent_span_id: [u8; 8],
    trace_flags: u8,
    deadline_ms: Option<u64>,
}

impl Numbers {
    fn of<B: AsRef<[u8]>, T: AsRef<str>, const N: usize>(context: &Context<B, T, N>) -> Self {
        Self {
            correlation_id: context.correlation_id(),
            span_id: context.span_id(),
            parent_span_id: context.parent_span_id(),
            trace_flags: context.trace_flags(),
            deadline_ms: context.deadline_ms(),
        }
    }

    /// A context of them alone, for questions that the core answers.
    fn context(&self) -> Result<core::InvocationContext> {
        let builder = core::InvocationContext::builder()
            .correlation_id(self.correlation_id)
            .span_id(self.span_id)
            .trace_flags(self.trace_flags)
            .deadline_ms(self.deadline_ms.unwrap_or(0));
        Ok(builder.build()?)
    }
}

impl InvocationContext {
    fn over(numbers: Numbers, message: Message) -> Self {
        Self {
            numbers,
            message: Arc::new(message),
            source_module: Once::new(),
            target: Once::new(),
            actor: Once::new(),
            metadata: Once::new(),
        }
    }

    /// What a peer sent, and the service that it wants, if it wants one.
    pub(crate) fn received<'py>(bytes: &Bound<'py, PyBytes>) -> Result<(Self, Option<Bound<'py, PyString>>)> {
        let context = ContextRef::decode(bytes.as_bytes())?;
        let service = match context.target() {
            Target::Service(name) => Some(PyString::intern(bytes.py(), name)),
            _ => None,
        };
        let message = Message::received(&context, bytes.clone());
        Ok((Self::over(Numbers::of(&context), message), service))
    }

    pub(crate) fn of(py: Python<'_>, context: &core::InvocationContext) -> Self {
        Self::over(Numbers::of(context), Message::written(py, context))
    }

    /// The core's value.
    pub(crate) fn core(&self, py: Python<'_>) -> Result<&core::InvocationContext> {
        self.message.core(py)
    }
}

/// Pairs of `str`.
type Pairs<'py> = Vec<(Bound<'py, PyString>, Bound<'py, PyString>)>;

/// Pairs of a mapping, or of an iterable of pairs, in the order given.
fn pairs<'py>(metadata: &Bound<'py, PyAny>) -> Result<Pairs<'py>> {
    if let Ok(metadata) = metadata.cast_exact::<PyDict>() {
        let mut pairs = Vec::with_capacity(metadata.len());
        for (key, value) in metadata {
            pairs.push((key.cast_into().map_err(PyErr::from)?, value.cast_into().map_err(PyErr::from)?));
        }
        return Ok(pairs);
    }
    let mut pairs = Vec::new();
    let items = match metadata.cast::<PyMapping>() {
        Ok(mapping) => mapping.items()?.into_any(),
        Err(_) => metadata.clone(),
    };
    for item in items.try_iter()? {
        let (key, value): (Text<'_>, Text<'_>) = item?.extract()?;
        pairs.push((key.0, value.0));
    }
    Ok(pairs)
}

/// A metadata key as a `str`: the conventional ones are there already, with their hashes.
fn key_to_python<'py>(py: Python<'py>, key: &[u8]) -> Result<Bound<'py, PyString>> {
    macro_rules! kept {
        ($($known:ident)+) => {$(
            if key == keys::$known.as_bytes() {
                return Ok(intern!(py, keys::$known).clone());
            }
        )+};
    }
    kept!(TENANT AUTH_STRENGTH INGRESS_KIND INGRESS_SOURCE_IP TRACESTATE BAGGAGE);
    Ok(PyString::from_bytes(py, key)?)
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
        py: Python<'_>,
        correlation_id: Option<BytesLike<'_>>,
        span_id: Option<BytesLike<'_>>,
        parent_span_id: Option<BytesLike<'_>>,
        trace_flags: Number<u8>,
        deadline_ms: Option<Number<u64>>,
        source_module: Option<Text<'_>>,
        target: Option<&Bound<'_, PyAny>>,
        actor: Option<&Bound<'_, ActorIdentity>>,
        metadata: Option<&Bound<'_, PyAny>>,
    ) -> Result<Self> {
        let correlation_id = match correlation_id {
            Some(id) => core::correlation_id(id.as_bytes())?,
            None => [0; 16],
        };
        let span_id = match span_id {
            Some(id) => core::span_id(id.as_bytes())?,
            None => [0; 8],
        };
        let parent_span_id = match parent_span_id {
            Some(id) => core::span_id(id.as_bytes())
                .map_err(|error| ixt_core::Error::new(error.kind()).in_field("parent_span_id"))?,
            None => [0; 8],
        };
        let parts = match actor {
            Some(actor) => {
                let of = actor.get();
                Some((of.subject_ref(py)?.bind(py), of.token(py)?.get(), of.capabilities_ref(py)?.bind(py)))
            }
            None => None,
        };
        let subject = match parts {
            Some((subject, ..)) => subject_of(subject)?,
            None => core::Subject::default(),
        };
        let metadata = match metadata {
            Some(metadata) => pairs(metadata)?,
            None => Vec::new(),
        };

        // All is borrowed from Python's objects, checked, and encoded at once.
        let (mut capability_fault, mut metadata_fault) = (None, None);
        let capabilities = parts.iter().flat_map(|(.., list)| list.iter_borrowed()).map(held_str);
        let entries = metadata.iter().map(|(key, value)| Ok((as_str(key)?, as_str(value)?)));
        let built = ContextRef::builder()
            .correlation_id(correlation_id)
            .span_id(span_id)
            .parent_span_id(parent_span_id)
            .trace_flags(trace_flags.0)
            .deadline_ms(deadline_ms.map_or(0, |deadline| deadline.0))
            .source_module(source_module.as_ref().map_or(Ok(""), Text::as_str)?)
            .target(target.map_or_else(|| Ok(Target::default()), target_of)?)
            .subject(subject)
            .token_ref(parts.map_or(&b""[..], |(_, token, _)| token.as_bytes(py)))
            .capabilities(whole(capabilities, &mut capability_fault))
            .metadata_entries(whole(entries, &mut metadata_fault))
            .build();
        if let Some(fault) = capability_fault.or(metadata_fault) {
            return Err(fault);
        }
        // By reference: it is large, and every move of it would show.
        let context = built.as_ref().map_err(Clone::clone)?;
        let made = Self::over(Numbers::of(context), Message::written(py, context));
        Ok(Self {
            source_module: source_module.map_or_else(Once::new, |module| Once::of(module.0.unbind())),
            target: target.map_or_else(Once::new, |target| Once::of(target.clone().unbind())),
            actor: actor.map_or_else(Once::new, |actor| Once::of(actor.clone().unbind())),
            ..made
        })
    }

    /// An external caller with an empty name and no capability: what zero bytes decode to.
    #[staticmethod]
    fn anonymous(py: Python<'_>) -> Self {
        Self::of(py, &core::InvocationContext::anonymous())
    }

    /// The runtime itself, with the capability `*`.
    #[staticmethod]
    fn system(py: Python<'_>) -> Self {
        Self::of(py, &core::InvocationContext::system())
    }

    /// Decodes one whole context; zero bytes are `anonymous()`.
    #[staticmethod]
    #[pyo3(signature = (data, /, *, canonical=false))]
    fn from_bytes(data: BytesLike<'_>, canonical: bool) -> Result<Self> {
        let bytes = data.0.as_bytes();
        let context =
            if canonical { ContextRef::decode_canonical(bytes)? } else { ContextRef::decode(bytes)? };
        let (numbers, message) = (Numbers::of(&context), Message::received(&context, data.0.clone()));
        Ok(Self::over(numbers, message))
    }

    /// The canonical bytes.
    pub(crate) fn to_bytes(&self, py: Python<'_>) -> Result<Py<PyBytes>> {
        self.message.to_bytes(py)
    }

    fn __bytes__(&self, py: Python<'_>) -> Result<Py<PyBytes>> {
        self.to_bytes(py)
    }

    /// The 16 bytes that all invocations of one piece of work share: a W3C trace-id. Zeros for none.
    #[getter]
    fn correlation_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.numbers.correlation_id)
    }

    /// The 8 bytes that name this invocation: a W3C parent-id. Zeros for none.
    #[getter]
    fn span_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.numbers.span_id)
    }

    /// The span of the invocation that caused this one. Zeros for none.
    #[getter]
    fn parent_span_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.numbers.parent_span_id)
    }

    /// The W3C trace-flags; bit 0 says sampled.
    #[getter]
    fn trace_flags(&self) -> u8 {
        self.numbers.trace_flags
    }

    /// Until when, in milliseconds since the Unix epoch; `None` for no deadline.
    #[getter]
    fn deadline_ms(&self) -> Option<u64> {
        self.numbers.deadline_ms
    }

    /// The module that sent it; empty for none.
    #[getter]
    fn source_module(&self, py: Python<'_>) -> Result<Py<PyString>> {
        let message = &self.message;
        self.source_module.get(py, || Ok(message.text(py, message.index(py)?.source_module)?.unbind()))
    }

    /// Where it goes.
    #[getter]
    fn target(&self, py: Python<'_>) -> Result<Py<PyAny>> {
        self.target.get(py, || target_to_python(py, &self.message))
    }

    /// Who invokes, and with which authority.
    #[getter]
    fn actor(&self, py: Python<'_>) -> Result<Py<ActorIdentity>> {
        self.actor.get(py, || Ok(Py::new(py, ActorIdentity::of(Arc::clone(&self.message)))?))
    }

    /// The metadata, sorted by the bytes of the keys; read-only.
    #[getter]
    fn metadata(&self, py: Python<'_>) -> Result<Py<PyMappingProxy>> {
        self.metadata.get(py, || {
            let entries = PyDict::new(py);
            for [key, value] in self.message.index(py)?.metadata() {
                let key = key_to_python(py, self.message.part(py, *key)?)?;
                entries.set_item(key, self.message.text(py, *value)?)?;
            }
            Ok(PyMappingProxy::new(py, entries.as_mapping()).unbind())
        })
    }

    /// Whether one of the actor's patterns covers `required`, a concrete capability.
    #[pyo3(signature = (required, /))]
    fn has_capability(&self, required: &Bound<'_, PyString>) -> Result<bool> {
        let context = self.message.core(required.py())?;
        Ok(required.to_str().is_ok_and(|required| context.actor().has_capability(required)))
    }

    /// Whether the deadline has passed at `now_ms`, by default now. Never without a deadline.
    #[pyo3(signature = (now_ms=None))]
    fn deadline_elapsed(&self, now_ms: Option<Number<u64>>) -> Result<bool> {
        Ok(self.numbers.context()?.deadline_elapsed(now_ms.map_or_else(unix_now_ms, |now| now.0)))
    }

    /// Milliseconds until the deadline has passed on every clock that differs by at most
    /// `max_skew_ms`; 0 when it has, `None` without a deadline.
    #[pyo3(
        signature = (now_ms=None, max_skew_ms=Number(0)),
        text_signature = "($self, now_ms=None, max_skew_ms=0)"
    )]
    fn remaining(&self, now_ms: Option<Number<u64>>, max_skew_ms: Number<u64>) -> Result<Option<u64>> {
        let now_ms = now_ms.map_or_else(unix_now_ms, |now| now.0);
        Ok(self.numbers.context()?.remaining(now_ms, max_skew_ms.0))
    }

    /// The W3C `traceparent` header; `None` when the correlation id or the span id is all zeros.
    fn traceparent(&self) -> Result<Option<String>> {
        Ok(self.numbers.context()?.traceparent())
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
        capabilities: Option<Texts<'_>>,
        metadata: Option<&Bound<'_, PyAny>>,
    ) -> Result<Self> {
        let span = core::span_id(span_id.as_bytes())?;
        let mut spec = ChildSpec::new(span, source_module.as_str()?, target_of(target)?.to_owned())
            .deadline_ms(deadline_ms.map_or(0, |deadline| deadline.0));
        if let Some(capabilities) = capabilities {
            spec = spec.capabilities(capabilities.iter().collect::<Result<Vec<_>>>()?);
        }
        if let Some(metadata) = metadata {
            for (key, value) in pairs(metadata)? {
                spec = spec.metadata(as_str(&key)?, as_str(&value)?);
            }
        }
        let py = target.py();
        Ok(Self::of(py, &self.message.core(py)?.child(spec)?))
    }

    fn __repr__(&self, py: Python<'_>) -> Result<String> {
        let context = self.message.core(py)?;
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

    fn __eq__(&self, py: Python<'_>, other: &Self) -> Result<bool> {
        Ok(self.message.core(py)? == other.message.core(py)?)
    }

    fn __hash__(&self, py: Python<'_>) -> Result<u64> {
        let context = self.message.core(py)?;
        let metadata = context.metadata();
        let ids = (context.correlation_id(), context.span_id(), context.parent_span_id());
        Ok(hash_of((ids, context.deadline_ms(), context.target(), context.actor().subject(), metadata)))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Result<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        without_token(self.message.core(py)?.actor())?;
        let make = py.get_type::<Self>().getattr("from_bytes")?;
        Ok((make, (self.to_bytes(py)?,).into_pyobject(py)?))
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
/// A child keeps its parent's actor, with no more capabilities, and its deadline where that is earlier. `span_id` is
/// its span in place of a random one; `trace` is what a call without a parent belongs to, as `from_traceparent` gives
/// it: trace-id, the span that causes it, and flags.
#[pyfunction]
#[pyo3(
    signature = (
        source_module, target, parent=None, deadline_ms=None, capabilities=None, metadata=None, actor=None,
        span_id=None, trace=None
    ),
    text_signature = "(source_module, target, parent=None, deadline_ms=None, capabilities=None, metadata=None, \
                      actor=None, span_id=None, trace=None)"
)]
#[allow(clippy::too_many_arguments, reason = "each is a keyword")]
pub(crate) fn invocation(
    py: Python<'_>,
    source_module: Text<'_>,
    target: &Bound<'_, PyAny>,
    parent: Option<&InvocationContext>,
    deadline_ms: Option<Number<u64>>,
    capabilities: Option<Texts<'_>>,
    metadata: Option<&Bound<'_, PyAny>>,
    actor: Option<&ActorIdentity>,
    span_id: Option<BytesLike<'_>>,
    trace: Option<(BytesLike<'_>, BytesLike<'_>, Number<u8>)>,
) -> Result<InvocationContext> {
    let (drawn, correlation) = crate::random::<24>(py)?
        .split_first_chunk::<8>()
        .map_or_else(Default::default, |(span, rest)| (*span, *rest.first_chunk::<16>().unwrap_or(&[0; 16])));
    let span = match span_id {
        Some(id) => core::span_id(id.as_bytes())?,
        None => drawn,
    };
    // A service is what most calls go to.
    let target = match target.cast_exact::<PyString>() {
        Ok(service) => Target::Service(as_str(service)?),
        Err(_) => target_of(target)?,
    };
    let metadata = metadata.map_or_else(|| Ok(Vec::new()), pairs)?;
    let entries = metadata.iter().map(|(key, value)| Ok((as_str(key)?, as_str(value)?)));
    let entries = entries.collect::<Result<Vec<_>>>()?;
    let capabilities = match &capabilities {
        Some(capabilities) => Some(capabilities.iter().collect::<Result<Vec<_>>>()?),
        None => None,
    };
    let deadline = deadline_ms.map_or(0, |deadline| deadline.0);
    if let Some(parent) = parent.filter(|_| actor.is_none()) {
        let mut spec = ChildSpec::new(span, source_module.as_str()?, target.to_owned()).deadline_ms(deadline);
        if let Some(capabilities) = capabilities {
            spec = spec.capabilities(capabilities);
        }
        for (key, value) in entries {
            spec = spec.metadata(key, value);
        }
        return Ok(InvocationContext::of(py, &parent.message.core(py)?.child(spec)?));
    }
    let (correlation, caused_by, flags) = match trace {
        Some((trace, caused_by, flags)) => {
            (core::correlation_id(trace.as_bytes())?, core::span_id(caused_by.as_bytes())?, flags.0)
        }
        None => (correlation, [0; 8], 0),
    };
    let mut builder = ContextRef::builder()
        .correlation_id(correlation)
        .parent_span_id(caused_by)
        .trace_flags(flags)
        .span_id(span)
        .deadline_ms(deadline)
        .source_module(source_module.as_str()?)
        .target(target)
        .metadata_entries(entries);
    if let Some(actor) = actor {
        builder = builder.subject(subject_of(actor.subject_ref(py)?.bind(py))?);
        builder = builder.token_ref(actor.token(py)?.get().as_bytes(py));
        if capabilities.is_none() {
            let own = actor.capabilities_ref(py)?.bind(py).iter_borrowed().map(held_str);
            builder = builder.capabilities(own.collect::<Result<Vec<_>>>()?);
        }
    }
    if let Some(capabilities) = capabilities {
        builder = builder.capabilities(capabilities);
    }
    let context = builder.build()?;
    Ok(InvocationContext::over(Numbers::of(&context), Message::written(py, &context)))
}

/// The actor of an encoded context; for unpickling.
#[pyfunction]
pub(crate) fn actor_of(message: BytesLike<'_>) -> Result<ActorIdentity> {
    let context = ContextRef::decode(message.as_bytes())?;
    Ok(ActorIdentity::of(Arc::new(Message::received(&context, message.0.clone()))))
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
pub(crate) fn attenuates(parent: Texts<'_>, child: Texts<'_>) -> Result<bool> {
    let patterns = |texts: &Texts<'_>| -> Result<Vec<String>> {
        texts.iter().map(|text| text.map(str::to_owned)).collect()
    };
    Ok(capability::attenuates(&patterns(&parent)?, &patterns(&child)?))
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
