//! The one connection of a link: its form, a look at where it leads, and the save, which is the operators' own with fewer
//! fields.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::{
    caller::{Guest, Sent},
    fields,
    page::{self, Form},
};
use crate::{
    admin::{
        in_turn::{self, CROWDED},
        inspection::{self, Onlooker},
        pages::{form, guide},
    },
    app::App,
    apply::single::{self, Expect, Fault, Noun, Order, Refusal},
    connector::presets,
    error::PageError,
    guest::{is_used, opens_sites},
    policy::{
        connection::{ConnectionSettings, OidcSettings, Protocol},
        finding::{Finding, Mark},
        identity::EmailTrust,
        saml::SamlSettings,
    },
    store::{
        audit::Actor,
        connections,
        db::Tx,
        setup_links::{self, SetupLink},
        tenants::Tenant,
    },
};

/// What the form of a new connection begins with, and what goes along unseen.
pub type Beginning = (Value, Vec<(&'static str, String)>);

/// The connection as it is stored, or as it would begin with the provider that was chosen.
#[derive(Clone, Debug)]
pub struct Base {
    pub thing: Value,
    pub hidden: Vec<(&'static str, String)>,
    pub is_stored: bool,
    /// Whether it lets people or programs in, or has: then it is the operator's to change.
    pub is_in_use: bool,
    /// What is stored now, which a form carries along; empty: nothing.
    pub version: String,
}

impl Base {
    /// What the link's connection is now; `None` while its provider is to be chosen.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find(app: &App, guest: &Guest, beginning: Option<Beginning>) -> Result<Option<Self>, PageError> {
        let name = &guest.link.connection;
        let stored = single::show(&app.db, &app.sealer, &guest.tenant, Noun::Connections, name).await?;
        if let Some(thing) = stored {
            let is_in_use = match connections::find_by_name(&app.db, &guest.tenant.id, name).await? {
                Some(connection) => is_used(&app.db, &connection).await?,
                None => false,
            };
            let version = single::version(&thing);
            let base = Self { thing, hidden: Vec::new(), is_stored: true, is_in_use, version };
            return Ok(Some(match beginning {
                Some(other) if base.differs(&other.0) && !base.is_in_use => base.chosen_anew(other),
                _ => base,
            }));
        }
        Ok(beginning.map(|(mut thing, hidden)| {
            thing["name"] = name.as_str().into();
            // Nobody has said whom the provider of a guest's choice may speak for.
            thing["email_trust"] = EmailTrust::Domain.as_str().into();
            Self { thing, hidden, is_stored: false, is_in_use: false, version: String::new() }
        }))
    }

    fn differs(&self, other: &Value) -> bool {
        ["preset", "protocol"].iter().any(|part| self.thing[part] != other[part])
    }

    /// The same draft for another provider. What the operator said stays, and so does what they left to the provider before of how
    /// people are known and linked: that is not the guest's to choose. What was said of the provider itself goes.
    fn chosen_anew(mut self, (other, hidden): Beginning) -> Self {
        let is_alike = self.thing["protocol"] == other["protocol"];
        let before = linking(&self.thing);
        let (Value::Object(thing), Value::Object(other)) = (&mut self.thing, other) else { return self };
        for (field, usual) in before {
            let is_said = thing.get(field).is_some_and(|said| !said.is_null() && *said != json!([]));
            if !is_said && (is_alike || field == TRUST) {
                thing.insert(field.to_owned(), usual);
            } else if is_said && !is_alike && field != TRUST && thing.get(field) == Some(&usual) {
                // Over the other protocol nothing is called so.
                thing.remove(field);
            }
        }
        for part in ["oidc", "saml"] {
            thing.remove(part);
        }
        let chosen = ["preset", "protocol", "oidc", "saml", "own_callback"];
        thing.extend(other.into_iter().filter(|(name, _)| chosen.contains(&name.as_str())));
        Self { hidden, ..self }
    }
}

const TRUST: &str = "email_trust";

/// How people are known and linked over a connection where its settings do not say: as the provider's kind suggests.
fn linking(thing: &Value) -> [(&'static str, Value); 3] {
    let protocol = thing["protocol"].as_str().and_then(Protocol::parse).unwrap_or(Protocol::Oidc);
    let preset = thing["preset"].as_str().map(str::to_owned);
    let is_oidc = protocol == Protocol::Oidc;
    let unsaid = ConnectionSettings {
        preset,
        oidc: is_oidc.then(OidcSettings::default),
        saml: (!is_oidc).then(SamlSettings::default),
        ..ConnectionSettings::default()
    };
    let usual = presets::filled(&unsaid, protocol);
    [
        (TRUST, usual.email_trust().as_str().into()),
        ("email_claim", json!(usual.email_claims())),
        ("unique_id_claim", json!(usual.unique_id_claims())),
    ]
}

fn in_use() -> PageError {
    let explanation = "This connection lets people or programs in, or has, so it is not changed from here any more.";
    PageError::new(
        StatusCode::CONFLICT,
        "setup_in_use",
        "The connection is in use",
        explanation,
        "a guest's form for a connection in use",
    )
    .advise("Ask whoever sent you the link to change it.")
    .way_on("/setup".to_owned(), "Back")
}

/// What was typed on top of what is there; faults where it cannot be read.
async fn typed(app: &App, sent: &Sent) -> Result<(Base, Result<Value, Vec<Fault>>), PageError> {
    let beginning = guide::beginning(&|name: &str| sent.one(name).map(str::to_owned));
    let base = Base::find(app, &sent.guest, beginning).await?;
    let base = base.ok_or_else(|| {
        PageError::new(StatusCode::BAD_REQUEST, "bad_form", "Which provider?", "Choose a provider first.", "no provider")
    })?;
    if base.is_in_use {
        return Err(in_use());
    }
    let thing = form::read(&fields::of(&base.thing), &|name| sent.one(name), base.thing.clone());
    Ok((base, thing))
}

/// `POST /setup/check`
pub async fn check(State(app): State<App>, sent: Sent) -> Result<Response, PageError> {
    let (base, thing) = typed(&app, &sent).await?;
    let (findings, faults) = match thing {
        Ok(thing) => (Some(look(&app, &sent.guest, &thing).await), Vec::new()),
        Err(faults) => (None, faults),
    };
    let form = Form { base: &base, sent: Some(&sent), faults: &faults, findings: findings.as_deref(), stale: false };
    page::page(&app, &sent.guest, Some(form), page::Said::default()).await
}

async fn look(app: &App, guest: &Guest, thing: &Value) -> Vec<Finding> {
    let key = guest.key();
    let who = Onlooker { key: &key, platform: false };
    match inspection::look(app, who, &guest.tenant, Noun::Connections, thing).await {
        Ok(found) => found,
        Err(wait) => vec![Finding::wrong("", format!("That was checked too often: wait {wait} s, and press Check again."))],
    }
}

/// `POST /setup`
pub async fn save(State(app): State<App>, sent: Sent) -> Result<Response, PageError> {
    let (base, thing) = typed(&app, &sent).await?;
    if sent.one("version").unwrap_or_default() != base.version {
        return stale(&app, &sent, &base).await;
    }
    let thing = match thing {
        Ok(thing) => thing,
        Err(faults) => return again(&app, &sent, &base, &faults).await,
    };
    let (link, tenant, actor) = (&sent.guest.link, &sent.guest.tenant, sent.guest.actor());
    let Some(turn) = in_turn::of_guests(&app, tenant).await else {
        let crowded = Fault { path: String::new(), text: CROWDED.to_owned() };
        return again(&app, &sent, &base, &[crowded]).await;
    };
    let mut tx = app.db.begin().await?;
    match put(&app, &mut tx, link, tenant, &actor, (&base, &thing)).await {
        Ok(true) => tx.commit().await?,
        Ok(false) => {
            drop(tx);
            let (base, _) = typed(&app, &sent).await?;
            return stale(&app, &sent, &base).await;
        }
        Err(Refusal::Faults(faults)) => return again(&app, &sent, &base, &faults).await,
        Err(Refusal::Conflict(_)) => return Err(in_use()),
        Err(Refusal::Store(e)) => return Err(e.into()),
        Err(refusal) => return Err(PageError::internal(format!("{refusal:?}"))),
    }
    app.deliveries.nudge();
    // What follows looks at others' servers.
    drop(turn);
    let complete = sent.guest.connection(&app).await?.is_some_and(|connection| page::is_complete(&connection));
    let usable = complete && !look(&app, &sent.guest, &thing).await.iter().any(|finding| finding.mark == Mark::Wrong);
    setup_links::note_usable(&app.db, &link.id, usable.then(|| app.clock.now())).await?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, "/setup?done=saved")]).into_response())
}

async fn again(app: &App, sent: &Sent, base: &Base, faults: &[Fault]) -> Result<Response, PageError> {
    let form = Form { base, sent: Some(sent), faults, findings: None, stale: false };
    page::page(app, &sent.guest, Some(form), page::Said::default()).await
}

/// Somebody else has written since the form was opened: the form as it was typed, to be sent again.
async fn stale(app: &App, sent: &Sent, base: &Base) -> Result<Response, PageError> {
    let form = Form { base, sent: Some(sent), faults: &[], findings: None, stale: true };
    page::page(app, &sent.guest, Some(form), page::Said::default()).await
}

/// Writes it as an administrator of the tenant would, unless it came to be in use meanwhile; `false`: it is another than the
/// one that the form was laid over.
async fn put(
    app: &App,
    tx: &mut Tx,
    link: &SetupLink,
    tenant: &Tenant,
    actor: &Actor,
    (base, thing): (&Base, &Value),
) -> Result<bool, Refusal> {
    let order = order(app, actor);
    crate::store::tenants::lock(tx).await?;
    let was = connections::find_by_name(&mut *tx, &tenant.id, &link.connection).await?;
    let is_operators = match &was {
        Some(was) => is_used(&mut *tx, was).await?,
        None => opens_sites(&mut *tx, &tenant.id, &link.connection).await?,
    };
    if is_operators {
        return Err(Refusal::Conflict("it is in use"));
    }
    let now = single::show(&mut *tx, &app.sealer, tenant, Noun::Connections, &link.connection).await?;
    if now.map(|now| single::version(&now)).unwrap_or_default() != base.version {
        return Ok(false);
    }
    single::put(tx, &order, tenant, Noun::Connections, Some(&link.connection), thing, Expect::Any).await?;
    if let Some(connection) = connections::find_by_name(&mut *tx, &tenant.id, &link.connection).await? {
        setup_links::bind(&mut *tx, &link.id, &connection.id).await?;
    }
    Ok(true)
}

/// A change on the guest's behalf: never more than an administrator of the tenant could.
#[must_use]
pub fn order<'a>(app: &'a App, actor: &'a Actor) -> Order<'a> {
    Order { sealer: &app.sealer, ahead: None, actor, platform: false, force: false, now: app.clock.now() }
}
