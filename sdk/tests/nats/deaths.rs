//! What dies, and comes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ixt::{Module, StreamErrorCode};

use crate::calls::echo;
use crate::server::Server;

#[tokio::test]
async fn a_provider_that_is_gone_is_unavailable_within_two_seconds() {
    let server = Server::start();
    let provider = echo("provider").connect(&server.url()).await.unwrap();
    let caller = Module::builder("caller").connect(&server.url()).await.unwrap();
    let call = caller.client().service("sleep").server_stream("x").unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    drop(provider);
    assert_eq!(call.recv().await.unwrap_err().code(), Some(StreamErrorCode::Unavailable));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_server_that_was_killed_ends_nothing_if_it_is_back_soon() {
    let mut server = Server::start();
    let _provider = echo("provider").connect(&server.url()).await.unwrap();
    let caller = Module::builder("caller").connect(&server.url()).await.unwrap();
    let call = caller.client().service("both").bidi_stream().unwrap();
    call.send("one").await.unwrap();
    assert_eq!(call.recv().await.unwrap().unwrap(), "one");
    server.kill();
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.start_again();
    // Nothing was under way, so nothing was lost; what is sent now waits for both to be back.
    let (mut sent, began) = (0, Instant::now());
    let back = loop {
        let answer = tokio::time::timeout(Duration::from_secs(1), caller.client().service("echo").unary("x"));
        match answer.await {
            Ok(Ok(_)) => break true,
            _ if began.elapsed() > Duration::from_secs(15) => break false,
            _ => sent += 1,
        }
    };
    assert!(back, "after {sent} calls");
    // Either of the two: what is not allowed is that it hangs, or that a message is missing.
    call.send("two").await.ok();
    let answer = tokio::time::timeout(Duration::from_secs(15), call.recv()).await.expect("it hangs");
    match answer {
        Ok(message) => assert_eq!(message.unwrap(), "two"),
        Err(error) => assert_eq!(error.code(), Some(StreamErrorCode::Unavailable)),
    }
}

#[tokio::test]
async fn a_module_comes_back_when_its_server_does() {
    let mut server = Server::start();
    let url = server.url();
    let module = Arc::new(echo("provider").connect(&url).await.unwrap());
    let (serving, address) = (Arc::clone(&module), url.clone());
    tokio::spawn(async move { serving.serve_again(&address).await });
    let caller = Arc::new(Module::builder("caller").connect(&url).await.unwrap());
    let (serving, address) = (Arc::clone(&caller), url.clone());
    tokio::spawn(async move { serving.serve_again(&address).await });
    let call = caller.client().service("sleep").server_stream("x").unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.kill();
    // Longer than the lease.
    let ended = tokio::time::timeout(Duration::from_secs(8), call.recv()).await.expect("it hangs");
    assert_eq!(ended.unwrap_err().code(), Some(StreamErrorCode::Unavailable));
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.start_again();
    let began = Instant::now();
    while caller.client().service("echo").unary("x").await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "it did not come back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
