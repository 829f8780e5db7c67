//! `ixt inspect`: a capture, for people.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};

use anstream::AutoStream;
use ixt_core::invocation::{ContextRef, Subject, Target};
use ixt_core::stream::{FrameBody, FrameRef, StreamId};
use ixt_core::wire::{Split, split};
use ixt_core::{Limits, text};

use crate::args::Inspect;
use crate::style::{ERROR, FAINT, FIELD, KIND};

/// Bytes of a payload that are shown.
const SHOWN: usize = 24;

/// Prints the capture; true when every frame in it could be read.
pub(crate) fn run(options: &Inspect) -> io::Result<bool> {
    let input: Box<dyn Read> =
        match options.file.to_str() {
            Some("-") => Box::new(io::stdin().lock()),
            _ => Box::new(File::open(&options.file).map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", options.file.display()))
            })?),
        };
    let mut page = Page::new(options);
    let mut capture = Capture::new(input, options.max_payload.limits());
    loop {
        match capture.next()? {
            Some(Ok((offset, bytes))) => match FrameRef::decode_within(bytes, options.max_payload.limits()) {
                Ok(frame) => page.frame(offset, bytes.len(), &frame)?,
                Err(error) => return page.refuse(offset, &error.to_string()),
            },
            Some(Err((offset, why))) => return page.refuse(offset, &why),
            None => return page.end(),
        }
    }
}

/// Frames back to back, read a piece at a time.
struct Capture<R> {
    input: R,
    limits: Limits,
    buffer: Vec<u8>,
    /// Where in the buffer the next frame begins.
    start: usize,
    /// Where in the capture the buffer begins.
    base: u64,
}

type Whole<'a> = Result<(u64, &'a [u8]), (u64, String)>;

impl<R: Read> Capture<R> {
    fn new(input: R, limits: Limits) -> Self {
        Self { input, limits, buffer: Vec::new(), start: 0, base: 0 }
    }

    /// The next whole frame and its offset; `None` at the end.
    fn next(&mut self) -> io::Result<Option<Whole<'_>>> {
        loop {
            let offset = self.base + self.start as u64;
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            let needed = match split(rest, self.limits.max_message()) {
                Ok(Split::Message(length)) => {
                    let start = self.start;
                    self.start += length;
                    return Ok(self.buffer.get(start..start + length).map(|frame| Ok((offset, frame))));
                }
                Ok(Split::Incomplete(needed)) => needed,
                Err(error) => return Ok(Some(Err((offset, error.to_string())))),
            };
            self.base = offset;
            self.buffer.drain(..self.start);
            self.start = 0;
            let missing = needed.saturating_sub(self.buffer.len()).max(1 << 16) as u64;
            if self.input.by_ref().take(missing).read_to_end(&mut self.buffer)? == 0 {
                let cut = format!("Truncated: the capture ends after {} bytes of a frame", self.buffer.len());
                return Ok((!self.buffer.is_empty()).then_some(Err((offset, cut))));
            }
        }
    }
}

/// What is printed.
struct Page<'a> {
    options: &'a Inspect,
    out: AutoStream<Box<dyn Write>>,
    streams: BTreeMap<StreamId, Counts>,
}

#[derive(Default)]
struct Counts {
    /// By union tag; the last one counts what this version does not know.
    frames: [u64; 7],
    payload: u64,
}

impl<'a> Page<'a> {
    fn new(options: &'a Inspect) -> Self {
        let choice = AutoStream::choice(&io::stdout());
        let out: Box<dyn Write> = Box::new(io::BufWriter::new(io::stdout()));
        Self { options, out: AutoStream::new(out, choice), streams: BTreeMap::new() }
    }

    fn frame(&mut self, offset: u64, size: usize, frame: &FrameRef<'_>) -> io::Result<()> {
        let wanted = self.options.stream.as_ref();
        if wanted.is_some_and(|stream| *stream != frame.stream_id.to_string()) {
            return Ok(());
        }
        self.count(frame);
        if self.options.json {
            return writeln!(self.out, "{}", text::frame_to_json(frame));
        }
        let kind = kind_of(&frame.body);
        write!(self.out, "{FAINT}{offset:>10} {size:>8} B  {}{FAINT:#}  ", frame.stream_id)?;
        write!(self.out, "{KIND}{kind:<7}{KIND:#}")?;
        match &frame.body {
            FrameBody::Open(open) => {
                self.field("interaction", open.interaction)?;
                self.field("initial_credit", open.initial_credit)?;
                self.field("context", format_args!("{} B", open.context.len()))?;
                writeln!(self.out)?;
                return self.context(open.context);
            }
            FrameBody::Data(data) => {
                self.field("sequence", data.sequence)?;
                self.field("payload", format_args!("{} B", data.payload.len()))?;
                write!(self.out, "  {FAINT}{}{FAINT:#}", preview(data.payload))?;
            }
            FrameBody::Error(error) => {
                self.field("code", error.code)?;
                self.field("sequence", error.sequence)?;
                self.said(error.message)?;
                if !error.details.is_empty() {
                    self.field("details", format_args!("{} B", error.details.len()))?;
                }
            }
            FrameBody::Close(close) => {
                self.field("reason", close.reason)?;
                self.field("final_sequence", close.final_sequence)?;
            }
            FrameBody::Cancel(cancel) => {
                self.field("reason", cancel.reason)?;
                self.said(cancel.message)?;
            }
            FrameBody::Credit(credit) => self.field("frames", credit.frames)?,
            FrameBody::Unknown(unknown) => self.field("tag", unknown.tag)?,
            _ => {}
        }
        writeln!(self.out)
    }

    /// The context of an open. A handle of a token is counted and not shown.
    fn context(&mut self, bytes: &[u8]) -> io::Result<()> {
        let context = match ContextRef::decode(bytes) {
            Ok(context) => context,
            Err(error) => return self.line("context", format_args!("{ERROR}{error}{ERROR:#}")),
        };
        let hex = |bytes: &[u8]| text::to_hex(bytes);
        let actor = context.actor();
        match actor.subject() {
            Subject::External("") => self.line("caller", "anonymous")?,
            Subject::External(name) => self.line("caller", format_args!("external {name:?}"))?,
            Subject::Operator(name) => self.line("caller", format_args!("operator {name:?}"))?,
            Subject::Module(name) => self.line("caller", format_args!("module {name:?}"))?,
            Subject::System => self.line("caller", "system")?,
            other => self.line("caller", format_args!("{other:?}"))?,
        }
        if !actor.capabilities().is_empty() {
            self.line("capabilities", actor.capabilities().join(", "))?;
        }
        if !actor.token_ref().expose().is_empty() {
            self.line("token_ref", format_args!("{} B, not shown", actor.token_ref().expose().len()))?;
        }
        match context.target() {
            Target::Service("") => {}
            Target::Service(name) => self.line("target", format_args!("service {name:?}"))?,
            Target::Module(name) => self.line("target", format_args!("module {name:?}"))?,
            Target::Broadcast(topic) => self.line("target", format_args!("broadcast {topic:?}"))?,
            Target::Reply(id) => self.line("target", format_args!("reply {}", hex(&id)))?,
            Target::DynamicEndpoint(name) => {
                self.line("target", format_args!("dynamic endpoint {name:?}"))?
            }
            other => self.line("target", format_args!("{other:?}"))?,
        }
        if !context.source_module().is_empty() {
            self.line("source_module", format_args!("{:?}", context.source_module()))?;
        }
        if let Some(traceparent) = context.traceparent() {
            self.line("traceparent", traceparent)?;
        }
        if context.parent_span_id() != [0; 8] {
            self.line("parent_span_id", hex(&context.parent_span_id()))?;
        }
        if let Some(deadline_ms) = context.deadline_ms() {
            self.line("deadline_ms", deadline_ms)?;
        }
        for entry in context.metadata() {
            self.line(entry.key, format_args!("{:?}", entry.value))?;
        }
        Ok(())
    }

    fn field(&mut self, name: &str, value: impl std::fmt::Display) -> io::Result<()> {
        write!(self.out, "  {FIELD}{name}{FIELD:#} {value}")
    }

    fn said(&mut self, message: &str) -> io::Result<()> {
        if message.is_empty() { Ok(()) } else { self.field("message", format_args!("{message:?}")) }
    }

    fn line(&mut self, name: &str, value: impl std::fmt::Display) -> io::Result<()> {
        writeln!(self.out, "{:24}{FIELD}{name:<16}{FIELD:#} {value}", "")
    }

    fn count(&mut self, frame: &FrameRef<'_>) {
        let counts = self.streams.entry(frame.stream_id).or_default();
        let tag = usize::from(frame.body.tag()).min(counts.frames.len() - 1);
        if let Some(count) = counts.frames.get_mut(tag) {
            *count += 1;
        }
        if let FrameBody::Data(data) = frame.body {
            counts.payload += data.payload.len() as u64;
        }
    }

    /// The capture cannot be split or read from here on.
    fn refuse(mut self, offset: u64, why: &str) -> io::Result<bool> {
        writeln!(self.out, "{FAINT}{offset:>10}{FAINT:#}  {ERROR}{why}{ERROR:#}")?;
        self.end()?;
        Ok(false)
    }

    fn end(mut self) -> io::Result<bool> {
        if !self.options.json {
            for (id, counts) in &self.streams {
                write!(self.out, "{FAINT}stream {id}:{FAINT:#}")?;
                for (name, count) in NAMES.iter().zip(counts.frames).filter(|(_, count)| *count > 0) {
                    write!(self.out, " {count} {name},")?;
                }
                writeln!(self.out, " {} B of payload", counts.payload)?;
            }
        }
        self.out.flush()?;
        Ok(true)
    }
}

const NAMES: [&str; 7] = ["open", "data", "error", "close", "cancel", "credit", "unknown"];

fn kind_of(body: &FrameBody<&[u8], &str>) -> &'static str {
    NAMES.get(usize::from(body.tag())).copied().unwrap_or("unknown")
}

/// The first bytes, as hex and as text.
fn preview(payload: &[u8]) -> String {
    let shown = payload.get(..SHOWN).unwrap_or(payload);
    let text: String = shown
        .iter()
        .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' })
        .collect();
    let more = if payload.len() > SHOWN { "…" } else { "" };
    format!("{}{more}  |{text}|{more}", text::to_hex(shown))
}
