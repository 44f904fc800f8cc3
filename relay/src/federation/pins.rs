//! TLS 1.3 between members: both sides accept exactly the keys of the file. No
//! certificate authority, name or date counts.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
    server::{
        NoServerSessionStorage,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    version::TLS13,
};

use super::Pin;

/// Certificate and key of this member.
#[derive(Debug)]
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Parses the PEM files. The reason for a refusal names the flag.
    ///
    /// # Errors
    ///
    /// The reason.
    pub fn parse(certificate: &[u8], key: &[u8]) -> Result<Self, String> {
        let certificate = CertificateDer::from_pem_slice(certificate);
        let certificate = certificate.map_err(|_| "--peer-cert: no certificate in PEM form")?;
        let key = PrivateKeyDer::from_pem_slice(key);
        let key = key.map_err(|_| "--peer-key: no private key in PEM form")?;
        Ok(Self { certificate, key })
    }

    /// The pin of the certificate, for the file of members.
    ///
    /// # Errors
    ///
    /// If it is not an X.509 certificate.
    pub fn pin(&self) -> Result<Pin, String> {
        pin(&self.certificate).map_err(|_| "--peer-cert: not an X.509 certificate".to_owned())
    }

    /// What this member serves on its peer port, to members with these pins.
    ///
    /// # Errors
    ///
    /// If the key does not belong to the certificate.
    pub fn server(&self, pins: Vec<Pin>) -> Result<ServerConfig, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Pinned::new(pins, &provider);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| error.to_string())?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![self.certificate.clone()], self.key.clone_key())
            .map_err(|error| format!("--peer-key: {error}"))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(config)
    }

    /// How this member connects to a member with these pins.
    ///
    /// # Errors
    ///
    /// If the key does not belong to the certificate.
    pub fn client(&self, pins: Vec<Pin>) -> Result<ClientConfig, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Pinned::new(pins, &provider);
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_auth_cert(vec![self.certificate.clone()], self.key.clone_key())
            .map_err(|error| format!("--peer-key: {error}"))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.enable_sni = false;
        config.resumption = tokio_rustls::rustls::client::Resumption::disabled();
        Ok(config)
    }
}

/// The pin of a certificate: SHA-256 of its `SubjectPublicKeyInfo`.
fn pin(certificate: &CertificateDer<'_>) -> Result<Pin, Error> {
    let bad = |_| Error::InvalidCertificate(CertificateError::BadEncoding);
    let certificate = webpki::EndEntityCert::try_from(certificate).map_err(bad)?;
    Ok(Sha256::digest(certificate.subject_public_key_info()).into())
}

/// Accepts certificates with a pinned key whose owner signed the handshake.
#[derive(Debug)]
struct Pinned {
    pins: Vec<Pin>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Pinned {
    fn new(pins: Vec<Pin>, provider: &CryptoProvider) -> Arc<Self> {
        let algorithms = provider.signature_verification_algorithms;
        Arc::new(Self { pins, algorithms })
    }

    /// The proof of the caller's trait that a certificate was accepted.
    fn accept<T>(&self, certificate: &CertificateDer<'_>, accepted: T) -> Result<T, Error> {
        match self.pins.contains(&pin(certificate)?) {
            true => Ok(accepted),
            false => Err(Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            )),
        }
    }
}

/// What both traits of rustls want of signatures.
macro_rules! signatures {
    () => {
        /// TLS 1.2 is not offered.
        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(Error::General("TLS 1.2".to_owned()))
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, certificate, signature, &self.algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.algorithms.supported_schemes()
        }
    };
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.accept(end_entity, ServerCertVerified::assertion())
    }

    signatures!();
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.accept(end_entity, ClientCertVerified::assertion())
    }

    signatures!();
}
