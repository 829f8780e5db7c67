//! The runtime: an agent that draws maps, and one that keeps a light burning.

use std::time::Duration;

use ixt::arcp::store::{Durability, Sqlite};
use ixt::arcp::{JobContext, Principal, Refusal, Runtime, StaticTokens};
use serde_json::{Value, json};

use crate::{Done, TOKEN};

/// Bytes of a part of a map.
pub(crate) const PART: usize = 128 << 10;
/// What a part costs, in hundredths of USD.
pub(crate) const CENTS: u64 = 1;

/// Serves until its parent is done with it; the URL is its first line of output.
pub(crate) async fn serve(store: &str) -> Done {
    let runtime = Runtime::builder()
        .agent("atlas@1.0.0", draw)
        // Its input says all that it does, so that it may begin again.
        .restartable("atlas")
        .agent("lamp@1.0.0", burn)
        .verifier(StaticTokens::new([(TOKEN, Principal::new("ada"))]))
        .store(Sqlite::open(store, Durability::Full)?)
        .build()?;
    let listening = runtime.listen("127.0.0.1:0", None).await?;
    println!("{}", listening.url()?);
    listening.serve().await;
    Ok(())
}

/// Streams a map of so many parts, each read under the lease and paid for.
async fn draw(job: JobContext) -> Result<(), Refusal> {
    let parts = job.input::<Value>()?["parts"].as_u64().unwrap_or_default();
    job.status("drawing", Some(&format!("attempt {}", job.attempt()))).await?;
    // What is not in the lease is refused, and the agent may go on.
    let stray = job.authorize("fs.read", "/maps/../etc/passwd");
    let body = match stray {
        Ok(target) => json!({"call_id": "stray", "result": target}),
        Err(why) => json!({"call_id": "stray", "error": {"code": why.code.as_str(), "message": why.message}}),
    };
    job.emit("tool_result", &body).await?;
    for number in 0..parts {
        job.authorize("fs.read", &format!("/maps/{number}.tile"))?;
        job.chunk(part(number)).await?;
        job.cost("drawing", CENTS as f64 / 100.0, "USD").await?;
        job.progress((number + 1) as f64, Some(parts as f64), Some("parts")).await?;
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    Ok(())
}

/// Burns until somebody puts it out.
async fn burn(job: JobContext) -> Result<(), Refusal> {
    for hour in 0_u32.. {
        job.progress(f64::from(hour), None, Some("hours")).await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// A part of a map: the same bytes in every process, and no two parts alike.
pub(crate) fn part(number: u64) -> Vec<u8> {
    // SplitMix64, begun apart for each part.
    let mut state = number.wrapping_mul(0xd134_2543_de82_ef95);
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    (0..PART / 8).flat_map(|_| next().to_le_bytes()).collect()
}
