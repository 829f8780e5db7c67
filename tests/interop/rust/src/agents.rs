//! The agents that both sides of every session have.

use std::time::Duration;

use ixt::arcp::{Code, JobContext, Refusal, RuntimeBuilder};
use serde_json::{Value, json};

pub(crate) fn with_all(builder: RuntimeBuilder) -> RuntimeBuilder {
    builder
        .agent("echo@1.0.0", echo)
        .agent("echo@2.0.0", echo)
        .agent("chunky", chunky)
        .agent("slow", slow)
        .agent("noop", |_: JobContext| async { Ok(()) })
        .agent("spend", spend)
        .agent("boom", |_: JobContext| async { Err::<(), _>(Refusal::new(Code::InternalError, "boom")) })
}

/// Every kind of event, and the input again.
async fn echo(job: JobContext) -> Result<Value, Refusal> {
    let input = job.input::<Value>()?;
    job.status("working", Some("starting")).await?;
    job.log("info", "hello from agent").await?;
    job.thought("thinking").await?;
    job.emit("tool_call", &json!({"tool": "search.web", "args": {"q": "x"}, "call_id": "c1"})).await?;
    job.emit("tool_result", &json!({"call_id": "c1", "result": {"ok": true}})).await?;
    job.cost("inference", 0.25, "USD").await?;
    job.emit("artifact_ref", &json!({"uri": "s3://b/k", "content_type": "text/plain", "byte_size": 3}))
        .await?;
    job.progress(1.0, Some(2.0), Some("steps")).await?;
    job.emit("x-vendor.acme.note", &json!({"k": 1})).await?;
    Ok(json!({"echoed": input}))
}

/// A streamed result, `hello world ` and two bytes that are no text.
async fn chunky(job: JobContext) -> Result<(), Refusal> {
    for part in [&b"hello "[..], b"world ", b"\x00\xff"] {
        job.chunk(part).await?;
    }
    Ok(())
}

/// Progress, twenty times a second.
async fn slow(job: JobContext) -> Result<Value, Refusal> {
    let count = job.input::<Value>().ok().and_then(|input| input["n"].as_u64()).unwrap_or(1000);
    for number in 0..count {
        job.progress(number as f64, Some(1000.0), None).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(json!({"done": count}))
}

/// Spends until nothing is left.
async fn spend(job: JobContext) -> Result<Value, Refusal> {
    let mut count = 0;
    while job.authorize("tool.call", "search.web").is_ok() {
        job.cost("search", 0.42, "USD").await?;
        count += 1;
    }
    Ok(json!({"spent": count}))
}
