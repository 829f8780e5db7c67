//! Ixt's side of what `benches/arcp.py` measures: a runtime, and a client that measures one thing and prints a line of
//! JSON for each figure. Where it prints a mark, it goes on once a line is written to it: the driver looks at the
//! runtime's memory meanwhile.

mod client;
mod raw;
mod serving;
mod telling;

type Failure = Box<dyn std::error::Error>;

const USAGE: &str = "usage: ixt-bench-arcp runtime --listen ADDRESS [--store FILE | --store-normal FILE] [--heartbeat SECONDS]
       ixt-bench-arcp client URL MEASURE
       ixt-bench-arcp memory events";
/// Who calls, in every measure.
const TOKEN: &str = "bench";

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["runtime", ref options @ ..] => serving::listen(options).await,
        ["client", url, measure] => client::measure(url, measure).await,
        ["memory", "events"] => client::events_in_memory().await,
        _ => Err(USAGE.into()),
    }
}
