//! TLS, by rustls.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What is wrong with a certificate, a key, or the peer's.
#[derive(Debug, thiserror::Error)]
#[error("TLS: {0}")]
pub struct TlsError(pub(crate) String);

/// The certificate of a host that listens with TLS.
#[derive(Clone)]
pub struct ServerTls(pub(crate) Arc<ServerConfig>);

/// Whom a module trusts that connects with TLS.
#[derive(Clone)]
pub struct ClientTls(pub(crate) Arc<ClientConfig>);

fn wrong(error: impl std::fmt::Display) -> TlsError {
    TlsError(error.to_string())
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

impl ServerTls {
    /// Reads a certificate chain and its key, both PEM.
    ///
    /// # Errors
    /// A file that cannot be read or holds no such thing, a key that does not belong to the certificate.
    pub fn from_files(certificates: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = certificates_of(certificates)?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(wrong)?;
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(wrong)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(wrong)?;
        Ok(Self(Arc::new(config)))
    }
}

impl ClientTls {
    /// Speaks TLS on a connection to this host: a name, or an address, also in brackets.
    pub(crate) async fn connect<E: From<TlsError> + From<std::io::Error>>(
        tls: Option<&Self>,
        stream: TcpStream,
        host: &str,
    ) -> Result<TlsStream<TcpStream>, E> {
        let Some(Self(config)) = tls else {
            return Err(TlsError("no certificate is trusted: set the roots".into()).into());
        };
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(name).map_err(wrong)?;
        Ok(TlsConnector::from(Arc::clone(config)).connect(name, stream).await?)
    }

    /// Trusts the certificates of this PEM file, and what they have signed.
    ///
    /// # Errors
    /// A file that cannot be read or holds no certificate.
    pub fn from_file(roots: &Path) -> Result<Self, TlsError> {
        let mut store = RootCertStore::empty();
        for certificate in certificates_of(roots)? {
            store.add(certificate).map_err(wrong)?;
        }
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(wrong)?
            .with_root_certificates(store)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}

fn certificates_of(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_file_iter(file).map_err(wrong)?;
    let certificates = found.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    if certificates.is_empty() {
        Err(wrong(format!("{} holds no certificate", file.display())))
    } else {
        Ok(certificates)
    }
}

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerTls")
    }
}

impl std::fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientTls")
    }
}
