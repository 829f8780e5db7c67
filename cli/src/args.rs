//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ixt_core::Limits;

use crate::style;

/// The longest time that a module may be silent, in seconds: 46 days. As milliseconds it is below 2^32.
const MAX_IDLE: i64 = 4_000_000;

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

  What went through the host between two modules of the relay (make demo):
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
    /// Run a host: modules connect to it and call each other through it
    ///
    /// Without a policy everybody who can reach the socket may do everything, so a Unix socket is for its user
    /// alone, and any other address needs a policy. Stops in order at the first interrupt.
    Host(Host),
    /// Call a service
    ///
    /// Standard input is the message, or with --lines every line is one; the answers go to standard output.
    Call(Call),
    /// List the modules of a host
    Modules(At),
    /// Show the streams that go through a host
    Streams(Streams),
    /// Copy the frames of chosen streams into a capture that `ixt inspect` reads
    Tap(Tap),
    /// Make the permissions of a server of NATS from a policy
    ///
    /// Prints the block `authorization` of nats-server's configuration: each module of the policy is a user, who speaks in
    /// its own name, calls and provides what the policy lists, and nothing else. Passwords come from the server's
    /// environment: IXT_PASSWORD_ and the module's name in capital letters.
    NatsPermissions {
        /// Who may do what, in TOML; its names are whole names
        #[arg(value_name = "FILE")]
        policy: PathBuf,
    },
    /// Run agents, submit jobs and follow them, by ARCP 1.1
    Arcp(crate::arcp::Arcp),
}

/// Where the host is.
#[derive(Debug, Args)]
pub(crate) struct At {
    /// unix:///path, tcp://host:port, tls://host:port or, where there is no host, nats://host
    #[arg(long, value_name = "URL", env = "IXT_HOST")]
    pub(crate) host: String,

    /// The name under which to call, in place of one that no other process has; a policy may bind it to a token
    #[arg(long, value_name = "NAME")]
    pub(crate) module: Option<String>,

    /// The file with the module's token
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// The certificates to trust on a tls:// address, in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_roots: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Host {
    /// unix:///path, tcp://host:port or tls://host:port
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// Who may do what, in TOML
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,

    /// The certificate chain for a tls:// address, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,

    /// The key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Where a line of JSON for each refusal goes; - is standard error
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) audit: PathBuf,

    /// Send traces and metrics to the OpenTelemetry collector at this URL, such as http://localhost:4318
    ///
    /// By OTLP over HTTP, in protobuf. The environment variables of OpenTelemetry hold, and without this option
    /// OTEL_EXPORTER_OTLP_ENDPOINT turns it on. The correlation id of a call is its trace id.
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<String>,

    /// How long calls may take to finish when it stops, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(crate) grace: u64,

    /// After how long without a byte of a module its connection ends, in seconds; 0 is never
    ///
    /// After a quarter of it the module is pinged, and after 15 s at the latest.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(..=MAX_IDLE))]
    pub(crate) idle: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Call {
    #[command(flatten)]
    pub(crate) at: At,

    /// The service
    pub(crate) service: String,

    /// How many messages each side sends
    #[arg(long, value_enum, default_value_t = Kind::Unary)]
    pub(crate) kind: Kind,

    /// Every line of standard input is a message, and every answer a line
    #[arg(long)]
    pub(crate) lines: bool,

    /// The message, in place of standard input
    #[arg(long, value_name = "TEXT", conflicts_with = "lines")]
    pub(crate) data: Option<String>,

    /// A capability of the call; may be given again
    #[arg(long, value_name = "PATTERN")]
    pub(crate) capability: Vec<String>,

    /// A metadata entry; may be given again
    #[arg(long, value_name = "KEY=VALUE", value_parser = entry)]
    pub(crate) metadata: Vec<(String, String)>,

    /// The operator for whom it calls, in place of the module itself
    #[arg(long, value_name = "NAME")]
    pub(crate) operator: Option<String>,

    /// The call is cancelled after so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<f64>,
}

fn entry(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a metadata entry is KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// One there, one back
    Unary,
    /// Any number there, one back
    Client,
    /// One there, any number back
    Server,
    /// Any number each way
    Bidi,
}

#[derive(Debug, Args)]
pub(crate) struct Streams {
    #[command(flatten)]
    pub(crate) at: At,

    /// Show them again every so many seconds, until interrupted
    #[arg(long, value_name = "SECONDS")]
    pub(crate) watch: Option<f64>,

    /// One line of JSON each
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Tap {
    #[command(flatten)]
    pub(crate) at: At,

    /// Where the capture goes; - is standard output
    pub(crate) file: PathBuf,

    /// Only streams of this module, calling or called
    #[arg(long, value_name = "NAME")]
    pub(crate) of: Option<String>,

    /// Only streams to this target, such as service:thumbs
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Option<String>,
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
