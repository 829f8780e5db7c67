//! Calls between modules.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ixt::core::stream::CancelReason;
use ixt::host::Policy;
use ixt::testing::TestHost;
use ixt::{
    Call, CallContext, CallError, Interceptor, Module, Next, Service, StreamErrorCode, Subject, Target,
};

async fn echo(host: &TestHost) -> Module {
    let module = Module::builder("echo")
        .unary("echo", |_, payload| async { Ok(payload) })
        .service("all", |_, call: Arc<Call>| async move {
            while let Some(message) = call.recv().await? {
                call.send(message).await?;
            }
            Ok(())
        })
        .service("sum", |_, call: Arc<Call>| async move {
            let mut sum = 0u64;
            while let Some(message) = call.recv().await? {
                sum += u64::from(message[0]);
            }
            call.finish(sum.to_string()).await
        })
        .service("count", |_, call: Arc<Call>| async move {
            let until: u32 = String::from_utf8_lossy(&call.recv_one().await?).parse().unwrap();
            for number in 0..until {
                call.send(number.to_le_bytes()).await?;
            }
            Ok(())
        });
    host.connect(module).await.unwrap()
}

#[tokio::test]
async fn all_four_kinds() {
    let host = TestHost::new().unwrap();
    let _echo = echo(&host).await;
    let caller = host.connect(Module::builder("caller")).await.unwrap();
    let client = caller.client();
    for size in [0, 1, 64, 100_000, 1 << 20] {
        let payload = vec![7; size];
        assert_eq!(client.service("echo").unary(&payload).await.unwrap(), payload);
    }
    let sum = client.service("sum").client_stream().unwrap();
    for number in 0..200u8 {
        sum.send([number]).await.unwrap();
    }
    sum.close().unwrap();
    assert_eq!(sum.recv_one().await.unwrap(), "19900");
    assert_eq!(sum.recv().await.unwrap(), None);

    let count = client.service("count").server_stream("5000").unwrap();
    for number in 0..5000u32 {
        assert_eq!(count.recv().await.unwrap(), Some(number.to_le_bytes().to_vec().into()));
    }
    assert_eq!(count.recv().await.unwrap(), None);

    let both = client.service("all").bidi_stream().unwrap();
    for number in 0..1000u32 {
        both.send(number.to_le_bytes()).await.unwrap();
        assert_eq!(both.recv().await.unwrap(), Some(number.to_le_bytes().to_vec().into()));
    }
    both.close().unwrap();
    assert_eq!(both.recv().await.unwrap(), None);
    assert!(both.ended().await.unwrap().is_success());
    drop((sum, count, both));
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(host.streams().is_empty());
}

/// As a handler's own task may, beside the SDK, which waits for the end of every call that it answers.
#[tokio::test]
async fn several_tasks_wait_for_one_end() {
    let host = TestHost::new().unwrap();
    let _echo = echo(&host).await;
    let caller = host.connect(Module::builder("caller")).await.unwrap();
    let call = Arc::new(caller.client().service("all").bidi_stream().unwrap());
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let call = Arc::clone(&call);
            tokio::spawn(async move { (call.recv().await, call.ended().await) })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(20)).await;
    call.close().unwrap();
    for task in waiting {
        let (received, ended) = tokio::time::timeout(Duration::from_secs(5), task).await.unwrap().unwrap();
        assert_eq!(received, Ok(None));
        assert!(ended.unwrap().is_success());
    }
}

#[tokio::test]
async fn many_calls_at_once() {
    let host = TestHost::new().unwrap();
    let _echo = echo(&host).await;
    let caller = host.connect(Module::builder("caller")).await.unwrap();
    let calls = (0..500u32).map(|number| {
        let client = caller.client();
        tokio::spawn(async move {
            let answer = client.service("echo").unary(number.to_le_bytes()).await.unwrap();
            assert_eq!(answer, number.to_le_bytes()[..]);
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
}

#[tokio::test]
async fn what_a_handler_returns_is_what_the_caller_sees() {
    let host = TestHost::new().unwrap();
    let module = Module::builder("bad")
        .unary("refuses", |_, _| async {
            Err::<Vec<u8>, _>(CallError::Failed {
                code: StreamErrorCode::InvalidArgument,
                message: "no".into(),
                details: b"why".to_vec(),
                by_peer: false,
            })
        })
        .service("panics", |_, _| async { panic!("a secret") })
        .service("says-nothing", |_, _| async { Ok(()) });
    let _bad = host.connect(module).await.unwrap();
    let caller = host.connect(Module::builder("caller")).await.unwrap();
    let refused = caller.client().service("refuses").unary("").await.unwrap_err();
    let CallError::Failed { code, message, details, by_peer } = refused else { panic!("{refused:?}") };
    assert_eq!(
        (code, message.as_str(), &details[..], by_peer),
        (StreamErrorCode::InvalidArgument, "no", &b"why"[..], true)
    );
    let panicked = caller.client().service("panics").unary("").await.unwrap_err();
    assert_eq!(panicked.code(), Some(StreamErrorCode::Internal));
    assert!(!panicked.to_string().contains("secret"));
    // A unary handler that closes without its message leaves the call to be cancelled, never hanging.
    let silent =
        tokio::time::timeout(Duration::from_secs(5), caller.client().service("says-nothing").unary("")).await;
    assert!(silent.unwrap().is_err());
    for missing in ["nobody", ""] {
        let error = caller.client().service(missing).unary("").await.unwrap_err();
        assert_eq!(error.code(), Some(StreamErrorCode::NotFound), "{missing}");
    }
}

#[tokio::test]
async fn a_call_that_nobody_wants_stops_its_handler() {
    let stopped = Arc::new(AtomicUsize::new(0));
    let host = TestHost::new().unwrap();
    let seen = Arc::clone(&stopped);
    let module = Module::builder("slow").service("slow", move |_, call: Arc<Call>| {
        let seen = Arc::clone(&seen);
        async move {
            struct Stopped(Arc<AtomicUsize>);
            impl Drop for Stopped {
                fn drop(&mut self) {
                    self.0.fetch_add(1, Ordering::SeqCst);
                }
            }
            let _stopped = Stopped(seen);
            call.recv().await?;
            std::future::pending().await
        }
    });
    let _slow = host.connect(module).await.unwrap();
    let caller = host.connect(Module::builder("caller")).await.unwrap();
    let client = caller.client();
    // Dropped.
    let _ =
        tokio::time::timeout(Duration::from_millis(50), client.service("slow").unary("x")).await.unwrap_err();
    // Cancelled.
    let call = client.service("slow").bidi_stream().unwrap();
    call.send("x").await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    call.cancel(CancelReason::UserRequested, "enough");
    // Past its deadline.
    let late = client.service("slow").timeout(Duration::from_millis(30)).unary("x").await.unwrap_err();
    assert_eq!(late.code(), Some(StreamErrorCode::DeadlineExceeded));
    for _ in 0..100 {
        if stopped.load(Ordering::SeqCst) == 3 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} of 3 handlers were stopped", stopped.load(Ordering::SeqCst));
}

#[tokio::test]
async fn calls_made_in_a_handler_are_its_children() {
    let host = TestHost::new().unwrap();
    let seen = Arc::new(Mutex::new(Vec::<CallContext>::new()));
    let noted = Arc::clone(&seen);
    let store = Module::builder("store").unary(
        Service::new("store").requires("disk.read"),
        move |context, payload| {
            noted.lock().unwrap().push(context);
            async { Ok(payload) }
        },
    );
    let _store = host.connect(store).await.unwrap();
    let client = Arc::new(std::sync::OnceLock::<ixt::Client>::new());
    let inner = Arc::clone(&client);
    let noted = Arc::clone(&seen);
    let media = Module::builder("media").unary("thumbs", move |context, payload| {
        noted.lock().unwrap().push(context);
        let client = inner.get().unwrap().clone();
        async move { client.service("store").timeout(Duration::from_secs(60)).unary(payload).await }
    });
    let media = host.connect(media).await.unwrap();
    client.set(media.client()).unwrap();
    let gateway = host.connect(Module::builder("gateway")).await.unwrap();
    let call = gateway
        .client()
        .service("thumbs")
        .subject(Subject::Operator("alice".into()))
        .capabilities(["disk.*"])
        .metadata("tenant", "acme")
        .timeout(Duration::from_secs(5));
    assert_eq!(call.unary("x").await.unwrap(), "x");
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    let [parent, child] = &seen[..] else { panic!() };
    assert_eq!(child.correlation_id(), parent.correlation_id());
    assert_eq!(child.invocation().parent_span_id(), parent.span_id());
    assert_ne!(child.span_id(), parent.span_id());
    assert_eq!((parent.source_module(), child.source_module()), ("gateway", "media"));
    assert_eq!(child.actor().subject(), Subject::Operator("alice"));
    assert_eq!((child.capabilities(), child.deadline_ms()), (parent.capabilities(), parent.deadline_ms()));
    assert_eq!(child.metadata()[0].value, "acme");
    assert!(child.remaining().unwrap() <= Duration::from_secs(5));
    // Without the capability the host refuses it.
    let refused = gateway.client().service("store").unary("x").await.unwrap_err();
    assert_eq!(refused.code(), Some(StreamErrorCode::PermissionDenied));
}

struct Counts(Arc<Mutex<Vec<String>>>, &'static str);

impl Interceptor for Counts {
    fn around<'a>(
        &'a self,
        context: &'a CallContext,
        next: Next<'a>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<(), CallError>> + Send + 'a>> {
        Box::pin(async move {
            self.0.lock().unwrap().push(format!("{} before", self.1));
            if context.source_module() == "banned" {
                return Err(CallError::failed(StreamErrorCode::PermissionDenied, "banned"));
            }
            let done = next.run().await;
            self.0.lock().unwrap().push(format!("{} after, {}", self.1, done.is_ok()));
            done
        })
    }
}

#[tokio::test]
async fn interceptors_stand_around_a_call_in_their_order() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let host = TestHost::new().unwrap();
    let module = Module::builder("echo")
        .unary("echo", |_, payload| async { Ok(payload) })
        .interceptor(Counts(Arc::clone(&log), "outer"))
        .interceptor(Counts(Arc::clone(&log), "inner"));
    let _echo = host.connect(module).await.unwrap();
    let caller = host.connect(Module::builder("caller")).await.unwrap();
    caller.client().service("echo").unary("x").await.unwrap();
    assert_eq!(
        *log.lock().unwrap(),
        ["outer before", "inner before", "inner after, true", "outer after, true"]
    );
    let banned = host.connect(Module::builder("banned")).await.unwrap();
    let refused = banned.client().service("echo").unary("x").await.unwrap_err();
    assert_eq!(refused.code(), Some(StreamErrorCode::PermissionDenied));
}

#[tokio::test]
async fn broadcasts_and_calls_by_name() {
    let heard = Arc::new(AtomicUsize::new(0));
    let host = TestHost::new().unwrap();
    let mut listeners = Vec::new();
    for number in 0..3 {
        let heard = Arc::clone(&heard);
        let module = Module::builder(format!("listener-{number}"))
            .topic("news", move |context, message| {
                assert_eq!((context.source_module(), &message[..]), ("caller", &b"extra"[..]));
                heard.fetch_add(1, Ordering::SeqCst);
                async { Ok(()) }
            })
            .other(|context, call: Arc<Call>| async move {
                assert!(matches!(context.target(), Target::Module(_)));
                call.finish(call.recv_one().await?).await
            });
        listeners.push(host.connect(module).await.unwrap());
    }
    let caller = host.connect(Module::builder("caller")).await.unwrap();
    caller.client().broadcast("news", "extra").await.unwrap();
    let by_name = caller.client().target(Target::Module("listener-1".into()));
    assert_eq!(by_name.unary("you").await.unwrap(), "you");
    for _ in 0..100 {
        if heard.load(Ordering::SeqCst) == 3 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} heard it", heard.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_policy_refuses_modules_by_name() {
    let policy = Policy::from_toml("[module.known]\nuid = 7\nprovide = [\"known\"]\n").unwrap();
    let host = TestHost::with_policy(policy).unwrap();
    let refused = host.connect_as(Module::builder("unknown"), Some(7)).await.unwrap_err();
    assert!(refused.to_string().contains("may not connect") && !refused.is_retryable(), "{refused}");
    host.connect_as(Module::builder("known"), Some(7)).await.unwrap();
    let other_user = host.connect_as(Module::builder("known"), Some(8)).await.unwrap_err();
    assert!(other_user.to_string().contains("another user"), "{other_user}");
}

#[tokio::test]
async fn many_messages_in_one_call() {
    let host = TestHost::new().unwrap();
    let back = Module::builder("back").service("back", |_, call: Arc<Call>| async move {
        let mut messages = Vec::new();
        while call.recv_many(&mut messages).await? > 0 {
            call.send_many(&messages).await?;
            messages.clear();
        }
        Ok(())
    });
    let _back = host.connect(back).await.unwrap();
    let caller = host.connect(Module::builder("caller")).await.unwrap();
    let call = Arc::new(caller.client().service("back").bidi_stream().unwrap());
    // Many windows of 64, of all lengths, empty ones among them.
    let sent: Vec<Vec<u8>> = (0..5000).map(|number: usize| vec![number as u8; number % 300]).collect();
    let (sender, payloads) = (Arc::clone(&call), sent.clone());
    let sending = tokio::spawn(async move {
        sender.send_many(&payloads[..3000]).await?;
        sender.send_many::<&[u8]>(&[]).await?;
        sender.send_many(&payloads[3000..]).await?;
        sender.close()
    });
    let mut got = vec![ixt::Bytes::from_static(b"kept")];
    assert_eq!(call.recv().await.unwrap().unwrap(), sent[0]);
    while call.recv_many(&mut got).await.unwrap() > 0 {}
    sending.await.unwrap().unwrap();
    assert_eq!(got[0], "kept");
    assert_eq!(got[1..], sent[1..]);
    assert_eq!(call.recv_many(&mut got).await.unwrap(), 0);
}

#[tokio::test]
async fn what_cannot_be_sent_stops_the_many_behind_it() {
    let host = TestHost::new().unwrap();
    let _echo = echo(&host).await;
    let caller = host.connect(Module::builder("caller")).await.unwrap();
    let call = caller.client().service("all").bidi_stream().unwrap();
    let too_large = vec![0; (1 << 20) + 1];
    let refused = call.send_many(&[b"a".to_vec(), too_large, b"b".to_vec()]).await.unwrap_err();
    assert!(
        matches!(&refused, CallError::Refused(error) if error.kind() == ixt::ErrorKind::FrameTooLarge),
        "{refused}"
    );
    call.close().unwrap();
    assert_eq!(call.recv().await.unwrap().unwrap(), "a");
    assert_eq!(call.recv().await.unwrap(), None);
}
