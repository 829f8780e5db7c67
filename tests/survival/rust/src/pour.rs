//! Much data through a small window.

use std::fmt;
use std::time::Duration;

use ixt::{CallError, Client};
use serde_json::{Value, json};

/// The running sum of messages: how many, and the CRC-32 of all their bytes.
#[derive(Default)]
pub(crate) struct Sum {
    count: u64,
    crc: crc32fast::Hasher,
}

impl Sum {
    pub(crate) fn add(&mut self, message: &[u8]) {
        self.count += 1;
        self.crc.update(message);
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:08x}", self.count, self.crc.clone().finalize())
    }
}

/// Its number in eight bytes, little-endian, and zeros.
pub(crate) fn message(index: u64, size: u64) -> Vec<u8> {
    let mut message = index.to_le_bytes().to_vec();
    message.resize(size as usize, 0);
    message
}

/// Sends into the provider's `sink`, whose reader is told to sleep first.
pub(crate) async fn pour(
    client: &Client,
    provider: &str,
    count: u64,
    size: u64,
    sleep_ms: &str,
) -> Result<Value, CallError> {
    let call = client.service(format!("{provider}.sink")).client_stream()?;
    call.send(sleep_ms).await?;
    let mut sum = Sum::default();
    for index in 0..count {
        let message = message(index, size);
        sum.add(&message);
        call.send(message).await?;
    }
    call.close()?;
    let answer = call.recv_one().await?;
    Ok(json!({"sent": sum.to_string(), "received": String::from_utf8_lossy(&answer)}))
}

/// Reads the provider's `source`, after a sleep.
pub(crate) async fn draw(
    client: &Client,
    provider: &str,
    count: &str,
    size: &str,
    sleep_ms: u64,
) -> Result<Value, CallError> {
    let call = client.service(format!("{provider}.source")).server_stream(format!("{count} {size}"))?;
    tokio::time::sleep(Duration::from_millis(sleep_ms)).await;
    let mut sum = Sum::default();
    while let Some(message) = call.recv().await? {
        sum.add(&message);
    }
    Ok(json!({"received": sum.to_string()}))
}
