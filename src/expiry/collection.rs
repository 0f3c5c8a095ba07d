//! Where what ends is found.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Ending, Kind};
use crate::{
    app::Inner,
    config::TlsFiles,
    connector::saml::{
        certificate::ends_at,
        metadata::{self, Provider},
    },
    key_list::{self, Row, State},
    policy::saml::SamlSettings,
    provider_metadata::belongs,
    store::{
        self, StoreError,
        connections::{self, Connection},
        directory_tokens, invites, personal_tokens, provider_metadata, setup_links, tenant_tokens,
        tenants::Tenant,
    },
    tls::Certificate,
};

/// Invites and set-up links that are looked at: those that end first.
const INVITES: i64 = 100;
/// The same of tokens of the admin API, of each tenant: none fills the list alone.
const TOKENS: i64 = 100;
/// Seconds for which a token that has ended is told of.
const PAST: i64 = 30 * 86_400;

/// What ends of a tenant, or of the whole deployment, its own things too; the soonest first.
///
/// # Errors
/// What the database says.
pub async fn collect(app: &Inner, tenant: Option<&Tenant>) -> Result<Vec<Ending>, StoreError> {
    let now = app.clock.now();
    let mut found = Found { all: Vec::new(), tenants: HashMap::new() };
    match tenant {
        Some(tenant) => drop(found.tenants.insert(tenant.id.clone(), tenant.name.clone())),
        None => {
            let all = store::tenants::all(&app.db).await?;
            // Nobody signs in at one that is switched off.
            found.tenants = all.into_iter().filter(|t| t.enabled).map(|t| (t.id, t.name)).collect();
        }
    }
    let id = tenant.map(|tenant| tenant.id.as_str());
    found.connections(app, id).await?;
    for token in directory_tokens::ending(&app.db, id).await? {
        found.add(Kind::DirectoryToken, &token.tenant_id, token.name, token.expires_at);
    }
    for (tenant_id, name, at) in tenant_tokens::ending(&app.db, id, now - PAST, TOKENS).await? {
        found.add(Kind::ServiceToken, &tenant_id, name, at);
    }
    for (tenant_id, email, name, at) in personal_tokens::ending(&app.db, id, now - PAST, TOKENS).await? {
        found.add(Kind::PersonalToken, &tenant_id, format!("{name} of {email}"), at);
    }
    for (tenant_id, connection, at) in setup_links::ending(&app.db, id, now, INVITES).await? {
        found.add(Kind::SetupLink, &tenant_id, connection, at);
    }
    for invite in invites::ending(&app.db, id, now, INVITES).await? {
        found.add(Kind::Invite, &invite.tenant_id, invite.email, invite.expires_at);
    }
    if tenant.is_none() {
        found.own(app, now).await?;
    }
    found.all.sort_by(|a, b| (a.at, a.kind, &a.tenant, &a.name).cmp(&(b.at, b.kind, &b.tenant, &b.name)));
    Ok(found.all)
}

struct Found {
    all: Vec<Ending>,
    /// Names by id.
    tenants: HashMap<String, String>,
}

impl Found {
    fn add(&mut self, kind: Kind, tenant_id: &str, name: String, at: i64) {
        let Some(tenant) = self.tenants.get(tenant_id) else { return };
        self.all.push(Ending { kind, tenant: Some(tenant.clone()), name, at, draft: false });
    }

    /// Of a connection.
    fn add_of(&mut self, kind: Kind, connection: &Connection, at: i64) {
        let Some(tenant) = self.tenants.get(&connection.tenant_id) else { return };
        let (tenant, name) = (Some(tenant.clone()), connection.name.clone());
        self.all.push(Ending { kind, tenant, name, at, draft: !connection.enabled });
    }

    async fn connections(&mut self, app: &Inner, tenant_id: Option<&str>) -> Result<(), StoreError> {
        let published = provider_metadata::of(&app.db, tenant_id).await?;
        let published: HashMap<_, _> = published.into_iter().map(|row| (row.connection_id.clone(), row)).collect();
        // One whose settings cannot be read fails where it is used.
        for connection in connections::all(&app.db, tenant_id).await?.into_iter().flatten() {
            if let Some(at) = connection.settings.oidc.as_ref().and_then(|oidc| oidc.secret_ends_at()) {
                self.add_of(Kind::ClientSecret, &connection, at);
            }
            let Some(saml) = &connection.settings.saml else { continue };
            let provider = published.get(&connection.id).filter(|row| belongs(row, &connection));
            let provider = provider.and_then(|row| serde_json::from_str::<Provider>(row.provider.as_deref()?).ok());
            if let Some(at) = last_certificate(saml, provider) {
                self.add_of(Kind::ProviderCertificate, &connection, at);
            }
        }
        Ok(())
    }

    /// What is the deployment's.
    async fn own(&mut self, app: &Inner, now: i64) -> Result<(), StoreError> {
        for key in key_list::all(&app.db, &app.settings, now).await? {
            let Some(at) = key.followed_at.filter(|_| key.state == State::Current) else { continue };
            let kind = if matches!(key.row, Row::Saml(_)) { Kind::SamlKey } else { Kind::SigningKey };
            self.all.push(Ending { kind, tenant: None, name: key.row.name(), at, draft: false });
        }
        if let Some(at) = served(app.settings.tls.as_ref()).await {
            self.all.push(Ending { kind: Kind::TlsCertificate, tenant: None, name: "tls".to_owned(), at, draft: false });
        }
        Ok(())
    }
}

/// When the last of a provider's certificates ends: until then it can sign with one.
fn last_certificate(saml: &SamlSettings, published: Option<Provider>) -> Option<i64> {
    let of = |provider: Provider| provider.certificates.iter().filter_map(|text| ends_at(&STANDARD.decode(text).ok()?)).max();
    if saml.metadata_url.is_some() {
        return published.and_then(of);
    }
    if let Some(xml) = &saml.metadata_xml {
        return metadata::read(xml, saml.idp_entity_id.as_deref(), &[], 0).ok().and_then(of);
    }
    saml.certificates.iter().filter_map(|text| ends_at(&metadata::certificate(text).ok()?)).max()
}

/// When the certificate in the files ends: what is served is read from there within the hour.
async fn served(files: Option<&TlsFiles>) -> Option<i64> {
    let files = files?.clone();
    let read = tokio::task::spawn_blocking(move || Certificate::read(&files.cert, &files.key).ok()?.validity);
    read.await.ok().flatten().map(|(_, until)| until)
}
