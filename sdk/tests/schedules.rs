//! The shared sender and handle under a scheduler that decides who takes the lock next: random orders,
//! orders with few but unfortunate changes (PCT), and every order of a small case.
//!
//! Built with `RUSTFLAGS='--cfg shuttle'` only (`proof/schedules.sh`). A task that nobody wakes is a
//! deadlock, which the scheduler reports with the schedule that leads there.
#![cfg(shuttle)]

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use ixt::core::stream::Frame;
use ixt::{
    CancelReason, CloseReason, ErrorKind, FrameRef, InteractionKind, InvocationContext, SendError, Settings,
    StreamErrorCode, StreamFrame, StreamHandle, StreamId, StreamSender,
};
use shuttle::future::{JoinHandle, block_on, spawn, yield_now};
use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner, thread};

/// What was sent, in wire order. Its lock is never waited for: the stream's lock is held around it.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<Vec<StreamFrame>>>);

impl Wire {
    fn sink(&self) -> impl Fn(Vec<u8>) -> Result<(), ixt::SinkClosed> + Send + Sync + 'static {
        let frames = Arc::clone(&self.0);
        move |bytes| {
            frames.lock().unwrap().push(StreamFrame::decode(&bytes).unwrap());
            Ok(())
        }
    }

    fn take(&self) -> Vec<StreamFrame> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// The payloads sent; the sequence is checked.
    fn payloads(&self) -> Vec<u8> {
        let mut payloads = Vec::new();
        for frame in self.take() {
            if let ixt::core::stream::FrameBody::Data(data) = frame.body {
                assert_eq!(data.sequence, payloads.len() as u64, "a gap on the wire");
                payloads.push(data.payload[0]);
            }
        }
        payloads
    }
}

fn id() -> StreamId {
    StreamId::new([7; 16]).unwrap()
}

fn sender(credit: u32) -> (StreamSender, Wire) {
    let wire = Wire::default();
    (StreamSender::new(id(), credit, wire.sink()), wire)
}

fn responder(kind: InteractionKind, window: u32) -> (Arc<StreamHandle>, Wire) {
    let wire = Wire::default();
    let settings = Settings { window, ..Settings::default() };
    let context = InvocationContext::anonymous().encode();
    let open: FrameRef<'_> = Frame::open(id(), kind, window, &context[..]);
    (Arc::new(StreamHandle::from_open(open, settings, wire.sink()).unwrap()), wire)
}

/// A send as a task of its own.
fn send(sender: &StreamSender, payload: u8) -> JoinHandle<Result<(), SendError>> {
    let sender = sender.clone();
    spawn(async move { sender.send_data(&[payload]).await })
}

/// Takes one turn of a future and leaves it.
async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// How many schedules of each sort; `IXT_SCHEDULES` sets it.
fn schedules() -> usize {
    std::env::var("IXT_SCHEDULES").ok().map_or(2_000, |count| count.parse().unwrap())
}

fn explore(name: &str, test: impl Fn() + Send + Sync + Clone + 'static) {
    let run = |scheduler: Box<dyn Scheduler + Send>| Runner::new(scheduler, Config::new()).run(test.clone());
    let count = schedules();
    let random = run(Box::new(RandomScheduler::new(count)));
    let pct: usize = [2, 3, 5].map(|depth| run(Box::new(PctScheduler::new(depth, count / 3)))).iter().sum();
    let every = run(Box::new(DfsScheduler::new(Some(count), false)));
    let all = if every < count { ", which are all" } else { "" };
    println!("schedules of {name}: {random} random, {pct} PCT, {every} in order{all}");
}

#[test]
fn no_wake_up_is_lost() {
    explore("waiters and grants", || {
        let (sender, wire) = sender(0);
        let granter = {
            let sender = sender.clone();
            thread::spawn(move || {
                sender.grant_credit(1).unwrap();
                sender.grant_credit(2).unwrap();
            })
        };
        block_on(async {
            for waiter in [0, 1, 2].map(|payload| send(&sender, payload)) {
                waiter.await.unwrap().unwrap();
            }
        });
        granter.join().unwrap();
        let mut payloads = wire.payloads();
        payloads.sort_unstable();
        assert_eq!(payloads, [0, 1, 2]);
        assert_eq!(sender.credit(), 0);
    });
}

#[test]
fn a_dropped_waiter_loses_no_credit() {
    explore("a waiter that gives up", || {
        let (sender, wire) = sender(0);
        let quitter = {
            let sender = sender.clone();
            thread::spawn(move || {
                block_on(async {
                    let mut waiting = pin!(sender.send_data(&[9]));
                    for _ in 0..2 {
                        if poll_once(waiting.as_mut()).await.is_some() {
                            return true;
                        }
                        yield_now().await;
                    }
                    false
                })
            })
        };
        let granter = {
            let sender = sender.clone();
            thread::spawn(move || sender.grant_credit(2).unwrap())
        };
        // One waits on: whatever the other one does, there is a credit for it.
        block_on(send(&sender, 1)).unwrap().unwrap();
        granter.join().unwrap();
        let quit_sent = quitter.join().unwrap();
        let payloads = wire.payloads();
        assert_eq!(payloads.contains(&9), quit_sent);
        assert_eq!(payloads.len() + sender.credit() as usize, 2, "a credit is lost or made");
    });
}

#[test]
fn credit_goes_to_those_who_wait_in_order() {
    explore("the queue", || {
        let (sender, wire) = sender(0);
        let futures: Vec<_> = (0..3u8)
            .map(|payload| {
                let sender = sender.clone();
                Box::pin(async move { sender.send_data(&[payload]).await })
            })
            .collect();
        let mut waiting = Vec::new();
        block_on(async {
            for mut future in futures {
                assert!(poll_once(future.as_mut()).await.is_none());
                waiting.push(spawn(future));
            }
            for (number, waiter) in waiting.into_iter().enumerate() {
                let granting = sender.clone();
                let granter = thread::spawn(move || granting.grant_credit(1).unwrap());
                // Who came later tries to overtake, and may not.
                let overtaking = sender.try_send_data(&[9]).map_err(|error| error.kind());
                assert_eq!(overtaking, Err(ErrorKind::CreditExhausted));
                waiter.await.unwrap().unwrap();
                granter.join().unwrap();
                assert_eq!(wire.0.lock().unwrap().len(), number + 1, "one credit, one message");
            }
        });
        assert_eq!(wire.payloads(), [0, 1, 2]);
    });
}

#[test]
fn the_end_wakes_all() {
    type End = fn(&StreamSender);
    let ends: [(&str, End); 4] = [
        ("a close", |sender| assert!(sender.close(CloseReason::Completed).is_ok())),
        ("a cancel", |sender| assert!(sender.cancel(CancelReason::UserRequested, "").is_ok())),
        ("an error", |sender| assert!(sender.error(StreamErrorCode::Internal, "", &[]).is_ok())),
        ("a wrong grant", |sender| sender.grant_credit(0).unwrap()),
    ];
    for (name, end) in ends {
        explore(name, move || {
            let (sender, wire) = sender(0);
            let ending = sender.clone();
            let ender = thread::spawn(move || {
                ending.grant_credit(1).unwrap();
                end(&ending);
            });
            let mut sent = 0;
            block_on(async {
                for waiter in [0, 1, 2].map(|payload| send(&sender, payload)) {
                    match waiter.await.unwrap() {
                        Ok(()) => sent += 1,
                        Err(SendError::Ended(outcome)) => assert!(outcome.is_some(), "with the outcome"),
                        Err(error) => panic!("{error}"),
                    }
                }
            });
            ender.join().unwrap();
            let frames = wire.take();
            assert_eq!(frames.len(), sent + 1, "messages, and one frame that ends");
            assert!(
                !matches!(frames[sent].body, ixt::core::stream::FrameBody::Data(_)),
                "nothing after the end"
            );
        });
    }
}

#[test]
fn one_of_two_answers_is_sent_and_its_close_follows() {
    explore("two answers to one call", || {
        let (handle, wire) = responder(InteractionKind::Unary, 1);
        let sender = handle.sender();
        let answers = [1, 2].map(|payload| send(&sender, payload));
        let mut sent = 0;
        block_on(async {
            for answer in answers {
                match answer.await.unwrap() {
                    Ok(()) => sent += 1,
                    Err(error) => assert!(
                        matches!(error.kind(), ErrorKind::StreamEnded | ErrorKind::TooManyMessages),
                        "{error}"
                    ),
                }
            }
        });
        assert_eq!(sent, 1);
        let kinds: Vec<_> = wire.take().iter().map(|frame| frame.body.tag()).collect();
        assert_eq!(kinds, [1, 3], "data, then close");
    });
}

#[test]
fn receivers_lose_no_message() {
    explore("two who receive", || {
        let (handle, _wire) = responder(InteractionKind::BidiStream, 4);
        let feeding = Arc::clone(&handle);
        let feeder = thread::spawn(move || {
            for sequence in 0..3 {
                feeding.feed(Frame::data(id(), sequence, &[0][..])).unwrap();
            }
            feeding.feed(Frame::close(id(), CloseReason::Completed, 3)).unwrap();
        });
        let receive = |handle: Arc<StreamHandle>| {
            spawn(async move {
                let mut count = 0;
                while handle.recv().await.unwrap().is_some() {
                    count += 1;
                }
                count
            })
        };
        let receivers = [receive(Arc::clone(&handle)), receive(Arc::clone(&handle))];
        let mut count = 0;
        block_on(async {
            for receiver in receivers {
                count += receiver.await.unwrap();
            }
        });
        feeder.join().unwrap();
        assert_eq!(count, 3);
    });
}
