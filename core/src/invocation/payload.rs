//! A call in one message: its context, what is asked, and the application's bytes (specification 26).

use std::fmt;

use capnp::message::{Builder, SingleSegmentAllocator};

use super::codec::{NOTHING, find_fields, read_fields};
use super::{ContextRef, InvocationContext};
use crate::wire::generated::module_capnp::{handle_payload, invocation_context};
use crate::wire::{
    BODY, Error, ErrorKind, General, Limits, MAX_CONTEXT, MAX_METHOD, Reader, Result, WORD, Words,
    bytes_to_words, check_table, refusal, root_of, table_of,
};

/// Pointers in the schema's struct today; it has no data.
const POINTERS: usize = 3;

/// One message that is a whole call: what a module's `handle_message` hook gets, over owned or borrowed storage.
///
/// It travels as the one message of a unary stream. The context is the one of the stream's open, said again: the
/// open's decides, and a message that says another one is refused.
///
/// `B` holds bytes and `T` text. See [`HandlePayload`] (owned) and [`HandlePayloadRef`], which borrows method and
/// body; the context is owned in both.
///
/// ```
/// use ixt_core::invocation::{HandlePayload, HandlePayloadRef, InvocationContext};
///
/// let context = InvocationContext::builder().source_module("gateway").build()?;
/// let bytes = HandlePayload { context, method: "resize".into(), body: b"64x64".to_vec() }.encode()?;
/// let read = HandlePayloadRef::decode(&bytes)?;
/// assert_eq!((read.method, read.body), ("resize", &b"64x64"[..]));
/// assert_eq!(read.context.source_module(), "gateway");
/// # Ok::<(), ixt_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Payload<B, T> {
    /// Who calls, with which authority, until when: equal to the context of the stream's open.
    pub context: InvocationContext,
    /// What is asked of the receiver: 1 to 256 bytes, without NUL.
    pub method: T,
    /// The application's. The whole message is one payload, so it is some hundred bytes less than the payload
    /// limit at most.
    pub body: B,
}

/// A message that owns its bytes.
pub type HandlePayload = Payload<Vec<u8>, String>;

/// A message that borrows method and body from what it was decoded from.
pub type HandlePayloadRef<'a> = Payload<&'a [u8], &'a str>;

/// Of the body its length alone.
impl<B: AsRef<[u8]>, T: fmt::Debug> fmt::Debug for Payload<B, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlePayload")
            .field("context", &self.context)
            .field("method", &self.method)
            .field("body", &format_args!("{} bytes", self.body.as_ref().len()))
            .finish()
    }
}

impl<B: AsRef<[u8]>, T: AsRef<str>> Payload<B, T> {
    /// The canonical bytes of the message, under the default limits.
    ///
    /// # Errors
    /// `BadMethod`, `BadText` for a method that holds a NUL, `FrameTooLarge` where the whole is larger than a
    /// payload may be; the place is the field.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        self.encode_into(&mut out, Limits::DEFAULT)?;
        Ok(out)
    }

    /// Appends the canonical bytes of the message to `out`; on an error `out` is as it was.
    ///
    /// # Errors
    /// As [`encode`](Self::encode), with the payload limit of `limits`.
    pub fn encode_into(&self, out: &mut Vec<u8>, limits: Limits) -> Result<()> {
        let (method, body) = (self.method.as_ref(), self.body.as_ref());
        check_method(method)?;
        let context = canonical(&self.context)?;
        let pointers = if body.is_empty() { 2 } else { POINTERS };
        let content = context.len().saturating_sub(NOTHING.len()) / WORD
            + bytes_to_words(method.len() + 1)
            + bytes_to_words(body.len());
        let count = 1 + pointers + content;
        let length = BODY + count * WORD;
        if length > limits.max_payload() {
            return Err(Error::new(ErrorKind::FrameTooLarge).in_field("body"));
        }
        let start = out.len();
        out.resize(start + length, 0);
        let Some(room) = out.get_mut(start..) else { return Ok(()) };
        let mut words = Words::new(room, 2);
        words.set(0, table_of(count));
        words.set(1, root_of(0, pointers));
        let root = words.structure(1, 0, pointers);
        words.embed(root, &context);
        words.text(root + 1, method);
        words.data(root + 2, body);
        Ok(())
    }

    /// The same message, owned.
    #[must_use]
    pub fn into_owned(self) -> HandlePayload {
        Payload {
            context: self.context,
            method: self.method.as_ref().to_owned(),
            body: self.body.as_ref().to_vec(),
        }
    }
}

impl HandlePayload {
    /// Decodes one whole message, under the default limits, into one that owns its bytes.
    ///
    /// # Errors
    /// As [`HandlePayloadRef::decode`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        HandlePayloadRef::decode(bytes).map(Payload::into_owned)
    }
}

impl<'a> HandlePayloadRef<'a> {
    /// Decodes one whole message under the default limits; method and body are not copied.
    ///
    /// A context of which the target or the subject is of a later schema keeps its bytes, in canonical form.
    ///
    /// # Errors
    /// A refusal of specification 20, with the place where it can be told; a fault of the context is in
    /// `context` or a field of it.
    pub fn decode(bytes: &'a [u8]) -> Result<Self> {
        Self::decode_within(bytes, Limits::DEFAULT)
    }

    /// Decodes one whole message under these limits; method and body are not copied.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn decode_within(bytes: &'a [u8], limits: Limits) -> Result<Self> {
        match read_written_shape(bytes) {
            Some(payload) if bytes.len() <= limits.max_payload() && check_method(payload.method).is_ok() => {
                Ok(payload)
            }
            _ => decode_any_shape(bytes, limits),
        }
    }

    /// Decodes the message that came on a stream which was opened with `open`, and refuses one that says another
    /// context: the open's is the one that was checked.
    ///
    /// # Errors
    /// As [`decode`](Self::decode); `InvalidArgument` in `context` where the two differ.
    pub fn accept(bytes: &'a [u8], open: &InvocationContext, limits: Limits) -> Result<Self> {
        let payload = Self::decode_within(bytes, limits)?;
        let said = &payload.context;
        // Those of a later schema are compared by what they came as; what has no canonical form within the limits is
        // like nothing else.
        let same =
            |said, open| matches!((canonical(said), canonical(open)), (Ok(said), Ok(open)) if said == open);
        if said == open || (said.is_later() && same(said, open)) {
            return Ok(payload);
        }
        Err(Error::new(ErrorKind::InvalidArgument).in_field("context"))
    }
}

/// The fast path: preorder, one segment, no word beyond the schema's, in the context too.
fn read_written_shape(bytes: &[u8]) -> Option<HandlePayloadRef<'_>> {
    let (mut reader, root) = Reader::root(bytes)?;
    if root.data_words > 0 || root.pointer_count > POINTERS {
        return None;
    }
    let mut context = ContextRef::default();
    if let Some(at) = root.pointer(0) {
        let start = reader.position();
        if let Some(structure) = reader.structure(at)? {
            read_fields(&mut reader, &structure, &mut context)?;
        }
        if NOTHING.len() + (reader.position() - start) * WORD > MAX_CONTEXT {
            return None;
        }
    }
    let method = reader.text(root.pointer(1)?)?;
    let body = match root.pointer(2) {
        Some(at) => reader.data(at)?,
        None => &[],
    };
    reader.at_end().then(|| Payload { context: context.to_owned(), method, body })
}

/// The general path: all that the schema allows.
#[cold]
fn decode_any_shape(bytes: &[u8], limits: Limits) -> Result<HandlePayloadRef<'_>> {
    check_table(bytes, limits.max_payload()).map_err(|error| match (error.kind(), error.offset()) {
        (ErrorKind::MessageTooLarge, Some(offset)) => Error::new(ErrorKind::FrameTooLarge).at(offset),
        _ => error,
    })?;
    let general = General::new(bytes)?;
    let root: handle_payload::Reader<'_> = general.root()?;
    let placed = |error: Error, field: &'static str, index| {
        let error = error.in_field(field);
        general.pointer(root, index).map_or(error.clone(), |offset| error.at(offset))
    };
    let refused = |error: &capnp::Error, field, index| placed(refusal(error), field, index);

    let found = root.get_context().map_err(|error| refused(&error, "context", 0))?;
    let mut context = find_fields(&general, found).map_err(|error| error.within("context"))?.to_owned();
    if context.is_later() {
        let bytes = original(&general).map_err(|error| placed(error, "context", 0))?;
        context = InvocationContext::decode(&bytes).map_err(|error| error.within("context"))?;
    }
    // Two pointers may lead to the same words, which canonical form writes twice.
    context.check_size().map_err(|error| placed(error, "context", 0))?;

    let method = root
        .get_method()
        .map_err(|error| refusal(&error))
        .and_then(|found| general.text(found))
        .and_then(|method| check_method(method).map(|()| method))
        .map_err(|error| placed(error, "method", 1))?;
    let body = root
        .get_body()
        .map_err(|error| refusal(&error))
        .and_then(|found| general.bytes(found))
        .map_err(|error| placed(error, "body", 2))?;
    Ok(Payload { context, method, body })
}

fn check_method(method: &str) -> Result<()> {
    if method.is_empty() || method.len() > MAX_METHOD {
        return Err(Error::new(ErrorKind::BadMethod).in_field("method"));
    }
    if method.as_bytes().contains(&0) {
        return Err(Error::new(ErrorKind::BadText).in_field("method"));
    }
    Ok(())
}

/// The canonical bytes of a context; of one of a later schema those that it came with, put in canonical form.
fn canonical(context: &InvocationContext) -> Result<Vec<u8>> {
    let bytes = context.encode();
    if !context.is_later() {
        return Ok(bytes);
    }
    let (sized, read) = (General::new(&bytes)?, General::new(&bytes)?);
    copied(sized.root()?, read.root()?).map_err(|error| error.within("context"))
}

/// The context of a message of a later schema as a message of its own.
fn original(general: &General<'_>) -> Result<Vec<u8>> {
    // Other readers, since what the first one may read it has read.
    let (sized, read) = (General::new(general.message())?, General::new(general.message())?);
    let (sized, read): (handle_payload::Reader<'_>, handle_payload::Reader<'_>) =
        (sized.root()?, read.root()?);
    copied(
        sized.get_context().map_err(|error| refusal(&error))?,
        read.get_context().map_err(|error| refusal(&error))?,
    )
}

/// A context with all that today's schema does not know, in canonical form; handed in twice, since measuring it reads
/// as much as a reader may read.
fn copied(sized: invocation_context::Reader<'_>, context: invocation_context::Reader<'_>) -> Result<Vec<u8>> {
    let size = sized.total_size().map_err(|error| refusal(&error))?;
    // With the words of a segment table and a root pointer, which the size does not count.
    let words = usize::try_from(size.word_count).unwrap_or(usize::MAX);
    if words > MAX_CONTEXT / WORD - 2 {
        return Err(Error::new(ErrorKind::ContextTooLarge));
    }
    let mut space = vec![0; (words + 1) * WORD];
    let mut message = Builder::new(SingleSegmentAllocator::new(&mut space));
    message.set_root_canonical::<invocation_context::Owned>(context).map_err(|error| refusal(&error))?;
    let segments = message.get_segments_for_output();
    let segment = segments.first().copied().unwrap_or_default();
    let mut out = table_of(segment.len() / WORD).to_le_bytes().to_vec();
    out.extend_from_slice(segment);
    Ok(out)
}
