//! `ixt call`.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ixt::{Call, CallError, ClientTls, Module, Subject};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use crate::args::{self, At, Kind};

/// Connects as a module that provides nothing.
pub(crate) async fn connect(at: &At) -> io::Result<Module> {
    let name = at.module.clone().unwrap_or_else(|| format!("cli-{}", std::process::id()));
    let mut builder = Module::builder(name);
    if let Some(file) = &at.token_file {
        let token =
            std::fs::read(file).map_err(|error| io::Error::other(format!("{}: {error}", file.display())))?;
        builder = builder.token(token.trim_ascii_end());
    }
    if let Some(roots) = &at.tls_roots {
        builder = builder.tls(ClientTls::from_file(roots).map_err(io::Error::other)?);
    }
    builder.connect(&at.host).await.map_err(io::Error::other)
}

pub(crate) async fn run(options: &args::Call) -> io::Result<bool> {
    let module = connect(&options.at).await?;
    let client = module.client();
    let mut call = client.service(&options.service).capabilities(&options.capability);
    for (key, value) in &options.metadata {
        call = call.metadata(key, value);
    }
    if let Some(operator) = &options.operator {
        call = call.subject(Subject::Operator(operator.clone()));
    }
    if let Some(seconds) = options.timeout {
        let timeout = Duration::try_from_secs_f64(seconds).map_err(io::Error::other)?;
        call = call.timeout(timeout);
    }
    let one = matches!(options.kind, Kind::Unary | Kind::Server);
    let done = if one {
        let message = message(options).await?;
        if options.kind == Kind::Unary {
            match call.unary(&message).await {
                Ok(answer) => write(&answer, options.lines).await.map(|()| Ok(())),
                Err(error) => Ok(Err(error)),
            }
        } else {
            match call.server_stream(&message) {
                Ok(call) => read(&call, options.lines).await,
                Err(error) => Ok(Err(error)),
            }
        }
    } else {
        let opened = if options.kind == Kind::Client { call.client_stream() } else { call.bidi_stream() };
        match opened {
            Ok(call) => both(Arc::new(call), options).await,
            Err(error) => Ok(Err(error)),
        }
    }?;
    match done {
        Ok(()) => Ok(true),
        Err(error) => Err(io::Error::other(error)),
    }
}

/// Sends what comes in and writes what comes back, at the same time.
async fn both(call: Arc<Call>, options: &args::Call) -> io::Result<Result<(), CallError>> {
    let sending = async {
        if let Some(data) = &options.data {
            if let Err(error) = call.send(data).await {
                return Ok(Err(error));
            }
        } else {
            let mut input = BufReader::new(tokio::io::stdin());
            let mut message = Vec::new();
            while next(&mut input, &mut message, options.lines).await? {
                if let Err(error) = call.send(&message).await {
                    return Ok(Err(error));
                }
            }
        }
        Ok::<_, io::Error>(call.close())
    };
    let (sent, read) = tokio::try_join!(sending, read(&call, options.lines))?;
    // How the stream ended says more than that sending stopped.
    Ok(read.and(sent.or_else(|error| {
        if call.outcome().is_some_and(|end| end.is_success()) { Ok(()) } else { Err(error) }
    })))
}

/// The next message of the input: a line, or up to 64 KiB.
async fn next(
    input: &mut (impl AsyncBufReadExt + Unpin),
    message: &mut Vec<u8>,
    lines: bool,
) -> io::Result<bool> {
    message.clear();
    if lines {
        let count = input.read_until(b'\n', message).await?;
        if message.last() == Some(&b'\n') {
            message.pop();
        }
        return Ok(count > 0);
    }
    message.resize(64 << 10, 0);
    let count = input.read(message).await?;
    message.truncate(count);
    Ok(count > 0)
}

async fn message(options: &args::Call) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    match &options.data {
        Some(data) => message.extend_from_slice(data.as_bytes()),
        None => {
            tokio::io::stdin().read_to_end(&mut message).await?;
        }
    }
    Ok(message)
}

async fn read(call: &Call, lines: bool) -> io::Result<Result<(), CallError>> {
    loop {
        match call.recv().await {
            Ok(Some(message)) => write(&message, lines).await?,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        }
    }
}

async fn write(message: &[u8], lines: bool) -> io::Result<()> {
    let mut output = tokio::io::stdout();
    output.write_all(message).await?;
    if lines {
        output.write_all(b"\n").await?;
    }
    output.flush().await
}
