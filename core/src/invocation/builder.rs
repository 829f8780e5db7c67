//! Building a context, and the rules that hold for its values.

use super::few::Few;
use super::metadata::is_key;
use super::{Context, MetadataEntry, Subject, Target, TokenRef};
use crate::wire::{
    MAX_CAPABILITIES, MAX_CAPABILITY, MAX_CONTEXT, MAX_METADATA, MAX_METADATA_TOTAL, MAX_METADATA_VALUE,
    MAX_TOKEN, METADATA_ENTRY_OVERHEAD, WORD, first_nul,
};
use crate::{Error, ErrorKind, Result};

/// Collects what makes a context, over owned or borrowed storage; [`build`](Self::build) checks it.
///
/// What is not set keeps its least meaning: no id, no deadline, an anonymous caller without capabilities.
/// [`InvocationContext::builder`](super::InvocationContext::builder) begins one that owns what it is given,
/// [`ContextRef::builder`](super::ContextRef::builder) one that borrows it and allocates nothing for up to 8
/// capabilities and 8 metadata entries.
#[derive(Debug, Clone, Default)]
#[must_use = "a builder does nothing until it is built"]
pub struct ContextBuilder<B: AsRef<[u8]> = Vec<u8>, T: AsRef<str> = String, const N: usize = 0> {
    context: Context<B, T, N>,
}

impl<B: AsRef<[u8]>, T: AsRef<str> + Default, const N: usize> ContextBuilder<B, T, N> {
    /// The 16 bytes that all invocations of one piece of work share: a W3C trace-id.
    #[inline]
    pub fn correlation_id(mut self, id: [u8; 16]) -> Self {
        self.context.correlation_id = id;
        self
    }

    /// The 8 bytes that name this invocation: a W3C parent-id.
    #[inline]
    pub fn span_id(mut self, id: [u8; 8]) -> Self {
        self.context.span_id = id;
        self
    }

    /// The span of the invocation that caused this one.
    #[inline]
    pub fn parent_span_id(mut self, id: [u8; 8]) -> Self {
        self.context.parent_span_id = id;
        self
    }

    /// The W3C trace-flags; bit 0 says sampled.
    #[inline]
    pub fn trace_flags(mut self, flags: u8) -> Self {
        self.context.trace_flags = flags;
        self
    }

    /// Until when, in milliseconds since the Unix epoch; 0 for no deadline.
    #[inline]
    pub fn deadline_ms(mut self, deadline: u64) -> Self {
        self.context.deadline_ms = deadline;
        self
    }

    /// The module that sends it.
    #[inline]
    pub fn source_module(mut self, module: impl Into<T>) -> Self {
        self.context.source_module = module.into();
        self
    }

    /// Where it goes.
    #[inline]
    pub fn target(mut self, target: Target<T>) -> Self {
        self.context.target = target;
        self
    }

    /// Who invokes.
    #[inline]
    pub fn subject(mut self, subject: Subject<T>) -> Self {
        self.context.actor.subject = subject;
        self
    }

    /// The handle of the presented token, never the token itself; at most 1 KiB.
    #[inline]
    pub fn token_ref(mut self, handle: impl Into<B>) -> Self {
        self.context.actor.token_ref = TokenRef::new(handle.into());
        self
    }

    /// One more granted pattern; see [`capability`](super::capability).
    #[inline]
    pub fn capability(mut self, pattern: impl Into<T>) -> Self {
        self.context.actor.capabilities.push(pattern.into());
        self
    }

    /// More granted patterns, in any order.
    #[inline]
    pub fn capabilities<C: Into<T>>(mut self, patterns: impl IntoIterator<Item = C>) -> Self {
        for pattern in patterns {
            self.context.actor.capabilities.push(pattern.into());
        }
        self
    }

    /// One more metadata entry; see [`metadata::keys`](super::metadata::keys).
    #[inline]
    pub fn metadata(mut self, key: impl Into<T>, value: impl Into<T>) -> Self {
        self.context.metadata.push(MetadataEntry { key: key.into(), value: value.into() });
        self
    }

    /// More metadata entries, in any order.
    #[inline]
    pub fn metadata_entries<K: Into<T>, V: Into<T>>(
        mut self,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        for (key, value) in entries {
            self.context.metadata.push(MetadataEntry { key: key.into(), value: value.into() });
        }
        self
    }

    /// The context.
    ///
    /// # Errors
    /// `BadText` (a NUL), `TokenTooLong`, `TooManyCapabilities`, `CapabilityTooLong`,
    /// `DuplicateCapability`, `TooManyMetadata`, `BadMetadataKey`, `MetadataTooLarge`, `DuplicateKey`,
    /// `ContextTooLarge` (more than 16 KiB encoded), and `InvalidArgument` for a target or subject
    /// `Unknown`, which decoding alone can give. The place is the field, with its index in the order
    /// given, such as `metadata[3].key`.
    #[inline]
    pub fn build(mut self) -> Result<Context<B, T, N>> {
        self.context.check()?;
        Ok(self.context)
    }
}

impl<B: AsRef<[u8]>, T: AsRef<str>, const N: usize> Context<B, T, N> {
    /// All that holds for a context that was not decoded.
    fn check(&mut self) -> Result<()> {
        self.check_texts()?;
        self.settle()?;
        self.check_size()
    }

    /// The limit on what a settled context encodes to.
    pub(super) fn check_size(&self) -> Result<()> {
        if !self.is_small() && self.encoded_len() > MAX_CONTEXT {
            return Err(Error::new(ErrorKind::ContextTooLarge));
        }
        Ok(())
    }

    /// Whether a settled context surely keeps to 16 KiB, told without working its length out.
    #[inline]
    fn is_small(&self) -> bool {
        const NAMES: usize = 1 << 10;
        const CAPABILITIES: usize = 8;
        // What a text takes beside its own bytes: its pointer, its NUL and padding.
        const TEXT: usize = 2 * WORD;
        // The overhead that counts for an entry is that of its two texts. Table, root, and all structs
        // and tags are 24 words, and there are four pieces beside the lists.
        const MOST: usize = MAX_METADATA_TOTAL
            + CAPABILITIES * (MAX_CAPABILITY + TEXT)
            + NAMES
            + MAX_TOKEN
            + 4 * TEXT
            + 24 * WORD;
        const { assert!(METADATA_ENTRY_OVERHEAD >= 2 * TEXT && MOST <= MAX_CONTEXT) };
        let names = [self.source_module.as_ref(), self.target.text(), self.actor.subject.text()];
        names.map(str::len).iter().sum::<usize>() <= NAMES && self.actor.capabilities().len() <= CAPABILITIES
    }

    /// What decoding has seen to already: no NUL, and no member of a later schema without its message.
    fn check_texts(&self) -> Result<()> {
        if matches!(self.target, Target::Unknown(_)) {
            return Err(Error::new(ErrorKind::InvalidArgument).in_field("target"));
        }
        if matches!(self.actor.subject, Subject::Unknown(_)) {
            return Err(Error::new(ErrorKind::InvalidArgument).in_field("actor.subject"));
        }
        let bad = || Error::new(ErrorKind::BadText);
        for (text, field) in [
            (self.source_module.as_ref(), "source_module"),
            (self.target.text(), self.target.field()),
            (self.actor.subject.text(), self.actor.subject.field()),
        ] {
            if has_nul(text) {
                return Err(bad().in_field(field));
            }
        }
        for (index, capability) in self.actor.capabilities().iter().enumerate() {
            if has_nul(capability.as_ref()) {
                return Err(bad().in_field(format!("actor.capabilities[{index}]")));
            }
        }
        for (index, entry) in self.metadata().iter().enumerate() {
            if has_nul(entry.value.as_ref()) {
                return Err(bad().in_field(format!("metadata[{index}].value")));
            }
        }
        Ok(())
    }
}

/// Whether a text holds a NUL. Most texts here are short, for which a search takes longer.
#[inline]
fn has_nul(text: &str) -> bool {
    let (words, rest) = text.as_bytes().as_chunks();
    words.iter().any(|word| first_nul(u64::from_le_bytes(*word)) < WORD) || rest.contains(&0)
}

impl<B: AsRef<[u8]>, T: AsRef<str>, const N: usize> Context<B, T, N> {
    /// Checks the limits and puts the lists in order, for values from whichever source.
    pub(super) fn settle(&mut self) -> Result<()> {
        if self.actor.token_ref.expose().len() > MAX_TOKEN {
            return Err(Error::new(ErrorKind::TokenTooLong).in_field("actor.token_ref"));
        }
        check_capabilities(self.actor.capabilities())?;
        check_metadata(self.metadata())?;
        sort(&mut self.actor.capabilities, |capability| capability.as_ref()).map_err(|index| {
            let field = format!("actor.capabilities[{index}]");
            Error::new(ErrorKind::DuplicateCapability).in_field(field)
        })?;
        sort(&mut self.metadata, |entry| entry.key.as_ref())
            .map_err(|index| Error::new(ErrorKind::DuplicateKey).in_field(format!("metadata[{index}].key")))
    }
}

fn check_capabilities<T: AsRef<str>>(capabilities: &[T]) -> Result<()> {
    if capabilities.len() > MAX_CAPABILITIES {
        return Err(Error::new(ErrorKind::TooManyCapabilities).in_field("actor.capabilities"));
    }
    match capabilities.iter().position(|capability| capability.as_ref().len() > MAX_CAPABILITY) {
        Some(index) => {
            let field = format!("actor.capabilities[{index}]");
            Err(Error::new(ErrorKind::CapabilityTooLong).in_field(field))
        }
        None => Ok(()),
    }
}

fn check_metadata<T: AsRef<str>>(metadata: &[MetadataEntry<T>]) -> Result<()> {
    if metadata.len() > MAX_METADATA {
        return Err(Error::new(ErrorKind::TooManyMetadata).in_field("metadata"));
    }
    if let Some(index) = metadata.iter().position(|entry| !is_key(entry.key.as_ref())) {
        return Err(Error::new(ErrorKind::BadMetadataKey).in_field(format!("metadata[{index}].key")));
    }
    let too_large = || Error::new(ErrorKind::MetadataTooLarge);
    let mut total = 0;
    for (index, entry) in metadata.iter().enumerate() {
        if entry.value.as_ref().len() > MAX_METADATA_VALUE {
            return Err(too_large().in_field(format!("metadata[{index}].value")));
        }
        total += cost(entry.key.as_ref(), entry.value.as_ref());
    }
    if total > MAX_METADATA_TOTAL { Err(too_large().in_field("metadata")) } else { Ok(()) }
}

/// What an entry counts towards the sum.
#[inline]
pub(super) const fn cost(key: &str, value: &str) -> usize {
    key.len() + value.len() + METADATA_ENTRY_OVERHEAD
}

/// Sorts by bytes; refuses with the place of the second of two equals.
fn sort<T, const N: usize>(list: &mut Few<T, N>, key: impl Fn(&T) -> &str) -> Result<(), usize> {
    let members = list.as_mut_slice();
    if members.is_sorted_by(|a, b| key(a) < key(b)) {
        return Ok(());
    }
    // The limits keep this to 64 members. It looks before sorting, for the place is the caller's.
    let earlier = |index, member| members.iter().take(index).any(|earlier| key(earlier) == key(member));
    if let Some(index) = members.iter().enumerate().position(|(index, member)| earlier(index, member)) {
        return Err(index);
    }
    members.sort_unstable_by(|a, b| key(a).cmp(key(b)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::InvocationContext;
    use super::*;

    #[test]
    fn the_largest_small_context_keeps_to_the_limit() {
        // 64 entries of 128 bytes with their overhead: 8 KiB in all, and one byte past a word in each.
        let entries = (0..64).map(|index| (format!("k{index:0>8}"), "v".repeat(87)));
        let context = InvocationContext::builder()
            .correlation_id([1; 16])
            .parent_span_id([1; 8])
            .source_module("s".repeat(1024 - 42))
            .target(Target::DynamicEndpoint("t".repeat(25)))
            .subject(Subject::Module("u".repeat(17)))
            .token_ref(vec![1; MAX_TOKEN])
            .capabilities((0..8).map(|index| format!("{index}{}", "c".repeat(MAX_CAPABILITY - 1))))
            .metadata_entries(entries)
            .build()
            .unwrap();
        assert!(context.is_small());
        assert!(context.encoded_len() > 11 << 10 && context.encoded_len() <= MAX_CONTEXT);
        assert!(InvocationContext::builder().source_module("s".repeat(MAX_CONTEXT)).build().is_err());
    }

    #[test]
    fn a_nul_is_found_wherever_it_stands() {
        for length in 0..20 {
            let text = "é".repeat(length);
            assert!(!has_nul(&text));
            for place in 0..=length {
                let mut with = text.clone();
                with.insert(2 * place, '\0');
                assert!(has_nul(&with), "{length} {place}");
            }
        }
    }
}
