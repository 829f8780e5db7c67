//! A job, as its agent sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ixt_arcp::Secret;
use ixt_arcp::runtime::{Delegate, Emitted, JobKey, Start};
use ixt_arcp::{Lease, Refusal, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::oneshot;

use super::driver::{Driver, Running};

/// What an agent has: its input, its authority, and the way to its client. Cheap to clone.
///
/// Everything fails with `CANCELLED` or `TIMEOUT` once the job has ended.
#[derive(Clone)]
pub struct JobContext {
    driver: Arc<Driver>,
    running: Arc<Running>,
    start: Arc<Start>,
    /// A part of a result has been sent.
    streams: Arc<AtomicBool>,
}

impl JobContext {
    pub(super) fn new(driver: Arc<Driver>, running: Arc<Running>, start: Start) -> Self {
        Self { driver, running, start: Arc::new(start), streams: Arc::default() }
    }

    pub(super) fn streams(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.streams)
    }

    /// The job, as clients call it.
    #[must_use]
    pub fn job_id(&self) -> &str {
        &self.start.job_id
    }

    /// The agent and the version that was chosen.
    #[must_use]
    pub fn agent(&self) -> &str {
        &self.start.agent
    }

    /// Whose job it is.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.start.principal
    }

    /// What it works on.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for an input of another shape.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_str(&self.start.input)
            .map_err(|error| Refusal::invalid(format!("the input: {error}")))
    }

    /// The same, as JSON.
    #[must_use]
    pub fn input_json(&self) -> &str {
        &self.start.input
    }

    /// What the job may.
    #[must_use]
    pub fn lease(&self) -> &Lease {
        &self.start.lease
    }

    /// When its lease ends.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.start.expires_at
    }

    /// Which time it is started: more than 1 after the runtime ended under it.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.start.attempt
    }

    /// What calls to other services go on with: a traceparent, or the trace id.
    #[must_use]
    pub fn trace(&self) -> String {
        self.start.trace.traceparent().map_or_else(|| self.start.trace.id().to_string(), str::to_owned)
    }

    /// Its credentials of upstream services.
    #[must_use]
    pub fn credentials(&self) -> &[ixt_arcp::runtime::Issued] {
        &self.start.credentials
    }

    /// Waits until the reader of this job has read enough, if it has to.
    async fn ready(&self) {
        while self.running.waits.load(Ordering::Acquire) {
            let ready = self.running.ready.notified();
            if !self.running.waits.load(Ordering::Acquire) {
                return;
            }
            ready.await;
        }
    }

    fn job(&self) -> JobKey {
        self.start.job
    }

    /// Notes that the next event has to wait; under the engine's lock, so that it is noted before it is over.
    fn note(&self, emitted: Result<Emitted, Refusal>) -> Result<(), Refusal> {
        if emitted? == Emitted::Wait {
            self.running.waits.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Emits an event of any kind but parts of results and delegations. It waits while a reader is slow.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for a body that its kind does not have; see [`ixt_arcp::runtime::Runtime::emit`].
    pub async fn emit(&self, kind: &str, body: &impl Serialize) -> Result<(), Refusal> {
        let body =
            serde_json::to_string(body).map_err(|error| Refusal::invalid(format!("the body: {error}")))?;
        self.ready().await;
        self.driver.with(|engine, now_us| self.note(engine.emit(self.job(), kind, &body, now_us)))
    }

    /// Emits events of one kind, in order and at once: cheaper than one by one. It waits while a reader is slow.
    ///
    /// # Errors
    /// As [`emit`](Self::emit); those before the one that failed were emitted.
    pub async fn emit_many(&self, kind: &str, bodies: &[impl AsRef<str>]) -> Result<(), Refusal> {
        let mut rest = bodies;
        while !rest.is_empty() {
            self.ready().await;
            rest = self.driver.with(|engine, now_us| {
                while let Some((body, others)) = rest.split_first() {
                    rest = others;
                    let emitted = engine.emit(self.job(), kind, body.as_ref(), now_us)?;
                    if emitted == Emitted::Wait {
                        self.note(Ok(emitted))?;
                        break;
                    }
                }
                Ok::<_, Refusal>(rest)
            })?;
        }
        Ok(())
    }

    /// A line of a log: `debug`, `info`, `warn` or `error`.
    ///
    /// # Errors
    /// As [`emit`](Self::emit), which all of these are.
    pub async fn log(&self, level: &str, message: &str) -> Result<(), Refusal> {
        #[derive(Serialize)]
        struct Log<'a> {
            level: &'a str,
            message: &'a str,
        }
        self.emit("log", &Log { level, message }).await
    }

    /// What the agent thinks.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub async fn thought(&self, text: &str) -> Result<(), Refusal> {
        self.emit("thought", &json!({"text": text})).await
    }

    /// What it is at.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub async fn status(&self, phase: &str, message: Option<&str>) -> Result<(), Refusal> {
        let body = match message {
            Some(message) => json!({"phase": phase, "message": message}),
            None => json!({"phase": phase}),
        };
        self.emit("status", &body).await
    }

    /// How far it is: `current` of `total`, in `units`.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub async fn progress(
        &self,
        current: f64,
        total: Option<f64>,
        units: Option<&str>,
    ) -> Result<(), Refusal> {
        let mut body = json!({"current": current});
        if let Some(total) = total {
            body["total"] = json!(total);
        }
        if let Some(units) = units {
            body["units"] = json!(units);
        }
        self.emit("progress", &body).await
    }

    /// What something has cost: `name` without `cost.`, in a currency. It is taken off the budget.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for a cost below 0.
    pub async fn cost(&self, name: &str, value: f64, currency: &str) -> Result<(), Refusal> {
        self.emit("metric", &json!({"name": format!("cost.{name}"), "value": value, "unit": currency})).await
    }

    /// Whether the job may do this, before every operation that needs authority; the target in the form that was
    /// looked at, which is to be used.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`, `BUDGET_EXHAUSTED`, `LEASE_EXPIRED`; see [`ixt_arcp::runtime::Runtime::authorize`].
    pub fn authorize(&self, namespace: &str, target: &str) -> Result<String, Refusal> {
        self.driver.with(|engine, now_us| engine.authorize(self.job(), namespace, target, now_us))
    }

    /// Calls a tool under the lease, and tells the client of the call and of what came of it. What is refused is told
    /// too, and the agent may go on.
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize) of `tool.call`; what the tool gives.
    pub async fn tool<T, R>(&self, tool: &str, args: &impl Serialize, call: T) -> Result<R, Refusal>
    where
        T: Future<Output = Result<R, Refusal>>,
        R: Serialize,
    {
        let call_id = format!("c_{}", uuid::Uuid::now_v7().simple());
        self.emit("tool_call", &json!({"tool": tool, "args": args, "call_id": call_id})).await?;
        let result = match self.authorize("tool.call", tool) {
            Ok(_) => call.await,
            Err(refusal) => Err(refusal),
        };
        let body = match &result {
            Ok(result) => json!({"call_id": call_id, "result": result}),
            Err(why) => json!({"call_id": call_id, "error": {
                "code": why.code.as_str(), "message": why.message, "retryable": why.retryable()}}),
        };
        self.emit("tool_result", &body).await?;
        result
    }

    /// A part of the result, which then is these parts and nothing else. The last one is told by returning.
    ///
    /// A result that begins with bytes is base64 on the wire, also where they are text: text goes by
    /// [`chunk_text`](Self::chunk_text).
    ///
    /// # Errors
    /// `INTERNAL_ERROR` for a part, or a result, that is too large: the job ends with it. `INVALID_REQUEST` in a result
    /// that began as text: nothing is emitted, and the job goes on.
    pub async fn chunk(&self, data: impl AsRef<[u8]>) -> Result<(), Refusal> {
        self.ready().await;
        self.streams.store(true, Ordering::Release);
        self.driver.with(|engine, now_us| self.note(engine.chunk(self.job(), data.as_ref(), true, now_us)))
    }

    /// The same, as text: a result that begins with it is text throughout. In one that began with bytes it is bytes
    /// too.
    ///
    /// # Errors
    /// `INTERNAL_ERROR` for a part, or a result, that is too large: the job ends with it.
    pub async fn chunk_text(&self, text: impl AsRef<str>) -> Result<(), Refusal> {
        self.ready().await;
        self.streams.store(true, Ordering::Release);
        let text = text.as_ref();
        self.driver.with(|engine, now_us| self.note(engine.chunk_text(self.job(), text, true, now_us)))
    }

    /// What is left of each currency, as JSON.
    #[must_use]
    pub fn budget(&self) -> String {
        self.driver.with(|engine, _| engine.budget(self.job()))
    }

    /// Delegates work to another agent and waits for what it gives, as JSON. It has a part of this job's authority, and
    /// ends with it.
    ///
    /// # Errors
    /// Why it is refused, or has failed; see [`ixt_arcp::runtime::Runtime::delegate`].
    pub async fn delegate(&self, wanted: &Delegate<'_>) -> Result<Arc<str>, Refusal> {
        let (told, ended) = oneshot::channel();
        let children = || self.running.children.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        children().insert(wanted.delegate_id.to_owned(), told);
        let made = self.driver.with(|engine, now_us| engine.delegate(self.job(), wanted, now_us));
        if let Err(refusal) = made {
            children().remove(wanted.delegate_id);
            return Err(refusal);
        }
        let over = || Refusal::new(ixt_arcp::Code::Cancelled, "the job has ended");
        ended.await.unwrap_or_else(|_| Err(over()))
    }

    /// Tells the client a new value of a credential; revoke the old one before.
    ///
    /// # Errors
    /// `INVALID_REQUEST` where the job has no such credential.
    pub fn rotate(&self, credential: &str, value: Secret) -> Result<(), Refusal> {
        self.driver.with(|engine, now_us| engine.rotate(self.job(), credential, value, now_us))
    }
}

impl std::fmt::Debug for JobContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobContext").field("job_id", &self.start.job_id).finish_non_exhaustive()
    }
}
