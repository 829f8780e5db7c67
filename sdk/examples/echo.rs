//! A module that gives back what it gets: `cargo run -p ixt --example echo -- unix:///tmp/ixt.sock`

use std::sync::Arc;

use ixt::{Call, Module};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("the host's URL is missing")?;
    let module = Module::builder("echo")
        .unary("echo", |_context, payload| async { Ok(payload) })
        .service("each", |_context, call: Arc<Call>| async move {
            while let Some(message) = call.recv().await? {
                call.send(message).await?;
            }
            Ok(())
        })
        .connect(&url)
        .await?;
    println!("echo: ready");
    module.serve_again(&url).await?;
    Ok(())
}
