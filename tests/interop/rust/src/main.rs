//! Ixt's end of a session with an official ARCP SDK: `serve` runs agents for a client of theirs, `call URL` is a client
//! of a runtime of theirs and prints a line of JSON for each step of the session.

mod agents;
mod steps;

use std::io::Write;

use ixt::arcp::{Principal, Runtime, StaticTokens};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => serve().await,
        ["call", url, ref lacks @ ..] => steps::run(url, lacks).await,
        _ => Err("usage: ixt-interop serve | call URL [KIND ...]".into()),
    }
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let tokens = [("tok-a", Principal::new("a")), ("tok-b", Principal::new("b"))];
    let runtime = agents::with_all(Runtime::builder())
        .verifier(StaticTokens::new(tokens))
        .settings(|settings| settings.heartbeat_ms = 2000)
        .build()?;
    let listening = runtime.listen("127.0.0.1:0", None).await?;
    println!("{}", listening.url()?);
    std::io::stdout().flush()?;
    listening.serve().await;
    Ok(())
}
