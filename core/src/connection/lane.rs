//! Encoded frames that wait to leave, and the room of the caller's buffer.

use crate::wire::{Split, split};

/// Whole encoded frames, oldest first.
#[derive(Debug, Default)]
pub(super) struct Lane {
    bytes: Vec<u8>,
    head: usize,
}

/// Where a buffer goes when it holds nothing any more, so that a stream that waits has none and one that
/// sends need not allocate.
#[derive(Debug, Default)]
pub(super) struct Spare(Vec<Vec<u8>>);

/// How many empty buffers are kept, and of which capacity at most.
const SPARES: usize = 64;
const KEPT: usize = 64 << 10;

impl Lane {
    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.head
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the next frame is appended. What follows it must be a whole frame.
    pub(super) fn end(&mut self, spare: &mut Spare) -> &mut Vec<u8> {
        if self.bytes.capacity() == 0 {
            self.bytes = spare.0.pop().unwrap_or_default();
        } else if self.head > self.bytes.len() / 2 {
            // What has left is at least half, so moving the rest costs no more than copying it once.
            self.bytes.copy_within(self.head.., 0);
            self.bytes.truncate(self.bytes.len() - self.head);
            self.head = 0;
        }
        &mut self.bytes
    }

    /// All that waits.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.head..).unwrap_or_default()
    }

    /// The oldest frame.
    pub(super) fn front(&self) -> Option<&[u8]> {
        let waiting = self.bytes();
        match split(waiting, usize::MAX) {
            Ok(Split::Message(length)) => waiting.get(..length),
            _ => None,
        }
    }

    /// How long the frame is that stands so many bytes behind the front.
    pub(super) fn length_at(&self, behind: usize) -> Option<usize> {
        match split(self.bytes().get(behind..)?, usize::MAX) {
            Ok(Split::Message(length)) => Some(length),
            _ => None,
        }
    }

    /// Takes the oldest `length` bytes away.
    pub(super) fn pop(&mut self, length: usize, spare: &mut Spare) {
        self.head += length;
        if self.head >= self.bytes.len() {
            self.clear(spare);
        }
    }

    /// Drops all that waits.
    pub(super) fn clear(&mut self, spare: &mut Spare) {
        self.head = 0;
        let mut buffer = std::mem::take(&mut self.bytes);
        if buffer.capacity() > 0 && buffer.capacity() <= KEPT && spare.0.len() < SPARES {
            buffer.clear();
            spare.0.push(buffer);
        }
    }
}

/// What is left of the buffer that the caller wants filled.
#[derive(Debug)]
pub(super) struct Room<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl<'a> Room<'a> {
    pub(super) fn new(out: &'a mut [u8]) -> Self {
        Self { out, at: 0 }
    }

    pub(super) fn filled(&self) -> usize {
        self.at
    }

    pub(super) fn is_full(&self) -> bool {
        self.at == self.out.len()
    }

    /// Whether so many bytes fit.
    pub(super) fn fits(&self, length: usize) -> bool {
        length <= self.out.len() - self.at
    }

    /// Whether a frame of this length should go now: it fits, or it would not fit an empty buffer either and
    /// has to be cut.
    pub(super) fn takes(&self, length: usize) -> bool {
        self.fits(length) || (length > self.out.len() && !self.is_full())
    }

    /// Copies as much of `bytes` as fits and gives how much that was.
    pub(super) fn put(&mut self, bytes: &[u8]) -> usize {
        let room = self.out.get_mut(self.at..).unwrap_or_default();
        let fits = bytes.len().min(room.len());
        if let (Some(room), Some(bytes)) = (room.get_mut(..fits), bytes.get(..fits)) {
            room.copy_from_slice(bytes);
        }
        self.at += fits;
        fits
    }
}
