//! What a node listens to.

use std::collections::VecDeque;

use super::subject::{self, escape};
use crate::ServiceOffer;

/// What a client of NATS is to listen to, or no more.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscription {
    /// The subject, with wildcards.
    pub subject: String,
    /// Whether each message goes to one of all who listen: in the queue group [`Subscription::QUEUE`].
    pub is_shared: bool,
    /// False where it is to be given up.
    pub is_wanted: bool,
}

impl Subscription {
    /// The name of every queue group.
    pub const QUEUE: &'static str = "ixt";
}

/// What is listened to, and what of it has not been told yet.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    changes: VecDeque<Subscription>,
    /// Those for new streams.
    shared: Vec<String>,
    /// What the server knows of it.
    pub(super) state: State,
}

/// What the server knows of what is listened to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum State {
    /// All that matters, or there is nothing.
    #[default]
    Confirmed,
    /// Not all was sent to it.
    Unsent,
    /// All was sent; it is asked whether it has come that far.
    Sent,
    /// It was asked at this time, in microseconds.
    Asked(u64),
}

impl Subscriptions {
    /// All that a module listens to.
    pub(super) fn announce(
        &mut self,
        module: &str,
        instance: u64,
        services: &[ServiceOffer],
        topics: &[String],
    ) {
        let me = escape(module);
        let mut listen = |subject: String, is_shared: bool| {
            self.changes.push_back(Subscription { subject, is_shared, is_wanted: true });
        };
        listen(format!("ixt.i-{me}.*.{instance:016x}"), false);
        listen(format!("ixt.i-{me}.{me}.{instance:016x}.*"), false);
        for topic in topics.iter().map(String::as_str).chain([""]) {
            listen(format!("ixt.t-{}.*", escape(topic)), false);
        }
        listen(subject::question(), false);
        self.shared = services.iter().map(|service| format!("ixt.s-{}.*", escape(&service.name))).collect();
        self.shared.push(format!("ixt.m-{me}.*"));
        for subject in &self.shared {
            listen(subject.clone(), true);
        }
        self.state = State::Unsent;
    }

    /// No new streams.
    pub(super) fn go_away(&mut self) {
        let given_up = |subject| Subscription { subject, is_shared: true, is_wanted: false };
        self.changes.extend(self.shared.drain(..).map(given_up));
    }

    pub(super) fn poll(&mut self) -> Option<Subscription> {
        self.changes.pop_front()
    }
}
