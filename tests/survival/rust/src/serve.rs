//! What the program provides.

use std::sync::Arc;
use std::time::Duration;

use ixt::{Call, CallError, InteractionKind, ModuleBuilder, Service, StreamErrorCode};

use crate::pour::{Sum, message};
use crate::tally::Tally;

/// Adds the services; how each stream ends is counted apart from its handler, which is dropped where it fails.
pub(crate) fn services(module: ModuleBuilder, name: &str, tally: &Arc<Tally>) -> ModuleBuilder {
    let module = add(module, name, "upper", InteractionKind::Unary, tally, |call| async move {
        let message = call.recv_one().await?;
        call.finish(message.to_ascii_uppercase()).await
    });
    let module = add(module, name, "count", InteractionKind::ServerStream, tally, |call| async move {
        let [until] = numbers(&call.recv_one().await?)?;
        for number in 0..until {
            call.send(number.to_string()).await?;
        }
        call.close()
    });
    let module = add(module, name, "sum", InteractionKind::ClientStream, tally, |call| async move {
        let (mut count, mut bytes) = (0, 0);
        while let Some(message) = call.recv().await? {
            count += 1;
            bytes += message.len();
        }
        call.finish(format!("{count}:{bytes}")).await
    });
    let module = add(module, name, "echo", InteractionKind::BidiStream, tally, |call| async move {
        while let Some(message) = call.recv().await? {
            call.send(message).await?;
        }
        call.close()
    });
    let module = add(module, name, "sink", InteractionKind::ClientStream, tally, |call| async move {
        let [sleep_ms] = numbers(&call.recv_one().await?)?;
        tokio::time::sleep(Duration::from_millis(sleep_ms)).await;
        let mut sum = Sum::default();
        while let Some(message) = call.recv().await? {
            sum.add(&message);
        }
        call.finish(sum.to_string()).await
    });
    add(module, name, "source", InteractionKind::ServerStream, tally, |call| async move {
        let [count, size] = numbers(&call.recv_one().await?)?;
        for index in 0..count {
            call.send(message(index, size)).await?;
        }
        call.close()
    })
}

fn add<F>(
    module: ModuleBuilder,
    name: &str,
    service: &'static str,
    kind: InteractionKind,
    tally: &Arc<Tally>,
    handler: fn(Arc<Call>) -> F,
) -> ModuleBuilder
where
    F: Future<Output = Result<(), CallError>> + Send + 'static,
{
    let tally = Arc::clone(tally);
    let offer = Service::new(format!("{name}.{service}")).kinds([kind]);
    module.service(offer, move |_, call: Arc<Call>| {
        tally.answers();
        let (tally, ending) = (Arc::clone(&tally), Arc::clone(&call));
        tokio::spawn(async move {
            let outcome = ending.ended().await;
            tally.answered(service, outcome.as_ref());
        });
        handler(call)
    })
}

/// The numbers of a message, with spaces between.
fn numbers<const N: usize>(message: &[u8]) -> Result<[u64; N], CallError> {
    let text = String::from_utf8_lossy(message);
    let numbers: Option<Vec<u64>> = text.split(' ').map(|number| number.parse().ok()).collect();
    numbers
        .and_then(|numbers| numbers.try_into().ok())
        .ok_or_else(|| CallError::failed(StreamErrorCode::InvalidArgument, "not the numbers that are needed"))
}
