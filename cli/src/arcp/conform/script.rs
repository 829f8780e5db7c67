//! The agent that does as it is told, for checks of what a runtime does about agents.
//!
//! Its input is `{"steps": […]}`, each an object with one field: `emit` an event as it is, `repeat` one, `wait` some
//! milliseconds, `call` a tool under the lease, use a `model` under it, report a `cost`, `delegate`, write a `chunk` of a
//! streamed result, or one of so many bytes, `rotate` a credential, `fail`, or end with a `result`. What a runtime refuses of a call, a model or a
//! delegation is told as the `tool_result` it is, and the next step follows. `docs/arcp/conform.md` has it in full.

use std::pin::Pin;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ixt::arcp::engine::{Lease, Timestamp};
use ixt::arcp::{Code, Delegate, Issued, Issuer, JobContext, Refusal, RuntimeBuilder, Secret};
use serde_json::{Value, json};

/// The agent, in two versions, and credentials that open nothing.
pub(in crate::arcp) fn with_agent(builder: RuntimeBuilder) -> RuntimeBuilder {
    builder.agent("conform@1.0.0", run).agent("conform@1.1.0", run).issuer(Nowhere)
}

/// Makes credentials of no service, so that there is something to keep secret.
struct Nowhere;

impl Issuer for Nowhere {
    fn issue<'a>(
        &'a self,
        job_id: &'a str,
        _: &'a Lease,
        _: Option<Timestamp>,
        _: &'a [(String, String)],
    ) -> Pin<Box<dyn Future<Output = Result<Vec<Issued>, Refusal>> + Send + 'a>> {
        Box::pin(std::future::ready(Ok(vec![Issued {
            id: CREDENTIAL.to_owned(),
            scheme: "bearer".to_owned(),
            value: Secret::new(format!("of-{job_id}")),
            endpoint: "https://gateway.invalid/v1".to_owned(),
            profile: Some("generic".to_owned()),
            constraints: None,
        }])))
    }

    fn revoke<'a>(&'a self, _: &'a str, _: &'a str) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(std::future::ready(true))
    }
}

/// What a job's credential is called.
const CREDENTIAL: &str = "cred_conform";

async fn run(job: JobContext) -> Result<Value, Refusal> {
    let input = job.input::<Value>()?;
    let steps = input["steps"].as_array().ok_or_else(|| Refusal::invalid("the input has no `steps`"))?;
    for (number, step) in steps.iter().enumerate() {
        let (what, how) = step
            .as_object()
            .filter(|fields| fields.len() == 1)
            .and_then(|fields| fields.iter().next())
            .ok_or_else(|| Refusal::invalid(format!("step {number}: an object with one field is wanted")))?;
        match what.as_str() {
            "result" => return Ok(how.clone()),
            "fail" => {
                let why = how.as_str().unwrap_or("as it was told to").to_owned();
                return Err(Refusal::new(Code::InternalError, why));
            }
            what => take(&job, number, what, how).await?,
        }
    }
    Ok(Value::Null)
}

async fn take(job: &JobContext, number: usize, what: &str, how: &Value) -> Result<(), Refusal> {
    let wrong = |wanted: &str| Refusal::invalid(format!("step {number}, `{what}`: {wanted} is wanted"));
    match what {
        "emit" => emit(job, how).await,
        "repeat" => {
            let count = how["count"].as_u64().ok_or_else(|| wrong("`count`"))?;
            for _ in 0..count {
                emit(job, &how["emit"]).await;
                tokio::time::sleep(Duration::from_millis(how["every_ms"].as_u64().unwrap_or(0))).await;
            }
        }
        "wait" => {
            let ms = how.as_u64().ok_or_else(|| wrong("milliseconds"))?;
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        "call" => {
            let tool = how.as_str().ok_or_else(|| wrong("a tool"))?;
            let _ = job.tool(tool, &json!({}), async { Ok(json!({"ok": true})) }).await;
        }
        "model" => {
            let model = how.as_str().ok_or_else(|| wrong("a model"))?;
            let body = match job.authorize("model.use", model) {
                Ok(_) => json!({"call_id": "model", "result": {"ok": true}}),
                Err(why) => json!({"call_id": "model", "error": {
                    "code": why.code.as_str(), "message": why.message, "retryable": why.retryable()}}),
            };
            job.emit("tool_result", &body).await?;
        }
        "cost" => {
            let value = how["value"].as_f64().ok_or_else(|| wrong("`value`"))?;
            let unit = how["unit"].as_str().ok_or_else(|| wrong("`unit`"))?;
            let _ = job.cost("conform", value, unit).await;
        }
        "delegate" => {
            let agent = how["agent"].as_str().ok_or_else(|| wrong("`agent`"))?;
            let [input, lease, constraints] =
                ["input", "lease_request", "lease_constraints"].map(|field| how[field].to_string());
            let mut wanted = Delegate::new("d1", agent, &input);
            if how["lease_request"].is_object() {
                wanted = wanted.with_lease(&lease);
            }
            if how["lease_constraints"].is_object() {
                wanted = wanted.with_constraints(&constraints);
            }
            let _ = job.delegate(&wanted).await;
        }
        "chunk" => match (how.as_str(), how["base64"].as_str()) {
            (Some(text), _) => job.chunk_text(text).await?,
            (None, Some(data)) => {
                job.chunk(BASE64_STANDARD.decode(data).map_err(|_| wrong("base64"))?).await?;
            }
            (None, None) => return Err(wrong("a text or `base64`")),
        },
        "chunk_of" => {
            let bytes = how.as_u64().ok_or_else(|| wrong("a number of bytes"))?;
            job.chunk(vec![b'x'; usize::try_from(bytes).unwrap_or(usize::MAX).min(16 << 20)]).await?;
        }
        "rotate" => job.rotate(CREDENTIAL, Secret::new(format!("of-{}-{number}", job.job_id())))?,
        other => job.status("unsupported", Some(other)).await?,
    }
    Ok(())
}

/// Emits an event; one that the runtime refuses is not there, and that is all.
async fn emit(job: &JobContext, event: &Value) {
    let kind = event["kind"].as_str().unwrap_or_default();
    let _ = job.emit(kind, &event["body"]).await;
}
