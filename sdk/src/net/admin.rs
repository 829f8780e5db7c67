//! The host's own module: what it tells of itself, to callers with the capability `ixt.admin`.
//!
//! Specification 25, section 7.

use std::sync::{Arc, Weak};
use std::time::Duration;

use ixt_core::stream::{InteractionKind, StreamErrorCode};
use ixt_host::{ModuleInfo, StreamInfo, TapFilter, TapId};
use serde::Deserialize;
use serde_json::json;

use super::hosting::Hosting;
use super::{Call, CallError, Module, ModuleBuilder, Service};

/// The service, the module and the capability have one name.
pub(crate) const NAME: &str = "ixt.admin";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
enum Request {
    List(What),
    Tap { module: Option<String>, target: Option<String> },
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum What {
    Modules,
    Streams,
}

/// How long a tap that has nothing waits before it looks again.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) fn module(host: Weak<Hosting>) -> ModuleBuilder {
    let service = Service::new(NAME).kinds([InteractionKind::ServerStream]).requires(NAME);
    Module::builder(NAME).service(service, move |_, call| answer(host.clone(), call))
}

async fn answer(host: Weak<Hosting>, call: Arc<Call>) -> Result<(), CallError> {
    let request = call.recv_one().await?;
    let request: Request = serde_json::from_slice(&request)
        .map_err(|error| CallError::failed(StreamErrorCode::InvalidArgument, error.to_string()))?;
    let gone = || CallError::failed(StreamErrorCode::Unavailable, "the host stops");
    match request {
        Request::List(what) => {
            let lines: Vec<String> = {
                let host = host.upgrade().ok_or_else(gone)?;
                host.look(|host| match what {
                    What::Modules => host.modules().iter().map(ModuleInfo::to_json).collect(),
                    What::Streams => host.streams().iter().map(stream_line).collect(),
                })
            };
            for line in lines {
                call.send(line).await?;
            }
            Ok(())
        }
        Request::Tap { module, target } => {
            let filter = TapFilter { module, target };
            let id = host.upgrade().ok_or_else(gone)?.look(|host| host.open_tap(filter));
            let _closes = Closes { host: host.clone(), id };
            // What begins after this is copied from its open on.
            call.send([]).await?;
            loop {
                let found =
                    host.upgrade().ok_or_else(gone)?.look(|host| host.poll_tap(id).ok_or(host.missed(id)));
                match found {
                    Ok(frame) => call.send(frame).await?,
                    Err(0) => tokio::time::sleep(LOOK).await,
                    Err(missed) => {
                        let message =
                            format!("{missed} frames were not copied: the capture is read too slowly");
                        return Err(CallError::failed(StreamErrorCode::ResourceExhausted, message));
                    }
                }
            }
        }
    }
}

/// A tap ends with its call.
struct Closes {
    host: Weak<Hosting>,
    id: TapId,
}

impl Drop for Closes {
    fn drop(&mut self) {
        if let Some(host) = self.host.upgrade() {
            host.look(|host| host.close_tap(self.id));
        }
    }
}

fn stream_line(stream: &StreamInfo) -> String {
    let line = json!({
        "id": stream.id.to_string(),
        "kind": stream.kind.to_string(),
        "caller": stream.modules.first(),
        "provider": stream.modules.last(),
        "target": stream.target,
        "credit": stream.credit,
        "waiting": stream.waiting,
        "passed": stream.passed,
        "age_us": stream.age_us,
        "blocked_us": stream.blocked_us,
    });
    line.to_string()
}
