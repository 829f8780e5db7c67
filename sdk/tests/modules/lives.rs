//! Starting, stopping, dying and coming back.

use std::sync::Arc;
use std::time::Duration;

use ixt::testing::TestHost;
use ixt::{Call, Host, Module, StreamErrorCode};

fn echo() -> ixt::ModuleBuilder {
    Module::builder("echo").unary("echo", |_, payload| async { Ok(payload) }).service(
        "slow",
        |_, call: Arc<Call>| async move {
            let message = call.recv_one().await?;
            tokio::time::sleep(Duration::from_millis(100)).await;
            call.finish(message).await
        },
    )
}

#[tokio::test]
async fn stopping_lets_calls_finish_and_a_short_grace_does_not() {
    for (grace, ends_well) in [(Duration::from_secs(5), true), (Duration::from_millis(10), false)] {
        let host = TestHost::new().unwrap();
        let module = host.connect(echo()).await.unwrap();
        let caller = host.connect(Module::builder("caller")).await.unwrap();
        let client = caller.client();
        let call = tokio::spawn(async move { client.service("slow").unary("x").await });
        tokio::time::sleep(Duration::from_millis(30)).await;
        module.stop(grace).await;
        assert_eq!(call.await.unwrap().is_ok(), ends_well);
        let gone = caller.client().service("echo").unary("x").await.unwrap_err();
        assert_eq!(gone.code(), Some(StreamErrorCode::NotFound));
    }
}

#[tokio::test]
async fn a_module_that_is_dropped_is_unavailable_to_who_waits_for_it() {
    let host = TestHost::new().unwrap();
    let module = host.connect(echo()).await.unwrap();
    let caller = host.connect(Module::builder("caller")).await.unwrap();
    let client = caller.client();
    let call = tokio::spawn(async move { client.service("slow").unary("x").await });
    tokio::time::sleep(Duration::from_millis(30)).await;
    drop(module);
    let error = call.await.unwrap().unwrap_err();
    assert!(error.is_retryable(), "{error}");
}

#[tokio::test]
async fn a_module_comes_back_when_its_host_does() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("unix://{}", folder.path().join("host.sock").display());
    let host = Host::builder().bind(&url).await.unwrap();
    let handle = host.handle();
    let served = tokio::spawn(host.serve());
    let module = echo().connect(&url).await.unwrap();
    let module = Arc::new(module);
    let (serving, address) = (Arc::clone(&module), url.clone());
    let again = tokio::spawn(async move { serving.serve_again(&address).await });
    let caller = Module::builder("caller").connect(&url).await.unwrap();
    assert_eq!(caller.client().service("echo").unary("1").await.unwrap(), "1");

    handle.stop(Duration::from_millis(50)).await;
    served.await.unwrap();
    assert!(caller.client().service("echo").unary("x").await.is_err());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!module.is_healthy());

    let host = Host::builder().bind(&url).await.unwrap();
    let served = tokio::spawn(host.serve());
    let caller = Module::builder("caller").connect(&url).await.unwrap();
    for _ in 0..200 {
        if let Ok(answer) = caller.client().service("echo").unary("2").await {
            assert_eq!(answer, "2");
            assert!(module.is_healthy());
            module.stop(Duration::ZERO).await;
            again.await.unwrap().unwrap();
            served.abort();
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not come back");
}

#[tokio::test]
async fn a_module_may_wait_for_its_host() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("unix://{}", folder.path().join("host.sock").display());
    let at = url.clone();
    let patient = tokio::spawn(async move { echo().connect_patiently(&at).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let host = Host::builder().bind(&url).await.unwrap();
    tokio::spawn(host.serve());
    assert!(patient.await.unwrap().unwrap().is_healthy());
}
