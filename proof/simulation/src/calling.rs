//! Calls, as modules make them.

use ixt_core::ErrorKind;
use ixt_core::invocation::{InvocationContext, Target};
use ixt_core::stream::InteractionKind;

use crate::invariant::Invariant;
use crate::ledger::{Call, CallId, End, Goal, OPENER, RESPONDER};
use crate::part::Part;
use crate::plan::TOPICS;
use crate::queue::Event;
use crate::session::Session;
use crate::world::World;

const KINDS: [InteractionKind; 4] = [
    InteractionKind::Unary,
    InteractionKind::ClientStream,
    InteractionKind::ServerStream,
    InteractionKind::BidiStream,
];

impl World {
    /// A module makes a call now, if it can, and perhaps another one at once.
    pub(crate) fn call(&mut self, module: usize) {
        let Some(mut session) = self.modules[module].session.take() else { return };
        for _ in 0..self.random.one_of(1, &[1, 1, 4]) {
            if session.mind.is_announced && !session.mind.is_leaving && self.failure.is_none() {
                self.open(module, &mut session);
            }
        }
        self.modules[module].session = Some(session);
        self.look_after(module);
    }

    fn open(&mut self, module: usize, session: &mut Session) {
        let Some((goal, target)) = self.goal(module, session) else { return };
        let mut kind = KINDS[self.random.below(KINDS.len())];
        if matches!(goal, Goal::Broadcast(_)) {
            kind = InteractionKind::Unary;
        }
        let now_ms = self.now_us / 1000;
        let deadline_ms = self.random.once_in(4).then(|| {
            let most = self.random.one_of(10, &[300, 3000]);
            now_ms + self.random.between(0, most)
        });
        let mut context = InvocationContext::builder().source_module(module_name(module)).target(target);
        if let Some(deadline_ms) = deadline_ms {
            context = context.deadline_ms(deadline_ms);
        }
        if self.random.once_in(2) {
            context = context.span_id((self.random.number() | 1).to_le_bytes());
        }
        let Ok(context) = context.build() else { return };
        let context = context.encode();
        let id = self.random.id();
        let key = match session.engine.open(id, kind, &context) {
            Ok(key) => key,
            Err(error) => {
                let may = match error.kind() {
                    ErrorKind::QueueFull | ErrorKind::GoingAway | ErrorKind::Closed => true,
                    ErrorKind::TooManyStreams => self.plan.is_tight,
                    _ => false,
                };
                if !may {
                    self.fail(Invariant::Commands, format!("to open a call: {error}"));
                }
                return;
            }
        };
        let end = End::new(module, self.modules[module].number, self.plan.modules[module].config.window);
        let call = self.ledger.begin(Call {
            id,
            kind,
            goal,
            station: self.modules[module].station,
            context,
            opened_us: self.now_us,
            deadline_ms,
            sizes: self.plan.sizes,
            ends: [end, End::default()],
        });
        self.trace.note(self.now_us, "call", &[call as u64, module as u64, u64::from(kind.raw())]);
        self.trace.say(self.now_us, || {
            let call = &self.ledger.calls[call];
            format!("module {module}: call {:?} {:?} deadline {deadline_ms:?}", call.kind, call.goal)
        });
        let part = Part::new((call, OPENER), kind, self.plan.sizes, self.now_us, &mut self.random);
        session.mind.parts.insert(key, part);
        session.mind.dirty.push(key);
    }

    /// Where the next call goes.
    fn goal(&mut self, module: usize, session: &Session) -> Option<(Goal, Target)> {
        let others = self.modules.len();
        let goal = match self.random.below(16) {
            0..=8 => Goal::Service(self.random.below(self.plan.services)),
            9 | 10 => Goal::Module(self.random.below(others)),
            11 | 12 => Goal::Endpoint(self.random.below(others)),
            13 => Goal::Reply(self.answering(module, session)?),
            14 => Goal::Broadcast(self.random.below(TOPICS)),
            _ => Goal::Nobody,
        };
        let target = match &goal {
            Goal::Service(service) => Target::Service(service_name(*service)),
            Goal::Module(other) | Goal::Endpoint(other) if *other == module => return None,
            Goal::Module(other) => Target::Module(module_name(*other)),
            Goal::Endpoint(other) => {
                let name = self.modules[*other].session.as_ref()?.mind.endpoint.clone()?;
                Target::DynamicEndpoint(name)
            }
            Goal::Reply(call) => Target::Reply(*self.ledger.calls[*call].id.as_bytes()),
            Goal::Broadcast(topic) => Target::Broadcast(topic_name(*topic)),
            Goal::Nobody | Goal::Copy(_) | Goal::Twin(_) => Target::Service("nobody".to_owned()),
        };
        // Another station knows nothing of it.
        let is_here = match goal {
            Goal::Module(other) | Goal::Endpoint(other) => {
                self.modules[other].station == self.modules[module].station
            }
            _ => true,
        };
        is_here.then_some((goal, target))
    }

    /// A call that the module is answering.
    fn answering(&mut self, module: usize, session: &Session) -> Option<CallId> {
        let answered = session.mind.parts.values().filter(|part| part.side == RESPONDER);
        let calls: Vec<CallId> = answered
            .map(|part| part.call)
            .filter(|call| !matches!(self.ledger.calls[*call].goal, Goal::Copy(_) | Goal::Twin(_)))
            .filter(|call| self.ledger.end(*call, OPENER).module != module)
            .collect();
        calls.get(self.random.below(calls.len())).copied()
    }

    /// The calls of all modules, at any time until nobody makes calls.
    pub(crate) fn plan_calls(&mut self) {
        for module in 0..self.modules.len() {
            for _ in 0..self.plan.modules[module].calls {
                let at_us = self.now_us + self.random.between(10_000, self.plan.calls_until_us);
                self.queue.put(at_us, Event::Call(module));
            }
        }
    }
}

pub(crate) fn module_name(module: usize) -> String {
    format!("module-{module}")
}

pub(crate) fn service_name(service: usize) -> String {
    format!("service-{service}")
}

pub(crate) fn topic_name(topic: usize) -> String {
    format!("topic-{topic}")
}
