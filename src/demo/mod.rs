//! `gatehouse demo`: the whole journey on one machine, in one process; never reachable under `serve`.
//!
//! Three listeners, all on loopback: gatehouse itself (`http://localhost:8080`), a development identity provider, which is
//! a second gatehouse (`http://127.0.0.1:8081`), and a small control plane (`http://localhost:8082`) that does what a
//! real one does. `instance` makes the two gatehouses, `state` holds what is applied to them, `control_plane` is the
//! third, with `hops` and `tokens` as its parts, and `mailbox`, where mails end. `saml` makes the identity provider speak
//! SAML too.
//!
//! The two gatehouses must differ in host, not only in port: browsers keep one jar of cookies for all ports of a host, and
//! the `__Host-` cookies of one would push out the other's.

mod control_plane;
mod hops;
mod instance;
pub mod mailbox;
pub mod page;
mod saml;
mod state;
mod tokens;

use std::{
    fmt,
    io::ErrorKind,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use axum::Router;
use axum_server::Handle;
use mailbox::Mailbox;
use tokio::task::JoinHandle;

use crate::{
    app::{App, StartError},
    background,
    clock::Clock,
    delivery::mail::Kept,
    outbound::OutboundError,
    router, secret,
    serve::end_on_signal,
};

/// Where the demo listens and keeps its files. A port of 0 picks a free one. The host is always loopback: the demo's
/// passwords are known to everybody.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of its databases, keys and `demo.yaml`; made when missing.
    pub dir: PathBuf,
    /// The port of gatehouse.
    pub port: u16,
    /// The port of the development identity provider.
    pub idp_port: u16,
    /// The port of the control plane.
    pub control_plane_port: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self { dir: "demo-data".into(), port: 8080, idp_port: 8081, control_plane_port: 8082 }
    }
}

/// Why the demo did not start or went down.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum DemoError {
    #[error("port {port} cannot be had: {cause}. Stop what listens there, or choose another with {option} (0 picks a free one)")]
    Port { port: u16, option: &'static str, cause: std::io::Error },
    #[error("{}: {cause}", path.display())]
    File { path: PathBuf, cause: std::io::Error },
    #[error(
        "the data in {} is of an identity provider at {found}, and people signed in by it are known by that address. \
         Start with the same --idp-port, or with another --dir", dir.display()
    )]
    OtherProvider { dir: PathBuf, found: String },
    #[error("{0}")]
    Settings(String),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error("serving: {0}")]
    Serve(#[from] std::io::Error),
}

/// The running demo.
pub struct Demo {
    /// The control plane's URL: the one to open.
    pub control_plane: String,
    /// Gatehouse's URL.
    pub gatehouse: String,
    /// The development identity provider's URL.
    pub identity_provider: String,
    dir: PathBuf,
    servers: Vec<(Handle<SocketAddr>, JoinHandle<std::io::Result<()>>)>,
    apps: Vec<(App, JoinHandle<()>)>,
}

/// Runs the demo until SIGTERM or SIGINT, and says on standard output what to open.
///
/// # Errors
/// When it cannot start or a listener fails.
#[expect(clippy::print_stdout, reason = "the welcome is for whoever started the process")]
pub async fn run(options: Options) -> Result<(), DemoError> {
    let demo = start(options).await?;
    for (handle, _) in &demo.servers {
        tokio::spawn(end_on_signal(handle.clone())?);
    }
    println!("{demo}");
    demo.finished().await
}

/// Starts the demo; when it returns, all three answer.
///
/// # Errors
/// When a port, a file or the state is not as it must be.
pub async fn start(options: Options) -> Result<Demo, DemoError> {
    crate::metrics::install();
    let (gatehouse_port, gatehouse) = bind(options.port, "--port")?;
    let (idp_port, idp) = bind(options.idp_port, "--idp-port")?;
    let (control_plane_port, control_plane) = bind(options.control_plane_port, "--control-plane-port")?;
    let urls = state::Urls {
        gatehouse: format!("http://localhost:{gatehouse_port}"),
        identity_provider: format!("http://127.0.0.1:{idp_port}"),
        control_plane: format!("http://localhost:{control_plane_port}"),
    };
    let dir = &options.dir;
    instance::prepare(dir, &urls.identity_provider)?;

    let idp_secret = secret::random();
    let idp_app = instance::identity_provider(dir, &urls, &idp_secret).await?;
    let kept = Kept::default();
    let app = instance::gatehouse(dir, &urls, idp_port, &idp_secret, kept.clone()).await?;
    let mailbox = Mailbox { app: app.clone(), kept };
    let routes = control_plane::routes(&urls, gatehouse_port, Clock::system(), mailbox)?;

    let idp_routes = router::router(idp_app.clone()).merge(saml::routes(&urls, idp_app.clone(), app.clone()));
    let listeners = [(gatehouse, router::router(app.clone())), (idp, idp_routes), (control_plane, routes)];
    let servers = listeners.into_iter().map(|(listener, routes)| serve(listener, routes)).collect::<Result<_, _>>()?;
    let apps = [app, idp_app].into_iter().map(|app| (app.clone(), background::spawn(app))).collect();
    let state::Urls { gatehouse, identity_provider, control_plane } = urls;
    Ok(Demo { control_plane, gatehouse, identity_provider, dir: options.dir, servers, apps })
}

impl Demo {
    /// Waits until all three have ended; the first that fails takes the others along.
    ///
    /// # Errors
    /// What a listener died of.
    pub async fn finished(self) -> Result<(), DemoError> {
        let (handles, tasks): (Vec<_>, Vec<_>) = self.servers.into_iter().unzip();
        let mut result = Ok(());
        for task in tasks {
            let ended = task.await.map_err(std::io::Error::other).flatten();
            if let (Err(cause), Ok(())) = (ended, &result) {
                result = Err(cause.into());
                handles.iter().for_each(Handle::shutdown);
            }
        }
        for (app, background) in self.apps {
            background.abort();
            app.db.close().await;
        }
        result
    }

    /// Ends all three at once.
    pub fn stop(&self) {
        self.servers.iter().for_each(|(handle, _)| handle.shutdown());
    }
}

/// A port on 127.0.0.1. Browsers may ask `[::1]` first when they read `localhost`, so somebody else there is as much in
/// the way.
fn bind(port: u16, option: &'static str) -> Result<(u16, TcpListener), DemoError> {
    let failed = |cause| DemoError::Port { port, option, cause };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    match TcpListener::bind((Ipv6Addr::LOCALHOST, port)) {
        Err(cause) if cause.kind() == ErrorKind::AddrInUse => Err(DemoError::Port { port, option, cause }),
        _ => Ok((port, listener)),
    }
}

fn serve(listener: TcpListener, routes: Router) -> std::io::Result<(Handle<SocketAddr>, JoinHandle<std::io::Result<()>>)> {
    let handle = Handle::new();
    let server = axum_server::from_tcp(listener)?.handle(handle.clone());
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    Ok((handle, tokio::spawn(server.serve(service))))
}

/// The welcome, and below it one line for each listener that a program can read.
impl fmt::Display for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n  gatehouse demo\n\n  Open        {}\n", self.control_plane)?;
        let wide = |column: fn(&page::Person<'_>) -> usize| state::PEOPLE.iter().map(column).max().unwrap_or_default();
        let (email, password) = (wide(|p| p.email.len()), wide(|p| p.password.map_or(0, str::len)));
        for (at, person) in state::PEOPLE.iter().enumerate() {
            let label = if at == 0 { "Sign in as" } else { "" };
            let secret = person.password.unwrap_or_default();
            writeln!(f, "  {label:<12}{:<email$}   {secret:<password$}   {}", person.email, person.brief)?;
        }
        writeln!(f, "\n  Mails       {}/mailbox", self.control_plane)?;
        let dir = if self.dir.is_relative() { Path::new(".").join(&self.dir) } else { self.dir.clone() };
        let dir = dir.display();
        writeln!(f, "  Files       {dir}/demo.yaml is what was applied: change it and start again")?;
        writeln!(f, "              delete {dir} to begin anew")?;
        writeln!(f, "  Stop        Ctrl-C\n")?;
        writeln!(f, "  control plane      listening on {}", self.control_plane)?;
        writeln!(f, "  gatehouse          listening on {}", self.gatehouse)?;
        writeln!(f, "  identity provider  listening on {}", self.identity_provider)
    }
}
