//! Two patterns and a target, a line each: matching is what the definition says, and what a pattern covers it covers.
#![no_main]

use ixt_arcp::Glob;
use libfuzzer_sys::fuzz_target;

/// Longest pattern and target that the oracle, which goes back, is asked about.
const SHORT: usize = 12;

fn oracle(pattern: &[char], target: &[char]) -> bool {
    let any = |rest: &[char], across: bool| {
        let stop =
            target.iter().position(|&character| character == '/').filter(|_| !across).unwrap_or(target.len());
        (0..=stop).any(|taken| oracle(rest, &target[taken..]))
    };
    match pattern {
        [] => target.is_empty(),
        ['*', '*', rest @ ..] => any(rest, true),
        ['*', rest @ ..] => any(rest, false),
        ['?', rest @ ..] => target.first().is_some_and(|&first| first != '/') && oracle(rest, &target[1..]),
        [literal, rest @ ..] => target.first() == Some(literal) && oracle(rest, &target[1..]),
    }
}

fuzz_target!(|text: &str| {
    let mut lines = text.splitn(3, '\n');
    let [child, parent, target] = std::array::from_fn(|_| lines.next().unwrap_or_default());
    let (glob, above) = (Glob::new(child), Glob::new(parent));
    assert_eq!(glob.as_str(), child);
    assert!(glob.is_subset(&glob) && glob.is_subset(&Glob::new("**")));
    let characters = |text: &str| text.chars().collect::<Vec<_>>();
    let (pattern, characters) = (characters(child), characters(target));
    if pattern.len() <= SHORT && characters.len() <= SHORT {
        assert_eq!(glob.matches(target), oracle(&pattern, &characters));
    }
    if glob.matches(target) && glob.is_subset(&above) {
        assert!(above.matches(target));
    }
});
