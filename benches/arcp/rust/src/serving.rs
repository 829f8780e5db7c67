//! The runtime, with its settings as they are, but for how many sessions the one principal may have.

use std::time::Duration;

use ixt::arcp::store::{Durability, Sqlite};
use ixt::arcp::{JobContext, Principal, Refusal, Runtime, RuntimeBuilder, StaticTokens};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Failure, TOKEN, USAGE};

/// What the agent `emit` is to do.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Emit {
    /// So many lines of a log.
    pub(crate) count: u64,
    /// It stays until it is cancelled.
    pub(crate) stays: bool,
}

pub(crate) fn builder() -> RuntimeBuilder {
    Runtime::builder()
        .agent("echo", |job: JobContext| async move { job.input::<Value>() })
        .agent("emit", emit)
        .verifier(StaticTokens::new([(TOKEN, Principal::new("bench"))]))
        .settings(|settings| settings.max_sessions = 2000)
}

async fn emit(job: JobContext) -> Result<u64, Refusal> {
    let wanted: Emit = job.input()?;
    for _ in 0..wanted.count {
        job.log("info", "one of many lines of a log").await?;
    }
    if wanted.stays {
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
    Ok(wanted.count)
}

/// Prints its URL and serves.
pub(crate) async fn listen(options: &[&str]) -> Result<(), Failure> {
    let (mut address, mut builder) = (None, builder());
    for option in options.chunks(2) {
        match *option {
            ["--listen", given] => address = Some(given),
            ["--store", file] => builder = builder.store(Sqlite::open(file, Durability::Full)?),
            ["--store-normal", file] => builder = builder.store(Sqlite::open(file, Durability::Normal)?),
            ["--heartbeat", seconds] => {
                let seconds: u32 = seconds.parse()?;
                builder = builder.settings(|settings| settings.heartbeat_ms = seconds * 1000);
            }
            _ => return Err(USAGE.into()),
        }
    }
    let listening = builder.build()?.listen(address.ok_or(USAGE)?, None).await?;
    crate::telling::line(&serde_json::json!({"url": listening.url()?}))?;
    listening.serve().await;
    Ok(())
}
