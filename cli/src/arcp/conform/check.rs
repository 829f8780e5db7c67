//! What a check is.

use std::future::Future;
use std::pin::Pin;

use super::trial::Trial;
use super::verdict::Verdict;

/// How binding a sentence of the specification is (RFC 2119).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// MUST and MUST NOT.
    Must,
    /// SHOULD and SHOULD NOT.
    Should,
    /// It is said without a keyword, as what is.
    Says,
}

impl Level {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::Says => "says",
        }
    }
}

type Tried<'a> = Pin<Box<dyn Future<Output = Verdict> + 'a>>;

/// How a check is made.
pub(super) enum Run {
    /// By trying.
    Tried(for<'a> fn(&'a Trial) -> Tried<'a>),
    /// By looking at all that the runtime said in the others.
    Seen,
    /// It cannot be seen by a client; why.
    Unseen(&'static str),
}

/// A sentence of the specification as a check.
pub(super) struct Check {
    pub(super) section: &'static str,
    pub(super) level: Level,
    pub(super) name: &'static str,
    /// What a runtime is to do.
    pub(super) expected: &'static str,
    pub(super) run: Run,
}

/// A table of checks: section, level, name, what is expected. A name is its function, or `seen`, or why it is not seen.
macro_rules! checks {
    ($($section:literal $level:ident $name:ident $how:tt $expected:literal;)*) => {
        pub(super) const CHECKS: &[$crate::arcp::conform::check::Check] = &[$(
            $crate::arcp::conform::check::Check {
                section: $section,
                level: $crate::arcp::conform::check::Level::$level,
                name: stringify!($name),
                expected: $expected,
                run: $crate::arcp::conform::check::checks!(@ $name $how),
            },
        )*];
    };
    (@ $name:ident tried) => {
        $crate::arcp::conform::check::Run::Tried(|trial| Box::pin($name(trial)))
    };
    (@ $name:ident seen) => {
        $crate::arcp::conform::check::Run::Seen
    };
    (@ $name:ident ($why:literal)) => {
        $crate::arcp::conform::check::Run::Unseen($why)
    };
}
pub(super) use checks;
