//! The hosts that a runtime is called by.

/// Whether a `Host` header names an address, `localhost`, or one of these names, which are in lower case. A page of a
/// foreign site that makes its name point here says that name (DNS rebinding), and must get nowhere (ARCP §14).
#[must_use]
pub fn is_known_host(host: &str, names: &[String]) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let lower = name.to_ascii_lowercase();
    bare.parse::<std::net::IpAddr>().is_ok() || lower == "localhost" || names.contains(&lower)
}

#[cfg(test)]
mod tests {
    use super::is_known_host;

    #[test]
    fn addresses_and_names_that_were_given_are_known() {
        let names = ["arcp.example.com".to_owned()];
        for host in [
            "127.0.0.1",
            "127.0.0.1:80",
            "[::1]:7777",
            "[::1]",
            "localhost:1",
            "LOCALHOST",
            "arcp.example.com",
            "ARCP.example.com:443",
        ] {
            assert!(is_known_host(host, &names), "{host}");
        }
        for host in [
            "",
            "evil.example.com",
            "arcp.example.com.evil.com",
            "127.0.0.1.evil.com:80",
            "localhost.evil.com",
            ":80",
        ] {
            assert!(!is_known_host(host, &names), "{host}");
        }
    }
}
