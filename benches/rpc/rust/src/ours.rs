//! Ours: directly between two processes, and through a host.

use std::sync::Arc;

use ixt::core::connection::Config;
use ixt::{Call, Client, Module, ModuleBuilder};

use crate::Failure;

/// Messages that the application has at once, where it has many.
const BATCH: usize = 64;

fn config() -> Config {
    let mut config = Config::default();
    // As much as gRPC's 64 KiB lets 64-byte messages be under way.
    (config.window, config.initial_credit) = (1024, 1024);
    config
}

/// Everything that is measured, under a name.
pub(crate) fn echo(name: &str, config: Config) -> ModuleBuilder {
    Module::builder(name)
        .connection(config)
        .unary("unary", |_context, payload| async { Ok(payload) })
        .service("each", |_context, call: Arc<Call>| async move {
            while let Some(message) = call.recv().await? {
                call.send(message).await?;
            }
            Ok(())
        })
        .service("batches", |_context, call: Arc<Call>| async move {
            let mut messages = Vec::new();
            while call.recv_many(&mut messages).await? > 0 {
                call.send_many(&messages).await?;
                messages.clear();
            }
            Ok(())
        })
        .service("count", |_context, call: Arc<Call>| async move {
            let mut bytes = 0;
            while let Some(message) = call.recv().await? {
                bytes += message.len();
            }
            call.send(bytes.to_string()).await
        })
}

/// Listens at the URL itself, or is a module at what is there: a host.
pub(crate) async fn serve(url: &str, through_host: bool) -> Result<(), Failure> {
    let echo = echo("echo", config());
    if through_host {
        let module = echo.connect_patiently(url).await?;
        module.serve().await?;
    } else {
        echo.listen(url, None).await?.serve().await;
    }
    Ok(())
}

pub(crate) async fn host(url: &str) -> Result<(), Failure> {
    ixt::Host::builder().bind(url).await?.serve().await;
    Ok(())
}

#[derive(Clone)]
pub(crate) struct Ours {
    client: Client,
    /// Keeps the module's connection.
    _module: Option<Arc<Module>>,
}

impl Ours {
    pub(crate) async fn connect(url: &str, through_host: bool) -> Result<Self, Failure> {
        if through_host {
            let module = Module::builder("caller").connection(config()).connect_patiently(url).await?;
            return Ok(Self { client: module.client(), _module: Some(Arc::new(module)) });
        }
        Ok(Self { client: Client::direct("caller", url, config(), None).await?, _module: None })
    }

    pub(crate) async fn unary(&self, payload: &[u8]) -> Result<usize, Failure> {
        Ok(self.client.service("unary").unary(payload).await?.len())
    }

    /// Sends so many messages and reads as many back, as quickly as both go.
    pub(crate) async fn each(&self, payload: Vec<u8>, count: usize) -> Result<usize, Failure> {
        let call = Arc::new(self.client.service("each").bidi_stream()?);
        let sender = Arc::clone(&call);
        let sending = tokio::spawn(async move {
            for _ in 0..count {
                sender.send(&payload).await?;
            }
            sender.close()
        });
        let mut bytes = 0;
        while let Some(answer) = call.recv().await? {
            bytes += answer.len();
        }
        sending.await??;
        Ok(bytes)
    }

    /// As [`each`](Self::each), many messages a call.
    pub(crate) async fn batches(&self, payload: &[u8], count: usize) -> Result<usize, Failure> {
        let call = Arc::new(self.client.service("batches").bidi_stream()?);
        let (sender, payloads) = (Arc::clone(&call), vec![payload.to_vec(); BATCH]);
        let sending = tokio::spawn(async move {
            for _ in 0..count / BATCH {
                sender.send_many(&payloads).await?;
            }
            sender.send_many(&payloads[..count % BATCH]).await?;
            sender.close()
        });
        let (mut bytes, mut messages) = (0, Vec::new());
        while call.recv_many(&mut messages).await? > 0 {
            bytes += messages.drain(..).map(|message| message.len()).sum::<usize>();
        }
        sending.await??;
        Ok(bytes)
    }

    /// Sends so many messages, and has the other side tell how many bytes came.
    pub(crate) async fn count(&self, payload: &[u8], count: usize) -> Result<usize, Failure> {
        let call = self.client.service("count").client_stream()?;
        for _ in 0..count {
            call.send(payload).await?;
        }
        call.close()?;
        Ok(std::str::from_utf8(&call.recv_one().await?)?.parse()?)
    }
}
