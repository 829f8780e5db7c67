//! How a job ended, as people, machines and the exit status tell it.

use std::io::{self, Write};
use std::process::ExitCode;

use ixt::arcp::{FinalStatus, Job, Outcome};
use serde_json::json;
use serde_json::value::RawValue;

use super::show::clean;
use crate::style::ERROR;

/// An interrupt came first: 128 and the number of the signal, as shells say it.
pub(super) const INTERRUPTED: u8 = 130;

fn status(end: FinalStatus) -> ExitCode {
    ExitCode::from(match end {
        FinalStatus::Success => 0,
        FinalStatus::Error => 3,
        FinalStatus::Cancelled => 4,
        FinalStatus::TimedOut => 5,
    })
}

/// Tells how it ended: the result on standard output, what went wrong on standard error; with `json` both in a line
/// on standard output.
pub(super) fn tell(job: &Job, json: bool) -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let end = match job.outcome() {
        Some(Outcome::Result(result)) if json => {
            let result: Option<&RawValue> = result.as_deref();
            let line = json!({"end": "success", "summary": job.summary()}).to_string();
            // As the agent wrote it: numbers keep their digits.
            let result = result.map_or("null", RawValue::get);
            writeln!(out, "{},\"result\":{result}}}", line.trim_end_matches('}'))?;
            FinalStatus::Success
        }
        Some(Outcome::Result(result)) => {
            writeln!(out, "{}", result.as_deref().map_or("null", RawValue::get))?;
            FinalStatus::Success
        }
        Some(Outcome::Streamed { result_id, bytes }) if json => {
            let size = bytes.as_ref().map(Vec::len);
            let summary = job.summary();
            writeln!(
                out,
                "{}",
                json!({"end": "success", "summary": summary, "result_id": result_id, "size": size})
            )?;
            FinalStatus::Success
        }
        Some(Outcome::Streamed { bytes: Some(bytes), .. }) => {
            out.write_all(bytes)?;
            FinalStatus::Success
        }
        Some(Outcome::Failed(end, why)) => {
            if json {
                let (end, code) = (end.as_str(), why.code.as_str());
                let line =
                    json!({"end": end, "code": code, "message": why.message, "retryable": why.retryable});
                writeln!(out, "{line}")?;
            } else {
                let why = clean(&why.to_string());
                anstream::eprintln!("{ERROR}{}{ERROR:#} {why}", end.as_str());
            }
            *end
        }
        _ => return Err(io::Error::other("the connection ended before the job did")),
    };
    out.flush()?;
    Ok(status(end))
}
