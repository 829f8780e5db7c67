//! Calls between two processes: ours directly and through a host, and tonic, over a Unix socket; and through a server
//! of NATS, by NATS alone and by ours on it.
//!
//! It starts the servers as processes of its own, lets the clients take turns, and prints one JSON
//! object a line: what was measured, nanoseconds a message of each side, their ratio, and CPU seconds per million
//! messages, of client and servers together; and how much slower calls are while a peer floods the host. An argument,
//! with which an operation begins, measures that alone. NATS takes part where `NATS_URL` names its server; `NATS_PID`
//! is the process whose CPU seconds count with it. How lines are read is told in `benches/calls.py`.
//!
//! `crowd` and `provide` are the processes of which `benches/scale.py` measures what they cost.

mod crowd;
mod flood;
mod nats_peer;
mod others;
mod ours;
mod side;
mod tonic_peer;

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use ours::Ours;
use serde_json::json;
use side::{Operation, Side};

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What is measured: of which size in bytes, and how many messages a round.
const CASES: [(Operation, usize, usize); 7] = [
    (Operation::Unary, 64, 3000),
    (Operation::AtOnce, 64, 19_200),
    (Operation::Bidi, 64, 60_000),
    (Operation::Batches, 64, 60_000),
    (Operation::Bidi, 16 << 10, 4000),
    (Operation::Count, 64, 60_000),
    // NATS' server gives up a reader for whom more than 64 MiB wait: a round is less.
    (Operation::Count, 16 << 10, 4000),
];
/// Against whom ours is held.
const NATS: &str = "async-nats";
const PEERS: [&str; 2] = ["tonic", NATS];
/// Ours where its modules meet on NATS.
const ON_NATS: &str = "on NATS";
/// What a flood does to the calls of others.
const OTHERS: &str = "others";
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
        ["nats", url] => runtime.block_on(nats_peer::serve(url)),
        ["direct", url] => runtime.block_on(ours::serve(url, false)),
        ["module", url] => runtime.block_on(ours::serve(url, true)),
        ["provide", url, name] => runtime.block_on(crowd::provide(url, name)),
        ["crowd", url, name] => runtime.block_on(crowd::crowd(url, name)),
        ["flood", url, service] => flood::flood(url, service),
        ["host", url] => runtime.block_on(ours::host(url)),
        [] => runtime.block_on(measure("")),
        [only] => runtime.block_on(measure(only)),
        _ => Err("usage: ixt-bench-rpc [unary | bidi | client | others]".into()),
    }
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
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
    let mut servers = vec![
        Server::start("tonic", &at("tonic"))?,
        Server::start("direct", &direct)?,
        Server::start("host", &host)?,
        Server::start("module", &host)?,
    ];
    let nats = std::env::var("NATS_URL").ok();
    if let Some(url) = &nats {
        servers.push(Server::start("nats", url)?);
        servers.push(Server::start("module", url)?);
    }
    let foreign = std::env::var("NATS_PID").ok().and_then(|pid| pid.parse().ok());
    let pids: Vec<u32> =
        servers.iter().map(|server| server.0.id()).chain([std::process::id()]).chain(foreign).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    // Ours differ by their URL, and by whether that is the other side itself or a place where both meet.
    let mut sides = vec![
        ("direct", Side::Ours(Ours::connect(&direct, false).await?)),
        ("tonic", Side::Tonic(tonic_peer::Client::connect(at("tonic").into()).await?)),
        ("host", Side::Ours(Ours::connect(&host, true).await?)),
    ];
    if let Some(url) = &nats {
        sides.push((NATS, Side::Nats(nats_peer::Client::connect(url).await?)));
        sides.push((ON_NATS, Side::Ours(Ours::connect(url, true).await?)));
    }
    for (operation, size, count) in CASES {
        if operation.name().starts_with(only) {
            compare(&sides, &pids, operation, size, count).await?;
        }
    }
    if OTHERS.starts_with(only)
        && let Some((_, Side::Ours(hosted))) = sides.iter().find(|(name, _)| *name == "host")
    {
        println!("{}", others::measure(&host, hosted).await?);
    }
    // The module before its host, which it would miss.
    while servers.pop().is_some() {}
    Ok(())
}

/// What was measured of one way.
struct Measured {
    name: &'static str,
    /// Nanoseconds a message, by round.
    times: Vec<f64>,
    /// CPU seconds of all rounds.
    used: f64,
}

/// Measures one case of all ways in turns, and prints a line for each peer that takes part.
async fn compare(
    sides: &[(&'static str, Side)],
    pids: &[u32],
    operation: Operation,
    size: usize,
    count: usize,
) -> Result<(), Failure> {
    let payload = vec![7u8; size];
    let mut ways: Vec<(&Side, Measured)> = sides
        .iter()
        .filter(|(name, side)| side.has(operation) && (*name != ON_NATS || operation.is_of_nats()))
        .map(|(name, side)| (side, Measured { name, times: Vec::new(), used: 0.0 }))
        .collect();
    for round in 0..=ROUNDS {
        for (side, measured) in &mut ways {
            let (before, start) = (pids.iter().map(|pid| cpu(*pid)).sum::<f64>(), Instant::now());
            let bytes = side.run(operation, &payload, count).await?;
            let took = start.elapsed();
            if bytes != size * count {
                return Err(format!("{}: {bytes} bytes by {}", operation.name(), measured.name).into());
            }
            // The first round warms up.
            if round > 0 {
                measured.times.push(took.as_secs_f64() * 1e9 / count as f64);
                measured.used += pids.iter().map(|pid| cpu(*pid)).sum::<f64>() - before;
            }
        }
    }
    let named = |wanted: &str| ways.iter().map(|(_, measured)| measured).find(|way| way.name == wanted);
    let (Some(direct), Some(host)) = (named("direct"), named("host")) else { return Ok(()) };
    let cpu_per_million = |way: &Measured| way.used * 1e6 / (count * ROUNDS) as f64;
    let on_nats = named(ON_NATS);
    for peer in PEERS.into_iter().filter_map(named) {
        // What NATS alone takes is held against ours on NATS, too.
        let on_nats = on_nats.filter(|_| peer.name == NATS);
        println!(
            "{}",
            json!({
                "on_nats_ns": on_nats.map(|ours| median(&ours.times)),
                "on_nats_by_peer": on_nats.map(|ours| ratio(&ours.times, &peer.times)),
                "language": "Rust", "operation": operation.name(), "size": size, "peer": peer.name,
                "direct_ns": median(&direct.times), "peer_ns": median(&peer.times), "host_ns": median(&host.times),
                "ratio": ratio(&peer.times, &direct.times), "host_by_direct": ratio(&host.times, &direct.times),
                "cpu_s_per_million": {
                    "direct": cpu_per_million(direct), "peer": cpu_per_million(peer), "host": cpu_per_million(host),
                    "on_nats": on_nats.map(cpu_per_million),
                },
            })
        );
    }
    Ok(())
}

/// The median of the rounds' own ratios.
fn ratio(over: &[f64], under: &[f64]) -> f64 {
    median(&over.iter().zip(under).map(|(over, under)| over / under).collect::<Vec<_>>())
}
