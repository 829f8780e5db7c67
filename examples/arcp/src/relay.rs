//! The network between a client and a runtime: bytes both ways, until it is cut.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::Done;

/// A port whose connections lead to a runtime.
pub(crate) struct Relay {
    /// Where it listens.
    pub(crate) url: String,
    state: Arc<State>,
}

struct State {
    /// Where connections lead; nowhere while the network is down.
    target: Mutex<Option<String>>,
    /// How often it was cut: a connection of before is no more.
    cuts: watch::Sender<u32>,
    /// Connections that led somewhere.
    connections: Mutex<u32>,
}

impl Relay {
    pub(crate) async fn start() -> Done<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("ws://{}/arcp", listener.local_addr()?);
        let state = Arc::new(State {
            target: Mutex::default(),
            cuts: watch::Sender::new(0),
            connections: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(Arc::clone(&shared), client));
            }
        });
        Ok(Self { url, state })
    }

    /// Connections lead to this runtime from now on.
    pub(crate) fn lead_to(&self, url: &str) {
        let address = url.trim_start_matches("ws://").trim_end_matches("/arcp");
        *lock(&self.state.target) = Some(address.to_owned());
    }

    /// Every connection breaks, and nobody is told; new ones lead nowhere until [`lead_to`](Self::lead_to).
    pub(crate) fn cut(&self) {
        *lock(&self.state.target) = None;
        self.state.cuts.send_modify(|cuts| *cuts += 1);
    }

    pub(crate) fn connections(&self) -> u32 {
        *lock(&self.state.connections)
    }
}

async fn carry(state: Arc<State>, mut client: TcpStream) {
    let mut cuts = state.cuts.subscribe();
    let target = lock(&state.target).clone();
    let Some(target) = target else { return };
    let Ok(mut runtime) = TcpStream::connect(target).await else { return };
    let _ = (client.set_nodelay(true), runtime.set_nodelay(true));
    *lock(&state.connections) += 1;
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut runtime) => {}
        _ = cuts.changed() => {}
    }
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
