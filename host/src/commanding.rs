//! Commands to the streams of a connection, and what is known of it, whether it is in its place or being read.

use ixt_core::connection::Key;
use ixt_core::stream::FrameRef;

use crate::command::{ANY, Command, Later, apply};
use crate::ends::LinkId;
use crate::host::Host;
use crate::link::{Half, Peer};

impl Host {
    /// Commands a connection, at once or when it is back in its place.
    pub(crate) fn command(&mut self, link: LinkId, key: Key, command: Command<'_>) {
        if self.reading.as_ref().is_some_and(|reading| reading.link == link) {
            let later = match command {
                Command::Data(bytes, is_close) => Later::Data(bytes.to_vec(), is_close),
                Command::Control(bytes, is_last) => Later::Control(bytes.to_vec(), is_last),
                Command::Grant(frames) => Later::Grant(frames),
                Command::Done(drops) => Later::Done(drops),
            };
            self.later.push((key, later));
        } else if let Some(found) = self.links.get_mut(link) {
            apply(&mut found.connection, key, command);
            self.list(link);
        }
    }

    pub(crate) fn command_frame<'b>(
        &mut self,
        link: LinkId,
        key: Key,
        frame: &FrameRef<'_>,
        command: impl Fn(&'_ [u8]) -> Command<'_> + 'b,
    ) {
        let mut bytes = Vec::new();
        if frame.encode_into(&mut bytes, ANY).is_ok() {
            self.command(link, key, command(&bytes));
        }
    }

    pub(crate) fn remember(&mut self, link: LinkId, key: Key, half: Half) {
        match &mut self.reading {
            Some(reading) if reading.link == link => {
                reading.halves.insert(key, half);
            }
            _ => {
                if let Some(found) = self.links.get_mut(link) {
                    found.halves.insert(key, half);
                }
            }
        }
    }

    pub(crate) fn forget(&mut self, link: LinkId, key: Key) {
        match &mut self.reading {
            Some(reading) if reading.link == link => {
                reading.halves.remove(&key);
            }
            _ => {
                if let Some(found) = self.links.get_mut(link) {
                    found.halves.remove(&key);
                }
            }
        }
    }

    pub(crate) fn module_of(&self, link: LinkId) -> Option<&str> {
        match &self.reading {
            Some(reading) if reading.link == link => reading.module.as_deref(),
            _ => self.links.get(link)?.module.as_deref(),
        }
    }

    pub(crate) fn peer_of(&self, link: LinkId) -> Option<Peer> {
        match &self.reading {
            Some(reading) if reading.link == link => Some(reading.peer),
            _ => Some(self.links.get(link)?.peer),
        }
    }

    /// Sets who a connection is.
    pub(crate) fn name(&mut self, link: LinkId, module: Option<String>) {
        match &mut self.reading {
            Some(reading) if reading.link == link => reading.module = module,
            _ => {
                if let Some(found) = self.links.get_mut(link) {
                    found.module = module;
                }
            }
        }
    }
}
