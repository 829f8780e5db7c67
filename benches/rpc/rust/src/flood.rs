//! A peer that floods a host with opens, all for one service, as many a second as the host takes of anybody. By hand:
//! the SDK keeps the rules.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ixt::core::connection::{Config, Connection};
use ixt::core::stream::{FrameBody, InteractionKind, StreamFrame, StreamId, frames};
use ixt::host::ToHost;
use ixt::{InvocationContext, Limits, Target};

use crate::Failure;

const NAME: &str = "flood";
/// Below the 200,000 opens a second at which a host hangs up.
const OPENS_A_SECOND: f64 = 150_000.0;
/// Opens that are written at once.
const BURST: u128 = 500;

/// Floods until standard input ends. Says `flooding` once opens are refused, and at the end how many were.
pub(crate) fn flood(url: &str, service: &str) -> Result<(), Failure> {
    let mut socket = UnixStream::connect(url.strip_prefix("unix://").ok_or("not a Unix socket")?)?;
    socket.write_all(&greeting()?)?;
    let refused = Arc::new(AtomicU64::new(0));
    std::thread::spawn({
        let (socket, refused) = (socket.try_clone()?, Arc::clone(&refused));
        move || read(socket, &refused)
    });
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        println!("{}", refused.load(Ordering::Relaxed));
        std::process::exit(0);
    });
    let context = context(service)?;
    let (begun, mut opened, mut burst) = (Instant::now(), 0, Vec::new());
    loop {
        burst.clear();
        for number in opened..opened + BURST {
            open(id(number)?, &context)?.encode_into(&mut burst, Limits::default())?;
        }
        socket.write_all(&burst)?;
        opened += BURST;
        let due = Duration::from_secs_f64(opened as f64 / OPENS_A_SECOND);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
    }
}

/// Counts what the host refuses.
fn read(mut socket: UnixStream, refused: &AtomicU64) {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 256 << 10]);
    while let Ok(count @ 1..) = socket.read(&mut buffer) {
        bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let mut batch = frames(&bytes, Limits::default());
        let errors = batch.by_ref().flatten().filter(|(_, frame)| matches!(frame.body, FrameBody::Error(_)));
        let count = errors.count() as u64;
        if count > 0 && refused.fetch_add(count, Ordering::Relaxed) == 0 {
            println!("flooding");
        }
        let consumed = batch.consumed();
        bytes.drain(..consumed);
    }
}

/// The hello, which the engine makes, and who it is.
fn greeting() -> Result<Vec<u8>, Failure> {
    let mut engine = Connection::new(Config::default(), id(u128::MAX)?, 0)?;
    let mut hello = vec![0; 4096];
    let length = engine.poll_transmit(&mut hello);
    hello.truncate(length);
    let announce =
        ToHost::Announce { module: NAME.into(), services: vec![], topics: vec![], token: vec![] }.encode();
    let own = id(u128::MAX - 1)?;
    open(own, &context("ixt.host")?)?.encode_into(&mut hello, Limits::default())?;
    StreamFrame::data(own, 0, announce).encode_into(&mut hello, Limits::default())?;
    Ok(hello)
}

fn context(service: &str) -> Result<Vec<u8>, Failure> {
    let context = InvocationContext::builder().source_module(NAME).target(Target::Service(service.into()));
    Ok(context.build()?.encode())
}

/// No two processes are to have one id at the same provider.
fn id(number: u128) -> Result<StreamId, Failure> {
    let process = u128::from(std::process::id()) << 96;
    Ok(StreamId::new((number ^ process).to_be_bytes())?)
}

fn open(id: StreamId, context: &[u8]) -> Result<StreamFrame, Failure> {
    Ok(StreamFrame::open(id, InteractionKind::BidiStream, 64, context.to_vec()))
}

/// Such a peer as a process of its own.
pub(crate) struct Flood {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
}

impl Flood {
    /// Begins, and waits until the host refuses.
    pub(crate) fn start(url: &str, service: &str) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["flood", url, service])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let mut flood = Self { child, stdin, lines };
        match flood.line()?.as_str() {
            "flooding" => Ok(flood),
            said => Err(format!("the flood says {said:?}").into()),
        }
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    /// Ends it; gives how many opens were refused.
    pub(crate) fn stop(mut self) -> Result<u64, Failure> {
        self.stdin = None;
        Ok(self.line()?.parse().map_err(|_| "the host hung up on the flood")?)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
