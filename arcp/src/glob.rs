//! Patterns of leases (§9.2).

use std::collections::HashSet;

/// How much work [`Glob::is_subset`] does before it gives up: steps of one state. Common patterns need some hundred.
const WORK: usize = 1 << 18;

/// A pattern: `*` stands for any characters but `/`, `**` for any characters, `?` for one character that is not `/`,
/// and everything else for itself. The whole target has to match.
///
/// The draft calls patterns globs and leaves their grammar open. In this one no character is an escape or begins a
/// class, so a pattern is readable by who grants it: `/a/**` matches `/a/` and all below, and not `/a` itself; `*.rs`
/// matches a dot first as any other character.
///
/// Matching looks at each character of the target once, with the set of all places of the pattern where a match could
/// be: at most *pattern × target* steps, whoever wrote either of them. No pattern makes it go back.
///
/// ```
/// use ixt_arcp::Glob;
///
/// let glob = Glob::new("/workspace/*/src/**");
/// assert!(glob.matches("/workspace/app/src/auth/login.rs"));
/// assert!(!glob.matches("/workspace/app/other/src/login.rs"));
/// ```
#[derive(Debug, Clone)]
pub struct Glob {
    text: Box<str>,
    tokens: Box<[Token]>,
    /// How much of the text, in bytes and in tokens, is literal before the first wildcard.
    literal: usize,
    literal_tokens: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Token {
    Is(char),
    /// `?`
    One,
    /// `*`
    Within,
    /// `**`
    Across,
}

impl Token {
    fn is_star(self) -> bool {
        matches!(self, Self::Within | Self::Across)
    }

    fn takes(self, symbol: Symbol) -> bool {
        match self {
            Self::Is(literal) => symbol == Symbol::Is(literal),
            Self::One | Self::Within => symbol != Symbol::Is('/'),
            Self::Across => true,
        }
    }
}

/// A character, or any of those that nobody names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symbol {
    Is(char),
    Other,
}

impl Glob {
    /// Compiles a pattern. Every text is one. It takes four bytes for each character.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        let mut tokens: Vec<Token> = Vec::with_capacity(pattern.len());
        for character in pattern.chars() {
            let token = match character {
                '?' => Token::One,
                '*' => match tokens.last_mut() {
                    // Two stars or more side by side are one that crosses segments, so no two stand side by side.
                    Some(last) if last.is_star() => {
                        *last = Token::Across;
                        continue;
                    }
                    _ => Token::Within,
                },
                literal => Token::Is(literal),
            };
            tokens.push(token);
        }
        let literal_tokens = tokens.iter().take_while(|token| matches!(token, Token::Is(_))).count();
        Self {
            text: pattern.into(),
            tokens: tokens.into(),
            literal: pattern.find(['*', '?']).unwrap_or(pattern.len()),
            literal_tokens,
        }
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole target matches.
    #[must_use]
    pub fn matches(&self, target: &str) -> bool {
        self.run(target, &mut 0)
    }

    /// Counts the steps, so that a test can bound them.
    fn run(&self, target: &str, steps: &mut usize) -> bool {
        let Some(rest) = target.strip_prefix(self.literal()) else { return false };
        match self.tokens.get(self.literal_tokens..).unwrap_or_default() {
            [] => rest.is_empty(),
            [Token::Across] => true,
            [Token::Within] => !rest.contains('/'),
            tokens => Places::new(tokens).run(rest, steps),
        }
    }

    /// Whether every target that this pattern matches is matched by `parent` too.
    ///
    /// The answer is exact, but for pairs of patterns that would take more than some milliseconds to compare: for
    /// those it is `false`, so that no authority is passed on that was not shown to be there.
    #[must_use]
    pub fn is_subset(&self, parent: &Self) -> bool {
        self.is_subset_within(parent, &mut { WORK })
    }

    /// [`Glob::is_subset`] that does at most so much work, and takes off what it did: who compares many patterns with
    /// many others gives all of them one bound.
    pub(crate) fn is_subset_within(&self, parent: &Self, work: &mut usize) -> bool {
        let (own, theirs) = (self.literal(), parent.literal());
        // Most pairs of a lease begin in different ways.
        if !own.starts_with(theirs) && !theirs.starts_with(own) {
            return false;
        }
        self.tokens == parent.tokens || self.is_covered(parent, work)
    }

    fn literal(&self) -> &str {
        self.text.get(..self.literal).unwrap_or_default()
    }

    /// Looks for a target that this matches and the parent does not: walks through this pattern place by place, and
    /// for each way to get there keeps the set of places where the parent could be.
    fn is_covered(&self, parent: &Self, work: &mut usize) -> bool {
        let mut spend = |steps: usize| {
            *work = work.saturating_sub(steps);
            *work > 0
        };
        if !spend(parent.tokens.len()) {
            return false;
        }
        // Characters that the parent does not name are all alike to it.
        let mut symbols: Vec<Symbol> = vec![Symbol::Is('/'), Symbol::Other];
        let mut named = HashSet::from(['/']);
        for token in &parent.tokens {
            if let Token::Is(literal) = *token
                && named.insert(literal)
            {
                symbols.push(Symbol::Is(literal));
            }
        }
        let end = parent.tokens.len();
        let mut seen: HashSet<(usize, Vec<usize>)> = HashSet::new();
        let mut open = vec![(0, parent.places(vec![0]))];
        while let Some((at, places)) = open.pop() {
            // From everywhere in a pattern some target still matches.
            if places.is_empty() {
                return false;
            }
            let Some(&token) = self.tokens.get(at) else {
                if places.contains(&end) {
                    continue;
                }
                return false;
            };
            if !seen.insert((at, places.clone())) {
                continue;
            }
            if token.is_star() {
                open.push((at + 1, places.clone()));
            }
            let next = if token.is_star() { at } else { at + 1 };
            let only = match token {
                Token::Is(literal) if named.contains(&literal) => Some(Symbol::Is(literal)),
                Token::Is(_) => Some(Symbol::Other),
                _ => None,
            };
            for &symbol in &symbols {
                if only.map_or(!token.takes(symbol), |only| only != symbol) {
                    continue;
                }
                if !spend(places.len() + 1) {
                    return false;
                }
                open.push((next, parent.step(&places, symbol)));
            }
        }
        true
    }

    /// Where a match can be after one more character.
    fn step(&self, places: &[usize], symbol: Symbol) -> Vec<usize> {
        let mut next = Vec::with_capacity(places.len() + 1);
        for &at in places {
            if let Some(&token) = self.tokens.get(at)
                && token.takes(symbol)
            {
                next.push(if token.is_star() { at } else { at + 1 });
            }
        }
        self.places(next)
    }

    /// With the places behind stars, which may stand for nothing; in order, and each once. What stands before a `**`
    /// that is reached can be forgotten: whatever matches from there matches from the `**` too.
    fn places(&self, mut places: Vec<usize>) -> Vec<usize> {
        let token = |at: usize| self.tokens.get(at).copied();
        let behind: Vec<_> =
            places.iter().filter(|&&at| token(at).is_some_and(Token::is_star)).map(|at| at + 1).collect();
        places.extend(behind);
        places.sort_unstable();
        places.dedup();
        let crossed = places.iter().rposition(|&at| token(at) == Some(Token::Across)).unwrap_or(0);
        places.split_off(crossed)
    }
}

impl PartialEq for Glob {
    /// By what they match and not by how it is written: `***` is `**`.
    fn eq(&self, other: &Self) -> bool {
        self.tokens == other.tokens
    }
}

impl Eq for Glob {}

/// How many places fit without an allocation.
const INLINE: usize = 128;

/// The places of a pattern where a match could be. Place `n` stands before token `n`.
struct Places<'a> {
    tokens: &'a [Token],
    inline: [bool; INLINE],
    spilled: Vec<bool>,
    /// The first that counts and the last that is reached.
    low: usize,
    high: usize,
}

impl<'a> Places<'a> {
    fn new(tokens: &'a [Token]) -> Self {
        let spilled = if tokens.len() < INLINE { Vec::new() } else { vec![false; tokens.len() + 1] };
        let mut places = Self { tokens, inline: [false; INLINE], spilled, low: 0, high: 0 };
        places.reach(0);
        places
    }

    fn run(&mut self, target: &str, steps: &mut usize) -> bool {
        for character in target.chars() {
            let symbol = Symbol::Is(character);
            let mut reached = false;
            // From the end, so that what is reached now is not taken for what was reached before.
            for at in (self.low..=self.high).rev() {
                *steps += 1;
                if !self.take(at) {
                    continue;
                }
                let Some(&token) = self.tokens.get(at) else { continue };
                if token.takes(symbol) {
                    self.reach(if token.is_star() { at } else { at + 1 });
                    reached = true;
                }
                if token == Token::Across {
                    // What stands before it can be forgotten.
                    self.low = at;
                    break;
                }
            }
            if !reached {
                return false;
            }
        }
        self.take(self.tokens.len())
    }

    fn slots(&mut self) -> &mut [bool] {
        if self.spilled.is_empty() { &mut self.inline } else { &mut self.spilled }
    }

    /// Whether it was reached; it is not any more.
    fn take(&mut self, at: usize) -> bool {
        self.slots().get_mut(at).is_some_and(std::mem::take)
    }

    /// Reaches a place, and the one behind it when a star stands there: a star may stand for nothing.
    fn reach(&mut self, at: usize) {
        let star = self.tokens.get(at).is_some_and(|token| token.is_star());
        let last = if star { at + 1 } else { at };
        for at in at..=last {
            if let Some(slot) = self.slots().get_mut(at) {
                *slot = true;
            }
        }
        self.high = self.high.max(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar() {
        for (pattern, yes, no) in [
            ("/a/b", vec!["/a/b"], vec!["", "/a", "/a/b/", "/a/bc", "x/a/b"]),
            ("/a/*", vec!["/a/", "/a/b", "/a/.b", "/a/*"], vec!["/a", "/a/b/c", "/a/b/"]),
            ("/a/**", vec!["/a/", "/a/b", "/a/b/c", "/a/**"], vec!["/a", "/ab"]),
            ("**", vec!["", "/", "a/b/c"], vec![]),
            ("*", vec!["", "abc", "a.b"], vec!["/", "a/b"]),
            ("?", vec!["a", "ä", "?", "🦀"], vec!["", "/", "ab"]),
            ("/*/?.rs", vec!["/a/b.rs", "//b.rs"], vec!["/a/b/c.rs", "/a/bb.rs", "/a//.rs"]),
            ("/a/**/c", vec!["/a//c", "/a/b/c", "/a/b/b/c"], vec!["/a/c", "/a/b/cd"]),
            ("search.*", vec!["search.web", "search."], vec!["search", "research.web", "search.web/x"]),
            ("[a-z]{x,y}\\*", vec!["[a-z]{x,y}\\", "[a-z]{x,y}\\z"], vec!["a", "[a-z]{x,y}/"]),
            ("", vec![""], vec!["a"]),
            ("a***b", vec!["ab", "a/b"], vec!["a"]),
            ("*a*b", vec!["ab", "xaxb", "aab", "abab"], vec!["ba", "a/b", "/ab"]),
            ("**a*b", vec!["x/y/a1b", "a/ab"], vec!["a/b", "ab/"]),
            ("ä*ö", vec!["äö", "äüö"], vec!["ä/ö", "ä"]),
        ] {
            let glob = Glob::new(pattern);
            assert_eq!(glob.as_str(), pattern);
            for target in yes {
                assert!(glob.matches(target), "{pattern} {target}");
            }
            for target in no {
                assert!(!glob.matches(target), "{pattern} {target}");
            }
        }
        assert_eq!(Glob::new("a***"), Glob::new("a**"));
        assert_ne!(Glob::new("a*"), Glob::new("a**"));
    }

    #[test]
    fn a_pattern_of_any_length() {
        for length in [126, 127, 128, 129, 1_000] {
            let glob = Glob::new(&"?".repeat(length));
            for characters in [length - 1, length, length + 1] {
                assert_eq!(
                    glob.matches(&"x".repeat(characters)),
                    characters == length,
                    "{length} {characters}"
                );
            }
        }
    }

    #[test]
    fn an_evil_pattern_takes_no_more_than_pattern_times_target() {
        for part in ["a*", "*a", "**a", "a**", "**/*a", "?*", "**?", "*a**/"] {
            for end in ["", "b"] {
                let pattern = format!("{}{end}", part.repeat(60));
                for target in ["a".repeat(3_000), "/a".repeat(1_500), format!("{}b/", "a".repeat(3_000))] {
                    let mut steps = 0;
                    Glob::new(&pattern).run(&target, &mut steps);
                    let bound = (pattern.chars().count() + 1) * target.chars().count();
                    assert!(steps <= bound, "{steps} steps of {bound} for {pattern}");
                }
            }
        }
        let mut steps = 0;
        assert!(!Glob::new(&format!("{}b", "a*".repeat(60))).run(&"a".repeat(3_000), &mut steps));
        assert!(steps > 100_000, "the pattern is evil: {steps}");
    }

    #[test]
    fn subsets() {
        for (child, parent) in [
            ("/workspace/**", "/workspace/**"),
            ("/workspace/app/src/**", "/workspace/**"),
            ("/workspace/*", "/workspace/**"),
            ("/workspace/a.rs", "/workspace/*.rs"),
            ("/workspace/?", "/workspace/*"),
            ("/a/*/c/**", "/a/**"),
            ("**/*.rs", "**.rs"),
            ("*a*b*", "*b*"),
            ("?*", "*?"),
            ("*?", "?*"),
            ("***", "**"),
            ("search.web", "search.*"),
            ("a*ä", "a*"),
            ("**a**b**", "**a**"),
        ] {
            assert!(Glob::new(child).is_subset(&Glob::new(parent)), "{child} {parent}");
        }
        for (child, parent) in [
            ("/workspace/**", "/workspace/*"),
            ("/workspace/**", "/workspace/app/**"),
            ("/workspace*/x", "/workspace/**"),
            ("/**", "/workspace/**"),
            ("**", "*"),
            ("*", "?"),
            ("*", "?*"),
            ("/workspace", "/workspace/**"),
            ("/a/**/b", "/a/*/b"),
            ("a?", "ab"),
            ("ä", "a"),
            ("search.*", "search.web"),
            ("", "a"),
            ("a", ""),
        ] {
            assert!(!Glob::new(child).is_subset(&Glob::new(parent)), "{child} {parent}");
        }
    }

    #[test]
    fn comparing_gives_up_before_it_takes_long() {
        let mut work = WORK;
        let child = Glob::new(&format!("*a{}", "?".repeat(8)));
        let parent = Glob::new(&format!("**a{}", "?".repeat(8)));
        assert!(child.is_covered(&parent, &mut work), "256 sets of places are few");
        let child = Glob::new(&format!("*a{}", "?".repeat(30)));
        let parent = Glob::new(&format!("**a{}", "?".repeat(30)));
        work = 0;
        assert!(
            !child.is_covered(&parent, &mut work),
            "a thousand million sets are not, and the answer is the safe one"
        );
        assert_eq!(work, 0);
        assert!(!child.is_subset_within(&Glob::new("**"), &mut work), "nothing is left for another pair");
        assert!(!Glob::new("/a/**").is_subset_within(&Glob::new("/b/**"), &mut { WORK }));
    }
}
