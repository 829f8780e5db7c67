//! How long unary calls through a host take while a peer floods their provider, against a quiet host in the same run.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::flood::Flood;
use crate::ours::Ours;
use crate::{Failure, ROUNDS, median};

/// Calls of a round, one after the other.
const CALLS: usize = 3000;
const SIZE: usize = 64;
/// What the host and the provider get to be rid of the flood's streams.
const REST: Duration = Duration::from_millis(500);

pub(crate) async fn measure(host: &str, ours: &Ours) -> Result<Value, Failure> {
    let (mut quiet, mut flooded, mut ratios, mut opens) = (vec![], vec![], vec![], vec![]);
    // The first round warms up.
    for round in 0..=ROUNDS {
        let before = p99(ours).await?;
        let flood = Flood::start(host, "each")?;
        let begun = Instant::now();
        let during = p99(ours).await?;
        let seconds = begun.elapsed().as_secs_f64();
        let refused = flood.stop()?;
        tokio::time::sleep(REST).await;
        if round > 0 {
            quiet.push(before);
            flooded.push(during);
            ratios.push(during / before);
            opens.push(refused as f64 / seconds);
        }
    }
    Ok(json!({
        "language": "Rust", "operation": "unary, while a peer floods opens", "size": SIZE,
        "quiet_p99_ns": median(&quiet), "flooded_p99_ns": median(&flooded), "slower": median(&ratios),
        "refused_a_second": median(&opens),
    }))
}

/// Nanoseconds within which 99 of 100 calls were answered.
async fn p99(ours: &Ours) -> Result<f64, Failure> {
    let payload = vec![7; SIZE];
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let begun = Instant::now();
        if ours.unary(&payload).await? != SIZE {
            return Err("something else came back".into());
        }
        times.push(begun.elapsed());
    }
    times.sort();
    times.get(CALLS * 99 / 100).map(|time| time.as_secs_f64() * 1e9).ok_or_else(|| "no calls".into())
}
