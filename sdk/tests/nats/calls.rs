//! Calls, as on a host.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ixt::{Call, CallError, InteractionKind, Module, StreamErrorCode};

use crate::server::Server;

pub(crate) fn echo(name: &str) -> ixt::ModuleBuilder {
    Module::builder(name)
        .unary("echo", |_, payload| async { Ok(payload) })
        .service("count", |_, call: Arc<Call>| async move {
            let upto: u32 = String::from_utf8_lossy(&call.recv_one().await?).parse().unwrap_or(0);
            for number in 0..upto {
                call.send(number.to_be_bytes()).await?;
            }
            Ok(())
        })
        .service("both", |_, call: Arc<Call>| async move {
            while let Some(message) = call.recv().await? {
                call.send(message).await?;
            }
            Ok(())
        })
        .service("sleep", |_, call: Arc<Call>| async move {
            call.recv_one().await?;
            tokio::time::sleep(Duration::from_secs(60)).await;
            call.finish("late").await
        })
}

#[tokio::test]
async fn calls_of_all_kinds() {
    let server = Server::start();
    let _provider = echo("provider").connect(&server.url()).await.unwrap();
    let caller = Module::builder("caller").connect(&server.url()).await.unwrap();
    let client = caller.client();
    for size in [0, 1, 1000, 1 << 16, 1 << 20] {
        let payload = vec![7; size];
        assert_eq!(client.service("echo").unary(&payload).await.unwrap(), payload);
    }
    let call = client.service("count").server_stream("3000").unwrap();
    let mut next = 0_u32;
    while let Some(message) = call.recv().await.unwrap() {
        assert_eq!(*message, next.to_be_bytes());
        next += 1;
    }
    assert_eq!(next, 3000);
    let call = Arc::new(client.service("both").bidi_stream().unwrap());
    let sender = Arc::clone(&call);
    let sending = tokio::spawn(async move {
        for number in 0..2000_u32 {
            sender.send(vec![number as u8; number as usize]).await?;
        }
        sender.close()
    });
    let mut next = 0;
    while let Some(message) = call.recv().await.unwrap() {
        assert_eq!(message.len(), next);
        next += 1;
    }
    sending.await.unwrap().unwrap();
    assert_eq!(next, 2000);
}

#[tokio::test]
async fn what_nobody_provides_is_not_found_at_once() {
    let server = Server::start();
    let caller = Module::builder("caller").connect(&server.url()).await.unwrap();
    let began = Instant::now();
    let error = caller.client().service("nobody").unary("x").await.unwrap_err();
    assert_eq!(error.code(), Some(StreamErrorCode::NotFound));
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn two_providers_share_the_calls() {
    let server = Server::start();
    let counts = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let mut modules = Vec::new();
    for count in &counts {
        let count = Arc::clone(count);
        let module = Module::builder("worker").unary("work", move |_, _| {
            count.fetch_add(1, Ordering::Relaxed);
            async { Ok("") }
        });
        modules.push(module.connect(&server.url()).await.unwrap());
    }
    let caller = Module::builder("caller").connect(&server.url()).await.unwrap();
    for _ in 0..200 {
        caller.client().service("work").unary("").await.unwrap();
    }
    let counts = counts.map(|count| count.load(Ordering::Relaxed));
    assert!(counts.iter().all(|count| *count > 50) && counts.iter().sum::<usize>() == 200, "{counts:?}");
}

#[tokio::test]
async fn deadlines_and_cancels_reach_the_other_side() {
    let server = Server::start();
    let stopped = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&stopped);
    struct Told(Arc<AtomicUsize>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let provider = Module::builder("provider").service("sleep", move |_, call: Arc<Call>| {
        let told = Told(Arc::clone(&told));
        async move {
            call.recv_one().await?;
            tokio::time::sleep(Duration::from_secs(60)).await;
            drop(told);
            Ok(())
        }
    });
    let _provider = provider.connect(&server.url()).await.unwrap();
    let caller = Module::builder("caller").connect(&server.url()).await.unwrap();
    let late = caller.client().service("sleep").timeout(Duration::from_millis(100)).unary("").await;
    assert_eq!(late.unwrap_err().code(), Some(StreamErrorCode::DeadlineExceeded));
    let call = caller.client().service("sleep").server_stream("").unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(call);
    for _ in 0..100 {
        if stopped.load(Ordering::Relaxed) == 2 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} handlers were stopped", stopped.load(Ordering::Relaxed));
}

#[tokio::test]
async fn broadcasts_reach_who_wants_them() {
    let server = Server::start();
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let mut modules = Vec::new();
    for name in ["a", "b"] {
        let told = told.clone();
        let module = Module::builder(name).topic("news", move |_, message| {
            let _ = told.send((name, message));
            async { Ok::<(), CallError>(()) }
        });
        modules.push(module.connect(&server.url()).await.unwrap());
    }
    modules[0].client().broadcast("news", "fresh").await.unwrap();
    let (name, message) = heard.recv().await.unwrap();
    assert_eq!((name, &*message), ("b", &b"fresh"[..]));
}

#[tokio::test]
async fn a_module_that_stops_finishes_what_runs() {
    let server = Server::start();
    let slow = Module::builder("slow").unary("slow", |_, payload| async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(payload)
    });
    let slow = slow.connect(&server.url()).await.unwrap();
    let caller = Module::builder("caller").connect(&server.url()).await.unwrap();
    let client = caller.client();
    let running = tokio::spawn(async move { client.service("slow").unary("x").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let stopping = tokio::spawn(async move { slow.stop(Duration::from_secs(5)).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let late = caller.client().service("slow").unary("y").await.unwrap_err();
    assert_eq!(late.code(), Some(StreamErrorCode::NotFound));
    assert_eq!(running.await.unwrap().unwrap(), "x");
    stopping.await.unwrap();
}

#[tokio::test]
async fn what_is_no_server_is_said_without_the_password() {
    let error = Module::builder("a").connect("nats://me:secret@127.0.0.1:1").await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(text.contains("nats://127.0.0.1:1") && !text.contains("secret"), "{text}");
    let kinds = [InteractionKind::Unary];
    let error = Module::builder("a")
        .service(ixt::Service::new("a").kinds(kinds), |_, _| async { Ok(()) })
        .listen("nats://127.0.0.1", None)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("nobody listens"), "{error}");
}

#[tokio::test]
async fn a_stream_one_way_with_a_large_window() {
    let server = Server::start();
    let mut config = ixt::core::connection::Config::default();
    (config.window, config.initial_credit) = (1024, 1024);
    let sink =
        Module::builder("sink").connection(config.clone()).service("sink", |_, call: Arc<Call>| async move {
            let mut bytes = 0;
            while let Some(message) = call.recv().await? {
                bytes += message.len();
            }
            call.send(bytes.to_string()).await
        });
    let _sink = sink.connect(&server.url()).await.unwrap();
    let caller = Module::builder("caller").connection(config).connect(&server.url()).await.unwrap();
    let call = caller.client().service("sink").client_stream().unwrap();
    for number in 0..60_000 {
        let sent = tokio::time::timeout(Duration::from_secs(5), call.send([7; 64])).await;
        sent.unwrap_or_else(|_| panic!("message {number} waits for ever")).unwrap();
    }
    call.close().unwrap();
    assert_eq!(call.recv_one().await.unwrap(), (60_000 * 64).to_string());
}
