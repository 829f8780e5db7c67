//! Streams that a module here has opened and that are answered elsewhere, until it is known where
//! (specification 27, "A stream").
//!
//! The open leaves, with what was said at once; what follows waits here. Then some other host has taken the stream,
//! and it goes on as any other; or nobody has, and it fails.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use ixt_core::connection::Key;
use ixt_core::invocation::{ContextRef, Target};
use ixt_core::stream::{
    CancelReason, CloseReason, Frame, FrameBody, FrameRef, InteractionKind, Open, StreamErrorCode, StreamId,
};

use crate::command::{ANY, Command};
use crate::ended::HowEnded;
use crate::ends::{Both, LinkId, Side};
use crate::host::Host;
use crate::link::Half;
use crate::open::{No, no};

/// What leaves, and what waits to be taken.
#[derive(Debug)]
pub(crate) struct Leaving {
    /// The module's connection.
    pub(crate) local: LinkId,
    streams: HashMap<StreamId, Stream>,
    departing: VecDeque<Departure>,
    /// When each that has not been taken fails, oldest first.
    expiries: VecDeque<(u64, StreamId)>,
    /// How long a stream waits to be taken, in microseconds.
    patience_us: u64,
    /// The largest payload of a broadcast.
    pub(crate) max_broadcast: usize,
    /// Stands behind the names of endpoints, so that whoever has one knows where it is.
    pub(crate) here: String,
    /// The stream that is being read came by the subject of its target.
    pub(crate) is_admitted: bool,
    /// Who wants to know who is there: until when, and its stream.
    pub(crate) looks: Vec<(u64, LinkId, Key)>,
}

/// What leaves.
#[derive(Debug)]
struct Departure {
    to: Destination,
    what: What,
}

#[derive(Debug)]
enum What {
    Stream(StreamId),
    /// A broadcast: its three frames. None ask who is there.
    Whole(Vec<u8>),
}

/// Where to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Destination {
    Service(String),
    Module(String),
    Endpoint(String),
    Topic(String),
}

/// A stream that nobody has taken yet.
#[derive(Debug)]
struct Stream {
    to: Destination,
    caller: (LinkId, Key),
    kind: InteractionKind,
    /// The open, as it leaves.
    open: Vec<u8>,
    /// The initial credit that it came with.
    wanted: u32,
    /// What the caller has granted since.
    granted: u32,
    opened_us: u64,
    has_departed: bool,
    /// Frames of the caller, back to back.
    kept: Vec<u8>,
    frames: Vec<Kept>,
    /// How many of them have left with the open.
    sent: usize,
    /// The caller wants it no more: the error or the cancel that whoever takes it is told.
    last: Option<Vec<u8>>,
}

#[derive(Debug, Clone)]
struct Kept {
    place: Range<usize>,
    /// Of a data frame: the bytes of its payload.
    payload: Option<usize>,
    close: Option<CloseReason>,
}

impl Leaving {
    pub(crate) fn new(patience_us: u64, max_broadcast: usize, here: String) -> Self {
        Self {
            local: LinkId::from_raw(0),
            streams: HashMap::new(),
            departing: VecDeque::new(),
            expiries: VecDeque::new(),
            patience_us,
            max_broadcast,
            here,
            is_admitted: false,
            looks: Vec::new(),
        }
    }

    /// When the next stream fails that nobody has taken.
    pub(crate) fn next_expiry(&mut self) -> Option<u64> {
        while let Some((_, id)) = self.expiries.front()
            && !self.streams.contains_key(id)
        {
            self.expiries.pop_front();
        }
        self.expiries.front().map(|(at, _)| *at)
    }

    /// When who wants to know who is there has waited long enough.
    pub(crate) fn next_look(&self) -> Option<u64> {
        self.looks.iter().map(|(until_us, ..)| *until_us).min()
    }

    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }
}

impl Stream {
    fn keep(&mut self, bytes: &[u8], payload: Option<usize>, close: Option<CloseReason>) {
        let from = self.kept.len();
        self.kept.extend_from_slice(bytes);
        self.frames.push(Kept { place: from..self.kept.len(), payload, close });
    }

    /// What leaves with the open: the one message of a direction that carries one, and its close.
    fn goes_at_once(&self, most: usize) -> usize {
        let one = matches!(self.kind, InteractionKind::Unary | InteractionKind::ServerStream);
        if one && self.open.len() + self.kept.len() <= most { self.frames.len() } else { 0 }
    }
}

impl Host {
    pub(crate) fn is_remote(&self, link: LinkId) -> bool {
        self.peer_of(link).is_some_and(|peer| peer.is_remote)
    }

    /// What is read next came by the subject of its target, or not.
    pub(crate) fn admits(&mut self, is_admitted: bool) {
        if let Some(leaving) = &mut self.leaving {
            leaving.is_admitted = is_admitted;
        }
    }

    /// Whether a stream of this connection to this target is answered elsewhere.
    pub(crate) fn leaves(&self, link: LinkId, target: Target<&str>) -> bool {
        self.leaving.is_some()
            && !self.is_remote(link)
            && match target {
                Target::Service(_) | Target::Module(_) => true,
                Target::DynamicEndpoint(name) => self.registry.endpoint(name).is_none(),
                _ => false,
            }
    }

    /// What another host may open here: by subject, whose permissions have let it; otherwise only what it was given
    /// the name of.
    pub(crate) fn may_come(&self, link: LinkId, context: &ContextRef<'_>) -> Result<(), No> {
        if !self.is_remote(link) {
            return Ok(());
        }
        let is_admitted = self.leaving.as_ref().is_some_and(|leaving| leaving.is_admitted);
        match context.target() {
            Target::Reply(_) | Target::DynamicEndpoint(_) => Ok(()),
            Target::Service(name) if is_admitted && name != crate::SERVICE => Ok(()),
            Target::Module(_) if is_admitted => Ok(()),
            _ => no(StreamErrorCode::PermissionDenied, "it did not come by the subject of its target"),
        }
    }

    /// A stream leaves.
    pub(crate) fn depart(
        &mut self,
        link: LinkId,
        key: Key,
        id: StreamId,
        open: Open<&[u8]>,
        context: &ContextRef<'_>,
        bytes: &[u8],
    ) -> Result<(), No> {
        use StreamErrorCode::{InvalidArgument, Unavailable};
        let (_, frame) = self.metered(id, open, bytes)?;
        let to = match context.target() {
            Target::Service(name) => Destination::Service(name.to_owned()),
            Target::Module(name) => Destination::Module(name.to_owned()),
            Target::DynamicEndpoint(name) => Destination::Endpoint(name.to_owned()),
            _ => return no(InvalidArgument, "the target is of an unknown kind"),
        };
        let opened_us = self.now_us;
        let Some(leaving) = &mut self.leaving else { return no(Unavailable, "there is no elsewhere") };
        if leaving.streams.contains_key(&id) {
            return no(InvalidArgument, "a stream of this id is leaving already");
        }
        let stream = Stream {
            to: to.clone(),
            caller: (link, key),
            kind: open.interaction,
            open: frame.into_owned(),
            wanted: open.initial_credit,
            granted: 0,
            opened_us,
            has_departed: false,
            kept: Vec::new(),
            frames: Vec::new(),
            sent: 0,
            last: None,
        };
        leaving.streams.insert(id, stream);
        leaving.expiries.push_back((opened_us + leaving.patience_us, id));
        leaving.departing.push_back(Departure { to, what: What::Stream(id) });
        self.remember(link, key, Half::Leaving(id));
        Ok(())
    }

    /// A broadcast leaves, or, without frames, the question who is there.
    pub(crate) fn depart_whole(&mut self, to: Destination, frames: Vec<u8>) {
        let Some(leaving) = &mut self.leaving else { return };
        leaving.departing.push_back(Departure { to, what: What::Whole(frames) });
    }

    /// A frame of the caller's, of a stream that nobody has taken yet.
    pub(crate) fn leaving_frame(&mut self, id: StreamId, bytes: &[u8]) {
        let Ok(frame) = FrameRef::decode_within(bytes, ANY) else { return };
        let most = self.settings.max_queued_stream;
        let Some(stream) = self.leaving.as_mut().and_then(|leaving| leaving.streams.get_mut(&id)) else {
            return;
        };
        match frame.body {
            FrameBody::Data(data) => stream.keep(bytes, Some(data.payload.len()), None),
            FrameBody::Close(close) => stream.keep(bytes, None, Some(close.reason)),
            FrameBody::Credit(credit) => stream.granted = stream.granted.saturating_add(credit.frames),
            FrameBody::Error(error) => self.leaving_ends(id, HowEnded::Failed(error.code), bytes),
            FrameBody::Cancel(cancel) => self.leaving_ends(id, HowEnded::Cancelled(cancel.reason), bytes),
            _ => stream.keep(bytes, None, None),
        }
        let kept = self.leaving.as_ref().and_then(|leaving| leaving.streams.get(&id));
        if kept.is_some_and(|stream| stream.kept.len() > most) {
            self.fail_leaving(id, StreamErrorCode::ResourceExhausted, "too much of it waits in the host");
        }
    }

    /// Its caller is gone.
    pub(crate) fn leaving_unwanted(&mut self, id: StreamId) {
        let gone = CancelReason::ConsumerGone;
        let frame: FrameRef<'_> = Frame::cancel(id, gone, "the caller is gone");
        if let Ok(bytes) = frame.encode() {
            self.leaving_ends(id, HowEnded::Cancelled(gone), &bytes);
        }
    }

    /// Its caller wants it no more, and whoever takes it is told so.
    fn leaving_ends(&mut self, id: StreamId, how: HowEnded, last: &[u8]) {
        let Some(leaving) = &mut self.leaving else { return };
        let Some(mut stream) = leaving.streams.remove(&id) else { return };
        let ((link, key), kind, context) = (stream.caller, stream.kind, context_of(&stream.open));
        if stream.has_departed {
            (stream.kept, stream.frames) = (Vec::new(), Vec::new());
            stream.last = Some(last.to_vec());
            leaving.streams.insert(id, stream);
        }
        self.forget(link, key);
        self.command(link, key, Command::Done(true));
        if let Ok(context) = ContextRef::decode(&context) {
            self.tell_not_routed(link, id, kind, &context, how, [0; 2]);
        }
    }

    /// Nobody takes it.
    pub(crate) fn fail_leaving(&mut self, id: StreamId, code: StreamErrorCode, why: &str) {
        let Some(stream) = self.leaving.as_mut().and_then(|leaving| leaving.streams.remove(&id)) else {
            return;
        };
        if stream.last.is_none() {
            self.not_taken(id, &stream, &No(code, why.to_owned()));
        }
    }

    fn not_taken(&mut self, id: StreamId, stream: &Stream, no: &No) {
        let (link, key) = stream.caller;
        self.forget(link, key);
        let context = context_of(&stream.open);
        if let Ok(context) = ContextRef::decode(&context) {
            self.turn_away(link, key, id, stream.kind, &context, no);
        }
    }

    /// Where the stream of this id goes, for people.
    pub(crate) fn leaving_target(&self, id: StreamId) -> Option<String> {
        let stream = self.leaving.as_ref()?.streams.get(&id)?;
        Some(ContextRef::decode(&context_of(&stream.open)).ok()?.target().to_string())
    }

    /// Streams that leave to where `is_it` says, in an order that does not depend on memory.
    pub(crate) fn leaving_to(&self, is_it: impl Fn(&Destination) -> bool) -> Vec<StreamId> {
        let streams = self.leaving.iter().flat_map(|leaving| &leaving.streams);
        let mut found: Vec<_> = streams.filter(|(_, stream)| is_it(&stream.to)).map(|(id, _)| *id).collect();
        found.sort_unstable();
        found
    }

    /// Fails what nobody has taken in time.
    pub(crate) fn expire_leaving(&mut self) {
        while let Some(leaving) = &mut self.leaving
            && let Some(&(at, id)) = leaving.expiries.front()
            && at <= self.now_us
        {
            leaving.expiries.pop_front();
            self.fail_leaving(id, StreamErrorCode::Unavailable, "nobody has taken the call in time");
        }
    }

    /// The next that leaves: where to, of which stream unless it is a broadcast, and its frames behind what stands in
    /// `out`, as far as there is room for so many bytes of them. To an endpoint nothing leaves this way.
    pub(crate) fn poll_departure(
        &mut self,
        most: usize,
        out: &mut Vec<u8>,
    ) -> Option<(Destination, Option<StreamId>)> {
        let leaving = self.leaving.as_mut()?;
        loop {
            let Departure { to, what } = leaving.departing.pop_front()?;
            match what {
                What::Whole(frames) => {
                    out.extend_from_slice(&frames);
                    return Some((to, None));
                }
                What::Stream(id) => {
                    // It may have been cancelled meanwhile.
                    let Some(stream) = leaving.streams.get_mut(&id) else { continue };
                    stream.has_departed = true;
                    if !matches!(to, Destination::Endpoint(_)) {
                        stream.sent = stream.goes_at_once(most);
                        out.extend_from_slice(&stream.open);
                        if stream.sent > 0 {
                            out.extend_from_slice(&stream.kept);
                        }
                    }
                    return Some((to, Some(id)));
                }
            }
        }
    }

    pub(crate) fn has_departures(&self) -> bool {
        self.leaving.as_ref().is_some_and(|leaving| !leaving.departing.is_empty())
    }

    /// The host behind this connection has taken the stream; or, where it `is_new` to it, is asked to.
    pub(crate) fn bind(&mut self, id: StreamId, to: LinkId, is_new: bool) {
        let Some(stream) = self.leaving.as_mut().and_then(|leaving| leaving.streams.remove(&id)) else {
            return self.stray(id, to);
        };
        let Some(provider) = self.links.get_mut(to) else {
            return self.not_taken(
                id,
                &stream,
                &No(StreamErrorCode::Unavailable, "the module is gone".into()),
            );
        };
        if let Some(last) = &stream.last {
            if !is_new {
                provider.connection.relay_stray(last);
                self.list(to);
            }
            return;
        }
        let sent = stream.frames.iter().take(stream.sent).filter(|kept| kept.payload.is_some()).count();
        let opened = if is_new {
            provider.connection.relay_open(&stream.open)
        } else {
            provider.connection.relay_adopt(&stream.open, u32::try_from(sent).unwrap_or(u32::MAX))
        };
        let at_provider = match opened {
            Ok(key) => key,
            Err(error) => {
                let no = No(StreamErrorCode::Unavailable, format!("at the provider: {error}"));
                return self.not_taken(id, &stream, &no);
            }
        };
        // It was decoded when it was opened.
        let Ok(frame) = FrameRef::decode_within(&stream.open, ANY) else { return };
        let FrameBody::Open(open) = frame.body else { return };
        let Ok(context) = ContextRef::decode(open.context) else { return };
        let (metered, open) = (open.initial_credit, Open { initial_credit: stream.wanted, ..open });
        let ends = Both { caller: stream.caller, provider: (to, at_provider) };
        let route = self.join(ends, id, open, metered, &context);
        if let Some(route) = self.routes.get_mut(route) {
            route.opened_us = stream.opened_us;
            *route.owed.of_mut(Side::Provider) += i64::from(stream.granted);
        }
        self.tap_frame(route, &stream.open);
        let now_us = self.now_us;
        for (index, kept) in stream.frames.iter().enumerate() {
            let bytes = stream.kept.get(kept.place.clone()).unwrap_or_default();
            if index < stream.sent {
                if let Some(route) = self.routes.get_mut(route) {
                    if let Some(payload) = kept.payload {
                        route.count(Side::Caller, payload, now_us);
                        self.relayed.count(Side::Caller, payload);
                    }
                    if kept.close.is_some() {
                        *route.closed.of_mut(Side::Caller) = kept.close;
                    }
                }
            } else if let Ok(frame) = FrameRef::decode_within(bytes, ANY) {
                self.relay_frame(route, Side::Caller, frame, bytes);
            }
        }
        self.list(to);
        self.pump(route, Side::Caller);
        self.pump(route, Side::Provider);
    }

    /// A host has taken a stream that nobody here waits for any more, or that another one has taken before: a message
    /// was doubled, and then neither of the two is to go on.
    fn stray(&mut self, id: StreamId, to: LinkId) {
        let local = self.leaving.as_ref().and_then(|leaving| self.links.get(leaving.local));
        // Nobody else has ids that the module has used, so nobody else makes this look at all streams.
        let is_ours = local.is_some_and(|local| local.connection.knows(id));
        let route = if is_ours { self.routes.any(id) } else { None };
        if let Some(route) = route
            && self.routes.get(route).is_some_and(|route| route.ends.provider.0 != to)
        {
            self.fail_route(route, StreamErrorCode::Unavailable, "two have taken the call");
        }
        let frame: FrameRef<'_> = Frame::cancel(id, CancelReason::ConsumerGone, "nobody waits for it");
        if let (Ok(bytes), Some(link)) = (frame.encode(), self.links.get_mut(to))
            && !link.connection.knows(id)
        {
            link.connection.relay_stray(&bytes);
            self.list(to);
        }
    }
}

/// The context in an open.
fn context_of(open: &[u8]) -> Vec<u8> {
    match FrameRef::decode_within(open, ANY).map(|frame| frame.body) {
        Ok(FrameBody::Open(open)) => open.context.to_vec(),
        _ => Vec::new(),
    }
}
