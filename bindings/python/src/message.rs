//! An encoded context, which is what a context is in Python: the bytes, and where in them its parts are.
//!
//! Texts become Python objects when they are asked for, straight from the bytes, so that nothing is
//! copied to a string of Rust's on the way.

use std::sync::OnceLock;

use ixt_core::invocation::{Context, ContextRef, InvocationContext, Subject, Target};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::error::{Result, invalid};
use crate::once::Once;

/// A piece of the bytes. A context has at most 16 KiB of them.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    start: u16,
    length: u16,
}

/// Where the parts of a context are.
pub(crate) struct Index {
    pub(crate) source_module: Span,
    pub(crate) target: Target<Span>,
    pub(crate) subject: Subject<Span>,
    pub(crate) token_ref: Span,
    /// The capabilities, then the keys and values of the metadata, all sorted.
    lists: Box<[Span]>,
    capabilities: usize,
}

impl Index {
    /// Of a context that was decoded from these bytes.
    fn of(context: &ContextRef<'_>, bytes: &[u8]) -> Self {
        let place = |part: &[u8]| Span {
            start: (part.as_ptr() as usize).wrapping_sub(bytes.as_ptr() as usize) as u16,
            length: part.len() as u16,
        };
        let text = |text: &str| place(text.as_bytes());
        let actor = context.actor();
        let metadata = context.metadata();
        let mut lists = Vec::with_capacity(actor.capabilities().len() + 2 * metadata.len());
        lists.extend(actor.capabilities().iter().map(|capability| text(capability)));
        for entry in metadata {
            lists.extend([text(entry.key), text(entry.value)]);
        }
        Self {
            source_module: text(context.source_module()),
            target: match context.target() {
                Target::Service(name) => Target::Service(text(name)),
                Target::Module(name) => Target::Module(text(name)),
                Target::Broadcast(topic) => Target::Broadcast(text(topic)),
                Target::Reply(id) => Target::Reply(id),
                Target::DynamicEndpoint(name) => Target::DynamicEndpoint(text(name)),
                unknown => Target::Unknown(unknown.tag()),
            },
            subject: match actor.subject() {
                Subject::External(name) => Subject::External(text(name)),
                Subject::Operator(name) => Subject::Operator(text(name)),
                Subject::Module(name) => Subject::Module(text(name)),
                Subject::System => Subject::System,
                unknown => Subject::Unknown(unknown.tag()),
            },
            token_ref: place(actor.token_ref().expose()),
            lists: lists.into_boxed_slice(),
            capabilities: actor.capabilities().len(),
        }
    }

    pub(crate) fn capabilities(&self) -> &[Span] {
        self.lists.get(..self.capabilities).unwrap_or_default()
    }

    /// Keys and values.
    pub(crate) fn metadata(&self) -> &[[Span; 2]] {
        self.lists.get(self.capabilities..).unwrap_or_default().as_chunks().0
    }
}

/// The bytes of one valid context, and what has been found out about them.
pub(crate) struct Message {
    bytes: Py<PyBytes>,
    canonical: Once<PyBytes>,
    index: OnceLock<Index>,
    core: OnceLock<Box<InvocationContext>>,
}

impl Message {
    /// Bytes that this context was decoded from.
    pub(crate) fn received(context: &ContextRef<'_>, bytes: Bound<'_, PyBytes>) -> Self {
        let index = Index::of(context, bytes.as_bytes()).into();
        Self { bytes: bytes.unbind(), canonical: Once::new(), index, core: OnceLock::new() }
    }

    /// The bytes of a context.
    pub(crate) fn written<B, T, const N: usize>(py: Python<'_>, context: &Context<B, T, N>) -> Self
    where
        B: AsRef<[u8]>,
        T: AsRef<str>,
    {
        // Most fit here, and need no memory of their own on the way.
        let mut room = [0; 1024];
        let bytes = match context.encode_to_slice(&mut room) {
            Ok(length) => PyBytes::new(py, room.get(..length).unwrap_or_default()),
            Err(_) => PyBytes::new(py, &context.encode()),
        };
        let canonical = Once::of(bytes.clone().unbind());
        Self { bytes: bytes.unbind(), canonical, index: OnceLock::new(), core: OnceLock::new() }
    }

    /// The canonical bytes.
    pub(crate) fn to_bytes(&self, py: Python<'_>) -> Result<Py<PyBytes>> {
        self.canonical.get(py, || Ok(PyBytes::new(py, &self.decoded(py)?.encode()).unbind()))
    }

    /// The core's value, for questions that the core answers.
    pub(crate) fn core(&self, py: Python<'_>) -> Result<&InvocationContext> {
        if let Some(core) = self.core.get() {
            return Ok(core);
        }
        let core = Box::new(self.decoded(py)?.to_owned());
        Ok(self.core.get_or_init(|| core))
    }

    #[inline]
    pub(crate) fn index(&self, py: Python<'_>) -> Result<&Index> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let index = Index::of(&self.decoded(py)?, self.bytes.as_bytes(py));
        Ok(self.index.get_or_init(|| index))
    }

    fn decoded<'a>(&'a self, py: Python<'_>) -> Result<ContextRef<'a>> {
        Ok(ContextRef::decode(self.bytes.as_bytes(py))?)
    }

    #[inline]
    pub(crate) fn part<'a>(&'a self, py: Python<'_>, span: Span) -> Result<&'a [u8]> {
        let (start, length) = (usize::from(span.start), usize::from(span.length));
        // Where a part is empty, it may stand elsewhere.
        if length == 0 {
            return Ok(&[]);
        }
        self.bytes.as_bytes(py).get(start..start + length).ok_or_else(|| invalid("context"))
    }

    #[inline]
    pub(crate) fn text<'py>(&self, py: Python<'py>, span: Span) -> Result<Bound<'py, PyString>> {
        Ok(PyString::from_bytes(py, self.part(py, span)?)?)
    }
}
