//! The second client: it follows a job from its first event, and says what it saw.

use ixt::arcp::Client;
use serde_json::json;

use crate::checks::{Drawn, Ledger, hash};
use crate::{Done, TOKEN};

pub(crate) async fn follow(url: &str, job: &str) -> Done {
    let client = Client::connect(url, TOKEN).await?;
    let mut job = client.subscribe(job, Some(0)).await?;
    println!("following");
    let (mut ledger, mut drawn) = (Ledger::default(), Drawn::default());
    while let Some(update) = job.next().await {
        ledger.next(&update)?;
        drawn.take(&update)?;
    }
    let seen = json!({"events": ledger.last, "parts": drawn.parts, "hash": hash(job.bytes()?)});
    println!("{seen}");
    client.close().await;
    Ok(())
}
