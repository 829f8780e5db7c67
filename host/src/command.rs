//! What is done to the streams of a connection, whether it is in its place or being read.

use foldhash::HashMap;
use ixt_core::Limits;
use ixt_core::connection::{Connection, Key};

use crate::ends::{LinkId, RouteId, Side};
use crate::link::{Half, Peer};

/// What of a connection is needed while it is being read.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) link: LinkId,
    pub(crate) halves: HashMap<Key, Half>,
    pub(crate) peer: Peer,
    pub(crate) module: Option<String>,
    /// Calls that it was answering and that have ended meanwhile.
    pub(crate) answered: usize,
    /// Senders whose reader this is, and who may be allowed more: by route.
    pub(crate) pumps: Vec<(RouteId, Side)>,
}

/// What a host wants of a stream on one connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Command<'a> {
    /// A data frame, or the close behind them.
    Data(&'a [u8], bool),
    /// A frame that waits for nothing; the last one, or not.
    Control(&'a [u8], bool),
    Grant(u32),
    /// It has ended; what waits is dropped, or not.
    Done(bool),
}

/// The same, kept.
#[derive(Debug)]
pub(crate) enum Later {
    Data(Vec<u8>, bool),
    Control(Vec<u8>, bool),
    Grant(u32),
    Done(bool),
}

impl Later {
    pub(crate) fn as_command(&self) -> Command<'_> {
        match self {
            Self::Data(bytes, is_close) => Command::Data(bytes, *is_close),
            Self::Control(bytes, is_last) => Command::Control(bytes, *is_last),
            Self::Grant(frames) => Command::Grant(*frames),
            Self::Done(drops) => Command::Done(*drops),
        }
    }

    /// Whether its stream is over with it.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self, Self::Control(_, true) | Self::Done(_))
    }
}

pub(crate) fn apply(connection: &mut Connection, key: Key, command: Command<'_>) {
    match command {
        Command::Data(bytes, is_close) => connection.relay_data(key, bytes, is_close),
        Command::Control(bytes, is_last) => connection.relay_control(key, bytes, is_last),
        Command::Grant(frames) => connection.relay_grant(key, frames),
        Command::Done(drops) => connection.relay_done(key, drops),
    }
}

/// Frames that came within the limits of their connection go on.
pub(crate) const ANY: Limits = Limits::with_max_payload(usize::MAX);
