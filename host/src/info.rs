//! What a host looks like at one moment.

use ixt_core::connection::{Key, RelayState};
use ixt_core::stream::{InteractionKind, StreamId};
use serde_json::{Value, json};

use crate::ends::{Both, LinkId, Side};
use crate::host::Host;
use crate::registry::Announced;
use crate::routes::Route;
use crate::stats::Stats;

/// A module that is announced.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModuleInfo {
    /// Its name.
    pub name: String,
    /// Its connection.
    pub link: LinkId,
    /// The services that it provides.
    pub services: Vec<crate::ServiceOffer>,
    /// The broadcasts that it wants.
    pub topics: Vec<String>,
    /// Streams that it is answering.
    pub busy: usize,
}

/// A stream that goes through.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamInfo {
    /// Its id.
    pub id: StreamId,
    /// Its kind.
    pub kind: InteractionKind,
    /// The names of caller and provider.
    pub modules: [String; 2],
    /// As `service:thumbs`.
    pub target: String,
    /// Data frames that each may send, caller first.
    pub credit: [u32; 2],
    /// Data frames that wait in the host, by who sent them, caller first.
    pub waiting: [u32; 2],
    /// Data frames that have come, by who sent them, caller first.
    pub passed: [u64; 2],
    /// How long it has lived, in microseconds.
    pub age_us: u64,
    /// For how long each has had nothing to send with, in microseconds, caller first.
    pub blocked_us: [Option<u64>; 2],
}

impl ModuleInfo {
    /// One line of JSON, without its end (specification 25, section 7).
    #[must_use]
    pub fn to_json(&self) -> String {
        let services: Vec<Value> = self
            .services
            .iter()
            .map(|offer| {
                let kinds: Vec<String> = offer.kinds.iter().map(ToString::to_string).collect();
                json!({"name": offer.name, "kinds": kinds, "requires": offer.requires})
            })
            .collect();
        json!({"name": self.name, "services": services, "topics": self.topics, "busy": self.busy}).to_string()
    }
}

impl Host {
    /// The modules that are announced, by name.
    #[must_use]
    pub fn modules(&self) -> Vec<ModuleInfo> {
        let info = |(name, announced): (&String, &Announced)| ModuleInfo {
            name: name.clone(),
            link: announced.link,
            services: announced.services.clone(),
            topics: announced.topics.clone(),
            busy: self.links.get(announced.link).map_or(0, |link| link.busy),
        };
        self.registry.modules().map(info).collect()
    }

    /// The streams that go through, oldest first.
    #[must_use]
    pub fn streams(&self) -> Vec<StreamInfo> {
        let mut streams: Vec<_> = self.routes.iter().map(|route| self.info(route)).collect();
        streams.sort_by_key(|stream| (std::cmp::Reverse(stream.age_us), stream.id));
        streams
    }

    fn info(&self, route: &Route) -> StreamInfo {
        let state = |(link, key): (LinkId, Key)| self.links.get(link)?.connection.relay_state(key);
        let Both { caller, provider } = route.ends;
        let name = |link: LinkId| self.module_of(link).unwrap_or_default().to_owned();
        let of = |end, take: fn(RelayState) -> u32| state(end).map_or(0, take);
        StreamInfo {
            id: route.id,
            kind: route.kind,
            modules: [name(caller.0), name(provider.0)],
            target: route.target.clone(),
            credit: [of(caller, |state| state.outstanding), of(provider, |state| state.outstanding)],
            waiting: [of(provider, |state| state.waiting), of(caller, |state| state.waiting)],
            passed: route.passed.into_array(),
            age_us: self.now_us.saturating_sub(route.opened_us),
            blocked_us: route
                .blocked_us
                .into_array()
                .map(|since| since.map(|since| self.now_us.saturating_sub(since))),
        }
    }

    /// How much there is now, and how much went through. It looks at every connection and stream once.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let queued = |id| Some(self.links.get(id)?.connection.queued());
        let blocked = self.routes.iter().filter(|route| {
            let open = |side| route.closed.of(side).is_none() && route.blocked_us.of(side).is_some();
            open(Side::Caller) || open(Side::Provider)
        });
        Stats {
            connections: self.links.len(),
            modules: self.registry.modules().count(),
            streams: self.routes.len(),
            blocked: blocked.count(),
            queued_bytes: self.links.ids().into_iter().filter_map(queued).sum(),
            frames: self.relayed.frames.into_array(),
            bytes: self.relayed.bytes.into_array(),
            refused: self.relayed.refused,
        }
    }
}
