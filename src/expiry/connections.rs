//! What ends of connections: read of their settings and their providers' metadata, once for each version of them.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    app::Inner,
    connector::saml::{
        certificate::ends_at,
        metadata::{self, Provider},
    },
    policy::saml::SamlSettings,
    provider_metadata::belongs,
    store::{
        StoreError,
        connection_ends::{self, Ends, Unread},
        connections::{self, Connection},
        provider_metadata::{self, Row},
    },
};

/// Connections that are read at a time.
const BATCH: i64 = 200;

/// Reads those of a tenant, or of all, that have changed since somebody looked.
pub(super) async fn read(app: &Inner, tenant_id: Option<&str>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let unread = connection_ends::unread(&app.db, tenant_id, &after, BATCH).await?;
        let Some(last) = unread.last() else { return Ok(()) };
        after.clone_from(&last.connection_id);
        let mut read = Vec::with_capacity(unread.len());
        for one in &unread {
            read.push(read_one(app, one).await?);
        }
        // Together: of thousands that nobody has looked at, each by itself would be written to the disk.
        let mut tx = app.db.begin().await?;
        for (one, ends) in unread.iter().zip(&read) {
            connection_ends::note(&mut tx, one, ends).await?;
        }
        tx.commit().await?;
    }
}

async fn read_one(app: &Inner, unread: &Unread) -> Result<Ends, StoreError> {
    let connection = match connections::find(&app.db, &unread.connection_id).await {
        Ok(Some(connection)) => connection,
        // One whose settings cannot be read fails where it is used.
        Ok(None) | Err(StoreError::Corrupt(..)) => return Ok(Ends::default()),
        Err(e) => return Err(e),
    };
    let row = provider_metadata::find(&app.db, &connection.id).await?;
    // It may be a document to parse.
    let ends = tokio::task::spawn_blocking(move || ends(&connection, row.as_ref())).await;
    Ok(ends.unwrap_or_default())
}

fn ends(connection: &Connection, row: Option<&Row>) -> Ends {
    let secret = connection.settings.oidc.as_ref().and_then(|oidc| oidc.secret_ends_at());
    let Some(saml) = &connection.settings.saml else { return Ends { secret, ..Ends::default() } };
    let row = row.filter(|row| belongs(row, connection));
    let published = row.and_then(|row| serde_json::from_str::<Provider>(row.provider.as_deref()?).ok());
    let fetched = saml.metadata_url.is_some();
    let (certificate, metadata) = match document(saml, published) {
        Some(provider) => (last_certificate(&provider), provider.valid_until),
        None if fetched => (None, None),
        None => (saml.certificates.iter().filter_map(|text| ends_at(&metadata::certificate(text).ok()?)).max(), None),
    };
    Ends { secret, certificate, metadata, fetched }
}

/// What the provider's metadata says, if there is any.
fn document(saml: &SamlSettings, published: Option<Provider>) -> Option<Provider> {
    match &saml.metadata_xml {
        _ if saml.metadata_url.is_some() => published,
        Some(xml) => metadata::read(xml, saml.idp_entity_id.as_deref(), &[], 0).ok(),
        None => None,
    }
}

/// When the last of a provider's certificates ends: until then it can sign with one.
fn last_certificate(provider: &Provider) -> Option<i64> {
    provider.certificates.iter().filter_map(|text| ends_at(&STANDARD.decode(text).ok()?)).max()
}
