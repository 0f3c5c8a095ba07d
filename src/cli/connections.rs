//! `gatehouse connections …`: what an operator must know of connections, and their word for a provider's new keys.

use std::{
    fmt::{self, Display, Write as _},
    sync::Arc,
};

use super::{Problems, one, say};
use crate::{
    app,
    clock::Clock,
    config::Settings,
    connector::saml::metadata::{self, Certificate, Provider},
    moment::{Moment, span},
    outbound::Outbound,
    policy::{connection::Protocol, saml::SamlSettings},
    provider_metadata::{Acceptance, Desk, Outcome, Providers, Word, belongs},
    seal::Sealer,
    store::{
        self, Db,
        audit::Actor,
        connections::Connection,
        provider_metadata::{self as rows, Row},
        tenants::Tenant,
    },
};

/// Prints all connections with their state.
pub async fn list(settings: &Settings) -> Result<(), Problems> {
    let (db, _) = app::open_store(settings).await.map_err(one)?;
    say(format!("{:<24} {:<24} {:<9} {:<9} {}", "TENANT", "CONNECTION", "PROTOCOL", "STATE", "METADATA"));
    for tenant in store::tenants::all(&db).await.map_err(one)? {
        for connection in store::connections::of_tenant(&db, &tenant.id).await.map_err(one)? {
            let row = rows::find(&db, &connection.id).await.map_err(one)?;
            let word = word(&connection, row.as_ref(), Clock::system().now());
            let (protocol, state) = (connection.protocol.as_str(), state(&tenant, &connection));
            say(format!("{:<24} {:<24} {protocol:<9} {state:<9} {word}", tenant.name, connection.name));
        }
    }
    db.close().await;
    Ok(())
}

/// Prints everything about one connection.
pub async fn show(settings: &Settings, tenant: &str, connection: &str) -> Result<(), Problems> {
    let (db, _) = app::open_store(settings).await.map_err(one)?;
    let (tenant, connection) = find(&db, tenant, connection).await?;
    let row = rows::find(&db, &connection.id).await.map_err(one)?;
    db.close().await;
    say(Shown { issuer: settings.issuer(), tenant: &tenant, connection: &connection, row, now: Clock::system().now() }.text());
    Ok(())
}

/// Fetches the metadata of one connection now.
pub async fn refresh(settings: &Settings, tenant: &str, connection: &str) -> Result<(), Problems> {
    let (db, sealer) = app::open_store(settings).await.map_err(one)?;
    let (tenant, connection) = find(&db, tenant, connection).await?;
    let outcome = providers(settings, &db, sealer)?.refresh(&tenant.name, &connection, &Actor::command_line()).await;
    db.close().await;
    match outcome.map_err(one)? {
        None => Err(one(format!("{}/{} has no metadata_url", tenant.name, connection.name))),
        Some(outcome) => {
            say(told(&outcome, &tenant.name, &connection.name));
            Ok(())
        }
    }
}

/// Puts the held metadata of one connection in force.
pub async fn accept(settings: &Settings, tenant: &str, connection: &str, fingerprints: &[String]) -> Result<(), Problems> {
    let (db, sealer) = app::open_store(settings).await.map_err(one)?;
    let (tenant, connection) = find(&db, tenant, connection).await?;
    let (actor, now) = (Actor::command_line(), Clock::system().now());
    let desk = Desk { db: &db, sealer: &sealer, actor: &actor, now };
    let change = desk.accept(&tenant, &connection, Word::Fingerprints(fingerprints)).await.map_err(one)?;
    db.close().await;
    match change {
        Acceptance::Other(held) => Err(one(format!(
            "what is held for {}/{} has other certificates than those named: {}; compare each with the provider's, and name all of them",
            tenant.name,
            connection.name,
            held.join(" ")
        ))),
        Acceptance::Nothing => {
            Err(one(format!("nothing is held for {}/{}: no metadata waits for a word", tenant.name, connection.name)))
        }
        Acceptance::Expired => {
            Err(one(format!("what is held for {}/{} is past its own validUntil: fetch it again", tenant.name, connection.name)))
        }
        Acceptance::Done(change) => {
            say(told(&Outcome::Changed(change), &tenant.name, &connection.name));
            say("running nodes use it from their next sign-in on");
            Ok(())
        }
    }
}

fn providers(settings: &Settings, db: &Db, sealer: Sealer) -> Result<Providers, Problems> {
    let outbound = Outbound::new(settings.outbound_allow.clone()).map_err(one)?;
    Ok(Providers::new(db.clone(), Arc::new(sealer), outbound, Clock::system()))
}

async fn find(db: &Db, tenant: &str, connection: &str) -> Result<(Tenant, Connection), Problems> {
    let found = store::tenants::find_by_name(db, tenant).await.map_err(one)?;
    let found = found.ok_or_else(|| one(format!("there is no tenant {tenant}")))?;
    let of_it = store::connections::find_by_name(db, &found.id, connection).await.map_err(one)?;
    let of_it = of_it.ok_or_else(|| one(format!("tenant {tenant} has no connection {connection}")))?;
    Ok((found, of_it))
}

fn state(tenant: &Tenant, connection: &Connection) -> &'static str {
    match (tenant.enabled && connection.enabled, connection.login_enabled) {
        (true, true) => "on",
        (true, false) => "hidden",
        (false, _) => "off",
    }
}

/// The state of a connection's metadata in a word or two.
fn word(connection: &Connection, row: Option<&Row>, now: i64) -> String {
    let Some(saml) = connection.settings.saml.as_ref() else { return "-".into() };
    if saml.metadata_url.is_none() {
        return match (&saml.metadata_xml, saml.certificates.is_empty()) {
            (Some(_), _) => "given".into(),
            (None, false) => "by hand".into(),
            (None, true) => "-".into(),
        };
    }
    let Some(row) = row.filter(|row| belongs(row, connection)) else { return "not fetched yet".into() };
    let provider = row.provider.as_deref().and_then(read);
    match (&row.held, &row.failure, provider) {
        (Some(_), ..) => "HELD: see connections show".into(),
        (None, Some(_), None) => "FAILED: see connections show".into(),
        (None, _, Some(provider)) if !provider.is_valid(now) => "EXPIRED: see connections show".into(),
        (None, Some(_), Some(_)) => "last good; the last fetch failed".into(),
        (None, None, _) => format!("fetched {}", row.fetched_at.map_or_else(|| "-".to_owned(), utc)),
    }
}

fn read(text: &str) -> Option<Provider> {
    serde_json::from_str(text).ok()
}

struct Shown<'a> {
    issuer: String,
    tenant: &'a Tenant,
    connection: &'a Connection,
    row: Option<Row>,
    now: i64,
}

/// Lines of a label and a text.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn head(&mut self, text: &str) {
        let _ = writeln!(self.0, "{text}");
    }

    fn line(&mut self, label: &str, text: impl Display) {
        let _ = writeln!(self.0, "  {label:<22} {text}");
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.trim_end())
    }
}

impl Shown<'_> {
    fn text(&self) -> Lines {
        let (c, tenant) = (self.connection, &self.tenant.name);
        let mut out = Lines::default();
        out.head(&format!("{tenant}/{}: {}, {}", c.name, c.protocol.as_str(), state(self.tenant, c)));
        out.head("for the provider's console");
        let own = if c.settings.own_callback { format!("/{tenant}/{}", c.name) } else { String::new() };
        let callback = format!("{}/oauth2/callback{own}", self.issuer);
        match (c.protocol, &c.settings.oidc, &c.settings.saml) {
            (Protocol::Saml, _, Some(saml)) => {
                let at = |what: &str| format!("{}/saml/{tenant}/{}/{what}", self.issuer, c.name);
                out.line("issuer (SP entity id)", at("metadata"));
                out.line("callback URL (ACS)", callback);
                out.line("metadata URL", at("metadata"));
                out.line("single logout URL", at("slo"));
                self.saml(&mut out, saml);
            }
            (_, oidc, _) => {
                out.line("callback URL", callback);
                if let Some(oidc) = oidc {
                    out.head("the provider");
                    out.line("issuer", &oidc.issuer);
                    out.line("client id", &oidc.client_id);
                }
            }
        }
        out
    }

    fn saml(&self, out: &mut Lines, saml: &SamlSettings) {
        if let Some(url) = &saml.metadata_url {
            out.head("the provider, by its metadata");
            out.line("metadata URL", url);
            return self.published(out);
        }
        if let Some(xml) = &saml.metadata_xml {
            out.head("the provider, by the metadata_xml of the settings");
            return match metadata::read(xml, saml.idp_entity_id.as_deref(), &[], 0) {
                Ok(provider) => self.provider(out, &provider),
                Err(why) => out.line("problem", why),
            };
        }
        out.head("the provider, by hand");
        for (label, value) in [("entity id", &saml.idp_entity_id), ("sign-in", &saml.sso_url), ("single logout", &saml.slo_url)] {
            out.line(label, value.as_deref().unwrap_or("-"));
        }
        for text in &saml.certificates {
            match metadata::certificate(text).and_then(|der| Certificate::read(&der)) {
                Ok(certificate) => self.certificate(out, &certificate),
                Err(why) => out.line("certificate", format!("cannot be used: {why}")),
            }
        }
    }

    fn published(&self, out: &mut Lines) {
        let Some(row) = self.row.as_ref().filter(|row| belongs(row, self.connection)) else {
            return out.line("fetched", "not yet; the first sign-in does it, or: gatehouse connections refresh");
        };
        match row.provider.as_deref().and_then(read) {
            Some(provider) => self.provider(out, &provider),
            None => out.line("metadata", "none yet"),
        }
        let when = |at: Option<i64>| at.map_or_else(|| "never".to_owned(), utc);
        out.line("fetched", when(row.fetched_at));
        out.line("changed", when(row.changed_at));
        out.line("next fetch", utc(row.due_at.max(self.now)));
        if let Some(failure) = &row.failure {
            out.line("last failure", format!("{}: {failure}", utc(row.tried_at)));
        }
        if let Some(held) = row.held.as_deref().and_then(read) {
            let since = row.held_since.map_or_else(String::new, |at| format!(", since {}", utc(at)));
            out.head(&format!("HELD{since}: newer metadata that shares no key with the one in use, or names another entity id"));
            self.provider(out, &held);
            out.line(
                "compare and accept",
                format!("gatehouse connections accept {} {} FINGERPRINT…", self.tenant.name, self.connection.name),
            );
        }
    }

    fn provider(&self, out: &mut Lines, provider: &Provider) {
        out.line("entity id", &provider.entity_id);
        for (label, endpoints) in [("sign-in", &provider.sso), ("single logout", &provider.slo)] {
            for endpoint in endpoints {
                out.line(label, format!("{} {}", endpoint.binding.as_str(), endpoint.location));
            }
        }
        if provider.sso.is_empty() {
            out.line("sign-in", "only begun at the provider");
        }
        for certificate in provider.signers() {
            self.certificate(out, &certificate);
        }
        if let Some(until) = provider.valid_until {
            let passed = if provider.is_valid(self.now) { "" } else { ", PASSED: it is no longer used" };
            out.line("valid until", format!("{}{passed}", utc(until)));
        }
    }

    fn certificate(&self, out: &mut Lines, certificate: &Certificate) {
        let left = certificate.not_after - self.now;
        let left = if left > 0 { format!("in {}", span(left)) } else { "EXPIRED, and still a key of the provider".to_owned() };
        out.line("certificate", format!("{}, ends {} ({left})", certificate.subject, utc(certificate.not_after)));
        out.line("  SHA-256", &certificate.fingerprint);
    }
}

/// What came of a fetch or of an operator's word.
fn told(outcome: &Outcome, tenant: &str, connection: &str) -> Lines {
    let mut out = Lines::default();
    let listed = |out: &mut Lines, label: &str, all: &[Certificate]| {
        for c in all {
            out.line(label, format!("{} {}, ends {}", c.fingerprint, c.subject, utc(c.not_after)));
        }
    };
    match outcome {
        Outcome::First(provider) => {
            out.head(&format!("{tenant}/{connection}: metadata of {} taken", provider.entity_id));
            listed(&mut out, "certificate", &provider.signers());
        }
        Outcome::Unchanged => out.head(&format!("{tenant}/{connection}: no changes")),
        Outcome::Changed(change) => {
            out.head(&format!("{tenant}/{connection}: metadata changed"));
            listed(&mut out, "added", &change.added);
            listed(&mut out, "removed", &change.removed);
            if change.endpoints {
                out.line("endpoints", "changed");
            }
        }
        Outcome::Held(why, provider) => {
            out.head(&format!("{tenant}/{connection}: HELD, the last metadata stays in use: {why}"));
            listed(&mut out, "certificate", &provider.signers());
            out.line("compare and accept", format!("gatehouse connections accept {tenant} {connection} FINGERPRINT…"));
        }
    }
    out
}

fn utc(at: i64) -> String {
    Moment(at).machine()
}
