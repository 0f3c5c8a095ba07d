//! What a link may cover beside its connection: one domain, and the connection's directory.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use super::{
    caller::{Guest, Sent, gone},
    connection::order,
    page::{self, Said},
};
use crate::{
    admin::pages::domains::{said, word},
    app::App,
    apply::single::{self, Expect, Noun, Refusal},
    domain_proof::{self, No},
    error::PageError,
    guest::is_used,
    secret,
    store::{
        audit::{self, Action, Changes, Event},
        connections, directories,
        directory_tokens::{self, DirectoryToken, PREFIX},
        setup_links, tenant_tokens,
    },
};

fn done(what: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, format!("/setup?done={what}"))]).into_response()
}

/// `POST /setup/domain`: which domain is to be proven.
pub async fn domain(State(app): State<App>, sent: Sent) -> Result<Response, PageError> {
    let guest = &sent.guest;
    if !guest.link.with_domain {
        return Err(gone());
    }
    let typed = sent.one("domain").unwrap_or_default();
    match domain_proof::begin(&app, &guest.actor(), &guest.tenant, typed, Some(&guest.link)).await {
        Ok(proof) => {
            setup_links::note_domain(&app.db, &guest.link.id, &proof.domain).await?;
            Ok(done("challenged"))
        }
        Err(no) => refused(&app, guest, no, typed).await,
    }
}

/// `POST /setup/domain/check`: looks for the record of the domain that was asked for, and of no other.
pub async fn look(State(app): State<App>, sent: Sent) -> Result<Response, PageError> {
    let guest = &sent.guest;
    let (true, Some(domain)) = (guest.link.with_domain, &guest.link.wanted_domain) else { return Err(gone()) };
    if let Err(wait) = app.limits.checks.take(&guest.key()) {
        return refused(&app, guest, No::Unfit(format!("That was checked too often: wait {wait} s")), "").await;
    }
    match domain_proof::check(&app, &guest.actor(), &guest.tenant, domain).await {
        Ok(outcome) => Ok(done(word(&outcome))),
        Err(no) => refused(&app, guest, no, "").await,
    }
}

async fn refused(app: &App, guest: &Guest, no: No, typed: &str) -> Result<Response, PageError> {
    let error = said(no)?;
    page::page(app, guest, None, Said { domain_error: Some(error), domain_typed: typed.to_owned(), ..Said::default() }).await
}

/// A new token would end the one that a live directory pushes with, and whoever has it could end its people.
fn in_use(cause: &'static str) -> PageError {
    let explanation = "The directory is in use, so its token is not replaced from here any more.";
    PageError::new(StatusCode::CONFLICT, "setup_in_use", "The directory is in use", explanation, cause)
        .advise("Ask whoever sent you the link to make a new token.")
        .way_on("/setup".to_owned(), "Back")
}

/// `POST /setup/token`: the directory of the link's connection, and a token for it, which is shown in this answer alone.
pub async fn token(State(app): State<App>, sent: Sent) -> Result<Response, PageError> {
    let guest = &sent.guest;
    if !guest.link.with_directory {
        return Err(gone());
    }
    // Each leaves a row until it is swept.
    if let Err(wait) = app.limits.checks.take(&guest.key()) {
        let error = Some(format!("That was asked too often: wait {wait} s."));
        return page::page(&app, guest, None, Said { token_error: error, ..Said::default() }).await;
    }
    let (name, tenant, now) = (&guest.link.connection, &guest.tenant, app.clock.now());
    let token = format!("{PREFIX}{}", secret::random());
    let actor = guest.actor();
    let mut tx = app.db.begin().await?;
    crate::store::tenants::lock(&mut tx).await?;
    let Some(connection) = connections::find_by_name(&mut tx, &tenant.id, name).await? else {
        drop(tx);
        let error = "Save the connection first: the directory's people are known by it.".to_owned();
        return page::page(&app, guest, None, Said { token_error: Some(error), ..Said::default() }).await;
    };
    if is_used(&mut tx, &connection).await? {
        return Err(in_use("the connection is in use"));
    }
    let directory = match directories::find_by_name(&mut tx, &tenant.id, name).await? {
        Some(there) => there,
        None => {
            let body = json!({"name": name, "connection": name, "enabled": true});
            let order = order(&app, &actor);
            match single::put(&mut tx, &order, tenant, Noun::Directories, Some(name), &body, Expect::New).await {
                Ok(_) => {}
                Err(Refusal::Store(e)) => return Err(e.into()),
                Err(refusal) => return Err(PageError::internal(format!("{refusal:?}"))),
            }
            directories::find_by_name(&mut tx, &tenant.id, name).await?.ok_or_else(gone)?
        }
    };
    // One of the same name that belongs to something else is not this link's.
    if directory.connection_id.as_ref() != Some(&connection.id) {
        drop(tx);
        let error = "There is a directory of this name for something else: ask whoever sent you the link.".to_owned();
        return page::page(&app, guest, None, Said { token_error: Some(error), ..Said::default() }).await;
    }
    let own = |token: &DirectoryToken| guest.link.token_id.as_ref() == Some(&token.id);
    let tokens = directory_tokens::of_directory(&mut tx, &directory.id).await?;
    if tokens.iter().any(|token| !token.has_ended(now) && !own(token)) {
        return Err(in_use("the directory has a token that another made"));
    }
    let maker = tenant_tokens::find(&mut tx, &guest.link.maker_id).await?;
    let row = DirectoryToken {
        id: secret::row_id(now),
        directory_id: directory.id.clone(),
        fingerprint: directory_tokens::fingerprint(&app.sealer, &token),
        declared: false,
        created_at: now,
        // What a token has made ends with it, also by way of a link. Its end may have been brought forward since.
        expires_at: [guest.link.ends_at, maker.and_then(|maker| maker.expires_at)].into_iter().flatten().min(),
        made_with: guest.link.made_with.clone(),
        last_used_at: None,
    };
    directory_tokens::insert(&mut tx, &row).await?;
    setup_links::note_token(&mut tx, &guest.link.id, &row.id).await?;
    let ended = directory_tokens::end_others(&mut tx, &directory.id, &row.id, now).await?;
    let event = Event::new(tenant.id.as_str(), Action::Issue, format!("directory {}/{name}", tenant.name));
    audit::append(&mut tx, &app.sealer, &actor, event.with(Changes::default().is("older_tokens_ended", ended)), now);
    tx.commit().await?;
    page::page(&app, guest, None, Said { token: Some(token), ..Said::default() }).await
}
