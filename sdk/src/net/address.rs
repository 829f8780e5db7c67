//! Where a host listens, or a server of NATS.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::NatsUrl;

/// Where a host listens, or where there is NATS, as a URL: `unix:///run/ixt.sock`, `tcp://127.0.0.1:7600`,
/// `tls://host.example:7600`, `nats://nats.example`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// A Unix socket.
    Unix(PathBuf),
    /// TCP without encryption: for tests and for links that are encrypted otherwise.
    Tcp(String),
    /// TCP with TLS.
    Tls(String),
    /// Servers of NATS, one or a cluster: the module needs no host then. Only with the feature `nats`.
    Nats(NatsUrl),
}

/// A URL that is no address of a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address: use unix:///path, tcp://host:port, tls://host:port or nats://host")]
pub struct AddressError(pub(super) String);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(url: &str) -> Result<Self, AddressError> {
        let with_port = |rest: &str| {
            let port = rest.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
            port.map(|_| rest.to_owned())
        };
        match url.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Some(Self::Unix(path.into())),
            Some(("tcp", rest)) => with_port(rest).map(Self::Tcp),
            Some(("tls", rest)) => with_port(rest).map(Self::Tls),
            Some(("nats", rest)) => return NatsUrl::parse(rest).map(Self::Nats),
            _ => None,
        }
        .ok_or_else(|| AddressError(url.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(at) => write!(f, "tcp://{at}"),
            Self::Tls(at) => write!(f, "tls://{at}"),
            Self::Nats(url) => url.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_written() {
        for url in ["unix:///run/ixt.sock", "tcp://127.0.0.1:7600", "tls://[::1]:7600", "nats://a:4222,b:1"] {
            assert_eq!(url.parse::<Address>().map(|address| address.to_string()), Ok(url.to_owned()));
        }
        for url in
            ["", "unix://relative", "tcp://host", "tcp://host:99999", "http://host:80", "/run/ixt.sock"]
        {
            assert!(url.parse::<Address>().is_err(), "{url}");
        }
    }
}
