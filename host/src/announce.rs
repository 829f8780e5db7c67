//! Streams that the host answers itself: a module's to `ixt.host`, and broadcasts.

use ixt_core::connection::Key;
use ixt_core::flow::{Event, Received, Stream};
use ixt_core::invocation::ContextRef;
use ixt_core::stream::{CloseReason, FrameBody, FrameRef, InteractionKind, StreamErrorCode};

use crate::command::Command;
use crate::ended::HowEnded;
use crate::ends::LinkId;
use crate::host::Host;
use crate::link::Half;
use crate::local::{Local, Purpose};
use crate::message::{FromHost, ToHost};
use crate::name::{is_among, is_name, is_reserved};
use crate::policy::hex;
use crate::registry::Announced;

/// What one module may have open at once.
const MAX_ENDPOINTS: usize = 4096;

impl Host {
    /// Takes a frame of a stream that the host answers.
    pub(crate) fn receive_local(
        &mut self,
        link: LinkId,
        key: Key,
        mut local: Box<Local>,
        frame: FrameRef<'_>,
    ) {
        let id = frame.stream_id;
        let heard = match local.stream.receive(frame) {
            Received::Data(data) => Some(data.payload),
            _ => None,
        };
        if let Some(payload) = heard {
            let _ = local.stream.consume(1);
            match &mut local.purpose {
                Purpose::Module => self.hear_module(link, key, &mut local.stream, payload),
                Purpose::Look(look) => self.look(link, key, &mut local.stream, look, payload),
                Purpose::Broadcast { topic, context } => {
                    self.broadcast(Some(link), topic, context, payload);
                    // The caller learns that it was accepted, and no more.
                    self.say(link, key, &mut local.stream, &[]);
                    let _ = local.stream.close(CloseReason::Completed);
                    if let Ok(context) = ContextRef::decode(context) {
                        let how = HowEnded::Closed(CloseReason::Completed);
                        let sent = [1, payload.len() as u64];
                        self.tell_not_routed(link, id, InteractionKind::Unary, &context, how, sent);
                    }
                }
            }
        }
        let mut ended = false;
        while let Some(event) = local.stream.poll_event() {
            if matches!(event, Event::Closed(_) | Event::Failed(_) | Event::Cancelled(_))
                && matches!(local.purpose, Purpose::Module)
            {
                ended = true;
            }
        }
        if let Purpose::Look(look) = &mut local.purpose {
            self.show(link, key, &mut local.stream, look);
        }
        if ended {
            // A module is announced for as long as this stream lives.
            self.withdraw(link);
            let _ = local.stream.close(CloseReason::Completed);
        }
        self.put_local(link, key, local);
    }

    /// Sends what the stream has to send, and keeps it or lets it go.
    pub(crate) fn put_local(&mut self, link: LinkId, key: Key, mut local: Box<Local>) {
        while let Some(frame) = local.stream.poll_transmit() {
            match frame.body {
                FrameBody::Credit(credit) => self.command(link, key, Command::Grant(credit.frames)),
                FrameBody::Close(_) => {
                    self.command_frame(link, key, &frame.as_ref(), |bytes| Command::Data(bytes, true))
                }
                _ => self.command_frame(link, key, &frame.as_ref(), |bytes| Command::Control(bytes, true)),
            }
        }
        if local.stream.has_ended() {
            self.forget(link, key);
            self.command(link, key, Command::Done(false));
        } else {
            self.remember(link, key, Half::Local(local));
        }
    }

    /// Sends a message on a stream of the host's; without credit it is not said.
    pub(crate) fn say(&mut self, link: LinkId, key: Key, stream: &mut Stream, payload: &[u8]) -> bool {
        let sent = stream.try_send(payload);
        if let Ok(frame) = &sent {
            self.command_frame(link, key, frame, |bytes| Command::Data(bytes, false));
        }
        sent.is_ok()
    }

    fn hear_module(&mut self, link: LinkId, key: Key, stream: &mut Stream, payload: &[u8]) {
        let announced = self.module_of(link).is_some();
        let answer = match ToHost::decode(payload) {
            Ok(ToHost::Announce { module, services, topics, token }) if !announced => {
                self.announce(link, module, services, topics, &token).map(|()| Some(FromHost::Accepted))
            }
            Ok(ToHost::Announce { .. }) => {
                Err((StreamErrorCode::ProtocolViolation, "it is announced already".to_owned()))
            }
            Ok(_) if !announced => {
                Err((StreamErrorCode::ProtocolViolation, "it is not announced".to_owned()))
            }
            Ok(ToHost::OpenEndpoint(number)) => {
                self.open_endpoint(link).map(|name| Some(FromHost::Endpoint { number, name }))
            }
            Ok(ToHost::CloseEndpoint(name)) => {
                self.registry.close_endpoint(&name, link);
                Ok(None)
            }
            Err(error) => Err((StreamErrorCode::InvalidArgument, error.to_string())),
        };
        match answer {
            Ok(Some(answer)) => {
                self.say(link, key, stream, &answer.encode());
            }
            Ok(None) => {}
            Err((code, reason)) => {
                self.refused(link, "announce", String::new(), None, code, &reason);
                let _ = stream.fail(code, &reason, &[]);
                self.withdraw(link);
            }
        }
    }

    fn announce(
        &mut self,
        link: LinkId,
        module: String,
        services: Vec<crate::ServiceOffer>,
        topics: Vec<String>,
        token: &[u8],
    ) -> Result<(), (StreamErrorCode, String)> {
        use StreamErrorCode::{InvalidArgument, PermissionDenied, ResourceExhausted, Unauthenticated};
        if self.peer_of(link).is_some_and(|peer| peer.is_host) {
            self.name(link, Some(module.clone()));
            self.registry.announce(module, Announced { link, services, topics });
            return Ok(());
        }
        if !is_name(&module) || is_reserved(&module) {
            return Err((InvalidArgument, "the module's name is none".to_owned()));
        }
        let Some(policy) = self.policy.module(&module) else {
            return Err((PermissionDenied, format!("`{module}` may not connect")));
        };
        if self.leaving.is_none() {
            // On a network it is the server that knows who it is.
            let uid = self.peer_of(link).and_then(|peer| peer.uid);
            policy.is_bound_to(uid, token).map_err(|why| (Unauthenticated, why.to_owned()))?;
        }
        for offer in &services {
            if !is_name(&offer.name) || is_reserved(&offer.name) {
                return Err((InvalidArgument, "the name of a service is none".to_owned()));
            }
            if !is_among(&policy.provide, &offer.name) {
                return Err((PermissionDenied, format!("it may not provide `{}`", offer.name)));
            }
            if !offer.requires.is_empty() && !ixt_core::invocation::capability::is_concrete(&offer.requires) {
                return Err((InvalidArgument, format!("`{}` requires what is no capability", offer.name)));
            }
        }
        for topic in &topics {
            if !is_name(topic) {
                return Err((InvalidArgument, "the name of a topic is none".to_owned()));
            }
            if !is_among(&policy.subscribe, topic) {
                return Err((PermissionDenied, format!("it may not subscribe to `{topic}`")));
            }
        }
        if self.registry.module(&module).is_some() {
            return Err((ResourceExhausted, format!("a module `{module}` is announced already")));
        }
        self.name(link, Some(module.clone()));
        self.registry.announce(module, Announced { link, services, topics });
        Ok(())
    }

    fn open_endpoint(&mut self, link: LinkId) -> Result<String, (StreamErrorCode, String)> {
        if self.registry.endpoints_of(link) >= MAX_ENDPOINTS {
            return Err((StreamErrorCode::ResourceExhausted, "it has too many endpoints".to_owned()));
        }
        let mut name = hex(&self.random::<16>());
        if let (Some(leaving), Some(module)) = (&self.leaving, self.module_of(link)) {
            name = format!("{name}.{}.{module}", leaving.here);
        }
        self.registry.open_endpoint(name.clone(), link);
        Ok(name)
    }
}
