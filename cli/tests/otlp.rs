//! What `ixt host --otlp` sends, as a collector reads it.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use ixt::core::stream::StreamErrorCode;
use ixt::{CallError, Client, Module, Subject, Trace};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data, number_data_point};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use prost::Message;

/// Takes what is sent, and keeps it.
#[derive(Clone)]
struct Collector {
    url: String,
    got: Arc<Mutex<Got>>,
}

#[derive(Default)]
struct Got {
    requests: Vec<String>,
    bodies: Vec<u8>,
    services: BTreeSet<String>,
    spans: Vec<Span>,
    metrics: HashMap<String, Metric>,
}

impl Collector {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let collector = Self { url, got: Arc::default() };
        let itself = collector.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let collector = itself.clone();
                thread::spawn(move || collector.serve(stream));
            }
        });
        collector
    }

    /// Requests of HTTP/1.1, one after the other.
    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut writer = stream;
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if reader.read_line(&mut head).ok()? == 0 {
                    return None;
                }
            }
            let lower = head.to_ascii_lowercase();
            let header = |name: &str| {
                lower.lines().find_map(|line| Some(line.strip_prefix(name)?.trim_start_matches(':').trim()))
            };
            assert_eq!(header("content-type"), Some("application/x-protobuf"));
            let mut body = vec![0; header("content-length")?.parse().ok()?];
            reader.read_exact(&mut body).ok()?;
            self.take(head.lines().next()?, &body);
            writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
        }
    }

    fn take(&self, request: &str, body: &[u8]) {
        let mut got = self.got.lock().unwrap();
        got.requests.push(request.to_owned());
        got.bodies.extend_from_slice(body);
        match request {
            "POST /v1/traces HTTP/1.1" => {
                for resource in ExportTraceServiceRequest::decode(body).unwrap().resource_spans {
                    got.services.extend(text(&resource.resource.unwrap().attributes, "service.name"));
                    got.spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
                }
            }
            "POST /v1/metrics HTTP/1.1" => {
                for resource in ExportMetricsServiceRequest::decode(body).unwrap().resource_metrics {
                    got.services.extend(text(&resource.resource.unwrap().attributes, "service.name"));
                    for metric in resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
                        got.metrics.insert(metric.name.clone(), metric);
                    }
                }
            }
            other => panic!("{other}"),
        }
    }

    /// Waits until what came has this.
    async fn until<T>(&self, mut wanted: impl FnMut(&Got) -> Option<T>) -> T {
        let late = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(found) = wanted(&self.got.lock().unwrap()) {
                return found;
            }
            assert!(Instant::now() < late, "{:?}", self.got.lock().unwrap().requests);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn spans(&self, count: usize) -> Vec<Span> {
        self.until(|got| (got.spans.len() >= count).then(|| got.spans.clone())).await
    }
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    attributes.iter().find(|entry| entry.key == key).and_then(|entry| {
        match entry.value.as_ref()?.value.as_ref()? {
            Value::StringValue(text) => Some(text.clone()),
            Value::IntValue(number) => Some(number.to_string()),
            _ => None,
        }
    })
}

/// A host process on a Unix socket.
struct Host {
    process: Child,
    url: String,
    said: Arc<Mutex<String>>,
    _folder: tempfile::TempDir,
}

impl Host {
    fn new(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("unix://{}", folder.path().join("s").display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_ixt"));
        command.arg("host").arg(&url).args(arguments);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OTEL_")) {
            command.env_remove(name);
        }
        command.env("OTEL_BSP_SCHEDULE_DELAY", "50").env("OTEL_METRIC_EXPORT_INTERVAL", "100");
        command.envs(environment.iter().copied()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        assert!(first.contains("listening"), "{first}");
        let said = Arc::new(Mutex::new(String::new()));
        let hears = Arc::clone(&said);
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                *hears.lock().unwrap() += &format!("{line}\n");
            }
        });
        Self { process, url, said, _folder: folder }
    }

    /// How long it takes to stop in order.
    fn stop(mut self) -> Duration {
        let begun = Instant::now();
        let id = self.process.id().to_string();
        assert!(Command::new("kill").arg(&id).status().unwrap().success());
        assert!(self.process.wait().unwrap().success());
        begun.elapsed()
    }

    /// Whether a thread of OpenTelemetry runs in it.
    fn exports(&self) -> bool {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        tasks.flatten().any(|task| {
            std::fs::read_to_string(task.path().join("comm"))
                .is_ok_and(|name| name.starts_with("OpenTelemetry"))
        })
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `a` calls `b`, which answers, fails, or gives many messages.
async fn chain(url: &str) -> [Module; 3] {
    let b = Module::builder("b")
        .unary("b.echo", |_, message| async { Ok(message) })
        .unary("b.fail", |_, _| async {
            Err::<Vec<u8>, _>(CallError::failed(StreamErrorCode::NotFound, "no such thing"))
        })
        .connect(url)
        .await
        .unwrap();
    let to: Arc<Mutex<Option<Client>>> = Arc::default();
    let calls = Arc::clone(&to);
    let a = Module::builder("a")
        .unary("a.chain", move |_, message| {
            let client = calls.lock().unwrap().clone().unwrap();
            async move {
                let answer = client.service("b.echo").unary(&message).await?;
                let _ = client.service("b.fail").unary("?").await;
                Ok(answer)
            }
        })
        .connect(url)
        .await
        .unwrap();
    *to.lock().unwrap() = Some(a.client());
    let caller = Module::builder("cli-4711").connect(url).await.unwrap();
    [a, b, caller]
}

const TRACE: Trace = Trace { correlation_id: [0xab; 16], parent_span_id: [0xcd; 8], trace_flags: 0 };

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_calls_is_one_trace_and_metrics_arrive() {
    let collector = Collector::new();
    let host = Host::new(&["--otlp", &collector.url], &[]);
    let modules = chain(&host.url).await;
    let client = modules[2].client();
    let call = client
        .service("a.chain")
        .trace(TRACE)
        .subject(Subject::Operator("alice".into()))
        .token_ref("a-handle-that-is-nobodys-business");
    assert_eq!(call.unary("hello").await.unwrap(), "hello");
    assert!(client.service("no.such").trace(TRACE).unary("?").await.is_err());

    let spans = collector.spans(4).await;
    assert_eq!(spans.len(), 4, "{spans:#?}");
    assert!(spans.iter().all(|span| span.trace_id == [0xab; 16]));
    let span = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let (outer, echo, fail, refused) = (span("a.chain"), span("b.echo"), span("b.fail"), span("refused"));
    assert_eq!(outer.parent_span_id, [0xcd; 8]);
    assert_eq!(echo.parent_span_id, outer.span_id);
    assert_eq!(fail.parent_span_id, outer.span_id);
    assert_eq!(refused.parent_span_id, [0xcd; 8]);
    assert_eq!(spans.iter().map(|span| span.span_id.clone()).collect::<BTreeSet<_>>().len(), 4);
    assert!(outer.start_time_unix_nano <= echo.start_time_unix_nano);
    assert!(echo.end_time_unix_nano <= outer.end_time_unix_nano);
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    assert!(now - outer.end_time_unix_nano < 60_000_000_000);
    assert!(spans.iter().all(|span| span.kind == SpanKind::Client as i32));

    let told = |span: &Span, keys: &[&str]| -> Vec<String> {
        keys.iter().map(|key| text(&span.attributes, key).unwrap_or_default()).collect()
    };
    let keys = ["ixt.target", "ixt.kind", "ixt.caller", "ixt.provider", "ixt.outcome"];
    assert_eq!(told(echo, &keys), ["service:b.echo", "unary", "a", "b", "completed"]);
    assert_eq!(told(fail, &keys), ["service:b.fail", "unary", "a", "b", "notFound"]);
    assert_eq!(told(refused, &keys), ["service:no.such", "unary", "cli-4711", "", "notFound"]);
    let keys = ["ixt.caller.frames", "ixt.provider.frames", "ixt.caller.bytes", "ixt.provider.bytes"];
    assert_eq!(told(outer, &keys), ["1", "1", "5", "5"]);
    let is_error =
        |span: &Span| span.status.as_ref().is_some_and(|status| status.code == StatusCode::Error as i32);
    assert_eq!([outer, echo, fail, refused].map(is_error), [false, false, true, true]);

    // Metrics: sums of what went through, by names alone.
    let ended = collector
        .until(|got| {
            let points = sums(got.metrics.get("ixt.host.streams.ended")?);
            (points.iter().map(|(_, count)| count).sum::<i64>() >= 4).then_some(points)
        })
        .await;
    let labels = |all: &[(&str, &str)]| {
        all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
    };
    let row = [
        ("ixt.caller", "cli"),
        ("ixt.kind", "unary"),
        ("ixt.outcome", "completed"),
        ("ixt.provider", "a"),
        ("ixt.target", "service:a.chain"),
    ];
    assert!(ended.contains(&(labels(&row), 1)), "{ended:?}");
    let row = [("ixt.kind", "unary"), ("ixt.outcome", "notFound"), ("ixt.target", "refused")];
    assert!(ended.contains(&(labels(&row), 1)), "{ended:?}");
    let bytes = collector.until(|got| Some(sums(got.metrics.get("ixt.host.bytes")?))).await;
    let sent =
        |sender: &str| bytes.iter().find(|(of, _)| of == &labels(&[("ixt.sender", sender)])).unwrap().1;
    // The host's own module is asked nothing, so this is the chain's.
    assert_eq!((sent("caller"), sent("provider")), (5 + 5 + 1, 5 + 5));
    let refusals = collector.until(|got| Some(sums(got.metrics.get("ixt.host.refusals")?))).await;
    assert_eq!(refusals, [(labels(&[("ixt.code", "notFound"), ("ixt.wanted", "open")]), 1)]);
    for (name, wanted) in [("ixt.host.connections", 4), ("ixt.host.modules", 4), ("ixt.host.streams.open", 0)]
    {
        collector.until(|got| (sums(got.metrics.get(name)?) == [(vec![], wanted)]).then_some(())).await;
    }
    collector.until(|got| got.metrics.get("ixt.host.stream.duration").map(|_| ())).await;
    collector.until(|got| got.metrics.get("ixt.host.queued").map(|_| ())).await;

    let got = collector.got.lock().unwrap();
    assert_eq!(got.services, BTreeSet::from(["ixt-host".to_owned()]));
    let holds = |needle: &[u8]| got.bodies.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"service:a.chain") && !holds(b"nobodys-business"));
}

/// The points of a sum, with their labels in order.
fn sums(metric: &Metric) -> Vec<(Vec<(String, String)>, i64)> {
    let Some(Data::Sum(sum)) = &metric.data else { panic!("{metric:?}") };
    sum.data_points
        .iter()
        .map(|point| {
            let mut labels: Vec<_> = point
                .attributes
                .iter()
                .map(|entry| (entry.key.clone(), text(&point.attributes, &entry.key).unwrap()))
                .collect();
            labels.sort();
            let Some(number_data_point::Value::AsInt(number)) = point.value else { panic!("{point:?}") };
            (labels, number)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_turns_it_on_names_it_and_samples() {
    let collector = Collector::new();
    let host = Host::new(
        &[],
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url),
            ("OTEL_SERVICE_NAME", "the-host-of-tests"),
            ("OTEL_METRICS_EXPORTER", "none"),
            ("OTEL_TRACES_SAMPLER", "parentbased_always_on"),
        ],
    );
    let modules = chain(&host.url).await;
    let client = modules[2].client();
    for trace_flags in [0, 1] {
        let trace = Trace { correlation_id: [0xa0 + trace_flags; 16], trace_flags, ..TRACE };
        client.service("a.chain").trace(trace).unary("hello").await.unwrap();
    }
    // What waits leaves when the host stops.
    drop(modules);
    host.stop();
    let got = collector.got.lock().unwrap();
    assert_eq!(got.services, BTreeSet::from(["the-host-of-tests".to_owned()]));
    assert_eq!(got.spans.len(), 3);
    assert!(got.spans.iter().all(|span| span.trace_id == [0xa1; 16]));
    assert!(got.metrics.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_option_nothing_is_sent() {
    let collector = Collector::new();
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str());
    let none = [("OTEL_TRACES_EXPORTER", "none"), ("OTEL_METRICS_EXPORTER", "none"), endpoint];
    for (environment, exports) in [
        (&[][..], false),
        (&[("OTEL_SDK_DISABLED", "true"), endpoint], false),
        (&none, false),
        (&[endpoint], true),
    ] {
        let host = Host::new(&[], environment);
        let modules = chain(&host.url).await;
        modules[2].client().service("a.chain").unary("hello").await.unwrap();
        if Path::new("/proc/self/task").exists() {
            assert_eq!(host.exports(), exports, "{environment:?}");
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(modules);
        host.stop();
        assert_eq!(collector.got.lock().unwrap().requests.is_empty(), !exports, "{environment:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_there_neither_slows_nor_stops_the_host() {
    // Nobody listens here any more.
    let refuses = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // This one is connected to and never reads.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for (address, is_silent) in [(refuses, false), (silent.local_addr().unwrap(), true)] {
        let host = Host::new(&["--otlp", &format!("http://{address}")], &[]);
        let modules = chain(&host.url).await;
        let client = modules[2].client();
        let begun = Instant::now();
        let mut longest = Duration::ZERO;
        // For longer than the delay of a batch, and more than its queue holds.
        while begun.elapsed() < Duration::from_secs(2) {
            let calls: Vec<_> = (0..50)
                .map(|_| {
                    let client = client.clone();
                    tokio::spawn(async move {
                        let begun = Instant::now();
                        client.service("a.chain").unary("hello").await.map(|_| begun.elapsed())
                    })
                })
                .collect();
            for call in calls {
                longest = longest.max(call.await.unwrap().unwrap());
            }
        }
        assert!(longest < Duration::from_secs(1), "{longest:?}");
        if !is_silent {
            let said = host.said.lock().unwrap().clone();
            assert_eq!(said.matches("spans cannot be exported").count(), 1, "{said}");
        }
        drop(modules);
        let took = host.stop();
        assert!(took < Duration::from_secs(8), "{took:?}");
    }
}

#[test]
fn a_url_that_is_none_and_a_sampler_that_is_not_known_are_refused() {
    for (arguments, name, value) in [
        (&["--otlp", "no url"][..], "OTEL_SDK_DISABLED", "false"),
        (&["--otlp", "http://localhost:1"], "OTEL_TRACES_SAMPLER", "dice"),
        (&["--otlp", "http://localhost:1"], "OTEL_TRACES_SAMPLER_ARG", "2"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let done = Command::new(env!("CARGO_BIN_EXE_ixt"))
            .arg("host")
            .arg(format!("unix://{}/s", folder.path().display()))
            .args(arguments)
            .env("OTEL_TRACES_SAMPLER", "traceidratio")
            .env(name, value)
            .output()
            .unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(!done.status.success(), "{said}");
        assert!(said.contains("OpenTelemetry: ") || said.contains("OTEL_TRACES_SAMPLER"), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}
