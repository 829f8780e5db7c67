//! Keeps a session going: its connections, one after the other, each a resume and no subscription (ARCP §§6.3, 7.7).

use std::sync::Arc;
use std::time::Duration;

use ixt_arcp::runtime::Frames;
use ixt_arcp::{Code, Refusal, Secret};
use tokio::time::Instant;

use super::session::Core;
use crate::ClientTls;
use crate::arcp::transport::{Reader, Transport, Writer};

/// How long handles may take to read what came last, and a runtime to answer a close.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Pauses between two tries to connect again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// How to connect again.
pub(super) struct Again {
    pub(super) url: String,
    pub(super) tls: Option<ClientTls>,
}

/// Keeps a session going until it is closed or cannot be gone on with.
pub(super) async fn keep(core: Arc<Core>, transport: Transport, again: Option<Again>, token: Secret) {
    let mut transport = Some(transport);
    let mut pause = PAUSES.0;
    loop {
        if let Some(transport) = transport.take() {
            talk(&core, transport).await;
            core.with_state(|state, now_us| {
                state.engine.transport_ended(now_us);
                state.cut = false;
            });
        }
        if core.lock().closing {
            break;
        }
        let Some(again) = &again else { break };
        match Transport::connect(&again.url, again.tls.as_ref()).await {
            Ok(connected) => {
                core.with(|engine, now_us| engine.hello(token.reveal(), now_us));
                transport = Some(connected);
                pause = PAUSES.0;
            }
            Err(_) => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSES.1);
            }
        }
    }
    // What has come is told, where somebody reads it.
    let _ = tokio::time::timeout(LAST_WORDS, core.deliver()).await;
    let lost = Refusal::new(Code::InternalError, "the connection ended").into();
    core.end(lost);
}

/// Speaks over one connection, until it ends.
async fn talk(core: &Arc<Core>, transport: Transport) {
    let Transport { reader, writer } = transport;
    tokio::select! {
        () = read(core, reader) => {}
        () = write(core, writer) => {}
    }
}

async fn read(core: &Arc<Core>, mut reader: Reader) {
    let mut frames = Frames::default();
    loop {
        core.deliver().await;
        if core.lock().over.is_some() || !reader.read(&mut frames).await {
            return;
        }
        core.with(|engine, now_us| {
            for frame in frames.iter() {
                engine.receive(frame, now_us);
            }
        });
        frames.clear();
    }
}

async fn write(core: &Arc<Core>, mut writer: Writer) {
    let (mut frames, mut frame) = (Frames::default(), Vec::new());
    // Until when the answer to a close is waited for.
    let mut farewell = None;
    loop {
        let (due, closing, closed, cut) = {
            let mut state = core.lock();
            while state.engine.poll_transmit(&mut frame) {
                frames.push(&frame);
                frame.clear();
            }
            (state.engine.next_timeout(), state.closing, state.closed, state.cut)
        };
        if cut {
            return;
        }
        if !frames.is_empty() {
            if writer.write(&mut frames).await.is_err() {
                return;
            }
            continue;
        }
        if closed {
            writer.close().await;
            return;
        }
        if closing {
            farewell.get_or_insert_with(|| Instant::now() + LAST_WORDS);
        }
        tokio::select! {
            () = core.work.notified() => {}
            () = tokio::time::sleep_until(farewell.unwrap_or_else(|| core.clock.at(due.unwrap_or(u64::MAX)))) => {
                if farewell.is_some() {
                    writer.close().await;
                    return;
                }
                core.with(|engine, now_us| engine.handle_timeout(now_us));
            }
        }
    }
}
