//! HTTPS served by the relay itself.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject as _},
    version::{TLS12, TLS13},
};

use crate::{server::Process, wait::wait_for};

/// Writes a certificate for localhost to the path in the flags.
fn certificate(directory: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(directory.join("cert.pem"), cert.pem()).unwrap();
    std::fs::write(directory.join("key.pem"), signing_key.serialize_pem()).unwrap();
    CertificateDer::from_pem_slice(cert.pem().as_bytes()).unwrap()
}

fn flags(directory: &Path) -> String {
    let path = |name| directory.join(name).display().to_string();
    format!(
        "--tls-cert {} --tls-key {}",
        path("cert.pem"),
        path("key.pem")
    )
}

fn start(directory: &Path) -> Process {
    Process::start(directory, &flags(directory), Stdio::null())
}

/// Requests `/v1/info`, trusting only this certificate.
fn info(relay: SocketAddr, trusted: &CertificateDer<'static>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let client = ClientConnection::new(config.into(), "localhost".try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(client, TcpStream::connect(relay)?);
    stream.write_all(b"GET /v1/info HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(stream.conn.tls13_tickets_received(), 0);
    Ok(answer)
}

#[test]
fn invalid_certificates_are_refused_at_start() {
    let directory = TempDir::new().unwrap();
    certificate(directory.path());
    let key = std::fs::read(directory.path().join("key.pem")).unwrap();
    certificate(directory.path());
    let refused = || Process::refused(directory.path(), &flags(directory.path()));
    std::fs::write(directory.path().join("key.pem"), key).unwrap();
    assert!(refused().contains("cert.pem"), "of another certificate");
    std::fs::write(directory.path().join("key.pem"), "").unwrap();
    assert!(refused().contains("no private key"));
    std::fs::write(directory.path().join("cert.pem"), "").unwrap();
    assert!(refused().contains("no certificate"));
    std::fs::remove_file(directory.path().join("cert.pem")).unwrap();
    assert!(refused().contains("cert.pem"));
    let half = flags(directory.path());
    let (half, _) = half.split_once(" --tls-key").unwrap();
    assert!(Process::refused(directory.path(), half).contains("--tls-key"));
}

#[test]
fn only_https_with_tls_1_3_is_served() {
    let directory = TempDir::new().unwrap();
    let certificate = certificate(directory.path());
    let process = start(directory.path());
    let relay = process.client.0;
    let answer = info(relay, &certificate).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(!answer.to_lowercase().contains("server:"), "{answer}");

    // Plain HTTP is refused.
    assert!(
        process
            .client
            .try_request("GET", "/v1/info", &[], b"")
            .is_none()
    );
    let provider = Arc::new(aws_lc_rs::default_provider());
    let old = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let old = ClientConnection::new(old.into(), "localhost".try_into().unwrap()).unwrap();
    let mut old = StreamOwned::new(old, TcpStream::connect(relay).unwrap());
    assert!(old.write_all(b"x").and_then(|()| old.flush()).is_err());
    assert_eq!(process.terminate(), Some(0));
}

#[test]
fn certificates_are_renewed_without_a_restart() {
    let directory = TempDir::new().unwrap();
    let old = certificate(directory.path());
    let process = start(directory.path());
    let relay = process.client.0;
    info(relay, &old).unwrap();
    let new = certificate(directory.path());
    process.signal("HUP");
    wait_for("the new certificate", || info(relay, &new).is_ok());
    assert!(info(relay, &old).is_err());
    // An incomplete renewal changes nothing.
    std::fs::write(directory.path().join("key.pem"), "").unwrap();
    process.signal("HUP");
    std::thread::sleep(Duration::from_millis(300));
    info(relay, &new).unwrap();
    assert_eq!(process.terminate(), Some(0));
}
