//! What `benches/scale.py` measures the cost of: modules that call, open streams and leave them open, as it tells them.
//!
//! A line of standard input is a command; its answer is `done` and the seconds that it took. The settings are those that
//! everybody has, since what they cost is the question.

use std::io::BufRead;
use std::sync::Arc;
use std::time::Instant;

use ixt::core::connection::Config;
use ixt::{Call, Module};
use tokio::task::JoinSet;

use crate::{Failure, ours};

/// More than one caller may leave open at a provider as it comes: 10,000 streams from two callers.
const MAX_STREAMS: u32 = 20_000;

/// What goes where many modules are measured.
const PAYLOAD: [u8; 64] = [7; 64];

/// Answers the services of the benchmark under a name of its own, and says `ready` when it does.
pub(crate) async fn provide(url: &str, name: &str) -> Result<(), Failure> {
    let mut config = Config::default();
    config.max_streams = MAX_STREAMS;
    let module = ours::echo(name, config).connect_patiently(url).await?;
    println!("ready");
    module.serve().await?;
    Ok(())
}

/// Does what standard input says until it ends.
///
/// - `modules N`: so many modules more connect;
/// - `unary N SIZE CALLERS`: the first one calls so often, so many callers at once;
/// - `count N SIZE`: the first one sends so many messages on one stream;
/// - `each`: every module calls once, one module after the other;
/// - `all N`: every module calls so often, all at once, each one call after the other;
/// - `streams N`: every module opens so many streams, a message goes there and back on each, and they stay open;
/// - `echo N`: on every stream so many messages go there and back, on all at once, each one after the other.
pub(crate) async fn crowd(url: &str, name: &str) -> Result<(), Failure> {
    let mut crowd = Crowd { url: url.into(), name: name.into(), modules: Vec::new(), streams: Vec::new() };
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let begun = Instant::now();
        crowd.obey(&line).await.map_err(|error| format!("{line}: {error}"))?;
        println!("done {}", begun.elapsed().as_secs_f64());
    }
    Ok(())
}

struct Crowd {
    url: String,
    name: String,
    modules: Vec<Module>,
    streams: Vec<Arc<Call>>,
}

impl Crowd {
    async fn obey(&mut self, line: &str) -> Result<(), Failure> {
        let words: Vec<&str> = line.split(' ').collect();
        let numbers = words.iter().skip(1).map(|word| word.parse()).collect::<Result<Vec<usize>, _>>()?;
        match (words.first().copied(), &numbers[..]) {
            (Some("modules"), [count]) => self.connect(*count).await,
            (Some("unary"), [count, size, callers]) => self.unary(*count, *size, *callers).await,
            (Some("count"), [count, size]) => self.count(*count, *size).await,
            (Some("each"), []) => self.each().await,
            (Some("all"), [count]) => self.all(*count).await,
            (Some("echo"), [count]) => self.echo(*count).await,
            (Some("streams"), [count]) => self.open(*count).await,
            _ => Err("no such command".into()),
        }
    }

    async fn connect(&mut self, count: usize) -> Result<(), Failure> {
        for _ in 0..count {
            let name = format!("{}-{}", self.name, self.modules.len());
            self.modules.push(Module::builder(name).connect_patiently(&self.url).await?);
        }
        Ok(())
    }

    fn first(&self) -> Result<&Module, Failure> {
        self.modules.first().ok_or_else(|| "no module is connected".into())
    }

    async fn unary(&self, count: usize, size: usize, callers: usize) -> Result<(), Failure> {
        let client = self.first()?.client();
        let mut calling = JoinSet::new();
        for _ in 0..callers {
            let (client, payload) = (client.clone(), vec![7; size]);
            calling.spawn(async move {
                for _ in 0..count / callers {
                    client.service("unary").unary(&payload).await?;
                }
                Ok(())
            });
        }
        finish(calling).await
    }

    async fn count(&self, count: usize, size: usize) -> Result<(), Failure> {
        let call = self.first()?.client().service("count").client_stream()?;
        let payload = vec![7; size];
        for _ in 0..count {
            call.send(&payload).await?;
        }
        call.close()?;
        let arrived: usize = std::str::from_utf8(&call.recv_one().await?)?.parse()?;
        if arrived == count * size { Ok(()) } else { Err(format!("{arrived} bytes arrived").into()) }
    }

    async fn each(&self) -> Result<(), Failure> {
        for module in &self.modules {
            module.client().service("unary").unary("").await?;
        }
        Ok(())
    }

    async fn all(&self, count: usize) -> Result<(), Failure> {
        let mut calling = JoinSet::new();
        for module in &self.modules {
            let client = module.client();
            calling.spawn(async move {
                for _ in 0..count {
                    client.service("unary").unary(PAYLOAD).await?;
                }
                Ok(())
            });
        }
        finish(calling).await
    }

    async fn echo(&self, count: usize) -> Result<(), Failure> {
        let mut echoing = JoinSet::new();
        for call in self.streams.iter().map(Arc::clone) {
            echoing.spawn(async move {
                for _ in 0..count {
                    call.send(PAYLOAD).await?;
                    call.recv().await?.ok_or("the stream ended")?;
                }
                Ok(())
            });
        }
        finish(echoing).await
    }

    async fn open(&mut self, count: usize) -> Result<(), Failure> {
        for module in &self.modules {
            for _ in 0..count {
                let call = module.client().service("each").bidi_stream()?;
                call.send("").await?;
                call.recv().await?;
                self.streams.push(Arc::new(call));
            }
        }
        Ok(())
    }
}

async fn finish(mut tasks: JoinSet<Result<(), Failure>>) -> Result<(), Failure> {
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}
