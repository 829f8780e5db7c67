//! Results that are streamed (ARCP §8.4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::job::Outcome;
use super::streaming::{Part, Streaming};
use super::{JobKey, Runtime};
use crate::error::{Code, Refusal};
use crate::features::Feature;
use crate::message::{Chunk, Encoding, FinalStatus};
use crate::text::Text;

/// A result that was streamed, and is whole.
pub(super) enum Whole {
    Streamed {
        id: String,
        size: u64,
    },
    /// As JSON.
    Gathered(String),
}

impl Runtime {
    /// A part of a job's result.
    pub(super) fn stream(&mut self, key: JobKey, part: Part<'_>, more: bool) -> Result<(), Refusal> {
        let id = format!("res_{}", self.ulid());
        let (max_chunk, max_result) = (self.settings.max_chunk, self.settings.max_result);
        let Some(job) = self.jobs.get_mut(&key) else { return Ok(()) };
        let knows_parts = match self.sessions.get(&job.session) {
            Some(session) => session.features.contains(Feature::ResultChunk),
            None => true,
        };
        let streaming = job.streaming.get_or_insert_with(|| Streaming {
            id,
            chunks: 0,
            size: 0,
            done: false,
            encoding: part.encoding(),
            gathered: (!knows_parts).then(Vec::new),
        });
        if streaming.done {
            return Err(Refusal::invalid("the last part of the result has come already"));
        }
        // Some clients read one encoding in a stream, and what went out as text cannot be taken back.
        if let (Encoding::Utf8, Part::Bytes(_)) = (streaming.encoding, part) {
            return Err(Refusal::invalid(
                "the result has begun as text: bytes go in one that begins with bytes",
            ));
        }
        let data = part.bytes();
        // One that is gathered has to fit a frame in the end.
        let most = if streaming.gathered.is_some() { self.settings.max_body } else { max_result };
        if data.len() > max_chunk || streaming.size.saturating_add(data.len()) > most {
            let what = if data.len() > max_chunk { "a part of the result" } else { "the result" };
            let why = Refusal::new(Code::InternalError, format!("{what} is larger than the runtime allows"));
            self.end_job(key, &Outcome::Failed(FinalStatus::Error, &why));
            return Err(why);
        }
        streaming.size += data.len();
        streaming.done = !more;
        if let Some(gathered) = &mut streaming.gathered {
            gathered.extend_from_slice(data);
            return Ok(());
        }
        let data = match (streaming.encoding, part) {
            (Encoding::Utf8, Part::Text(text)) => Text::from(text),
            _ => Text::from(STANDARD.encode(data)),
        };
        let chunk = Chunk {
            result_id: Text::from(streaming.id.clone()),
            chunk_seq: streaming.chunks,
            data,
            encoding: streaming.encoding,
            more,
        };
        streaming.chunks += 1;
        if let Ok(body) = serde_json::value::to_raw_value(&chunk) {
            self.say(key, "result_chunk", &body, None, Some(Feature::ResultChunk));
        }
        Ok(())
    }

    /// The result that a job has streamed, whole; `None` where it has streamed nothing. A stream that its agent did not
    /// end is ended.
    pub(super) fn streamed(&mut self, key: JobKey) -> Result<Option<Whole>, Refusal> {
        let is_open = |streaming: &Streaming| !streaming.done;
        if self.jobs.get(&key).and_then(|job| job.streaming.as_ref()).is_some_and(is_open) {
            // Text fits every stream.
            self.stream(key, Part::Text(""), false)?;
        }
        let streaming = self.jobs.get_mut(&key).and_then(|job| job.streaming.take());
        Ok(streaming.map(|streaming| match streaming.gathered {
            None => Whole::Streamed { id: streaming.id, size: streaming.size as u64 },
            // Bytes go as base64, as a part of them would have.
            Some(bytes) => {
                let text = match streaming.encoding {
                    Encoding::Utf8 => String::from_utf8_lossy(&bytes),
                    Encoding::Base64 => STANDARD.encode(&bytes).into(),
                };
                Whole::Gathered(serde_json::to_string(&text).unwrap_or_default())
            }
        }))
    }
}
