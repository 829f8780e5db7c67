//! `ixt arcp`: agents that run jobs, and clients that submit and follow them.

mod agent;
mod args;
mod follow;
mod serve;
mod show;

use std::io;

pub(crate) use args::Arcp;

use args::{At, What};
use ixt::arcp::{Client, Failure};
use ixt::{ClientTls, TlsError};

pub(crate) async fn run(options: &Arcp) -> io::Result<bool> {
    match &options.what {
        What::Serve(options) => serve::run(options).await,
        What::Submit(options) => follow::submit(options).await,
        What::Tail(options) => follow::tail(options).await,
        What::Replay(options) => follow::replay(options).await,
        What::List(options) => follow::list(options).await,
        What::Cancel(options) => follow::cancel(options).await,
    }
}

/// A client of the runtime that the options name.
async fn connect(at: &At) -> io::Result<Client> {
    let mut builder = Client::builder();
    if let Some(roots) = &at.trust {
        builder = builder.tls(ClientTls::from_file(roots).map_err(|error: TlsError| io::Error::other(error))?);
    }
    builder.connect(&at.url, &at.token).await.map_err(failed)
}

fn failed(why: Failure) -> io::Error {
    io::Error::other(why)
}
