//! `gatehouse check`: what can be found wrong without changing anything.

use std::path::Path;

use super::{Problems, all, say, variable};
use crate::{
    app, apply,
    clock::Clock,
    config::Settings,
    delivery::mail,
    seal::{SealError, Sealer},
    store::{Db, meta, provider_metadata},
    tls::Certificate,
};

/// Prints what was found well; the settings have been checked already.
pub async fn check(settings: &Settings) -> Result<(), Problems> {
    let mut problems = Problems::new();
    say("settings: ok");
    if let Some(warning) = tls_warning(settings) {
        say(format!("tls_cert (GATEHOUSE_TLS_CERT): {warning}"));
    }
    let sealer = match existing_key(settings) {
        Ok(sealer) => sealer,
        Err(e) => {
            problems.push(e.to_string());
            None
        }
    };
    match database(settings, sealer.as_ref()).await {
        Ok(word) => {
            say(format!("database: {word}"));
            if let Some(warning) = metadata_warning(settings).await {
                say(warning);
            }
        }
        Err(problem) => problems.push(problem),
    }
    if let Some(mail) = &settings.mail {
        match mail::probe(mail, settings.public_url.host_str().unwrap_or_default()).await {
            Ok(()) => say("mail: the relay answers"),
            Err(e) => problems.push(format!("smtp_url (GATEHOUSE_SMTP_URL): {e}")),
        }
    }
    if let Some(path) = &settings.apply {
        match declared(path) {
            Ok(()) => say(format!("{}: ok", path.display())),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn tls_warning(settings: &Settings) -> Option<String> {
    let files = settings.tls.as_ref()?;
    Certificate::read(&files.cert, &files.key).ok()?.warning(Clock::system().now())
}

/// The master key, unless it is still to be made.
fn existing_key(settings: &Settings) -> Result<Option<Sealer>, SealError> {
    let made = settings.master_key.is_some() || settings.keys_dir.join("master.key").exists();
    made.then(|| app::open_sealer(settings)).transpose()
}

async fn database(settings: &Settings, sealer: Option<&Sealer>) -> Result<&'static str, String> {
    let url = &settings.database_url;
    if let Some(path) = sqlite_path(url).filter(|p| !p.exists()) {
        let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return match folder.is_dir() {
            true => Ok("ok, made at the first start"),
            false => {
                Err(format!("database_url (GATEHOUSE_DATABASE_URL): the folder {} does not exist; make it", folder.display()))
            }
        };
    }
    let failed = |e| format!("database_url (GATEHOUSE_DATABASE_URL): {e}");
    let db = Db::connect(url).await.map_err(failed)?;
    let fits = meta::key_fits(&db, sealer).await.map_err(failed);
    db.close().await;
    match (fits?, sealer) {
        (None, _) => Ok("ok, set up at the first start"),
        (Some(true), _) => Ok("ok, and the master key fits"),
        (Some(false), Some(_)) => Err("master_key (GATEHOUSE_MASTER_KEY): does not fit this database, which was made with \
                                       another one; give that one, or a fresh database"
            .into()),
        (Some(false), None) => Err(format!(
            "master_key (GATEHOUSE_MASTER_KEY): is missing, also in {}; this database was made with one",
            settings.keys_dir.display()
        )),
    }
}

/// What SAML providers publish and an operator should look at; nothing while the database has not been set up.
async fn metadata_warning(settings: &Settings) -> Option<String> {
    if sqlite_path(&settings.database_url).is_some_and(|path| !path.exists()) {
        return None;
    }
    let db = Db::connect(&settings.database_url).await.ok()?;
    let troubled = provider_metadata::troubled(&db).await;
    db.close().await;
    match troubled.ok()? {
        (0, 0) => None,
        (held, failing) => Some(format!(
            "providers' metadata: {held} held for an operator's word, {failing} not renewed; see gatehouse connections list"
        )),
    }
}

/// The file of an SQLite URL; nothing for one in memory and for other databases.
fn sqlite_path(url: &str) -> Option<&Path> {
    let rest = url.strip_prefix("sqlite:")?;
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let path = rest.split_once('?').map_or(rest, |(path, _)| path);
    (!path.is_empty() && path != ":memory:").then(|| Path::new(path))
}

fn declared(path: &Path) -> Result<(), Problems> {
    let origin = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|e| vec![format!("apply (GATEHOUSE_APPLY): {origin} cannot be read: {e}")])?;
    apply::check(apply::File { text: &text, origin: &origin, env: &variable }).map_err(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_an_sqlite_url() {
        let cases = [
            ("sqlite://gatehouse.db", Some("gatehouse.db")),
            ("sqlite:///var/lib/g.db?mode=rwc", Some("/var/lib/g.db")),
            ("sqlite:g.db", Some("g.db")),
            ("sqlite::memory:", None),
            ("postgres://h/d", None),
        ];
        for (url, path) in cases {
            assert_eq!(sqlite_path(url), path.map(Path::new), "{url}");
        }
    }
}
