//! ARCP on real connections: memory, lines, WebSocket, TLS.

use std::future::Ready;
use std::time::Duration;

use ixt::arcp::{
    Client, Code, Delegate, FinalStatus, JobContext, Jwt, ListJobs, Outcome, Principal, Refusal, Runtime,
    StaticTokens, Submission, Transport, Update,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn tokens() -> StaticTokens {
    StaticTokens::new([("tok-a", Principal::new("a")), ("tok-b", Principal::new("b"))])
}

fn runtime() -> Runtime {
    Runtime::builder()
        .agent("echo@1.0.0", |job: JobContext| async move { job.input::<Value>() })
        .agent("echo@2.0.0", |job: JobContext| async move { Ok(json!({"echoed": job.input::<Value>()?})) })
        .agent("count", |job: JobContext| async move {
            let count: u64 = job.input()?;
            for number in 0..count {
                job.emit("log", &json!({"n": number})).await?;
            }
            Ok(count)
        })
        .agent("slow", |job: JobContext| async move {
            for number in 0.. {
                job.progress(f64::from(number), None, None).await?;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(())
        })
        .agent("chunky", |job: JobContext| async move {
            for part in 0..job.input::<u8>()? {
                job.chunk(vec![b'a' + part % 26; 10_000]).await?;
            }
            Ok(())
        })
        .agent("teller", |job: JobContext| async move {
            job.chunk_text("once ").await?;
            let refused = job.chunk(b"upon\xff").await.unwrap_err();
            assert_eq!(refused.code, Code::InvalidRequest, "{refused}");
            job.chunk_text("a time").await
        })
        .agent("shopper", |job: JobContext| async move {
            let mut bought = 0;
            while job.tool("shop.buy", &json!({"n": bought}), async { Ok(json!({"ok": true})) }).await.is_ok()
            {
                job.cost("shop", 0.25, "USD").await?;
                bought += 1;
            }
            Ok(bought)
        })
        .agent("boss", |job: JobContext| async move {
            let wanted = Delegate::new("d1", "echo", "[1,2]").with_lease("{}");
            let found = job.delegate(&wanted).await?;
            Ok(serde_json::from_str::<Value>(&found).unwrap_or_default())
        })
        .agent("panics", |_: JobContext| async move {
            if true {
                panic!("the agent's own fault");
            }
            Ok(())
        })
        // Before there is a future at all.
        .agent("panics-at-once", |_: JobContext| -> Ready<Result<(), Refusal>> {
            panic!("the agent's own fault");
        })
        .verifier(tokens())
        .build()
        .unwrap()
}

async fn in_memory(runtime: &Runtime, token: &str) -> Client {
    let (here, there) = Transport::memory();
    runtime.serve(there);
    Client::over(here, token).await.unwrap()
}

async fn listening(runtime: &Runtime) -> String {
    let listening = runtime.listen("127.0.0.1:0", None).await.unwrap();
    let url = listening.url().unwrap();
    tokio::spawn(listening.serve());
    url
}

#[tokio::test]
async fn jobs_run_and_give_results() {
    let runtime = runtime();
    for client in [
        in_memory(&runtime, "tok-a").await,
        Client::connect(&listening(&runtime).await, "tok-a").await.unwrap(),
        {
            let (here, there) = tokio::io::duplex(1000);
            let ((here_in, here_out), (there_in, there_out)) =
                (tokio::io::split(here), tokio::io::split(there));
            runtime.serve(Transport::lines(there_in, there_out));
            Client::over(Transport::lines(here_in, here_out), "tok-a").await.unwrap()
        },
    ] {
        let mut job = client.submit(&Submission::new("echo").with_input("[1]")).await.unwrap();
        assert_eq!(job.info().agent, "echo@2.0.0");
        job.ended().await.unwrap();
        assert_eq!(job.result::<Value>().unwrap(), json!({"echoed": [1]}));

        let mut job = client.submit(&Submission::new("chunky").with_input("30")).await.unwrap();
        let mut parts = 0;
        while let Some(update) = job.next().await {
            parts += usize::from(matches!(update, Update::Chunk { .. }));
        }
        assert_eq!((parts, job.bytes().unwrap().len()), (31, 300_000));

        let mut job = client.submit(&Submission::new("teller")).await.unwrap();
        job.ended().await.unwrap();
        assert_eq!(job.bytes().unwrap(), b"once a time");

        let mut job = client.submit(&Submission::new("count").with_input("5000")).await.unwrap();
        let mut next = 0;
        while let Some(Update::Event(event)) = job.next().await {
            let body: Value = serde_json::from_str(event.body.get()).unwrap();
            assert_eq!(body["n"], next);
            next += 1;
        }
        assert_eq!((next, job.result::<u64>().unwrap()), (5000, 5000));

        for panics in ["panics", "panics-at-once"] {
            let mut job = client.submit(&Submission::new(panics)).await.unwrap();
            let Outcome::Failed(FinalStatus::Error, why) = job.ended().await.unwrap() else { panic!() };
            assert_eq!((&why.code, why.retryable), (&Code::InternalError, true));
        }

        let refused = client.submit(&Submission::new("nosuch")).await.unwrap_err();
        assert_eq!(refused.code, Code::AgentNotAvailable);
        assert!(client.agents().contains("\"shopper\""));
        client.close().await;
        assert!(client.submit(&Submission::new("echo")).await.is_err());
    }
}

/// ARCP §7.4.
#[tokio::test]
async fn a_cancelled_job_stops_its_agent() {
    let runtime = runtime();
    let client = in_memory(&runtime, "tok-a").await;
    let mut job = client.submit(&Submission::new("slow")).await.unwrap();
    job.next().await.unwrap();
    assert!(!job.cancel("enough").await.unwrap());
    let Outcome::Failed(FinalStatus::Cancelled, why) = job.ended().await.unwrap() else { panic!() };
    assert_eq!(why.message, "enough");
    assert!(job.cancel("again").await.unwrap(), "it had ended");
    let stats = runtime.stats();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(runtime.stats().events, stats.events, "nothing is emitted any more");
}

/// ARCP §9.3, §9.6, §10.
#[tokio::test]
async fn budgets_tools_and_delegation() {
    let runtime = runtime();
    let client = in_memory(&runtime, "tok-a").await;
    let wanted =
        Submission::new("shopper").with_lease(r#"{"tool.call":["shop.*"],"cost.budget":["USD:1.00"]}"#);
    let mut job = client.submit(&wanted).await.unwrap();
    assert_eq!(job.info().budget, [("USD".to_owned(), "1".to_owned())]);
    let mut kinds = Vec::new();
    while let Some(Update::Event(event)) = job.next().await {
        kinds.push((event.kind, event.body.get().to_owned()));
    }
    assert_eq!(job.result::<u32>().unwrap(), 4);
    let (last, body) = kinds.last().unwrap();
    assert!(last == "tool_result" && body.contains("BUDGET_EXHAUSTED"), "{body}");

    let wanted = Submission::new("boss").with_lease(r#"{"agent.delegate":["echo"]}"#);
    let mut job = client.submit(&wanted).await.unwrap();
    job.ended().await.unwrap();
    assert_eq!(job.result::<Value>().unwrap(), json!({"echoed": [1, 2]}));
    let mut job = client.submit(&Submission::new("boss")).await.unwrap();
    let Outcome::Failed(_, why) = job.ended().await.unwrap() else { panic!() };
    assert_eq!(why.code, Code::PermissionDenied);
}

/// ARCP §6.3.
#[tokio::test]
async fn a_session_goes_on_over_broken_connections_without_a_gap() {
    let runtime = runtime();
    let client = Client::connect(&listening(&runtime).await, "tok-a").await.unwrap();
    let session = client.session_id().unwrap();
    let mut job = client.submit(&Submission::new("count").with_input("20000")).await.unwrap();
    let mut next = 0;
    while let Some(Update::Event(event)) = job.next().await {
        let body: Value = serde_json::from_str(event.body.get()).unwrap();
        assert_eq!(body["n"], next);
        next += 1;
        if next % 3000 == 0 {
            client.disconnect();
        }
    }
    assert_eq!((next, job.result::<u64>().unwrap()), (20_000, 20_000));
    assert_eq!(client.session_id().unwrap(), session);
}

#[tokio::test]
async fn what_is_asked_while_the_connection_is_gone_waits_for_the_next_one() {
    let runtime = runtime();
    let client = Client::connect(&listening(&runtime).await, "tok-a").await.unwrap();
    for number in 0..20 {
        client.disconnect();
        if number % 2 == 0 {
            // Until it is noticed.
            tokio::time::sleep(Duration::from_millis(number / 2)).await;
        }
        let input = number.to_string();
        let wanted = Submission::new("echo@1.0.0").with_input(&input);
        match client.submit(&wanted).await {
            Ok(mut job) => drop(job.ended().await.unwrap()),
            // Asked on the one that then broke: whether it came is not known.
            Err(why) => assert!(why.retryable, "{why}"),
        }
    }
    let (here, there) = Transport::memory();
    let serving = runtime.serve(there);
    let lost = Client::over(here, "tok-a").await.unwrap();
    serving.abort();
    runtime.close();
    while lost.list_jobs(&ListJobs::default()).await.is_ok() {}
}

/// ARCP §8.4.
#[tokio::test]
async fn a_streamed_result_is_told_again_to_who_submits_again_and_in_part_to_who_comes_late() {
    let runtime = runtime();
    let wanted = Submission::new("chunky").with_input("3").with_key("once");
    let first = in_memory(&runtime, "tok-a").await;
    let mut job = first.submit(&wanted).await.unwrap();
    job.ended().await.unwrap();
    let whole = job.bytes().unwrap().to_vec();
    assert_eq!(whole.len(), 30_000);

    let second = in_memory(&runtime, "tok-a").await;
    let mut again = second.submit(&wanted).await.unwrap();
    assert_eq!(again.job_id(), job.job_id());
    again.ended().await.unwrap();
    assert_eq!(again.bytes().unwrap(), whole, "another session is told all of it");
    // From the middle on it has succeeded all the same; only its bytes are not all here.
    let third = in_memory(&runtime, "tok-a").await;
    let mut late = third.subscribe(job.job_id(), Some(1)).await.unwrap();
    assert!(matches!(late.ended().await.unwrap(), Outcome::Streamed { bytes: None, .. }));
    let why = late.bytes().unwrap_err();
    assert!(why.message.contains("subscribe"), "{why}");
}

/// ARCP §6.6, §7.6.
#[tokio::test]
async fn another_client_lists_and_follows() {
    let runtime = runtime();
    let url = listening(&runtime).await;
    let owner = Client::connect(&url, "tok-a").await.unwrap();
    let watcher = Client::connect(&url, "tok-a").await.unwrap();
    let stranger = Client::connect(&url, "tok-b").await.unwrap();
    let job = owner.submit(&Submission::new("slow")).await.unwrap();
    let listing = watcher.list_jobs(&ListJobs::default()).await.unwrap();
    assert_eq!(listing.jobs[0].job_id, job.job_id());
    assert!(stranger.list_jobs(&ListJobs::default()).await.unwrap().jobs.is_empty());
    let refused = stranger.subscribe(job.job_id(), None).await.unwrap_err();
    assert_eq!(refused.code, Code::PermissionDenied);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut followed = watcher.subscribe(job.job_id(), Some(0)).await.unwrap();
    for number in 0..20 {
        let Some(Update::Event(event)) = followed.next().await else { panic!() };
        assert!(event.body.get().contains(&format!("\"current\":{number}")), "{}", event.body);
    }
    assert_eq!(watcher.cancel(job.job_id(), "").await.unwrap_err().code, Code::PermissionDenied);
    owner.cancel(job.job_id(), "").await.unwrap();
    assert!(matches!(followed.ended().await.unwrap(), Outcome::Failed(FinalStatus::Cancelled, _)));
}

/// ARCP §4, §6.1.
#[tokio::test]
async fn nobody_gets_in_without_a_token_and_only_where_arcp_is() {
    let runtime = runtime();
    let url = listening(&runtime).await;
    assert_eq!(Client::connect(&url, "wrong").await.unwrap_err().code, Code::Unauthenticated);
    assert!(Client::connect(&url.replace("/arcp", "/other"), "tok-a").await.is_err());
    assert!(Client::connect("http://127.0.0.1:1/arcp", "tok-a").await.is_err());
    assert!(Client::connect("ws://127.0.0.1:1/arcp", "tok-a").await.is_err());

    let address = url.trim_start_matches("ws://").trim_end_matches("/arcp").to_owned();
    for (path, host, status) in [
        ("/arcp", "127.0.0.1", "101"),
        ("/arcp", "localhost:99", "101"),
        ("/arcp", "evil.example.com", "403"),
        ("/", "127.0.0.1", "404"),
    ] {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(std::str::from_utf8(&answer).unwrap(), format!("HTTP/1.1 {status}"), "{path} {host}");
    }
}

/// ARCP §4.
#[tokio::test]
async fn tls_carries_it_too() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, certified.cert.pem()).unwrap();
    std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let runtime = runtime();
    let tls = ixt::ServerTls::from_files(&certificate, &key).unwrap();
    let listening = runtime.listen("127.0.0.1:0", Some(tls)).await.unwrap();
    let url = listening.url().unwrap().replace("127.0.0.1", "localhost");
    tokio::spawn(listening.serve());
    let trust = ixt::ClientTls::from_file(&certificate).unwrap();
    let client = Client::builder().tls(trust).connect(&url, "tok-a").await.unwrap();
    let mut job = client.submit(&Submission::new("echo@1.0.0").with_input("7")).await.unwrap();
    job.ended().await.unwrap();
    assert_eq!(job.result::<u32>().unwrap(), 7);
    assert!(Client::connect(&url, "tok-a").await.is_err(), "nobody is trusted unasked");
}

/// ARCP §6.1.
#[tokio::test]
async fn json_web_tokens_say_whose_they_are() {
    use jsonwebtoken::{EncodingKey, Header, encode};
    let secret = b"a secret of enough bytes for every purpose";
    let runtime = Runtime::builder()
        .agent("who", |job: JobContext| async move { Ok(job.principal().to_owned()) })
        .verifier(Jwt::hs(secret).audience("arcp").issuer("tests"))
        .build()
        .unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let token = |claims: Value, secret: &[u8]| {
        encode(&Header::default(), &claims, &EncodingKey::from_secret(secret)).unwrap()
    };
    let good = json!({"sub": "ada", "exp": now + 60, "aud": "arcp", "iss": "tests"});
    let client = in_memory(&runtime, &token(good.clone(), secret)).await;
    let mut job = client.submit(&Submission::new("who")).await.unwrap();
    job.ended().await.unwrap();
    assert_eq!(job.result::<String>().unwrap(), "ada");
    let mut bad =
        vec![token(good.clone(), b"another secret of enough bytes for it"), "nonsense".into(), String::new()];
    for (field, value) in
        [("exp", json!(now - 3600)), ("aud", json!("others")), ("iss", json!("else")), ("sub", json!(""))]
    {
        let mut claims = good.clone();
        claims[field] = value;
        bad.push(token(claims, secret));
    }
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEiLCJleHAiOjk5OTk5OTk5OTl9.";
    bad.push(unsigned.into());
    for token in bad {
        let (here, there) = Transport::memory();
        runtime.serve(there);
        assert_eq!(Client::over(here, &token).await.unwrap_err().code, Code::Unauthenticated, "{token}");
    }
}

#[tokio::test]
async fn agents_wait_for_slow_readers_and_nobody_else_does() {
    let runtime = runtime();
    let (mut here, there) = tokio::io::duplex(4096);
    let (there_in, there_out) = tokio::io::split(there);
    runtime.serve(Transport::lines(there_in, there_out));
    // A client that asks for a flood and reads nothing of it.
    let hello = r#"{"type":"session.hello","id":"1","payload":{"auth":{"scheme":"bearer","token":"tok-b"}}}"#;
    let submit = r#"{"type":"job.submit","id":"2","payload":{"agent":"count","input":1000000}}"#;
    here.write_all(format!("{hello}\n").as_bytes()).await.unwrap();
    let mut welcome = vec![0; 4096];
    assert!(here.read(&mut welcome).await.unwrap() > 0);
    here.write_all(format!("{submit}\n").as_bytes()).await.unwrap();
    let client = in_memory(&runtime, "tok-a").await;
    let mut job = client.submit(&Submission::new("count").with_input("3000")).await.unwrap();
    job.ended().await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let events = runtime.stats().events;
    assert!(events < 10_000, "the flood is held up: {events}");
}

#[tokio::test]
async fn a_verifier_may_be_any_function() {
    let runtime = Runtime::builder()
        .agent("noop", |_: JobContext| async { Ok(()) })
        .verifier(|token: String| async move {
            tokio::task::yield_now().await;
            token
                .strip_prefix("ok-")
                .map(Principal::new)
                .ok_or_else(|| Refusal::new(Code::Unauthenticated, "no"))
        })
        .build()
        .unwrap();
    in_memory(&runtime, "ok-x").await;
    let (here, there) = Transport::memory();
    runtime.serve(there);
    assert!(Client::over(here, "no").await.is_err());
}

/// ARCP §7.6.
#[tokio::test]
async fn a_policy_that_nobody_has_permits_nothing_and_answers() {
    let runtime = Runtime::builder()
        .agent("sleeper", |_: JobContext| async { std::future::pending::<Result<(), Refusal>>().await })
        .settings(|settings| settings.policy = true)
        .verifier(tokens())
        .build()
        .unwrap();
    let owner = in_memory(&runtime, "tok-a").await;
    let job = owner.submit(&Submission::new("sleeper")).await.unwrap();
    let other = in_memory(&runtime, "tok-b").await;
    let asked = tokio::time::timeout(Duration::from_secs(10), other.subscribe(job.job_id(), None)).await;
    assert_eq!(asked.unwrap().unwrap_err().code, Code::PermissionDenied);
}

#[cfg(feature = "arcp-sqlite")]
#[tokio::test]
async fn a_runtime_that_begins_again_has_what_the_last_one_told() {
    use ixt::arcp::BuildError;
    use ixt::arcp::store::{Durability, Sqlite};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let build = || {
        let agents = Runtime::builder()
            .agent("count", |job: JobContext| async move {
                for number in 0..job.input::<u64>()? {
                    job.emit("log", &json!({"n": number})).await?;
                }
                Ok("counted")
            })
            .agent("sleeper", |_: JobContext| async { std::future::pending::<Result<(), Refusal>>().await })
            .agent("patient", |job: JobContext| async move {
                if job.attempt() == 1 {
                    std::future::pending::<()>().await;
                }
                Ok(job.attempt())
            })
            .restartable("patient")
            .verifier(tokens());
        agents.store(Sqlite::open(&path, Durability::Normal).map_err(BuildError::Store)?).build()
    };
    let first = build().unwrap();
    let client = in_memory(&first, "tok-a").await;
    let mut done = client.submit(&Submission::new("count").with_input("2000")).await.unwrap();
    done.ended().await.unwrap();
    let sleeper = client.submit(&Submission::new("sleeper")).await.unwrap();
    let patient = client.submit(&Submission::new("patient")).await.unwrap();
    let ids = [done.job_id(), sleeper.job_id(), patient.job_id()].map(str::to_owned);
    drop((done, sleeper, patient));
    client.close().await;
    assert!(matches!(build(), Err(BuildError::Store(_))), "one at a time");
    first.shutdown().await;
    let second = build().unwrap();
    let client = in_memory(&second, "tok-a").await;
    let listing = client.list_jobs(&ListJobs::default()).await.unwrap();
    assert_eq!(
        listing.jobs.iter().map(|job| &job.job_id).collect::<Vec<_>>(),
        ids.iter().collect::<Vec<_>>()
    );
    let mut history = client.subscribe(&ids[0], Some(0)).await.unwrap();
    let mut count = 0;
    while let Some(Update::Event(event)) = history.next().await {
        assert!(event.body.get().contains(&format!("\"n\":{count}")), "{}", event.body);
        count += 1;
    }
    assert_eq!((count, history.result::<String>().unwrap()), (2000, "counted".to_owned()));
    let mut died = client.subscribe(&ids[1], Some(0)).await.unwrap();
    let Outcome::Failed(FinalStatus::Error, why) = died.ended().await.unwrap() else { panic!() };
    assert_eq!((&why.code, why.retryable), (&Code::InternalError, true));
    let mut again = client.subscribe(&ids[2], Some(0)).await.unwrap();
    again.ended().await.unwrap();
    assert_eq!(again.result::<u32>().unwrap(), 2, "it was started again");
}
