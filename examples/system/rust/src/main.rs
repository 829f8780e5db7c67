//! The Rust module of the system demo: it needs a capability of its callers, and calls the module in C.

use std::sync::Arc;
use std::time::Duration;

use ixt::{Call, CallContext, CallError, Client, Module, Service};

/// What a caller needs.
const NEEDS: &str = "demo.shout";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("the host's URL is missing")?;
    // Handlers call by the module's own connection, which is there when the first of them runs.
    let client: Arc<std::sync::OnceLock<Client>> = Arc::default();
    let shouts = Arc::clone(&client);
    let module = Module::builder("rust")
        .unary(Service::new("rust.shout").requires(NEEDS), move |context, message| {
            let client = shouts.get().cloned();
            async move {
                let from = context.source_module().to_owned();
                let answer = client.ok_or(CallError::NoAnswer)?.service("c.upper").unary(message).await?;
                let answer = String::from_utf8_lossy(&answer);
                Ok(format!("{answer} (C, called by Rust for {from})"))
            }
        })
        .unary("rust.nap", |context, _message| async move {
            let _told = Told(context, "nap");
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok("")
        })
        .service("rust.ticks", |context, call: Arc<Call>| async move {
            let _told = Told(context, "ticks");
            call.recv_one().await?;
            for tick in 0u64.. {
                call.send(tick.to_string()).await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        })
        .connect_patiently(&url)
        .await?;
    let _ = client.set(module.client());
    println!("rust: ready");
    module.serve().await?;
    Ok(())
}

/// Tells when a handler was stopped.
struct Told(CallContext, &'static str);

impl Drop for Told {
    fn drop(&mut self) {
        println!("rust: {} for {} was stopped", self.1, self.0.source_module());
    }
}
