//! The demo of ARCP: one program with three roles, each a process.
//!
//!     ixt-arcp-demo                      what a user sees; starts the others, and checks all that it says
//!     ixt-arcp-demo runtime STORE        two agents on WebSocket, with a store in a file
//!     ixt-arcp-demo watch URL JOB        a second client, which follows a job from its first event
//!
//! Exit status 0 means that all of it happened as it must. `make demo-arcp` runs it.

#![forbid(unsafe_code)]

mod agents;
mod checks;
mod process;
mod relay;
mod story;
mod watch;

use std::process::ExitCode;

/// What fails says why.
type Done<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Whose jobs these are.
const TOKEN: &str = "the-token-of-the-demo";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        [] => story::tell().await,
        ["runtime", store] => agents::serve(store).await,
        ["watch", url, job] => watch::follow(url, job).await,
        _ => Err("usage: ixt-arcp-demo [runtime STORE | watch URL JOB]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("demo: {why}");
            ExitCode::FAILURE
        }
    }
}
