//! Streams between two ends in one process: waiting, giving up, ends and deadlines.

use std::time::Duration;

use ixt::{
    CancelReason, CloseReason, ErrorKind, FrameRef, InteractionKind, InvocationContext, Outcome, SendError,
    Settings, SinkClosed, StreamErrorCode, StreamFrame, StreamHandle, StreamId, StreamSender,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::yield_now;

type Queue = UnboundedReceiver<Vec<u8>>;

fn id() -> StreamId {
    StreamId::new([7; 16]).unwrap()
}

/// Both ends of a stream, and what each has put on the wire.
struct Pair {
    here: StreamHandle,
    there: StreamHandle,
    from_here: Queue,
    from_there: Queue,
}

impl Pair {
    async fn new(kind: InteractionKind, window: u32) -> Self {
        Self::with_context(kind, window, InvocationContext::anonymous()).await
    }

    async fn with_context(kind: InteractionKind, window: u32, context: InvocationContext) -> Self {
        let settings = Settings { window, ..Settings::default() };
        let (to_there, mut from_here) = unbounded_channel();
        let (to_here, from_there) = unbounded_channel();
        let here = StreamHandle::open(id(), kind, context, settings, to_there).unwrap();
        let open = from_here.recv().await.unwrap();
        let there = StreamHandle::from_open(FrameRef::decode(&open).unwrap(), settings, to_here).unwrap();
        let mut pair = Self { here, there, from_here, from_there };
        pair.carry();
        pair
    }

    /// Carries what has been sent, both ways, until nothing is under way.
    fn carry(&mut self) {
        loop {
            let mut moved = false;
            while let Ok(frame) = self.from_here.try_recv() {
                self.there.feed(FrameRef::decode(&frame).unwrap()).unwrap();
                moved = true;
            }
            while let Ok(frame) = self.from_there.try_recv() {
                self.here.feed(FrameRef::decode(&frame).unwrap()).unwrap();
                moved = true;
            }
            if !moved {
                return;
            }
        }
    }
}

#[tokio::test]
async fn a_sender_waits_for_credit_and_reading_gives_it_back() {
    let mut pair = Pair::new(InteractionKind::BidiStream, 2).await;
    let sender = pair.here.sender();
    sender.send_data(b"0").await.unwrap();
    sender.send_data(b"1").await.unwrap();
    assert_eq!(sender.try_send_data(b"2").unwrap_err().kind(), ErrorKind::CreditExhausted);

    let waiting = tokio::spawn(async move { sender.send_data(b"2").await });
    yield_now().await;
    pair.carry();
    assert!(!waiting.is_finished());
    assert_eq!(pair.there.recv().await.unwrap().unwrap(), b"0");
    pair.carry();
    waiting.await.unwrap().unwrap();
    pair.carry();
    assert_eq!(pair.there.recv().await.unwrap().unwrap(), b"1");
    assert_eq!(pair.there.recv().await.unwrap().unwrap(), b"2");
}

#[tokio::test]
async fn waiters_are_served_in_order_and_one_who_gives_up_passes_its_credit_on() {
    let (sink, mut sent) = unbounded_channel();
    let sender = StreamSender::new(id(), 0, sink);
    let mut tasks = Vec::new();
    for payload in [b"a", b"b", b"c"] {
        let sender = sender.clone();
        tasks.push(tokio::spawn(async move { sender.send_data(payload).await }));
        yield_now().await;
    }
    tasks[0].abort();
    yield_now().await;
    sender.grant_credit(1).unwrap();
    // The credit is for the second now; somebody new does not overtake it.
    assert_eq!(sender.try_send_data(b"d").unwrap_err().kind(), ErrorKind::CreditExhausted);
    tasks.remove(1).await.unwrap().unwrap();
    sender.grant_credit(2).unwrap();
    tasks.remove(1).await.unwrap().unwrap();
    assert_eq!(sender.credit(), 1, "nothing of three credits is lost");

    let mut payloads = Vec::new();
    while let Ok(frame) = sent.try_recv() {
        let ixt::core::stream::FrameBody::Data(data) = StreamFrame::decode(&frame).unwrap().body else {
            panic!("data alone is sent");
        };
        payloads.push((data.sequence, data.payload));
    }
    assert_eq!(payloads, [(0, b"b".to_vec()), (1, b"c".to_vec())]);
}

#[tokio::test]
async fn a_credit_that_came_just_before_the_waiter_gave_up_is_not_lost() {
    let (sink, _sent) = unbounded_channel();
    let sender = StreamSender::new(id(), 0, sink);
    let mut waiting = Box::pin(sender.send_data(b"late"));
    assert!(tokio::time::timeout(Duration::ZERO, &mut waiting).await.is_err());
    sender.grant_credit(1).unwrap();
    drop(waiting);
    assert_eq!(sender.credit(), 1);
    sender.try_send_data(b"next").unwrap();
}

#[tokio::test]
async fn a_stream_that_fails_tells_those_who_wait_and_those_who_receive() {
    let mut pair = Pair::new(InteractionKind::BidiStream, 1).await;
    let sender = pair.here.sender();
    sender.send_data(b"0").await.unwrap();
    let waiting = tokio::spawn(async move { sender.send_data(b"1").await });
    yield_now().await;
    pair.carry();
    pair.there.sender().error(StreamErrorCode::NotFound, "no such file", b"").unwrap();
    pair.carry();
    let Err(SendError::Ended(Some(Outcome::Failed(failure)))) = waiting.await.unwrap() else {
        panic!("the waiter is told the outcome");
    };
    assert_eq!((failure.code, failure.message.as_str()), (StreamErrorCode::NotFound, "no such file"));
    assert!(pair.here.recv().await.is_err());
    // What had come before the end is still given.
    assert_eq!(pair.there.recv().await.unwrap().unwrap(), b"0");
    assert!(pair.there.recv().await.is_err());
}

#[tokio::test]
async fn a_unary_call_needs_no_grant_and_no_close() {
    let mut pair = Pair::new(InteractionKind::Unary, 8).await;
    let question = pair.here.sender();
    question.send_data(b"6 x 7").await.unwrap();
    assert_eq!(question.try_send_data(b"again").unwrap_err().kind(), ErrorKind::StreamEnded);
    pair.carry();
    assert_eq!(pair.there.recv().await.unwrap().unwrap(), b"6 x 7");
    assert_eq!(pair.there.recv().await.unwrap(), None);
    let answer = pair.there.sender();
    assert_eq!(answer.close(CloseReason::Completed).unwrap_err().kind(), ErrorKind::MissingMessage);
    answer.send_data(b"42").await.unwrap();
    pair.carry();
    assert_eq!(pair.here.recv().await.unwrap().unwrap(), b"42");
    assert_eq!(pair.here.recv().await.unwrap(), None);
    assert!(pair.here.outcome().unwrap().is_success());
    assert!(pair.there.outcome().unwrap().is_success());
}

#[tokio::test]
async fn all_who_receive_are_told_of_the_end() {
    let mut pair = Pair::new(InteractionKind::BidiStream, 8).await;
    let there = std::sync::Arc::new(pair.there);
    let receivers: Vec<_> = (0..3)
        .map(|_| {
            let there = std::sync::Arc::clone(&there);
            tokio::spawn(async move { there.recv().await })
        })
        .collect();
    yield_now().await;
    pair.here.sender().close(CloseReason::Completed).unwrap();
    let close = pair.from_here.recv().await.unwrap();
    there.feed(FrameRef::decode(&close).unwrap()).unwrap();
    for receiver in receivers {
        assert_eq!(receiver.await.unwrap().unwrap(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_context_cancels_at_both_ends() {
    let in_a_minute = std::time::SystemTime::now() + Duration::from_secs(60);
    let deadline_ms = in_a_minute.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    let context = InvocationContext::builder().deadline_ms(deadline_ms).build().unwrap();
    let mut pair = Pair::with_context(InteractionKind::BidiStream, 1, context).await;
    let sender = pair.here.sender();
    sender.send_data(b"0").await.unwrap();
    // No credit comes; virtual time runs to the deadline.
    assert!(matches!(sender.send_data(b"1").await, Err(SendError::Ended(Some(Outcome::Cancelled(_))))));
    let Outcome::Cancelled(cancelled) = pair.here.outcome().unwrap() else { panic!() };
    assert_eq!(cancelled.reason, CancelReason::DeadlineExceeded);
    pair.carry();
    assert_eq!(pair.there.recv().await.unwrap().unwrap(), b"0");
    assert!(pair.there.recv().await.is_err());
}

#[tokio::test]
async fn a_deadline_that_has_passed_ends_the_stream_before_its_handler_sees_it() {
    let context = InvocationContext::builder().deadline_ms(1).build().unwrap();
    let pair = Pair::with_context(InteractionKind::BidiStream, 1, context).await;
    assert!(matches!(pair.there.outcome(), Some(Outcome::Cancelled(_))));
    assert!(matches!(pair.here.outcome(), Some(Outcome::Cancelled(_))));
}

#[tokio::test]
async fn bad_input_is_refused_by_name_and_the_sender_goes_on() {
    let (sink, mut sent) = unbounded_channel();
    let sender = StreamSender::new(id(), 1, sink);
    let too_large = vec![0; (1 << 20) + 1];
    assert_eq!(sender.send_data(&too_large).await.unwrap_err().kind(), ErrorKind::FrameTooLarge);
    let long = "x".repeat(5000);
    assert_eq!(
        sender.cancel(CancelReason::UserRequested, &long).unwrap_err().kind(),
        ErrorKind::MessageTextTooLong
    );
    sender.send_data(b"fine").await.unwrap();
    assert!(sent.try_recv().is_ok());

    let nowhere = StreamSender::new(id(), 1, |_: Vec<u8>| Err(SinkClosed));
    assert_eq!(nowhere.send_data(b"x").await, Err(SendError::SinkClosed(SinkClosed)));

    let frame = StreamFrame::credit(id(), 1);
    let refused = StreamHandle::from_open(frame.as_ref(), Settings::default(), |_: Vec<u8>| Ok(()));
    assert_eq!(refused.err().unwrap().kind(), ErrorKind::InvalidArgument);
}
