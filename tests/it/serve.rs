//! Listening: an end in which requests under way finish, TLS from 1.2 on, and a certificate that is read again.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use axum_server::Handle;
use gatehouse::{config::TlsFiles, serve};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    version,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::world::{Backend, World};

/// Another listener over the world's application.
async fn listen(world: &World, tls: Option<TlsFiles>) -> (SocketAddr, Handle<SocketAddr>, tokio::task::JoinHandle<bool>) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let listener = serve::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = listener.local_addr().unwrap();
    let tls = tls.map(|files| serve::Tls::read(files).unwrap());
    let handle = Handle::new();
    let running = tokio::spawn({
        let (app, handle) = (world.app.clone(), handle.clone());
        async move { serve::run(app, listener, tls, handle, None).await.is_ok() }
    });
    handle.listening().await;
    (address, handle, running)
}

#[tokio::test]
async fn requests_under_way_finish_and_new_ones_are_refused() {
    let world = World::new(Backend::Sqlite).await;
    let (address, handle, running) = listen(&world, None).await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    let head = "POST /oauth2/token HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 14\r\nexpect: 100-continue\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut buffer = [0u8; 25];
    slow.read_exact(&mut buffer).await.unwrap();
    assert_eq!(&buffer, b"HTTP/1.1 100 Continue\r\n\r\n", "the request is under way");

    handle.graceful_shutdown(Some(Duration::from_secs(20)));
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    slow.write_all(b"client_id=none").await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "it got its answer: {answer}");
    assert!(running.await.unwrap(), "and then serving ended in order");
}

fn certificate(dir: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(dir.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    CertificateDer::from_pem_slice(made.cert.pem().as_bytes()).unwrap()
}

/// Shakes hands trusting `root`; the protocol version agreed on.
async fn shake(
    address: SocketAddr,
    root: &CertificateDer<'static>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Option<rustls::ProtocolVersion> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let config = ClientConfig::builder_with_protocol_versions(versions).with_root_certificates(roots).with_no_client_auth();
    let mut tls = rustls::ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
    let socket = std::net::TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    tokio::task::spawn_blocking(move || {
        let mut socket = socket;
        while tls.is_handshaking() {
            tls.complete_io(&mut socket).ok()?;
        }
        tls.protocol_version()
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_from_1_2_on_with_a_certificate_that_is_read_again() {
    let world = World::new(Backend::Sqlite).await;
    let first = certificate(world.dir.path());
    let files = TlsFiles { cert: world.dir.path().join("cert.pem"), key: world.dir.path().join("key.pem") };
    let (address, handle, running) = listen(&world, Some(files.clone())).await;
    assert_eq!(shake(address, &first, &[&version::TLS13]).await, Some(rustls::ProtocolVersion::TLSv1_3));
    assert_eq!(shake(address, &first, &[&version::TLS12]).await, Some(rustls::ProtocolVersion::TLSv1_2));
    // TLS 1.1 and SSL cannot be spoken by our client at all: say hello by hand with version 3.2 and no extensions.
    let mut old = TcpStream::connect(address).await.unwrap();
    let mut hello = vec![0x16, 3, 1, 0, 47, 1, 0, 0, 43, 3, 2];
    hello.extend([7u8; 32]);
    hello.extend([0, 0, 4, 0xc0, 0x13, 0, 0x2f, 1, 0]);
    old.write_all(&hello).await.unwrap();
    let mut alert = [0u8; 7];
    old.read_exact(&mut alert).await.unwrap();
    assert_eq!((alert[0], alert[5]), (0x15, 2), "a fatal alert");

    let second = certificate(world.dir.path());
    assert_eq!(shake(address, &second, &[&version::TLS13]).await, None, "not yet read");
    hang_up();
    while shake(address, &second, &[&version::TLS13]).await.is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(shake(address, &first, &[&version::TLS13]).await, None, "the old certificate is gone");
    std::fs::write(&files.cert, "garbage").unwrap();
    hang_up();
    assert!(shake(address, &second, &[&version::TLS13]).await.is_some(), "a broken file changes nothing");
    handle.shutdown();
    assert!(running.await.unwrap());
}

/// SIGHUP to this process: only listeners with TLS take notice of it.
fn hang_up() {
    let sent = std::process::Command::new("kill").args(["-HUP", &std::process::id().to_string()]).status().unwrap();
    assert!(sent.success());
}
