//! What came of the newest test sign-in over a connection. A test begins in a browser, on the connection's page.

use axum::{http::StatusCode, response::Response};
use serde_json::json;

use super::desk::{Desk, nothing};
use crate::{
    body,
    error::ApiError,
    moment::Moment,
    store::{connections, trials},
    trial,
};

/// `GET /api/v1/tenants/{tenant}/connections/{name}/test`
pub async fn show(desk: Desk) -> Result<Response, ApiError> {
    let (app, tenant) = (&desk.app, desk.tenant()?);
    let name = desk.name()?;
    let connection = if name.contains('\0') { None } else { connections::find_by_name(&app.db, &tenant.id, name).await? };
    let connection = connection.ok_or_else(nothing)?;
    let is_proven = trials::is_proven(&app.db, &app.sealer, &connection).await?;
    let told = trial::newest(app, &connection, desk.asker.key()).await?;
    let test = told.map(|told| {
        json!({
            "passed": told.trial.passed,
            "at": Moment(told.trial.at).machine(),
            "by": told.trial.tester,
            "settings_unchanged": told.is_current,
            "decision": told.report.verdict,
            "mappings": told.report.mappings,
            "documents": told.report.documents,
            "notes": told.report.notes,
        })
    });
    let body = json!({
        "connection": connection.name,
        "proven": is_proven,
        "begin": format!("{}/admin/{}/connections/{}/test", app.issuer(), tenant.name, connection.name),
        "test": test,
    });
    Ok(body::answer(StatusCode::OK, &body))
}
