//! What is stored, in the file's own words. Settings are spelled by the same table as the plan, so a new one shows by itself.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    apply::difference,
    moment::Moment,
    oauth::client::{Client, ClientAuth},
    policy::{
        claim_rules::{ClaimRule, shorthand},
        trusted_issuer::{Introspection, IntrospectionContent},
    },
    store::{
        connections::Connection, directories::Directory, sites::Site, tenant_tokens::ServiceToken, tenants::Tenant,
        trusted_issuers::TrustedIssuer, users::User,
    },
};

type Fields = Map<String, Value>;

pub fn tenant(x: &Tenant) -> Fields {
    fields(&json!({
        "name": x.name,
        "display_name": x.display_name,
        "provisioning": x.provisioning,
        "enabled": x.enabled,
        "password_login": x.password_login,
        "require_sso": x.require_sso,
        "access_token_lifetime": x.access_token_lifetime,
        "refresh_token_lifetime": x.refresh_token_lifetime,
    }))
}

pub fn connection(x: &Connection) -> Fields {
    let mut all = fields(&x.settings);
    all.extend(fields(&json!({
        "name": x.name,
        "protocol": x.protocol,
        "enabled": x.enabled,
        "login_enabled": x.login_enabled,
    })));
    all
}

pub fn client(x: &Client) -> Fields {
    let mut all = fields(&x.settings);
    // Either way of sending the secret is what is meant when nothing is said.
    if x.settings.auth == ClientAuth::Secret {
        all.remove("token_endpoint_auth_method");
    }
    all.extend(fields(&json!({"client_id": x.id, "name": x.name, "trusted": x.trusted, "enabled": x.enabled})));
    all
}

pub fn user(x: &User) -> Fields {
    fields(&json!({
        "id": x.id,
        "email": x.email.as_str(),
        "email_proven": x.email_proven,
        "name": x.name,
        "admin": x.admin,
        "active": x.active,
        "platform": x.platform,
        "shut_by": x.shut_by.map(crate::store::users::By::as_str),
    }))
}

pub fn directory(x: &Directory) -> Fields {
    let mut all = fields(&x.settings);
    all.extend(fields(&json!({"name": x.name, "enabled": x.enabled})));
    all
}

pub fn service_token(x: &ServiceToken) -> Fields {
    let time = |at: i64| Moment(at).machine();
    fields(&json!({
        "name": x.name,
        "enabled": x.enabled,
        "scopes": x.scopes,
        "expires_at": x.expires_at.map(time),
        "last_used_at": x.last_used_at.map(time),
    }))
}

pub fn issuer(x: &TrustedIssuer) -> Fields {
    let settings = &x.settings;
    let mut all = fields(settings);
    // Two that are stored apart are one in the file, and what is open is said.
    let issuers: Vec<&str> = settings.issuers().collect();
    all.insert("issuer".to_owned(), named(&issuers));
    all.insert("audience".to_owned(), named(&settings.audience));
    all.insert("claim_values".to_owned(), rules(&settings.claim_values));
    all.remove("introspection_endpoint");
    if let Some(introspection) = &settings.introspection {
        all.extend(asked(introspection));
    }
    all.extend(fields(&json!({"name": x.name, "enabled": x.enabled})));
    all
}

pub fn site(x: &Site) -> Fields {
    let mut all = fields(&x.settings);
    all.insert("claims".to_owned(), rules(&x.settings.claims));
    all.extend(fields(&json!({"name": x.name, "enabled": x.enabled})));
    all
}

/// `claims` and `claim_values`: each rule as short as it can be said, which is how people write it.
pub fn rules(rules: &[ClaimRule]) -> Value {
    let spelled = |rule: &ClaimRule| {
        let short = if let [only] = rule.values.as_slice() { json!(only) } else { json!(rule.values) };
        let means_it = shorthand(&rule.claim, &short).is_ok_and(|meant| meant == *rule);
        let value = if means_it { short } else { json!({"values": rule.values, "match_type": rule.match_type}) };
        (rule.claim.clone(), value)
    };
    Value::Object(rules.iter().map(spelled).collect())
}

fn asked(x: &Introspection) -> Fields {
    let content = match x.content {
        IntrospectionContent::Form => "application/x-www-form-urlencoded",
        IntrospectionContent::Json => "application/json",
    };
    fields(&json!({
        "introspection_endpoint": x.endpoint,
        "introspection_client_id": x.client_id,
        "introspection_client_secret_expires_on": x.client_secret_expires_on,
        "introspection_auth": x.auth,
        "introspection_content_type": content,
        "introspection_cache_max_age": x.cache_max_age,
        "introspection_shared": x.shared.then_some(true),
    }))
}

/// Names, or the word for everybody.
fn named<T: Serialize>(names: &[T]) -> Value {
    if names.is_empty() { "any".into() } else { json!(names) }
}

/// Stored settings by their names in the file, without what is null: that is what leaving it out means.
fn fields(settings: &impl Serialize) -> Fields {
    let Ok(Value::Object(stored)) = serde_json::to_value(settings) else { return Fields::new() };
    let there = stored.into_iter().filter(|(_, value)| !value.is_null());
    there.map(|(name, value)| (difference::spelling(&name).to_owned(), part(&name, value))).collect()
}

fn part(name: &str, value: Value) -> Value {
    match (name, value) {
        ("oidc" | "saml" | "oauth_client" | "identity", Value::Object(inner)) => {
            Value::Object(inner.into_iter().filter(|(_, value)| !value.is_null()).collect())
        }
        (_, value) => value,
    }
}
