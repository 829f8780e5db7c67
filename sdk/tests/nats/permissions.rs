//! What the server's permissions let a module do, as they are made from a policy.

use std::time::{Duration, Instant};

use ixt::host::{Policy, node};
use ixt::{ConnectError, Module, StreamErrorCode};

use crate::server::Server;

const POLICY: &str = r#"
    [module.caller]
    uid = 1
    call = ["media.*"]
    [module.media]
    uid = 2
    provide = ["media.thumbs", "media.other"]
    [module.other]
    uid = 3
    provide = ["other"]
"#;

fn server() -> (Server, impl Fn(&str) -> String) {
    let config = node::permissions(&Policy::from_toml(POLICY).unwrap()).unwrap();
    let words = ["CALLER", "MEDIA", "OTHER"].map(|name| format!("IXT_PASSWORD_{name}"));
    let environment: Vec<_> = words.iter().map(|word| (word.as_str(), "s3cret")).collect();
    let server = Server::with(&config, &environment);
    let port = server.port;
    (server, move |user: &str| format!("nats://{user}:s3cret@127.0.0.1:{port}"))
}

fn provider(name: &str, service: &str) -> ixt::ModuleBuilder {
    Module::builder(name).unary(service, |_, payload| async { Ok(payload) })
}

#[tokio::test]
async fn a_module_does_what_the_policy_lets_it() {
    let (_server, url) = server();
    let _media = provider("media", "media.thumbs").connect(&url("media")).await.unwrap();
    let _other = provider("other", "other").connect(&url("other")).await.unwrap();
    let caller = Module::builder("caller").connect(&url("caller")).await.unwrap();
    assert_eq!(caller.client().service("media.thumbs").unary("x").await.unwrap(), "x");
    let began = Instant::now();
    let error = caller.client().service("other").unary("x").await.unwrap_err();
    assert_eq!(error.code(), Some(StreamErrorCode::PermissionDenied), "{error}");
    assert!(error.to_string().contains("ixt.s-other.caller"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_module_that_may_not_provide_is_refused() {
    let (_server, url) = server();
    for (user, name, service) in [("other", "other", "media.thumbs"), ("other", "media", "media.thumbs")] {
        let error = provider(name, service).connect(&url(user)).await.unwrap_err();
        let ConnectError::Refused(refused) = &error else { panic!("{error}") };
        assert_eq!(refused.code(), Some(StreamErrorCode::PermissionDenied), "{error}");
    }
    let error =
        provider("media", "media.thumbs").connect("nats://media:wrong@127.0.0.1:1").await.unwrap_err();
    assert!(error.is_retryable(), "nobody is there");
    let wrong = url("media").replace("s3cret", "wr0ng");
    let error = provider("media", "media.thumbs").connect(&wrong).await.unwrap_err();
    assert!(!error.to_string().contains("wr0ng"), "{error}");
}
