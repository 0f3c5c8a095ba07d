//! Of the routes about roles on resources: what to ask, and what administrators are answered (`admin_surface`).

use serde_json::{Value, json};

/// As [`crate::admin_surface::expected`].
pub fn expected(method: &str, path: &str) -> Option<(&'static str, Option<Value>, [u16; 3])> {
    Some(match (method, path) {
        ("GET", "/api/v1/tenants/{tenant}/users/{name}/roles") => ("tenants/acme/users/GIL/roles", None, [404, 200, 200]),
        ("GET", "/api/v1/tenants/{tenant}/teams/{name}/roles") => ("tenants/acme/teams/sre/roles", None, [404, 200, 200]),
        ("GET", "/api/v1/tenants/{tenant}/external_identities/{name}/roles") => {
            ("tenants/acme/external_identities/none/roles", None, [404, 404, 404])
        }
        ("GET", "/api/v1/tenants/{tenant}/virtual_accounts/{name}/roles") => {
            ("tenants/acme/virtual_accounts/none/roles", None, [404, 404, 404])
        }
        ("GET", "/api/v1/tenants/{tenant}/resources/{name}/collaborators") => {
            ("tenants/acme/resources/model:gpt/collaborators", None, [404, 200, 200])
        }
        ("GET", "/api/v1/tenants/{tenant}/resources/{name}/collaborators/{kind}/{holder}") => {
            ("tenants/acme/resources/model:gpt/collaborators/team/sre", None, [404, 200, 200])
        }
        ("PUT", "/api/v1/tenants/{tenant}/resources/{name}/collaborators/{kind}/{holder}") => {
            ("tenants/acme/resources/model:gpt/collaborators/user/GIL", Some(json!({"role": "editor"})), [404, 201, 200])
        }
        ("DELETE", "/api/v1/tenants/{tenant}/resources/{name}/collaborators/{kind}/{holder}") => {
            ("tenants/acme/resources/model:gpt/collaborators/user/GIL", None, [404, 204, 404])
        }
        _ => return None,
    })
}
