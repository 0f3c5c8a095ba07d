//! The two gatehouses of the demo: the same program with other settings and state.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::{
    DemoError,
    state::{self, Urls},
};
use crate::{
    app::App,
    clock::Clock,
    config::{Environment, MailSettings, Relay, Settings},
    delivery::mail::Kept,
};

/// Makes the folder, which keeps itself out of version control, and checks that its data is of this identity provider.
///
/// # Errors
/// When a file cannot be written or the data is of another provider.
pub fn prepare(dir: &Path, identity_provider: &str) -> Result<(), DemoError> {
    std::fs::create_dir_all(dir.join("dev-idp")).map_err(|cause| DemoError::File { path: dir.to_owned(), cause })?;
    keep(dir.join(".gitignore"), "*\n")?;
    keep(dir.join("demo.yaml"), state::DEMO)?;
    let found = keep(dir.join("dev-idp/issuer"), identity_provider)?;
    if found == identity_provider { Ok(()) } else { Err(DemoError::OtherProvider { dir: dir.to_owned(), found }) }
}

/// Writes a file that is not there yet; gives what it holds.
fn keep(path: PathBuf, content: &str) -> Result<String, DemoError> {
    let result = match std::fs::read_to_string(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => std::fs::write(&path, content).map(|()| content.to_owned()),
        read => read,
    };
    result.map_err(|cause| DemoError::File { path, cause })
}

/// Gatehouse itself, with `demo.yaml` applied; its mails are kept. Of all private addresses it may call the identity provider's port alone.
///
/// # Errors
/// When it cannot start or the file has problems.
pub async fn gatehouse(dir: &Path, urls: &Urls, idp_port: u16, idp_secret: &str, mails: Kept) -> Result<App, DemoError> {
    let mut settings = settings(dir, &urls.gatehouse)?;
    settings.outbound_allow = super::hops::this_machine(idp_port);
    settings.mail = Some(MailSettings { relay: Relay::Kept(mails), from: "gatehouse demo <gatehouse@demo.example>".to_owned() });
    let path = dir.join("demo.yaml");
    let text = std::fs::read_to_string(&path).map_err(|cause| DemoError::File { path: path.clone(), cause })?;
    open(settings, &text, &path.display().to_string(), urls, idp_secret).await
}

/// The development identity provider.
///
/// # Errors
/// When it cannot start.
pub async fn identity_provider(dir: &Path, urls: &Urls, idp_secret: &str) -> Result<App, DemoError> {
    let mut settings = settings(&dir.join("dev-idp"), &urls.identity_provider)?;
    // It keeps nobody signed in, so that one browser can play one person after the other.
    settings.session_idle = 0;
    settings.session_absolute = 0;
    open(settings, state::DEV_IDP, "the development identity provider", urls, idp_secret).await
}

/// Settings of the demo come from its options alone: a `gatehouse.toml` or `GATEHOUSE_*` meant for `serve` must not leak
/// into it.
fn settings(dir: &Path, public_url: &str) -> Result<Settings, DemoError> {
    let database = dir.join("gatehouse.db").display().to_string();
    let env: Environment = [
        ("GATEHOUSE_PUBLIC_URL", public_url.to_owned()),
        ("GATEHOUSE_DATABASE_URL", format!("sqlite://{database}")),
        ("GATEHOUSE_KEYS_DIR", dir.join("keys").display().to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    Settings::parse("demo", "", &env)
        .map_err(|problems| DemoError::Settings(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
}

async fn open(settings: Settings, text: &str, origin: &str, urls: &Urls, idp_secret: &str) -> Result<App, DemoError> {
    let app = App::new(settings, Clock::system()).await?;
    app.apply(text, origin, &|name| urls.variable(idp_secret, name)).await?;
    Ok(app)
}
