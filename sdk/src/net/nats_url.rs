//! Where there is NATS.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::AddressError;

/// Servers of NATS: `nats://[user[:password]@]host[:port][,host[:port]…][?creds=FILE]`.
///
/// The port is 4222 where none is said. A user without a password is a token. `creds` is a file of credentials, as
/// `nsc` makes them. The password is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct NatsUrl {
    /// `host:port` of each.
    pub(super) servers: Vec<String>,
    pub(super) user: Option<(String, Option<String>)>,
    pub(super) creds: Option<PathBuf>,
}

const PORT: u16 = 4222;

impl NatsUrl {
    /// Reads what stands behind `nats://`.
    pub(super) fn parse(rest: &str) -> Result<Self, AddressError> {
        let (authority, query) = rest.split_once('?').map_or((rest, None), |(at, query)| (at, Some(query)));
        let authority = authority.trim_end_matches('/');
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (Some(user), hosts),
            None => (None, authority),
        };
        // What is wrong is told without what is secret.
        let wrong = || AddressError(format!("nats://{}{hosts}", if user.is_some() { "…@" } else { "" }));
        let decode = |part: &str| {
            let text = percent_decode_str(part).decode_utf8().map_err(|_| wrong())?;
            Ok::<_, AddressError>(text.into_owned())
        };
        let user = match user
            .map(|user| user.split_once(':').map_or((user, None), |(user, word)| (user, Some(word))))
        {
            Some((user, word)) => Some((decode(user)?, word.map(decode).transpose()?)),
            None => None,
        };
        let creds = match query.map(|query| query.split_once('=')) {
            None => None,
            Some(Some(("creds", file))) if !file.is_empty() => Some(PathBuf::from(decode(file)?)),
            Some(_) => return Err(wrong()),
        };
        let servers =
            hosts.split(',').map(|host| with_port(host).ok_or_else(wrong)).collect::<Result<_, _>>()?;
        Ok(Self { servers, user, creds })
    }
}

fn with_port(host: &str) -> Option<String> {
    // The colons of an address in brackets are none of a port.
    let name_ends = host.rfind(']').map_or(0, |at| at + 1);
    match host.get(name_ends..)?.rsplit_once(':') {
        _ if host.is_empty() || host.contains('/') => None,
        Some((_, port)) => {
            port.parse::<u16>().ok().filter(|_| !host.starts_with(':')).map(|_| host.to_owned())
        }
        None => Some(format!("{host}:{PORT}")),
    }
}

impl fmt::Display for NatsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nats://{}", self.servers.join(","))
    }
}

impl fmt::Debug for NatsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_nats_are_read_and_their_secrets_not_shown() {
        let url = NatsUrl::parse("me:p%40ss@a,b:1,[::1],[::1]:2/?creds=/x%20y").unwrap();
        assert_eq!(url.servers, ["a:4222", "b:1", "[::1]:4222", "[::1]:2"]);
        assert_eq!(url.user, Some(("me".into(), Some("p@ss".into()))));
        assert_eq!(url.creds, Some("/x y".into()));
        assert_eq!(format!("{url} {url:?}").matches("p@ss").count(), 0);
        for wrong in ["", "a:b", "a:99999", ":1", "a,", "me:secret@", "a?x=1", "a?creds=", "a/b", "%ff@a"] {
            let error = NatsUrl::parse(wrong).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
