//! The options of `ixt arcp`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use ixt::arcp::engine::Timestamp;
use serde_json::value::RawValue;

/// ARCP 1.1: jobs for agents, over WebSocket or standard input and output
#[derive(Debug, Args)]
pub(crate) struct Arcp {
    #[command(subcommand)]
    pub(crate) what: What,
}

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// Run agents, each a command, for clients
    ///
    /// A job starts its agent's command by the shell, with the input as one line of JSON on standard input. Every line
    /// that the command writes is an event: {"kind":"progress","body":{"current":1}}, a part of a streamed result
    /// {"chunk":"text"} or {"chunk_base64":"…"}, the result {"result":…}; any other line is a line of a log. A
    /// tool_call is held against the job's lease and budget first, and a job that may not make it ends. A command
    /// that fails fails its job, with the last line of its standard error. When a job is cancelled its command is
    /// killed, with all that it has started; a runtime that is killed itself leaves them to find out by their output.
    ///
    /// The command finds ARCP_JOB_ID, ARCP_AGENT, ARCP_PRINCIPAL, ARCP_ATTEMPT, ARCP_LEASE, ARCP_TRACE and, where there
    /// is one, TRACEPARENT in its environment.
    Serve(Serve),
    /// Submit a job and follow it to its end
    ///
    /// Events go to standard error, the result to standard output. An interrupt cancels the job; a second one leaves
    /// it to itself.
    #[command(after_long_help = STATUS)]
    Submit(Submit),
    /// Follow a job from now on to its end
    #[command(after_long_help = STATUS)]
    Tail(Follow),
    /// Print what has happened in a job, and what happens until its end
    #[command(after_long_help = STATUS)]
    Replay(Replay),
    /// List jobs
    List(List),
    /// Cancel a job, where the runtime lets another session than the one that submitted it: `ixt arcp serve --owners-cancel`
    Cancel(Cancel),
    /// Check whether a runtime keeps to ARCP 1.1
    ///
    /// A check for each thing that the draft says of runtimes, with its section. Those that need jobs are made by an agent
    /// that does as its input tells it, `ixt arcp serve --conform` has one; without it no job is started.
    #[command(after_long_help = VERDICT)]
    Conform(Conform),
}

const VERDICT: &str = "\
Exit status:
  0    no check has failed, but those of SHOULD
  1    one has, or there is no connection
  2    the command line is wrong";

const STATUS: &str = "\
Exit status:
  0    the job succeeded
  1    there is no connection, or the runtime refused
  2    the command line is wrong
  3    the job failed
  4    the job was cancelled
  5    the job ran for too long
  130  an interrupt came first";

/// Where a runtime is, and who asks.
#[derive(Debug, Args)]
pub(crate) struct At {
    /// ws://host:port/arcp, or wss://…
    #[arg(long, value_name = "URL", env = "IXT_ARCP_URL", default_value = "ws://127.0.0.1:7777/arcp")]
    pub(crate) url: String,
    /// Start a runtime by this command, and speak with it by its standard input and output; in place of a URL
    #[arg(long, value_name = "COMMAND")]
    pub(crate) child: Option<String>,
    #[command(flatten)]
    pub(crate) who: Who,
}

/// Who asks, and whom to trust.
#[derive(Debug, Args)]
pub(crate) struct Who {
    /// The file with the token that says who asks
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    pub(crate) token_file: Option<PathBuf>,
    /// The token itself; whoever sees the list of processes sees it there, and not in the environment or a file
    #[arg(long, value_name = "TOKEN", env = "IXT_ARCP_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// The certificates to trust, in PEM, where the address is wss://
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_roots: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen; the URL is the first line of standard output
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7777", conflicts_with = "stdio")]
    pub(crate) listen: String,
    /// Serve one client on standard input and output in place of listening
    #[arg(long)]
    pub(crate) stdio: bool,
    /// An agent and its command; of several versions the last one is the default
    #[arg(long = "agent", value_name = "NAME[@VERSION]=COMMAND", required_unless_present = "conform", value_parser = pair)]
    pub(crate) agents: Vec<(String, String)>,
    /// The agent `conform`, which does as its input tells it, for `ixt arcp conform`
    #[arg(long)]
    pub(crate) conform: bool,
    /// How long a connection may be quiet before it is asked for a sign of life
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = seconds)]
    pub(crate) heartbeat: f64,
    /// Jobs of this agent are started again where the runtime ended under them
    #[arg(long, value_name = "NAME")]
    pub(crate) restartable: Vec<String>,
    #[command(flatten)]
    pub(crate) trust: Trust,
    /// Keep jobs in this file, so that they survive the process
    #[arg(long, value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,
    /// The certificate chain to serve wss:// with, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// The key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,
    /// A name by which clients may call it, beside addresses and localhost
    #[arg(long = "name", value_name = "HOST")]
    pub(crate) names: Vec<String>,
}

/// Whose tokens are taken.
#[derive(Debug, Args)]
pub(crate) struct Trust {
    /// A principal and its token; in the environment several, with commas between
    #[arg(
        long = "principal",
        value_name = "NAME=TOKEN",
        env = "IXT_ARCP_PRINCIPALS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub(crate) principals: Vec<String>,
    /// The same, a line each
    #[arg(long, value_name = "FILE")]
    pub(crate) principals_file: Option<PathBuf>,
    /// Keys whose JSON Web Tokens are taken, a JSON Web Key Set
    #[arg(long, value_name = "FILE", group = "jwt")]
    pub(crate) jwks: Option<PathBuf>,
    /// The public key whose JSON Web Tokens are taken: RSA or an elliptic curve, in PEM
    #[arg(long, value_name = "FILE", group = "jwt")]
    pub(crate) jwt_key: Option<PathBuf>,
    /// The secret by which JSON Web Tokens are signed
    #[arg(long, value_name = "FILE", group = "jwt")]
    pub(crate) jwt_secret: Option<PathBuf>,
    /// Let every session of a principal cancel the principal's jobs, as `ixt arcp cancel` does; by the draft (§7.6) only the
    /// session that submitted a job may
    #[arg(long)]
    pub(crate) owners_cancel: bool,
    /// Whom JSON Web Tokens must be for
    #[arg(long, value_name = "AUDIENCE", requires = "jwt")]
    pub(crate) audience: Option<String>,
    /// Who must have made JSON Web Tokens
    #[arg(long, value_name = "ISSUER", requires = "jwt")]
    pub(crate) issuer: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Submit {
    #[command(flatten)]
    pub(crate) at: At,
    /// The agent: name, or name@version
    pub(crate) agent: String,
    /// What it works on, JSON; - reads it from standard input
    #[arg(default_value = "null", value_parser = input)]
    pub(crate) input: String,
    /// What it may, JSON: {"fs.read":["/data/**"],"cost.budget":["USD:5.00"]}
    #[arg(long, value_name = "JSON", value_parser = json)]
    pub(crate) lease: Option<String>,
    /// When that ends: 2026-05-13T23:42:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) expires_at: Option<String>,
    /// The same key with the same parameters is the same job
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    /// How long it may run
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) max_runtime: Option<f64>,
    /// The trace that it belongs to, a traceparent or its id
    #[arg(long, value_name = "TRACE", env = "TRACEPARENT")]
    pub(crate) trace: Option<String>,
    /// Print its id and do not wait
    #[arg(long)]
    pub(crate) detach: bool,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct Follow {
    #[command(flatten)]
    pub(crate) at: At,
    /// The job
    pub(crate) job: String,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    pub(crate) follow: Follow,
    /// Only what happened behind this event of the job's own
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) from: u64,
}

/// How events are shown.
#[derive(Debug, Args)]
pub(crate) struct Form {
    /// The job, its events and its end as lines of JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) at: At,
    /// Only those in this state; may be given again
    #[arg(long, value_name = "STATE", value_enum)]
    pub(crate) status: Vec<Status>,
    /// Only those of this agent
    #[arg(long, value_name = "NAME[@VERSION]")]
    pub(crate) agent: Option<String>,
    /// One line of JSON each
    #[arg(long)]
    pub(crate) json: bool,
}

/// What a job is.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Status {
    Pending,
    Running,
    Success,
    Error,
    Cancelled,
    TimedOut,
}

impl Status {
    /// As ARCP writes it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Success => "success",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    #[command(flatten)]
    pub(crate) at: At,
    /// The job
    pub(crate) job: String,
    /// Why, for people
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
}

/// `NAME=VALUE`; what is wrong is not shown, as it may be a secret.
pub(crate) fn pair(entry: &str) -> Result<(String, String), String> {
    let (name, value) = entry.split_once('=').ok_or("there is no = in it")?;
    match (name.trim(), value.trim()) {
        ("", _) => Err("there is nothing before the =".to_owned()),
        (_, "") => Err("there is nothing behind the =".to_owned()),
        (name, value) => Ok((name.to_owned(), value.to_owned())),
    }
}

#[derive(Debug, Args)]
pub(crate) struct Conform {
    /// The runtime: ws://host:port/arcp, or wss://…
    #[arg(value_name = "URL", required_unless_present = "list")]
    pub(crate) url: Option<String>,
    #[command(flatten)]
    pub(crate) who: Who,
    /// Print the checks, and make none
    #[arg(long)]
    pub(crate) list: bool,
    /// A token of another principal, for checks of what one may not do about the other's jobs
    #[arg(long, value_name = "TOKEN", env = "IXT_ARCP_OTHER_TOKEN", hide_env_values = true)]
    pub(crate) other_token: Option<String>,
    /// The agent that does as it is told
    #[arg(long, value_name = "NAME[@VERSION]", default_value = "conform")]
    pub(crate) agent: String,
    /// How long an answer may take, and how long a heartbeat is waited for
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    pub(crate) patience: f64,
    /// Only these checks, by name or section
    #[arg(long, value_name = "NAME|SECTION", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Fail where a SHOULD is not kept, too
    #[arg(long)]
    pub(crate) strict: bool,
    /// How the checks are told
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A line a check, with the frames of those that failed
    Text,
    /// One document, with the frames of all
    Json,
    /// As continuous integration reads it
    Junit,
}

fn json(text: &str) -> Result<String, String> {
    let parsed = serde_json::from_str::<&RawValue>(text);
    parsed.map(|_| text.to_owned()).map_err(|error| format!("not JSON: {error}"))
}

fn input(text: &str) -> Result<String, String> {
    if text == "-" { Ok(text.to_owned()) } else { json(text) }
}

fn time(text: &str) -> Result<String, String> {
    Timestamp::parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 1e9 => Ok(seconds),
        _ => Err("not a number above 0, and 10^9 at most".to_owned()),
    }
}
