//! The Rust hop of the relay: takes frames from a socket, decodes, checks and encodes each again, and
//! passes it on under credit.

mod hop;
mod stats;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use hop::{Failed, Hop, Side};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};

/// The Rust hop of the relay.
#[derive(Parser)]
struct Args {
    /// Where the hop before this one connects to
    #[arg(long)]
    listen: PathBuf,
    /// Where the hop behind this one listens
    #[arg(long)]
    connect: PathBuf,
    /// Where every frame that this hop sends is written, too
    #[arg(long)]
    tap: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match relay(&Args::parse()).await {
        Ok(stats) => {
            println!("{stats}");
            ExitCode::SUCCESS
        }
        Err(Failed(why)) => {
            eprintln!("relay-rust: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn relay(args: &Args) -> Result<String, Failed> {
    let mut tap =
        BufWriter::new(tokio::fs::OpenOptions::new().create(true).append(true).open(&args.tap).await?);
    let _ = std::fs::remove_file(&args.listen);
    let listener = UnixListener::bind(&args.listen)?;
    let (mut from_down, mut to_down) = connect(&args.connect).await?.into_split();
    let (mut from_up, mut to_up) = listener.accept().await?.0.into_split();

    let mut hop = Hop::new();
    let (mut up, mut down) = (Vec::with_capacity(1 << 17), Vec::with_capacity(1 << 17));
    while !hop.has_ended() {
        let (side, read) = tokio::select! {
            read = from_up.read_buf(&mut up) => (Side::Up, read?),
            read = from_down.read_buf(&mut down) => (Side::Down, read?),
        };
        if read == 0 {
            return Err(Failed(format!("Truncated: the {side} peer went before the end")));
        }
        match side {
            Side::Up => hop.take(side, &mut up)?,
            Side::Down => hop.take(side, &mut down)?,
        }
        pass_on(&mut hop, &mut tap, &mut to_up, &mut to_down).await?;
    }
    Ok(hop.stats())
}

/// Connects, and tries again for ten seconds: the hops start in any order.
async fn connect(path: &Path) -> Result<UnixStream, Failed> {
    for _ in 0..500 {
        if let Ok(stream) = UnixStream::connect(path).await {
            return Ok(stream);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(UnixStream::connect(path).await?)
}

async fn pass_on(
    hop: &mut Hop,
    tap: &mut BufWriter<tokio::fs::File>,
    to_up: &mut OwnedWriteHalf,
    to_down: &mut OwnedWriteHalf,
) -> Result<(), Failed> {
    for (side, frames) in hop.take_output() {
        tap.write_all(&frames).await?;
        match side {
            Side::Up => to_up.write_all(&frames).await?,
            Side::Down => to_down.write_all(&frames).await?,
        }
    }
    // What a hop has sent shows in its tap even when it fails with the next frame.
    tap.flush().await?;
    Ok(())
}
