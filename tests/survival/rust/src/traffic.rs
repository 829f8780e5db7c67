//! Calls of all kinds, one after the other, by two workers for each kind.

use std::sync::Arc;
use std::time::Duration;

use ixt::{CallError, Client};

use crate::tally::Tally;

/// How long a worker waits after a call that did not end well.
const PAUSE: Duration = Duration::from_millis(10);

/// Begins to call these services of the provider.
pub(crate) fn begin(client: &Client, provider: &str, services: &str, tally: &Arc<Tally>) {
    let round = tally.begin();
    for service in services.split(',') {
        for worker in 0..2 {
            let (client, tally) = (client.clone(), Arc::clone(tally));
            let (service, provider) = (service.to_owned(), provider.to_owned());
            tokio::spawn(async move {
                let mut turn = worker;
                while tally.runs(round) {
                    tally.calls();
                    let result = call(&client, &provider, &service, turn, &tally).await;
                    tally.called(&service, &result);
                    if result.is_err() {
                        tokio::time::sleep(PAUSE).await;
                    }
                    turn += 2;
                }
            });
        }
    }
}

async fn call(
    client: &Client,
    provider: &str,
    service: &str,
    turn: usize,
    tally: &Tally,
) -> Result<(), CallError> {
    let right = match service {
        "upper" => upper(client, provider, turn).await?,
        "count" => count(client, provider, turn).await?,
        "sum" => sum(client, provider, turn).await?,
        _ => echo(client, provider, turn).await?,
    };
    if !right {
        tally.wrong(format!("{provider}.{service} answers turn {turn} with something else"));
    }
    Ok(())
}

async fn upper(client: &Client, provider: &str, turn: usize) -> Result<bool, CallError> {
    let size = turn * 7919 % 30_000;
    let answer = client.service(format!("{provider}.upper")).unary(vec![b'a'; size]).await?;
    Ok(answer == vec![b'A'; size])
}

async fn count(client: &Client, provider: &str, turn: usize) -> Result<bool, CallError> {
    let until = 1 + turn * 613 % 3000;
    let call = client.service(format!("{provider}.count")).server_stream(until.to_string())?;
    let mut right = true;
    let mut next = 0usize;
    while let Some(message) = call.recv().await? {
        right &= message == next.to_string().as_bytes();
        next += 1;
    }
    Ok(right && next == until)
}

async fn sum(client: &Client, provider: &str, turn: usize) -> Result<bool, CallError> {
    let count = 1 + turn * 37 % 500;
    let call = client.service(format!("{provider}.sum")).client_stream()?;
    for _ in 0..count {
        call.send([7; 100]).await?;
    }
    call.close()?;
    Ok(call.recv_one().await? == format!("{count}:{}", count * 100).as_bytes())
}

/// Sends and reads at once.
async fn echo(client: &Client, provider: &str, turn: usize) -> Result<bool, CallError> {
    let count = 1 + turn * 101 % 2000;
    let call = client.service(format!("{provider}.echo")).bidi_stream()?;
    let send = async {
        for number in 0..count {
            call.send(number.to_string()).await?;
        }
        call.close()
    };
    let receive = async {
        let mut right = true;
        let mut next = 0usize;
        while let Some(message) = call.recv().await? {
            right &= message == next.to_string().as_bytes();
            next += 1;
        }
        Ok::<_, CallError>(right && next == count)
    };
    // What the reader hears says more than that the sender could not go on.
    let (sent, received) = tokio::join!(send, receive);
    let right = received?;
    sent?;
    Ok(right)
}
