//! Who leaves first, and who waits for whom.

use ixt_core::connection::{Config, Key};
use ixt_core::flow::Event;
use ixt_core::stream::{CancelReason, FrameBody, FrameRef, InteractionKind, frames};
use ixt_core::{ErrorKind, Limits};

use crate::pipe::{Pipe, Told, stream_id};

fn wide() -> Config {
    let mut config = Config::default();
    (config.window, config.initial_credit) = (100_000, 100_000);
    config
}

fn open(pipe: &mut Pipe, number: u64) -> Key {
    pipe.open(number, InteractionKind::BidiStream).0
}

/// The frames of a buffer that was transmitted: by the last byte of the stream's id, and what.
fn left(bytes: &[u8]) -> Vec<(u8, FrameRef<'_>)> {
    let found: Vec<_> = frames(bytes, Limits::DEFAULT).map(|frame| frame.unwrap().1).collect();
    found.into_iter().map(|frame| (frame.stream_id.as_bytes()[15], frame)).collect()
}

#[test]
fn control_frames_leave_before_data() {
    let mut pipe = Pipe::new(wide());
    let (a, b) = (open(&mut pipe, 1), open(&mut pipe, 2));
    pipe.here.engine.try_send(a, b"data").unwrap();
    pipe.here.engine.cancel(b, CancelReason::UserRequested, "").unwrap();
    pipe.here.engine.open(stream_id(3), InteractionKind::Unary, &[]).unwrap();
    let bytes = pipe.here.transmit(1 << 16);
    let tags: Vec<_> = left(&bytes).iter().map(|(id, frame)| (*id, frame.body.tag())).collect();
    assert_eq!(tags, [(3, 0), (2, 4), (1, 1)], "open, cancel, data");
}

#[test]
fn streams_take_turns_by_bytes_and_by_frames() {
    let mut pipe = Pipe::new(wide());
    let keys: Vec<_> = (1..=4).map(|number| open(&mut pipe, number)).collect();
    // The first has many small messages, the second large ones, the third medium ones, the fourth one message
    // that comes last.
    for _ in 0..3000 {
        pipe.here.engine.try_send(keys[0], &[1; 16]).unwrap();
    }
    for _ in 0..10 {
        pipe.here.engine.try_send(keys[1], &[2; 100_000]).unwrap();
    }
    for _ in 0..300 {
        pipe.here.engine.try_send(keys[2], &[3; 1000]).unwrap();
    }
    pipe.here.engine.try_send(keys[3], b"last").unwrap();

    let mut buffer = vec![0; 200 << 10];
    let filled = pipe.here.engine.poll_transmit(&mut buffer);
    let first = left(&buffer[..filled]);
    let last = first.iter().position(|(id, _)| *id == 4).expect("it does not wait for the others");
    let before: usize = first[..last].iter().map(|(_, frame)| frame.encoded_len()).sum();
    assert!(before < 2 * (16 << 10) + 100_100 + 64 * 72, "{before} bytes before it");

    // Over a longer time each gets its share of the bytes while all have some.
    let mut bytes = [0; 5];
    for (id, frame) in &first {
        bytes[*id as usize] += frame.encoded_len();
    }
    while bytes[3] < 250_000 {
        let filled = pipe.here.engine.poll_transmit(&mut buffer);
        assert!(filled > 0);
        for (id, frame) in left(&buffer[..filled]) {
            bytes[id as usize] += frame.encoded_len();
        }
    }
    assert!(bytes[2] < bytes[3] + 220_000, "large frames get no more: {bytes:?}");
    assert!(bytes[1] > bytes[3] / 5, "small frames get their turns: {bytes:?}");
}

#[test]
fn a_stalled_stream_stalls_itself_alone() {
    let mut narrow = Config::default();
    (narrow.window, narrow.initial_credit) = (2, 2);
    let mut pipe = Pipe::of(wide(), narrow);
    let (stalled, _) = pipe.open(1, InteractionKind::BidiStream);
    let (lively, reader) = pipe.open(2, InteractionKind::BidiStream);
    while pipe.here.engine.try_send(stalled, b"x").is_ok() {}
    for number in 0..100 {
        pipe.here.engine.try_send(lively, &[number]).unwrap();
        pipe.pass();
        pipe.there.engine.consume(reader, 1).unwrap();
        pipe.pass();
    }
    let messages = pipe.there.events();
    assert_eq!(
        messages.iter().filter(|told| matches!(told, Told::Message(key, ..) if *key == reader)).count(),
        100
    );
    assert_eq!(pipe.here.engine.try_send(stalled, b"x").unwrap_err().kind(), ErrorKind::CreditExhausted);
}

#[test]
fn grants_that_have_not_left_are_one_frame() {
    let mut config = wide();
    (config.window, config.initial_credit) = (8, 8);
    let mut pipe = Pipe::new(config);
    let (call, answer) = pipe.open(1, InteractionKind::BidiStream);
    for _ in 0..8 {
        pipe.here.engine.try_send(call, b"m").unwrap();
    }
    pipe.pass();
    for _ in 0..8 {
        pipe.there.engine.consume(answer, 1).unwrap();
    }
    let bytes = pipe.there.transmit(1 << 16);
    let credits: Vec<_> = left(&bytes)
        .iter()
        .filter_map(
            |(_, frame)| if let FrameBody::Credit(credit) = frame.body { Some(credit.frames) } else { None },
        )
        .collect();
    assert_eq!(credits, [8]);
}

#[test]
fn a_full_queue_holds_senders_back_and_lets_them_go_in_order() {
    let mut config = wide();
    config.max_queued_stream = 10_000;
    let mut pipe = Pipe::new(config);
    let (full, _) = pipe.open(1, InteractionKind::BidiStream);
    let (other, _) = pipe.open(2, InteractionKind::BidiStream);
    let mut sent = 0;
    let refused = loop {
        match pipe.here.engine.try_send(full, &[0; 1000]) {
            Ok(()) => sent += 1,
            Err(error) => break error.kind(),
        }
    };
    assert_eq!((refused, sent), (ErrorKind::QueueFull, 10));
    pipe.here.engine.try_send(other, b"has room").unwrap();
    let tickets: Vec<_> = (0..3).map(|_| pipe.here.engine.wait(full).unwrap()).collect();
    assert_eq!(pipe.here.events(), [], "there is credit, and no room");
    assert_eq!(
        pipe.here.engine.send_with(full, tickets[0], &[0; 1000]).unwrap_err().kind(),
        ErrorKind::QueueFull
    );
    pipe.here.engine.drop_ticket(full, tickets[1]);
    pipe.pass();
    let mut ready = pipe.here.events();
    ready.dedup();
    let expected = [tickets[2], tickets[0]].map(|ticket| Told::Stream(full, Event::Ready(ticket)));
    assert!(
        ready.iter().all(|told| expected.contains(told)) && expected.iter().all(|told| ready.contains(told)),
        "{ready:?}"
    );
    for ticket in [tickets[0], tickets[2]] {
        pipe.here.engine.send_with(full, ticket, b"now").unwrap();
    }
}

#[test]
fn the_bound_of_all_streams_holds_too() {
    let mut config = wide();
    config.max_queued = 50_000;
    let mut pipe = Pipe::new(config);
    let keys: Vec<_> = (1..=10).map(|number| open(&mut pipe, number)).collect();
    let mut queued = 0;
    'all: for round in 0.. {
        for key in &keys {
            match pipe.here.engine.try_send(*key, &[0; 3000]) {
                Ok(()) => queued += 3072,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::QueueFull);
                    break 'all;
                }
            }
        }
        assert!(round < 100);
    }
    assert!((50_000..53_100).contains(&queued), "{queued}");
    let refused = pipe.here.engine.open(stream_id(99), InteractionKind::Unary, &[]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::QueueFull);
    let ticket = pipe.here.engine.wait(keys[0]).unwrap();
    pipe.pass();
    assert_eq!(pipe.here.events(), [Told::Stream(keys[0], Event::Ready(ticket))]);
}

/// In the order of a hash map nobody is served twice alike, and a simulation is no run that can be had again.
#[test]
fn streams_that_wait_for_room_are_let_go_in_the_order_in_which_they_began_to() {
    let mut config = wide();
    config.max_queued = 50_000;
    let mut pipe = Pipe::new(config);
    let keys: Vec<_> = (1..=20).map(|number| open(&mut pipe, number)).collect();
    pipe.here.engine.try_send(keys[7], &[0; 60_000]).unwrap();
    // Neither by their age nor by their key.
    let order: Vec<_> = (0..20).map(|index| keys[index * 7 % 20]).collect();
    let mut tickets = Vec::new();
    for key in &order {
        tickets.push((*key, pipe.here.engine.wait(*key).unwrap()));
        assert_eq!(pipe.here.events(), [], "there is no room");
    }
    pipe.pass();
    let ready: Vec<_> =
        tickets.iter().map(|(key, ticket)| Told::Stream(*key, Event::Ready(*ticket))).collect();
    assert_eq!(pipe.here.events(), ready);
}

#[test]
fn a_ticket_for_which_there_never_was_room_ends_with_its_stream() {
    let mut config = Config::default();
    config.max_queued_stream = 1;
    let mut pipe = Pipe::new(config);
    let (call, answer) = pipe.open(1, InteractionKind::BidiStream);
    for (cancels, ends) in [(true, false), (false, true)] {
        let (call, answer) = if cancels { (call, answer) } else { pipe.open(2, InteractionKind::BidiStream) };
        pipe.here.engine.try_send(call, b"fills the queue").unwrap();
        let ticket = pipe.here.engine.wait(call).unwrap();
        assert_eq!(pipe.here.events(), []);
        if cancels {
            pipe.there.engine.cancel(answer, CancelReason::UserRequested, "").unwrap();
            let bytes = pipe.there.transmit(1000);
            pipe.here.read(&bytes, pipe.now_us);
        }
        if ends {
            pipe.here.engine.transport_ended();
        }
        let told = pipe.here.events();
        assert!(told.contains(&Told::Stream(call, Event::Ended(ticket))), "{told:?}");
        pipe.pass();
        pipe.there.events();
    }
}
