//! The streams that go through a host.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ixt_core::Limits;
use ixt_core::connection::Key;
use ixt_core::invocation::ContextRef;
use ixt_core::stream::{CloseReason, InteractionKind, StreamId};

use crate::ends::{Both, LinkId, RouteId, Side};

/// A stream that goes through, from a caller to a provider.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) id: StreamId,
    pub(crate) kind: InteractionKind,
    /// Caller and provider: connection, and key there.
    pub(crate) ends: Both<(LinkId, Key)>,
    /// Data frames that the reader has granted and the sender may not send yet, by who sends. Below 0 where the
    /// sender was allowed more at the open than the reader takes.
    pub(crate) owed: Both<i64>,
    /// Data frames that each may still send, by who sends.
    pub(crate) allowed: Both<i64>,
    /// What each takes, at most.
    pub(crate) takes: Both<Limits>,
    /// Since when each has had nothing to send with, by who sends.
    pub(crate) blocked_us: Both<Option<u64>>,
    /// How each has closed its direction.
    pub(crate) closed: Both<Option<CloseReason>>,
    pub(crate) span: [u8; 8],
    /// The encoded context of the call: the authority of what the provider calls meanwhile.
    pub(crate) context: Box<[u8]>,
    pub(crate) opened_us: u64,
    /// Data frames that have passed, by who sent them.
    pub(crate) passed: Both<u64>,
    /// Bytes of their payloads.
    pub(crate) bytes: Both<u64>,
    /// The largest of these; 0 before the first one.
    pub(crate) largest: Both<usize>,
    /// For how long each had nothing to send with, until it was allowed more.
    pub(crate) was_blocked_us: Both<u64>,
    /// As `service:thumbs`.
    pub(crate) target: String,
    /// The names of caller and provider, where the end is to be told: by then they may be gone.
    pub(crate) names: Option<Box<[String; 2]>>,
}

impl Route {
    /// A data frame of this side has come, with so many bytes.
    pub(crate) fn count(&mut self, side: Side, bytes: usize, now_us: u64) {
        *self.passed.of_mut(side) += 1;
        *self.bytes.of_mut(side) += bytes as u64;
        *self.largest.of_mut(side) = bytes.max(*self.largest.of(side)).max(1);
        *self.allowed.of_mut(side) -= 1;
        if *self.allowed.of(side) <= 0 {
            *self.blocked_us.of_mut(side) = Some(now_us);
        }
    }

    /// This side may send so many more.
    pub(crate) fn allow(&mut self, side: Side, frames: u32, now_us: u64) {
        *self.owed.of_mut(side) -= i64::from(frames);
        *self.allowed.of_mut(side) += i64::from(frames);
        if let Some(since) = self.blocked_us.of_mut(side).take() {
            *self.was_blocked_us.of_mut(side) += now_us.saturating_sub(since);
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Routes {
    /// Looked into for every frame, by a number of our own.
    routes: foldhash::HashMap<RouteId, Route>,
    next: RouteId,
    /// By provider and span, for the authority of children.
    spans: HashMap<(LinkId, [u8; 8]), RouteId>,
    /// By stream id, for replies.
    ids: HashMap<(LinkId, StreamId), RouteId>,
    /// How many go from a caller to a provider.
    between: HashMap<(LinkId, LinkId), usize>,
}

impl Routes {
    pub(crate) fn insert(&mut self, route: Route) -> RouteId {
        self.next += 1;
        let provider = route.ends.provider.0;
        if route.span != [0; 8] {
            self.spans.insert((provider, route.span), self.next);
        }
        self.ids.insert((provider, route.id), self.next);
        *self.between.entry((route.ends.caller.0, provider)).or_default() += 1;
        self.routes.insert(self.next, route);
        self.next
    }

    pub(crate) fn get(&self, id: RouteId) -> Option<&Route> {
        self.routes.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: RouteId) -> Option<&mut Route> {
        self.routes.get_mut(&id)
    }

    pub(crate) fn remove(&mut self, id: RouteId) -> Option<Route> {
        let route = self.routes.remove(&id)?;
        let provider = route.ends.provider.0;
        if self.spans.get(&(provider, route.span)) == Some(&id) {
            self.spans.remove(&(provider, route.span));
        }
        if self.ids.get(&(provider, route.id)) == Some(&id) {
            self.ids.remove(&(provider, route.id));
        }
        if let Entry::Occupied(mut between) = self.between.entry((route.ends.caller.0, provider)) {
            *between.get_mut() -= 1;
            if *between.get() == 0 {
                between.remove();
            }
        }
        Some(route)
    }

    /// How many streams go from this caller to this provider.
    pub(crate) fn between(&self, caller: LinkId, provider: LinkId) -> usize {
        self.between.get(&(caller, provider)).copied().unwrap_or(0)
    }

    /// The context of the call that this module is answering under this span.
    pub(crate) fn parent(&self, provider: LinkId, span: [u8; 8]) -> Option<ContextRef<'_>> {
        let route = self.get(*self.spans.get(&(provider, span))?)?;
        ContextRef::decode(&route.context).ok()
    }

    /// Who waits for the answer to the call with this id, which was routed to this provider.
    pub(crate) fn waiting(&self, provider: LinkId, id: StreamId) -> Option<LinkId> {
        let route = self.get(*self.ids.get(&(provider, id))?)?;
        Some(route.ends.caller.0)
    }

    pub(crate) fn len(&self) -> usize {
        self.routes.len()
    }

    /// Entries of all indexes.
    pub(crate) fn indexed(&self) -> usize {
        self.spans.len() + self.ids.len() + self.between.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.values()
    }

    /// The stream of this id that goes to this provider.
    pub(crate) fn to(&self, provider: LinkId, id: StreamId) -> Option<RouteId> {
        self.ids.get(&(provider, id)).copied()
    }

    /// The stream of this id, wherever it goes. Looks at all.
    pub(crate) fn any(&self, id: StreamId) -> Option<RouteId> {
        self.routes.iter().find(|(_, route)| route.id == id).map(|(route, _)| *route)
    }
}
