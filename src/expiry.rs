//! What will end: providers' certificates and metadata, client secrets, our own keys and certificate, tokens of directories and of the admin
//! API, invites, set-up links; the soonest first. Pages and the API read it of the database; each node keeps what [`refresh`] has found last, for `/metrics`
//! and for the number in the navigation; and [`warn`] says in the log, on one node and once, what comes near.

mod collection;
mod connections;

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;

pub use collection::collect;

use crate::{
    app::Inner,
    metrics,
    moment::{Moment, span},
    store::{StoreError, meta},
};

/// Seconds before its end from which a thing is shown as ending.
pub const SOON: i64 = 30 * DAY;
const DAY: i64 = 86_400;
/// Seconds before an end at which the log says so; at the end itself it does once more.
const STEPS: [i64; 4] = [30 * DAY, 7 * DAY, DAY, 0];
/// Under which the time of the last warnings is noted, so that of all nodes one says them.
const WARNED: &str = "expiry-warned-at";
/// Most series that `/metrics` has of this: the soonest.
const SERIES: usize = 1_000;
/// Most of one tenant's: whoever makes a thousand tokens that end would blind the alarms of everybody else.
const SHARE: usize = 100;

/// What kind of thing ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The certificate that a SAML provider signs with, the last of several.
    ProviderCertificate,
    /// The metadata of a SAML provider (`validUntil`), where nothing fetches it again before.
    ProviderMetadata,
    /// Our client secret at a provider, as an operator has noted it.
    ClientSecret,
    /// Our secret at a trusted issuer, as an operator has noted it.
    IssuerSecret,
    /// The token that a directory pushes with.
    DirectoryToken,
    /// A service token of the admin API.
    ServiceToken,
    /// An administrator's personal token of the admin API.
    PersonalToken,
    /// An invite that nobody has accepted yet.
    Invite,
    /// A link by which a customer's own administrator sets a connection up.
    SetupLink,
    /// A key that signs tokens: the next one follows by itself.
    SigningKey,
    /// A key towards SAML providers: the next one follows by itself, and providers must know its certificate by then.
    SamlKey,
    /// The certificate of the built-in TLS.
    TlsCertificate,
}

impl Kind {
    /// All.
    pub const ALL: [Self; 12] = [
        Self::ProviderCertificate,
        Self::ProviderMetadata,
        Self::ClientSecret,
        Self::IssuerSecret,
        Self::DirectoryToken,
        Self::ServiceToken,
        Self::PersonalToken,
        Self::Invite,
        Self::SetupLink,
        Self::SigningKey,
        Self::SamlKey,
        Self::TlsCertificate,
    ];

    /// The one that is spelled so.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// As the API and the metric spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProviderCertificate => "provider_certificate",
            Self::ProviderMetadata => "provider_metadata",
            Self::ClientSecret => "client_secret",
            Self::IssuerSecret => "issuer_secret",
            Self::DirectoryToken => "directory_token",
            Self::ServiceToken => "service_token",
            Self::PersonalToken => "personal_token",
            Self::Invite => "invite",
            Self::SetupLink => "setup_link",
            Self::SigningKey => "signing_key",
            Self::SamlKey => "saml_key",
            Self::TlsCertificate => "tls_certificate",
        }
    }

    /// Whether nobody has to do anything about it.
    #[must_use]
    pub fn is_automatic(self) -> bool {
        matches!(self, Self::SigningKey | Self::Invite | Self::SetupLink)
    }

    /// Whether it is the deployment's and no tenant's.
    #[must_use]
    pub fn is_of_deployment(self) -> bool {
        matches!(self, Self::SigningKey | Self::SamlKey | Self::TlsCertificate)
    }

    /// Whether it lasts for days only, and is made anew by whoever misses it.
    fn is_passing(self) -> bool {
        matches!(self, Self::Invite | Self::SetupLink)
    }

    /// Whether `/metrics` has it, which asks nobody who they are: a personal token is named after a person's address.
    fn is_counted(self) -> bool {
        !self.is_passing() && self != Self::PersonalToken
    }
}

/// Something that ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// What kind of thing.
    pub kind: Kind,
    /// The name of the tenant whose it is; the deployment's own have none.
    pub tenant: Option<String>,
    /// What it is called: the connection, the directory, the token, the address, the row of keys.
    pub name: String,
    /// When it ends, or has ended (unix seconds).
    pub at: i64,
    /// Whether it belongs to a connection that nobody signs in over: it is shown, and nobody is alarmed.
    pub draft: bool,
}

impl Ending {
    /// Whether somebody should look at it at `now`.
    #[must_use]
    pub fn is_near(&self, now: i64) -> bool {
        !self.draft && !self.kind.is_automatic() && self.at - now <= SOON
    }

    /// Whole days that are left at `now`; below zero, it is over.
    #[must_use]
    pub fn days(&self, now: i64) -> i64 {
        (self.at - now).div_euclid(DAY)
    }
}

/// What of all this somebody wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What names hold, whatever the case.
    pub search: String,
    /// Only such.
    pub kind: Option<Kind>,
    /// The name of a tenant; empty: of whichever.
    pub tenant: String,
    /// What ends within so many days, or has ended.
    pub days: Option<i64>,
}

impl Wanted {
    /// Most days that can be asked for.
    pub const MOST_DAYS: i64 = 36_500;

    /// Until when what is wanted ends (unix seconds).
    #[must_use]
    pub fn until(&self, now: i64) -> Option<i64> {
        self.days.map(|days| now.saturating_add(days.saturating_mul(DAY)))
    }

    /// Whether this is.
    #[must_use]
    pub fn has(&self, ending: &Ending) -> bool {
        self.kind.is_none_or(|kind| ending.kind == kind)
            && (self.tenant.is_empty() || ending.tenant.as_deref() == Some(self.tenant.as_str()))
            && (self.search.is_empty() || ending.name.to_lowercase().contains(&self.search.to_lowercase()))
    }

    /// Whether it is less than all.
    #[must_use]
    pub fn is_narrow(&self) -> bool {
        *self != Self::default()
    }
}

/// What a node has found last. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Endings(Arc<ArcSwap<Vec<Ending>>>);

impl Endings {
    /// How many things of a tenant, or of the whole deployment (`None`), should be looked at.
    #[must_use]
    pub fn near(&self, tenant: Option<&str>, now: i64) -> usize {
        let of = |ending: &&Ending| tenant.is_none() || ending.tenant.as_deref() == tenant;
        self.0.load().iter().filter(of).filter(|ending| ending.is_near(now)).count()
    }

    /// As Prometheus text.
    #[must_use]
    pub fn exposition(&self, now: i64) -> String {
        let all = self.0.load();
        // The deployment's own first: no tenant's many things stand before them.
        let (own, tenants): (Vec<_>, Vec<_>) =
            all.iter().filter(|e| e.kind.is_counted() && !e.draft).partition(|e| e.tenant.is_none());
        let mut shares: HashMap<&str, usize> = HashMap::new();
        let mut shown: Vec<&Ending> = own;
        for ending in tenants {
            let taken = shares.entry(ending.tenant.as_deref().unwrap_or_default()).or_default();
            *taken += 1;
            if *taken <= SHARE {
                shown.push(ending);
            }
        }
        metrics::expiry(
            shown
                .into_iter()
                .take(SERIES)
                .map(|e| ([e.kind.as_str(), e.tenant.as_deref().unwrap_or_default(), e.name.as_str()], e.at - now)),
        )
    }
}

/// Reads anew what ends, for this node.
///
/// # Errors
/// What the database says.
pub async fn refresh(app: &Inner) -> Result<(), StoreError> {
    app.endings.0.store(Arc::new(collect(app, None, None).await?));
    Ok(())
}

/// Says what has come near since the log was last told, once a day and by one node.
///
/// # Errors
/// What the database says.
pub async fn warn(app: &Inner) -> Result<(), StoreError> {
    let now = app.clock.now();
    let noted = meta::find(&app.db, WARNED).await?;
    let last = noted.as_deref().and_then(|text| text.parse::<i64>().ok());
    if last.is_some_and(|at| now - at < DAY) || !meta::replace(&app.db, WARNED, noted.as_deref(), &now.to_string()).await? {
        return Ok(());
    }
    for ending in app.endings.0.load().iter().filter(|ending| !ending.draft && !ending.kind.is_automatic()) {
        let Some(step) = step(ending.at, last, now) else { continue };
        let (kind, tenant, name) = (ending.kind.as_str(), ending.tenant.as_deref().unwrap_or("-"), ending.name.as_str());
        let ends = Moment(ending.at).machine();
        match step {
            0 => tracing::error!(kind, tenant, name, ends, "it has ended: renew it"),
            _ => tracing::warn!(kind, tenant, name, ends, "it ends in {}: renew it", span(ending.at - now)),
        }
    }
    Ok(())
}

/// The last step that was passed after `last` (or ever) and up to `now`, of what ends at `at`.
fn step(at: i64, last: Option<i64>, now: i64) -> Option<i64> {
    let mut passed = STEPS.into_iter().filter(|step| at - step <= now);
    passed.next_back().filter(|step| last.is_none_or(|last| at - step > last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_said_once_also_after_a_pause() {
        let end = 100 * DAY;
        for (last, now, expected) in [
            (None, 60, None),
            (None, 95, Some(7)),
            (Some(69), 70, Some(30)),
            (Some(70), 71, None),
            (Some(92), 93, Some(7)),
            (Some(93), 98, None),
            (Some(98), 99, Some(1)),
            (Some(99), 100, Some(0)),
            (Some(100), 101, None),
            (Some(60), 100, Some(0)),
            (Some(60), 94, Some(7)),
        ] {
            let said = step(end, last.map(|day| day * DAY), now * DAY);
            assert_eq!(said, expected.map(|days| days * DAY), "{last:?} {now}");
        }
    }

    #[test]
    fn what_follows_by_itself_needs_nobody() {
        let ending = |kind, at| Ending { kind, tenant: None, name: "x".to_owned(), at, draft: false };
        let endings = Endings::default();
        endings.0.store(Arc::new(vec![
            ending(Kind::TlsCertificate, SOON),
            ending(Kind::SigningKey, 5),
            ending(Kind::ClientSecret, SOON + 1),
            ending(Kind::Invite, 5),
            Ending { draft: true, ..ending(Kind::ProviderCertificate, 5) },
        ]));
        assert_eq!((endings.near(None, 0), endings.near(Some("acme"), 0), endings.near(None, 1)), (1, 0, 2));
        let text = endings.exposition(0);
        assert!(
            text.contains("{kind=\"tls_certificate\",tenant=\"\",name=\"x\"} 2592000\n")
                && !text.contains("invite")
                && !text.contains("provider_certificate"),
            "{text}"
        );
        let of = |tenant: &str, at| Ending { tenant: Some(tenant.to_owned()), ..ending(Kind::ServiceToken, at) };
        let mut all: Vec<Ending> = (0..2_000).map(|at| of("loud", at)).collect();
        all.extend([of("quiet", 5_000), ending(Kind::TlsCertificate, 6_000), ending(Kind::PersonalToken, 1)]);
        endings.0.store(Arc::new(all));
        let text = endings.exposition(0);
        let count = |what: &str| text.lines().filter(|line| line.contains(what)).count();
        assert_eq!((count("loud"), count("quiet"), count("tls_certificate"), count("personal_token")), (SHARE, 1, 1, 0));
        assert_eq!((ending(Kind::Invite, -1).days(0), ending(Kind::Invite, DAY).days(0)), (-1, 1));
    }
}
