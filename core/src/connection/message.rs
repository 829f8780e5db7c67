//! What the ends tell each other on their control streams (`schemas/connection.capnp`): to bytes and back.

use super::{EndReason, Settings};
use crate::wire::generated::connection_capnp::connection_message::{self, Which};
use crate::wire::{
    BODY, Error, ErrorKind, General, Result, WORD, Words, bytes_to_words, check_table, refusal, root_of,
    table_of,
};

/// Words of data in the schema's struct today.
const DATA_WORDS: usize = 3;
/// The largest encoded message that is read, in bytes.
pub(super) const MAX_MESSAGE: usize = 8 << 10;

/// One thing that one end tells the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// The first one on a control stream.
    Hello(Settings, String),
    Ping(u64),
    Pong(u64),
    GoingAway {
        reason: EndReason,
        grace_ms: u32,
        message: String,
    },
    /// What a later version says; no matter.
    Unknown,
}

impl Message {
    pub(super) fn encode(&self) -> Vec<u8> {
        let low = |word: u32| u64::from(word);
        let high = |word: u32| u64::from(word) << 32;
        let (data, text) = match self {
            Self::Hello(settings, software) => (
                [
                    u64::from(settings.version) | high(settings.max_payload),
                    low(settings.max_streams) | high(settings.initial_credit),
                    low(settings.idle_ms),
                ],
                software.as_str(),
            ),
            Self::Ping(number) => ([*number, 0, high(1)], ""),
            Self::Pong(number) => ([*number, 0, high(2)], ""),
            Self::GoingAway { reason, grace_ms, message } => {
                ([low(*grace_ms), 0, u64::from(reason.raw()) | high(3)], message.as_str())
            }
            Self::Unknown => ([0; DATA_WORDS], ""),
        };
        let kept = data.iter().rposition(|word| *word != 0).map_or(0, |last| last + 1);
        let pointers = usize::from(!text.is_empty());
        let content = if text.is_empty() { 0 } else { bytes_to_words(text.len() + 1) };
        let count = 1 + kept + pointers + content;
        let mut out = vec![0; BODY + count * WORD];
        let mut words = Words::new(&mut out, 2);
        words.set(0, table_of(count));
        words.set(1, root_of(kept, pointers));
        let root = words.structure(1, kept, pointers);
        for (index, word) in data.iter().take(kept).enumerate() {
            words.set(root + index, *word);
        }
        words.text(root + kept, text);
        out
    }

    /// # Errors
    /// A refusal of specification 20.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        check_table(bytes, MAX_MESSAGE)?;
        let general = General::new(bytes)?;
        let root: connection_message::Reader<'_> = general.root()?;
        let text = |found: capnp::Result<capnp::text::Reader<'_>>, field: &'static str| {
            found
                .map_err(|error| refusal(&error))
                .and_then(|found| general.text(found))
                .map(str::to_owned)
                .map_err(|error| error.in_field(field))
        };
        Ok(match root.which() {
            Ok(Which::Hello(hello)) => {
                if hello.get_version() == 0 {
                    return Err(Error::new(ErrorKind::InvalidArgument).in_field("hello.version"));
                }
                let settings = Settings {
                    version: hello.get_version(),
                    max_payload: hello.get_max_payload(),
                    max_streams: hello.get_max_streams(),
                    initial_credit: hello.get_initial_credit(),
                    idle_ms: hello.get_idle_ms(),
                };
                Self::Hello(settings, text(hello.get_software(), "hello.software")?)
            }
            Ok(Which::Ping(number)) => Self::Ping(number),
            Ok(Which::Pong(number)) => Self::Pong(number),
            Ok(Which::GoingAway(away)) => Self::GoingAway {
                reason: EndReason::from_raw(
                    away.get_reason().map_or_else(|capnp::NotInSchema(raw)| raw, Into::into),
                ),
                grace_ms: away.get_grace_ms(),
                message: text(away.get_message(), "goingAway.message")?,
            },
            Err(capnp::NotInSchema(_)) => Self::Unknown,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Config;

    #[test]
    fn what_is_written_is_read() {
        let settings = Config::default().settings();
        for message in [
            Message::Hello(settings, String::new()),
            Message::Hello(settings, "ixt 0.1, Rust".into()),
            Message::Hello(
                Settings { idle_ms: 0, initial_credit: 0, max_streams: 0, ..settings },
                "x".into(),
            ),
            Message::Ping(0),
            Message::Ping(u64::MAX),
            Message::Pong(7),
            Message::GoingAway { reason: EndReason::Shutdown, grace_ms: 5000, message: "eight by".into() },
            Message::GoingAway { reason: EndReason::from_raw(99), grace_ms: 0, message: String::new() },
        ] {
            assert_eq!(Message::decode(&message.encode()).unwrap(), message);
        }
    }

    #[test]
    fn what_is_not_a_message_is_refused_by_name() {
        let kind = |bytes: &[u8]| Message::decode(bytes).unwrap_err().kind();
        assert_eq!(kind(&[]), ErrorKind::Truncated);
        assert_eq!(kind(&Message::Unknown.encode()), ErrorKind::InvalidArgument, "a hello of version 0");
        let mut bytes = Message::Hello(Config::default().settings(), "software".into()).encode();
        let last = bytes.len() - 8;
        bytes[last] = 1;
        assert_eq!(kind(&bytes), ErrorKind::BadText);
    }
}
