//! What ends, the soonest first: of one organisation, or of the whole deployment.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{Path, RawQuery, State},
    response::{IntoResponse as _, Response},
};

use super::{
    caller::Caller,
    frame::{Frame, address},
};
use crate::{
    app::App,
    error::PageError,
    expiry::{self, Ending, Kind, SOON, Wanted},
    moment::{Moment, span},
    store::tenants::Tenant,
};

/// Most that a page shows.
const MOST: usize = 100;
/// Longest text that is searched for.
const LONGEST: usize = 100;
/// The address of the deployment's page.
pub const OF_PLATFORM: &str = "/admin/_/expiring";

/// Something that ends, as pages tell of it.
#[derive(Debug)]
pub struct Told {
    pub kind: &'static str,
    pub name: String,
    pub tenant: Option<String>,
    pub href: Option<String>,
    pub left: String,
    pub at: Moment,
    /// `over`, `urgent`, `near` or `far`: also what the page's colours go by.
    pub grade: &'static str,
    pub advice: &'static str,
    /// Of a connection that nobody signs in over.
    pub draft: bool,
}

impl Told {
    #[must_use]
    pub fn new(ending: &Ending, now: i64) -> Self {
        let left = ending.at - now;
        Self {
            kind: title(ending.kind),
            name: ending.name.clone(),
            tenant: ending.tenant.clone(),
            href: href(ending),
            left: if left > 0 { format!("in {}", days(left)) } else { format!("{} ago", days(-left)) },
            at: Moment(ending.at),
            grade: match ending.days(now) {
                _ if ending.draft || ending.kind.is_automatic() => "far",
                ..0 => "over",
                0..=7 => "urgent",
                8..=30 => "near",
                _ => "far",
            },
            advice: advice(ending.kind),
            draft: ending.draft,
        }
    }
}

/// Whole days where there are some.
fn days(seconds: i64) -> String {
    if seconds >= 86_400 { span(seconds - seconds % 86_400) } else { span(seconds) }
}

fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::ProviderCertificate => "Certificate of a SAML provider",
        Kind::ProviderMetadata => "Metadata of a SAML provider",
        Kind::ClientSecret => "Client secret at a provider",
        Kind::IssuerSecret => "Client secret at a trusted issuer",
        Kind::DirectoryToken => "Token of a directory",
        Kind::ServiceToken => "Service token of the admin API",
        Kind::PersonalToken => "Personal token of the admin API",
        Kind::Invite => "Invite",
        Kind::SetupLink => "Set-up link",
        Kind::SigningKey => "Key that signs tokens",
        Kind::SamlKey => "Key towards SAML providers",
        Kind::TlsCertificate => "TLS certificate",
    }
}

fn advice(kind: Kind) -> &'static str {
    match kind {
        Kind::ProviderCertificate => "Take the provider's new certificate over here",
        Kind::ProviderMetadata => "Enter its newer metadata; where it has a URL, see why that brings none",
        Kind::ClientSecret => "Make a new secret at the provider, and enter it here with its day",
        Kind::IssuerSecret => "Make a new secret at the issuer, and enter it here with its day",
        Kind::DirectoryToken => "Make a token, and enter it at the directory",
        Kind::ServiceToken => "Make a new token on its page, give it to the program, and set another end",
        Kind::PersonalToken => "Whoever it belongs to makes another one, or lets it end",
        Kind::Invite => "Send it again if it is still wanted",
        Kind::SetupLink => "Make another one if the connection is not set up by then",
        Kind::SigningKey => "The next one follows by itself",
        Kind::SamlKey => {
            "The next one follows by itself; providers that do not read our metadata must know its certificate by then"
        }
        Kind::TlsCertificate => "Renew it; the files are read again every hour",
    }
}

fn href(ending: &Ending) -> Option<String> {
    let name = || url::form_urlencoded::byte_serialize(ending.name.as_bytes()).collect::<String>().replace('+', "%20");
    let of = |noun: &str| ending.tenant.as_ref().map(|tenant| format!("/admin/{tenant}/{noun}"));
    match ending.kind {
        Kind::ProviderCertificate | Kind::ProviderMetadata | Kind::ClientSecret => {
            of("connections").map(|list| format!("{list}/{}", name()))
        }
        Kind::IssuerSecret => of("trusted_issuers").map(|list| format!("{list}/{}", name())),
        Kind::DirectoryToken => of("directories").map(|list| format!("{list}/{}", name())),
        Kind::ServiceToken => of("service_tokens").map(|list| format!("{list}/{}", name())),
        Kind::PersonalToken => None,
        Kind::Invite => of("invites"),
        Kind::SetupLink => of("setup-links"),
        Kind::SigningKey | Kind::SamlKey => Some("/admin/_/keys".to_owned()),
        Kind::TlsCertificate => None,
    }
}

/// What the address asks for.
#[derive(Debug, Default)]
struct Asked {
    wanted: Wanted,
    /// How many come before.
    from: usize,
}

impl Asked {
    fn read(query: Option<&str>) -> Self {
        let mut asked = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let text = || value.trim().chars().take(LONGEST).collect();
            match name.as_ref() {
                "search" => asked.wanted.search = text(),
                "tenant" => asked.wanted.tenant = text(),
                "kind" => asked.wanted.kind = Kind::parse(&value),
                "days" => asked.wanted.days = value.parse().ok().filter(|days| (0..=Wanted::MOST_DAYS).contains(days)),
                "from" => asked.from = value.parse().unwrap_or_default(),
                _ => {}
            }
        }
        asked
    }

    /// The address of the page that begins there.
    fn page(&self, path: &str, from: usize) -> String {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        let Wanted { search, kind, tenant, days } = &self.wanted;
        let days = days.map(|days| days.to_string()).unwrap_or_default();
        let kind = kind.map_or("", Kind::as_str);
        for (name, value) in [("search", search.as_str()), ("kind", kind), ("tenant", tenant), ("days", &days)] {
            if !value.is_empty() {
                pairs.append_pair(name, value);
            }
        }
        format!("{path}?{}", pairs.append_pair("from", &from.to_string()).finish())
    }
}

/// Days that can be chosen.
const WITHIN: [(i64, &str); 3] = [(7, "Within 7 days"), (30, "Within 30 days"), (90, "Within 90 days")];

#[derive(Debug, Template, WebTemplate)]
#[template(path = "admin/expiring.html")]
struct Page<'a> {
    frame: &'a Frame,
    failed: bool,
    rows: &'a [Told],
    of_all: bool,
    path: &'a str,
    asked: &'a Asked,
    /// Spelling, title, and whether it is asked for.
    kinds: &'a [(&'static str, &'static str, bool)],
    /// Days, title, and whether they are asked for.
    spans: &'a [(i64, &'static str, bool)],
    next: Option<String>,
}

/// `GET /admin/_/expiring`
pub async fn of_platform(State(app): State<App>, caller: Caller, RawQuery(query): RawQuery) -> Result<Response, PageError> {
    caller.require_platform()?;
    show(&app, &caller, None, query.as_deref()).await
}

/// `GET /admin/{tenant}/expiring`
pub async fn of_tenant(
    State(app): State<App>,
    caller: Caller,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let tenant = caller.tenant(&app, &tenant).await?;
    show(&app, &caller, Some(&tenant), query.as_deref()).await
}

async fn show(app: &App, caller: &Caller, tenant: Option<&Tenant>, query: Option<&str>) -> Result<Response, PageError> {
    let mut asked = Asked::read(query);
    if tenant.is_some() {
        asked.wanted.tenant.clear();
    }
    let (path, frame) = match tenant {
        Some(tenant) => (address(&tenant.name, "expiring"), Frame::of_tenant(app, caller, tenant, "expiring", "Expiring")),
        None => (OF_PLATFORM.to_owned(), Frame::of_platform(app, caller, OF_PLATFORM, "Expiring")),
    };
    let now = app.clock.now();
    let all = expiry::collect(app, tenant, asked.wanted.until(now)).await?;
    let wanted: Vec<&Ending> = all.iter().filter(|ending| asked.wanted.has(ending)).skip(asked.from).take(MOST + 1).collect();
    let rows: Vec<Told> = wanted.iter().take(MOST).map(|ending| Told::new(ending, now)).collect();
    let next = (wanted.len() > MOST).then(|| asked.page(&path, asked.from + MOST));
    let of_all = tenant.is_none();
    let offered = Kind::ALL.into_iter().filter(|kind| of_all || !kind.is_of_deployment());
    let kinds: Vec<_> = offered.map(|kind| (kind.as_str(), title(kind), asked.wanted.kind == Some(kind))).collect();
    let spans = WITHIN.map(|(days, title)| (days, title, asked.wanted.days == Some(days)));
    let (asked, path) = (&asked, path.as_str());
    Ok(Page { frame: &frame, failed: false, rows: &rows, of_all, path, asked, kinds: &kinds, spans: &spans, next }
        .into_response())
}

/// What of a tenant somebody should look at, for its overview.
///
/// # Errors
/// What the database says.
pub async fn near(app: &App, tenant: &Tenant) -> Result<Vec<Told>, PageError> {
    let now = app.clock.now();
    let all = expiry::collect(app, Some(tenant), Some(now + SOON)).await?;
    Ok(all.iter().filter(|ending| ending.is_near(now)).take(5).map(|ending| Told::new(ending, now)).collect())
}
