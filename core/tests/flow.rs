//! What the traces cannot say: the parts of the engine's surface that have no trace form.

use ixt_core::ErrorKind;
use ixt_core::flow::{By, Config, Effect, Event, Half, Outcome, Received, Role, Stream, Ticket, Violation};
use ixt_core::invocation::InvocationContext;
use ixt_core::stream::{
    CancelReason, CloseReason, Frame, FrameBody, FrameRef, InteractionKind, StreamErrorCode, StreamFrame,
    StreamId, UnknownFrame,
};

fn id() -> StreamId {
    StreamId::new([7; 16]).unwrap()
}

/// Both ends of an open stream, with what the open caused carried over.
fn pair(kind: InteractionKind) -> (Stream, Stream) {
    let mut opener = Stream::opener(kind, Config::default());
    let mut responder = Stream::responder(Config::default().with_window(4));
    let open = opener.open(id(), 4, &[]).unwrap();
    assert!(matches!(responder.receive(open), Received::Opened(_)));
    carry(&mut responder, &mut opener);
    drained(&mut opener);
    (opener, responder)
}

fn carry(from: &mut Stream, to: &mut Stream) {
    for frame in transmitted(from) {
        let _ = to.receive(frame.as_ref());
    }
}

/// All that waits to leave, which has an end.
fn transmitted(stream: &mut Stream) -> Vec<StreamFrame> {
    let frames: Vec<StreamFrame> = std::iter::from_fn(|| stream.poll_transmit()).take(9).collect();
    assert!(frames.len() < 9, "frames without end: {frames:?}");
    frames
}

fn drained(stream: &mut Stream) -> Vec<Event> {
    let events: Vec<Event> = std::iter::from_fn(|| stream.poll_event()).take(99).collect();
    assert!(events.len() < 99, "events without end: {events:?}");
    events
}

#[test]
fn an_endpoint_tells_what_it_is() {
    let (opener, responder) = pair(InteractionKind::ServerStream);
    assert_eq!((opener.role(), responder.role()), (Role::Opener, Role::Responder));
    assert_eq!(
        (opener.kind(), responder.kind()),
        (InteractionKind::ServerStream, InteractionKind::ServerStream)
    );
    assert_eq!((opener.id(), Stream::responder(Config::default()).id()), (Some(id()), None));
    assert_eq!(opener.next_timeout(), None);
}

#[test]
fn an_endpoint_tells_whether_it_sends_exactly_one_message() {
    use InteractionKind::{BidiStream, ClientStream, ServerStream, Unary};
    for (kind, opens, responds) in [
        (Unary, true, true),
        (ClientStream, false, true),
        (ServerStream, true, false),
        (BidiStream, false, false),
    ] {
        let (opener, responder) = pair(kind);
        assert_eq!((opener.sends_exactly_one(), responder.sends_exactly_one()), (opens, responds), "{kind}");
    }
}

#[test]
fn an_endpoint_counts_what_it_received() {
    let (mut opener, mut responder) = pair(InteractionKind::BidiStream);
    assert_eq!(responder.received(), 0);
    for number in 1..=3 {
        let _ = responder.receive(opener.try_send(b"x").unwrap());
        assert_eq!((responder.received(), opener.sent(), opener.received()), (number, number, 0));
    }
}

#[test]
fn only_completed_is_success_and_the_responder_decides_it() {
    let (mut opener, mut responder) = pair(InteractionKind::ServerStream);
    let _ = responder.receive(opener.try_send(b"?").unwrap());
    opener.close(CloseReason::Completed).unwrap();
    carry(&mut opener, &mut responder);
    assert_eq!((opener.outcome(), responder.outcome()), (None, None));
    responder.close(CloseReason::LimitReached).unwrap();
    carry(&mut responder, &mut opener);
    for end in [&opener, &responder] {
        assert_eq!(end.outcome(), Some(&Outcome::Completed(CloseReason::LimitReached)));
        assert!(!end.outcome().unwrap().is_success());
    }
}

#[test]
fn in_bidi_the_reason_that_is_not_success_stands() {
    for (own, peer, expected) in [
        (CloseReason::Completed, CloseReason::Completed, CloseReason::Completed),
        (CloseReason::Idle, CloseReason::Completed, CloseReason::Idle),
        (CloseReason::Completed, CloseReason::GoingAway, CloseReason::GoingAway),
        (CloseReason::Idle, CloseReason::GoingAway, CloseReason::GoingAway),
    ] {
        let (mut opener, mut responder) = pair(InteractionKind::BidiStream);
        opener.close(own).unwrap();
        assert_eq!(opener.outcome(), None, "one direction is open");
        responder.close(peer).unwrap();
        carry(&mut responder, &mut opener);
        assert_eq!(opener.outcome(), Some(&Outcome::Completed(expected)), "{own} and {peer}");
    }
}

#[test]
fn the_first_terminal_event_is_the_outcome_for_good() {
    let (mut opener, mut responder) = pair(InteractionKind::BidiStream);
    responder.fail(StreamErrorCode::NotFound, "no such file", b"\x01").unwrap();
    carry(&mut responder, &mut opener);
    let Some(Outcome::Failed(failure)) = opener.outcome().cloned() else { panic!("it failed") };
    assert_eq!((failure.code, failure.by, failure.details), (StreamErrorCode::NotFound, By::Peer, vec![1]));
    assert_eq!(opener.cancel(CancelReason::UserRequested, "").unwrap(), Effect::AlreadyEnded);
    let _ = opener.receive(Frame::cancel(id(), CancelReason::Shutdown, "late"));
    assert!(matches!(opener.outcome(), Some(Outcome::Failed(_))));
    assert!(opener.poll_transmit().is_none(), "no frame answers an error");
}

#[test]
fn the_deadline_is_the_next_timeout_until_the_stream_ends() {
    let context = InvocationContext::builder().deadline_ms(1_000).build().unwrap().encode();
    let mut opener = Stream::opener(InteractionKind::BidiStream, Config::default());
    assert_eq!(opener.next_timeout(), None);
    opener.open(id(), 0, &context).unwrap();
    assert_eq!(opener.next_timeout(), Some(1_000));
    opener.handle_timeout(999);
    assert_eq!(opener.state().sender, Half::Open);
    opener.handle_timeout(1_000);
    assert_eq!(opener.next_timeout(), None);
    let Some(Outcome::Cancelled(cancelled)) = opener.outcome() else { panic!("it was cancelled") };
    assert_eq!((cancelled.reason, cancelled.by), (CancelReason::DeadlineExceeded, By::Local));
}

#[test]
fn a_terminal_frame_displaces_a_close_that_has_not_left() {
    let (mut opener, _) = pair(InteractionKind::BidiStream);
    opener.close(CloseReason::Completed).unwrap();
    opener.cancel(CancelReason::UserRequested, "never mind").unwrap();
    assert_eq!(
        transmitted(&mut opener),
        [Frame::cancel(id(), CancelReason::UserRequested, "never mind".to_owned())]
    );
}

#[test]
fn grants_that_have_not_left_merge_and_die_with_their_direction() {
    let (mut opener, mut responder) = pair(InteractionKind::BidiStream);
    opener.grant(2).unwrap();
    opener.grant(3).unwrap();
    assert_eq!(opener.poll_transmit(), Some(Frame::credit(id(), 5)));
    assert_eq!(opener.poll_transmit(), None);
    opener.grant(1).unwrap();
    responder.close(CloseReason::Completed).unwrap();
    carry(&mut responder, &mut opener);
    assert_eq!(opener.poll_transmit(), None, "nobody needs credit for a closed direction");
}

#[test]
fn an_unknown_frame_is_told_and_counted_and_changes_nothing() {
    let (mut opener, _) = pair(InteractionKind::BidiStream);
    let before = opener.state();
    let later: FrameRef<'_> =
        Frame { stream_id: id(), body: FrameBody::Unknown(UnknownFrame { tag: 9, message: &[] }) };
    assert_eq!(opener.receive(later), Received::Ignored);
    assert_eq!(drained(&mut opener), [Event::Violation(Violation::UnknownFrame)]);
    assert_eq!(opener.state(), ixt_core::flow::State { ignored: 1, ..before });
}

#[test]
fn a_sender_alone_takes_credit_and_ends_with_its_close() {
    let mut sender = Stream::sender(id(), 1, Config::default());
    assert_eq!(sender.open(id(), 0, &[]).unwrap_err().kind(), ErrorKind::AlreadyOpen);
    assert_eq!(sender.try_send(b"0").unwrap(), Frame::data(id(), 0, &b"0"[..]));
    assert_eq!(sender.try_send(b"1").unwrap_err().kind(), ErrorKind::CreditExhausted);
    let _ = sender.receive(Frame::credit(id(), 2));
    assert_eq!(drained(&mut sender), [Event::Credit(2)]);
    assert_eq!(sender.try_send(b"1").unwrap(), Frame::data(id(), 1, &b"1"[..]));
    assert_eq!(sender.sent(), 2);
    let _ = sender.receive(Frame::data(id(), 0, &[]));
    assert_eq!(drained(&mut sender), [Event::Violation(Violation::FrameAfterClose)]);
    sender.close(CloseReason::Completed).unwrap();
    assert_eq!(sender.poll_transmit(), Some(Frame::close(id(), CloseReason::Completed, 2)));
    assert!(sender.has_ended() && sender.outcome().unwrap().is_success());
}

#[test]
fn tickets_of_other_languages_are_numbers() {
    let mut sender = Stream::sender(id(), 0, Config::default());
    let ticket = sender.wait().unwrap();
    let _ = sender.receive(Frame::credit(id(), 1));
    assert_eq!(drained(&mut sender), [Event::Credit(1), Event::Ready(ticket)]);
    assert!(sender.send_with(Ticket::from_raw(ticket.raw()), b"x").is_ok());
    assert_eq!(sender.send_with(ticket, b"x").unwrap_err().kind(), ErrorKind::CreditExhausted);
    sender.drop_ticket(Ticket::from_raw(u64::MAX));
    assert_eq!(sender.state().credit, 0);
    assert_eq!(sender.wait().unwrap().raw(), ticket.raw() + 1, "numbers ascend");
}

#[test]
fn a_refused_context_is_told_by_its_kind() {
    let mut opener = Stream::opener(InteractionKind::Unary, Config::default());
    assert_eq!(opener.open(id(), 0, &[1, 2, 3]).unwrap_err().kind(), ErrorKind::Truncated);
    assert_eq!(opener.id(), None);
    assert!(opener.open(id(), 0, &[]).is_ok());
}
