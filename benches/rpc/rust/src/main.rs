//! Calls over a Unix socket between two processes: ours directly and through a host, and tonic.
//!
//! It starts the servers as processes of its own, lets the clients take turns, and prints one JSON
//! object a line: what was measured, nanoseconds a message of each side, their ratio, and CPU seconds per million
//! messages, of client and servers together. An argument, with which an operation begins, measures that alone.

mod ours;
mod tonic_peer;

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use ours::Ours;
use serde_json::json;
use tonic_peer::Client as Tonic;

type Failure = Box<dyn std::error::Error>;

/// Messages handed over as many as there are at once. tonic has no such call: its one by one stands beside it.
const BATCHES: &str = "bidi stream, batches";
/// Rounds of which the median is taken.
const ROUNDS: usize = 9;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::env::var("WORKERS").ok().and_then(|count| count.parse().ok()).unwrap_or(2))
        .enable_all()
        .build()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["tonic", path] => runtime.block_on(tonic_peer::serve(path.into())),
        ["direct", url] => runtime.block_on(ours::serve(url, false)),
        ["module", url] => runtime.block_on(ours::serve(url, true)),
        ["host", url] => runtime.block_on(ours::host(url)),
        [] => runtime.block_on(measure("")),
        [only] => runtime.block_on(measure(only)),
        _ => Err("usage: ixt-bench-rpc [unary | bidi]".into()),
    }
}

/// A server that ends with us.
struct Server(Child);

impl Server {
    fn start(what: &str, at: &str) -> Result<Self, Failure> {
        Ok(Self(Command::new(std::env::current_exe()?).args([what, at]).spawn()?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// CPU seconds that a process has used.
fn cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let fields: Vec<&str> = after_name.split(' ').collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    // Linux counts in hundredths of a second here, whatever its own clock.
    (ticks(11) + ticks(12)) / 100.0
}

async fn measure(only: &str) -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("ixt-bench-rpc-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let done = measure_in(&folder, only).await;
    std::fs::remove_dir_all(&folder)?;
    done
}

async fn measure_in(folder: &std::path::Path, only: &str) -> Result<(), Failure> {
    let at = |name: &str| folder.join(name).display().to_string();
    let (direct, host) = (format!("unix://{}", at("direct")), format!("unix://{}", at("host")));
    let servers = [
        Server::start("tonic", &at("tonic"))?,
        Server::start("direct", &direct)?,
        Server::start("host", &host)?,
        Server::start("module", &host)?,
    ];
    let pids: Vec<u32> = servers.iter().map(|server| server.0.id()).chain([std::process::id()]).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut tonic = Tonic::connect(at("tonic").into()).await?;
    let ours = Ours::connect(&direct, false).await?;
    let hosted = Ours::connect(&host, true).await?;

    for (operation, size, count) in [
        ("unary", 64, 3000),
        ("bidi stream", 64, 60_000),
        (BATCHES, 64, 60_000),
        ("bidi stream", 16 << 10, 4000),
    ] {
        if !operation.starts_with(only) {
            continue;
        }
        let payload = vec![7u8; size];
        let mut times = [const { Vec::new() }; 3];
        let mut used = [0.0; 3];
        for round in 0..=ROUNDS {
            for which in 0..3 {
                let (before, start) = (pids.iter().map(|pid| cpu(*pid)).sum::<f64>(), Instant::now());
                let ixt = if which == 2 { &hosted } else { &ours };
                let mut bytes = 0;
                match (operation, which) {
                    ("unary", 1) => {
                        for _ in 0..count {
                            bytes += tonic.unary(payload.clone()).await?;
                        }
                    }
                    ("unary", _) => {
                        for _ in 0..count {
                            bytes += ixt.unary(&payload).await?;
                        }
                    }
                    (_, 1) => bytes = tonic.each(payload.clone(), count).await?,
                    (BATCHES, _) => bytes = ixt.batches(&payload, count).await?,
                    (_, _) => bytes = ixt.each(payload.clone(), count).await?,
                }
                if bytes != size * count {
                    return Err(format!("{operation}: {bytes} bytes came back").into());
                }
                // The first round warms up.
                if round > 0 {
                    times[which].push(start.elapsed().as_secs_f64() * 1e9 / count as f64);
                    used[which] += pids.iter().map(|pid| cpu(*pid)).sum::<f64>() - before;
                }
            }
        }
        let median = |values: &[f64]| {
            let mut values = values.to_vec();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let ratio = |peer: &[f64], ours: &[f64]| {
            median(&peer.iter().zip(ours).map(|(peer, ours)| peer / ours).collect::<Vec<_>>())
        };
        let cpu_per_million = |used: f64| used * 1e6 / (count * ROUNDS) as f64;
        println!(
            "{}",
            json!({
                "language": "Rust", "operation": operation, "size": size, "peer": "tonic",
                "direct_ns": median(&times[0]), "peer_ns": median(&times[1]), "host_ns": median(&times[2]),
                "ratio": ratio(&times[1], &times[0]), "host_by_direct": ratio(&times[2], &times[0]),
                "cpu_s_per_million": {
                    "direct": cpu_per_million(used[0]), "peer": cpu_per_million(used[1]), "host": cpu_per_million(used[2]),
                },
            })
        );
    }
    drop(servers);
    Ok(())
}
