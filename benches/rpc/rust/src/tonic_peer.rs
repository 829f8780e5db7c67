//! The peer: gRPC by tonic.

use std::path::PathBuf;
use std::pin::Pin;

use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tokio_stream::{Stream, StreamExt};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};

use crate::Failure;

/// The message of both directions.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Payload {
    #[prost(bytes = "vec", tag = "1")]
    pub bytes: Vec<u8>,
}

#[allow(missing_docs, unreachable_pub, clippy::all)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/bench.Echo.rs"));
}
use generated::echo_client::EchoClient;
use generated::echo_server::{Echo, EchoServer};

struct Echoes;

#[tonic::async_trait]
impl Echo for Echoes {
    type EachStream = Pin<Box<dyn Stream<Item = Result<Payload, Status>> + Send>>;

    async fn unary(&self, request: Request<Payload>) -> Result<Response<Payload>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn each(&self, request: Request<Streaming<Payload>>) -> Result<Response<Self::EachStream>, Status> {
        Ok(Response::new(Box::pin(request.into_inner())))
    }
}

pub(crate) async fn serve(path: PathBuf) -> Result<(), Failure> {
    let incoming = UnixListenerStream::new(UnixListener::bind(path)?);
    Server::builder().add_service(EchoServer::new(Echoes)).serve_with_incoming(incoming).await?;
    Ok(())
}

#[derive(Clone)]
pub(crate) struct Client(EchoClient<Channel>);

impl Client {
    pub(crate) async fn connect(path: PathBuf) -> Result<Self, Failure> {
        let connector = tower::service_fn(move |_| {
            let path = path.clone();
            async move { Ok::<_, std::io::Error>(TokioIo::new(UnixStream::connect(path).await?)) }
        });
        let channel = Endpoint::from_static("http://unix.socket").connect_with_connector(connector).await?;
        Ok(Self(EchoClient::new(channel)))
    }

    pub(crate) async fn unary(&mut self, payload: Vec<u8>) -> Result<usize, Failure> {
        let answer = self.0.unary(Request::new(Payload { bytes: payload })).await?;
        Ok(answer.into_inner().bytes.len())
    }

    /// Sends so many messages and reads as many back, as quickly as both go.
    pub(crate) async fn each(&mut self, payload: Vec<u8>, count: usize) -> Result<usize, Failure> {
        let (sender, receiver) = mpsc::channel(64);
        let sending = tokio::spawn(async move {
            for _ in 0..count {
                if sender.send(Payload { bytes: payload.clone() }).await.is_err() {
                    return;
                }
            }
        });
        let mut answers = self.0.each(Request::new(ReceiverStream::new(receiver))).await?.into_inner();
        let mut bytes = 0;
        while let Some(answer) = answers.next().await {
            bytes += answer?.bytes.len();
        }
        sending.await?;
        Ok(bytes)
    }
}
