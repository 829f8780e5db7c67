//! `ixt arcp`: agents that run jobs, and clients that submit and follow them.

mod agent;
mod args;
mod ask;
mod conform;
mod connect;
mod end;
mod follow;
mod serve;
mod show;
mod trust;

use std::io;
use std::process::ExitCode;

pub(crate) use args::Arcp;

use args::What;

pub(crate) async fn run(options: &Arcp) -> io::Result<ExitCode> {
    match &options.what {
        What::Serve(options) => serve::run(options).await,
        What::Submit(options) => follow::submit(options).await,
        What::Tail(options) => follow::tail(options).await,
        What::Replay(options) => follow::replay(options).await,
        What::List(options) => ask::list(options).await,
        What::Cancel(options) => ask::cancel(options).await,
        What::Conform(options) => conform::run(options).await,
    }
}
