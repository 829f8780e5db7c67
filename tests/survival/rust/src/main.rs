//! Rust's program of the tests of survival; see `tests/survival/README.md`.

mod pour;
mod serve;
mod tally;
mod traffic;

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use ixt::core::connection::Config;
use ixt::{Client, ClientTls, Module};

use tally::Tally;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, name, window, idle_ms, roots] = &arguments[..] else {
        return Err("usage: URL NAME WINDOW IDLE_MS ROOTS".into());
    };
    let mut config = Config::default();
    config.window = window.parse()?;
    config.initial_credit = config.window.min(config.initial_credit);
    config.idle_ms = idle_ms.parse()?;
    config.keepalive_ms = config.idle_ms / 4;
    let tally = Arc::new(Tally::default());
    let mut module = serve::services(Module::builder(name), name, &tally).connection(config);
    if roots != "-" {
        module = module.tls(ClientTls::from_file(Path::new(roots))?);
    }
    let module = Arc::new(module.connect_patiently(url).await?);
    let client = module.client();
    let lines = lines();
    let serving = tokio::spawn({
        let url = url.clone();
        async move { module.serve_again(&url).await }
    });
    tokio::select! {
        done = obey(lines, &client, &tally) => done,
        done = serving => Err(format!("the module serves no more: {done:?}").into()),
    }
}

/// Standard input, read by a thread: a read of it cannot be given up.
fn lines() -> tokio::sync::mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

async fn obey(
    mut lines: tokio::sync::mpsc::UnboundedReceiver<String>,
    client: &Client,
    tally: &Arc<Tally>,
) -> Result<(), Failure> {
    println!("ready");
    while let Some(line) = lines.recv().await {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["traffic", provider, kinds] => traffic::begin(client, provider, kinds, tally),
            ["stop"] => tally.stop(),
            ["reset"] => tally.reset(),
            ["report"] => println!("{}", tally.report()),
            ["pour", provider, count, size, sleep_ms] => {
                let (count, size) = (count.parse()?, size.parse()?);
                println!("{}", pour::pour(client, provider, count, size, sleep_ms).await?);
            }
            ["draw", provider, count, size, sleep_ms] => {
                let drawn = pour::draw(client, provider, count, size, sleep_ms.parse()?).await?;
                println!("{drawn}");
            }
            _ => return Err(format!("what is `{line}`?").into()),
        }
    }
    Ok(())
}
