//! Globs against an oracle that tries everything: small, slow and evidently right.

use ixt_arcp::Glob;
use proptest::prelude::*;

/// By the definition, with all the going back that it implies.
fn oracle(pattern: &[char], target: &[char]) -> bool {
    let segment = |characters: &[char]| !characters.contains(&'/');
    match pattern {
        [] => target.is_empty(),
        ['*', '*', rest @ ..] => (0..=target.len()).any(|taken| oracle(rest, &target[taken..])),
        ['*', rest @ ..] => {
            (0..=target.len()).any(|taken| segment(&target[..taken]) && oracle(rest, &target[taken..]))
        }
        ['?', rest @ ..] => target.first().is_some_and(|&first| first != '/') && oracle(rest, &target[1..]),
        [literal, rest @ ..] => target.first() == Some(literal) && oracle(rest, &target[1..]),
    }
}

fn matches(pattern: &str, target: &str) -> bool {
    let characters = |text: &str| text.chars().collect::<Vec<_>>();
    oracle(&characters(pattern), &characters(target))
}

/// Every sequence of at most `length` of the parts.
fn all(parts: &[&str], length: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..length {
        last = last.iter().flat_map(|start| parts.iter().map(move |part| format!("{start}{part}"))).collect();
        all.extend(last.iter().cloned());
    }
    all
}

/// What matches, and which pattern covers which, of all patterns of up to three parts: no counterexample of such
/// patterns needs more than seven characters.
/// ARCP §9.2, §9.4.
#[test]
fn every_small_pattern() {
    let patterns = all(&["a", "/", "?", "*", "**"], 3);
    let targets = all(&["a", "/", "x"], 7);
    let rows: Vec<Vec<bool>> = patterns
        .iter()
        .map(|pattern| {
            let glob = Glob::new(pattern);
            let row = targets.iter().map(|target| {
                let expected = matches(pattern, target);
                assert_eq!(glob.matches(target), expected, "{pattern} {target}");
                expected
            });
            row.collect()
        })
        .collect();
    let mut subsets = 0;
    for (child, of_child) in patterns.iter().zip(&rows) {
        for (parent, of_parent) in patterns.iter().zip(&rows) {
            let covered = of_child.iter().zip(of_parent).all(|(child, parent)| !child || *parent);
            assert_eq!(Glob::new(child).is_subset(&Glob::new(parent)), covered, "{child} {parent}");
            subsets += usize::from(covered);
        }
    }
    assert!(subsets > patterns.len() && subsets < patterns.len() * patterns.len());
}

fn pattern() -> impl Strategy<Value = String> {
    let part =
        prop_oneof![Just("a"), Just("b"), Just("ä"), Just("/"), Just("?"), Just("*"), Just("**"), Just("a*")];
    prop::collection::vec(part, 0..10).prop_map(|parts| parts.concat())
}

fn target() -> impl Strategy<Value = String> {
    prop::collection::vec(prop_oneof![Just("a"), Just("b"), Just("ä"), Just("/"), Just("x")], 0..12)
        .prop_map(|parts| parts.concat())
}

/// A target that the pattern matches: its wildcards, filled in.
fn filled(pattern: &str, fills: &[String]) -> String {
    let mut fills = fills.iter().cycle();
    let mut target = String::new();
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '*' if characters.next_if_eq(&'*').is_some() => target += fills.next().unwrap(),
            '*' => target.extend(fills.next().unwrap().chars().filter(|&fill| fill != '/')),
            '?' => target.push(fills.next().unwrap().chars().find(|&fill| fill != '/').unwrap_or('z')),
            literal => target.push(literal),
        }
    }
    target
}

proptest! {
    /// ARCP §9.2.
    #[test]
    fn matching_is_that_of_the_oracle(pattern in pattern(), target in target()) {
        prop_assert_eq!(Glob::new(&pattern).matches(&target), matches(&pattern, &target));
    }

    /// ARCP §9.4.
    #[test]
    fn a_subset_matches_nothing_that_its_parent_does_not(
        child in pattern(),
        parent in pattern(),
        target in target(),
        fills in prop::collection::vec(target(), 1..4),
    ) {
        let (glob, above) = (Glob::new(&child), Glob::new(&parent));
        let filled = filled(&child, &fills);
        prop_assert!(glob.matches(&filled), "{child} {filled}");
        prop_assert!(glob.is_subset(&glob) && glob.is_subset(&Glob::new("**")));
        if glob.is_subset(&above) {
            prop_assert!(above.matches(&filled), "{child} {parent} {filled}");
            prop_assert!(!glob.matches(&target) || above.matches(&target), "{child} {parent} {target}");
        }
    }

    /// Made by replacing a wildcard or a character with something narrower or wider, so that subsets are common.
    #[test]
    fn a_pattern_made_wider_covers_what_it_was(parts in prop::collection::vec((0..5_usize, 0..5_usize), 0..8)) {
        let parts: Vec<_> = parts.into_iter().map(|(one, other)| (one.min(other), one.max(other))).collect();
        // Each is covered by all behind it, but `?` by `a*`.
        let order = ["a", "?", "a*", "*", "**"];
        let of = |wide: bool| -> String {
            let part = |&(narrow, wider): &(usize, usize)| {
                let at = if wide { wider } else { narrow };
                if (narrow, wider) == (1, 2) { order[1] } else { order[at] }
            };
            parts.iter().map(part).collect::<Vec<_>>().join("/")
        };
        prop_assert!(Glob::new(&of(false)).is_subset(&Glob::new(&of(true))), "{} {}", of(false), of(true));
    }
}
