//! Lines to and from the driver.

use std::io::{BufRead, Write};

use serde_json::{Value, json};

use crate::Failure;

/// Prints a line.
pub(crate) fn line(value: &Value) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()?;
    Ok(())
}

/// A figure.
pub(crate) fn figure(name: &str, value: f64) -> Result<(), Failure> {
    line(&json!({ name: value }))
}

/// Says where it is, and waits until the driver has written a line.
pub(crate) async fn mark(name: &str) -> Result<(), Failure> {
    line(&json!({"mark": name}))?;
    go_on().await
}

/// Until the driver has written a line.
pub(crate) async fn go_on() -> Result<(), Failure> {
    let read =
        tokio::task::spawn_blocking(|| std::io::stdin().lock().read_line(&mut String::new())).await??;
    if read == 0 { Err("the driver is gone".into()) } else { Ok(()) }
}
