//! `GET /api/v1/openapi.json`: the API in the words of OpenAPI 3.1, made of the list that the router is made of.
//! `operations` and `onboarding` say what each route takes and answers, `schemas` what things look like. A route without an
//! operation has no place here: a test sees to it.

mod onboarding;
mod operations;
mod schemas;

use axum::{
    Json,
    extract::State,
    http::Method,
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value, json};

use super::{Route, asker::Needs};
use crate::{
    app::App,
    apply::single::Noun,
    policy::api_scope::{self, Level},
};
use operations::{Operation, bearers, of_bearer};

/// Where it is.
pub const PATH: &str = "/api/v1/openapi.json";

/// `GET /api/v1/openapi.json`: for everybody, as it says nothing of anybody.
pub async fn serve(State(app): State<App>) -> Response {
    Json(document(app.issuer(), super::all())).into_response()
}

fn document(issuer: &str, routes: Vec<Route>) -> Value {
    let mut paths = Map::new();
    for route in routes {
        for (path, noun) in spelled_out(route.path) {
            if let Some(operation) = operations::of(&route.method, route.path, noun) {
                // Whatever is read refuses a parameter that it does not know.
                let operation = if route.method == Method::GET { operation.fails([400]) } else { operation };
                add(&mut paths, &path, &route.method, of_admin(&operation, &path, route.needs(), noun));
            }
        }
    }
    for (method, path) in bearers() {
        if let Some(operation) = of_bearer(path) {
            add(&mut paths, path, &method, operation.written(path, None));
        }
    }
    let scopes = api_scope::words().join(", ");
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "gatehouse",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The admin API. Bodies are what a declarative file says of one thing, as JSON.",
        },
        "servers": [{"url": issuer}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": format!("An administrator's access token of a client with `admin_api`, asked for with `resource={issuer}/api/v1` and for nothing else; a personal token or a service token. Scopes of the last two: {scopes}."),
                },
            },
            "schemas": schemas::all(),
        },
    })
}

/// The parameters that a route of the admin API takes in its query, when it is read; `None` for a noun that there is not.
pub fn parameters(path: &str, noun: Option<Noun>) -> Option<Vec<String>> {
    operations::of(&Method::GET, path, noun).map(|operation| operation.parameters())
}

/// A path of any noun stands for one of each.
fn spelled_out(path: &str) -> Vec<(String, Option<Noun>)> {
    match path.contains("{noun}") {
        true => Noun::OWNED.into_iter().map(|noun| (path.replace("{noun}", noun.as_str()), Some(noun))).collect(),
        false => vec![(path.to_owned(), None)],
    }
}

fn of_admin(operation: &Operation, path: &str, needs: Needs, noun: Option<Noun>) -> Value {
    let area = needs.area.or(noun.map(Noun::as_str)).unwrap_or_default();
    let level = if needs.level == Level::Read { "read" } else { "write" };
    operation.written(path, Some(format!("{area}:{level}")))
}

fn add(paths: &mut Map<String, Value>, path: &str, method: &Method, operation: Value) {
    let methods = paths.entry(path).or_insert_with(|| json!({}));
    methods[method.as_str().to_ascii_lowercase()] = operation;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_has_an_operation_and_each_its_own_name() {
        let mut names = BTreeSet::new();
        for route in super::super::all() {
            for (path, noun) in spelled_out(route.path) {
                let operation = operations::of(&route.method, route.path, noun);
                let operation = operation
                    .unwrap_or_else(|| panic!("{} {path} has no operation: what does it take and answer?", route.method));
                let written = of_admin(&operation, &path, route.needs(), noun);
                let name = written["operationId"].as_str().unwrap().to_owned();
                assert!(names.insert(name.clone()), "{name} names two operations");
                let scope = written["x-scope"].as_str().unwrap();
                assert!(api_scope::words().iter().any(|word| word == scope), "{name}: {scope} is no scope");
            }
        }
        assert!(names.len() > 60, "{names:?}");
    }

    #[test]
    fn what_is_referred_to_is_there() {
        let document = document("https://sso.example", super::super::all());
        let text = document.to_string();
        for part in text.split("\"$ref\":\"#").skip(1) {
            let pointer = part.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            assert!(text.contains(&format!("#/components/schemas/{name}\"")), "{name} is nobody's");
            assert!(schema["type"].is_string(), "{name}");
        }
        for path in document["paths"].as_object().unwrap().keys() {
            assert!(path.starts_with("/api/v1/") && !path.contains("{noun}"), "{path}");
        }
    }
}
