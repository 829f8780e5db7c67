//! One end of a WebSocket, without IO: what was read goes in, frames and what is to be written come out.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ixt_arcp::runtime::Frames;
use pyo3::exceptions::{PyConnectionError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyBytes, PyList};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::client::ClientHandshake;
use tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response, ServerHandshake};
use tungstenite::handshake::{HandshakeError, MidHandshake};
use tungstenite::http::{HeaderName, HeaderValue, StatusCode};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Message, Utf8Bytes, WebSocket};

use crate::bytes::BytesLike;

/// The largest message that is taken in; the engines' own limit is below it, and answers politely.
const MAX_MESSAGE: usize = 16 << 20;
/// Bytes that the library keeps for reading, as long as the connection lives: few, as a runtime has many connections.
const READ: usize = 1 << 10;
/// Memory for writing that is kept between writes.
const KEPT: usize = 256;

/// What the library takes for a connection.
#[derive(Clone, Default)]
struct Pipe(Arc<Mutex<Buffers>>);

#[derive(Default)]
struct Buffers {
    input: Vec<u8>,
    /// So much of `input` has been read.
    read: usize,
    output: Vec<u8>,
    /// Nothing more comes.
    ended: bool,
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, Buffers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read for Pipe {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut buffers = self.lock();
        let Buffers { input, read, ended, .. } = &mut *buffers;
        let rest = input.get(*read..).unwrap_or_default();
        if rest.is_empty() {
            return if *ended { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
        let count = rest.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        *read += count;
        if *read == input.len() {
            *read = 0;
            input.clear();
            if input.capacity() > KEPT {
                *input = Vec::new();
            }
        }
        Ok(count)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Which upgrades are taken.
struct Check {
    path: String,
    /// `None`: whatever the `Host` header says.
    hosts: Option<Vec<String>>,
}

impl Callback for Check {
    #[allow(clippy::result_large_err, reason = "the library's type")]
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        let refuse = |status: StatusCode, why: String| {
            let mut refused = ErrorResponse::new(Some(why));
            *refused.status_mut() = status;
            Err(refused)
        };
        if request.uri().path() != self.path {
            return refuse(StatusCode::NOT_FOUND, format!("ARCP is at {}", self.path));
        }
        let host = request.headers().get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
        match &self.hosts {
            Some(hosts) if !ixt_arcp::is_known_host(host, hosts) => {
                refuse(StatusCode::FORBIDDEN, "the Host header names another host".to_owned())
            }
            _ => Ok(response),
        }
    }
}

/// Whether a `Host` header names an address, `localhost` or one of these names, which are in lower case; for servers
/// that have sockets of their own.
#[pyfunction]
#[pyo3(signature = (host, names, /))]
pub(crate) fn arcp_is_known_host(host: &str, names: Vec<String>) -> bool {
    ixt_arcp::is_known_host(host, &names)
}

enum State {
    Accepting(MidHandshake<ServerHandshake<Pipe, Check>>),
    Connecting(MidHandshake<ClientHandshake<Pipe>>),
    Open(Box<WebSocket<Pipe>>),
    Closed,
}

struct Inner {
    state: State,
    pipe: Pipe,
    error: Option<String>,
}

/// One end of a WebSocket, without IO.
///
/// It may be used from any thread. A message is a frame; control messages are answered here, and their answers are
/// among what `output` gives.
#[pyclass(frozen, name = "ArcpSocket", module = "ixt_sdk.arcp")]
pub(crate) struct Socket {
    inner: Mutex<Inner>,
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
        .write_buffer_size(64 << 10)
}

/// A frame as a message: the engines write text, and what others give is made to be.
fn text(frame: &[u8]) -> Utf8Bytes {
    match std::str::from_utf8(frame) {
        Ok(text) => text.to_owned().into(),
        Err(_) => String::from_utf8_lossy(frame).into_owned().into(),
    }
}

impl Socket {
    fn of(state: State, pipe: Pipe) -> Self {
        Self { inner: Mutex::new(Inner { state, pipe, error: None }) }
    }

    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, Inner> {
        self.inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what was read and appends the frames that came with it; false once nothing more comes.
    pub(crate) fn take(&self, py: Python<'_>, data: &[u8], frames: &mut Frames) -> bool {
        self.lock(py).take(data, frames)
    }

    /// Frames as what is to be written, with what else waits; `None` where that is nothing.
    pub(crate) fn put<'py>(&self, py: Python<'py>, frames: &Frames) -> Option<Bound<'py, PyBytes>> {
        let mut inner = self.lock(py);
        inner.put(frames);
        inner.output(py)
    }
}

impl Inner {
    fn take(&mut self, data: &[u8], frames: &mut Frames) -> bool {
        self.pipe.lock().input.extend_from_slice(data);
        self.go_on();
        while let State::Open(socket) = &mut self.state {
            match socket.read() {
                Ok(Message::Text(text)) => frames.push(text.as_bytes()),
                // JSON all the same.
                Ok(Message::Binary(bytes)) => frames.push(&bytes),
                // The library answers.
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_) | Message::Close(_)) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    if !matches!(
                        error,
                        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed
                    ) {
                        self.error = Some(error.to_string());
                    }
                    self.state = State::Closed;
                }
            }
        }
        !matches!(self.state, State::Closed)
    }

    /// Goes on with the upgrade, where there is one.
    fn go_on(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Closed) {
            State::Accepting(upgrade) => match upgrade.handshake() {
                Ok(socket) => State::Open(Box::new(socket)),
                Err(HandshakeError::Interrupted(upgrade)) => State::Accepting(upgrade),
                Err(HandshakeError::Failure(error)) => self.failed(&error),
            },
            State::Connecting(upgrade) => match upgrade.handshake() {
                Ok((socket, _)) => State::Open(Box::new(socket)),
                Err(HandshakeError::Interrupted(upgrade)) => State::Connecting(upgrade),
                Err(HandshakeError::Failure(error)) => self.failed(&error),
            },
            other => other,
        };
    }

    fn failed(&mut self, error: &tungstenite::Error) -> State {
        self.error = Some(error.to_string());
        State::Closed
    }

    fn put(&mut self, frames: &Frames) {
        let State::Open(socket) = &mut self.state else { return };
        let mut sent = Ok(());
        for frame in frames.iter() {
            sent = sent.and_then(|()| socket.write(Message::Text(text(frame))));
        }
        if let Err(error) = sent.and_then(|()| socket.flush())
            && !matches!(error, tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed)
        {
            self.error = Some(error.to_string());
        }
    }

    fn output<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        let mut buffers = self.pipe.lock();
        if buffers.output.is_empty() {
            return None;
        }
        let bytes = PyBytes::new(py, &buffers.output);
        if buffers.output.capacity() > KEPT {
            buffers.output = Vec::new();
        } else {
            buffers.output.clear();
        }
        Some(bytes)
    }
}

#[pymethods]
impl Socket {
    /// The end of a runtime: takes an upgrade at `path`, by clients whose `Host` header names an address, `localhost`
    /// or one of `hosts`; any where that is None.
    #[staticmethod]
    #[pyo3(signature = (path, hosts=None, /))]
    fn server(path: String, hosts: Option<Vec<String>>) -> Self {
        let pipe = Pipe::default();
        let hosts = hosts.map(|hosts| hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect());
        let upgrade = ServerHandshake::start(pipe.clone(), Check { path, hosts }, Some(config()));
        Self::of(State::Accepting(upgrade), pipe)
    }

    /// The end of a client: asks for an upgrade at this `ws://` or `wss://` address, with these headers besides.
    #[staticmethod]
    #[pyo3(signature = (url, headers, /))]
    fn client(url: &str, headers: Vec<(String, String)>) -> PyResult<Self> {
        let wrong = |error: &dyn std::fmt::Display| PyValueError::new_err(format!("{error}"));
        let mut request = url.into_client_request().map_err(|error| wrong(&error))?;
        for (name, value) in headers {
            let name: HeaderName = name.parse().map_err(|error| wrong(&error))?;
            let value: HeaderValue = value.parse().map_err(|error| wrong(&error))?;
            request.headers_mut().append(name, value);
        }
        let pipe = Pipe::default();
        let upgrade =
            ClientHandshake::start(pipe.clone(), request, Some(config())).map_err(|error| wrong(&error))?;
        let socket = Self::of(State::Connecting(upgrade), pipe);
        socket.inner.lock().unwrap_or_else(PoisonError::into_inner).go_on();
        Ok(socket)
    }

    /// Takes in what was read, and gives the frames that came with it.
    #[pyo3(signature = (data, /))]
    fn receive<'py>(&self, py: Python<'py>, data: BytesLike<'py>) -> PyResult<Bound<'py, PyList>> {
        let mut frames = Frames::default();
        self.take(py, data.as_bytes(), &mut frames);
        PyList::new(py, frames.iter().map(|frame| PyBytes::new(py, frame)).collect::<Vec<_>>())
    }

    /// Frames as what is to be written.
    #[pyo3(signature = (frames, /))]
    fn send<'py>(
        &self,
        py: Python<'py>,
        frames: Vec<BytesLike<'py>>,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let mut all = Frames::default();
        frames.iter().for_each(|frame| all.push(frame.as_bytes()));
        if !self.is_open(py) {
            return Err(PyConnectionError::new_err("the WebSocket is not open"));
        }
        Ok(self.put(py, &all))
    }

    /// What is to be written besides: upgrades, pongs, a close; None where there is nothing.
    fn output<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.lock(py).output(py)
    }

    /// Says that this end closes; the peer's answer makes `closed` true.
    #[pyo3(signature = (code=1000, reason="", /))]
    fn close(&self, py: Python<'_>, code: u16, reason: &str) {
        let mut inner = self.lock(py);
        match &mut inner.state {
            State::Open(socket) => {
                let frame = CloseFrame { code: CloseCode::from(code), reason: reason.to_owned().into() };
                let _ = socket.close(Some(frame));
                let _ = socket.flush();
            }
            state => *state = State::Closed,
        }
    }

    /// The connection is gone.
    fn end(&self, py: Python<'_>) {
        self.lock(py).pipe.lock().ended = true;
        self.take(py, b"", &mut Frames::default());
    }

    /// Whether frames can be sent.
    #[getter]
    fn is_open(&self, py: Python<'_>) -> bool {
        matches!(self.lock(py).state, State::Open(_))
    }

    /// Whether it is over.
    #[getter]
    fn is_closed(&self, py: Python<'_>) -> bool {
        matches!(self.lock(py).state, State::Closed)
    }

    /// What went wrong, where something did.
    #[getter]
    fn error(&self, py: Python<'_>) -> Option<String> {
        self.lock(py).error.clone()
    }
}
