//! A client of the runtime that the options name.

use std::io;

use ixt::ClientTls;
use ixt::arcp::{Client, Failure, Transport};
use tokio::process::Command;

use super::args::{At, Who};
use crate::files::{about, read};

pub(super) async fn connect(at: &At) -> io::Result<Client> {
    let token = token(&at.who)?;
    let mut builder = Client::builder();
    if let Some(command) = &at.child {
        let mut shell = Command::new("sh");
        // It has what it needs by its own options.
        shell.args(["-c", command]).env_remove("IXT_ARCP_TOKEN");
        let transport = Transport::spawn(shell).map_err(|error| about("sh", error))?;
        return builder.over(transport, &token).await.map_err(failed);
    }
    if let Some(tls) = tls(&at.who)? {
        builder = builder.tls(tls);
    }
    builder.connect(&at.url, &token).await.map_err(|why| about(&at.url, why))
}

/// Whom to trust, where that is said.
pub(super) fn tls(who: &Who) -> io::Result<Option<ClientTls>> {
    let read = |roots: &std::path::PathBuf| {
        ClientTls::from_file(roots).map_err(|error| about(roots.display(), error))
    };
    who.tls_roots.as_ref().map(read).transpose()
}

pub(super) fn token(who: &Who) -> io::Result<String> {
    let token = match (&who.token_file, &who.token) {
        (Some(file), _) => String::from_utf8_lossy(&read(file)?).trim().to_owned(),
        (None, Some(token)) => token.clone(),
        (None, None) => {
            let hint = "who asks? Set IXT_ARCP_TOKEN, or give --token-file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, hint));
        }
    };
    if token.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the token is empty"));
    }
    Ok(token)
}

pub(super) fn failed(why: Failure) -> io::Error {
    io::Error::other(why)
}
