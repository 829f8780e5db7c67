//! A stream is opened: may it, and where does it go?

use std::borrow::Cow;

use ixt_core::connection::Key;
use ixt_core::invocation::{ContextRef, Target};
use ixt_core::stream::{
    CancelReason, Frame, FrameBody, FrameRef, InteractionKind, Open, StreamErrorCode, StreamId,
};
use ixt_core::{ErrorKind, Limits};

use crate::command::{ANY, Command};
use crate::ended::HowEnded;
use crate::ends::{Both, LinkId, RouteId, Side};
use crate::host::Host;
use crate::link::Half;
use crate::local::{Local, MAX_PAYLOAD, Purpose};
use crate::looking::{ADMIN, Look};
use crate::registry::NoProvider;
use crate::routes::Route;
use crate::{SERVICE, authority};

/// A caller may have so many times as many streams at a provider as the provider has left. So one caller alone may
/// have nine tenths of them, two may have nine nineteenths each, and however many there are, some are left for
/// whoever comes next.
const SHARE: usize = 9;

const LATE: &str = "the module has gone since the call was sent";

/// Why a stream does not go anywhere.
pub(crate) struct No(pub(crate) StreamErrorCode, pub(crate) String);

/// Who answers a call.
enum Answerer {
    /// A module with a connection here.
    Here(LinkId),
    /// Nobody here: the open leaves.
    Elsewhere,
}

pub(crate) fn no<T>(code: StreamErrorCode, reason: impl Into<String>) -> Result<T, No> {
    Err(No(code, reason.into()))
}

impl Host {
    /// Decides an open, whose frame is `bytes`.
    pub(crate) fn opened(&mut self, link: LinkId, key: Key, bytes: &[u8]) {
        let Ok(frame) = FrameRef::decode_within(bytes, ANY) else { return };
        let FrameBody::Open(open) = frame.body else { return };
        let Ok(context) = ContextRef::decode(open.context) else { return };
        let id = frame.stream_id;
        if let Err(no) = self.may_come(link, &context) {
            self.turn_away(link, key, id, open.interaction, &context, &no);
            return;
        }
        if context.target() == Target::Service(SERVICE) {
            if open.interaction == InteractionKind::BidiStream {
                let credit = self.settings.connection.initial_credit;
                let local = Local::new(frame, credit, MAX_PAYLOAD, Purpose::Module);
                self.put_local(link, key, Box::new(local));
            } else {
                let no = No(StreamErrorCode::InvalidArgument, format!("{SERVICE} takes bidi streams"));
                self.turn_away(link, key, id, open.interaction, &context, &no);
            }
            return;
        }
        if context.deadline_elapsed(self.now_us / 1000) {
            let cancel: FrameRef<'_> =
                Frame::cancel(id, CancelReason::DeadlineExceeded, "the deadline has passed");
            self.command_frame(link, key, &cancel, |bytes| Command::Control(bytes, true));
            let how = HowEnded::Cancelled(CancelReason::DeadlineExceeded);
            self.tell_not_routed(link, id, open.interaction, &context, how, [0; 2]);
            return;
        }
        if let Err(no) = self.route(link, key, id, open, &context, frame, bytes) {
            self.turn_away(link, key, id, open.interaction, &context, &no);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one open, taken apart once")]
    fn route(
        &mut self,
        link: LinkId,
        key: Key,
        id: StreamId,
        open: Open<&[u8]>,
        context: &ContextRef<'_>,
        frame: FrameRef<'_>,
        bytes: &[u8],
    ) -> Result<(), No> {
        use StreamErrorCode::{InvalidArgument, PermissionDenied};
        let Some(module) = self.module_of(link).map(str::to_owned) else {
            return no(PermissionDenied, "the module is not announced");
        };
        let Some(policy) = self.policy.module(&module) else {
            return no(PermissionDenied, "it may not call");
        };
        let parent = match context.parent_span_id() {
            [0, 0, 0, 0, 0, 0, 0, 0] => None,
            span => self.routes.parent(link, span),
        };
        authority::check(&module, policy, context, parent.as_ref())
            .map_err(|reason| No(PermissionDenied, reason))?;
        let named = match context.target() {
            Target::Service(name) | Target::Module(name) | Target::Broadcast(name) => Some(name),
            _ => None,
        };
        if let Some(name) = named.filter(|name| !policy.may_call(name)) {
            return no(PermissionDenied, format!("it may not call `{name}`"));
        }
        if context.target() == Target::Service(ADMIN) && self.leaves(link, context.target()) {
            if open.interaction != InteractionKind::ServerStream {
                return no(InvalidArgument, format!("{ADMIN} answers server streams"));
            }
            let credit = self.settings.connection.initial_credit;
            let local = Local::new(frame, credit, MAX_PAYLOAD, Purpose::Look(Look::default()));
            self.put_local(link, key, Box::new(local));
            return Ok(());
        }
        if let Target::Broadcast(topic) = context.target() {
            if open.interaction != InteractionKind::Unary {
                return no(InvalidArgument, "a broadcast is a unary call");
            }
            let purpose = Purpose::Broadcast { topic: topic.to_owned(), context: open.context.to_vec() };
            let mut most = self.settings.connection.max_payload as usize;
            if let Some(leaving) = &self.leaving {
                most = most.min(leaving.max_broadcast);
            }
            let local = Local::new(frame, self.settings.connection.initial_credit, most, purpose);
            self.put_local(link, key, Box::new(local));
            return Ok(());
        }
        match self.provider(link, open.interaction, context)? {
            Answerer::Here(to) => self.connect_ends(link, key, to, id, open, context, bytes),
            Answerer::Elsewhere => self.depart(link, key, id, open, context, bytes),
        }
    }

    /// Who answers the call.
    fn provider(
        &mut self,
        link: LinkId,
        kind: InteractionKind,
        context: &ContextRef<'_>,
    ) -> Result<Answerer, No> {
        use StreamErrorCode::{InvalidArgument, NotFound, PermissionDenied, Unavailable};
        if self.leaves(link, context.target()) {
            return Ok(Answerer::Elsewhere);
        }
        // Its subject was listened to when it was sent: what is provided no more has gone since.
        let is_late = self.is_remote(link);
        let unknown = |what: String| if is_late { No(Unavailable, LATE.into()) } else { No(NotFound, what) };
        let links = &self.links;
        let to = match context.target() {
            Target::Service(service) => {
                let busy = |id| links.get(id).filter(|link| !link.away).map(|link| link.busy);
                match self.registry.provider(service, kind, link, busy) {
                    Ok((to, requires)) => {
                        if !requires.is_empty() && !context.actor().has_capability(requires) {
                            return no(
                                PermissionDenied,
                                format!("the call needs the capability `{requires}`"),
                            );
                        }
                        Some(to)
                    }
                    Err(NoProvider::Unknown) => return Err(unknown(format!("nobody provides `{service}`"))),
                    Err(NoProvider::Kind) => {
                        return no(InvalidArgument, format!("`{service}` does not answer {kind} calls"));
                    }
                }
            }
            Target::Module(module) => match self.registry.module(module) {
                Some(announced) => Some(announced.link),
                None => return Err(unknown(format!("no module `{module}` is announced"))),
            },
            Target::Reply(id) => {
                let id = StreamId::new(id).map_err(|_| No(NotFound, "nobody waits for this reply".into()))?;
                match self.routes.waiting(link, id) {
                    Some(to) => Some(to),
                    None => {
                        return no(NotFound, "nobody waits for this reply, or not for one of this module");
                    }
                }
            }
            Target::DynamicEndpoint(name) => match self.registry.endpoint(name) {
                Some(to) => Some(to),
                None => return no(NotFound, "there is no such endpoint"),
            },
            _ => return no(InvalidArgument, "the target is of an unknown kind"),
        };
        match to {
            // Its stream would have one id twice on one connection.
            Some(to) if to == link => no(InvalidArgument, "a module cannot call itself through its host"),
            Some(to) if self.links.get(to).is_some_and(|link| !link.away) => Ok(Answerer::Here(to)),
            _ => no(Unavailable, "the module is going away"),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one open, taken apart once")]
    fn connect_ends(
        &mut self,
        link: LinkId,
        key: Key,
        to: LinkId,
        id: StreamId,
        open: Open<&[u8]>,
        context: &ContextRef<'_>,
        bytes: &[u8],
    ) -> Result<(), No> {
        let (metered, frame) = self.metered(id, open, bytes)?;
        let Some(provider) = self.links.get_mut(to) else {
            return no(StreamErrorCode::Unavailable, "the module is gone");
        };
        let peer = provider.connection.peer();
        let left = peer.map_or(0, |peer| peer.max_streams as usize).saturating_sub(provider.busy);
        if self.routes.between(link, to) >= left.saturating_mul(SHARE).max(1) {
            return no(
                StreamErrorCode::ResourceExhausted,
                "it has its share of the streams that the provider takes",
            );
        }
        let at_provider = provider.connection.relay_open(&frame).map_err(|error| {
            let code = match error.kind() {
                ErrorKind::TooManyStreams | ErrorKind::QueueFull | ErrorKind::MessageTooLarge => {
                    StreamErrorCode::ResourceExhausted
                }
                ErrorKind::StreamIdInUse => StreamErrorCode::InvalidArgument,
                _ => StreamErrorCode::Unavailable,
            };
            No(code, format!("at the provider: {error}"))
        })?;
        let ends = Both { caller: (link, key), provider: (to, at_provider) };
        let route = self.join(ends, id, open, metered, context);
        self.tap_frame(route, bytes);
        self.list(to);
        self.pump(route, Side::Caller);
        Ok(())
    }

    /// The open as it goes on: what the caller takes at once is metered from the beginning. With it, how much that
    /// is.
    pub(crate) fn metered<'b>(
        &self,
        id: StreamId,
        open: Open<&[u8]>,
        bytes: &'b [u8],
    ) -> Result<(u32, Cow<'b, [u8]>), No> {
        let streams = matches!(open.interaction, InteractionKind::ServerStream | InteractionKind::BidiStream);
        let most = if streams { self.settings.most_under_way(0) } else { u32::MAX };
        if open.initial_credit <= most {
            return Ok((open.initial_credit, Cow::Borrowed(bytes)));
        }
        let frame: FrameRef<'_> = Frame::open(id, open.interaction, most, open.context);
        let again =
            frame.encode().map_err(|error| No(StreamErrorCode::InvalidArgument, error.to_string()))?;
        Ok((most, Cow::Owned(again)))
    }

    /// Joins the two halves of a stream, of which the provider's is open already.
    pub(crate) fn join(
        &mut self,
        ends: Both<(LinkId, Key)>,
        id: StreamId,
        open: Open<&[u8]>,
        metered: u32,
        context: &ContextRef<'_>,
    ) -> RouteId {
        let (link, to) = (ends.caller.0, ends.provider.0);
        let caller_takes = self.links.get(link).map(|caller| caller.connection.limits()).unwrap_or_default();
        let mut taken = 0;
        let mut provider_takes = Limits::default();
        if let Some(provider) = self.links.get_mut(to) {
            provider.busy += 1;
            taken = provider.connection.peer().map_or(0, |peer| peer.initial_credit);
            provider_takes = provider.connection.limits();
        }
        let name = |link| self.module_of(link).unwrap_or_default().to_owned();
        let names = (self.settings.max_ended > 0).then(|| Box::new([name(link), name(to)]));
        let allowed = i64::from(self.settings.connection.initial_credit);
        let route = self.routes.insert(Route {
            id,
            kind: open.interaction,
            ends,
            owed: Both {
                caller: i64::from(taken) - allowed,
                provider: i64::from(open.initial_credit - metered),
            },
            allowed: Both { caller: allowed, provider: i64::from(metered) },
            takes: Both { caller: caller_takes, provider: provider_takes },
            blocked_us: Both::default(),
            closed: Both::default(),
            span: context.span_id(),
            context: open.context.into(),
            opened_us: self.now_us,
            passed: Both::default(),
            bytes: Both::default(),
            largest: Both::default(),
            was_blocked_us: Both::default(),
            target: context.target().to_string(),
            names,
        });
        self.remember(link, ends.caller.1, Half::Route(route, Side::Caller));
        self.remember(to, ends.provider.1, Half::Route(route, Side::Provider));
        route
    }

    pub(crate) fn turn_away(
        &mut self,
        link: LinkId,
        key: Key,
        id: StreamId,
        kind: InteractionKind,
        context: &ContextRef<'_>,
        no: &No,
    ) {
        let No(code, reason) = no;
        self.tell_not_routed(link, id, kind, context, HowEnded::Failed(*code), [0; 2]);
        let correlation = context.correlation_id();
        self.refused(
            link,
            "open",
            context.target().to_string(),
            (correlation != [0; 16]).then_some(correlation),
            *code,
            reason,
        );
        let frame: FrameRef<'_> = Frame::error(id, *code, 0, reason, &[]);
        self.command_frame(link, key, &frame, |bytes| Command::Control(bytes, true));
    }
}
