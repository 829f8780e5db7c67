//! The peer: NATS alone, its own requests and messages through its server.

use async_nats::{Client as Connection, ConnectOptions, Message};
use tokio_stream::StreamExt;

use crate::Failure;

/// Those who answer are one queue group, as modules of one service are.
const GROUP: &str = "bench";
const UNARY: &str = "bench.unary";
const COUNT: &str = "bench.count";

pub(crate) async fn serve(url: &str) -> Result<(), Failure> {
    let connection = connect(url).await?;
    let mut calls = connection.queue_subscribe(UNARY, GROUP.into()).await?;
    let mut messages = connection.queue_subscribe(COUNT, GROUP.into()).await?;
    let answering = connection.clone();
    let unary = async move {
        while let Some(Message { reply: Some(reply), payload, .. }) = calls.next().await {
            answering.publish(reply, payload).await?;
        }
        Ok::<_, Failure>(())
    };
    let count = async move {
        let mut bytes = 0;
        while let Some(message) = messages.next().await {
            bytes += message.payload.len();
            // The last one asks.
            if let Some(reply) = message.reply {
                connection.publish(reply, std::mem::take(&mut bytes).to_string().into()).await?;
            }
        }
        Ok::<_, Failure>(())
    };
    tokio::try_join!(unary, count)?;
    Ok(())
}

async fn connect(url: &str) -> Result<Connection, Failure> {
    Ok(ConnectOptions::new().retry_on_initial_connect().connect(url).await?)
}

#[derive(Clone)]
pub(crate) struct Client(Connection);

impl Client {
    pub(crate) async fn connect(url: &str) -> Result<Self, Failure> {
        Ok(Self(connect(url).await?))
    }

    pub(crate) async fn unary(&self, payload: Vec<u8>) -> Result<usize, Failure> {
        Ok(self.0.request(UNARY, payload.into()).await?.payload.len())
    }

    /// Sends so many messages, and has the other side tell how many bytes came.
    pub(crate) async fn count(&self, payload: &[u8], count: usize) -> Result<usize, Failure> {
        for _ in 0..count {
            self.0.publish(COUNT, payload.to_vec().into()).await?;
        }
        self.0.flush().await?;
        let answer = self.0.request(COUNT, "".into()).await?;
        Ok(std::str::from_utf8(&answer.payload)?.parse()?)
    }
}
