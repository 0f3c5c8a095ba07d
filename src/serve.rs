//! Listening: plain or TLS (1.2 and up), a ready line, certificates read again on SIGHUP and every hour, and an end in
//! which requests under way finish and new ones are refused.

mod stall;

use std::{
    io::Write as _,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use axum_server::{
    Handle,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto::Builder,
};

use crate::{
    admin_link::{self, SETUP_LIFETIME},
    app::{App, StartError},
    background,
    clock::Clock,
    config::{Settings, TlsFiles},
    moment::span,
    router,
    store::StoreError,
    tls::{Certificate, TlsError},
};
use stall::Unstalled;

/// How long requests under way may take to finish at the end.
pub const GRACE: Duration = Duration::from_secs(20);

/// How long the headers of a request may take.
pub const HEADER_TIME: Duration = Duration::from_secs(10);

/// How long a connection may take nothing of an answer that is there for it.
pub const STALL_TIME: Duration = Duration::from_secs(30);

/// Why serving ended or never began.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ServeError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("serving: {0}")]
    Io(#[from] std::io::Error),
}

/// A certificate that listeners share, and the files it is read from again.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    config: RustlsConfig,
}

impl Tls {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// When they cannot be served with.
    pub fn read(files: TlsFiles) -> Result<Self, TlsError> {
        let config = RustlsConfig::from_config(certificate(&files)?.config);
        Ok(Self { files, config })
    }
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// When the certificate is unusable, the application cannot start or the port cannot be had.
pub async fn serve(settings: Settings) -> Result<(), ServeError> {
    // Before the database is made or changed.
    let tls = settings.tls.clone().map(Tls::read).transpose()?;
    let listener = bind(settings.listen)?;
    let app = App::new(settings, Clock::system()).await?;
    let handle = Handle::new();
    tokio::spawn(end_on_signal(handle.clone())?);
    let setup = admin_link::setup(&app).await?;
    let served = run(app.clone(), listener, tls, handle, setup.as_deref()).await;
    app.db.close().await;
    served
}

/// Takes the port; the system queues connections until they are accepted.
///
/// # Errors
/// When it cannot be had.
pub fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let listener = TcpListener::bind(address).map_err(|e| ServeError::Listen(address, e))?;
    listener.set_nonblocking(true).map_err(|e| ServeError::Listen(address, e))?;
    Ok(listener)
}

/// Serves an application on a port until `handle` ends it. Whoever started the process is told the link `setup`, if there
/// is one.
///
/// # Errors
/// When the listener fails.
pub async fn run(
    app: App,
    listener: TcpListener,
    tls: Option<Tls>,
    handle: Handle<SocketAddr>,
    setup: Option<&str>,
) -> Result<(), ServeError> {
    crate::metrics::install();
    let address = listener.local_addr()?;
    let background = background::spawn(app.clone());
    let service = router::router(app).into_make_service_with_connect_info::<SocketAddr>();
    let served = match tls {
        None => {
            ready("http", address, setup);
            let mut server = axum_server::from_tcp(listener)?.acceptor(Unstalled(STALL_TIME));
            limit_headers(server.http_builder());
            server.handle(handle).serve(service).await
        }
        Some(Tls { files, config }) => {
            let reload = tokio::spawn(reload_certificate(config.clone(), files));
            ready("https", address, setup);
            let acceptor = RustlsAcceptor::new(config).acceptor(Unstalled(STALL_TIME));
            let mut server = axum_server::from_tcp(listener)?.acceptor(acceptor);
            limit_headers(server.http_builder());
            let served = server.handle(handle).serve(service).await;
            reload.abort();
            served
        }
    };
    background.abort();
    Ok(served?)
}

/// Who begins a request must finish its headers: a connection that trickles them (slowloris) is closed.
fn limit_headers(builder: &mut Builder<TokioExecutor>) {
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIME);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(HEADER_TIME).keep_alive_timeout(HEADER_TIME);
}

/// For whoever started the process; one who reads only the first line, and goes, ends nothing.
fn ready(scheme: &str, address: SocketAddr, setup: Option<&str>) {
    let mut text = format!("listening on {scheme}://{address}\n");
    if let Some(link) = setup {
        let within = span(SETUP_LIFETIME);
        text += &format!("nobody administers this deployment yet; whoever opens this link within {within} does:\n{link}\n");
    }
    let mut out = std::io::stdout().lock();
    if let Err(e) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        tracing::warn!(cause = %e, "nobody reads the standard output");
    }
}

/// Reads the certificate; its end, when near, is said in the log.
fn certificate(files: &TlsFiles) -> Result<Certificate, TlsError> {
    let certificate = Certificate::read(&files.cert, &files.key)?;
    if let Some(warning) = certificate.warning(Clock::system().now()) {
        tracing::warn!(file = %files.cert.display(), "{warning}");
    }
    Ok(certificate)
}

async fn reload_certificate(config: RustlsConfig, files: TlsFiles) {
    let mut hourly = tokio::time::interval(Duration::from_secs(3_600));
    hourly.tick().await;
    #[cfg(unix)]
    let Ok(mut hangup) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) else { return };
    loop {
        #[cfg(unix)]
        tokio::select! { _ = hourly.tick() => {}, _ = hangup.recv() => {} }
        #[cfg(not(unix))]
        hourly.tick().await;
        match certificate(&files) {
            Ok(read) => {
                config.reload_from_config(read.config);
                tracing::info!("TLS certificate read again");
            }
            Err(e) => tracing::error!(cause = %e, "the TLS certificate could not be read again; the old one stays"),
        }
    }
}

/// Ends serving when the system asks: new connections are refused, requests under way get [`GRACE`]. The signals are
/// taken over at once, not when the returned future is first polled: one that comes right after the ready line counts.
///
/// # Errors
/// When the system does not hand over its signals.
pub fn end_on_signal(handle: Handle<SocketAddr>) -> std::io::Result<impl Future<Output = ()> + Send> {
    #[cfg(unix)]
    let (mut term, mut int) = {
        use tokio::signal::unix::{SignalKind, signal};
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    Ok(async move {
        #[cfg(unix)]
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
        tracing::info!("ending");
        handle.graceful_shutdown(Some(GRACE));
    })
}
