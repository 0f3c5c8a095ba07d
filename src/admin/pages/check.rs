//! `Check` on the form of a connection or a trusted issuer: the form comes back with what was found and everything that was
//! typed, and nothing is saved. The page's script does the same while somebody types, and takes the findings alone.

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde_json::Value;

use super::{
    caller::{Posted, missing},
    form,
    thing::Form,
    things::Place,
};
use crate::{
    admin::inspection::{self, Onlooker},
    app::App,
    error::PageError,
    policy::finding::Finding,
};

/// `POST /admin/{tenant}/{noun}/{name}/check`; a thing that is called `new` is not there yet.
pub async fn check(
    State(app): State<App>,
    Path((tenant, noun, name)): Path<(String, String, String)>,
    posted: Posted,
) -> Result<Response, PageError> {
    let place = Place::find(&app, &posted.caller, &tenant, &noun).await?;
    if !inspection::covers(place.key) {
        return Err(missing("page"));
    }
    let (name, base, hidden) = match name.as_str() {
        "new" => {
            let asked = |name: &str| posted.one(name).map(str::to_owned);
            let (base, hidden) = place.noun.beginning(&asked).ok_or_else(|| missing("provider"))?;
            (None, base, hidden)
        }
        name => (Some(name), place.stored(&app, name).await?, Vec::new()),
    };
    let fields = place.noun.fields(&base);
    let thing = form::read(fields, &|name| posted.one(name), base.clone());
    let (findings, faults) = match &thing {
        Ok(thing) => (Some(found(&app, &posted, &place, name, thing).await), Vec::new()),
        Err(faults) => (None, faults.clone()),
    };
    let form = Form {
        place: &place,
        name,
        thing: &base,
        posted: Some(&posted),
        faults: &faults,
        hidden: &hidden,
        findings: findings.as_deref(),
        stale: false,
    };
    form.page(&app, &posted.caller).await
}

async fn found(app: &App, posted: &Posted, place: &Place, name: Option<&str>, thing: &Value) -> Vec<Finding> {
    let operator = &posted.caller.operator;
    let who = Onlooker { key: &operator.user.id, platform: operator.is_platform() };
    let mut thing = thing.clone();
    if let Some(name) = name {
        thing["name"] = name.into();
    }
    match inspection::look(app, who, &place.tenant, place.key, &thing).await {
        Ok(found) => found,
        Err(wait) => vec![Finding::warning("", format!("That was checked too often: wait {wait} s, and press Check again."))],
    }
}
