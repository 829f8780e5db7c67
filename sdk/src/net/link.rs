//! One connection: the engine behind a lock, a task that reads and a task that writes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ixt_core::connection::{Config, Connection, End, EndReason, Event, Key};
use ixt_core::flow::{self, Outcome, Ticket};
use ixt_core::stream::{InteractionKind, StreamId};
use ixt_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use super::arrived::{Arrived, Taken};
use super::clock::Clock;
use super::pipe::Pipe;
use super::wakers::Wakers;

/// What is read and written at once, at most.
const BUFFER: usize = 64 << 10;

/// How long the peer of a connection that has ended may take to read why.
pub(super) const LINGER: Duration = Duration::from_secs(1);

/// A connection and what its streams wait for.
pub(crate) struct Link {
    state: Mutex<State>,
    /// Something is to be written, or the time of the next timeout has changed.
    work: Notify,
    /// The connection was established, goes away, or has ended.
    changed: Notify,
    pub(crate) clock: Clock,
    window: u32,
}

/// What is done with streams that the peer opens. Called under the connection's lock: it must not call the link.
pub(crate) type OnOpened = Box<dyn Fn(Opened) + Send + Sync>;

/// A stream that the peer opened.
pub(crate) struct Opened {
    pub(crate) key: Key,
    pub(crate) kind: InteractionKind,
    pub(crate) context: Vec<u8>,
}

struct State {
    engine: Connection,
    slots: HashMap<Key, Slot, foldhash::fast::FixedState>,
    on_opened: Option<OnOpened>,
    is_established: bool,
    going_away: bool,
    end: Option<End>,
    /// Who waits for the connection is to be told.
    has_changed: bool,
    /// The writer has nothing to do until it is told, or until this time.
    writer_waits: Option<u64>,
}

/// What a stream's user waits for.
#[derive(Default)]
struct Slot {
    arrived: Arrived,
    /// The peer's direction has ended in order.
    closed: bool,
    /// The stream failed or was cancelled, or is over.
    outcome: Option<Outcome>,
    readers: Wakers,
    tickets: Vec<(Ticket, Turn)>,
    enders: Wakers,
}

/// Where a ticket stands.
enum Turn {
    Waits(Option<Waker>),
    Ready,
    Ended,
}

impl Slot {
    fn wake_all(&mut self) {
        self.readers.wake();
        self.enders.wake();
    }
}

impl Link {
    /// Starts the engine on a pipe: its two tasks run until the connection has ended.
    pub(crate) fn start(pipe: Pipe, config: Config, on_opened: Option<OnOpened>) -> Result<Arc<Self>> {
        let clock = Clock::new();
        let (mut config, window) = (config.clone(), config.window);
        config.seed = uuid::Uuid::new_v4().as_u64_pair().0;
        let engine = Connection::new(config, fresh_id()?, clock.now_us())?;
        let state = State {
            engine,
            slots: HashMap::default(),
            on_opened,
            is_established: false,
            going_away: false,
            end: None,
            has_changed: false,
            writer_waits: None,
        };
        let link = Arc::new(Self {
            state: Mutex::new(state),
            work: Notify::new(),
            changed: Notify::new(),
            clock,
            window,
        });
        tokio::spawn(Arc::clone(&link).read(pipe.reader));
        tokio::spawn(Arc::clone(&link).write(pipe.writer));
        Ok(link)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held but a defect, and then the engine is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something under the lock, and sees to what came of it.
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let (done, is_writer_wanted, has_changed) = {
            let mut state = self.lock();
            let done = work(&mut state);
            state.drain();
            (done, state.is_writer_wanted(), std::mem::take(&mut state.has_changed))
        };
        if is_writer_wanted {
            self.work.notify_one();
        }
        if has_changed {
            self.changed.notify_waiters();
        }
        done
    }

    async fn read(self: Arc<Self>, mut reader: Box<dyn tokio::io::AsyncRead + Send + Unpin>) {
        let mut buffer = vec![0; BUFFER];
        let mut over = std::pin::pin!(self.ended());
        loop {
            let ended = tokio::select! {
                read = reader.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => true,
                    Ok(count) => {
                        let now_us = self.clock.now_us();
                        let bytes = buffer.get(..count).unwrap_or_default();
                        self.with(|state| state.receive(bytes, now_us));
                        false
                    }
                },
                () = &mut over => return,
            };
            if ended {
                self.with(|state| state.engine.transport_ended());
                self.work.notify_one();
                return;
            }
        }
    }

    async fn write(self: Arc<Self>, mut writer: Box<dyn tokio::io::AsyncWrite + Send + Unpin>) {
        let mut buffer = vec![0; BUFFER];
        let mut timer = std::pin::pin!(tokio::time::sleep_until(self.clock.at(u64::MAX)));
        loop {
            // Room is made, so senders that waited for it may go on.
            let (filled, ended, next) = self.with(|state| {
                let filled = state.engine.poll_transmit(&mut buffer);
                let next = state.engine.next_timeout().unwrap_or(u64::MAX);
                state.writer_waits = (filled == 0).then_some(next);
                (filled, state.engine.has_ended(), next)
            });
            let bytes = buffer.get(..filled).unwrap_or_default();
            let written = tokio::select! {
                biased;
                // A TLS writer keeps bytes until it is told.
                written = async {
                    writer.write_all(bytes).await?;
                    if filled == 0 { writer.flush().await } else { Ok(()) }
                } => written.is_ok(),
                () = self.lingered() => false,
            };
            if filled > 0 && written {
                continue;
            }
            if !written || ended {
                let _ = tokio::time::timeout(LINGER, writer.shutdown()).await;
                self.with(|state| state.engine.transport_ended());
                return;
            }
            let next = self.clock.at(next);
            if timer.deadline() != next {
                timer.as_mut().reset(next);
            }
            tokio::select! {
                () = self.work.notified() => {
                    // Who is ready to send goes first, so that one write carries it all.
                    tokio::task::yield_now().await;
                }
                () = &mut timer => {
                    let now_us = self.clock.now_us();
                    self.with(|state| state.engine.handle_timeout(now_us));
                }
            }
        }
    }

    /// Waits until this holds, or the connection has ended.
    async fn until<T>(&self, mut ready: impl FnMut(&State) -> Option<T>) -> std::result::Result<T, End> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            {
                let state = self.lock();
                if let Some(found) = ready(&state) {
                    return Ok(found);
                }
                if let Some(end) = &state.end {
                    return Err(end.clone());
                }
            }
            changed.await;
        }
    }

    /// Waits for the peer's hello.
    pub(crate) async fn established(&self) -> std::result::Result<(), End> {
        self.until(|state| state.is_established.then_some(())).await
    }

    /// Waits for the end.
    pub(crate) async fn ended(&self) {
        let _ = self.until(|_| None::<()>).await;
    }

    /// Waits for the end, and then as long as the peer may take to read the last word.
    async fn lingered(&self) {
        self.ended().await;
        tokio::time::sleep(LINGER).await;
    }

    /// Waits until the peer says that it goes away.
    pub(crate) async fn peer_goes_away(&self) {
        let _ = self.until(|state| state.going_away.then_some(())).await;
    }

    pub(crate) fn end(&self) -> Option<End> {
        self.lock().end.clone()
    }

    pub(crate) fn is_usable(&self) -> bool {
        let state = self.lock();
        state.is_established && state.end.is_none() && !state.going_away
    }

    pub(crate) fn go_away(&self, grace_ms: u32, message: &str) {
        let now_us = self.clock.now_us();
        self.with(|state| {
            // The grace begins now, and not when the engine was last told the time.
            state.engine.handle_timeout(now_us);
            state.engine.go_away(grace_ms, message);
        });
    }

    pub(crate) fn finish(&self, reason: EndReason, message: &str) {
        self.with(|state| state.engine.end(reason, message));
        self.work.notify_one();
    }

    /// Opens a stream; with a payload its first message goes with it, and where it is the only one its close too.
    pub(crate) fn open(
        &self,
        kind: InteractionKind,
        context: &[u8],
        payload: Option<&[u8]>,
        closes: bool,
    ) -> Result<Key> {
        let id = fresh_id()?;
        self.with(|state| {
            let key = state.engine.open(id, kind, context)?;
            state.slots.insert(key, Slot::default());
            let sent = payload.map_or(Ok(()), |payload| state.engine.try_send(key, payload)).and_then(|()| {
                if closes {
                    state.engine.close(key, ixt_core::stream::CloseReason::Completed)?;
                }
                Ok(())
            });
            if let Err(error) = sent {
                state.slots.remove(&key);
                let _ = state.engine.cancel(key, ixt_core::stream::CancelReason::Unspecified, "");
                return Err(error);
            }
            Ok(key)
        })
    }

    /// Sends at once, or says that there is no credit or no room.
    pub(crate) fn try_send(&self, key: Key, payload: &[u8]) -> Result<()> {
        self.with(|state| state.engine.try_send(key, payload))
    }

    /// Sends as many as there are credit and room for, and says how many these were.
    pub(crate) fn try_send_many<T: AsRef<[u8]>>(&self, key: Key, payloads: &[T]) -> (usize, Result<()>) {
        self.with(|state| {
            for (sent, payload) in payloads.iter().enumerate() {
                if let Err(error) = state.engine.try_send(key, payload.as_ref()) {
                    return (sent, Err(error));
                }
            }
            (payloads.len(), Ok(()))
        })
    }

    /// Sends when there is credit and room. Dropped while it waits, it loses none.
    pub(crate) async fn send(self: &Arc<Self>, key: Key, payload: &[u8]) -> Result<()> {
        match self.try_send(key, payload) {
            Err(error) if must_wait(&error) => {}
            done => return done,
        }
        let ticket = self.with(|state| {
            let ticket = state.engine.wait(key)?;
            if let Some(slot) = state.slots.get_mut(&key) {
                slot.tickets.push((ticket, Turn::Waits(None)));
            }
            Ok::<_, Error>(ticket)
        })?;
        let guard = Waiting { link: self, key, ticket };
        loop {
            std::future::poll_fn(|context| guard.poll(context)).await?;
            match self.with(|state| state.engine.send_with(key, ticket, payload)) {
                // It becomes ready again.
                Err(error) if error.kind() == ErrorKind::QueueFull => self.with(|state| {
                    if let Some(turn) = state.turn(key, ticket) {
                        *turn = Turn::Waits(None);
                    }
                }),
                done => return done,
            }
        }
    }

    /// Takes all messages that have arrived, into `taken`, which is empty; false once the peer's direction has ended
    /// in order. So many as were taken before have been consumed since.
    pub(crate) fn poll_arrived(
        &self,
        key: Key,
        taken: &mut Taken,
        consumed: u32,
        context: &mut Context<'_>,
    ) -> Poll<std::result::Result<bool, Outcome>> {
        self.with(|state| {
            if consumed > 0 {
                // What was delivered has been consumed, so this cannot be refused.
                let _ = state.engine.consume(key, consumed);
            }
            let Some(slot) = state.slots.get_mut(&key) else { return Poll::Ready(Ok(false)) };
            if !slot.arrived.is_empty() {
                slot.arrived.take(taken);
                return Poll::Ready(Ok(true));
            }
            if let Some(outcome @ (Outcome::Failed(_) | Outcome::Cancelled(_))) = &slot.outcome {
                return Poll::Ready(Err(outcome.clone()));
            }
            if slot.closed || slot.outcome.is_some() {
                return Poll::Ready(Ok(false));
            }
            slot.readers.add(context.waker());
            Poll::Pending
        })
    }

    /// So many messages have been consumed.
    pub(crate) fn consume(&self, key: Key, frames: u32) {
        let _ = self.command(|engine| engine.consume(key, frames));
    }

    /// Data frames that the window of the settings lets a peer be ahead.
    pub(crate) fn window(&self) -> u32 {
        self.window
    }

    /// Waits until the stream has failed, was cancelled or is over.
    pub(crate) fn poll_ended(&self, key: Key, context: &mut Context<'_>) -> Poll<Option<Outcome>> {
        let mut state = self.lock();
        let Some(slot) = state.slots.get_mut(&key) else { return Poll::Ready(None) };
        if let Some(outcome) = &slot.outcome {
            return Poll::Ready(Some(outcome.clone()));
        }
        slot.enders.add(context.waker());
        Poll::Pending
    }

    pub(crate) fn outcome(&self, key: Key) -> Option<Outcome> {
        self.lock().slots.get(&key)?.outcome.clone()
    }

    /// A command for the engine about one stream.
    pub(crate) fn command<T>(&self, work: impl FnOnce(&mut Connection) -> T) -> T {
        self.with(|state| work(&mut state.engine))
    }

    /// Nobody is interested in the stream any more.
    pub(crate) fn forget(&self, key: Key) {
        self.with(|state| state.slots.remove(&key));
    }
}

impl State {
    fn receive(&mut self, bytes: &[u8], now_us: u64) {
        let Self { engine, slots, on_opened, .. } = self;
        let (mut rest, mut notices) = (Vec::new(), Vec::new());
        let mut incoming = engine.receive(bytes, now_us);
        while let Some(event) = incoming.next() {
            match event {
                Event::Message { stream, payload, .. } => {
                    if let Some(slot) = slots.get_mut(&stream) {
                        slot.arrived.push(payload);
                        slot.readers.wake();
                    }
                }
                Event::Opened { stream, kind, context, .. } => match on_opened {
                    Some(on_opened) => {
                        slots.insert(stream, Slot::default());
                        on_opened(Opened { key: stream, kind, context: context.to_vec() });
                    }
                    None => rest.push(stream),
                },
                other => notices.extend(told(slots, other)),
            }
        }
        drop(incoming);
        notices.into_iter().for_each(|notice| self.notice(notice));
        for stream in rest {
            let code = ixt_core::stream::StreamErrorCode::NotFound;
            let _ = self.engine.fail(stream, code, "nothing is provided here", &[]);
        }
    }

    /// Hears what came of a command, the time, or room that was made.
    fn drain(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            if let Some(notice) = told(&mut self.slots, event) {
                self.notice(notice);
            }
        }
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Established => self.is_established = true,
            Notice::GoingAway => self.going_away = true,
            Notice::Ended(end) => self.end = Some(end),
        }
        self.has_changed = true;
    }

    /// Whether the writer waits and has something to do now. It is told once.
    fn is_writer_wanted(&mut self) -> bool {
        let Some(until) = self.writer_waits else { return false };
        let wanted =
            self.engine.has_transmit() || self.engine.next_timeout().is_some_and(|next| next < until);
        if wanted {
            self.writer_waits = None;
        }
        wanted
    }

    fn turn(&mut self, key: Key, ticket: Ticket) -> Option<&mut Turn> {
        let slot = self.slots.get_mut(&key)?;
        slot.tickets.iter_mut().find(|(other, _)| *other == ticket).map(|(_, turn)| turn)
    }
}

/// What concerns the connection as a whole.
enum Notice {
    Established,
    GoingAway,
    Ended(End),
}

fn told(slots: &mut HashMap<Key, Slot, foldhash::fast::FixedState>, event: Event<'_>) -> Option<Notice> {
    match event {
        Event::Established { .. } => return Some(Notice::Established),
        Event::GoingAway { .. } => return Some(Notice::GoingAway),
        Event::Ended(end) => return Some(Notice::Ended(end)),
        Event::Stream(key, event) => {
            let slot = slots.get_mut(&key)?;
            match event {
                flow::Event::Ready(ticket) => slot.set(ticket, Turn::Ready),
                flow::Event::Ended(ticket) => slot.set(ticket, Turn::Ended),
                flow::Event::Closed(_) => {
                    slot.closed = true;
                    slot.readers.wake();
                }
                flow::Event::Failed(failure) => {
                    slot.outcome = Some(Outcome::Failed(failure));
                    slot.wake_all();
                }
                flow::Event::Cancelled(cancelled) => {
                    slot.outcome = Some(Outcome::Cancelled(cancelled));
                    slot.wake_all();
                }
                _ => {}
            }
        }
        Event::Over(key, outcome) => {
            let slot = slots.get_mut(&key)?;
            slot.outcome.get_or_insert(outcome);
            slot.wake_all();
        }
        _ => {}
    }
    None
}

impl Slot {
    fn set(&mut self, ticket: Ticket, turn: Turn) {
        if let Some((_, held)) = self.tickets.iter_mut().find(|(other, _)| *other == ticket)
            && let Turn::Waits(Some(waker)) = std::mem::replace(held, turn)
        {
            waker.wake();
        }
    }
}

/// A sender that waits for credit and room.
struct Waiting<'l> {
    link: &'l Link,
    key: Key,
    ticket: Ticket,
}

impl Waiting<'_> {
    fn poll(&self, context: &mut Context<'_>) -> Poll<Result<()>> {
        let mut state = self.link.lock();
        match state.turn(self.key, self.ticket) {
            Some(Turn::Ready) => Poll::Ready(Ok(())),
            Some(Turn::Waits(waker)) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
            Some(Turn::Ended) | None => Poll::Ready(Err(ErrorKind::StreamEnded.into())),
        }
    }
}

/// A credit that the ticket holds goes to the next one.
impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.link.with(|state| {
            if let Some(slot) = state.slots.get_mut(&self.key) {
                slot.tickets.retain(|(other, _)| *other != self.ticket);
            }
            state.engine.drop_ticket(self.key, self.ticket);
        });
    }
}

/// Whether a message could not be sent for want of credit or room alone.
pub(crate) fn must_wait(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::CreditExhausted | ErrorKind::QueueFull)
}

/// A fresh id of a stream: a UUIDv7.
fn fresh_id() -> Result<StreamId> {
    StreamId::new(uuid::Uuid::now_v7().into_bytes())
}
