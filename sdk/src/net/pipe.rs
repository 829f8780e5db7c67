//! The transport: an ordered byte pipe, whatever carries it. All that the rest knows of sockets stands here.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_rustls::TlsAcceptor;

use super::{Address, ClientTls, ConnectError, ServerTls, TlsError};

/// Both directions of a byte pipe, and who is at its other end.
pub(crate) struct Pipe {
    pub(crate) reader: Box<dyn AsyncRead + Send + Unpin>,
    pub(crate) writer: Box<dyn AsyncWrite + Send + Unpin>,
    /// The user id of the process at the other end of a Unix socket.
    pub(crate) uid: Option<u32>,
    /// The host itself is at the other end.
    pub(crate) is_host: bool,
}

impl Pipe {
    fn unix(stream: UnixStream) -> Self {
        let uid = stream.peer_cred().ok().map(|cred| cred.uid());
        let (reader, writer) = stream.into_split();
        Self { reader: Box::new(reader), writer: Box::new(writer), uid, is_host: false }
    }

    fn tcp(stream: TcpStream) -> io::Result<Self> {
        // What is written is a whole flush already.
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        Ok(Self { reader: Box::new(reader), writer: Box::new(writer), uid: None, is_host: false })
    }

    fn any(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self {
            reader: Box::new(Box::pin(reader)),
            writer: Box::new(Box::pin(writer)),
            uid: None,
            is_host: false,
        }
    }

    /// Two ends of a pipe within the process, for tests.
    pub(crate) fn pair(uid: Option<u32>) -> (Self, Self) {
        let (here, there) = tokio::io::duplex(256 << 10);
        let (here, there) = (Self::any(here), Self::any(there));
        (here, Self { uid, ..there })
    }

    /// Connects to a host.
    /// Gives up after [`HANDSHAKE`]. A network that is silent would else decide when the next attempt is made: TCP sends
    /// again ever more seldom, after minutes a minute apart.
    pub(crate) async fn connect(address: &Address, tls: Option<&ClientTls>) -> Result<Self, ConnectError> {
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no connection in time");
        tokio::time::timeout(HANDSHAKE, Self::connected(address, tls)).await.map_err(late)?
    }

    async fn connected(address: &Address, tls: Option<&ClientTls>) -> Result<Self, ConnectError> {
        match address {
            Address::Unix(path) => Ok(Self::unix(UnixStream::connect(path).await?)),
            Address::Tcp(at) => Ok(Self::tcp(TcpStream::connect(at).await?)?),
            Address::Tls(at) => {
                let host = at.rsplit_once(':').map_or(at.as_str(), |(host, _)| host);
                let stream = TcpStream::connect(at).await?;
                stream.set_nodelay(true)?;
                Ok(Self::any(ClientTls::connect::<ConnectError>(tls, stream, host).await?))
            }
            #[cfg(feature = "nats")]
            Address::Nats(url) => super::nats::connect(url, tls).await,
            #[cfg(not(feature = "nats"))]
            Address::Nats(_) => Err(io::Error::new(io::ErrorKind::Unsupported, NO_NATS).into()),
        }
    }
}

#[cfg(not(feature = "nats"))]
const NO_NATS: &str = "the crate `ixt` was built without the feature `nats`";

/// How long it may take to connect, with the TLS handshake; and, of who listens, a TLS handshake.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(10);

/// Where a host listens.
pub(crate) enum Listener {
    /// Removed again when the host stops.
    Unix(UnixListener, std::path::PathBuf),
    Tcp(TcpListener),
    Tls(TcpListener, TlsAcceptor),
}

/// A connection that has come, whose handshake may still be to do.
pub(crate) enum Arrived {
    Ready(Pipe),
    Handshake(TcpStream, TlsAcceptor),
}

impl Arrived {
    pub(crate) async fn ready(self) -> io::Result<Pipe> {
        match self {
            Self::Ready(pipe) => Ok(pipe),
            Self::Handshake(stream, acceptor) => {
                stream.set_nodelay(true)?;
                Ok(Pipe::any(acceptor.accept(stream).await?))
            }
        }
    }
}

impl Listener {
    /// Listens. A Unix socket is for its own user alone (mode 0600); a socket that nobody listens on any more is
    /// replaced.
    pub(crate) async fn bind(address: &Address, tls: Option<&ServerTls>) -> Result<Self, ConnectError> {
        match address {
            Address::Unix(path) => {
                if let Err(error) = UnixStream::connect(path).await {
                    if error.kind() == io::ErrorKind::ConnectionRefused {
                        std::fs::remove_file(path)?;
                    }
                } else {
                    let message = format!("a host listens on {} already", path.display());
                    return Err(io::Error::new(io::ErrorKind::AddrInUse, message).into());
                }
                Ok(Self::Unix(bind_private(path)?, path.clone()))
            }
            Address::Tcp(at) => Ok(Self::Tcp(TcpListener::bind(at).await?)),
            Address::Tls(at) => {
                let Some(ServerTls(config)) = tls else {
                    return Err(TlsError("a host that listens with TLS needs a certificate".into()).into());
                };
                Ok(Self::Tls(TcpListener::bind(at).await?, TlsAcceptor::from(Arc::clone(config))))
            }
            Address::Nats(_) => {
                let message = "on NATS nobody listens: modules connect, and call each other without a host";
                Err(io::Error::new(io::ErrorKind::Unsupported, message).into())
            }
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<Arrived> {
        match self {
            Self::Unix(listener, _) => Ok(Arrived::Ready(Pipe::unix(listener.accept().await?.0))),
            Self::Tcp(listener) => Ok(Arrived::Ready(Pipe::tcp(listener.accept().await?.0)?)),
            Self::Tls(listener, acceptor) => {
                Ok(Arrived::Handshake(listener.accept().await?.0, acceptor.clone()))
            }
        }
    }

    /// Where it listens: the port that the system chose, where 0 was asked for.
    pub(crate) fn address(&self) -> io::Result<Address> {
        Ok(match self {
            Self::Unix(_, path) => Address::Unix(path.clone()),
            Self::Tcp(listener) => Address::Tcp(listener.local_addr()?.to_string()),
            Self::Tls(listener, _) => Address::Tls(listener.local_addr()?.to_string()),
        })
    }
}

/// Binds a Unix socket that no other user can open at any moment: in a folder of its own first, then moved.
fn bind_private(path: &std::path::Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    let parent = path.parent().unwrap_or(std::path::Path::new("/"));
    let folder = parent.join(format!(".ixt-{}", std::process::id()));
    std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
    let made = folder.join("s");
    let bound = UnixListener::bind(&made).and_then(|listener| {
        std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&made, path)?;
        Ok(listener)
    });
    let _ = std::fs::remove_file(&made);
    std::fs::remove_dir(&folder)?;
    bound
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            let _ = std::fs::remove_file(path);
        }
    }
}
