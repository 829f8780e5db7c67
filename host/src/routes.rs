//! The streams that go through a host.

use std::collections::HashMap;

use ixt_core::connection::Key;
use ixt_core::invocation::ContextRef;
use ixt_core::stream::{InteractionKind, StreamId};

use crate::link::{Both, LinkId};

/// Names a route while it lives.
pub(crate) type RouteId = u64;

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
    /// Who has closed its direction.
    pub(crate) closed: Both<bool>,
    pub(crate) span: [u8; 8],
    /// The encoded context of the call: the authority of what the provider calls meanwhile.
    pub(crate) context: Box<[u8]>,
    pub(crate) opened_us: u64,
    /// Data frames that have passed, by who sent them.
    pub(crate) passed: Both<u64>,
    /// As `service:thumbs`.
    pub(crate) target: String,
}

#[derive(Debug, Default)]
pub(crate) struct Routes {
    routes: HashMap<RouteId, Route>,
    next: RouteId,
    /// By provider and span, for the authority of children.
    spans: HashMap<(LinkId, [u8; 8]), RouteId>,
    /// By stream id, for replies.
    ids: HashMap<(LinkId, StreamId), RouteId>,
}

impl Routes {
    pub(crate) fn insert(&mut self, route: Route) -> RouteId {
        self.next += 1;
        let provider = route.ends.provider.0;
        if route.span != [0; 8] {
            self.spans.insert((provider, route.span), self.next);
        }
        self.ids.insert((provider, route.id), self.next);
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
        Some(route)
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

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.values()
    }
}
