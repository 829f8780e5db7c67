//! A client, and any frames in answer to what it asks; a line each, the first character says what it is.
//!
//! Whatever a runtime says, what leaves can be read, every request has one answer once the connection is gone, and a job
//! ends once.
#![no_main]

use std::collections::HashSet;

use ixt_arcp::client::{Client, Event, RequestId, Settings, Submission};
use ixt_arcp::envelope::{Envelope, FrameLimits};
use ixt_arcp::message::ListJobs;
use libfuzzer_sys::fuzz_target;

struct Talk {
    client: Client,
    now_us: u64,
    open: HashSet<RequestId>,
    ended: HashSet<String>,
    /// The id of what was asked last.
    last: String,
}

impl Talk {
    fn drain(&mut self) {
        let mut frame = Vec::new();
        while self.client.poll_transmit(&mut frame) {
            let envelope = Envelope::read(&frame, FrameLimits::default()).expect("what leaves can be read");
            assert!(envelope.check_version().is_ok() && envelope.payload.get().starts_with('{'));
            self.last = envelope.id.expect("and has an id").into_owned();
            frame.clear();
        }
        while let Some(event) = self.client.poll_event() {
            let answered = match event {
                Event::Accepted { request, job, .. } => {
                    self.ended.remove(&job.job_id);
                    request
                }
                Event::Cancelled { request, .. }
                | Event::Jobs { request, .. }
                | Event::Subscribed { request, .. }
                | Event::Refused { request, .. } => request,
                Event::Ended { job_id, .. } => {
                    assert!(self.ended.insert(job_id.to_string()), "{job_id} ends twice");
                    continue;
                }
                Event::Gap { expected, got } => {
                    assert!(got > expected);
                    continue;
                }
                _ => continue,
            };
            assert!(self.open.remove(&answered), "{answered:?} is answered twice");
        }
    }

    fn line(&mut self, what: char, rest: &str) {
        let now = self.now_us;
        let asked = match what {
            '<' => {
                let frame = rest.replace("$R", &self.last);
                self.client.receive(frame.as_bytes(), now);
                None
            }
            's' => {
                let mut wanted = Submission::new("a");
                if !rest.is_empty() {
                    wanted = wanted.with_input(rest);
                }
                self.client.submit(&wanted, now).ok()
            }
            'c' => self.client.cancel(rest, "", now).ok(),
            'l' => self.client.list_jobs(&ListJobs::default(), now).ok(),
            'u' => {
                self.ended.remove(rest);
                self.client.subscribe(rest, Some(0), now).ok()
            }
            'U' => {
                let _ = self.client.unsubscribe(rest, now);
                None
            }
            'a' => {
                self.client.ack(rest.parse().unwrap_or(u64::MAX), now);
                None
            }
            't' => {
                self.now_us += u64::from(rest.parse::<u32>().unwrap_or(1000)) * 1000;
                self.client.handle_timeout(self.now_us);
                None
            }
            'h' => {
                self.client.hello(rest, now);
                None
            }
            'x' => {
                self.client.transport_ended(now);
                None
            }
            'q' => {
                self.client.close(rest, now);
                None
            }
            'g' => {
                self.client.forget_session();
                self.ended.clear();
                None
            }
            _ => None,
        };
        self.open.extend(asked);
        self.drain();
        assert!(what != 'x' || self.open.is_empty(), "nobody answers any more");
    }
}

fuzz_target!(|text: &str| {
    let now_us = 1_790_000_000_000_000;
    let mut settings = Settings::default();
    settings.max_result = 10_000;
    let client = Client::new(settings, [1; 32], now_us);
    let mut talk = Talk { client, now_us, open: HashSet::new(), ended: HashSet::new(), last: String::new() };
    talk.line('h', "token");
    for line in text.split('\n') {
        let mut characters = line.chars();
        if let Some(what) = characters.next() {
            talk.line(what, characters.as_str());
        }
    }
    talk.line('x', "");
});
