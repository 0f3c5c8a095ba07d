//! What the query of a request asks for. A parameter that an address does not know is refused, as a field of a body is: a filter
//! that is mistyped would leave nothing out.

use axum::{
    extract::{FromRequestParts as _, RawPathParams, Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{desk::Desk, openapi};
use crate::{
    app::App,
    apply::single::{self, Ask, Noun},
    connector::presets,
    error::ApiError,
    oauth::{
        error::{Code, error},
        params::Params,
    },
    policy::connection::Protocol,
    store::{
        tenants::Tenant,
        window::{Narrow, Phase},
    },
};

/// Things on a page unless fewer are asked for.
const PAGE: usize = 100;

/// Around whatever is read: `path` is the route's. Whoever may not ask, at all or of this tenant, is told that first: who may is
/// asked in one place, before anything else ([`super::asker::Needs`], and the tenant by [`Desk`]).
pub async fn of_known(State((app, path)): State<(App, &'static str)>, request: Request, next: Next) -> Response {
    let Some(query) = request.uri().query().filter(|query| !query.is_empty()).map(str::to_owned) else {
        return next.run(request).await;
    };
    let (mut parts, body) = request.into_parts();
    let noun = match RawPathParams::from_request_parts(&mut parts, &()).await {
        Ok(params) => params.iter().find(|(name, _)| *name == "noun").and_then(|(_, value)| Noun::owned(value)),
        Err(_) => None,
    };
    if let Some(unknown) = openapi::parameters(path, noun).and_then(|known| strange(&query, &known)) {
        return match Desk::from_request_parts(&mut parts, &app).await {
            Ok(_) => ApiError::from(error(Code::InvalidRequest, unknown)).into_response(),
            Err(refusal) => refusal.into_response(),
        };
    }
    next.run(Request::from_parts(parts, body)).await
}

/// What is said of a parameter that is none of these.
fn strange(query: &str, known: &[String]) -> Option<String> {
    let mut names = url::form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
    let name = names.find(|name| !known.iter().any(|known| known == name))?;
    let plain = (1..=40).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    let which = if plain { format!("the parameter {name} is unknown here") } else { "a parameter is unknown here".to_owned() };
    Some(match known {
        [] => format!("{which}: this address knows none"),
        known => format!("{which}: this address knows {}", known.join(", ")),
    })
}

/// What the query says.
pub struct Asked {
    pub search: String,
    pub after: String,
    pub limit: usize,
    pub force: bool,
    pub confirm: Option<String>,
    state: Option<Phase>,
    protocol: Option<Protocol>,
    /// As [`Narrow::provider`].
    provider: Option<String>,
}

impl Asked {
    /// # Errors
    /// A part of it cannot be read.
    pub fn read(query: Option<&str>) -> Result<Self, ApiError> {
        let params = Params::parse(query.unwrap_or_default())?;
        let text = |name| params.one(name).map(|value| value.unwrap_or_default().to_owned());
        let limit = params.one("limit")?.map_or(Some(PAGE), |text| text.parse().ok()).filter(|limit| (1..=PAGE).contains(limit));
        let limit = limit.ok_or_else(|| error(Code::InvalidRequest, format!("limit must be a number from 1 to {PAGE}")))?;
        let force = match params.one("force")? {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(error(Code::InvalidRequest, "force must be true or false").into()),
        };
        let confirm = params.one("confirm")?.map(str::to_owned);
        let (search, after) = (text("search")?, text("after")?);
        Ok(Self { search, after, limit, force, confirm, state: None, protocol: None, provider: None })
    }

    /// With the state, protocol and provider that a list of this noun is narrowed to.
    ///
    /// # Errors
    /// A part of it cannot be read.
    pub fn narrowed(self, query: Option<&str>, noun: Noun) -> Result<Self, ApiError> {
        let params = Params::parse(query.unwrap_or_default())?;
        let protocol = match params.one("protocol")?.filter(|word| noun == Noun::Connections && !word.is_empty()) {
            None => None,
            Some(word) => Some(Protocol::parse(word).ok_or(error(Code::InvalidRequest, "protocol must be oidc or saml"))?),
        };
        let said = match single::provider(noun) {
            Some(word) => params.one(word)?,
            None => None,
        };
        let provider = match said {
            Some(word) if noun == Noun::Connections => Some(preset_among(word)?),
            said => said.map(str::to_owned),
        };
        Ok(Self { protocol, provider, ..self.in_state(query, single::states(noun))? })
    }

    /// With the state that a list is narrowed to which knows these.
    ///
    /// # Errors
    /// It is none of them.
    pub fn in_state(self, query: Option<&str>, states: &[Phase]) -> Result<Self, ApiError> {
        let params = Params::parse(query.unwrap_or_default())?;
        let word = params.one("state")?.filter(|word| !word.is_empty());
        Ok(Self { state: word.map(|word| state_among(states, word)).transpose()?, ..self })
    }

    /// Whether a list of the tenant alone would show it.
    pub fn finds(&self, tenant: &Tenant) -> bool {
        let is_switched = match self.state {
            Some(Phase::On) => tenant.enabled,
            Some(Phase::Off) => !tenant.enabled,
            _ => true,
        };
        let search = self.search.trim().to_lowercase();
        let is_called = tenant.name.contains(&search) || tenant.display_name.to_lowercase().contains(&search);
        is_switched && is_called && self.after < tenant.name
    }

    /// Which part of a list is asked for.
    pub fn part(&self, now: i64) -> Ask<'_> {
        let narrow = Narrow { state: self.state, protocol: self.protocol, provider: self.provider.as_deref(), now };
        Ask { search: &self.search, after: &self.after, limit: self.limit, narrow }
    }
}

/// The preset that a word of a query means.
fn preset_among(word: &str) -> Result<String, ApiError> {
    let known = || presets::PRESETS.map(|preset| preset.name).join(", ");
    let why = || error(Code::InvalidRequest, format!("provider must be one of {}", known()));
    presets::preset(word).map(|preset| preset.name.to_owned()).ok_or_else(|| why().into())
}

/// The state that a word of a query means.
///
/// # Errors
/// It is none of these.
pub fn state_among(all: &[Phase], word: &str) -> Result<Phase, ApiError> {
    let known = || all.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(", ");
    let why = || match all.is_empty() {
        true => "this list knows no state".to_owned(),
        false => format!("state must be one of {}", known()),
    };
    Phase::among(all, word).ok_or_else(|| error(Code::InvalidRequest, why()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_none_is_named() {
        let known = ["search".to_owned(), "limit".to_owned()];
        for (query, said) in [
            ("search=x&limit=3", None),
            ("limit=3&serch=x", Some("the parameter serch is unknown here: this address knows search, limit")),
            ("%3Cb%3E=1", Some("a parameter is unknown here: this address knows search, limit")),
            ("Limit", Some("the parameter Limit is unknown here: this address knows search, limit")),
        ] {
            assert_eq!(strange(query, &known).as_deref(), said, "{query}");
        }
        assert_eq!(strange("x=1", &[]).as_deref(), Some("the parameter x is unknown here: this address knows none"));
    }
}
