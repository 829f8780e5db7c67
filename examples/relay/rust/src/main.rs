//! The Rust hop of the relay: it provides `relay.rust` and passes every message on to `relay.sink`, and every
//! answer back.

use std::sync::{Arc, OnceLock};

use ixt::core::connection::Config;
use ixt::{Call, CallError, Client, Module, Service};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("the host's URL is missing")?;
    // Handlers call by the module's own connection, which is there when the first of them runs.
    let client: Arc<OnceLock<Client>> = Arc::default();
    let calls = Arc::clone(&client);
    // A message is done with when it is taken, so this hop reads no faster than the next one.
    let mut config = Config::default();
    (config.window, config.initial_credit) = (8, 8);
    let module = Module::builder("rust")
        .connection(config)
        .service(Service::new("relay.rust").requires("relay.stream"), move |_, call: Arc<Call>| {
            let client = calls.get().cloned();
            async move {
                // For this call, so that it has its deadline and no more authority.
                let next = client.ok_or(CallError::NoAnswer)?.service("relay.sink").bidi_stream()?;
                tokio::try_join!(pass_on(&call, &next), pass_on(&next, &call))?;
                Ok(())
            }
        })
        .connect_patiently(&url)
        .await?;
    let _ = client.set(module.client());
    module.serve().await?;
    Ok(())
}

/// Sends what one stream receives on another one, to its end.
async fn pass_on(from: &Call, to: &Call) -> Result<(), CallError> {
    while let Some(message) = from.recv().await? {
        to.send(message).await?;
    }
    to.close()
}
