//! A runtime on WebSocket: `/arcp`, with or without TLS (ARCP §4).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;

use super::Runtime;
use crate::ServerTls;
use crate::arcp::transport::{Bytes, READ_REQUESTS, Transport, config};

/// Why a runtime does not listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address is not to be had.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A runtime that listens.
#[derive(Debug)]
#[must_use = "nobody is served before `serve` runs"]
pub struct Listening {
    runtime: Runtime,
    listener: TcpListener,
    tls: Option<ServerTls>,
    hosts: Arc<[String]>,
}

/// How long TLS and the upgrade may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Connections whose upgrade is under way.
const MAX_HANDSHAKES: usize = 1000;

impl Runtime {
    /// Listens at an address, such as `127.0.0.1:7777`; with `tls` clients come by `wss://`.
    ///
    /// # Errors
    /// An address that is not to be had.
    pub async fn listen(&self, address: &str, tls: Option<ServerTls>) -> Result<Listening, ServeError> {
        let listener = TcpListener::bind(address).await?;
        Ok(Listening { runtime: self.clone(), listener, tls, hosts: Arc::new([]) })
    }
}

impl Listening {
    /// Where it listens: the port that the system chose, where 0 was asked for.
    ///
    /// # Errors
    /// As the system says.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The URL of it.
    ///
    /// # Errors
    /// As [`address`](Self::address).
    pub fn url(&self) -> std::io::Result<String> {
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        Ok(format!("{scheme}://{}/arcp", self.address()?))
    }

    /// The names by which clients may call it, beside addresses and `localhost`. A page of a foreign site that makes
    /// its name point here says that name, and gets nowhere.
    pub fn hosts<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.hosts = names.into_iter().map(|name| name.into().to_ascii_lowercase()).collect();
        self
    }

    /// Serves all that come, until it is dropped.
    pub async fn serve(self) {
        let handshakes = Arc::new(tokio::sync::Semaphore::new(MAX_HANDSHAKES));
        loop {
            let Ok(place) = Arc::clone(&handshakes).acquire_owned().await else { return };
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(_) => {
                    // Too many files are open, mostly; it passes.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let (runtime, tls, hosts) = (self.runtime.clone(), self.tls.clone(), Arc::clone(&self.hosts));
            tokio::spawn(async move {
                // In a box of its own: TLS and the upgrade take some KiB, which the connection would keep.
                let upgrade = Box::pin(upgrade(stream, tls, hosts));
                let upgraded = tokio::time::timeout(HANDSHAKE, upgrade).await;
                drop(place);
                if let Ok(Some(transport)) = upgraded {
                    Arc::clone(&runtime.0).serve(transport).await;
                }
            });
        }
    }
}

async fn upgrade(stream: TcpStream, tls: Option<ServerTls>, hosts: Arc<[String]>) -> Option<Transport> {
    // A frame is whole when it is written: it waits for nothing.
    stream.set_nodelay(true).ok()?;
    let stream: Box<dyn Bytes> = match tls {
        Some(ServerTls(config)) => Box::new(TlsAcceptor::from(config).accept(stream).await.ok()?),
        None => Box::new(stream),
    };
    #[allow(clippy::result_large_err, reason = "the library's type")]
    let check = |request: &Request, response: Response| check(request, &hosts).map(|()| response);
    let socket = accept_hdr_async_with_config(stream, check, Some(config(READ_REQUESTS))).await.ok()?;
    Some(Transport::of(socket))
}

#[allow(clippy::result_large_err, reason = "the library's type")]
fn check(request: &Request, hosts: &[String]) -> Result<(), ErrorResponse> {
    let refuse = |status: StatusCode, why: &str| {
        let mut response = ErrorResponse::new(Some(why.to_owned()));
        *response.status_mut() = status;
        Err(response)
    };
    if request.uri().path() != "/arcp" {
        return refuse(StatusCode::NOT_FOUND, "ARCP is at /arcp");
    }
    let host = request.headers().get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !ixt_arcp::is_known_host(host, hosts) {
        return refuse(StatusCode::FORBIDDEN, "the Host header names another host");
    }
    Ok(())
}
