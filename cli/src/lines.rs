//! `ixt encode` and `ixt decode`: one line in, one line out.

use std::io::{self, BufRead, BufReader, BufWriter, Write};

use ixt_core::invocation::InvocationContext;
use ixt_core::stream::FrameRef;
use ixt_core::{Error, ErrorKind, Limits, text};

use crate::args::What;

/// Gives every line of standard input to `turn` and prints what comes of it, if anything, or the refusal
/// in its place. True when no line was refused.
pub(crate) fn each(mut turn: impl FnMut(&str) -> ixt_core::Result<Option<String>>) -> io::Result<bool> {
    let mut input = BufReader::new(io::stdin().lock());
    let mut output = BufWriter::new(io::stdout().lock());
    let mut line = Vec::new();
    let mut clean = true;
    while input.read_until(b'\n', &mut line)? > 0 {
        let text = std::str::from_utf8(line.trim_ascii())
            .map_err(|error| Error::new(ErrorKind::BadJson).in_field("line").at(error.valid_up_to()));
        match text.and_then(&mut turn) {
            Ok(Some(turned)) => writeln!(output, "{turned}")?,
            Ok(None) => {}
            Err(error) => {
                clean = false;
                writeln!(output, "{}", text::error_to_json(&error))?;
            }
        }
        line.clear();
        // What comes next may be waited for, and who sends it may wait for the answer.
        if input.buffer().is_empty() {
            output.flush()?;
        }
    }
    output.flush()?;
    Ok(clean)
}

/// A JSON line to a line of hex.
pub(crate) fn encode(what: What, line: &str) -> ixt_core::Result<String> {
    Ok(text::to_hex(&match what {
        What::Frame => text::frame_from_json(line)?.encode()?,
        What::Context => text::context_from_json(line)?.encode(),
    }))
}

/// A line of hex to a JSON line.
pub(crate) fn decode(what: What, line: &str, limits: Limits) -> ixt_core::Result<String> {
    let bytes = text::from_hex(line).ok_or(Error::new(ErrorKind::BadJson).in_field("hex"))?;
    Ok(match what {
        What::Frame => text::frame_to_json(&FrameRef::decode_within(&bytes, limits)?),
        What::Context => text::context_to_json(&InvocationContext::decode(&bytes)?),
    })
}
