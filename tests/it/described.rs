//! Answers of the API are what its description says, and hold nothing that it does not name.

use axum::http::Method;
use serde_json::{Value, json};

use crate::{
    admin_pages::{Desk, PASSWORD},
    browser::{Answer, Browser},
    on_both,
    world::{Backend, text},
};

on_both!(answers_are_what_is_described);

const BOT: &str = "0123456789abcdef0123456789abcdef";

/// Everything in which `value` is not what `schema` says, strictly: of an object whose properties are named, no other may be
/// there.
fn differences(document: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let target = document.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name}"));
        return differences(document, target, value, at, found);
    }
    let parts: Vec<&Value> = schema["allOf"].as_array().into_iter().flatten().collect();
    if !parts.is_empty() {
        return parts.into_iter().for_each(|part| differences(document, part, value, at, found));
    }
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed = match &schema["type"] {
        Value::Null => true,
        Value::String(one) => one == is,
        several => several.as_array().unwrap().contains(&json!(is)),
    };
    if !allowed {
        found.push(format!("{at}: it is {is}, not {}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|words| !value.is_null() && !words.contains(value)) {
        found.push(format!("{at}: {value} is none of {}", schema["enum"]));
    }
    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
        differences(document, &schema["items"], item, &format!("{at}[{n}]"), found);
    }
    let (Some(fields), Some(known)) = (value.as_object(), schema["properties"].as_object()) else { return };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            found.push(format!("{at}: {name} is missing"));
        }
    }
    for (name, field) in fields {
        match known.get(name) {
            Some(schema) => differences(document, schema, field, &format!("{at}.{name}"), found),
            None => found.push(format!("{at}: {name} is not described")),
        }
    }
}

async fn ask(desk: &Desk, bearer: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    let bearer = format!("Bearer {bearer}");
    let mut headers = vec![("authorization", bearer.as_str())];
    if body.is_some() {
        headers.push(("content-type", "application/json"));
    }
    Browser::new().send(method, &desk.at(path), &headers, body.map(|body| body.to_string())).await
}

async fn answers_are_what_is_described(backend: Backend) {
    let desk = Desk::new(backend).await;
    let document = ask(&desk, BOT, Method::GET, "/api/v1/openapi.json", None).await.json();
    let answer = desk.sign_in(&mut Browser::new(), &desk.admin_url("web"), "ada@acme.example", PASSWORD).await;
    let access = desk.redeem("web", &answer.query("code").unwrap()).await.json();
    let ada = text(&access, "access_token").to_owned();
    // What opens the admin API opens nothing else.
    let url = desk.authorize_url("web", &[]);
    let answer = desk.sign_in(&mut Browser::new(), &url, "ada@acme.example", PASSWORD).await;
    let access = desk.redeem("web", &answer.query("code").unwrap()).await.json();
    let own = text(&access, "access_token").to_owned();
    let tenant = "/api/v1/tenants/{tenant}";
    let explain = |token: &str| json!({"token": token, "resource": {"type": "model", "name": "gpt"}, "role": "viewer"});
    let at_site = json!({"token": own, "site": "https://app.example/page", "method": "POST", "header": "Cookie"});
    let saml = json!({"enabled": false, "protocol": "saml", "preset": "okta"});
    for (bearer, method, path, described, body, status) in [
        (own.as_str(), Method::GET, "/api/v1/whoami", "/api/v1/whoami".to_owned(), None, 200),
        (ada.as_str(), Method::POST, "/api/v1/access/explain", "/api/v1/access/explain".to_owned(), Some(explain(&own)), 200),
        (ada.as_str(), Method::POST, "/api/v1/access/explain", "/api/v1/access/explain".to_owned(), Some(explain("x.y.z")), 200),
        (ada.as_str(), Method::POST, "/api/v1/access/explain", "/api/v1/access/explain".to_owned(), Some(at_site), 200),
        (BOT, Method::PUT, "/api/v1/tenants/acme/connections/corp", format!("{tenant}/connections/{{name}}"), Some(saml), 201),
        (BOT, Method::GET, "/api/v1/tenants/acme/connections/corp", format!("{tenant}/connections/{{name}}"), None, 200),
        (BOT, Method::GET, "/api/v1/tenants/acme/connections/okta", format!("{tenant}/connections/{{name}}"), None, 200),
        (
            BOT,
            Method::POST,
            "/api/v1/tenants/acme/directories/people/token",
            format!("{tenant}/directories/{{name}}/token"),
            Some(json!({"expires_in": 3600})),
            201,
        ),
        (
            BOT,
            Method::GET,
            "/api/v1/tenants/acme/directories/people/token",
            format!("{tenant}/directories/{{name}}/token"),
            None,
            200,
        ),
        (BOT, Method::GET, "/api/v1/tenants/acme/expiring", format!("{tenant}/expiring"), None, 200),
    ] {
        let answer = ask(&desk, bearer, method.clone(), path, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        let operation = &document["paths"][&described][method.as_str().to_lowercase()];
        let schema = &operation["responses"][status.to_string()]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{method} {described}: {operation}");
        let mut found = Vec::new();
        differences(&document, schema, &answer.json(), "", &mut found);
        assert!(found.is_empty(), "{method} {path}: {found:#?} {}", answer.body);
    }
    // What is told is what the pages show, and what is told may be sent back and changes nothing.
    let path = "/api/v1/tenants/acme/connections/corp";
    let first = ask(&desk, BOT, Method::GET, path, None).await;
    let (thing, issuer) = (first.json(), desk.app.issuer());
    assert_eq!(
        thing["told"],
        json!({
            "callback_url": format!("{issuer}/oauth2/callback"), "scim_url": format!("{issuer}/scim/v2"),
            "entity_id": format!("{issuer}/saml/acme/corp/metadata"), "metadata_url": format!("{issuer}/saml/acme/corp/metadata"),
            "single_logout_url": format!("{issuer}/saml/acme/corp/slo"),
        })
    );
    let mut sent = thing.clone();
    sent["told"]["callback_url"] = "https://evil.example".into();
    let again = ask(&desk, BOT, Method::PUT, path, Some(sent)).await;
    assert_eq!((again.status, again.json(), again.header("etag")), (200, thing, first.header("etag")), "{}", again.body);
}
