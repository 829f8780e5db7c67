//! Messages that are values.

use ixt::testing::TestHost;
use ixt::typed::{Json, Method};
use ixt::{CallError, InteractionKind, Module, StreamErrorCode};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Point {
    x: i32,
    y: i32,
}

const TURN: Method<Json<Point>, Json<Point>> = Method::new("turn");
const SUM: Method<Json<Point>, Json<i64>> = Method::new("sum").requires("maths");

#[tokio::test]
async fn values_go_there_and_back() {
    let host = TestHost::new().unwrap();
    let module = TURN
        .handle_unary(Module::builder("maths"), |_, Point { x, y }| async move { Ok(Point { x: -y, y: x }) });
    let kinds = [InteractionKind::ClientStream, InteractionKind::BidiStream];
    let module = SUM.handle(module, kinds, |_, call| async move {
        let mut sum = 0;
        while let Some(Point { x, y }) = call.recv().await? {
            sum += i64::from(x) + i64::from(y);
            if call.kind() == InteractionKind::BidiStream {
                call.send(&sum).await?;
            }
        }
        if call.kind() == InteractionKind::ClientStream { call.finish(&sum).await } else { Ok(()) }
    });
    let _maths = host.connect(module).await.unwrap();
    let caller = host.connect(Module::builder("caller")).await.unwrap();
    let client = caller.client();
    assert_eq!(TURN.call(&client).unary(&Point { x: 1, y: 2 }).await.unwrap(), Point { x: -2, y: 1 });

    let sum = || SUM.call(&client).with(|call| call.capabilities(["maths"]));
    let call = sum().client_stream().unwrap();
    for x in 0..100 {
        call.send(&Point { x, y: 1 }).await.unwrap();
    }
    call.close().unwrap();
    assert_eq!(call.recv_one().await.unwrap(), 4950 + 100);

    let call = sum().bidi_stream().unwrap();
    call.send(&Point { x: 3, y: 4 }).await.unwrap();
    assert_eq!(call.recv().await.unwrap(), Some(7));
    call.close().unwrap();
    assert_eq!(call.recv().await.unwrap(), None);

    let refused = SUM.call(&client).client_stream().unwrap().recv_one().await.unwrap_err();
    assert_eq!(refused.code(), Some(StreamErrorCode::PermissionDenied));
}

#[tokio::test]
async fn what_does_not_decode_is_named_and_goes_no_further() {
    let host = TestHost::new().unwrap();
    let unseen = |_, _| async { Err(CallError::failed(StreamErrorCode::Internal, "the handler saw it")) };
    let _maths = host.connect(TURN.handle_unary(Module::builder("maths"), unseen)).await.unwrap();
    let not = Module::builder("not").unary("sum", |_, _| async { Ok("seven") });
    let _not = host.connect(not).await.unwrap();
    let caller = host.connect(Module::builder("caller")).await.unwrap();
    let client = caller.client();
    match client.service("turn").unary(r#"{"x":1}"#).await {
        Err(CallError::Failed { code: StreamErrorCode::InvalidArgument, message, by_peer: true, .. }) => {
            assert!(message.contains("missing field `y`"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    match SUM.call(&client).unary(&Point { x: 0, y: 0 }).await {
        Err(CallError::Failed { code: StreamErrorCode::InvalidArgument, by_peer: false, .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[cfg(feature = "capnp")]
#[tokio::test]
async fn messages_of_capnp() {
    use capnp::message::TypedBuilder;
    use capnp::text_list::Owned as Words;
    use ixt::typed::{Capnp, Codec};

    const JOIN: Method<Capnp<Words>, Json<String>> = Method::new("join");
    let host = TestHost::new().unwrap();
    let module = JOIN.handle_unary(Module::builder("words"), |_, words| async move {
        let bad =
            |error: capnp::Error| CallError::failed(StreamErrorCode::InvalidArgument, error.to_string());
        let mut said = Vec::new();
        for word in words.get().map_err(bad)? {
            said.push(word.map_err(bad)?.to_string().map_err(|error| bad(error.into()))?);
        }
        Ok(said.join(" "))
    });
    let _words = host.connect(module).await.unwrap();
    let caller = host.connect(Module::builder("caller")).await.unwrap();
    let mut words = TypedBuilder::<Words>::new_default();
    let mut list = words.initn_root(2);
    list.set(0, "half");
    list.set(1, "close");
    assert_eq!(JOIN.call(&caller.client()).unary(&words).await.unwrap(), "half close");

    let mut bytes = Capnp::<Words>::encode(&words).unwrap().to_vec();
    assert!(Capnp::<Words>::decode(&bytes).is_ok());
    bytes.extend([0; 8]);
    assert!(Capnp::<Words>::decode(&bytes).is_err(), "something follows");
    assert!(Capnp::<Words>::decode(&bytes[..12]).is_err(), "cut off");
}
