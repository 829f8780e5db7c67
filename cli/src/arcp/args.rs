//! The options of `ixt arcp`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

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
    /// {"chunk":"text"}, the result {"result":…}; any other line is a line of a log. A command that fails fails its job,
    /// with the last line of its standard error. When a job is cancelled its command is killed.
    Serve(Serve),
    /// Submit a job and follow it to its end
    ///
    /// Events go to standard error, the result to standard output.
    Submit(Submit),
    /// Follow a job that runs
    Tail(Follow),
    /// Print what has happened in a job, and what happens until its end
    Replay(Follow),
    /// List jobs, a line of JSON each
    List(List),
    /// Cancel a job of a session of one's own
    Cancel(Cancel),
}

/// Where a runtime is, and who asks.
#[derive(Debug, Args)]
pub(crate) struct At {
    /// ws://host:port/arcp, or wss://…
    #[arg(long, value_name = "URL", env = "IXT_ARCP_URL", default_value = "ws://127.0.0.1:7777/arcp")]
    pub(crate) url: String,
    /// The token that says who asks
    #[arg(long, value_name = "TOKEN", env = "IXT_ARCP_TOKEN", hide_env_values = true)]
    pub(crate) token: String,
    /// The certificates to trust, PEM, where the address is wss://
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7777", conflicts_with = "stdio")]
    pub(crate) listen: String,
    /// Serve one client on standard input and output in place of listening
    #[arg(long)]
    pub(crate) stdio: bool,
    /// An agent and its command; of several versions the last one is the default
    #[arg(long = "agent", value_name = "NAME[@VERSION]=COMMAND", required = true)]
    pub(crate) agents: Vec<String>,
    /// Jobs of this agent are started again where the runtime ended under them
    #[arg(long, value_name = "NAME")]
    pub(crate) restartable: Vec<String>,
    /// A principal and its token
    #[arg(
        long = "principal",
        value_name = "NAME=TOKEN",
        env = "IXT_ARCP_PRINCIPALS",
        hide_env_values = true,
        value_delimiter = ',',
        required_unless_present_any = ["jwks", "jwt_secret"]
    )]
    pub(crate) principals: Vec<String>,
    /// Keys whose JSON Web Tokens are taken, a JSON Web Key Set
    #[arg(long, value_name = "FILE", conflicts_with_all = ["principals", "jwt_secret"])]
    pub(crate) jwks: Option<PathBuf>,
    /// The secret by which JSON Web Tokens are signed
    #[arg(long, value_name = "FILE", conflicts_with = "principals")]
    pub(crate) jwt_secret: Option<PathBuf>,
    /// Whom JSON Web Tokens must be for
    #[arg(long, value_name = "AUDIENCE")]
    pub(crate) audience: Option<String>,
    /// Keep jobs in this file, so that they survive the process
    #[arg(long, value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,
    /// The certificate to serve with, PEM; with --key
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) certificate: Option<PathBuf>,
    /// Its key, PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub(crate) key: Option<PathBuf>,
    /// A name by which clients may call it, beside addresses and localhost
    #[arg(long = "name", value_name = "HOST")]
    pub(crate) names: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Submit {
    #[command(flatten)]
    pub(crate) at: At,
    /// The agent: name, or name@version
    pub(crate) agent: String,
    /// What it works on, JSON
    #[arg(default_value = "null")]
    pub(crate) input: String,
    /// What it may, JSON: {"fs.read":["/data/**"],"cost.budget":["USD:5.00"]}
    #[arg(long, value_name = "JSON")]
    pub(crate) lease: Option<String>,
    /// When that ends: 2026-05-13T23:42:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) expires_at: Option<String>,
    /// The same key with the same parameters is the same job
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    /// How long it may run
    #[arg(long, value_name = "SECONDS")]
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
    /// Only what happened behind this event of its own
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) from: u64,
    #[command(flatten)]
    pub(crate) form: Form,
}

/// How events are shown.
#[derive(Debug, Args)]
pub(crate) struct Form {
    /// Events as lines of JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) at: At,
    /// Only those in this state: pending, running, success, error, cancelled, timed_out
    #[arg(long, value_name = "STATE")]
    pub(crate) status: Vec<String>,
    /// Only those of this agent
    #[arg(long, value_name = "NAME[@VERSION]")]
    pub(crate) agent: Option<String>,
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
