//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ixt_core::Limits;

use crate::style;

/// Ixt: module invocations and credit-controlled streams, the same bytes in every language.
///
/// A frame or a context can be written as one line of JSON (the text form) or as bytes, shown as one
/// line of hexadecimal digits. These commands turn one into the other, print captured traffic, and
/// drive one end of a stream by hand.
#[derive(Debug, Parser)]
#[command(name = "ixt", version, styles = style::HELP, arg_required_else_help = true, after_long_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) color: colorchoice_clap::Color,
}

const EXAMPLES: &str = "\
Examples:
  Bytes of a data frame, and back:
    echo '{\"stream_id\":\"0102030405060708090a0b0c0d0e0f10\",\"data\":{\"payload\":\"6869\"}}' > frame
    ixt encode frame < frame | tee /dev/stderr | ixt decode frame

  What a caller may do, from the context that it sent:
    ixt decode context < context.hex

  The traffic of one hop of the relay (make demo):
    ixt inspect build/relay/go.ixt | less -R

  A stream's end, by hand; every line in gives a line out:
    ixt trace <<'END'
    {\"endpoint\":\"opener\",\"kind\":\"bidiStream\",\"agreed_credit\":1}
    {\"open\":{\"stream_id\":\"0102030405060708090a0b0c0d0e0f10\",\"initial_credit\":4}}
    {\"send\":\"6869\"}
    {\"send\":\"6869\"}
    END

The forms are written down in docs/spec/20-wire.md.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// JSON lines in, lines of hexadecimal bytes out
    ///
    /// A line that is refused gives {"error":{"kind":"…","message":"…"}} in its place; the rest goes
    /// on, and the exit status is 1 at the end.
    Encode {
        /// What the lines hold
        what: What,
    },
    /// Lines of hexadecimal bytes in, JSON lines out
    ///
    /// A line that is refused gives {"error":{"kind":"…","message":"…"}} in its place; the rest goes
    /// on, and the exit status is 1 at the end.
    Decode {
        /// What the lines hold
        what: What,
        #[command(flatten)]
        max_payload: MaxPayload,
    },
    /// Print a capture, frames back to back, for people
    ///
    /// Every frame with its offset, size and fields, and the invocation context of every open. Payloads
    /// are cut short and token references are not shown.
    Inspect(Inspect),
    /// Drive one end of one stream by hand
    ///
    /// Reads JSON lines: the first names the endpoint, every further one is an input and gives one line
    /// of output with its result, the frames to transmit, the events and the state. A further line that
    /// names an endpoint begins a new stream.
    Trace,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum What {
    /// A frame of a stream
    Frame,
    /// An invocation context
    Context,
}

#[derive(Debug, Args)]
pub(crate) struct MaxPayload {
    /// Largest payload of a data frame, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = ixt_core::wire::MAX_PAYLOAD)]
    max_payload: usize,
}

impl MaxPayload {
    pub(crate) fn limits(&self) -> Limits {
        Limits::with_max_payload(self.max_payload)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The capture; - reads standard input
    pub(crate) file: PathBuf,

    /// Only the frames of this stream
    #[arg(long, value_name = "HEX")]
    pub(crate) stream: Option<String>,

    /// One JSON line a frame, in the text form, instead of the page for people
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) max_payload: MaxPayload,
}
