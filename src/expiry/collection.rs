//! Where what ends is found.

use std::collections::HashMap;

use super::{Ending, Kind, connections};
use crate::{
    app::Inner,
    config::TlsFiles,
    key_list::{self, Row, State},
    store::{
        self, StoreError, connection_ends, directory_tokens, invites, personal_tokens, setup_links, tenant_tokens,
        tenants::Tenant, trusted_issuers,
    },
    tls::Certificate,
};

/// Invites and set-up links that are looked at: those that end first.
const INVITES: i64 = 100;
/// The same of tokens of the admin API, of each tenant: none fills the list alone.
const TOKENS: i64 = 100;
/// Seconds for which a token that has ended is told of.
const PAST: i64 = 30 * 86_400;

/// What ends of a tenant, or of the whole deployment, its own things too; the soonest first. With `until`, what ends by then.
///
/// # Errors
/// What the database says.
pub async fn collect(app: &Inner, tenant: Option<&Tenant>, until: Option<i64>) -> Result<Vec<Ending>, StoreError> {
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
    found.connections(app, id, until.unwrap_or(i64::MAX)).await?;
    for issuer in trusted_issuers::with_ending_secrets(&app.db, id).await? {
        if let Some(at) = issuer.settings.secret_ends_at() {
            found.add(Kind::IssuerSecret, &issuer.tenant_id, issuer.name, at);
        }
    }
    for token in directory_tokens::ending(&app.db, id, now).await? {
        found.add(Kind::DirectoryToken, &token.tenant_id, token.name, token.expires_at);
    }
    for (tenant_id, name, at) in tenant_tokens::ending(&app.db, id, (now - PAST, now), TOKENS).await? {
        found.add(Kind::ServiceToken, &tenant_id, name, at);
    }
    for (tenant_id, email, name, at) in personal_tokens::ending(&app.db, id, (now - PAST, now), TOKENS).await? {
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
    found.all.retain(|ending| until.is_none_or(|until| ending.at <= until));
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

    async fn connections(&mut self, app: &Inner, tenant_id: Option<&str>, until: i64) -> Result<(), StoreError> {
        connections::read(app, tenant_id).await?;
        for row in connection_ends::of(&app.db, tenant_id, until).await? {
            let Some(tenant) = self.tenants.get(&row.tenant_id) else { continue };
            // What is fetched again before it ends is nobody's concern, unless that fails.
            let metadata = row.metadata_at.filter(|_| row.troubled || !row.fetched);
            let ends = [
                (Kind::ClientSecret, row.secret_at),
                (Kind::ProviderCertificate, row.certificate_at),
                (Kind::ProviderMetadata, metadata),
            ];
            for (kind, at) in ends {
                let ending = |at| Ending { kind, tenant: Some(tenant.clone()), name: row.name.clone(), at, draft: !row.enabled };
                self.all.extend(at.map(ending));
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

/// When the certificate in the files ends: what is served is read from there within the hour.
async fn served(files: Option<&TlsFiles>) -> Option<i64> {
    let files = files?.clone();
    let read = tokio::task::spawn_blocking(move || Certificate::read(&files.cert, &files.key).ok()?.validity);
    read.await.ok().flatten().map(|(_, until)| until)
}
