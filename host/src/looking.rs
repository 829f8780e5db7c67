//! Who is on the network: a call to [`ADMIN`] that the node answers with what the others tell it
//! (specification 27, "Who is there").

use std::collections::VecDeque;

use ixt_core::connection::Key;
use ixt_core::flow::Stream;
use ixt_core::stream::{CloseReason, StreamErrorCode};
use serde::Deserialize;

use crate::ends::LinkId;
use crate::host::Host;
use crate::leaving::Destination;
use crate::link::Half;
use crate::local::{MAX_PAYLOAD, Purpose};

/// What a host and a network tell of themselves: service, topic and capability have one name.
pub(crate) const ADMIN: &str = "ixt.admin";

/// How long the others may take to answer, in microseconds.
const PATIENCE_US: u64 = 300_000;

/// Modules that wait to be told of; who reads so slowly hears of no more.
const MAX_FOUND: usize = 10_000;

/// What was found, and waits for credit.
#[derive(Debug, Default)]
pub(crate) struct Look {
    found: VecDeque<Vec<u8>>,
    /// Until when the others are waited for, once they were asked.
    until_us: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    list: What,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum What {
    Modules,
}

impl Host {
    /// The request of a look has come.
    pub(crate) fn look(
        &mut self,
        link: LinkId,
        key: Key,
        stream: &mut Stream,
        look: &mut Look,
        request: &[u8],
    ) {
        match serde_json::from_slice::<Request>(request) {
            Ok(Request { list: What::Modules }) => {
                look.until_us = self.now_us + PATIENCE_US;
                look.found.extend(self.modules().iter().map(|module| module.to_json().into_bytes()));
                if let Some(leaving) = &mut self.leaving {
                    leaving.looks.push((look.until_us, link, key));
                }
                self.depart_whole(Destination::Topic(ADMIN.to_owned()), Vec::new());
            }
            Err(error) => {
                let why = format!("a network is asked for its modules alone: {error}");
                let _ = stream.fail(StreamErrorCode::InvalidArgument, &why, &[]);
            }
        }
    }

    /// Sends what was found, as there is credit for it.
    pub(crate) fn show(&mut self, link: LinkId, key: Key, stream: &mut Stream, look: &mut Look) {
        while let Some(found) = look.found.pop_front() {
            if !self.say(link, key, stream, &found) {
                look.found.push_front(found);
                break;
            }
        }
        if look.found.is_empty() && look.until_us != 0 && self.now_us >= look.until_us {
            let _ = stream.close(CloseReason::Completed);
        }
    }

    /// Another node has said who it is.
    pub(crate) fn found(&mut self, who: &[u8]) {
        for (until_us, link, key) in self.looks() {
            if self.now_us < until_us {
                self.go_on_looking(link, key, Some(who));
            }
        }
    }

    /// Ends what has looked long enough.
    pub(crate) fn end_looks(&mut self) {
        for (until_us, link, key) in self.looks() {
            if self.now_us >= until_us {
                self.go_on_looking(link, key, None);
            }
        }
        let now_us = self.now_us;
        if let Some(leaving) = &mut self.leaving {
            leaving.looks.retain(|(until_us, ..)| now_us < *until_us);
        }
    }

    fn looks(&self) -> Vec<(u64, LinkId, Key)> {
        self.leaving.as_ref().map(|leaving| leaving.looks.clone()).unwrap_or_default()
    }

    fn go_on_looking(&mut self, link: LinkId, key: Key, who: Option<&[u8]>) {
        let Some(found) = self.links.get_mut(link) else { return };
        let Some(Half::Local(mut local)) = found.halves.remove(&key) else { return };
        if let Purpose::Look(look) = &mut local.purpose {
            let fits = |who: &&[u8]| who.len() <= MAX_PAYLOAD && look.found.len() < MAX_FOUND;
            let who = who.filter(fits).map(<[u8]>::to_vec);
            look.found.extend(who);
            self.show(link, key, &mut local.stream, look);
        }
        self.put_local(link, key, local);
    }
}
