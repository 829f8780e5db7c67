//! Both messages as the `capnp` crate reads them, with the rules of specification 20 written a second
//! time: what `ixt_core` accepts, and what it makes of it, must be the same.
//!
//! Objects are read in the order of the specification's tables, so that a message with several faults
//! gets the same kind from both.

use capnp::ErrorKind as Capnp;
use capnp::message::{Reader, ReaderOptions};
use capnp::serialize::{BufferSegments, read_message_from_flat_slice};
use ixt_core::ErrorKind;
use ixt_core::wire::generated::ipc_streaming_capnp::stream_frame;
use ixt_core::wire::generated::module_capnp::{actor_subject, invocation_context, message_target};

/// What a message says, flat; the core's values are brought to the same form.
#[derive(Debug, PartialEq, Eq)]
pub struct Value {
    /// Numbers, ids and tags.
    pub numbers: Vec<u64>,
    /// Texts and bytes.
    pub parts: Vec<Vec<u8>>,
}

type Result<T> = std::result::Result<T, ErrorKind>;

const MAX_SEGMENTS: usize = 16;
const CONTEXT: usize = 16 << 10;
const TEXT: usize = 4 << 10;

/// Reads a frame with the default limits.
pub fn frame(bytes: &[u8]) -> Result<Value> {
    const PAYLOAD: usize = 1 << 20;
    let message = read(bytes, PAYLOAD + (20 << 10))?;
    let root: stream_frame::Reader<'_> = message.get_root().map_err(refusal)?;
    let (high, low) = (root.get_stream_id_high(), root.get_stream_id_low());
    if high == 0 && low == 0 {
        return Err(ErrorKind::NilStreamId);
    }
    let mut numbers = vec![high, low];
    let mut parts = Vec::new();
    use stream_frame::Which;
    match root.which() {
        Ok(Which::Open(open)) => {
            numbers.extend([0, raw(open.get_interaction()), open.get_initial_credit().into()]);
            let context = open.get_context().map_err(refusal)?;
            too_long(context, CONTEXT, ErrorKind::ContextTooLarge)?;
            parts.push(context.to_vec());
        }
        Ok(Which::Data(data)) => {
            numbers.extend([1, data.get_sequence()]);
            let payload = data.get_payload().map_err(refusal)?;
            too_long(payload, PAYLOAD, ErrorKind::FrameTooLarge)?;
            parts.push(payload.to_vec());
        }
        Ok(Which::Error(error)) => {
            numbers.extend([2, raw(error.get_code()), error.get_sequence()]);
            let message = text(error.get_message())?;
            let details = error.get_details().map_err(refusal)?;
            too_long(&message, TEXT, ErrorKind::MessageTextTooLong)?;
            too_long(details, TEXT, ErrorKind::MessageTextTooLong)?;
            parts.extend([message, details.to_vec()]);
        }
        Ok(Which::Close(close)) => {
            numbers.extend([3, raw(close.get_reason()), close.get_final_sequence()]);
        }
        Ok(Which::Cancel(cancel)) => {
            numbers.extend([4, raw(cancel.get_reason())]);
            let message = text(cancel.get_message())?;
            too_long(&message, TEXT, ErrorKind::MessageTextTooLong)?;
            parts.push(message);
        }
        Ok(Which::Credit(credit)) => numbers.extend([5, credit.get_frames().into()]),
        Err(capnp::NotInSchema(tag)) => {
            numbers.push(tag.into());
            parts.push(bytes.to_vec());
        }
    }
    Ok(Value { numbers, parts })
}

/// Reads a context.
pub fn context(bytes: &[u8]) -> Result<Value> {
    if bytes.is_empty() {
        let parts = vec![vec![]; 4];
        return Ok(Value { numbers: vec![0; 8], parts });
    }
    let message = read(bytes, CONTEXT).map_err(|kind| match kind {
        ErrorKind::MessageTooLarge => ErrorKind::ContextTooLarge,
        kind => kind,
    })?;
    let root: invocation_context::Reader<'_> = message.get_root().map_err(refusal)?;
    let mut numbers = vec![
        root.get_correlation_high(),
        root.get_correlation_low(),
        root.get_span_id(),
        root.get_parent_span_id(),
        root.get_deadline_ms(),
        root.get_trace_flags().into(),
    ];
    let mut later = false;
    let mut parts = vec![text(root.get_source_module())?];

    let target: message_target::Reader<'_> = root.get_target().map_err(refusal)?;
    use message_target::Which as To;
    let (tag, part) = match target.which() {
        Ok(To::Service(name)) => (0, text(name)?),
        Ok(To::Module(name)) => (1, text(name)?),
        Ok(To::Broadcast(topic)) => (2, text(topic)?),
        Ok(To::Reply(id)) => {
            let id = id.map_err(refusal)?;
            if id.len() != 16 {
                return Err(ErrorKind::BadIdLength);
            }
            (3, id.to_vec())
        }
        Ok(To::DynamicEndpoint(name)) => (4, text(name)?),
        Err(capnp::NotInSchema(tag)) => {
            later = true;
            (tag.into(), vec![])
        }
    };
    numbers.push(tag);
    parts.push(part);

    let actor = root.get_actor().map_err(refusal)?;
    let subject: actor_subject::Reader<'_> = actor.get_subject().map_err(refusal)?;
    use actor_subject::Which as Who;
    let (tag, part) = match subject.which() {
        Ok(Who::External(name)) => (0, text(name)?),
        Ok(Who::Operator(name)) => (1, text(name)?),
        Ok(Who::Module(name)) => (2, text(name)?),
        Ok(Who::System(())) => (3, vec![]),
        Err(capnp::NotInSchema(tag)) => {
            later = true;
            (tag.into(), vec![])
        }
    };
    numbers.push(tag);
    parts.push(part);

    let token = actor.get_token_ref().map_err(refusal)?;
    parts.push(token.to_vec());

    let list = actor.get_capabilities().map_err(refusal)?;
    if list.len() > 64 {
        return Err(ErrorKind::TooManyCapabilities);
    }
    let mut capabilities = list.iter().map(text).collect::<Result<Vec<_>>>()?;
    let list = root.get_metadata().map_err(refusal)?;
    if list.len() > 64 {
        return Err(ErrorKind::TooManyMetadata);
    }
    let entry = |(key, value)| Ok((text(key)?, text(value)?));
    let mut metadata =
        list.iter().map(|found| entry((found.get_key(), found.get_value()))).collect::<Result<Vec<_>>>()?;

    // The rules for values, in the core's order: token, capabilities, metadata, duplicates, size.
    too_long(token, 1 << 10, ErrorKind::TokenTooLong)?;
    for capability in &capabilities {
        too_long(capability, 256, ErrorKind::CapabilityTooLong)?;
    }
    let legal = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-');
    if metadata.iter().any(|(key, _)| key.is_empty() || key.len() > 128 || !key.iter().all(legal)) {
        return Err(ErrorKind::BadMetadataKey);
    }
    let total: usize = metadata.iter().map(|(key, value)| key.len() + value.len() + 32).sum();
    if metadata.iter().any(|(_, value)| value.len() > 4 << 10) || total > 8 << 10 {
        return Err(ErrorKind::MetadataTooLarge);
    }
    capabilities.sort();
    if capabilities.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(ErrorKind::DuplicateCapability);
    }
    metadata.sort();
    if metadata.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(ErrorKind::DuplicateKey);
    }
    let value = Value { numbers, parts };
    if !later && canonical_size(&value, &capabilities, &metadata) > CONTEXT {
        return Err(ErrorKind::ContextTooLarge);
    }
    let Value { numbers, mut parts } = value;
    parts.extend(capabilities);
    parts.extend(metadata.into_iter().flat_map(|(key, value)| [key, value]));
    Ok(Value { numbers, parts })
}

/// Bytes of the canonical form, by the rules of the encoding and not by the core's plan.
fn canonical_size(value: &Value, capabilities: &[Vec<u8>], metadata: &[(Vec<u8>, Vec<u8>)]) -> usize {
    let data = |bytes: &[u8]| bytes.len().div_ceil(8);
    let text = |bytes: &[u8]| if bytes.is_empty() { 0 } else { (bytes.len() + 1).div_ceil(8) };
    let [correlation_high, correlation_low, span, parent, deadline, flags, target_tag, subject_tag] =
        value.numbers[..]
    else {
        return usize::MAX;
    };
    let [source, target, subject, token] = &value.parts[..] else { return usize::MAX };

    // Each struct: data words up to the last that is not zero, pointers up to the last that is not null.
    let union = |tag: u64, content: usize| usize::from(tag != 0) + usize::from(content != 0) + content;
    let last = |set: &[bool]| set.iter().rposition(|set| *set).map_or(0, |last| last + 1);
    let target = union(target_tag, if target_tag == 3 { data(target) } else { text(target) });
    let subject = union(subject_tag, text(subject));
    let list: usize = capabilities.iter().map(|capability| 1 + text(capability)).sum();
    let actor = last(&[subject != 0, !token.is_empty(), list != 0]) + subject + data(token) + list;
    let pointers = if metadata.iter().all(|(_, value)| value.is_empty()) { 1 } else { 2 };
    let entries = match metadata.len() {
        0 => 0,
        count => {
            let content: usize = metadata.iter().map(|(key, value)| text(key) + text(value)).sum();
            1 + count * pointers + content
        }
    };
    let words = [correlation_high, correlation_low, span, deadline, flags, parent].map(|word| word != 0);
    let source = text(source);
    let root = last(&words) + last(&[source != 0, target != 0, actor != 0, entries != 0]);
    8 * (2 + root + source + target + actor + entries)
}

/// Reads the segment table by our rules, then the message by the crate's.
fn read(bytes: &[u8], most: usize) -> Result<Reader<BufferSegments<&[u8]>>> {
    let number = |at: usize| {
        let bytes = bytes.get(at..at + 4)?;
        Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize)
    };
    let segments = number(0).ok_or(ErrorKind::Truncated)?.saturating_add(1);
    if segments > MAX_SEGMENTS {
        return Err(ErrorKind::TooManySegments);
    }
    let table = (4 + 4 * segments).next_multiple_of(8);
    if bytes.len() < table {
        return Err(ErrorKind::Truncated);
    }
    let sizes = (0..segments).map(|index| number(4 + 4 * index).unwrap_or(0) as u128 * 8);
    let total = table as u128 + sizes.sum::<u128>();
    if total > most as u128 {
        return Err(ErrorKind::MessageTooLarge);
    }
    match (bytes.len() as u128).cmp(&total) {
        std::cmp::Ordering::Less => return Err(ErrorKind::Truncated),
        std::cmp::Ordering::Greater => return Err(ErrorKind::TrailingBytes),
        std::cmp::Ordering::Equal => {}
    }
    let options = ReaderOptions { traversal_limit_in_words: Some(2 * (bytes.len() / 8)), nesting_limit: 8 };
    read_message_from_flat_slice(&mut &*bytes, options).map_err(refusal)
}

fn text(found: capnp::Result<capnp::text::Reader<'_>>) -> Result<Vec<u8>> {
    let found = found.map_err(refusal)?;
    let text = found.to_str().map_err(|_| ErrorKind::BadText)?;
    if text.contains('\0') { Err(ErrorKind::BadText) } else { Ok(text.into()) }
}

fn too_long(part: &[u8], most: usize, kind: ErrorKind) -> Result<()> {
    if part.len() > most { Err(kind) } else { Ok(()) }
}

fn raw<E: Into<u16>>(found: std::result::Result<E, capnp::NotInSchema>) -> u64 {
    found.map_or_else(|capnp::NotInSchema(raw)| raw, Into::into).into()
}

fn refusal(error: capnp::Error) -> ErrorKind {
    match error.kind {
        Capnp::MessageContainsTextThatIsNotNULTerminated
        | Capnp::TextBlobMissingNULTerminator
        | Capnp::TextContainsNonUtf8Data(_) => ErrorKind::BadText,
        Capnp::MessageIsTooDeeplyNested
        | Capnp::MessageIsTooDeeplyNestedOrContainsCycles
        | Capnp::NestingLimitExceeded => ErrorKind::TooDeep,
        Capnp::ReadLimitExceeded => ErrorKind::TraversalLimit,
        Capnp::MessageEndsPrematurely(..) | Capnp::PrematureEndOfFile | Capnp::EmptySlice => {
            ErrorKind::Truncated
        }
        _ => ErrorKind::BadPointer,
    }
}
