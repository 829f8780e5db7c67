//! What was said on the connections of a check, without secrets.

use std::cell::{Cell, RefCell};

use ixt::arcp::engine::Ulid;
use serde_json::Value;

use super::clock;
use super::observed::Observed;

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Us,
    Them,
}

/// Frames that are kept of a check, from the last one back.
const KEPT: usize = 8;
/// Bytes of a frame that are kept.
const LENGTH: usize = 600;

/// What all connections of a run share.
#[derive(Default)]
pub(super) struct Wire {
    said: RefCell<Vec<(From, String)>>,
    secrets: RefCell<Vec<String>>,
    pub(super) observed: RefCell<Observed>,
    ids: Cell<u64>,
}

impl Wire {
    /// What is not to be shown.
    pub(super) fn hide(&self, secret: &str) {
        let mut secrets = self.secrets.borrow_mut();
        if !secret.is_empty() && !secrets.iter().any(|known| known == secret) {
            secrets.push(secret.to_owned());
        }
    }

    /// Another id of a frame: a ULID, as the draft's examples have them; some runtimes take nothing else.
    pub(super) fn id(&self) -> String {
        let number = self.ids.get() + 1;
        self.ids.set(number);
        let mut unique = [0; 10];
        unique[2..].copy_from_slice(&number.to_be_bytes());
        let id = Ulid::new((clock::micros() / 1000).unsigned_abs(), unique);
        id.text().to_string()
    }

    /// Notes a frame.
    pub(super) fn note(&self, from: From, text: &str) {
        let text = self.shown(text);
        self.said.borrow_mut().push((from, text));
    }

    /// A text as it may be shown.
    pub(super) fn shown(&self, text: &str) -> String {
        let mut shown = text.to_owned();
        for secret in self.secrets.borrow().iter() {
            shown = shown.replace(secret, "…");
        }
        if let Some((cut, _)) = shown.char_indices().nth(LENGTH) {
            shown.truncate(cut);
            shown.push('…');
        }
        shown
    }

    /// What was said since the last time, the last frames of each side.
    pub(super) fn take(&self) -> (Vec<String>, Vec<String>) {
        let said = self.said.take();
        let of = |wanted: From| {
            let all: Vec<String> =
                said.iter().filter(|(from, _)| *from == wanted).map(|(_, text)| text.clone()).collect();
            let left_out = all.len().saturating_sub(KEPT);
            all.into_iter().skip(left_out).collect()
        };
        (of(From::Us), of(From::Them))
    }

    /// Takes in a frame that came.
    pub(super) fn came(&self, text: &str, frame: &Value, session: Option<&str>) {
        let payload = &frame["payload"];
        let credentials = payload["credentials"].as_array().into_iter().flatten();
        let rotated = (payload["body"]["phase"] == "credential_rotated").then(|| &payload["body"]);
        for credential in credentials.chain(rotated) {
            self.hide(credential["value"].as_str().unwrap_or_default());
        }
        self.note(From::Them, text);
        self.observed.borrow_mut().see(frame, session, || self.shown(text));
    }
}
