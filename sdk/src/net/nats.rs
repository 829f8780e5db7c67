//! A module on NATS: its node, between a pipe within the process and a client (specification 27).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, Message, StatusCode, Subscriber};
use futures_util::future::FutureExt;
use futures_util::stream::SelectAll;
use futures_util::{Stream, StreamExt};
use ixt_host::Policy;
use ixt_host::node::{Node, NodeSettings, Subscription};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::clock::Clock;
use super::{ClientTls, ConnectError, NatsUrl, Pipe};

/// What is read and written at once, at most.
const BUFFER: usize = 64 << 10;
/// Messages that are taken in before what they lead to leaves.
const BATCH: usize = 256;
/// How long the client may take to write what is left when the module has gone.
const LINGER: Duration = Duration::from_secs(1);
/// Messages of a subscription that wait here at most: far more than credit lets come.
const CAPACITY: usize = 1 << 16;

/// Connects a client, and gives the module's end of a pipe to its node. The task that carries between the two ends
/// when the module closes its pipe, or when no server was reached for as long as the lease of a node lasts.
pub(super) async fn connect(url: &NatsUrl, tls: Option<&ClientTls>) -> Result<Pipe, ConnectError> {
    let (told, events) = mpsc::unbounded_channel();
    let mut options = ConnectOptions::new()
        .name("ixt")
        .no_echo()
        // The node makes them of escaped names.
        .skip_subject_validation(true)
        .subscription_capacity(CAPACITY)
        .reconnect_delay_callback(|attempt| Duration::from_millis(20 << attempt.min(4)))
        .event_callback(move |event| {
            // Nobody is there to be told when the module has gone.
            let _ = told.send(event);
            std::future::ready(())
        });
    if let Some(file) = &url.creds {
        options = options.credentials(&std::fs::read_to_string(file)?)?;
    }
    options = match &url.user {
        Some((user, Some(word))) => options.user_and_password(user.clone(), word.clone()),
        Some((token, None)) => options.token(token.clone()),
        None => options,
    };
    if let Some(ClientTls(config)) = tls {
        options = options.require_tls(true).tls_client_config((**config).clone());
    }
    let unreachable = |error: async_nats::ConnectError| {
        io::Error::new(io::ErrorKind::ConnectionRefused, format!("{url}: {error}"))
    };
    let client = options.connect(&url.servers).await.map_err(unreachable)?;
    let mut settings = NodeSettings::default();
    settings.max_message = client.max_payload();
    let clock = Clock::new();
    let mut seed = [0; 32];
    let (first, second) = seed.split_at_mut(16);
    first.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    second.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    let lease = Duration::from_millis(settings.lease_ms.into());
    let node = Node::new(settings, Policy::open(), seed, clock.now_us())?;
    let (here, there) = Pipe::pair(None);
    let carrier = Carrier {
        node,
        client,
        clock,
        lease,
        listening: SelectAll::new(),
        is_connected: true,
        gives_up: None,
    };
    tokio::spawn(carrier.carry(there, events));
    Ok(here)
}

/// What comes of a subscription.
struct Listening {
    subject: String,
    subscriber: Subscriber,
}

impl Stream for Listening {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        self.subscriber.poll_next_unpin(context)
    }
}

struct Carrier {
    node: Node,
    client: Client,
    clock: Clock,
    lease: Duration,
    listening: SelectAll<Listening>,
    is_connected: bool,
    /// When no server was reached for too long.
    gives_up: Option<Instant>,
}

impl Carrier {
    async fn carry(mut self, pipe: Pipe, mut events: mpsc::UnboundedReceiver<Event>) {
        let Pipe { mut reader, mut writer, .. } = pipe;
        let mut buffer = vec![0; BUFFER];
        let mut room = vec![0; BUFFER];
        let mut timer = std::pin::pin!(tokio::time::sleep_until(self.clock.at(u64::MAX)));
        loop {
            if self.drain(&mut writer, &mut room).await.is_none() {
                break;
            }
            let at = self.clock.at(self.node.next_timeout().unwrap_or(u64::MAX));
            let at = self.gives_up.map_or(at, |gives_up| at.min(gives_up));
            if timer.deadline() != at {
                timer.as_mut().reset(at);
            }
            tokio::select! {
                biased;
                Some(event) = events.recv() => self.told(event),
                Some(message) = self.listening.next(), if !self.listening.is_empty() => {
                    self.received(message);
                    for _ in 1..BATCH {
                        let Some(Some(message)) = self.listening.next().now_or_never() else { break };
                        self.received(message);
                    }
                }
                read = reader.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => break,
                    Ok(count) => {
                        let now_us = self.clock.now_us();
                        self.node.read_local(buffer.get(..count).unwrap_or_default(), now_us);
                    }
                },
                () = &mut timer => {
                    if self.gives_up.is_some_and(|gives_up| gives_up <= Instant::now()) {
                        break;
                    }
                    let now_us = self.clock.now_us();
                    self.node.handle_timeout(now_us);
                }
            }
        }
        let _ = writer.shutdown().await;
        let now_us = self.clock.now_us();
        self.node.local_ended(now_us);
        let _ = tokio::time::timeout(LINGER, async {
            self.publish().await?;
            self.client.flush().await.ok()
        })
        .await;
    }

    fn received(&mut self, message: Message) {
        let now_us = self.clock.now_us();
        if message.status == Some(StatusCode::NO_RESPONDERS) {
            self.node.no_responders(&message.subject, now_us);
        } else {
            self.node.receive(&message.subject, &message.payload, now_us);
        }
    }

    fn told(&mut self, event: Event) {
        match event {
            Event::Connected => (self.is_connected, self.gives_up) = (true, None),
            Event::Disconnected | Event::Closed => {
                self.is_connected = false;
                self.gives_up.get_or_insert_with(|| Instant::now() + self.lease);
            }
            Event::ServerError(error) => {
                let now_us = self.clock.now_us();
                self.node.server_error(&error.to_string(), now_us);
            }
            // A message that was dropped is missed by its number.
            _ => {}
        }
    }

    /// Lets everything go where it is to go; `None` when that cannot be done any more.
    async fn drain(
        &mut self,
        writer: &mut (dyn tokio::io::AsyncWrite + Send + Unpin),
        room: &mut [u8],
    ) -> Option<()> {
        let mut has_changed = false;
        while let Some(Subscription { subject, is_shared, is_wanted, .. }) = self.node.poll_subscription() {
            if !is_wanted {
                // What the server had sent before it knew still comes.
                let given_up = self.listening.iter_mut().find(|listening| listening.subject == subject);
                if let Some(listening) = given_up {
                    listening.subscriber.drain().await.ok()?;
                }
                continue;
            }
            let subscriber = if is_shared {
                self.client.queue_subscribe(subject.clone(), Subscription::QUEUE.to_owned()).await.ok()?
            } else {
                self.client.subscribe(subject.clone()).await.ok()?
            };
            self.listening.push(Listening { subject, subscriber });
            has_changed = true;
        }
        if has_changed {
            self.node.subscribed();
        }
        // What leaves on one side may make something for the other one.
        loop {
            let mut is_quiet = true;
            while let filled @ 1.. = self.node.poll_local(room) {
                writer.write_all(room.get(..filled).unwrap_or_default()).await.ok()?;
                is_quiet = false;
            }
            if self.publish().await? == 0 && is_quiet {
                return Some(());
            }
        }
    }

    /// Hands out what leaves, as long as a server is there to take it, and gives how many messages that were.
    async fn publish(&mut self) -> Option<usize> {
        let mut count = 0;
        while self.is_connected {
            let Some(message) = self.node.poll_publish() else { break };
            let (subject, payload) = (message.subject.to_owned(), message.payload.to_vec().into());
            let published = async {
                match message.reply {
                    Some(reply) => {
                        self.client.publish_with_reply(subject, reply.to_owned(), payload).await.is_ok()
                    }
                    None => self.client.publish(subject, payload).await.is_ok(),
                }
            };
            // Its queue is full when the server takes nothing.
            if !matches!(tokio::time::timeout(self.lease, published).await, Ok(true)) {
                return None;
            }
            count += 1;
        }
        Some(count)
    }
}
