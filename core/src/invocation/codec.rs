//! Contexts to bytes and back (specification 20).

use super::builder::cost;
use super::few::Few;
use super::metadata::is_key;
use super::{Context, ContextRef, InvocationContext, MetadataEntry, Subject, Target, TokenRef};
use crate::wire::generated::module_capnp::{
    actor_identity, actor_subject, invocation_context, message_target,
};
use crate::wire::{
    BODY, Error, ErrorKind, General, MAX_CAPABILITIES, MAX_CAPABILITY, MAX_CONTEXT, MAX_METADATA,
    MAX_METADATA_TOTAL, MAX_METADATA_VALUE, MAX_TOKEN, Reader, Result, Structure, Texts, WORD, Words,
    bytes_to_words, check_table, refusal, root_of, table_of,
};

/// Words of data and pointers in the schema's structs today.
const DATA_WORDS: usize = 6;
const POINTERS: usize = 4;
const ACTOR_POINTERS: usize = 3;
const ENTRY_POINTERS: usize = 2;
/// The bytes of a context with nothing set. Canonical form marks an empty root so that it is not null.
pub(super) const NOTHING: [u8; 2 * WORD] = [0, 0, 0, 0, 1, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Words and pointers of a struct in canonical form, and the words of all that it leads to.
#[derive(Clone, Copy)]
struct Shape {
    data: usize,
    pointers: usize,
    content: usize,
}

impl Shape {
    /// Of a struct with these data words, and pointers that lead to so many words.
    #[inline]
    fn of(data: &[u64], content: &[usize]) -> Self {
        Self {
            data: kept(data, |word| *word != 0),
            pointers: kept(content, |words| *words != 0),
            content: content.iter().sum(),
        }
    }

    /// A union of one tag and one pointer.
    #[inline]
    fn of_union(tag: u16, content: usize) -> Self {
        Self::of(&[u64::from(tag)], &[content])
    }

    /// Words in all; 0 means that it is only defaults, and a null pointer.
    #[inline]
    fn words(&self) -> usize {
        self.data + self.pointers + self.content
    }
}

/// How many members canonical form keeps: up to the last that is set.
#[inline]
fn kept<T>(members: &[T], set: impl Fn(&T) -> bool) -> usize {
    members.iter().rposition(set).map_or(0, |last| last + 1)
}

#[inline]
fn text_words(text: &str) -> usize {
    if text.is_empty() { 0 } else { text.len() / WORD + 1 }
}

/// What a context needs on the wire, worked out once before anything is written.
struct Plan {
    data: [u64; DATA_WORDS],
    root: Shape,
    target: Shape,
    subject: Shape,
    actor: Shape,
    /// Pointers of each metadata entry: one where all values are empty.
    entry_pointers: usize,
}

impl Plan {
    #[inline]
    fn of<B: AsRef<[u8]>, T: AsRef<str>, const N: usize>(context: &Context<B, T, N>) -> Self {
        let correlation = u128::from_be_bytes(context.correlation_id);
        let data = [
            (correlation >> 64) as u64,
            correlation as u64,
            u64::from_be_bytes(context.span_id),
            context.deadline_ms,
            u64::from(context.trace_flags),
            u64::from_be_bytes(context.parent_span_id),
        ];

        let target_content = match context.target {
            Target::Reply(id) => bytes_to_words(id.len()),
            _ => text_words(context.target.text()),
        };
        let target = Shape::of_union(context.target.tag(), target_content);

        let actor = &context.actor;
        let subject = Shape::of_union(actor.subject.tag(), text_words(actor.subject.text()));
        let token = bytes_to_words(actor.token_ref.expose().len());
        let capabilities = actor.capabilities().iter().map(|text| 1 + text_words(text.as_ref())).sum();
        let actor = Shape::of(&[], &[subject.words(), token, capabilities]);

        let mut entry_pointers = 1;
        let mut metadata = 0;
        for entry in context.metadata() {
            let value = text_words(entry.value.as_ref());
            metadata += text_words(entry.key.as_ref()) + value;
            if value != 0 {
                entry_pointers = ENTRY_POINTERS;
            }
        }
        if !context.metadata().is_empty() {
            metadata += 1 + context.metadata().len() * entry_pointers;
        }

        let content = [text_words(context.source_module()), target.words(), actor.words(), metadata];
        Self { data, root: Shape::of(&data, &content), target, subject, actor, entry_pointers }
    }

    /// Bytes of the whole message.
    #[inline]
    fn length(&self) -> usize {
        BODY + (1 + self.root.words()) * WORD
    }

    /// Writes into zeroed bytes of just that length.
    #[inline]
    fn write<B: AsRef<[u8]>, T: AsRef<str>, const N: usize>(
        &self,
        context: &Context<B, T, N>,
        out: &mut [u8],
    ) {
        if self.root.words() == 0 {
            out.copy_from_slice(&NOTHING);
            return;
        }
        let mut words = Words::new(out, 2);
        words.set(0, table_of(1 + self.root.words()));
        words.set(1, root_of(self.root.data, self.root.pointers));
        let root = words.structure(1, self.root.data, self.root.pointers);
        for (index, word) in self.data.iter().take(self.root.data).enumerate() {
            words.set(root + index, *word);
        }
        // Pointers past the last that is set are not there, and nothing is written through them.
        let pointer = |index| root + self.root.data + index;

        words.text(pointer(0), context.source_module());

        if self.target.words() != 0 {
            let at = words.structure(pointer(1), self.target.data, self.target.pointers);
            write_tag(&mut words, at, context.target.tag());
            let content = at + self.target.data;
            match &context.target {
                Target::Reply(id) => words.data(content, id),
                named => words.text(content, named.text()),
            }
        }

        if self.actor.words() != 0 {
            let actor = &context.actor;
            let at = words.structure(pointer(2), 0, self.actor.pointers);
            if self.subject.words() != 0 {
                let subject = words.structure(at, self.subject.data, self.subject.pointers);
                write_tag(&mut words, subject, actor.subject.tag());
                words.text(subject + self.subject.data, actor.subject.text());
            }
            words.data(at + 1, actor.token_ref.expose());
            let capabilities = actor.capabilities();
            if !capabilities.is_empty() {
                let list = words.pointers(at + 2, capabilities.len());
                for (index, capability) in capabilities.iter().enumerate() {
                    words.text(list + index, capability.as_ref());
                }
            }
        }

        let metadata = context.metadata();
        if !metadata.is_empty() {
            let list = words.structures(pointer(3), metadata.len(), self.entry_pointers);
            for (index, entry) in metadata.iter().enumerate() {
                let at = list + index * self.entry_pointers;
                words.text(at, entry.key.as_ref());
                words.text(at + 1, entry.value.as_ref());
            }
        }
    }
}

/// A union's tag, where it is not the zero that is there already.
#[inline]
fn write_tag(words: &mut Words<'_>, at: usize, tag: u16) {
    if tag != 0 {
        words.set(at, u64::from(tag));
    }
}

impl<B: AsRef<[u8]>, T: AsRef<str>, const N: usize> Context<B, T, N> {
    /// The canonical bytes of the context, at most 16 KiB; those it came with where its target or
    /// subject is of a later schema.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_into(&mut out);
        out
    }

    /// Appends the canonical bytes of the context to `out`.
    #[inline]
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        if let Some(message) = &self.message {
            out.extend_from_slice(message.as_ref());
            return;
        }
        let plan = Plan::of(self);
        let start = out.len();
        out.resize(start + plan.length(), 0);
        if let Some(room) = out.get_mut(start..) {
            plan.write(self, room);
        }
    }

    /// Writes the canonical bytes to the front of `out` and gives how many they are.
    ///
    /// # Errors
    /// `BufferTooSmall` when `out` is shorter than [`encoded_len`](Self::encoded_len); then nothing is
    /// written.
    #[inline]
    pub fn encode_to_slice(&self, out: &mut [u8]) -> Result<usize> {
        let too_small = || Error::new(ErrorKind::BufferTooSmall);
        if let Some(message) = &self.message {
            let message = message.as_ref();
            out.get_mut(..message.len()).ok_or_else(too_small)?.copy_from_slice(message);
            return Ok(message.len());
        }
        let plan = Plan::of(self);
        let room = out.get_mut(..plan.length()).ok_or_else(too_small)?;
        room.fill(0);
        plan.write(self, room);
        Ok(plan.length())
    }

    /// Whether its target or its subject is of a later schema.
    pub(super) fn is_later(&self) -> bool {
        matches!(self.target, Target::Unknown(_)) || matches!(self.actor.subject, Subject::Unknown(_))
    }

    /// The number of bytes that the context encodes to.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        match &self.message {
            Some(message) => message.as_ref().len(),
            None => Plan::of(self).length(),
        }
    }
}

impl InvocationContext {
    /// Decodes one whole context into one that owns its bytes; zero bytes are
    /// [`anonymous`](Self::anonymous).
    ///
    /// # Errors
    /// A refusal of specification 20, with the place where it can be told.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        ContextRef::decode(bytes).map(|context| context.to_owned())
    }

    /// Decodes a context and refuses, as `NotCanonical`, bytes that its value does not encode to.
    ///
    /// # Errors
    /// A refusal of specification 20, with the place where it can be told.
    pub fn decode_canonical(bytes: &[u8]) -> Result<Self> {
        ContextRef::decode_canonical(bytes).map(|context| context.to_owned())
    }
}

impl<'a> ContextRef<'a> {
    /// Decodes one whole context; zero bytes are anonymous. Nothing is copied.
    ///
    /// # Errors
    /// A refusal of specification 20, with the place where it can be told.
    #[inline]
    pub fn decode(bytes: &'a [u8]) -> Result<Self> {
        if bytes.is_empty() || bytes == NOTHING {
            return Ok(Self::default());
        }
        let mut context = Self::default();
        match read_written_shape(bytes, &mut context) {
            Some(()) => Ok(context),
            None => decode_any_shape(bytes),
        }
    }

    /// Decodes a context and refuses, as `NotCanonical`, bytes that its value does not encode to: zero
    /// bytes too, for `anonymous` encodes to 16.
    ///
    /// # Errors
    /// A refusal of specification 20, with the place where it can be told.
    pub fn decode_canonical(bytes: &'a [u8]) -> Result<Self> {
        let context = Self::decode(bytes)?;
        if context.encode() == bytes { Ok(context) } else { Err(Error::new(ErrorKind::NotCanonical)) }
    }
}

/// The fast path: preorder, one segment, no word beyond the schema's, lists in order, limits kept.
#[inline]
fn read_written_shape<'a>(bytes: &'a [u8], context: &mut ContextRef<'a>) -> Option<()> {
    if bytes.len() > MAX_CONTEXT {
        return None;
    }
    let (mut reader, root) = Reader::root(bytes)?;
    read_fields(&mut reader, &root, context)?;
    reader.at_end().then_some(())
}

/// The fields of a context whose struct has been taken, and all that they lead to.
#[inline]
pub(super) fn read_fields<'a>(
    reader: &mut Reader<'a>,
    root: &Structure,
    context: &mut ContextRef<'a>,
) -> Option<()> {
    if root.data_words > DATA_WORDS || root.pointer_count > POINTERS {
        return None;
    }
    let [high, low, span, deadline, flags, parent] = root.data::<DATA_WORDS>(reader);
    context.correlation_id = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
    context.span_id = span.to_be_bytes();
    context.deadline_ms = deadline;
    context.trace_flags = flags as u8;
    context.parent_span_id = parent.to_be_bytes();

    if let Some(at) = root.pointer(0) {
        context.source_module = reader.text(at)?;
    }
    if let Some(at) = root.pointer(1)
        && let Some((tag, content)) = read_union(reader, at)?
    {
        let text = match content {
            Some(at) if tag != 3 => reader.text(at)?,
            _ => "",
        };
        context.target = match tag {
            0 => Target::Service(text),
            1 => Target::Module(text),
            2 => Target::Broadcast(text),
            3 => Target::Reply(reader.data(content?)?.try_into().ok()?),
            4 => Target::DynamicEndpoint(text),
            _ => return None,
        };
    }
    if let Some(at) = root.pointer(2)
        && let Some(actor) = reader.structure(at)?
    {
        if actor.data_words != 0 || actor.pointer_count > ACTOR_POINTERS {
            return None;
        }
        read_actor(reader, &actor, context)?;
    }
    if let Some(at) = root.pointer(3)
        && let Some((first, pointers, count)) = reader.structures(at)?
    {
        if pointers > ENTRY_POINTERS || count > MAX_METADATA {
            return None;
        }
        let texts = reader.texts(first, count * pointers)?;
        read_metadata(texts, pointers, count, context)?;
    }
    Some(())
}

/// A union of one tag and one pointer: the tag, and where the pointer is.
#[inline]
fn read_union(reader: &mut Reader<'_>, at: usize) -> Option<Option<(u16, Option<usize>)>> {
    let Some(union) = reader.structure(at)? else {
        return Some(None);
    };
    if union.data_words > 1 || union.pointer_count > 1 {
        return None;
    }
    let [tag] = union.data(reader);
    Some(Some((tag as u16, union.pointer(0))))
}

#[inline]
fn read_actor<'a>(reader: &mut Reader<'a>, actor: &Structure, context: &mut ContextRef<'a>) -> Option<()> {
    if let Some(at) = actor.pointer(0)
        && let Some((tag, content)) = read_union(reader, at)?
    {
        let text = match content {
            Some(at) if tag != 3 => reader.text(at)?,
            _ => "",
        };
        context.actor.subject = match tag {
            0 => Subject::External(text),
            1 => Subject::Operator(text),
            2 => Subject::Module(text),
            3 => Subject::System,
            _ => return None,
        };
    }
    if let Some(at) = actor.pointer(1) {
        let token = reader.data(at)?;
        if token.len() > MAX_TOKEN {
            return None;
        }
        context.actor.token_ref = TokenRef::new(token);
    }
    if let Some(at) = actor.pointer(2) {
        let (list, count) = reader.pointers(at)?;
        if count > MAX_CAPABILITIES {
            return None;
        }
        let mut last = None;
        for capability in reader.texts(list, count)? {
            if capability.len() > MAX_CAPABILITY || last.is_some_and(|last| last >= capability) {
                return None;
            }
            last = Some(capability);
            context.actor.capabilities.push(capability);
        }
    }
    Some(())
}

#[inline]
fn read_metadata<'a>(
    mut texts: Texts<'a>,
    pointers: usize,
    count: usize,
    context: &mut ContextRef<'a>,
) -> Option<()> {
    let mut last = None;
    let mut total = 0;
    for _ in 0..count {
        let key = texts.next()?;
        let value = if pointers == ENTRY_POINTERS { texts.next()? } else { "" };
        if !is_key(key) || last.is_some_and(|last| last >= key) || value.len() > MAX_METADATA_VALUE {
            return None;
        }
        total += cost(key, value);
        last = Some(key);
        context.metadata.push(MetadataEntry { key, value });
    }
    (total <= MAX_METADATA_TOTAL).then_some(())
}

/// The general path: all that the schema allows.
#[cold]
fn decode_any_shape(bytes: &[u8]) -> Result<ContextRef<'_>> {
    check_table(bytes, MAX_CONTEXT).map_err(|error| match (error.kind(), error.offset()) {
        (ErrorKind::MessageTooLarge, Some(offset)) => Error::new(ErrorKind::ContextTooLarge).at(offset),
        _ => error,
    })?;
    let general = General::new(bytes)?;
    let mut context = find_fields(&general, general.root()?)?;
    if context.is_later() {
        context.message = Some(bytes);
    }
    // Two pointers may lead to the same words, which canonical form writes twice.
    context.check_size()?;
    Ok(context)
}

/// A context of a message under the general reader, without its original bytes and not yet held against the size
/// limit.
pub(super) fn find_fields<'a>(
    general: &General<'a>,
    root: invocation_context::Reader<'_>,
) -> Result<ContextRef<'a>> {
    let finder = Finder { general };

    let mut context = ContextRef {
        correlation_id: (u128::from(root.get_correlation_high()) << 64
            | u128::from(root.get_correlation_low()))
        .to_be_bytes(),
        span_id: root.get_span_id().to_be_bytes(),
        deadline_ms: root.get_deadline_ms(),
        trace_flags: root.get_trace_flags(),
        parent_span_id: root.get_parent_span_id().to_be_bytes(),
        source_module: finder.text(root.get_source_module(), "source_module", general.pointer(root, 0))?,
        ..ContextRef::default()
    };

    let target = root.get_target().map_err(|error| refused(&error, "target", general.pointer(root, 1)))?;
    context.target = finder.target(target)?;

    let actor = root.get_actor().map_err(|error| refused(&error, "actor", general.pointer(root, 2)))?;
    context.actor.subject = finder.subject(actor)?;
    let at = general.pointer(actor, 1);
    context.actor.token_ref = TokenRef::new(finder.data(actor.get_token_ref(), "actor.token_ref", at)?);
    let at = general.pointer(actor, 2);
    context.actor.capabilities = finder.capabilities(actor, at)?;

    let at = general.pointer(root, 3);
    context.metadata = finder.metadata(root, at)?;

    context.settle()?;
    Ok(context)
}

/// A refusal of the `capnp` crate, with its place.
fn refused(error: &capnp::Error, field: &'static str, at: Option<usize>) -> Error {
    placed(refusal(error), field, at)
}

fn placed(error: Error, field: &'static str, at: Option<usize>) -> Error {
    let error = error.in_field(field);
    match at {
        Some(at) => error.at(at),
        None => error,
    }
}

/// Reads the parts of a context by the general reader.
struct Finder<'g, 'a> {
    general: &'g General<'a>,
}

impl<'a> Finder<'_, 'a> {
    fn data(&self, found: capnp::Result<&[u8]>, field: &'static str, at: Option<usize>) -> Result<&'a [u8]> {
        let found = found.map_err(|error| refused(&error, field, at))?;
        self.general.bytes(found).map_err(|error| placed(error, field, at))
    }

    fn text(
        &self,
        found: capnp::Result<capnp::text::Reader<'_>>,
        field: &'static str,
        at: Option<usize>,
    ) -> Result<&'a str> {
        let found = found.map_err(|error| refused(&error, field, at))?;
        self.general.text(found).map_err(|error| placed(error, field, at))
    }

    fn target(&self, target: message_target::Reader<'_>) -> Result<Target<&'a str>> {
        use message_target::Which;
        let at = self.general.pointer(target, 0);
        Ok(match target.which() {
            Ok(Which::Service(name)) => Target::Service(self.text(name, "target.service", at)?),
            Ok(Which::Module(name)) => Target::Module(self.text(name, "target.module", at)?),
            Ok(Which::Broadcast(topic)) => Target::Broadcast(self.text(topic, "target.broadcast", at)?),
            Ok(Which::Reply(id)) => {
                let id = self.data(id, "target.reply", at)?;
                Target::reply(id).map_err(|error| placed(error, "target.reply", at))?
            }
            Ok(Which::DynamicEndpoint(name)) => {
                Target::DynamicEndpoint(self.text(name, "target.dynamic_endpoint", at)?)
            }
            Err(capnp::NotInSchema(tag)) => Target::Unknown(tag),
        })
    }

    fn subject(&self, actor: actor_identity::Reader<'_>) -> Result<Subject<&'a str>> {
        use actor_subject::Which;
        let at = self.general.pointer(actor, 0);
        let subject = actor.get_subject().map_err(|error| refused(&error, "actor.subject", at))?;
        let at = self.general.pointer(subject, 0);
        Ok(match subject.which() {
            Ok(Which::External(name)) => Subject::External(self.text(name, "actor.subject.external", at)?),
            Ok(Which::Operator(name)) => Subject::Operator(self.text(name, "actor.subject.operator", at)?),
            Ok(Which::Module(name)) => Subject::Module(self.text(name, "actor.subject.module", at)?),
            Ok(Which::System(())) => Subject::System,
            Err(capnp::NotInSchema(tag)) => Subject::Unknown(tag),
        })
    }

    fn capabilities(&self, actor: actor_identity::Reader<'_>, at: Option<usize>) -> Result<Few<&'a str, 8>> {
        const FIELD: &str = "actor.capabilities";
        let list = actor.get_capabilities().map_err(|error| refused(&error, FIELD, at))?;
        // Before anything is read of a list whose length the sender made up.
        if list.len() as usize > MAX_CAPABILITIES {
            return Err(placed(Error::new(ErrorKind::TooManyCapabilities), FIELD, at));
        }
        let mut capabilities = Few::new();
        for (index, capability) in list.iter().enumerate() {
            let text = capability.map_err(|error| refusal(&error)).and_then(|text| self.general.text(text));
            capabilities.push(text.map_err(|error| error.in_field(format!("{FIELD}[{index}]")))?);
        }
        Ok(capabilities)
    }

    fn metadata(
        &self,
        root: invocation_context::Reader<'_>,
        at: Option<usize>,
    ) -> Result<Few<MetadataEntry<&'a str>, 8>> {
        const FIELD: &str = "metadata";
        let list = root.get_metadata().map_err(|error| refused(&error, FIELD, at))?;
        if list.len() as usize > MAX_METADATA {
            return Err(placed(Error::new(ErrorKind::TooManyMetadata), FIELD, at));
        }
        let mut metadata = Few::new();
        for (index, entry) in list.iter().enumerate() {
            let text = |found: capnp::Result<capnp::text::Reader<'_>>, part, pointer| {
                let text = found.map_err(|error| refusal(&error)).and_then(|text| self.general.text(text));
                text.map_err(|error| {
                    let error = error.in_field(format!("{FIELD}[{index}].{part}"));
                    match self.general.pointer(entry, pointer) {
                        Some(at) => error.at(at),
                        None => error,
                    }
                })
            };
            let key = text(entry.get_key(), "key", 0)?;
            let value = text(entry.get_value(), "value", 1)?;
            metadata.push(MetadataEntry { key, value });
        }
        Ok(metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_fast(context: &InvocationContext) -> bool {
        let bytes = context.encode();
        let mut read = ContextRef::default();
        read_written_shape(&bytes, &mut read).is_some_and(|()| read.to_owned() == *context)
    }

    /// Without it everything still decodes, by the general reader, and takes much longer.
    #[test]
    fn what_we_write_is_read_the_fast_way() {
        let target = |target| InvocationContext::builder().target(target);
        let subject = |subject| InvocationContext::builder().subject(subject);
        let many = |count: usize| {
            let texts = (0..count).map(|index| format!("c{index:02}"));
            texts.fold(InvocationContext::builder(), |builder, text| {
                builder.capability(&*text).metadata(text, if count > 5 { "value" } else { "" })
            })
        };
        for builder in [
            InvocationContext::builder().deadline_ms(1),
            InvocationContext::builder().correlation_id([1; 16]).span_id([2; 8]).parent_span_id([3; 8]),
            InvocationContext::builder().trace_flags(1).source_module("seven b"),
            InvocationContext::builder().token_ref([7; 9]),
            target(Target::Service("echo".into())),
            target(Target::Module("eight by".into())),
            target(Target::Broadcast(String::new())),
            target(Target::Reply([5; 16])),
            target(Target::DynamicEndpoint("ä".into())),
            subject(Subject::External("x".into())),
            subject(Subject::Operator(String::new())),
            subject(Subject::Module("m".into())),
            subject(Subject::System),
            many(1),
            many(5),
            many(64),
            many(9).target(Target::Module("m".into())).subject(Subject::Operator("o".into())).token_ref([1]),
        ] {
            let context = builder.build().unwrap();
            assert!(is_fast(&context), "{context:?}");
        }
    }

    /// A word that nothing leads to, with and without a table that counts it, and a message that ends early.
    #[test]
    fn another_length_is_read_the_general_way() {
        let bytes = InvocationContext::system().encode();
        let fast = |bytes: &[u8]| {
            let mut read = ContextRef::default();
            read_written_shape(bytes, &mut read).is_some()
        };
        assert!(fast(&bytes));
        assert!((0..bytes.len()).all(|length| !fast(&bytes[..length])));
        let mut longer = bytes.clone();
        longer.extend([0; WORD]);
        assert!(!fast(&longer));
        longer[4] += 1;
        assert!(!fast(&longer) && ContextRef::decode(&longer).is_ok());
    }
}
