//! `ixt modules`, `ixt streams`, `ixt tap`: what a host tells of itself.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use ixt::Call;
use serde_json::{Value, json};

use crate::args::{At, Streams, Tap};
use crate::call::connect;
use crate::style::{ERROR, FAINT, FIELD, KIND};

/// The service and the capability of what a host tells of itself.
const ADMIN: &str = "ixt.admin";

fn ask(client: &ixt::Client, request: &Value) -> io::Result<Call> {
    client.service(ADMIN).capabilities([ADMIN]).server_stream(request.to_string()).map_err(io::Error::other)
}

async fn list(client: &ixt::Client, what: &str) -> io::Result<Vec<Value>> {
    let call = ask(client, &json!({"list": what}))?;
    let mut lines = Vec::new();
    while let Some(line) = call.recv().await.map_err(io::Error::other)? {
        lines.push(serde_json::from_slice(&line)?);
    }
    Ok(lines)
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) async fn modules(at: &At) -> io::Result<bool> {
    let module = connect(at).await?;
    let mut out = anstream::stdout().lock();
    for module in list(&module.client(), "modules").await? {
        let busy = module.get("busy").and_then(Value::as_u64).unwrap_or(0);
        writeln!(out, "{KIND}{}{KIND:#}  {FAINT}answering {busy}{FAINT:#}", text(&module, "name"))?;
        for service in module.get("services").and_then(Value::as_array).into_iter().flatten() {
            let kinds: Vec<&str> = service
                .get("kinds")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let kinds = if kinds.is_empty() { "every kind".to_owned() } else { kinds.join(", ") };
            let requires = match text(service, "requires") {
                "" => String::new(),
                capability => format!(", needs {capability}"),
            };
            writeln!(out, "  {FIELD}{}{FIELD:#}  {FAINT}{kinds}{requires}{FAINT:#}", text(service, "name"))?;
        }
        for topic in
            module.get("topics").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
        {
            writeln!(out, "  {FIELD}{topic}{FIELD:#}  {FAINT}broadcast{FAINT:#}")?;
        }
    }
    Ok(true)
}

pub(crate) async fn streams(options: &Streams) -> io::Result<bool> {
    let module = connect(&options.at).await?;
    let client = module.client();
    let mut before = HashMap::new();
    let mut asked = Instant::now();
    loop {
        // The one that asks is not among those that are asked for.
        let streams: Vec<Value> = list(&client, "streams")
            .await?
            .into_iter()
            .filter(|stream| text(stream, "target") != "service:ixt.admin")
            .collect();
        let elapsed = std::mem::replace(&mut asked, Instant::now()).elapsed().as_secs_f64();
        let mut page = Vec::new();
        for stream in &streams {
            if options.json {
                writeln!(page, "{stream}")?;
            } else {
                line(&mut page, stream, &mut before, elapsed)?;
            }
        }
        let mut out = anstream::stdout().lock();
        if options.watch.is_some() && !options.json && io::stdout().is_terminal() {
            // The cursor home, and all behind it gone.
            write!(out, "\x1b[H\x1b[J")?;
        }
        if !options.json {
            writeln!(out, "{FAINT}{HEAD}{FAINT:#}")?;
        }
        out.write_all(&page)?;
        out.flush()?;
        drop(out);
        let Some(seconds) = options.watch else { return Ok(true) };
        let wait = Duration::try_from_secs_f64(seconds).map_err(io::Error::other)?;
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            done = tokio::signal::ctrl_c() => return done.map(|()| true),
        }
    }
}

const HEAD: &str = "stream                            kind          route                                    credit    waiting   blocked      messages/s";

/// One stream: what each side may send, what waits, and how quickly it goes, caller and provider.
fn line(
    page: &mut impl Write,
    stream: &Value,
    before: &mut HashMap<String, [u64; 2]>,
    elapsed: f64,
) -> io::Result<()> {
    let pair = |key: &str| -> [u64; 2] {
        let at =
            |index| stream.get(key).and_then(|pair| pair.get(index)).and_then(Value::as_u64).unwrap_or(0);
        [at(0), at(1)]
    };
    let id = text(stream, "id").to_owned();
    let passed = pair("passed");
    let rates = match before.insert(id.clone(), passed) {
        Some(last) => {
            let rate = |now: u64, then: u64| (now.saturating_sub(then) as f64 / elapsed.max(1e-6)).round();
            format!("{}/{}", rate(passed[0], last[0]), rate(passed[1], last[1]))
        }
        None => String::new(),
    };
    let blocked: Vec<String> = (0..2)
        .map(|index| {
            match stream.get("blocked_us").and_then(|pair| pair.get(index)).and_then(Value::as_u64) {
                Some(us) => format!("{:.1}s", us as f64 / 1e6),
                None => "-".to_owned(),
            }
        })
        .collect();
    let route =
        format!("{} → {} ({})", text(stream, "caller"), text(stream, "provider"), text(stream, "target"));
    let slash = |[caller, provider]: [u64; 2]| format!("{caller}/{provider}");
    let stalls = blocked.iter().any(|side| side != "-");
    let style = if stalls { ERROR } else { FIELD };
    writeln!(
        page,
        "{FAINT}{id}{FAINT:#}  {KIND}{:<12}{KIND:#}  {route:<40} {:<9} {:<9} {style}{:<12}{style:#} {rates}",
        text(stream, "kind"),
        slash(pair("credit")),
        slash(pair("waiting")),
        blocked.join("/"),
    )
}

pub(crate) async fn tap(options: &Tap) -> io::Result<bool> {
    let module = connect(&options.at).await?;
    let request = json!({"tap": {"module": options.of, "target": options.target}});
    let call = ask(&module.client(), &request)?;
    let mut out: Box<dyn Write> = if options.file == Path::new("-") {
        Box::new(io::stdout().lock())
    } else {
        Box::new(std::fs::File::create(&options.file)?)
    };
    let mut frames = 0u64;
    loop {
        tokio::select! {
            frame = call.recv() => match frame.map_err(io::Error::other)? {
                Some(began) if began.is_empty() => anstream::eprintln!("ixt tap: copying"),
                Some(frame) => {
                    out.write_all(&frame)?;
                    // Whoever looks at it sees it at once, and an interrupt loses nothing.
                    out.flush()?;
                    frames += 1;
                }
                None => break,
            },
            done = tokio::signal::ctrl_c() => {
                done?;
                break;
            }
        }
    }
    anstream::eprintln!("{frames} frames");
    Ok(true)
}
