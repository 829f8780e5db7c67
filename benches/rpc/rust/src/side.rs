//! One way of calling, whichever it is.

use tokio::task::JoinSet;

use crate::Failure;
use crate::nats_peer::Client as Nats;
use crate::ours::Ours;
use crate::tonic_peer::Client as Tonic;

/// What is measured.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Operation {
    /// One call after the other.
    Unary,
    /// As many callers on one connection.
    AtOnce,
    /// As many messages as the windows let through, both ways.
    Bidi,
    /// As `Bidi`, messages handed over as many as there are at once.
    Batches,
    /// Messages one way; at their end one message tells how many bytes came.
    Count,
}

/// Callers of `Operation::AtOnce`.
const CALLERS: usize = 64;

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unary => "unary",
            Self::AtOnce => "unary, 64 at once",
            Self::Bidi => "bidi stream",
            Self::Batches => "bidi stream, batches",
            Self::Count => "client stream",
        }
    }

    /// Whether NATS alone has it.
    pub(crate) fn is_of_nats(self) -> bool {
        matches!(self, Self::Unary | Self::AtOnce | Self::Count)
    }
}

/// One way of calling. Clones are of one connection.
#[derive(Clone)]
pub(crate) enum Side {
    Ours(Ours),
    Tonic(Tonic),
    Nats(Nats),
}

impl Side {
    /// Whether this way takes part.
    pub(crate) fn has(&self, operation: Operation) -> bool {
        match self {
            Self::Ours(_) => true,
            Self::Tonic(_) => operation != Operation::Count,
            Self::Nats(_) => operation.is_of_nats(),
        }
    }

    /// So many messages; how many bytes came back, or arrived where nothing comes back.
    pub(crate) async fn run(
        &self,
        operation: Operation,
        payload: &[u8],
        count: usize,
    ) -> Result<usize, Failure> {
        match (operation, self) {
            (Operation::Unary, _) => self.calls(payload, count).await,
            (Operation::AtOnce, _) => self.at_once(payload, count).await,
            (Operation::Batches, Self::Ours(ours)) => ours.batches(payload, count).await,
            (Operation::Bidi, Self::Ours(ours)) => ours.each(payload.to_vec(), count).await,
            // It has no batches: its one by one stands beside ours.
            (Operation::Bidi | Operation::Batches, Self::Tonic(tonic)) => {
                tonic.clone().each(payload.to_vec(), count).await
            }
            (Operation::Count, Self::Ours(ours)) => ours.count(payload, count).await,
            (Operation::Count, Self::Nats(nats)) => nats.count(payload, count).await,
            _ => Err(format!("no {} here", operation.name()).into()),
        }
    }

    async fn calls(&self, payload: &[u8], count: usize) -> Result<usize, Failure> {
        let mut bytes = 0;
        match self {
            Self::Ours(ours) => {
                for _ in 0..count {
                    bytes += ours.unary(payload).await?;
                }
            }
            Self::Tonic(tonic) => {
                let mut tonic = tonic.clone();
                for _ in 0..count {
                    bytes += tonic.unary(payload.to_vec()).await?;
                }
            }
            Self::Nats(nats) => {
                for _ in 0..count {
                    bytes += nats.unary(payload.to_vec()).await?;
                }
            }
        }
        Ok(bytes)
    }

    async fn at_once(&self, payload: &[u8], count: usize) -> Result<usize, Failure> {
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let (side, payload) = (self.clone(), payload.to_vec());
            callers.spawn(async move { side.calls(&payload, count / CALLERS).await });
        }
        let mut bytes = 0;
        while let Some(done) = callers.join_next().await {
            bytes += done??;
        }
        Ok(bytes)
    }
}
