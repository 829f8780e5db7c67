//! A namespace, a target and a pattern, a line each.
#![no_main]

use ixt_arcp::{canonical_target, check_pattern};
use libfuzzer_sys::fuzz_target;

fn is_plain(path: &str) {
    let mut segments = path.split('/');
    assert_eq!(segments.next(), Some(""), "{path}");
    let last = segments.next_back();
    assert!(!matches!(last, Some("." | "..")), "{path}");
    assert!(segments.all(|segment| !matches!(segment, "" | "." | "..")), "{path}");
    let lower = path.to_ascii_lowercase();
    for code in ["%2e", "%2f", "%5c", "%00", "\\", "\0"] {
        assert!(!lower.contains(code), "{path}");
    }
}

fuzz_target!(|text: &str| {
    let mut lines = text.splitn(3, '\n');
    let [namespace, target, pattern] = std::array::from_fn(|_| lines.next().unwrap_or_default());
    for namespace in [namespace, "fs.read", "net.fetch"] {
        let _ = check_pattern(namespace, pattern);
    }
    if let Ok(path) = canonical_target("fs.read", target) {
        is_plain(&path);
        assert!(*path == *"/" || !path.ends_with('/'));
        if !path.contains('%') {
            assert_eq!(canonical_target("fs.read", &path).as_ref(), Ok(&path));
        }
    }
    if let Ok(address) = canonical_target("net.fetch", target) {
        let (scheme, rest) = address.split_once("://").unwrap();
        assert!(matches!(scheme, "http" | "https"));
        let (authority, path) = rest.split_at(rest.find('/').unwrap());
        assert!(!authority.is_empty() && !authority.contains(['@', '?', '#', '%']) && authority.is_ascii());
        assert_eq!(authority, authority.to_ascii_lowercase());
        assert!(!path.contains('#'));
        is_plain(path.split('?').next().unwrap());
        if !path.contains(['%', ' ']) && !path.contains(char::is_whitespace) {
            assert_eq!(canonical_target("net.fetch", &address).as_ref(), Ok(&address));
        }
    }
});
