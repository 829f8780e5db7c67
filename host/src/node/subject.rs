//! Subjects: `ixt.<to>.<from>` and what follows it (specification 27, "Subjects").

use crate::leaving::Destination;
use crate::looking::ADMIN;

/// A name as one token of a subject: what is not `a` to `z`, a digit, `_` or `-` becomes `=` and two hexadecimal
/// digits.
#[must_use]
pub fn escape(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => out.push(char::from(byte)),
            _ => out.push_str(&format!("={byte:02x}")),
        }
    }
    out
}

/// The name in a token; `None` where [`escape`] did not make it.
pub(super) fn unescape(token: &str) -> Option<String> {
    let mut out = Vec::with_capacity(token.len());
    let mut bytes = token.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'=' {
            let hex = [bytes.next()?, bytes.next()?];
            out.push(u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    let name = String::from_utf8(out).ok()?;
    (escape(&name) == token).then_some(name)
}

/// To whom a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum To {
    Service(String),
    Module(String),
    Topic(String),
    /// One node of a module.
    Inbox(u64),
    /// What the server says of a message of this node's that nobody wanted: the id of its stream.
    Unwanted(u128),
    /// The same of a pipe.
    UnwantedPipe(u64),
}

/// Reads a subject: to whom, and which module it is from. `me` is the module of this node, and `instance` its own.
pub(super) fn read(subject: &str, me: &str, instance: u64) -> Option<(To, String)> {
    let mut tokens = subject.split('.');
    if tokens.next() != Some("ixt") {
        return None;
    }
    let (kind, to) = tokens.next()?.split_at_checked(2)?;
    let (to, from) = (unescape(to)?, unescape(tokens.next()?)?);
    let rest: Vec<_> = tokens.collect();
    let to = match (kind, rest.as_slice()) {
        ("s-", []) => To::Service(to),
        ("m-", []) => To::Module(to),
        ("t-", []) => To::Topic(to),
        ("i-", [at]) if to == me => To::Inbox(hex(at).filter(|at| *at == instance)?),
        ("i-", [at, what]) if to == me && from == me && hex(at) == Some(instance) => match what.len() {
            16 => To::UnwantedPipe(hex(what)?),
            32 => To::Unwanted(u128::from_str_radix(what, 16).ok()?),
            _ => return None,
        },
        _ => return None,
    };
    Some((to, from))
}

fn hex(token: &str) -> Option<u64> {
    (token.len() == 16).then(|| u64::from_str_radix(token, 16).ok())?
}

/// The subject by which what leaves goes there.
pub(super) fn of(to: &Destination, from: &str) -> String {
    let (kind, name) = match to {
        Destination::Service(name) => ("s", name),
        Destination::Module(name) => ("m", name),
        Destination::Topic(name) => ("t", name),
        // Its owner is asked by its inbox.
        Destination::Endpoint(name) => ("e", name),
    };
    format!("ixt.{kind}-{}.{}", escape(name), escape(from))
}

/// What a node listens to that answers who is there.
pub(super) fn question() -> String {
    format!("ixt.t-{}.*", escape(ADMIN))
}

/// The inbox of a node of module `to`.
pub(super) fn inbox(to: &str, from: &str, instance: u64) -> String {
    format!("ixt.i-{}.{}.{instance:016x}", escape(to), escape(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tokens_and_back() {
        for name in ["thumbs", "media.thumbs", "a-b_c", "", "9", "ä*>. =x"] {
            let token = escape(name);
            assert!(!token.contains(['.', '*', '>', ' ']), "{token}");
            assert_eq!(unescape(&token).as_deref(), Some(name));
        }
        for token in ["=", "=2", "=zz", "=61", "A", "=2E", "a.b"] {
            assert_eq!(unescape(token), None, "{token}");
        }
    }

    #[test]
    fn subjects_are_read() {
        let read = |subject: &str| read(subject, "me", 0xff);
        let from = |to| Some((to, "a.b".to_owned()));
        assert_eq!(read(&of(&Destination::Service("x.y".into()), "a.b")), from(To::Service("x.y".into())));
        assert_eq!(read(&of(&Destination::Module("me".into()), "a.b")), from(To::Module("me".into())));
        assert_eq!(read(&of(&Destination::Topic(String::new()), "a.b")), from(To::Topic(String::new())));
        assert_eq!(read(&inbox("me", "a.b", 0xff)), from(To::Inbox(0xff)));
        let mine = |to| Some((to, "me".to_owned()));
        assert_eq!(read("ixt.i-me.me.00000000000000ff.0000000000000002"), mine(To::UnwantedPipe(2)));
        assert_eq!(
            read("ixt.i-me.me.00000000000000ff.00000000000000000000000000000003"),
            mine(To::Unwanted(3))
        );
        for none in [
            "",
            "ixt",
            "ixt.s-x",
            "ixt.s-x.a.b",
            "ixt.x-x.a",
            "other.s-x.a",
            "ixt.i-other.a.00000000000000ff",
            "ixt.i-me.a.00000000000000fe",
            "ixt.i-me.a.ff",
            "ixt.i-me.a.00000000000000ff.0000000000000002",
            "ixt.i-me.me.00000000000000ff.2",
        ] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
