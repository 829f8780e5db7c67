//! `ixt host`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use ixt::host::{Policy, Settings};
use ixt::{Host, ServerTls};

use crate::files::about;
use crate::interrupts::Interrupts;
use crate::{args, telemetry};

/// How often a silent module is pinged, in milliseconds, however long it may be silent.
const KEEPALIVE_MS: u32 = 15_000;

/// Of a host that ends what was silent for so many seconds; 0: never.
fn settings(idle: u32) -> Settings {
    let mut settings = Settings::default();
    let connection = &mut settings.connection;
    connection.idle_ms = idle.saturating_mul(1000);
    connection.keepalive_ms = if idle == 0 { KEEPALIVE_MS } else { KEEPALIVE_MS.min(connection.idle_ms / 4) };
    settings
}

pub(crate) async fn run(options: &args::Host) -> io::Result<bool> {
    let policy = match &options.policy {
        Some(file) => policy(file)?,
        None if options.url.starts_with("unix://") => Policy::open(),
        None => return Err(io::Error::other("who can reach this address is anybody's guess: give --policy")),
    };
    let mut builder = Host::builder().policy(policy).settings(settings(options.idle));
    if let (Some(certificate), Some(key)) = (&options.tls_certificate, &options.tls_key) {
        builder = builder.tls(ServerTls::from_files(certificate, key).map_err(io::Error::other)?);
    }
    let audit: Mutex<Box<dyn Write + Send>> = Mutex::new(if options.audit == Path::new("-") {
        Box::new(io::stderr())
    } else {
        let file = OpenOptions::new().create(true).append(true).open(&options.audit);
        Box::new(file.map_err(|error| about(options.audit.display(), error))?)
    });
    builder = builder.on_refusal(move |refusal| {
        if let Ok(mut audit) = audit.lock() {
            // A disk that is full must not stop the host.
            let _ = writeln!(audit, "{}", refusal.to_json());
        }
    });
    let telemetry = telemetry::from(options.otlp.as_deref())?;
    if let Some(telemetry) = &telemetry {
        builder = builder.telemetry(telemetry.of_host());
    }
    let host = builder.bind(&options.url).await.map_err(io::Error::other)?;
    anstream::eprintln!("ixt host: listening on {}", host.address()?);
    let handle = host.handle();
    let grace = Duration::from_secs(options.grace);
    let mut interrupts = Interrupts::new()?;
    tokio::spawn(async move {
        interrupts.next().await;
        handle.stop(grace).await;
    });
    host.serve().await;
    if let Some(telemetry) = telemetry {
        // Threads of its own export, and this waits for them.
        let _ = tokio::task::spawn_blocking(move || telemetry.shutdown()).await;
    }
    Ok(true)
}

fn policy(file: &Path) -> io::Result<Policy> {
    let text = std::fs::read_to_string(file).map_err(|error| about(file.display(), error))?;
    Policy::from_toml(&text).map_err(|error| about(file.display(), error))
}

pub(crate) fn nats_permissions(file: &Path) -> io::Result<bool> {
    let made = ixt::host::node::permissions(&policy(file)?).map_err(|error| about(file.display(), error))?;
    write!(io::stdout(), "# Made by `ixt nats-permissions {}`.\n{made}", file.display())?;
    Ok(true)
}
