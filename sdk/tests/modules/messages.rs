//! Calls in one message.

use std::time::Duration;

use ixt::core::invocation::{HandlePayloadRef, Payload};
use ixt::testing::TestHost;
use ixt::{
    CallContext, CallError, ErrorKind, HandlePayload, InteractionKind, InvocationContext, Module, Service,
    StreamErrorCode, Target, message_handler,
};

async fn shout(context: CallContext, payload: HandlePayload) -> Result<Vec<u8>, CallError> {
    assert_eq!(&payload.context, context.invocation());
    match payload.method.as_str() {
        "shout" => Ok(payload.body.to_ascii_uppercase()),
        "who" => Ok(context.source_module().into()),
        "never" => std::future::pending().await,
        other => Err(CallError::failed(StreamErrorCode::NotFound, format!("no method {other}"))),
    }
}

#[tokio::test]
async fn a_message_is_answered() {
    let host = TestHost::new().unwrap();
    let provider = Module::builder("provider").handle_message("voice", shout).other(message_handler(shout));
    let _provider = host.connect(provider).await.unwrap();
    let caller = host.connect(Module::builder("caller")).await.unwrap();
    let client = caller.client();
    for target in [Target::Service("voice".into()), Target::Module("provider".into())] {
        let call = || client.target(target.clone());
        assert_eq!(call().message("shout", "hello").await.unwrap(), "HELLO");
        assert_eq!(call().message("shout", "").await.unwrap(), "");
        assert_eq!(call().message("who", "").await.unwrap(), "caller");
        let error = call().message("whisper", "").await.unwrap_err();
        assert_eq!(error.code(), Some(StreamErrorCode::NotFound));
        let late = call().timeout(Duration::from_millis(30)).message("never", "").await.unwrap_err();
        assert_eq!(late.code(), Some(StreamErrorCode::DeadlineExceeded));
    }
    let kinds = host.modules().into_iter().find(|module| module.name == "provider").unwrap().services;
    assert_eq!(kinds[0].kinds, [InteractionKind::Unary]);
    let large = vec![b'a'; (1 << 20) - 600];
    assert_eq!(client.service("voice").message("shout", &large).await.unwrap(), vec![b'A'; large.len()]);
}

#[tokio::test]
async fn what_cannot_be_a_message_is_refused_before_it_leaves() {
    let host = TestHost::new().unwrap();
    let _provider = host.connect(Module::builder("provider").handle_message("voice", shout)).await.unwrap();
    let caller = host.connect(Module::builder("caller")).await.unwrap();
    for (method, body, kind) in [
        ("", 0, ErrorKind::BadMethod),
        (&*"m".repeat(257), 0, ErrorKind::BadMethod),
        ("a\0b", 0, ErrorKind::BadText),
        ("shout", 1 << 20, ErrorKind::FrameTooLarge),
    ] {
        let error = caller.client().service("voice").message(method, vec![0; body]).await.unwrap_err();
        let CallError::Refused(error) = error else { panic!("{error:?}") };
        assert_eq!(error.kind(), kind);
    }
    assert!(host.streams().is_empty());
}

/// A handler of what is to be refused.
async fn unheard(_: CallContext, _: HandlePayload) -> Result<Vec<u8>, CallError> {
    panic!("the handler must not see it")
}

/// The context within decides nothing: where it is not the open's, the handler is not asked.
#[tokio::test]
async fn a_message_cannot_say_more_than_its_open() {
    let host = TestHost::new().unwrap();
    let provider = Module::builder("provider").handle_message("voice", unheard);
    let _provider = host.connect(provider).await.unwrap();
    let caller = host.connect(Module::builder("caller")).await.unwrap();
    let context =
        InvocationContext::builder().source_module("caller").target(Target::Service("voice".into()));
    let mut recorded =
        Payload { context: context.capability("*").build().unwrap(), method: "shout", body: "" };
    for message in [
        recorded.encode().unwrap(),
        {
            recorded.context = InvocationContext::anonymous();
            recorded.encode().unwrap()
        },
        b"no message".to_vec(),
        Vec::new(),
    ] {
        let error = caller.client().service("voice").unary(message).await.unwrap_err();
        assert_eq!(error.code(), Some(StreamErrorCode::InvalidArgument), "{error}");
    }
}

#[tokio::test]
async fn a_call_within_is_a_child_and_the_fields_are_lifted() {
    let host = TestHost::new().unwrap();
    let inner = Module::builder("inner").handle_message(
        Service::new("inner").requires("a.b"),
        |context: CallContext, payload| async move {
            let said = &payload.context;
            assert_eq!(context.correlation_id(), said.correlation_id());
            assert_eq!(context.span_id(), said.span_id());
            assert_eq!(context.source_module(), "outer");
            assert_eq!(context.actor(), said.actor());
            assert_eq!(context.capabilities(), ["a.b"]);
            assert!(context.deadline_ms().is_some() && context.deadline_ms() == said.deadline_ms());
            assert_eq!(context.metadata().iter().map(|entry| &*entry.key).collect::<Vec<_>>(), ["k"]);
            Ok(context.correlation_id().to_vec())
        },
    );
    let _inner = host.connect(inner).await.unwrap();
    let (tell, told) = tokio::sync::oneshot::channel::<ixt::Client>();
    let told = tokio::sync::Mutex::new(Some(told));
    let told = std::sync::Arc::new(told);
    let outer = Module::builder("outer").handle_message("outer", move |context: CallContext, payload| {
        let told = std::sync::Arc::clone(&told);
        async move {
            let client = told.lock().await.take().unwrap().await.unwrap();
            let id = client.service("inner").message(payload.method, payload.body).await?;
            assert_eq!(id, context.correlation_id()[..]);
            Ok(id)
        }
    });
    let outer = host.connect(outer).await.unwrap();
    assert!(tell.send(outer.client()).is_ok());
    let caller = host.connect(Module::builder("caller")).await.unwrap();
    let call = caller.client().service("outer").capabilities(["a.b"]).metadata("k", "v");
    let id = call.timeout(Duration::from_secs(10)).message("any", "").await.unwrap();
    assert_eq!(id.len(), 16);
}

#[test]
fn what_is_decoded_borrows() {
    let bytes =
        Payload { context: InvocationContext::anonymous(), method: "m", body: b"body" }.encode().unwrap();
    let read = HandlePayloadRef::decode(&bytes).unwrap();
    assert!(bytes.as_ptr_range().contains(&read.body.as_ptr()));
}
