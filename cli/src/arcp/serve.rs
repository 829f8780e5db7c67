//! `ixt arcp serve`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use ixt::ServerTls;
use ixt::arcp::store::{Durability, Sqlite};
use ixt::arcp::{Audit, Runtime};
use serde_json::{Value, json};

use super::args::Serve;
use super::{agent, conform, trust};
use crate::files::about;
use crate::interrupts::Interrupts;

/// How often the store is looked at.
const LOOK: Duration = Duration::from_secs(1);

pub(super) async fn run(options: &Serve) -> io::Result<ExitCode> {
    let runtime = build(options)?;
    let mut interrupts = Interrupts::new()?;
    let done = tokio::select! {
        done = serve(&runtime, options) => done,
        () = interrupts.next() => Ok(()),
        why = broken(&runtime) => Err(io::Error::other(format!("the store: {why}"))),
    };
    runtime.shutdown().await;
    done.map(|()| ExitCode::SUCCESS)
}

fn build(options: &Serve) -> io::Result<Runtime> {
    let mut builder = Runtime::builder().audit(|audit| {
        // A disk that is full must not stop the runtime.
        let _ = writeln!(io::stderr(), "{}", line(&audit));
    });
    builder = builder.settings(|settings| settings.heartbeat_ms = (options.heartbeat * 1e3) as u32);
    if options.conform {
        builder = conform::script::with_agent(builder);
    }
    let mut names = Vec::new();
    for (name, command) in &options.agents {
        names.push(name.split('@').next().unwrap_or_default());
        let command = command.clone();
        builder = builder.agent(name, move |job| {
            let command = command.clone();
            async move { agent::run(&command, job).await }
        });
    }
    for name in &options.restartable {
        if !names.contains(&name.as_str()) {
            return Err(about("--restartable", format!("there is no agent {name}")));
        }
        builder = builder.restartable(name);
    }
    builder = trust::with_verifier(builder, &options.trust)?;
    if let Some(path) = &options.store {
        builder = builder.store(Sqlite::open(path, Durability::Full).map_err(io::Error::other)?);
    }
    builder.build().map_err(io::Error::other)
}

async fn serve(runtime: &Runtime, options: &Serve) -> io::Result<()> {
    if options.stdio {
        runtime.serve_stdio().await;
        return Ok(());
    }
    let tls = match (&options.tls_certificate, &options.tls_key) {
        (Some(certificate), Some(key)) => {
            Some(ServerTls::from_files(certificate, key).map_err(io::Error::other)?)
        }
        _ => None,
    };
    let is_open = tls.is_none();
    let listening =
        runtime.listen(&options.listen, tls).await.map_err(|error| about(&options.listen, error))?;
    if is_open && !listening.address()?.ip().is_loopback() {
        anstream::eprintln!(
            "ixt arcp: tokens cross the network as they are: give --tls-certificate and --tls-key"
        );
    }
    let listening = listening.hosts(options.names.iter().cloned());
    let mut out = io::stdout();
    writeln!(out, "{}", listening.url()?)?;
    out.flush()?;
    listening.serve().await;
    Ok(())
}

/// Waits until the store has failed: nobody is served any more then.
async fn broken(runtime: &Runtime) -> String {
    loop {
        tokio::time::sleep(LOOK).await;
        if let Some(why) = runtime.store_failure() {
            return why;
        }
    }
}

/// What is told to whoever keeps the log.
fn line(audit: &Audit) -> Value {
    match audit {
        Audit::Subscribe { subscriber, job_id, owner, allowed } => {
            json!({"audit": "subscribe", "subscriber": &**subscriber, "job_id": job_id,
                "owner": owner.as_deref(), "allowed": allowed})
        }
        Audit::LeaseExpired { job_id, expires_at } => {
            json!({"audit": "lease_expired", "job_id": &**job_id, "expires_at": expires_at})
        }
        Audit::NotRevoked { credential, job_id, attempts } => {
            json!({"audit": "not_revoked", "credential": credential, "job_id": &**job_id, "attempts": attempts})
        }
        Audit::AckAhead { session_id, said, told } => {
            json!({"audit": "ack_ahead", "session_id": &**session_id, "said": said, "told": told})
        }
        other => json!({"audit": format!("{other:?}")}),
    }
}
