//! One end: its engine, its application, and what was seen of it from outside.

use std::collections::VecDeque;

use ixt_core::flow::{Config, Event, Role, Stream, Ticket};

use crate::{Bounds, Wire};

/// What must never happen, found while a step was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A message came out of order, twice or not at all.
    Gap,
    /// A message, a close or an end was told after the end.
    AfterEnd,
    /// A frame left after an error or a cancel.
    FrameAfterEnd,
    /// A command was refused and changed something all the same.
    RefusedAndChanged,
    /// A credit or an end was told to a ticket that is not waiting.
    WrongTicket,
    /// An end that keeps the rules was told to break one.
    Accused,
}

/// One end of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct End {
    /// The engine.
    pub stream: Stream,
    /// Messages that the host has not handed to the transport yet.
    pub outbox: VecDeque<Wire>,
    /// The application's tickets, and whether they hold a credit.
    pub tickets: Vec<(Ticket, bool)>,
    /// Messages that the application still has to send.
    pub sends: u8,
    /// How often it may still wait by a ticket.
    pub waits: u8,
    /// How often it may still grant by hand.
    pub grants: u8,
    /// How often it may still end the stream by a word of its own.
    pub endings: u8,
    /// What it granted in all, by its frames and by the rules of the open.
    pub granted: u64,
    /// Messages delivered to the application.
    pub delivered: u8,
    /// The peer's close was told.
    pub closed: bool,
    /// Nothing may be delivered any more.
    pub over: bool,
    /// The stream was failed or cancelled, by whomever.
    pub broken: bool,
    /// Nothing may leave any more: an error or a cancel has left or come.
    pub silent: bool,
}

impl End {
    pub(crate) fn new(bounds: &Bounds, role: Role, granted: u32) -> Self {
        let config = match bounds.window {
            Some(window) => Config::default().with_window(window),
            None => Config::default(),
        };
        let any = bounds.application == crate::Application::Any;
        Self {
            stream: match role {
                Role::Opener => Stream::opener(bounds.kind, config),
                Role::Responder => Stream::responder(config),
            },
            outbox: VecDeque::new(),
            tickets: Vec::new(),
            sends: bounds.to_send(role),
            waits: bounds.waits,
            grants: if bounds.window.is_some() { 0 } else { bounds.grants },
            endings: u8::from(any),
            granted: u64::from(granted),
            delivered: 0,
            closed: false,
            over: false,
            broken: false,
            silent: false,
        }
    }

    /// Takes the engine's events and frames, all of them, as the contract says.
    pub(crate) fn drain(&mut self, way: &mut VecDeque<Wire>) -> Option<Fault> {
        let mut fault = None;
        while let Some(event) = self.stream.poll_event() {
            fault = fault.or(self.hear(&event));
        }
        while let Some(frame) = self.stream.poll_transmit() {
            match Wire::of(frame.as_ref()) {
                Some(wire) => fault = fault.or(self.transmit(wire, way)),
                None => fault = Some(Fault::FrameAfterEnd),
            }
        }
        fault
    }

    fn hear(&mut self, event: &Event) -> Option<Fault> {
        match event {
            Event::Ready(ticket) => match self.tickets.iter_mut().find(|(held, _)| held == ticket) {
                Some((_, ready @ false)) => *ready = true,
                _ => return Some(Fault::WrongTicket),
            },
            Event::Ended(ticket) => match self.tickets.iter().position(|(held, _)| held == ticket) {
                Some(place) if !self.tickets[place].1 => {
                    self.tickets.remove(place);
                }
                _ => return Some(Fault::WrongTicket),
            },
            Event::Closed(_) => {
                let before = std::mem::replace(&mut self.over, true);
                self.closed = true;
                return before.then_some(Fault::AfterEnd);
            }
            Event::Failed(_) | Event::Cancelled(_) => {
                self.over = true;
                self.outbox.clear();
                return std::mem::replace(&mut self.broken, true).then_some(Fault::AfterEnd);
            }
            Event::Violation(_) => return Some(Fault::Accused),
            _ => {}
        }
        None
    }

    /// Puts a frame on its way; a close behind the messages that have not left.
    fn transmit(&mut self, wire: Wire, way: &mut VecDeque<Wire>) -> Option<Fault> {
        if self.silent {
            return Some(Fault::FrameAfterEnd);
        }
        if let Wire::Credit(frames) = wire {
            self.granted += u64::from(frames);
        }
        if wire.ends_the_stream() {
            self.outbox.clear();
            self.silent = true;
        }
        match wire {
            Wire::Close(..) if !self.outbox.is_empty() => self.outbox.push_back(wire),
            _ => way.push_back(wire),
        }
        None
    }

    /// Credit that the application's tickets hold.
    pub(crate) fn held(&self) -> usize {
        self.tickets.iter().filter(|(_, ready)| *ready).count()
    }
}
