//! Explores every kind in the large bounds, prints one line for each model, and fails if a property does.
//!
//! `ixt-model [small|large] [KIND]`; without a bound, large; without a kind, all.

use std::process::ExitCode;

use ixt_core::stream::InteractionKind;
use ixt_model::{Bounds, KINDS, run};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let bound =
        if arguments.iter().any(|argument| argument == "small") { Bounds::small } else { Bounds::large };
    let kinds: Vec<InteractionKind> =
        arguments.iter().filter_map(|argument| InteractionKind::from_name(argument)).collect();
    let kinds = if kinds.is_empty() { KINDS.to_vec() } else { kinds };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut states, mut failed) = (0, 0);
    for model in kinds.into_iter().flat_map(bound) {
        let report = run(&model, threads);
        println!("{report}");
        states += report.states;
        failed += report.failed.len();
    }
    println!("models: {states} states, {failed} properties that do not hold");
    ExitCode::from(u8::from(failed > 0))
}
