//! Rust's program of the matrix; see `tests/matrix/README.md`.

use std::path::Path;
use std::sync::Arc;

use ixt::{Call, CallError, Client, ClientTls, Module, ModuleBuilder, StreamErrorCode};

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", url, roots] => serve(url, roots).await,
        ["call", url, roots, provider] => {
            let caller =
                trusting(Module::builder(format!("rust-calls-{provider}")), roots)?.connect(url).await?;
            call(&caller.client(), provider).await
        }
        _ => Err("usage: serve URL ROOTS | call URL ROOTS PROVIDER".into()),
    }
}

fn trusting(module: ModuleBuilder, roots: &str) -> Result<ModuleBuilder, Failure> {
    Ok(if roots == "-" { module } else { module.tls(ClientTls::from_file(Path::new(roots))?) })
}

fn backwards(message: &[u8]) -> Vec<u8> {
    message.iter().rev().copied().collect()
}

async fn serve(url: &str, roots: &str) -> Result<(), Failure> {
    let module = Module::builder("rust")
        .unary("rust.unary", |_, message| async move { Ok(backwards(&message)) })
        .handle_message("rust.message", |_, payload| async move {
            match payload.method.as_str() {
                "backwards" => Ok(backwards(&payload.body)),
                other => Err(CallError::failed(StreamErrorCode::NotFound, other)),
            }
        })
        .service("rust.client", |_, call: Arc<Call>| async move {
            let (mut count, mut bytes) = (0, 0);
            while let Some(message) = call.recv().await? {
                count += 1;
                bytes += message.len();
            }
            call.finish(format!("{count}:{bytes}")).await
        })
        .service("rust.server", |_, call: Arc<Call>| async move {
            let until: u32 = String::from_utf8_lossy(&call.recv_one().await?).parse().unwrap_or(0);
            for number in 0..until {
                call.send(number.to_string()).await?;
            }
            Ok(())
        })
        .service("rust.bidi", |_, call: Arc<Call>| async move {
            while let Some(message) = call.recv().await? {
                call.send(backwards(&message)).await?;
            }
            Ok(())
        });
    let module = trusting(module, roots)?.connect_patiently(url).await?;
    module.serve().await?;
    Ok(())
}

/// FNV-1a over the length and the bytes of each message.
struct Digest(u64);

impl Digest {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, message: &[u8]) {
        for byte in (message.len() as u64).to_le_bytes().iter().chain(message) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

async fn call(client: &Client, provider: &str) -> Result<(), Failure> {
    let mut digest = Digest::new();
    for size in [0usize, 1, 64, 70_000, 1 << 20] {
        let message: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
        digest.add(&client.service(format!("{provider}.unary")).unary(message).await?);
    }
    println!("unary {:016x}", digest.0);

    let mut digest = Digest::new();
    for size in [0usize, 1, 64, 70_000, 1_000_000] {
        let message: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
        digest.add(&client.service(format!("{provider}.message")).message("backwards", message).await?);
    }
    let unknown = client.service(format!("{provider}.message")).message("forwards", "").await;
    match unknown.map_err(|error| error.code()) {
        Err(Some(StreamErrorCode::NotFound)) => println!("message {:016x}", digest.0),
        other => return Err(format!("an unknown method: {other:?}").into()),
    }

    let stream = client.service(format!("{provider}.client")).client_stream()?;
    for size in 0..300 {
        stream.send(vec![7; size]).await?;
    }
    stream.close()?;
    println!("client {}", String::from_utf8(stream.recv_one().await?.to_vec())?);

    let mut digest = Digest::new();
    let stream = client.service(format!("{provider}.server")).server_stream("1000")?;
    while let Some(message) = stream.recv().await? {
        digest.add(&message);
    }
    println!("server {:016x}", digest.0);

    let mut digest = Digest::new();
    let stream = client.service(format!("{provider}.bidi")).bidi_stream()?;
    for number in 0..300 {
        stream.send(number.to_string()).await?;
        digest.add(&stream.recv_one().await?);
    }
    stream.close()?;
    if stream.recv().await?.is_some() {
        return Err("a message too many".into());
    }
    println!("bidi {:016x}", digest.0);
    Ok(())
}
