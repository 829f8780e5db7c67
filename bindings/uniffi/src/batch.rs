//! Many frames in one call.

use ixt_core::stream::frames;

use crate::frame::{StreamFrame, limits};
use crate::refusal::Result;

/// The whole frames at the front of a read buffer.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct FrameBatch {
    /// The frames, in order.
    pub frames: Vec<StreamFrame>,
    /// How many bytes they are; what follows is to be kept until there is more.
    pub consumed: u64,
}

/// Where the first message of a byte stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct Split {
    /// Its size in bytes, or where it is not whole what is needed before more can be said.
    pub size: u64,
    /// Whether it is whole.
    pub whole: bool,
}

/// The canonical bytes of the frames, back to back.
///
/// # Errors
/// A refusal of specification 20.
#[uniffi::export(default(max_payload = None))]
pub fn encode_batch(frames: &[StreamFrame], max_payload: Option<u64>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for frame in frames {
        frame.to_core()?.encode_into(&mut out, limits(max_payload))?;
    }
    Ok(out)
}

/// The whole frames at the front of `bytes`.
///
/// # Errors
/// A refusal of specification 20, unless frames stand before it: these are given, and the next call, which
/// begins with it, refuses it.
#[uniffi::export(default(max_payload = None))]
pub fn decode_batch(bytes: Vec<u8>, max_payload: Option<u64>) -> Result<FrameBatch> {
    let mut batch = frames(&bytes, limits(max_payload));
    let mut found = Vec::new();
    for next in batch.by_ref() {
        match next {
            Ok((_, frame)) => found.push(frame.into()),
            Err(error) if found.is_empty() => return Err(error.into()),
            Err(_) => break,
        }
    }
    Ok(FrameBatch { frames: found, consumed: batch.consumed() as u64 })
}

/// Finds the end of the first message from its segment table alone.
///
/// # Errors
/// `TooManySegments`, `MessageTooLarge`.
#[uniffi::export(default(max_payload = None))]
pub fn split(bytes: Vec<u8>, max_payload: Option<u64>) -> Result<Split> {
    Ok(match ixt_core::wire::split(&bytes, limits(max_payload).max_message())? {
        ixt_core::wire::Split::Message(size) => Split { size: size as u64, whole: true },
        ixt_core::wire::Split::Incomplete(size) => Split { size: size as u64, whole: false },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, FrameBody, IxtError, encode_frame};

    fn credit(frames: u32) -> StreamFrame {
        StreamFrame { stream_id: vec![7; 16], body: FrameBody::Credit { frames } }
    }

    #[test]
    fn a_batch_ends_before_what_is_not_whole_and_before_what_is_refused() {
        let two = encode_batch(&[credit(1), credit(2)], None).unwrap();
        let one = encode_frame(&credit(1), None).unwrap().len();
        let batch = decode_batch(two[..two.len() - 1].to_vec(), None).unwrap();
        assert_eq!((batch.frames, batch.consumed), (vec![credit(1)], one as u64));

        let mut broken = two.clone();
        broken[one] = 0xff;
        assert_eq!(decode_batch(broken.clone(), None).unwrap().frames.len(), 1);
        let Err(IxtError::Refused { kind, .. }) = decode_batch(broken[one..].to_vec(), None) else {
            panic!()
        };
        assert_eq!(kind, ErrorKind::TooManySegments);
    }
}
