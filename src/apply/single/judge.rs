//! What is asked of a body before it is read as a file would be.

use serde_json::{Map, Value};

use super::{
    Fault, Noun, Order, Refusal,
    noun::resource_parts,
    show::{Found, spelled},
};
use crate::{
    apply::desired::{Secret, TenantFile},
    store::{On, domains, tenants::Tenant},
};

/// What [`super::show()`] tells and nobody sets.
const TOLD: [&str; 9] =
    ["id", "told", "secrets", "warnings", "email_proven", "platform", "shut_by", "made_for_group", "last_used_at"];

/// What says that a list of a thing is the first part of it alone.
pub const PART: &str = "next";

/// What of a thing of this noun may be as long as the tenant has users, so that only the first of it may be told.
#[must_use]
pub fn long(noun: Noun) -> Option<&'static str> {
    match noun {
        Noun::Teams => Some("members"),
        Noun::Resources => Some("collaborators"),
        _ => None,
    }
}

/// Who may change what is the deployment's.
pub const PLATFORM: &str = "only an administrator of the platform may change this";

/// The fields of a body, without those that are only told.
pub fn fields(noun: Noun, body: &Value) -> Result<Map<String, Value>, Refusal> {
    let Value::Object(fields) = body else {
        return Err(Refusal::Faults(vec![Fault::new("", format!("a {} must be an object", noun.word()))]));
    };
    let mut fields = fields.clone();
    for told in TOLD {
        fields.remove(told);
    }
    if let Some(list) = long(noun).filter(|_| fields.contains_key(PART)) {
        let text = format!("{PART} says that these are the first of the {list} alone: name all of them, and leave {PART} out");
        return Err(Refusal::Faults(vec![Fault::new(list, text)]));
    }
    if noun == Noun::Tenant {
        let owned = |key: &&String| Noun::owned(key).is_some();
        let faults: Vec<Fault> = fields
            .keys()
            .filter(owned)
            .map(|key| Fault::new(key.clone(), format!("put {key} one by one, each at its own address")))
            .collect();
        if !faults.is_empty() {
            return Err(Refusal::Faults(faults));
        }
    }
    Ok(fields)
}

/// The name that the address has is the thing's; the body may say it again.
pub fn name(noun: Noun, name: &str, old: Option<&Found>, fields: &mut Map<String, Value>) -> Result<(), Refusal> {
    let mut own: Vec<(&str, String)> = Vec::new();
    match (noun, old) {
        // They are called by id or address.
        (Noun::Users, Some(Found::User(user))) => own.push(("email", user.email.as_str().to_owned())),
        (Noun::Resources, _) => match resource_parts(name) {
            Some((kind, name)) => own.extend([("type", kind), ("name", name.to_owned())]),
            None => return Err(Refusal::Missing),
        },
        _ => own.push((noun.key(), name.to_owned())),
    }
    for (key, own) in own {
        match fields.get(key) {
            None => drop(fields.insert(key.to_owned(), own.into())),
            Some(Value::String(said)) if *said == own || (noun == Noun::Users && said.eq_ignore_ascii_case(&own)) => {}
            Some(_) => {
                let text = format!("it is {own} and cannot be called something else; make another, and delete this one");
                return Err(Refusal::Faults(vec![Fault::new(key, text)]));
            }
        }
    }
    Ok(())
}

/// What is the deployment's is for those who administer that: the hosts of sites, a tenant's being switched on, and its
/// domains, which count as proven. So are they themselves: whoever could give them a password could be them.
pub async fn reach(
    on: &mut On<'_>,
    order: &Order<'_>,
    tenant: &Tenant,
    noun: Noun,
    old: Option<&Found>,
    fields: &Map<String, Value>,
) -> Result<(), Refusal> {
    if order.platform {
        return Ok(());
    }
    if matches!(old, Some(Found::User(user)) if user.platform) {
        return Err(Refusal::Forbidden(PLATFORM));
    }
    match noun {
        Noun::Sites => Err(Refusal::Forbidden(PLATFORM)),
        Noun::Tenant => {
            // As it stands: somebody may have switched it off since the request began.
            let tenant = if let Some(Found::Tenant(tenant)) = old { tenant } else { tenant };
            let domains = domains::of_tenant(on, &tenant.id).await?;
            let now = spelled(tenant, &domains);
            let differs = |key: &&str| fields.get(*key).is_some_and(|said| now.get(*key) != Some(said));
            let faults: Vec<Fault> =
                ["domains", "enabled"].into_iter().filter(differs).map(|key| Fault::new(key, PLATFORM)).collect();
            if faults.is_empty() { Ok(()) } else { Err(Refusal::Faults(faults)) }
        }
        _ => Ok(()),
    }
}

/// Which clients may administer is the deployment's, and so is where the tokens of one go: people who administer more than
/// this tenant may sign in there. Whoever is less may take it away from one, and leave one as it is but for its name and its
/// switch.
pub fn administering(order: &Order<'_>, old: Option<&Found>, file: &TenantFile) -> Result<(), Refusal> {
    let Some(new) = file.clients.first().filter(|new| !order.platform && new.settings.admin_api) else { return Ok(()) };
    let (settings, trusted) = match old {
        Some(Found::Client(old)) if old.settings.admin_api => (&old.settings, old.trusted),
        _ => return Err(Refusal::Faults(vec![Fault::new("admin_api", PLATFORM)])),
    };
    if new.settings == *settings && new.trusted == trusted && !matches!(new.secret, Some(Secret::Said(_))) {
        return Ok(());
    }
    let text = "the tokens of this application open the admin API, so only an administrator of the platform may change it; \
                take admin_api away first";
    Err(Refusal::Faults(vec![Fault::new("admin_api", text)]))
}
