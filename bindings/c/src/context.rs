//! Contexts to bytes and back.
//!
//! There are two forms of a context: the *view*, places in an input, which is what decoding gives and what
//! languages with memory of their own encode from; and the *value*, pointers, which is what a C programmer
//! writes down.

use std::mem::MaybeUninit;

use ixt_core::invocation::{ChildSpec, Context, ContextRef, InvocationContext, Subject, Target};
use ixt_core::{Error, ErrorKind};

use crate::error::ixt_error_t;
use crate::ffi::{Bytes, BytesOut, utf8};
use crate::guard::{guard, guard_with, required};
use crate::span::{ixt_slice_t, ixt_span_t};
use crate::status::ixt_status_t;

/// Most capabilities of a context, and most metadata entries.
pub const IXT_MAX_ENTRIES: usize = 64;
/// Room for any encoded context, in bytes.
pub const IXT_MAX_CONTEXT: usize = 16_384;

/// The values of `subject_kind`: on whose behalf. It says who, and grants nothing.
#[repr(C)]
pub enum ixt_subject_kind {
    /// A principal authenticated at an ingress; with an empty name: anonymous.
    IXT_SUBJECT_EXTERNAL = 0,
    /// A person operating the deployment.
    IXT_SUBJECT_OPERATOR = 1,
    /// A module acting on its own behalf.
    IXT_SUBJECT_MODULE = 2,
    /// The runtime itself; without a name.
    IXT_SUBJECT_SYSTEM = 3,
    /// A kind of a later schema, without any authority; decoding alone gives it.
    IXT_SUBJECT_UNKNOWN = 65535,
}

/// The values of `target_kind`: where the invocation goes.
#[repr(C)]
pub enum ixt_target_kind {
    /// Any module that provides this service; with an empty name: no target.
    IXT_TARGET_SERVICE = 0,
    /// This module.
    IXT_TARGET_MODULE = 1,
    /// Every module subscribed to this topic; empty: all.
    IXT_TARGET_BROADCAST = 2,
    /// One waiting call, by 16 bytes minted for it alone.
    IXT_TARGET_REPLY = 3,
    /// An endpoint handed out at run time.
    IXT_TARGET_DYNAMIC_ENDPOINT = 4,
    /// A kind of a later schema: unroutable; decoding alone gives it.
    IXT_TARGET_UNKNOWN = 65535,
}

/// A metadata entry as places in an input.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct ixt_entry_span_t {
    /// `[a-z0-9_.-]+` of at most 128 bytes, unique in its context.
    pub key: ixt_span_t,
    /// Any text without NUL of at most 4 KiB.
    pub value: ixt_span_t,
}

/// A metadata entry by pointers.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ixt_entry_t {
    /// `[a-z0-9_.-]+` of at most 128 bytes, unique in its context.
    pub key: ixt_slice_t,
    /// Any text without NUL of at most 4 KiB.
    pub value: ixt_slice_t,
}

/// A context, as places in an input: what decoding gives, and what ixt_context_view_encode() takes with
/// the same or another input. It holds no pointer. All zeros are the anonymous context.
///
/// Text is UTF-8 without NUL, and not NUL-terminated.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ixt_context_view_t {
    /// What all invocations of one piece of work share: a W3C trace-id. Zeros for none.
    pub correlation_id: [u8; 16],
    /// The name of this invocation: a W3C parent-id. Zeros for none.
    pub span_id: [u8; 8],
    /// The span of the invocation that caused this one. Zeros for none.
    pub parent_span_id: [u8; 8],
    /// Until when, in milliseconds since the Unix epoch; 0 for no deadline.
    pub deadline_ms: u64,
    /// One of ixt_subject_kind.
    pub subject_kind: u16,
    /// The tag of the subject on the wire; it differs from `subject_kind` where that is unknown.
    pub subject_tag: u16,
    /// One of ixt_target_kind.
    pub target_kind: u16,
    /// The tag of the target on the wire; it differs from `target_kind` where that is unknown.
    pub target_tag: u16,
    /// How many of `capabilities` there are, at most 64.
    pub capability_count: u32,
    /// How many of `metadata` there are, at most 64.
    pub metadata_count: u32,
    /// The W3C trace-flags; bit 0 says sampled.
    pub trace_flags: u8,
    /// 0.
    pub reserved: [u8; 7],
    /// The id of a reply; else zeros, and not looked at.
    pub reply: [u8; 16],
    /// The module that sent it.
    pub source_module: ixt_span_t,
    /// The subject's name.
    pub subject: ixt_span_t,
    /// The target's name or topic.
    pub target: ixt_span_t,
    /// The handle of the presented token: a secret, which never belongs into a log.
    pub token_ref: ixt_span_t,
    /// The whole encoded context. To encode, it is needed for an unknown subject or target alone; then it
    /// is what is encoded, and all else is not looked at.
    pub context: ixt_span_t,
    /// The granted patterns, sorted by bytes when decoded. Those past `capability_count` are not written.
    pub capabilities: [ixt_span_t; IXT_MAX_ENTRIES],
    /// Sorted by the bytes of the keys when decoded. Those past `metadata_count` are not written.
    pub metadata: [ixt_entry_span_t; IXT_MAX_ENTRIES],
}

/// A context by pointers, to encode. All zeros are the anonymous context.
///
/// Text is UTF-8 without NUL, and needs no NUL at its end. Capabilities and metadata may stand in any
/// order. All that it points to is borrowed for the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ixt_context_value_t {
    /// What all invocations of one piece of work share: a W3C trace-id. Zeros for none.
    pub correlation_id: [u8; 16],
    /// The name of this invocation: a W3C parent-id. Zeros for none.
    pub span_id: [u8; 8],
    /// The span of the invocation that caused this one. Zeros for none.
    pub parent_span_id: [u8; 8],
    /// Until when, in milliseconds since the Unix epoch; 0 for no deadline.
    pub deadline_ms: u64,
    /// One of ixt_subject_kind, unknown excepted.
    pub subject_kind: u16,
    /// One of ixt_target_kind, unknown excepted.
    pub target_kind: u16,
    /// The W3C trace-flags; bit 0 says sampled.
    pub trace_flags: u8,
    /// 0.
    pub reserved: [u8; 3],
    /// The module that sends it.
    pub source_module: ixt_slice_t,
    /// The subject's name; empty for the system.
    pub subject: ixt_slice_t,
    /// The target's name or topic, or the 16 bytes of a reply.
    pub target: ixt_slice_t,
    /// The handle of the presented token, never the token itself; at most 1 KiB.
    pub token_ref: ixt_slice_t,
    /// The granted patterns; NULL where there are none.
    pub capabilities: *const ixt_slice_t,
    /// How many of `capabilities` there are.
    pub capability_count: usize,
    /// NULL where there is none.
    pub metadata: *const ixt_entry_t,
    /// How many of `metadata` there are.
    pub metadata_count: usize,
}

impl ixt_context_view_t {
    /// Takes what was decoded from `input`. Of the arrays only what is used is written, so that a small
    /// context touches little memory.
    fn fill(&mut self, context: &ContextRef<'_>, input: &[u8]) {
        let place = |text: &str| ixt_span_t::of(text.as_bytes(), input);
        let actor = context.actor();

        self.correlation_id = context.correlation_id();
        self.span_id = context.span_id();
        self.parent_span_id = context.parent_span_id();
        self.deadline_ms = context.deadline_ms().unwrap_or(0);
        self.trace_flags = context.trace_flags();
        self.reserved = [0; 7];
        self.source_module = place(context.source_module());
        self.token_ref = ixt_span_t::of(actor.token_ref().expose(), input);
        self.context = ixt_span_t::of(input, input);

        self.subject_tag = actor.subject().tag();
        (self.subject_kind, self.subject) = match actor.subject() {
            Subject::External(name) | Subject::Operator(name) | Subject::Module(name) => {
                (self.subject_tag, place(name))
            }
            Subject::System => (self.subject_tag, ixt_span_t::default()),
            _ => (ixt_subject_kind::IXT_SUBJECT_UNKNOWN as u16, ixt_span_t::default()),
        };

        self.target_tag = context.target().tag();
        self.reply = [0; 16];
        (self.target_kind, self.target) = match context.target() {
            Target::Service(name)
            | Target::Module(name)
            | Target::Broadcast(name)
            | Target::DynamicEndpoint(name) => (self.target_tag, place(name)),
            Target::Reply(id) => {
                self.reply = id;
                (self.target_tag, ixt_span_t::default())
            }
            _ => (ixt_target_kind::IXT_TARGET_UNKNOWN as u16, ixt_span_t::default()),
        };

        self.capability_count = actor.capabilities().len() as u32;
        for (slot, capability) in self.capabilities.iter_mut().zip(actor.capabilities()) {
            *slot = place(capability);
        }
        self.metadata_count = context.metadata().len() as u32;
        for (slot, entry) in self.metadata.iter_mut().zip(context.metadata()) {
            *slot = ixt_entry_span_t { key: place(entry.key), value: place(entry.value) };
        }
    }

    /// The parts that stand in `input`.
    fn parts<'a>(&self, input: &'a [u8]) -> Result<Parts<'a, impl Texts<'a>, impl Pairs<'a>>, Error> {
        let bytes = move |span: ixt_span_t, field: &'static str| {
            span.get(input).map_err(|kind| Fault { kind, field })
        };
        // One check of UTF-8 does for all pieces of an input that is little else than them.
        let whole = if input.len() <= IXT_MAX_CONTEXT { std::str::from_utf8(input).ok() } else { None };
        let string = move |span: ixt_span_t, field| match whole.and_then(|whole| span.get_text(whole)) {
            Some(found) => Ok(found),
            None => bytes(span, field).and_then(|found| text(found, field)),
        };
        let name = string(self.target, "target")?;
        let target = match self.target_kind {
            3 => Target::Reply(self.reply),
            kind => target_of(kind, name),
        };
        let capabilities = self
            .capabilities
            .get(..self.capability_count as usize)
            .ok_or(ErrorKind::TooManyCapabilities)?
            .iter()
            .map(move |span| string(*span, "actor.capabilities"));
        let metadata =
            self.metadata.get(..self.metadata_count as usize).ok_or(ErrorKind::TooManyMetadata)?.iter().map(
                move |entry| Ok((string(entry.key, "metadata.key")?, string(entry.value, "metadata.value")?)),
            );
        Ok(Parts {
            correlation_id: self.correlation_id,
            span_id: self.span_id,
            parent_span_id: self.parent_span_id,
            deadline_ms: self.deadline_ms,
            trace_flags: self.trace_flags,
            source_module: string(self.source_module, "source_module")?,
            subject: subject_of(self.subject_kind, string(self.subject, "actor.subject")?)?,
            target,
            token_ref: bytes(self.token_ref, "actor.token_ref")?,
            capabilities,
            metadata,
        })
    }

    /// Whether it came from a later schema, so that its original bytes are what is encoded.
    fn is_original(&self) -> bool {
        self.subject_kind == ixt_subject_kind::IXT_SUBJECT_UNKNOWN as u16
            || self.target_kind == ixt_target_kind::IXT_TARGET_UNKNOWN as u16
    }

    /// The context of a later schema, from its original bytes.
    fn original<'a>(&self, input: &'a [u8]) -> Result<ContextRef<'a>, Error> {
        let context = ContextRef::decode(self.context.get(input)?)?;
        match (context.target(), context.actor().subject()) {
            (Target::Unknown(_), _) | (_, Subject::Unknown(_)) => Ok(context),
            _ => Err(Error::new(ErrorKind::InvalidArgument).in_field("context")),
        }
    }
}

impl ixt_context_value_t {
    /// The parts that its pointers lead to.
    fn parts<'a>(&'a self) -> Result<Parts<'a, impl Texts<'a>, impl Pairs<'a>>, Error> {
        #[inline]
        fn bytes<'a>(slice: &'a ixt_slice_t, field: &'static str) -> Result<&'a [u8], Fault> {
            slice.get().map_err(|kind| Fault { kind, field })
        }
        #[inline]
        fn string<'a>(slice: &'a ixt_slice_t, field: &'static str) -> Result<&'a str, Fault> {
            text(bytes(slice, field)?, field)
        }
        let target = match self.target_kind {
            3 => Target::reply(bytes(&self.target, "target.reply")?)?,
            kind => target_of(kind, string(&self.target, "target")?),
        };
        // Before anything is read of more members than there may be.
        if self.capability_count > IXT_MAX_ENTRIES {
            return Err(Error::new(ErrorKind::TooManyCapabilities).in_field("actor.capabilities"));
        }
        if self.metadata_count > IXT_MAX_ENTRIES {
            return Err(Error::new(ErrorKind::TooManyMetadata).in_field("metadata"));
        }
        let capabilities = ixt_slice_t::array(self.capabilities, self.capability_count)?
            .iter()
            .map(|slice| string(slice, "actor.capabilities"));
        let metadata =
            ixt_slice_t::array(self.metadata, self.metadata_count)?.iter().map(|entry: &ixt_entry_t| {
                Ok((string(&entry.key, "metadata.key")?, string(&entry.value, "metadata.value")?))
            });
        Ok(Parts {
            correlation_id: self.correlation_id,
            span_id: self.span_id,
            parent_span_id: self.parent_span_id,
            deadline_ms: self.deadline_ms,
            trace_flags: self.trace_flags,
            source_module: string(&self.source_module, "source_module")?,
            subject: subject_of(self.subject_kind, string(&self.subject, "actor.subject")?)?,
            target,
            token_ref: bytes(&self.token_ref, "actor.token_ref")?,
            capabilities,
            metadata,
        })
    }
}

/// Why a part cannot be taken. An error is made of it once: there is nothing to drop, so that taking the
/// parts that are sound costs less.
#[derive(Clone, Copy)]
struct Fault {
    kind: ErrorKind,
    field: &'static str,
}

impl From<Fault> for Error {
    #[cold]
    fn from(fault: Fault) -> Self {
        Error::new(fault.kind).in_field(fault.field)
    }
}

/// UTF-8, or the fault that names the field.
#[inline]
fn text<'a>(bytes: &'a [u8], field: &'static str) -> Result<&'a str, Fault> {
    utf8(bytes).ok_or(Fault { kind: ErrorKind::BadText, field })
}

/// Capabilities, each of which is checked as it is taken.
trait Texts<'a>: Iterator<Item = Result<&'a str, Fault>> {}
impl<'a, I: Iterator<Item = Result<&'a str, Fault>>> Texts<'a> for I {}

/// Metadata, each entry of which is checked as it is taken.
trait Pairs<'a>: Iterator<Item = Result<(&'a str, &'a str), Fault>> {}
impl<'a, I: Iterator<Item = Result<(&'a str, &'a str), Fault>>> Pairs<'a> for I {}

/// What both forms come to.
struct Parts<'a, C, M> {
    correlation_id: [u8; 16],
    span_id: [u8; 8],
    parent_span_id: [u8; 8],
    deadline_ms: u64,
    trace_flags: u8,
    source_module: &'a str,
    subject: Subject<&'a str>,
    target: Target<&'a str>,
    token_ref: &'a [u8],
    capabilities: C,
    metadata: M,
}

impl<'a, C: Texts<'a>, M: Pairs<'a>> Parts<'a, C, M> {
    /// Builds the context and hands it on where it stands: it is large, and every move of it would show.
    #[inline]
    fn build<R>(self, then: impl FnOnce(&ContextRef<'a>) -> Result<R, Error>) -> Result<R, Error> {
        let mut fault = None;
        let built = ContextRef::builder()
            .correlation_id(self.correlation_id)
            .span_id(self.span_id)
            .parent_span_id(self.parent_span_id)
            .trace_flags(self.trace_flags)
            .deadline_ms(self.deadline_ms)
            .source_module(self.source_module)
            .target(self.target)
            .subject(self.subject)
            .token_ref(self.token_ref)
            .capabilities(whole(self.capabilities, &mut fault))
            .metadata_entries(whole(self.metadata, &mut fault))
            .build();
        // What was built up to a fault means nothing.
        match (fault, &built) {
            (Some(fault), _) => Err(fault.into()),
            (None, Ok(context)) => then(context),
            (None, Err(error)) => Err(error.clone()),
        }
    }

    fn child_of(
        self,
        parent: &ContextRef<'_>,
        inherit_capabilities: bool,
    ) -> Result<InvocationContext, Error> {
        let capabilities = self.capabilities.collect::<Result<Vec<_>, Fault>>()?;
        let metadata = self.metadata.collect::<Result<Vec<_>, Fault>>()?;
        let refuse = |field: &'static str| Err(Error::new(ErrorKind::InvalidArgument).in_field(field));
        // What is the parent's alone must not look as if it could be said.
        if self.correlation_id != [0; 16] {
            return refuse("correlation_id");
        }
        if self.parent_span_id != [0; 8] {
            return refuse("parent_span_id");
        }
        if self.trace_flags != 0 {
            return refuse("trace_flags");
        }
        if self.subject != Subject::default() {
            return refuse("actor.subject");
        }
        if !self.token_ref.is_empty() {
            return refuse("actor.token_ref");
        }
        if inherit_capabilities && !capabilities.is_empty() {
            return refuse("actor.capabilities");
        }
        let mut spec = ChildSpec::new(self.span_id, self.source_module, self.target.to_owned())
            .deadline_ms(self.deadline_ms);
        if !inherit_capabilities {
            spec = spec.capabilities(capabilities);
        }
        for (key, value) in metadata {
            spec = spec.metadata(key, value);
        }
        parent.child(spec)
    }
}

/// What comes before the first fault, which goes to `fault`; nothing where there is one already.
#[inline]
fn whole<T>(
    items: impl Iterator<Item = Result<T, Fault>>,
    fault: &mut Option<Fault>,
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

fn subject_of(kind: u16, name: &str) -> Result<Subject<&str>, Error> {
    match kind {
        0 => Ok(Subject::External(name)),
        1 => Ok(Subject::Operator(name)),
        2 => Ok(Subject::Module(name)),
        3 if name.is_empty() => Ok(Subject::System),
        3 => Err(Error::new(ErrorKind::InvalidArgument).in_field("actor.subject.system")),
        // The core refuses to build it.
        tag => Ok(Subject::Unknown(tag)),
    }
}

fn target_of(kind: u16, name: &str) -> Target<&str> {
    match kind {
        0 => Target::Service(name),
        1 => Target::Module(name),
        2 => Target::Broadcast(name),
        4 => Target::DynamicEndpoint(name),
        // The core refuses to build it.
        tag => Target::Unknown(tag),
    }
}

/// Writes a context to the caller's room; says how much room is needed where it is too small.
fn emit<B: AsRef<[u8]>, T: AsRef<str>, const N: usize>(
    context: &Context<B, T, N>,
    out: BytesOut,
    capacity: usize,
    written: &mut MaybeUninit<usize>,
) -> Result<(), Error> {
    put(context.encode_to_slice(out.get(capacity)?), || context.encoded_len(), written)
}

fn put(
    result: Result<usize, Error>,
    needed: impl FnOnce() -> usize,
    written: &mut MaybeUninit<usize>,
) -> Result<(), Error> {
    match result {
        Ok(length) => {
            written.write(length);
            Ok(())
        }
        Err(error) => {
            if error.kind() == ErrorKind::BufferTooSmall {
                written.write(needed());
            }
            Err(error)
        }
    }
}

/// Decodes one whole context; no bytes at all are the anonymous one. Nothing is copied: the view holds
/// places in `bytes`. Capabilities and metadata come out sorted, whatever order they came in.
///
/// bytes: `length` bytes, borrowed for the call; the places mean something as long as the caller keeps
/// them. view: written on success. error: NULL, or written on failure.
/// Returns: IXT_OK, a refusal (1 to 99), IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_context_decode(
    bytes: Bytes,
    length: usize,
    view: Option<&mut ixt_context_view_t>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let view = required(view)?;
        let bytes = bytes.get(length)?;
        view.fill(&ContextRef::decode(bytes)?, bytes);
        Ok(())
    })
}

/// Decodes one whole context, and refuses, as IXT_ERR_NOT_CANONICAL, bytes that its value does not encode
/// to: no bytes at all too, for the anonymous context encodes to 16.
///
/// As ixt_context_decode().
/// Returns: IXT_OK, a refusal (1 to 99), IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_context_decode_canonical(
    bytes: Bytes,
    length: usize,
    view: Option<&mut ixt_context_view_t>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let view = required(view)?;
        let bytes = bytes.get(length)?;
        view.fill(&ContextRef::decode_canonical(bytes)?, bytes);
        Ok(())
    })
}

/// Encodes a context.
///
/// value: it and all that it points to are borrowed for the call. out: room for `capacity` bytes, of
/// which IXT_MAX_CONTEXT are always enough; may be NULL when `capacity` is 0, to ask for the size.
/// written: the bytes written, on success; the bytes needed, with IXT_ERR_BUFFER_TOO_SMALL. error: NULL,
/// or written on failure.
/// Returns: IXT_OK; IXT_ERR_BUFFER_TOO_SMALL; a refusal of the value (1 to 99); IXT_ERR_INVALID_ARGUMENT
/// for a kind that is not known; IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_context_encode(
    value: Option<&ixt_context_value_t>,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let (value, written) = (required(value)?, required(written)?);
        value.parts()?.build(|context| emit(context, out, capacity, written))
    })
}

/// Encodes a context whose parts stand in an input, such as one that was decoded. One of a later schema
/// encodes to the bytes that it came with.
///
/// view: borrowed for the call. bytes: the `length` bytes in which its places are, borrowed for the
/// call. out, capacity, written, error: as for ixt_context_encode(); `out` must not overlap `bytes`.
/// Returns: IXT_OK; IXT_ERR_BUFFER_TOO_SMALL; a refusal of the value (1 to 99); IXT_ERR_INVALID_ARGUMENT
/// for a place outside `bytes` and for a kind that is not known; IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_context_view_encode(
    view: Option<&ixt_context_view_t>,
    bytes: Bytes,
    length: usize,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let (view, written) = (required(view)?, required(written)?);
        let bytes = bytes.get(length)?;
        if view.is_original() {
            let context = view.original(bytes)?;
            return put(context.encode_to_slice(out.get(capacity)?), || context.encoded_len(), written);
        }
        view.parts(bytes)?.build(|context| emit(context, out, capacity, written))
    })
}

/// Encodes the anonymous context: an external caller with an empty name and no capability.
///
/// out: room for `capacity` bytes; 16 are enough. written: the bytes written, on success; the bytes
/// needed, with IXT_ERR_BUFFER_TOO_SMALL.
/// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_context_anonymous(
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| emit(&InvocationContext::anonymous(), out, capacity, required(written)?))
}

/// Encodes the context of the runtime itself, with the capability `*`.
///
/// out: room for `capacity` bytes; 96 are enough. written: the bytes written, on success; the bytes
/// needed, with IXT_ERR_BUFFER_TOO_SMALL.
/// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_context_system(
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| emit(&InvocationContext::system(), out, capacity, required(written)?))
}

/// Encodes the context of an invocation that another one causes. The correlation id, the trace flags,
/// the subject and the token's handle are the parent's; its span becomes the parent span; the deadline is
/// the earlier of both; the metadata is the parent's with the child's own over it.
///
/// parent: an encoded context of `parent_length` bytes, borrowed for the call. own: what the child has
/// of its own: span_id, source_module, target, deadline_ms, capabilities, metadata; all else must be
/// zeros; it and all that it points to are borrowed for the call. inherit_capabilities: whether the child
/// has its parent's capabilities; else it has its own, each of which one of the parent's must cover. out,
/// capacity, written, error: as for ixt_context_encode().
/// Returns: IXT_OK; IXT_ERR_BUFFER_TOO_SMALL; IXT_ERR_INVALID_ARGUMENT for a capability that the parent
/// lacks, for another value of an ingress key (`tenant`, `auth.strength`, `ingress.*`), and for what
/// must be zeros; a refusal of the parent or of the value (1 to 99); IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_context_child(
    parent: Bytes,
    parent_length: usize,
    own: Option<&ixt_context_value_t>,
    inherit_capabilities: bool,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let (own, written) = (required(own)?, required(written)?);
        let parent = ContextRef::decode(parent.get(parent_length)?)?;
        emit(&own.parts()?.child_of(&parent, inherit_capabilities)?, out, capacity, written)
    })
}

/// As ixt_context_child(), for what the child has of its own as places in an input.
///
/// parent: an encoded context of `parent_length` bytes, borrowed for the call. own: borrowed for the
/// call. bytes: the `length` bytes in which its places are, borrowed for the call. The rest is as for
/// ixt_context_child(); `out` must overlap neither `parent` nor `bytes`.
/// Returns: as ixt_context_child(); IXT_ERR_INVALID_ARGUMENT also for a place outside `bytes`.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_context_view_child(
    parent: Bytes,
    parent_length: usize,
    own: Option<&ixt_context_view_t>,
    bytes: Bytes,
    length: usize,
    inherit_capabilities: bool,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let (own, written) = (required(own)?, required(written)?);
        let parent = ContextRef::decode(parent.get(parent_length)?)?;
        let own = own.parts(bytes.get(length)?)?;
        emit(&own.child_of(&parent, inherit_capabilities)?, out, capacity, written)
    })
}

/// Whether a deadline has passed: it has from its millisecond on. Never without a deadline.
///
/// deadline_ms: as in a context, 0 for none. now_ms: milliseconds since the Unix epoch. elapsed: written
/// on success.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_context_deadline_elapsed(
    deadline_ms: u64,
    now_ms: u64,
    elapsed: Option<&mut MaybeUninit<bool>>,
) -> ixt_status_t {
    guard(|| {
        let elapsed = required(elapsed)?;
        elapsed.write(with_deadline(deadline_ms)?.deadline_elapsed(now_ms));
        Ok(())
    })
}

/// Milliseconds until a deadline has passed on every clock that differs from the caller's by at most
/// `max_skew_ms`: deadline_ms + max_skew_ms - now_ms, and 0 when that is past. Nothing wraps.
///
/// deadline_ms: as in a context, 0 for none. remaining_ms: written on success; UINT64_MAX without a
/// deadline.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_context_remaining(
    deadline_ms: u64,
    now_ms: u64,
    max_skew_ms: u64,
    remaining_ms: Option<&mut MaybeUninit<u64>>,
) -> ixt_status_t {
    guard(|| {
        let remaining_ms = required(remaining_ms)?;
        let remaining = with_deadline(deadline_ms)?.remaining(now_ms, max_skew_ms);
        remaining_ms.write(remaining.unwrap_or(u64::MAX));
        Ok(())
    })
}

/// A context of which only the deadline matters; making it allocates nothing.
fn with_deadline(deadline_ms: u64) -> Result<InvocationContext, Error> {
    InvocationContext::builder().deadline_ms(deadline_ms).build()
}
