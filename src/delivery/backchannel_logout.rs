//! Tells a client that a sign-in has ended (OpenID Connect Back-Channel Logout 1.0 §2.5). Its URI was typed in by
//! whoever administers its tenant, so the call goes through `outbound`, like every call that an attacker may aim.

use http::{Request, header};
use url::{Url, form_urlencoded};

use super::Outcome;
use crate::{
    app::App,
    store::{self, logouts::Logout},
    token::logout::{self, LogoutSpec},
};

/// One attempt. The token is made for it: it lives for two minutes, and the delivery for a day.
pub async fn send(app: &App, logout: &Logout) -> Outcome {
    let client = match store::clients::find(&app.db, &logout.client_id).await {
        Ok(Some(client)) if client.enabled => client,
        Ok(_) => return Outcome::Moot("the client is gone or switched off"),
        Err(e) => return Outcome::Away(e.to_string()),
    };
    let Some(uri) = &client.settings.backchannel_logout_uri else {
        return Outcome::Moot("the client has no backchannel_logout_uri any more");
    };
    let Ok(uri) = Url::parse(uri) else { return Outcome::Refused("backchannel_logout_uri is no URL".to_owned()) };
    let spec = LogoutSpec {
        issuer: app.issuer(),
        client_id: &client.id,
        subject: &logout.sub,
        session: logout.sid.as_deref(),
        alg: client.settings.id_token_alg.unwrap_or(app.settings.id_token_alg),
    };
    let token = match logout::issue(&app.ring, &spec, app.clock.now()) {
        Ok(token) => token,
        Err(e) => return Outcome::Away(e.to_string()),
    };
    let form = form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", &token).finish();
    let request =
        Request::post(uri.as_str()).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.into_bytes());
    let Ok(request) = request else { return Outcome::Refused("backchannel_logout_uri cannot be called".to_owned()) };
    match app.outbound.send("backchannel_logout", request).await {
        Ok(answer) if answer.status().is_success() => Outcome::Arrived,
        // §2.8: the client says that the token is none it can do anything with.
        Ok(answer) if answer.status() == http::StatusCode::BAD_REQUEST => Outcome::Refused("the client answers 400".to_owned()),
        Ok(answer) => Outcome::Away(format!("the client answers {}", answer.status().as_u16())),
        Err(e) if e.is_away() => Outcome::Away(e.to_string()),
        Err(e) => Outcome::Refused(e.to_string()),
    }
}
