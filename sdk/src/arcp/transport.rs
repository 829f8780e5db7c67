//! What carries frames: WebSocket, lines, memory (ARCP §4).

use std::io;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt, SinkExt, StreamExt};
use ixt_arcp::runtime::Frames;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};

use crate::ClientTls;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The address is none that can be connected to.
    #[error("{0}: not ws://, wss:// or stdio:")]
    Address(String),
    /// The connection could not be made, or broke.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The peer does not speak WebSocket as it should, or refused the upgrade.
    #[error("WebSocket: {0}")]
    WebSocket(Box<tungstenite::Error>),
    /// There is no trust in the peer's certificate.
    #[error(transparent)]
    Tls(#[from] crate::TlsError),
}

impl From<tungstenite::Error> for TransportError {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Io(error) => Self::Io(error),
            other => Self::WebSocket(Box::new(other)),
        }
    }
}

/// Bytes both ways, whatever carries them.
pub(crate) trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// A connection that carries whole frames both ways.
pub struct Transport {
    pub(super) reader: Reader,
    pub(super) writer: Writer,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.writer {
            Writer::WebSocket(_) => "Transport(WebSocket)",
            Writer::Lines(_) => "Transport(lines)",
            Writer::Memory(_) => "Transport(memory)",
        })
    }
}

type Socket = WebSocketStream<Box<dyn Bytes>>;

pub(super) enum Reader {
    WebSocket(SplitStream<Socket>),
    Lines(Box<dyn AsyncBufRead + Send + Unpin>, Vec<u8>),
    Memory(mpsc::Receiver<Frames>),
}

pub(super) enum Writer {
    WebSocket(Box<SplitSink<Socket, Message>>),
    Lines(Box<dyn AsyncWrite + Send + Unpin>),
    Memory(mpsc::Sender<Frames>),
}

/// The largest frame that is taken in; the engine's own limit is below it, and answers politely.
const MAX_FRAME: usize = 16 << 20;
/// Frames that are read at once.
const BATCH: usize = 256;
/// Bytes that are read at once. The library clears as many before each read, and keeps them as long as the connection
/// lives: few on a runtime's side, which has many connections and is mostly told little.
const READ: usize = 16 << 10;
pub(super) const READ_REQUESTS: usize = 1 << 10;
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

impl Transport {
    /// Two ends within the process.
    #[must_use]
    pub fn memory() -> (Self, Self) {
        let ((to_there, from_here), (to_here, from_there)) = (mpsc::channel(4), mpsc::channel(4));
        (
            Self { reader: Reader::Memory(from_there), writer: Writer::Memory(to_there) },
            Self { reader: Reader::Memory(from_here), writer: Writer::Memory(to_here) },
        )
    }

    /// A frame a line, over any bytes: pipes of a child process, for one.
    pub fn lines(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        let reader = Box::new(BufReader::with_capacity(64 << 10, reader));
        Self { reader: Reader::Lines(reader, Vec::new()), writer: Writer::Lines(Box::new(writer)) }
    }

    /// A frame a line on this process's own standard input and output. Nothing else may be written there.
    #[must_use]
    pub fn stdio() -> Self {
        Self::lines(tokio::io::stdin(), tokio::io::stdout())
    }

    /// Connects to `ws://host:port/arcp` or `wss://…`; for the latter `tls` says whom to trust.
    ///
    /// # Errors
    /// What does not work out within ten seconds.
    pub async fn connect(url: &str, tls: Option<&ClientTls>) -> Result<Self, TransportError> {
        let timed_out = || io::Error::from(io::ErrorKind::TimedOut).into();
        tokio::time::timeout(CONNECT, Self::connect_within(url, tls))
            .await
            .unwrap_or_else(|_| Err(timed_out()))
    }

    async fn connect_within(url: &str, tls: Option<&ClientTls>) -> Result<Self, TransportError> {
        let wrong = || TransportError::Address(url.to_owned());
        let request = url.into_client_request().map_err(|_| wrong())?;
        let is_tls = match request.uri().scheme_str() {
            Some("ws") => false,
            Some("wss") => true,
            _ => return Err(wrong()),
        };
        let host = request.uri().host().ok_or_else(wrong)?.trim_matches(['[', ']']).to_owned();
        let port = request.uri().port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        // A frame is whole when it is written: it waits for nothing.
        stream.set_nodelay(true)?;
        let stream: Box<dyn Bytes> = if is_tls {
            Box::new(ClientTls::connect::<TransportError>(tls, stream, &host).await?)
        } else {
            Box::new(stream)
        };
        let (socket, _) =
            tokio_tungstenite::client_async_with_config(request, stream, Some(config(READ))).await?;
        Ok(Self::of(socket))
    }

    /// Waits for frames as they came, and appends all that have; false at the end. For what is no client and no runtime:
    /// a proxy, a recorder, a test of others. Dropped while it waits, it loses nothing.
    pub async fn receive(&mut self, frames: &mut Frames) -> bool {
        self.reader.read(frames).await
    }

    /// Writes frames as they are, and empties `frames`.
    ///
    /// # Errors
    /// A connection that is over.
    pub async fn send(&mut self, frames: &mut Frames) -> Result<(), TransportError> {
        self.writer.write(frames).await
    }

    pub(super) fn of(socket: Socket) -> Self {
        let (writer, reader) = socket.split();
        Self { reader: Reader::WebSocket(reader), writer: Writer::WebSocket(Box::new(writer)) }
    }
}

pub(super) fn config(read: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(read)
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME))
        .write_buffer_size(64 << 10)
}

impl Reader {
    /// Waits for a frame, and appends all that have come; false at the end.
    pub(super) async fn read(&mut self, frames: &mut Frames) -> bool {
        match self {
            Self::WebSocket(stream) => {
                let Some(Ok(message)) = stream.next().await else { return false };
                if !take(&message, frames) {
                    return false;
                }
                while frames.len() < BATCH
                    && let Some(next) = stream.next().now_or_never()
                {
                    let goes_on = matches!(next, Some(Ok(message)) if take(&message, frames));
                    if !goes_on {
                        // What came before it counts.
                        return !frames.is_empty();
                    }
                }
                true
            }
            Self::Lines(reader, line) => loop {
                if !read_line(reader, line).await {
                    return false;
                }
                let text = line.trim_ascii();
                let is_frame = !text.is_empty();
                if is_frame {
                    frames.push(text);
                }
                line.clear();
                if is_frame {
                    return true;
                }
            },
            Self::Memory(receiver) => match receiver.recv().await {
                Some(come) => {
                    *frames = come;
                    true
                }
                None => false,
            },
        }
    }
}

/// Takes a message's text; false where the peer closes.
fn take(message: &Message, frames: &mut Frames) -> bool {
    match message {
        Message::Text(text) => frames.push(text.as_bytes()),
        // JSON all the same.
        Message::Binary(bytes) => frames.push(bytes),
        Message::Close(_) => return false,
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
    }
    true
}

/// Goes on with a line, up to its end, which is left out; one that is too long is cut, so that it is refused as what it
/// is. Dropped while it waits, it has lost nothing.
async fn read_line(reader: &mut (dyn AsyncBufRead + Send + Unpin), line: &mut Vec<u8>) -> bool {
    loop {
        let Ok(read) = reader.fill_buf().await else { return false };
        if read.is_empty() {
            return !line.is_empty();
        }
        let (part, used, is_end) = match read.iter().position(|byte| *byte == b'\n') {
            Some(end) => (read.get(..end).unwrap_or_default(), end + 1, true),
            None => (read, read.len(), false),
        };
        if line.len() <= MAX_FRAME {
            line.extend_from_slice(part);
        }
        reader.consume(used);
        if is_end {
            return true;
        }
    }
}

/// A frame as a message: the engines write text, and what others push is made to be.
fn text(frame: &[u8]) -> Utf8Bytes {
    match std::str::from_utf8(frame) {
        Ok(text) => text.to_owned().into(),
        Err(_) => String::from_utf8_lossy(frame).into_owned().into(),
    }
}

impl Writer {
    /// Writes frames, whole and at once.
    pub(super) async fn write(&mut self, frames: &mut Frames) -> Result<(), TransportError> {
        match self {
            Self::WebSocket(sink) => {
                for frame in frames.iter() {
                    sink.feed(Message::Text(text(frame))).await?;
                }
                sink.flush().await?;
                frames.clear();
            }
            Self::Lines(writer) => {
                let mut lines = Vec::with_capacity(frames.bytes() + frames.len());
                for frame in frames.iter() {
                    lines.extend_from_slice(frame);
                    lines.push(b'\n');
                }
                writer.write_all(&lines).await?;
                writer.flush().await?;
                frames.clear();
            }
            Self::Memory(sender) => {
                let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
                sender.send(std::mem::take(frames)).await.map_err(gone)?;
            }
        }
        Ok(())
    }

    pub(super) async fn close(&mut self) {
        let _ = match self {
            Self::WebSocket(sink) => sink.close().await.map_err(TransportError::from),
            Self::Lines(writer) => writer.shutdown().await.map_err(TransportError::from),
            Self::Memory(_) => Ok(()),
        };
    }
}
