//! A small TLS client: what the demo and the tests call the gateway with. How the gateway itself speaks TLS with
//! apps is in `app`.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, Error, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::alert::alert_name;

/// The client's end of a TLS stream.
pub type ClientStream = tokio_rustls::client::TlsStream<TcpStream>;

/// Why there is no TLS connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No certificate or key can be read from the PEM that was given.
    #[error("the client's PEM cannot be read: {0:?}")]
    Pem(pem::Error),
    /// The certificates that were given cannot be used.
    #[error("the client's certificates cannot be used: {0}")]
    Setup(#[from] Error),
    /// What was given is no server name.
    #[error(transparent)]
    ServerName(#[from] InvalidDnsNameError),
    /// The handshake failed.
    #[error("the handshake failed: {0}")]
    Handshake(#[from] io::Error),
}

/// Does a handshake on `stream` as a client that trusts the CAs in `ca_pem` and shows the certificate in
/// `identity_pem` (its chain and its key, in one PEM text) if there is one.
///
/// With TLS 1.3 a client has finished before the server looks at its certificate: a refusal then comes as
/// the error of the first read. [`alert`] finds it there.
///
/// # Errors
/// [`ConnectError`], whose handshake failure [`alert`] understands as well.
pub async fn connect(
    stream: TcpStream,
    server_name: &str,
    ca_pem: &str,
    identity_pem: Option<&str>,
) -> Result<ClientStream, ConnectError> {
    let config = config(ca_pem, identity_pem)?;
    let server_name = ServerName::try_from(server_name.to_owned())?;
    let connector = TlsConnector::from(Arc::new(config));
    Ok(connector.connect(server_name, stream).await?)
}

fn config(ca_pem: &str, identity_pem: Option<&str>) -> Result<ClientConfig, ConnectError> {
    let mut roots = RootCertStore::empty();
    for ca in certificates(ca_pem)? {
        roots.add(ca)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_root_certificates(roots);
    Ok(match identity_pem {
        Some(pem) => {
            let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(ConnectError::Pem)?;
            builder.with_client_auth_cert(certificates(pem)?, key)?
        }
        None => builder.with_no_client_auth(),
    })
}

fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(ConnectError::Pem)
}

/// The TLS alert that lies at the bottom of an error, by the name that the RFCs give it:
/// `certificate_required`.
pub fn alert(error: &(dyn StdError + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(Error::AlertReceived(alert)) = error.downcast_ref::<Error>() {
            return Some(alert_name(*alert));
        }
        // The source of an I/O error is that of the error it wraps, which would be passed over.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use rustls::AlertDescription;

    use super::*;

    #[test]
    fn an_alert_is_found_below_other_errors() {
        let refused = Error::AlertReceived(AlertDescription::CertificateExpired);
        let wrapped = ConnectError::Handshake(io::Error::other(io::Error::other(refused)));
        assert_eq!(alert(&wrapped).as_deref(), Some("certificate_expired"));
        assert_eq!(alert(&io::Error::other("something else")), None);
    }
}
