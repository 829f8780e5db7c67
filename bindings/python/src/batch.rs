//! Many frames in one call.

use ixt_core::stream::{FrameRef, frames};
use ixt_core::wire::Split;
use ixt_core::{Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::bytes::{BytesLike, written};
use crate::error::Result;
use crate::frame::{StreamFrame, limits};
use crate::id::StreamId;
use crate::number::Number;

/// The whole frames at the front of `data`, and how many bytes they are.
///
/// A frame that is refused raises, unless frames stand before it: these are given, and the next call,
/// which begins with it, raises.
#[pyfunction]
#[pyo3(signature = (data, /, *, max_payload=None))]
pub(crate) fn decode_batch<'py>(
    py: Python<'py>,
    data: BytesLike<'py>,
    max_payload: Option<Number<usize>>,
) -> Result<(Bound<'py, PyList>, usize)> {
    let found = PyList::empty(py);
    let mut batch = frames(data.as_bytes(), limits(max_payload));
    let mut last: Option<(ixt_core::stream::StreamId, Py<StreamId>)> = None;
    for next in batch.by_ref() {
        let frame = match next {
            Ok((_, frame)) => frame,
            Err(_) if !found.is_empty() => break,
            Err(error) => return Err(error.into()),
        };
        // Neighbours are mostly of one stream.
        let (_, id) = match last.take() {
            Some(known) if known.0 == frame.stream_id => last.insert(known),
            _ => last.insert((frame.stream_id, Py::new(py, StreamId(frame.stream_id))?)),
        };
        found.append(Bound::new(py, StreamFrame::make(py, frame, Some(id), None)?)?)?;
    }
    Ok((found, batch.consumed()))
}

/// The canonical bytes of the frames, back to back.
#[pyfunction]
#[pyo3(signature = (frames, /, *, max_payload=None))]
pub(crate) fn encode_batch<'py>(
    py: Python<'py>,
    frames: Vec<Py<StreamFrame>>,
    max_payload: Option<Number<usize>>,
) -> Result<Bound<'py, PyBytes>> {
    let limits = limits(max_payload);
    let views: Vec<FrameRef<'_>> = frames.iter().map(|frame| frame.get().view(py)).collect();
    let length = views.iter().map(FrameRef::encoded_len).sum();
    written(py, length, |mut out| {
        for frame in &views {
            let written = frame.encode_to_slice(out, limits)?;
            out = out.get_mut(written..).ok_or(Error::new(ErrorKind::BufferTooSmall))?;
        }
        Ok(())
    })
}

/// Where the first message of a byte stream ends: its size and whether it is whole. Where it is not,
/// the size is what is needed before more can be said.
#[pyfunction]
#[pyo3(signature = (data, /, *, max_payload=None))]
pub(crate) fn split(data: BytesLike<'_>, max_payload: Option<Number<usize>>) -> Result<(usize, bool)> {
    Ok(match ixt_core::wire::split(data.as_bytes(), limits(max_payload).max_message())? {
        Split::Message(length) => (length, true),
        Split::Incomplete(needed) => (needed, false),
    })
}
