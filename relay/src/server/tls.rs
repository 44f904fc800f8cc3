//! TLS 1.3 with rustls. No session resumption: a ticket would link a client's
//! connections, and a stored session would outlive its connection.

use std::sync::Arc;

use tokio_rustls::rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::NoServerSessionStorage,
    version::TLS13,
};
use zeroize::Zeroizing;

/// Parses a certificate file and a matching key file.
pub(super) fn parse(files: &[Zeroizing<Vec<u8>>]) -> Result<ServerConfig, String> {
    let [certificates, key] = files else {
        return Err("a certificate and a key".to_owned());
    };
    let certificates = CertificateDer::pem_slice_iter(certificates)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| "not PEM")?;
    if certificates.is_empty() {
        return Err("no certificate in it".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| "no private key in --tls-key")?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| error.to_string())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}
