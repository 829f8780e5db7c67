//! The transports.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use ixt::core::connection::Config;
use ixt::core::stream::FrameBody;
use ixt::{Client, ClientTls, Host, Module, ModuleBuilder, ServerTls, StreamErrorCode, StreamFrame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

async fn round_trip(url: &str, dress: impl Fn(ModuleBuilder) -> ModuleBuilder) {
    let echo = Module::builder("echo").unary("echo", |_, payload| async { Ok(payload) });
    let _echo = dress(echo).connect(url).await.unwrap();
    let caller = dress(Module::builder("caller")).connect(url).await.unwrap();
    let payload = vec![5; 300_000];
    assert_eq!(caller.client().service("echo").unary(&payload).await.unwrap(), payload);
}

#[tokio::test]
async fn a_unix_socket_is_for_its_user_alone_and_goes_with_its_host() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("host.sock");
    let url = format!("unix://{}", path.display());
    let host = Host::builder().bind(&url).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left there");
    let taken = Host::builder().bind(&url).await.unwrap_err();
    assert!(taken.to_string().contains("already"), "{taken}");
    let handle = host.handle();
    let served = tokio::spawn(host.serve());
    round_trip(&url, |module| module).await;
    handle.stop(Duration::ZERO).await;
    served.await.unwrap();
    assert!(!path.exists());
    // A socket that a dead host left behind is replaced.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let _host = Host::builder().bind(&url).await.unwrap();
}

/// It reads why, and does not hang up: the host does, and keeps no descriptor for it.
#[tokio::test]
async fn a_peer_that_is_dropped_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("host.sock");
    let mut settings = ixt::host::Settings::default();
    (settings.connection.idle_ms, settings.connection.keepalive_ms) = (100, 0);
    let builder = Host::builder().settings(settings);
    let host = builder.bind(&format!("unix://{}", path.display())).await.unwrap();
    tokio::spawn(host.serve());
    let mut silent = UnixStream::connect(&path).await.unwrap();
    let mut said = Vec::new();
    silent.read_to_end(&mut said).await.unwrap();
    assert!(said.windows(10).any(|part| part == b"was silent"), "it says why");
    let hung_up = async {
        while silent.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), hung_up).await.unwrap();
}

#[tokio::test]
async fn two_processes_without_a_host() {
    let echo = Module::builder("echo").unary("echo", |_, payload| async { Ok(payload) });
    let listening = echo.listen("tcp://127.0.0.1:0", None).await.unwrap();
    let url = listening.address().unwrap().to_string();
    tokio::spawn(listening.serve());
    let client = Client::direct("caller", &url, Config::default(), None).await.unwrap();
    assert_eq!(client.service("echo").unary("x").await.unwrap(), "x");
    let missing = client.service("other").unary("x").await.unwrap_err();
    assert_eq!(missing.code(), Some(StreamErrorCode::NotFound));
}

#[tokio::test]
async fn tcp() {
    let host = Host::builder().bind("tcp://127.0.0.1:0").await.unwrap();
    let url = host.address().unwrap().to_string();
    tokio::spawn(host.serve());
    round_trip(&url, |module| module).await;
}

/// One that takes the connection and says nothing: TCP itself has nothing to complain of.
#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_made_in_time_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&roots, made.cert.pem()).unwrap();
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("tls://{}", silent.local_addr().unwrap());
    let module = Module::builder("late").tls(ClientTls::from_file(&roots).unwrap());
    let given_up = tokio::time::timeout(Duration::from_secs(60), module.connect(&url)).await.unwrap();
    assert!(given_up.unwrap_err().is_retryable());
}

#[tokio::test]
async fn tls_with_a_certificate_that_is_trusted_and_one_that_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = write("cert.pem", made.cert.pem());
    let key = write("key.pem", made.signing_key.serialize_pem());
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let untrusted = write("other.pem", other.cert.pem());

    let tls = ServerTls::from_files(&certificate, &key).unwrap();
    let host = Host::builder().tls(tls).bind("tls://127.0.0.1:0").await.unwrap();
    let url = host.address().unwrap().to_string();
    tokio::spawn(host.serve());
    let trusted = ClientTls::from_file(&certificate).unwrap();
    round_trip(&url, |module| module.tls(trusted.clone())).await;

    let stranger = ClientTls::from_file(&untrusted).unwrap();
    assert!(Module::builder("x").tls(stranger).connect(&url).await.is_err());
    let without = Module::builder("x").connect(&url).await.unwrap_err();
    assert!(without.to_string().contains("trusted"), "{without}");
    assert!(ServerTls::from_files(&key, &key).is_err());
    assert!(ClientTls::from_file(&key).is_err());
}

/// Specification 25, section 7.
#[tokio::test]
async fn a_host_tells_of_itself_to_who_may_ask() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("unix://{}", folder.path().join("host.sock").display());
    tokio::spawn(Host::builder().bind(&url).await.unwrap().serve());
    let echo = Module::builder("echo").unary("echo", |_, payload| async { Ok(payload) });
    let _echo = echo.connect_patiently(&url).await.unwrap();
    let caller = Module::builder("caller").connect(&url).await.unwrap();
    let ask = |request: &'static str| {
        caller.client().service("ixt.admin").capabilities(["ixt.admin"]).server_stream(request).unwrap()
    };
    let modules = ask(r#"{"list":"modules"}"#);
    let mut names = Vec::new();
    while let Some(line) = modules.recv().await.unwrap() {
        names.push(serde_json::from_slice::<serde_json::Value>(&line).unwrap()["name"].clone());
    }
    assert_eq!(names, ["caller", "echo", "ixt.admin"]);

    let tap = ask(r#"{"tap":{"target":"service:echo"}}"#);
    assert_eq!(tap.recv().await.unwrap().unwrap(), "", "copying has begun");
    caller.client().service("echo").unary("copied").await.unwrap();
    let mut kinds = Vec::new();
    while kinds.len() < 5 {
        let frame = StreamFrame::decode(&tap.recv().await.unwrap().unwrap()).unwrap();
        kinds.push(match frame.body {
            FrameBody::Open(_) => "open",
            FrameBody::Data(data) if data.payload == b"copied" => "data",
            FrameBody::Close(_) => "close",
            _ => "another",
        });
    }
    assert_eq!(kinds, ["open", "data", "close", "data", "close"]);
    tap.cancel(ixt::CancelReason::UserRequested, "");

    let bad = ask(r#"{"list":"secrets"}"#).recv().await.unwrap_err();
    assert_eq!(bad.code(), Some(StreamErrorCode::InvalidArgument));
    let may_not = caller.client().service("ixt.admin").server_stream(r#"{"list":"modules"}"#).unwrap();
    assert_eq!(may_not.recv().await.unwrap_err().code(), Some(StreamErrorCode::PermissionDenied));
}
