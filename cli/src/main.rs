//! `ixt`: reads, writes and inspects Ixt's messages, and drives its stream engine by hand.

#![forbid(unsafe_code)]

mod arcp;
mod args;
mod call;
mod host;
mod inspect;
mod lines;
mod style;
mod telemetry;
mod trace;
mod watch;

use std::io::{self, ErrorKind};
use std::process::ExitCode;

use args::{Cli, Command};
use clap::Parser;

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.color.write_global();
    let done = match cli.command {
        Command::Encode { what } => lines::each(|line| lines::encode(what, line).map(Some)),
        Command::Decode { what, max_payload } => {
            lines::each(|line| lines::decode(what, line, max_payload.limits()).map(Some))
        }
        Command::Inspect(options) => inspect::run(&options),
        Command::Trace => trace::run(),
        Command::Host(options) => on_tokio(host::run(&options)),
        Command::Call(options) => on_tokio(call::run(&options)),
        Command::Modules(at) => on_tokio(watch::modules(&at)),
        Command::Streams(options) => on_tokio(watch::streams(&options)),
        Command::Tap(options) => on_tokio(watch::tap(&options)),
        Command::Arcp(options) => on_tokio(arcp::run(&options)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever reads our output has read enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Runs what waits for sockets; an interrupt ends what does not end by itself.
fn on_tokio(work: impl Future<Output = io::Result<bool>>) -> io::Result<bool> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

fn complain(error: &io::Error) {
    anstream::eprintln!("{}ixt:{:#} {error}", style::ERROR, style::ERROR);
}
