//! `ixt`: reads, writes and inspects Ixt's messages, and drives its stream engine by hand.

#![forbid(unsafe_code)]

mod arcp;
mod args;
mod call;
mod files;
mod host;
mod inspect;
mod interrupts;
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
        Command::NatsPermissions { policy } => host::nats_permissions(&policy),
        Command::Arcp(options) => return status(on_tokio(arcp::run(&options))),
    };
    status(done.map(|all_right| if all_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }))
}

fn status(done: io::Result<ExitCode>) -> ExitCode {
    match done {
        Ok(status) => status,
        // Whoever reads our output has read enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Runs what waits for sockets; an interrupt ends what does not end by itself.
fn on_tokio<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(work);
    // A thread that still reads standard input is not waited for.
    runtime.shutdown_background();
    done
}

fn complain(error: &io::Error) {
    anstream::eprintln!("{}ixt:{:#} {error}", style::ERROR, style::ERROR);
}
