//! What an operation is about, in the one form that patterns are compared with (§9.3).
//!
//! A path or an address can be spelled in many ways, and a pattern compares characters. Were the spelling left to who
//! asks, `/workspace/../etc/passwd` would be below `/workspace/**`. So a target is made canonical first, and what has no
//! clear canonical form is refused.
//!
//! A path must then be opened in its canonical form and not as it was asked for: `/other/%2e%2e/workspace/a` is allowed
//! as `/workspace/a`, and is another file for who does not decode it. An address is requested as it was asked for, as its
//! canonical form is decoded and for comparing alone; what two programs could read in two ways is refused.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use percent_encoding::percent_decode_str;

/// Why a target, or a pattern for targets, is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// A path that does not begin with `/`.
    #[error("a path must begin with `/`")]
    NotAbsolute,
    /// `..` leads above the root; or stands in a pattern.
    #[error("`..` leads out of what was granted")]
    DotDot,
    /// A `.` or an empty segment in a pattern.
    #[error("a pattern with `.` or nothing between two slashes matches no canonical path")]
    EmptySegment,
    /// A NUL or, in an address, another control character or a space.
    #[error("a control character or a space where none can be")]
    Control,
    /// A backslash, which some systems take for a slash.
    #[error("a backslash, which some systems take for a slash")]
    Backslash,
    /// `%2e`, `%2f`, `%5c` or `%00`: in a pattern, or still there when a target was decoded once.
    #[error("an encoded `.`, `/`, `\\` or NUL, which who decodes it would take for one")]
    Encoded,
    /// Bytes that are no UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Not `http://` or `https://` and a host.
    #[error("not an address as `https://host/path`")]
    Scheme,
    /// A user or password in an address, which hides the host from a reader's eye.
    #[error("a user in an address")]
    UserInfo,
    /// A host that is neither a name of ASCII letters, digits, `-` and `_` nor an address in its usual form.
    #[error("a host must be a name in ASCII (punycode) or an address in its usual form")]
    Host,
    /// A port that is none.
    #[error("a port must be a number from 1 to 65535")]
    Port,
    /// An encoded `/`, `?` or `#` in the path of an address: for some servers a part of a name, for others the end of
    /// one.
    #[error("an encoded `/`, `?` or `#` in an address, which servers read in two ways")]
    Delimiter,
    /// A pattern with capital letters in scheme or host, or with the default port.
    #[error(
        "a pattern with capitals in scheme or host, or with the default port, matches no canonical address"
    )]
    NotCanonical,
}

/// The canonical form of a target in a namespace of §9.2. Where it is canonical already, it is given back as it is.
///
/// - Namespaces that begin with `fs.`: a path. Percent-decoded once; `.`, `..` and doubled slashes resolved; no slash at
///   the end. Symbolic links are the file system's: who opens the file must see to them.
/// - `net.fetch`: an `http` or `https` address. Scheme and host in lower case, the default port dropped, an IPv6 address
///   in its shortest form, the path as above but with its last slash, the query as it is, no fragment.
/// - `tool.call`, `model.use`, `agent.delegate` and all others: as it is. They are names, and whoever has them compares
///   them as they are.
///
/// ```
/// use ixt_arcp::{TargetError, canonical_target};
///
/// assert_eq!(canonical_target("fs.read", "/workspace/../etc/passwd")?, "/etc/passwd");
/// assert_eq!(canonical_target("fs.read", "/workspace/%2e%2e/etc/passwd")?, "/etc/passwd");
/// assert_eq!(canonical_target("fs.read", "/workspace/%252e%252e/etc"), Err(TargetError::Encoded));
/// assert_eq!(canonical_target("net.fetch", "HTTPS://Example.COM:443/a/../b?q=1#top")?, "https://example.com/b?q=1");
/// # Ok::<(), TargetError>(())
/// ```
///
/// # Errors
/// [`TargetError`] says which rule is broken.
pub fn canonical_target<'a>(namespace: &str, target: &'a str) -> Result<Cow<'a, str>, TargetError> {
    match Kind::of(namespace) {
        Kind::Path => {
            if is_canonical_path(target) {
                return Ok(Cow::Borrowed(target));
            }
            Ok(Cow::Owned(resolved(&decoded(target)?, false)?))
        }
        Kind::Address => address(target).map(Cow::Owned),
        Kind::Name => Ok(Cow::Borrowed(target)),
    }
}

/// Checks a pattern of a lease.
///
/// A pattern is compared with canonical targets, which have no `..`, no `//` and nothing encoded. One that has them
/// matches nothing, or, written by who meant `/a/../b` to be `/b`, not what they meant. It is better refused when the
/// job is submitted than found out when the agent is denied.
///
/// # Errors
/// [`TargetError`] says which rule is broken.
pub fn check_pattern(namespace: &str, pattern: &str) -> Result<(), TargetError> {
    let path = match Kind::of(namespace) {
        Kind::Name => return Ok(()),
        Kind::Path => pattern,
        Kind::Address => match pattern.split_once("://") {
            Some((scheme, rest)) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                let default = |of: &str, port: &str| scheme == of && authority.ends_with(port);
                if authority.contains('@') {
                    return Err(TargetError::UserInfo);
                }
                let capitals = |part: &str| part.bytes().any(|byte| byte.is_ascii_uppercase());
                if capitals(scheme)
                    || capitals(authority)
                    || default("http", ":80")
                    || default("https", ":443")
                {
                    return Err(TargetError::NotCanonical);
                }
                path
            }
            None => pattern,
        },
    };
    check_characters(pattern)?;
    let mut segments = path.split('/');
    // What stands before the first slash, and behind the last, may be nothing.
    segments.next();
    segments.next_back();
    if path.split('/').any(|segment| segment == "..") {
        return Err(TargetError::DotDot);
    }
    if path.split('/').any(|segment| segment == ".") || segments.any(str::is_empty) {
        return Err(TargetError::EmptySegment);
    }
    Ok(())
}

enum Kind {
    Path,
    Address,
    Name,
}

impl Kind {
    fn of(namespace: &str) -> Self {
        match namespace {
            "net.fetch" => Self::Address,
            _ if namespace.starts_with("fs.") => Self::Path,
            _ => Self::Name,
        }
    }
}

/// Whether there is nothing to do: the common case, decided without an allocation.
fn is_canonical_path(path: &str) -> bool {
    let plain = |segment: &str| !matches!(segment, "" | "." | "..");
    path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(plain))
        && !path.bytes().any(|byte| matches!(byte, b'%' | b'\\' | 0))
}

/// Percent-decoded once. A `%` that begins no code stands for itself, as in `/data/100%`.
fn decoded(text: &str) -> Result<Cow<'_, str>, TargetError> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| TargetError::NotUtf8)?;
    check_characters(&decoded)?;
    Ok(decoded)
}

/// What neither a decoded target nor a pattern may have.
fn check_characters(text: &str) -> Result<(), TargetError> {
    if text.contains('\0') {
        return Err(TargetError::Control);
    }
    if text.contains('\\') {
        return Err(TargetError::Backslash);
    }
    let code = |at: usize| text.as_bytes().get(at + 1..at + 3).map(<[u8]>::to_ascii_lowercase);
    let encoded = |code: Vec<u8>| matches!(code.as_slice(), b"2e" | b"2f" | b"5c" | b"00");
    if memchr::memchr_iter(b'%', text.as_bytes()).filter_map(code).any(encoded) {
        return Err(TargetError::Encoded);
    }
    Ok(())
}

/// With `.`, `..` and doubled slashes resolved. The last slash is kept where it means something, as it does in an
/// address, and otherwise dropped.
fn resolved(path: &str, keeps_last_slash: bool) -> Result<String, TargetError> {
    let Some(path) = path.strip_prefix('/') else { return Err(TargetError::NotAbsolute) };
    let mut resolved = String::with_capacity(path.len() + 1);
    let mut last = "";
    for segment in path.split('/') {
        last = segment;
        match segment {
            "" | "." => {}
            ".." => {
                let above = resolved.rfind('/').ok_or(TargetError::DotDot)?;
                resolved.truncate(above);
            }
            _ => {
                resolved.push('/');
                resolved.push_str(segment);
            }
        }
    }
    if resolved.is_empty() || keeps_last_slash && matches!(last, "" | "." | "..") {
        resolved.push('/');
    }
    Ok(resolved)
}

/// The canonical form of an address. Libraries for URLs repair what is malformed, each in its own way, which is what
/// must not happen here; so this takes apart by itself what a URL of a known scheme has, and refuses the rest.
fn address(text: &str) -> Result<String, TargetError> {
    if text.chars().any(|character| character.is_control() || character.is_whitespace()) {
        return Err(TargetError::Control);
    }
    if text.contains('\\') {
        return Err(TargetError::Backslash);
    }
    let (scheme, rest) = text.split_once("://").ok_or(TargetError::Scheme)?;
    let (scheme, default_port) = if scheme.eq_ignore_ascii_case("https") {
        ("https", 443)
    } else if scheme.eq_ignore_ascii_case("http") {
        ("http", 80)
    } else {
        return Err(TargetError::Scheme);
    };
    let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
    let (rest, query) = match rest.split_once('?') {
        Some((before, query)) => (before, Some(query)),
        None => (rest, None),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(TargetError::UserInfo);
    }
    let (host, port) = if authority.starts_with('[') {
        let end = authority.find(']').ok_or(TargetError::Host)?;
        let (host, port) = authority.split_at(end + 1);
        match port.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if port.is_empty() => (host, None),
            None => return Err(TargetError::Port),
        }
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let host = canonical_host(host)?;
    let port = port.map(read_port).transpose()?.filter(|&port| port != default_port);
    let slash = |code: &[u8]| code.eq_ignore_ascii_case(b"%2f");
    if path.as_bytes().windows(3).any(slash) {
        return Err(TargetError::Delimiter);
    }
    let path = decoded(if path.is_empty() { "/" } else { path })?;
    if path.chars().any(char::is_control) {
        return Err(TargetError::Control);
    }
    if path.contains(['?', '#']) {
        return Err(TargetError::Delimiter);
    }
    let path = resolved(&path, true)?;
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let (mark, query) = query.map_or(("", ""), |query| ("?", query));
    Ok(format!("{scheme}://{host}{port}{path}{mark}{query}"))
}

fn read_port(text: &str) -> Result<u16, TargetError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = if digits { text.parse().unwrap_or(0) } else { 0 };
    if port == 0 { Err(TargetError::Port) } else { Ok(port) }
}

fn canonical_host(host: &str) -> Result<String, TargetError> {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = address.parse().map_err(|_| TargetError::Host)?;
        return Ok(format!("[{address}]"));
    }
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(letter);
    if host.len() > 253 || !host.split('.').all(label) {
        return Err(TargetError::Host);
    }
    let host = host.to_ascii_lowercase();
    let last = host.rsplit('.').next().unwrap_or_default();
    // Some programs take `127.1`, `0x7f000001` and `2130706433` for addresses: whatever ends as a number must be one.
    let number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    if number && host.parse::<Ipv4Addr>().is_err() {
        return Err(TargetError::Host);
    }
    Ok(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Result<String, TargetError> {
        let read = canonical_target("fs.read", text).map(Cow::into_owned);
        assert_eq!(read, canonical_target("fs.write", text).map(Cow::into_owned));
        read
    }

    fn fetch(text: &str) -> Result<String, TargetError> {
        canonical_target("net.fetch", text).map(Cow::into_owned)
    }

    #[test]
    fn paths() {
        for (text, canonical) in [
            ("/workspace/a.rs", "/workspace/a.rs"),
            ("/workspace/../etc/passwd", "/etc/passwd"),
            ("/workspace/%2e%2e/etc/passwd", "/etc/passwd"),
            ("/workspace/%2E%2e%2Fetc", "/etc"),
            ("/workspace/.%2e/etc", "/etc"),
            ("%2fetc", "/etc"),
            ("//a///b//", "/a/b"),
            ("/a/./b/.", "/a/b"),
            ("/a/b/..", "/a"),
            ("/", "/"),
            ("/.", "/"),
            ("/a/..", "/"),
            ("/a/...", "/a/..."),
            ("/a/..b/.c", "/a/..b/.c"),
            ("/data/100%", "/data/100%"),
            ("/data/100%25", "/data/100%"),
            ("/a%20b", "/a b"),
            ("/%c3%a4", "/ä"),
            ("/ä", "/ä"),
            ("/a\nb", "/a\nb"),
        ] {
            assert_eq!(path(text).as_deref(), Ok(canonical), "{text}");
        }
        for (text, error) in [
            ("", TargetError::NotAbsolute),
            ("a/b", TargetError::NotAbsolute),
            ("./a", TargetError::NotAbsolute),
            ("C:/a", TargetError::NotAbsolute),
            ("/..", TargetError::DotDot),
            ("/a/../../b", TargetError::DotDot),
            ("/%2e%2e", TargetError::DotDot),
            ("/a%00b", TargetError::Control),
            ("/a\0b", TargetError::Control),
            ("/a\\..\\b", TargetError::Backslash),
            ("/a%5cb", TargetError::Backslash),
            ("/a/%252e%252e/b", TargetError::Encoded),
            ("/a%252Fb", TargetError::Encoded),
            ("/a%%32%65", TargetError::Encoded),
            ("/a%255c", TargetError::Encoded),
            ("/a%2500", TargetError::Encoded),
            ("/%ff", TargetError::NotUtf8),
            ("/%c0%ae%c0%ae/etc", TargetError::NotUtf8),
        ] {
            assert_eq!(path(text), Err(error), "{text}");
        }
    }

    #[test]
    fn nothing_is_copied_that_is_canonical() {
        assert!(matches!(canonical_target("fs.read", "/workspace/app/src/main.rs"), Ok(Cow::Borrowed(_))));
        assert!(matches!(canonical_target("tool.call", "../%2e\\"), Ok(Cow::Borrowed("../%2e\\"))));
        assert!(matches!(
            canonical_target("model.use", "Vendor/Model:1"),
            Ok(Cow::Borrowed("Vendor/Model:1"))
        ));
    }

    #[test]
    fn addresses() {
        for (text, canonical) in [
            ("https://example.com", "https://example.com/"),
            ("HTTPS://EXAMPLE.com:443/A", "https://example.com/A"),
            ("http://example.com:80", "http://example.com/"),
            ("http://example.com:443/", "http://example.com:443/"),
            ("http://example.com:08080/", "http://example.com:8080/"),
            ("https://example.com?q=/../x", "https://example.com/?q=/../x"),
            ("https://example.com/a/../b/", "https://example.com/b/"),
            ("https://example.com/a/b/..", "https://example.com/a/"),
            ("https://example.com//a", "https://example.com/a"),
            ("https://example.com/a?x=%2e%2F#y?z", "https://example.com/a?x=%2e%2F"),
            ("https://example.com/a?", "https://example.com/a?"),
            ("https://example.com/%61%20b", "https://example.com/a b"),
            ("https://example.com/ä", "https://example.com/ä"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/"),
            ("http://[::1]:80/x", "http://[::1]/x"),
            ("http://[0:0:0:0:0:0:0:1]", "http://[::1]/"),
            ("http://[2001:DB8::1]:81", "http://[2001:db8::1]:81/"),
            ("https://my_host-1", "https://my_host-1/"),
            ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ] {
            assert_eq!(fetch(text).as_deref(), Ok(canonical), "{text}");
            assert_eq!(
                fetch(canonical).as_deref(),
                if canonical.contains(' ') { Err(&TargetError::Control) } else { Ok(canonical) }
            );
        }
        for (text, error) in [
            ("", TargetError::Scheme),
            ("example.com/a", TargetError::Scheme),
            ("ftp://example.com/", TargetError::Scheme),
            ("file:///etc/passwd", TargetError::Scheme),
            ("https:/example.com", TargetError::Scheme),
            ("https:example.com", TargetError::Scheme),
            ("https://user:pw@example.com/", TargetError::UserInfo),
            ("https://example.com@evil.example/", TargetError::UserInfo),
            ("https:///a", TargetError::Host),
            ("https://", TargetError::Host),
            ("https://.example.com/", TargetError::Host),
            ("https://example.com./", TargetError::Host),
            ("https://a..b/", TargetError::Host),
            ("https://bücher.example/", TargetError::Host),
            ("https://ex%61mple.com/", TargetError::Host),
            ("https://127.1/", TargetError::Host),
            ("https://0x7f.0.0.1/", TargetError::Host),
            ("https://2130706433/", TargetError::Host),
            ("https://127.0.0.01/", TargetError::Host),
            ("https://0x7f000001/", TargetError::Host),
            ("https://[::1/", TargetError::Host),
            ("https://[::1%25eth0]/", TargetError::Host),
            ("https://[v1.x]/", TargetError::Host),
            ("https://::1/", TargetError::Host),
            ("https://[::1]x/", TargetError::Port),
            ("https://example.com:/", TargetError::Port),
            ("https://example.com:0/", TargetError::Port),
            ("https://example.com:65536/", TargetError::Port),
            ("https://example.com:+80/", TargetError::Port),
            ("https://example.com:80:80/", TargetError::Port),
            ("https://example.com/a b", TargetError::Control),
            ("https://example.com/\u{a0}", TargetError::Control),
            ("https://exam\tple.com/", TargetError::Control),
            ("https://example.com/%0d%0a", TargetError::Control),
            ("https://example.com\\@evil.example/", TargetError::Backslash),
            ("https://example.com/a%5c..", TargetError::Backslash),
            ("https://example.com/..", TargetError::DotDot),
            ("https://example.com/%2e%2e/a", TargetError::DotDot),
            ("https://example.com/%252e", TargetError::Encoded),
            ("https://example.com/a%3fb", TargetError::Delimiter),
            ("https://example.com/a%23b", TargetError::Delimiter),
            ("https://example.com/private/x%2F..%2f..%2fpublic/y", TargetError::Delimiter),
        ] {
            assert_eq!(fetch(text), Err(error), "{text}");
        }
    }

    #[test]
    fn patterns_that_match_nothing_canonical_are_refused() {
        for (namespace, pattern) in [
            ("fs.read", "/workspace/**"),
            ("fs.read", "**/*.rs"),
            ("fs.read", "/a/b/"),
            ("fs.read", "/a/.*/..x/*..*"),
            ("fs.write", "/100%/%20"),
            ("fs.read", ""),
            ("net.fetch", "https://*.example.com/**"),
            ("net.fetch", "https://example.com:8443/A/**"),
            ("net.fetch", "http*://**"),
            ("net.fetch", "**"),
            ("net.fetch", "https://example.com"),
            ("tool.call", "../\\%2e"),
            ("x-vendor.anything", "a//b/.."),
        ] {
            assert_eq!(check_pattern(namespace, pattern), Ok(()), "{namespace} {pattern}");
        }
        for (namespace, pattern, error) in [
            ("fs.read", "/workspace/../etc/**", TargetError::DotDot),
            ("fs.read", "..", TargetError::DotDot),
            ("fs.read", "/a/./b", TargetError::EmptySegment),
            ("fs.read", "/a//b", TargetError::EmptySegment),
            ("fs.read", "//a", TargetError::EmptySegment),
            ("fs.read", "/a%2fb", TargetError::Encoded),
            ("fs.read", "/%2E%2E/**", TargetError::Encoded),
            ("fs.read", "/a\\b", TargetError::Backslash),
            ("fs.read", "/a\0", TargetError::Control),
            ("net.fetch", "https://example.com/../**", TargetError::DotDot),
            ("net.fetch", "https://example.com//a", TargetError::EmptySegment),
            ("net.fetch", "https://example.com/%2f", TargetError::Encoded),
            ("net.fetch", "https://user@example.com/**", TargetError::UserInfo),
            ("net.fetch", "https://Example.com/**", TargetError::NotCanonical),
            ("net.fetch", "HTTPS://example.com/**", TargetError::NotCanonical),
            ("net.fetch", "https://example.com:443/**", TargetError::NotCanonical),
            ("net.fetch", "http://example.com:80/**", TargetError::NotCanonical),
        ] {
            assert_eq!(check_pattern(namespace, pattern), Err(error), "{namespace} {pattern}");
        }
    }
}
