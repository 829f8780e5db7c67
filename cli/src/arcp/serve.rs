//! `ixt arcp serve`.

use std::io;

use ixt::ServerTls;
use ixt::arcp::store::{Durability, Sqlite};
use ixt::arcp::{Jwt, Principal, Runtime, RuntimeBuilder, Scope, StaticTokens};
use tokio::signal::unix::{SignalKind, signal};

use super::agent;
use super::args::Serve;

pub(super) async fn run(options: &Serve) -> io::Result<bool> {
    let mut builder = Runtime::builder().audit(|audit| anstream::eprintln!("{audit:?}"));
    for entry in &options.agents {
        let (name, command) = pair(entry, "--agent")?;
        let command = command.to_owned();
        builder = builder.agent(name, move |job| {
            let command = command.clone();
            async move { agent::run(&command, job).await }
        });
    }
    for name in &options.restartable {
        builder = builder.restartable(name);
    }
    builder = with_verifier(builder, options)?;
    if let Some(path) = &options.store {
        builder = builder.store(Sqlite::open(path, Durability::Full).map_err(io::Error::other)?);
    }
    let runtime = builder.build().map_err(io::Error::other)?;
    if options.stdio {
        runtime.serve_stdio().await;
        runtime.shutdown().await;
        return Ok(true);
    }
    let tls = match (&options.certificate, &options.key) {
        (Some(certificate), Some(key)) => Some(ServerTls::from_files(certificate, key).map_err(io::Error::other)?),
        _ => None,
    };
    let listening = runtime.listen(&options.listen, tls).await.map_err(io::Error::other)?;
    let listening = listening.hosts(options.names.iter().cloned());
    println!("{}", listening.url()?);
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        () = listening.serve() => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    runtime.shutdown().await;
    Ok(true)
}

fn with_verifier(builder: RuntimeBuilder, options: &Serve) -> io::Result<RuntimeBuilder> {
    let jwt = match (&options.jwks, &options.jwt_secret) {
        (Some(path), _) => Some(Jwt::jwks(&std::fs::read_to_string(path)?).map_err(io::Error::other)?),
        (None, Some(path)) => Some(Jwt::hs(std::fs::read(path)?.trim_ascii())),
        (None, None) => None,
    };
    if let Some(jwt) = jwt {
        return Ok(match &options.audience {
            Some(audience) => builder.verifier(jwt.audience(audience)),
            None => builder.verifier(jwt),
        });
    }
    let mut tokens = Vec::new();
    for entry in &options.principals {
        let (name, token) = pair(entry, "--principal")?;
        // One's own jobs may be cancelled by any session of one's own: each command has another.
        let own = Scope::Of([name.to_owned()].into());
        tokens.push((token, Principal::new(name).cancelling(own)));
    }
    Ok(builder.verifier(StaticTokens::new(tokens)))
}

/// `NAME=VALUE`; the value is not shown, as it may be a secret.
fn pair<'a>(entry: &'a str, option: &str) -> io::Result<(&'a str, &'a str)> {
    entry.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty()).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{option}: NAME=VALUE is wanted"))
    })
}
