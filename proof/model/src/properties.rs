//! What must hold in every world, and what must occur in some.

use ixt_core::flow::{By, Outcome};
use ixt_core::stream::{CloseReason, StreamErrorCode};
use stateright::{Model, Property};

use crate::{Application, Bounds, Fault, Side, Step, World};

impl Model for Bounds {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let opened = |credit: &u32| match World::opened(self, *credit) {
            Ok(world) => world,
            Err(error) => panic!("{}", crate::world::cannot_begin(&error)),
        };
        self.credits.iter().map(opened).collect()
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        world.steps(self, steps);
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        world.after(self, step)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always("received is at most granted", |_, world: &World| {
                both(world, |world, side| {
                    let end = world.end(side);
                    end.stream.received() <= end.granted && u64::from(end.delivered) <= end.granted
                })
            }),
            Property::always("credit is conserved", |_, world: &World| both(world, conserved)),
            Property::always("no credit is free while a ticket waits", |_, world: &World| {
                both(world, |world, side| {
                    let end = world.end(side);
                    end.stream.state().credit == 0 || end.tickets.iter().all(|(_, ready)| *ready)
                })
            }),
            Property::always("the sequence has no gap", |_, world: &World| world.fault != Some(Fault::Gap)),
            Property::always("nothing is delivered after the end", |_, world: &World| {
                world.fault != Some(Fault::AfterEnd)
            }),
            Property::always("no frame leaves after the end", |_, world: &World| {
                world.fault != Some(Fault::FrameAfterEnd)
            }),
            Property::always("closed means that all was received", |_, world: &World| {
                both(world, |world, side| {
                    let end = world.end(side);
                    let sent = world.end(side.peer()).stream.sent();
                    !end.closed || (end.stream.received() == sent && u64::from(end.delivered) == sent)
                })
            }),
            Property::always("a refused command changes nothing", |_, world: &World| {
                world.fault != Some(Fault::RefusedAndChanged)
            }),
            Property::always("each ticket is told once", |_, world: &World| {
                world.fault != Some(Fault::WrongTicket)
            }),
            Property::always("no end that keeps the rules is accused", |_, world: &World| {
                world.fault != Some(Fault::Accused) && both(world, not_accused)
            }),
            Property::always("the outcomes agree", agree),
            Property::always("no deadlock while the reader grants", |bounds: &Bounds, world: &World| {
                both_ended(world) || !stuck(bounds, world)
            }),
            Property::sometimes("both ends complete", |_, world: &World| {
                both(world, |world, side| {
                    matches!(world.end(side).stream.outcome(), Some(Outcome::Completed(_)))
                })
            }),
            Property::sometimes("every message arrives", all_arrived),
        ];
        if self.application == Application::Patient {
            properties
                .push(Property::always("everything arrives in the end", |bounds: &Bounds, world: &World| {
                    all_arrived(bounds, world) || !stuck(bounds, world)
                }));
        } else {
            properties.push(Property::sometimes("a message crosses with a cancel", |_, world: &World| {
                both_ended(world) && world.ends.iter().any(|end| end.stream.state().ignored > 0)
            }));
        }
        properties
    }
}

fn both(world: &World, holds: impl Fn(&World, Side) -> bool) -> bool {
    Side::BOTH.into_iter().all(|side| holds(world, side))
}

fn both_ended(world: &World) -> bool {
    world.ends.iter().all(|end| end.stream.has_ended())
}

/// Whether nothing can happen any more. A fault is told by its own property.
fn stuck(bounds: &Bounds, world: &World) -> bool {
    if world.fault.is_some() {
        return false;
    }
    let mut steps = Vec::new();
    world.steps(bounds, &mut steps);
    steps.into_iter().all(|step| world.after(bounds, step).is_none())
}

/// What a receiver has granted and not received is, credit by credit, with the sender, in its tickets or
/// under way.
fn conserved(world: &World, from: Side) -> bool {
    if !world.direction_open(from) {
        return true;
    }
    let sender = world.end(from);
    let with_sender = u64::from(sender.stream.state().credit) + sender.held() as u64;
    let outstanding = u64::from(world.end(from.peer()).stream.state().outstanding);
    with_sender + world.under_way(from) == outstanding
}

fn not_accused(world: &World, side: Side) -> bool {
    match world.end(side).stream.outcome() {
        Some(Outcome::Failed(failure)) => failure.code == StreamErrorCode::Internal,
        _ => true,
    }
}

fn all_arrived(bounds: &Bounds, world: &World) -> bool {
    both(world, |world, side| world.end(side).delivered == bounds.to_send(side.peer().role()))
}

/// Compatible outcomes, once both ends have ended and nothing is under way: each end says what the other
/// one did, or both had their own word and crossed.
fn agree(bounds: &Bounds, world: &World) -> bool {
    let under_way =
        world.ways.iter().any(|way| !way.is_empty()) || world.ends.iter().any(|end| !end.outbox.is_empty());
    if under_way || !both_ended(world) {
        return true;
    }
    both(world, |world, side| {
        let peer = world.end(side.peer()).stream.outcome();
        match (world.end(side).stream.outcome(), peer) {
            (Some(Outcome::Completed(reason)), Some(Outcome::Completed(_))) => {
                *reason == completed(bounds, side)
            }
            // A peer that broke the stream off before it read the last close has crossed with it.
            (Some(Outcome::Completed(_)), Some(theirs)) => by(theirs) == Some(By::Local),
            (Some(Outcome::Failed(ours)), Some(Outcome::Failed(theirs))) if ours.by == By::Peer => {
                theirs.by == By::Local && ours.code == theirs.code
            }
            (Some(Outcome::Cancelled(ours)), Some(Outcome::Cancelled(theirs))) if ours.by == By::Peer => {
                theirs.by == By::Local && ours.reason == theirs.reason
            }
            (Some(ours), Some(_)) => by(ours) == Some(By::Local),
            _ => false,
        }
    })
}

fn by(outcome: &Outcome) -> Option<By> {
    match outcome {
        Outcome::Completed(_) => None,
        Outcome::Failed(failure) => Some(failure.by),
        Outcome::Cancelled(cancellation) => Some(cancellation.by),
    }
}

/// The outcome of an end when both have closed (specification 23, section 7).
fn completed(bounds: &Bounds, side: Side) -> CloseReason {
    let decider = if bounds.responder_decides() { Side::Responder } else { side.peer() };
    decider.reason(bounds.application)
}
