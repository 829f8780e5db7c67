//! What stands before the frames in each message (specification 27, "Messages").

use ixt_core::stream::StreamId;

/// Bytes of the fixed part.
pub(super) const HEADER: usize = 40;
/// Bytes of one id of a stream that was taken.
pub(super) const ID: usize = 16;
/// The number of no pipe.
pub(super) const NO_PIPE: u64 = 0;
const VERSION: u8 = 1;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The next bytes of a pipe.
    Pipe = 1,
    /// The number of the last message; the other one is asked for its own.
    Ask = 2,
    /// The number of the last message, as it was asked for.
    Tell = 3,
    /// The pipe is over: its reader has missed a message, or never knew it.
    Reset = 4,
    /// A stream is opened by subject.
    Open = 5,
    /// A broadcast.
    Broadcast = 6,
    /// The question who is there.
    Who = 7,
    /// The answer: JSON.
    Here = 8,
}

/// The fixed part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// How many ids of streams follow that the sender has taken.
    pub(super) taken: u16,
    /// The node that sends.
    pub(super) instance: u64,
    /// The pipe from it, and the one back; 0 where there is none.
    pub(super) pipe: u64,
    pub(super) back: u64,
    /// 1, 2, 3, … of the messages of the pipe; of an ask and a tell that of the last one.
    pub(super) number: u64,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        let parts: [&[u8]; 7] = [
            &[VERSION, self.kind as u8],
            &self.taken.to_le_bytes(),
            &[0; 4],
            &self.instance.to_le_bytes(),
            &self.pipe.to_le_bytes(),
            &self.back.to_le_bytes(),
            &self.number.to_le_bytes(),
        ];
        let mut rest: &mut [u8] = &mut out;
        for part in parts {
            let Some((place, after)) = rest.split_at_mut_checked(part.len()) else { break };
            place.copy_from_slice(part);
            rest = after;
        }
        out
    }

    /// The header of a message, the ids after it, and its frames; `None` where it is none of this version.
    pub(super) fn decode(message: &[u8]) -> Option<(Self, Taken<'_>, &[u8])> {
        let (header, rest) = message.split_at_checked(HEADER)?;
        let word = |at: usize| Some(u64::from_le_bytes(header.get(at..at + 8)?.try_into().ok()?));
        let [version, kind, low, high, ..] = *header else { return None };
        if version != VERSION {
            return None;
        }
        let kind = match kind {
            1 => Kind::Pipe,
            2 => Kind::Ask,
            3 => Kind::Tell,
            4 => Kind::Reset,
            5 => Kind::Open,
            6 => Kind::Broadcast,
            7 => Kind::Who,
            8 => Kind::Here,
            _ => return None,
        };
        let taken = u16::from_le_bytes([low, high]);
        let (ids, frames) = rest.split_at_checked(usize::from(taken) * ID)?;
        let header =
            Self { kind, taken, instance: word(8)?, pipe: word(16)?, back: word(24)?, number: word(32)? };
        Some((header, Taken(ids), frames))
    }
}

/// Ids of streams that the sender has taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken<'m>(&'m [u8]);

impl Taken<'_> {
    pub(super) fn ids(&self) -> impl Iterator<Item = StreamId> {
        self.0.chunks_exact(ID).filter_map(|id| StreamId::from_slice(id).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let header = Header { kind: Kind::Pipe, taken: 2, instance: 1, pipe: 2, back: 3, number: u64::MAX };
        let ids = [[1; 16], [2; 16]];
        let message = [&header.encode()[..], &ids.concat(), b"frames"].concat();
        let (read, taken, frames) = Header::decode(&message).unwrap();
        assert_eq!((read, frames), (header, &b"frames"[..]));
        assert_eq!(taken.ids().map(|id| *id.as_bytes()).collect::<Vec<_>>(), ids);
    }

    #[test]
    fn what_is_no_message_is_none() {
        let header = Header { kind: Kind::Open, taken: 1, instance: 1, pipe: 0, back: 0, number: 0 }.encode();
        let mut other_version = header;
        other_version[0] = 2;
        let mut other_kind = header;
        other_kind[1] = 9;
        for message in [&header[..39], &header[..], &other_version, &other_kind, b""] {
            assert!(Header::decode(message).is_none());
        }
    }
}
