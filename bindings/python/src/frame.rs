//! Frames and their bodies.
//!
//! What Python reads often is held as Python objects, made once, so that reading an attribute does not
//! call into this module.

use ixt_core::Limits;
use ixt_core::stream as core;
use ixt_core::stream::{CancelReason, CloseReason, FrameBody, FrameRef, InteractionKind, StreamErrorCode};
use ixt_core::wire::MAX_PAYLOAD;
use pyo3::BoundObject;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyString, PyTuple};

use crate::bytes::{BytesLike, copied, written};
use crate::error::Result;
use crate::hash::hash_of;
use crate::id::StreamId;
use crate::names::{Enumerant, to_python};
use crate::number::Number;
use crate::repr::{of_bytes, of_text};
use crate::text::Text;

/// What the bodies of frames have in common.
trait Body: Sized {
    fn view<'a>(&'a self, py: Python<'_>) -> FrameBody<&'a [u8], &'a str>;

    fn equals(&self, py: Python<'_>, other: &Self) -> bool {
        self.view(py) == other.view(py)
    }

    fn hash(&self, py: Python<'_>) -> u64 {
        hash_of_body(self.view(py))
    }
}

fn hash_of_body(body: FrameBody<&[u8], &str>) -> u64 {
    match body {
        FrameBody::Open(open) => hash_of((0, open.interaction, open.initial_credit, open.context)),
        FrameBody::Data(data) => hash_of((1, data.sequence, data.payload)),
        FrameBody::Error(error) => hash_of((2, error.code, error.sequence, error.message, error.details)),
        FrameBody::Close(close) => hash_of((3, close.reason, close.final_sequence)),
        FrameBody::Cancel(cancel) => hash_of((4, cancel.reason, cancel.message)),
        FrameBody::Credit(credit) => hash_of((5, credit.frames)),
        FrameBody::Unknown(unknown) => hash_of((6, unknown.tag, unknown.message)),
        _ => 0,
    }
}

/// The enumerant as `repr` shows it, in quotes where it is a name.
fn of_name(name: Option<&'static str>, number: u16) -> String {
    name.map_or_else(|| number.to_string(), |name| format!("'{name}'"))
}

#[inline]
fn integer<'py>(py: Python<'py>, number: impl IntoPyObject<'py, Target = PyInt>) -> Result<Py<PyInt>> {
    Ok(number.into_pyobject(py).map_err(Into::into)?.into_bound().unbind())
}

/// Begins a stream.
#[pyclass(frozen, module = "ixt_sdk.streaming")]
pub(crate) struct StreamOpen {
    #[pyo3(get)]
    interaction: Py<PyAny>,
    #[pyo3(get)]
    initial_credit: Py<PyInt>,
    #[pyo3(get)]
    context: Py<PyBytes>,
    kind: InteractionKind,
    credit: u32,
}

impl Body for StreamOpen {
    fn view<'a>(&'a self, py: Python<'_>) -> FrameBody<&'a [u8], &'a str> {
        FrameBody::Open(core::Open {
            interaction: self.kind,
            initial_credit: self.credit,
            context: self.context.as_bytes(py),
        })
    }
}

impl StreamOpen {
    pub(crate) fn make(
        py: Python<'_>,
        kind: InteractionKind,
        credit: u32,
        context: Bound<'_, PyBytes>,
    ) -> Result<Self> {
        let interaction = to_python(py, kind)?;
        Ok(Self {
            interaction,
            initial_credit: integer(py, credit)?,
            context: context.unbind(),
            kind,
            credit,
        })
    }
}

#[pymethods]
impl StreamOpen {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str, &'static str) {
        ("interaction", "initial_credit", "context")
    }

    #[new]
    #[pyo3(
        signature = (interaction, initial_credit=Number(0), context=None),
        text_signature = "(interaction, initial_credit=0, context=None)"
    )]
    fn new(
        py: Python<'_>,
        interaction: Enumerant<InteractionKind>,
        initial_credit: Number<u32>,
        context: Option<BytesLike<'_>>,
    ) -> Result<Self> {
        let context = context.map_or_else(|| PyBytes::new(py, b""), |context| context.0);
        Self::make(py, interaction.0, initial_credit.0, context)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let kind = of_name(self.kind.name(), self.kind.raw());
        let context = of_bytes(self.context.as_bytes(py));
        format!("StreamOpen(interaction={kind}, initial_credit={}, context={context})", self.credit)
    }

    fn __eq__(&self, py: Python<'_>, other: &Self) -> bool {
        self.equals(py, other)
    }

    fn __hash__(&self, py: Python<'_>) -> u64 {
        self.hash(py)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Result<Reduced<'py>> {
        reduced::<Self>(py, (&self.interaction, &self.initial_credit, &self.context))
    }
}

/// One message.
#[pyclass(frozen, module = "ixt_sdk.streaming")]
pub(crate) struct StreamData {
    #[pyo3(get)]
    sequence: Py<PyInt>,
    #[pyo3(get)]
    payload: Py<PyBytes>,
    number: u64,
}

impl Body for StreamData {
    #[inline]
    fn view<'a>(&'a self, py: Python<'_>) -> FrameBody<&'a [u8], &'a str> {
        FrameBody::Data(core::StreamData { sequence: self.number, payload: self.payload.as_bytes(py) })
    }
}

impl StreamData {
    #[inline]
    fn make(py: Python<'_>, number: u64, payload: Bound<'_, PyBytes>) -> Result<Self> {
        Ok(Self { sequence: integer(py, number)?, payload: payload.unbind(), number })
    }

    /// Of what the application gave; a plain `int` is kept as it is.
    #[inline]
    fn given(sequence: &Bound<'_, PyAny>, payload: Bound<'_, PyBytes>) -> Result<Self> {
        let number = sequence.extract::<Number<u64>>()?.0;
        match sequence.cast_exact::<PyInt>() {
            Ok(plain) => Ok(Self { sequence: plain.clone().unbind(), payload: payload.unbind(), number }),
            Err(_) => Self::make(sequence.py(), number, payload),
        }
    }
}

#[pymethods]
impl StreamData {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str) {
        ("sequence", "payload")
    }

    #[new]
    #[pyo3(signature = (sequence, payload=None))]
    fn new(sequence: &Bound<'_, PyAny>, payload: Option<BytesLike<'_>>) -> Result<Self> {
        let payload = payload.map_or_else(|| PyBytes::new(sequence.py(), b""), |payload| payload.0);
        Self::given(sequence, payload)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("StreamData(sequence={}, payload={})", self.number, of_bytes(self.payload.as_bytes(py)))
    }

    fn __eq__(&self, py: Python<'_>, other: &Self) -> bool {
        self.equals(py, other)
    }

    fn __hash__(&self, py: Python<'_>) -> u64 {
        self.hash(py)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Result<Reduced<'py>> {
        reduced::<Self>(py, (&self.sequence, &self.payload))
    }
}

/// Ends the stream as failed.
#[pyclass(frozen, module = "ixt_sdk.streaming")]
pub(crate) struct StreamError {
    #[pyo3(get)]
    code: Py<PyAny>,
    #[pyo3(get)]
    sequence: Py<PyInt>,
    #[pyo3(get)]
    message: Py<PyString>,
    #[pyo3(get)]
    details: Py<PyBytes>,
    raw: StreamErrorCode,
    number: u64,
    text: String,
}

impl Body for StreamError {
    fn view<'a>(&'a self, py: Python<'_>) -> FrameBody<&'a [u8], &'a str> {
        FrameBody::Error(core::StreamError {
            code: self.raw,
            sequence: self.number,
            message: &self.text,
            details: self.details.as_bytes(py),
        })
    }
}

impl StreamError {
    fn make(
        py: Python<'_>,
        raw: StreamErrorCode,
        number: u64,
        text: String,
        details: Bound<'_, PyBytes>,
    ) -> Result<Self> {
        Ok(Self {
            code: to_python(py, raw)?,
            sequence: integer(py, number)?,
            message: PyString::new(py, &text).unbind(),
            details: details.unbind(),
            raw,
            number,
            text,
        })
    }
}

#[pymethods]
impl StreamError {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str, &'static str, &'static str) {
        ("code", "sequence", "message", "details")
    }

    #[new]
    #[pyo3(
        signature = (code, sequence=Number(0), message=None, details=None),
        text_signature = "(code, sequence=0, message=None, details=None)"
    )]
    fn new(
        py: Python<'_>,
        code: Enumerant<StreamErrorCode>,
        sequence: Number<u64>,
        message: Option<Text<'_>>,
        details: Option<BytesLike<'_>>,
    ) -> Result<Self> {
        let message = message.map_or_else(|| Ok(String::new()), |message| message.to_owned())?;
        let details = details.map_or_else(|| PyBytes::new(py, b""), |details| details.0);
        Self::make(py, code.0, sequence.0, message, details)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!(
            "StreamError(code={}, sequence={}, message={}, details={})",
            of_name(self.raw.name(), self.raw.raw()),
            self.number,
            of_text(&self.text),
            of_bytes(self.details.as_bytes(py)),
        )
    }

    fn __eq__(&self, py: Python<'_>, other: &Self) -> bool {
        self.equals(py, other)
    }

    fn __hash__(&self, py: Python<'_>) -> u64 {
        self.hash(py)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Result<Reduced<'py>> {
        reduced::<Self>(py, (&self.code, &self.sequence, &self.message, &self.details))
    }
}

/// Ends one direction in order.
#[pyclass(frozen, module = "ixt_sdk.streaming")]
pub(crate) struct StreamClose {
    #[pyo3(get)]
    reason: Py<PyAny>,
    #[pyo3(get)]
    final_sequence: Py<PyInt>,
    raw: CloseReason,
    number: u64,
}

impl Body for StreamClose {
    fn view<'a>(&'a self, _py: Python<'_>) -> FrameBody<&'a [u8], &'a str> {
        FrameBody::Close(core::Close { reason: self.raw, final_sequence: self.number })
    }
}

impl StreamClose {
    fn make(py: Python<'_>, raw: CloseReason, number: u64) -> Result<Self> {
        Ok(Self { reason: to_python(py, raw)?, final_sequence: integer(py, number)?, raw, number })
    }
}

#[pymethods]
impl StreamClose {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str) {
        ("reason", "final_sequence")
    }

    #[new]
    #[pyo3(
        signature = (reason, final_sequence=Number(0)),
        text_signature = "(reason, final_sequence=0)"
    )]
    fn new(py: Python<'_>, reason: Enumerant<CloseReason>, final_sequence: Number<u64>) -> Result<Self> {
        Self::make(py, reason.0, final_sequence.0)
    }

    fn __repr__(&self) -> String {
        let reason = of_name(self.raw.name(), self.raw.raw());
        format!("StreamClose(reason={reason}, final_sequence={})", self.number)
    }

    fn __eq__(&self, py: Python<'_>, other: &Self) -> bool {
        self.equals(py, other)
    }

    fn __hash__(&self, py: Python<'_>) -> u64 {
        self.hash(py)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Result<Reduced<'py>> {
        reduced::<Self>(py, (&self.reason, &self.final_sequence))
    }
}

/// Ends the stream as cancelled.
#[pyclass(frozen, module = "ixt_sdk.streaming")]
pub(crate) struct StreamCancel {
    #[pyo3(get)]
    reason: Py<PyAny>,
    #[pyo3(get)]
    message: Py<PyString>,
    raw: CancelReason,
    text: String,
}

impl Body for StreamCancel {
    fn view<'a>(&'a self, _py: Python<'_>) -> FrameBody<&'a [u8], &'a str> {
        FrameBody::Cancel(core::Cancel { reason: self.raw, message: &self.text })
    }
}

impl StreamCancel {
    fn make(py: Python<'_>, raw: CancelReason, text: String) -> Result<Self> {
        Ok(Self { reason: to_python(py, raw)?, message: PyString::new(py, &text).unbind(), raw, text })
    }
}

#[pymethods]
impl StreamCancel {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str) {
        ("reason", "message")
    }

    #[new]
    #[pyo3(signature = (reason, message=None))]
    fn new(py: Python<'_>, reason: Enumerant<CancelReason>, message: Option<Text<'_>>) -> Result<Self> {
        let message = message.map_or_else(|| Ok(String::new()), |message| message.to_owned())?;
        Self::make(py, reason.0, message)
    }

    fn __repr__(&self) -> String {
        let reason = of_name(self.raw.name(), self.raw.raw());
        format!("StreamCancel(reason={reason}, message={})", of_text(&self.text))
    }

    fn __eq__(&self, py: Python<'_>, other: &Self) -> bool {
        self.equals(py, other)
    }

    fn __hash__(&self, py: Python<'_>) -> u64 {
        self.hash(py)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Result<Reduced<'py>> {
        reduced::<Self>(py, (&self.reason, &self.message))
    }
}

/// Allows the peer further data frames.
#[pyclass(frozen, module = "ixt_sdk.streaming")]
pub(crate) struct StreamCredit {
    #[pyo3(get)]
    frames: Py<PyInt>,
    number: u32,
}

impl Body for StreamCredit {
    fn view<'a>(&'a self, _py: Python<'_>) -> FrameBody<&'a [u8], &'a str> {
        FrameBody::Credit(core::Credit { frames: self.number })
    }
}

#[pymethods]
impl StreamCredit {
    #[classattr]
    fn __match_args__() -> (&'static str,) {
        ("frames",)
    }

    #[new]
    fn new(py: Python<'_>, frames: Number<u32>) -> Result<Self> {
        Ok(Self { frames: integer(py, frames.0)?, number: frames.0 })
    }

    fn __repr__(&self) -> String {
        format!("StreamCredit(frames={})", self.number)
    }

    fn __eq__(&self, py: Python<'_>, other: &Self) -> bool {
        self.equals(py, other)
    }

    fn __hash__(&self, py: Python<'_>) -> u64 {
        self.hash(py)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Result<Reduced<'py>> {
        reduced::<Self>(py, (&self.frames,))
    }
}

/// A kind of frame of a later schema, kept whole so that it encodes to the same bytes. Decoding alone
/// gives it.
#[pyclass(frozen, module = "ixt_sdk.streaming")]
pub(crate) struct UnknownFrame {
    #[pyo3(get)]
    tag: Py<PyInt>,
    #[pyo3(get)]
    message: Py<PyBytes>,
    number: u16,
}

impl Body for UnknownFrame {
    fn view<'a>(&'a self, py: Python<'_>) -> FrameBody<&'a [u8], &'a str> {
        FrameBody::Unknown(core::UnknownFrame { tag: self.number, message: self.message.as_bytes(py) })
    }
}

#[pymethods]
impl UnknownFrame {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str) {
        ("tag", "message")
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("UnknownFrame(tag={}, message={})", self.number, of_bytes(self.message.as_bytes(py)))
    }

    fn __eq__(&self, py: Python<'_>, other: &Self) -> bool {
        self.equals(py, other)
    }

    fn __hash__(&self, py: Python<'_>) -> u64 {
        self.hash(py)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Result<Reduced<'py>> {
        let make = py.import("ixt_sdk._native")?.getattr("unknown_frame")?;
        Ok((make, (&self.message,).into_pyobject(py)?))
    }
}

/// The unknown frame of a message that decodes to one; for unpickling.
#[pyfunction]
pub(crate) fn unknown_frame(py: Python<'_>, message: BytesLike<'_>) -> Result<Py<PyAny>> {
    let frame = FrameRef::decode_within(message.as_bytes(), Limits::with_max_payload(usize::MAX))?;
    let frame = StreamFrame::make(py, frame, None, Some(&message.0))?;
    match frame.typed {
        Typed::Unknown(_) => Ok(frame.body),
        _ => Err(PyTypeError::new_err("not an unknown frame").into()),
    }
}

type Reduced<'py> = (Bound<'py, PyAny>, Bound<'py, PyTuple>);

/// The class and its arguments, for pickling.
fn reduced<'py, T: pyo3::PyTypeInfo>(
    py: Python<'py>,
    arguments: impl IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error = PyErr>,
) -> Result<Reduced<'py>> {
    Ok((py.get_type::<T>().into_any(), arguments.into_pyobject(py)?))
}

/// The body once more, by its kind.
enum Typed {
    Open(Py<StreamOpen>),
    Data(Py<StreamData>),
    Error(Py<StreamError>),
    Close(Py<StreamClose>),
    Cancel(Py<StreamCancel>),
    Credit(Py<StreamCredit>),
    Unknown(Py<UnknownFrame>),
}

/// One frame of a stream: whose, and what.
#[pyclass(frozen, module = "ixt_sdk.streaming")]
pub(crate) struct StreamFrame {
    #[pyo3(get)]
    stream_id: Py<StreamId>,
    #[pyo3(get)]
    body: Py<PyAny>,
    typed: Typed,
}

impl StreamFrame {
    /// A decoded frame. `stream_id` is shared where it is known already; `source` is the whole
    /// message, which an unknown frame keeps.
    #[inline]
    pub(crate) fn make(
        py: Python<'_>,
        frame: FrameRef<'_>,
        stream_id: Option<&Py<StreamId>>,
        source: Option<&Bound<'_, PyBytes>>,
    ) -> Result<Self> {
        let stream_id = match stream_id {
            Some(known) => known.clone_ref(py),
            None => Py::new(py, StreamId(frame.stream_id))?,
        };
        Ok(match frame.body {
            FrameBody::Data(data) => {
                let data = StreamData::make(py, data.sequence, copied(py, data.payload)?)?;
                Self::of(py, stream_id, Py::new(py, data)?, Typed::Data)
            }
            FrameBody::Open(open) => {
                let context = copied(py, open.context)?;
                let open = StreamOpen::make(py, open.interaction, open.initial_credit, context)?;
                Self::of(py, stream_id, Py::new(py, open)?, Typed::Open)
            }
            FrameBody::Error(error) => {
                let details = copied(py, error.details)?;
                let text = error.message.to_owned();
                let error = StreamError::make(py, error.code, error.sequence, text, details)?;
                Self::of(py, stream_id, Py::new(py, error)?, Typed::Error)
            }
            FrameBody::Close(close) => {
                let close = StreamClose::make(py, close.reason, close.final_sequence)?;
                Self::of(py, stream_id, Py::new(py, close)?, Typed::Close)
            }
            FrameBody::Cancel(cancel) => {
                let cancel = StreamCancel::make(py, cancel.reason, cancel.message.to_owned())?;
                Self::of(py, stream_id, Py::new(py, cancel)?, Typed::Cancel)
            }
            FrameBody::Credit(credit) => {
                let credit = StreamCredit::new(py, Number(credit.frames))?;
                Self::of(py, stream_id, Py::new(py, credit)?, Typed::Credit)
            }
            FrameBody::Unknown(unknown) => {
                let message = match source {
                    Some(source) if source.as_bytes().len() == unknown.message.len() => source.clone(),
                    _ => copied(py, unknown.message)?,
                };
                let unknown = UnknownFrame {
                    tag: integer(py, unknown.tag)?,
                    message: message.unbind(),
                    number: unknown.tag,
                };
                Self::of(py, stream_id, Py::new(py, unknown)?, Typed::Unknown)
            }
            _ => return Err(ixt_core::ErrorKind::Panic.into()),
        })
    }

    #[inline]
    fn of<T>(py: Python<'_>, stream_id: Py<StreamId>, body: Py<T>, typed: fn(Py<T>) -> Typed) -> Self {
        Self { stream_id, typed: typed(body.clone_ref(py)), body: body.into_any() }
    }

    /// The frame of the core, which borrows from this one.
    #[inline]
    pub(crate) fn view<'a>(&'a self, py: Python<'_>) -> FrameRef<'a> {
        let body = match &self.typed {
            Typed::Data(data) => data.get().view(py),
            Typed::Open(open) => open.get().view(py),
            Typed::Error(error) => error.get().view(py),
            Typed::Close(close) => close.get().view(py),
            Typed::Cancel(cancel) => cancel.get().view(py),
            Typed::Credit(credit) => credit.get().view(py),
            Typed::Unknown(unknown) => unknown.get().view(py),
        };
        core::Frame { stream_id: self.stream_id.get().0, body }
    }

    /// The body as it is, without a copy.
    pub(crate) fn body(&self, py: Python<'_>) -> Py<PyAny> {
        self.body.clone_ref(py)
    }
}

/// The payload limit of a call, 1 MiB by default.
#[inline]
pub(crate) fn limits(max_payload: Option<Number<usize>>) -> Limits {
    Limits::with_max_payload(max_payload.map_or(MAX_PAYLOAD, |limit| limit.0))
}

/// The canonical bytes of a frame.
#[inline]
pub(crate) fn encoded<'py>(
    py: Python<'py>,
    frame: &FrameRef<'_>,
    limits: Limits,
) -> Result<Bound<'py, PyBytes>> {
    // The length of a payload past the limit is not worth making room for.
    if let FrameBody::Data(data) = frame.body
        && data.payload.len() > limits.max_payload()
    {
        return Err(ixt_core::Error::new(ixt_core::ErrorKind::FrameTooLarge).in_field("data.payload").into());
    }
    written(py, frame.encoded_len(), |out| frame.encode_to_slice(out, limits).map(drop))
}

#[pymethods]
impl StreamFrame {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str) {
        ("stream_id", "body")
    }

    #[new]
    fn new(py: Python<'_>, stream_id: Py<StreamId>, body: &Bound<'_, PyAny>) -> Result<Self> {
        Ok(if let Ok(data) = body.cast::<StreamData>() {
            Self::of(py, stream_id, data.clone().unbind(), Typed::Data)
        } else if let Ok(credit) = body.cast::<StreamCredit>() {
            Self::of(py, stream_id, credit.clone().unbind(), Typed::Credit)
        } else if let Ok(open) = body.cast::<StreamOpen>() {
            Self::of(py, stream_id, open.clone().unbind(), Typed::Open)
        } else if let Ok(error) = body.cast::<StreamError>() {
            Self::of(py, stream_id, error.clone().unbind(), Typed::Error)
        } else if let Ok(close) = body.cast::<StreamClose>() {
            Self::of(py, stream_id, close.clone().unbind(), Typed::Close)
        } else if let Ok(cancel) = body.cast::<StreamCancel>() {
            Self::of(py, stream_id, cancel.clone().unbind(), Typed::Cancel)
        } else if body.cast::<UnknownFrame>().is_ok() {
            return Err(PyTypeError::new_err("an unknown frame comes from decoding alone").into());
        } else {
            return Err(PyTypeError::new_err("the body of a frame is one of the six kinds").into());
        })
    }

    /// A data frame, in one call.
    #[staticmethod]
    fn data(
        py: Python<'_>,
        stream_id: Py<StreamId>,
        sequence: &Bound<'_, PyAny>,
        payload: BytesLike<'_>,
    ) -> Result<Self> {
        let data = StreamData::given(sequence, payload.0)?;
        Ok(Self::of(py, stream_id, Py::new(py, data)?, Typed::Data))
    }

    /// Decodes one whole frame.
    #[staticmethod]
    #[pyo3(signature = (data, /, *, max_payload=None, canonical=false))]
    fn from_bytes(
        py: Python<'_>,
        data: BytesLike<'_>,
        max_payload: Option<Number<usize>>,
        canonical: bool,
    ) -> Result<Self> {
        let limits = limits(max_payload);
        let frame = if canonical {
            FrameRef::decode_canonical(data.as_bytes(), limits)?
        } else {
            FrameRef::decode_within(data.as_bytes(), limits)?
        };
        Self::make(py, frame, None, Some(&data.0))
    }

    /// The canonical bytes.
    #[pyo3(signature = (*, max_payload=None))]
    fn to_bytes<'py>(
        &self,
        py: Python<'py>,
        max_payload: Option<Number<usize>>,
    ) -> Result<Bound<'py, PyBytes>> {
        if let Typed::Unknown(unknown) = &self.typed {
            return Ok(unknown.get().message.bind(py).clone());
        }
        encoded(py, &self.view(py), limits(max_payload))
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyBytes>> {
        self.to_bytes(py, None)
    }

    fn __repr__(&self, py: Python<'_>) -> Result<String> {
        let body = self.body.bind(py).repr()?;
        Ok(format!("StreamFrame({}, {})", self.stream_id.get().0, body.to_str()?))
    }

    fn __eq__(&self, py: Python<'_>, other: &Self) -> bool {
        self.view(py) == other.view(py)
    }

    fn __hash__(&self, py: Python<'_>) -> u64 {
        let frame = self.view(py);
        hash_of((frame.stream_id, hash_of_body(frame.body)))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Result<Reduced<'py>> {
        if let Typed::Unknown(unknown) = &self.typed {
            let make = py.get_type::<Self>().getattr("from_bytes")?;
            return Ok((make, (&unknown.get().message,).into_pyobject(py)?));
        }
        reduced::<Self>(py, (&self.stream_id, &self.body))
    }
}
