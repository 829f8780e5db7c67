//! Interceptors, on both sides of a call.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ixt::interceptors::{Audit, Deadline, Metrics, Series, Side, Span, Tracing};
use ixt::testing::TestHost;
use ixt::{
    Call, CallContext, CallError, Interceptor, Module, ModuleBuilder, Next, Over, Request, StreamErrorCode,
    Subject, Trace,
};

type Notes = Arc<Mutex<Vec<String>>>;

/// Notes when it is asked.
struct Noted(&'static str, Notes);

impl Noted {
    fn note(&self, what: &str) {
        self.1.lock().unwrap().push(format!("{} {what}", self.0));
    }
}

impl Interceptor for Noted {
    fn call(&self, request: &mut Request) -> Result<Option<Over>, CallError> {
        self.note("before");
        request.metadata.push((self.0.into(), "was here".into()));
        let (name, notes) = (self.0, Arc::clone(&self.1));
        Ok(Some(Box::new(move |context, result| {
            assert_eq!(context.source_module(), "caller");
            let word = ixt::interceptors::result_name(result);
            notes.lock().unwrap().push(format!("{name} after {word}"));
        })))
    }

    fn around<'a>(
        &'a self,
        context: &'a CallContext,
        next: Next<'a>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<(), CallError>> + Send + 'a>> {
        let by: String = context.metadata().iter().map(|entry| entry.key.as_str()).collect();
        self.note(&format!("in by {by}"));
        Box::pin(async move {
            let result = next.run().await;
            self.note("out");
            result
        })
    }
}

fn media(builder: ModuleBuilder) -> ModuleBuilder {
    builder
        .unary("echo", |_, message| async { Ok(message) })
        .unary("fail", |_, _| async { Err::<Vec<u8>, _>(CallError::failed(StreamErrorCode::NotFound, "no")) })
        .service("panic", |_, _| async { panic!("a secret") })
        .unary("sleep", |context: CallContext, _| async move {
            tokio::time::sleep(Duration::from_secs(600)).await;
            Ok(context.deadline_ms().unwrap_or(0).to_string().into_bytes())
        })
        .unary("deadline", |context: CallContext, _| async move {
            Ok(context.remaining().map_or(0, |left| left.as_millis()).to_string().into_bytes())
        })
        .service("both", |_, call: Arc<Call>| async move {
            while let Some(message) = call.recv().await? {
                call.send(message).await?;
            }
            Ok(())
        })
}

async fn pair(host: &TestHost, around: impl Fn(ModuleBuilder) -> ModuleBuilder) -> (Module, Module) {
    let module = host.connect(around(media(Module::builder("media")))).await.unwrap();
    let caller = host.connect(around(Module::builder("caller"))).await.unwrap();
    (module, caller)
}

#[tokio::test]
async fn they_stand_around_calls_in_order() {
    let host = TestHost::new().unwrap();
    let notes = Notes::default();
    let noted = |name| Noted(name, Arc::clone(&notes));
    let take = || std::mem::take(&mut *notes.lock().unwrap());
    let module = media(Module::builder("media")).interceptor(noted("c")).interceptor(noted("d"));
    let _module = host.connect(module).await.unwrap();
    let caller = Module::builder("caller").interceptor(noted("a")).interceptor(noted("b"));
    let caller = host.connect(caller).await.unwrap();
    let client = caller.client();
    assert_eq!(client.service("echo").unary("x").await.unwrap(), "x");
    let inside = ["a before", "b before", "c in by ab", "d in by ab", "d out", "c out"];
    let all = |end: [&str; 2]| inside.into_iter().chain(end).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(take(), all(["b after completed", "a after completed"]));

    // One that is a stream is over when it has ended at both ends, and once.
    let stream = client.service("both").bidi_stream().unwrap();
    stream.send("x").await.unwrap();
    assert_eq!(stream.recv().await.unwrap().unwrap(), "x");
    stream.close().unwrap();
    assert_eq!(stream.recv().await.unwrap(), None);
    stream.ended().await;
    drop(stream);
    assert_eq!(take(), all(["b after completed", "a after completed"]));

    // One that is dropped was given up.
    let stream = client.service("both").bidi_stream().unwrap();
    stream.send("x").await.unwrap();
    assert_eq!(stream.recv().await.unwrap().unwrap(), "x");
    drop(stream);
    let given_up = take();
    assert!(
        given_up
            .ends_with(&["b after cancelled.consumerGone".into(), "a after cancelled.consumerGone".into()])
    );

    let more = client.intercepted(noted("e"));
    more.service("echo").unary("x").await.unwrap();
    assert_eq!(take().get(..4).unwrap(), ["a before", "b before", "e before", "c in by abe"]);

    // No message is sent, and it is told all the same.
    let too_large = vec![0; 2 << 20];
    assert!(client.service("echo").unary(&too_large).await.is_err());
    assert_eq!(take(), ["a before", "b before", "b after refused", "a after refused"]);
}

struct Refuses;

impl Interceptor for Refuses {
    fn call(&self, request: &mut Request) -> Result<Option<Over>, CallError> {
        match request.metadata.is_empty() {
            true => Err(CallError::failed(StreamErrorCode::InvalidArgument, "say why")),
            false => Ok(None),
        }
    }
}

#[tokio::test]
async fn a_call_may_be_refused_where_it_is_made() {
    let host = TestHost::new().unwrap();
    let _module = host.connect(media(Module::builder("media"))).await.unwrap();
    let caller = host.connect(Module::builder("caller").interceptor(Refuses)).await.unwrap();
    let error = caller.client().service("echo").unary("x").await.unwrap_err();
    assert_eq!(error.code(), Some(StreamErrorCode::InvalidArgument));
    assert!(caller.client().service("echo").metadata("why", "so").unary("x").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_deadline_for_those_that_have_none() {
    let host = TestHost::new().unwrap();
    let deadline = Deadline::new(Duration::from_secs(2));
    let (module, caller) = pair(&host, |module| module.interceptor(deadline)).await;
    let left = |call: ixt::CallBuilder| async move {
        String::from_utf8_lossy(&call.unary("").await.unwrap()).parse::<u64>().unwrap()
    };
    let client = caller.client();
    // The clocks of two connections are read one after the other, and on a busy machine that takes its time.
    assert!((1000..=3000).contains(&left(client.service("deadline")).await));
    assert!(
        (8000..=10_000).contains(&left(client.service("deadline").timeout(Duration::from_secs(9))).await)
    );
    let late = client.service("sleep").unary("").await.unwrap_err();
    assert_eq!(late.code(), Some(StreamErrorCode::DeadlineExceeded));
    drop(module);
}

#[tokio::test]
async fn metrics_audit_and_traces_of_both_sides() {
    let host = TestHost::new().unwrap();
    let metrics = Metrics::new();
    let lines = Notes::default();
    let spans: Arc<Mutex<Vec<Span>>> = Arc::default();
    let (module, caller) = pair(&host, |module| {
        let (lines, spans) = (Arc::clone(&lines), Arc::clone(&spans));
        module
            .interceptor(metrics.clone())
            .interceptor(Audit::new(move |line| lines.lock().unwrap().push(line.to_owned())))
            .interceptor(Tracing::new(move |span| spans.lock().unwrap().push(span)))
    })
    .await;
    let client = caller.client();
    let trace = Trace { correlation_id: [7; 16], parent_span_id: [8; 8], trace_flags: 1 };
    for _ in 0..3 {
        client.service("echo").trace(trace).unary("secret payload").await.unwrap();
    }
    let call = client.service("fail").subject(Subject::Operator("alice".into())).token_ref("secret handle");
    assert!(call.unary("").await.is_err());
    assert!(client.service("panic").unary("").await.is_err());
    // Given up by its caller, while the handler is at work.
    let given_up = tokio::time::timeout(Duration::from_millis(50), client.service("sleep").unary("")).await;
    assert!(given_up.is_err());
    while metrics.running() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(module);

    let counts: Vec<(String, u64)> = metrics
        .snapshot()
        .into_iter()
        .map(|(Series { side, target, result, .. }, value)| {
            (format!("{side} {target} {result}"), value.count)
        })
        .collect();
    let counts: Vec<_> = counts.iter().map(|(row, count)| (row.as_str(), *count)).collect();
    assert_eq!(
        counts,
        [
            ("caller service:echo completed", 3),
            ("caller service:fail notFound", 1),
            ("caller service:panic internal", 1),
            ("caller service:sleep cancelled.consumerGone", 1),
            ("handler service:echo completed", 3),
            ("handler service:fail notFound", 1),
            ("handler service:panic internal", 1),
            ("handler service:sleep cancelled", 1),
        ]
    );
    assert!(metrics.snapshot().iter().any(|(row, value)| {
        row.target == "service:sleep" && row.side == Side::Handler && value.took >= Duration::from_millis(40)
    }));

    let lines = std::mem::take(&mut *lines.lock().unwrap());
    assert_eq!(lines.len(), 12);
    assert!(!lines.concat().contains("secret"), "{lines:?}");
    let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    let wanted = serde_json::json!({
        "side": "handler", "source": "caller", "target": "service:echo", "result": "completed",
        "correlation_id": "07".repeat(16), "subject": "module:caller",
    });
    assert_eq!(line, wanted);
    assert!(lines.iter().any(|line| line.contains("operator:alice") && line.contains("notFound")));

    let spans = std::mem::take(&mut *spans.lock().unwrap());
    assert_eq!(spans.len(), 12);
    for span in &spans {
        let both: Vec<_> = spans.iter().filter(|other| other.span_id == span.span_id).collect();
        assert_eq!(both.len(), 2, "{both:?}");
        assert_ne!(both[0].side, both[1].side);
        assert_eq!(both[0].trace_id, both[1].trace_id);
        assert!(span.started <= span.ended);
    }
    assert_eq!((spans[0].trace_id, spans[0].parent_span_id), ([7; 16], [8; 8]));
}
