//! What is lost with a thing that goes: whoever deletes it is told before, and the audit log keeps it. What only stands idle
//! without it counts too: an external identity whose issuer is gone acts for nobody.

use super::{
    clear::noun,
    execute::{Result, Work},
    plan::Count,
};
use crate::{
    oauth::client::Client,
    policy::{
        principal::Kind,
        site::{Login, SiteSettings},
    },
    store::{
        On, StoreError, clients, collaborators,
        connections::{self, Connection},
        dependents::{self, Sample},
        directories::Directory,
        mappings,
        overview::{self, MOST},
        own_teams::{self, Given},
        principals::Principal,
        resources::{self, Resource},
        sites::{self, Site},
        teams::Team,
        tenants::Tenant,
        trusted_issuers::{self, TrustedIssuer},
        window::Window,
    },
};

/// How many of one kind are named.
const NAMED: usize = 10;
/// Most that are counted to say how many more there are.
const LISTED: i64 = 10_000;
/// Most collaborators that are read to name the first of them.
const MANY: i64 = 1_000;
/// How many are named of which reading them is not the point.
const FEW: i64 = 3;

/// What goes besides the thing itself.
#[derive(Default)]
pub struct Losses {
    /// What somebody has set, by name: roles that are held first.
    pub named: Vec<String>,
    /// How many of these are roles.
    pub roles: usize,
    /// What comes and goes with every sign-in, in numbers.
    pub counted: Vec<Count>,
}

impl Losses {
    /// Of things that lose only what somebody has set.
    pub fn named(named: Vec<String>) -> Self {
        Self { named, ..Self::default() }
    }

    /// Of whoever holds these roles.
    pub fn roles(named: Vec<String>) -> Self {
        Self { roles: named.len(), ..Self::named(named) }
    }

    /// All of it, in words.
    pub fn told(&self) -> Vec<String> {
        self.named.iter().cloned().chain(self.counted.iter().map(|count| count.text.clone())).collect()
    }

    fn count(&mut self, n: i64, one: &str, many: &str) {
        self.counted.extend(number(n, one, many).map(Count::from));
    }
}

/// Nothing of none.
fn number(n: i64, one: &str, many: &str) -> Option<String> {
    match n {
        0 => None,
        1 => Some(format!("1 {one}")),
        n if n > MOST => Some(format!("more than {MOST} {many}")),
        n => Some(format!("{n} {many}")),
    }
}

/// What goes with a tenant: counted, and nothing of it touched.
pub async fn lost_with_tenant(on: impl Into<On<'_>>, id: &str, now: i64) -> std::result::Result<Losses, StoreError> {
    let mut on = on.into();
    let has = overview::counts(&mut on, id).await?;
    let sites = i64::try_from(sites::of_tenant(&mut on, id).await?.len()).unwrap_or(i64::MAX);
    let mut lost = Losses::default();
    for (n, one, many) in [
        (has.users, "user", "users"),
        (has.connections, "connection", "connections"),
        (has.clients, "client", "clients"),
        (has.teams, "team", "teams"),
        (has.directories, "directory", "directories"),
        (has.trusted_issuers, "trusted issuer", "trusted issuers"),
        (has.external_identities, "external identity", "external identities"),
        (has.virtual_accounts, "virtual account", "virtual accounts"),
        (has.resources, "resource", "resources"),
        (sites, "site", "sites"),
        (dependents::invites_of(&mut on, id, now).await?, "invite", "invites"),
        (dependents::families_of_tenant(&mut on, id, now).await?, FAMILY.0, FAMILY.1),
    ] {
        lost.count(n, one, many);
    }
    Ok(lost)
}

impl Work<'_> {
    pub async fn lost_with_connection(&mut self, tenant: &Tenant, x: &Connection) -> Result<Losses> {
        let (id, now) = (&*x.id, self.now);
        let mut named = self.mapped_from(id).await?;
        let directories = dependents::directories_of(&mut *self.tx, id).await?;
        named.extend(directories.iter().map(|name| format!("the connection of directory {name}")));
        // Of two of one name the issuer is meant.
        if trusted_issuers::find_by_name(&mut *self.tx, &tenant.id, &x.name).await?.is_none() {
            named.extend(self.sites_that(tenant, "the issuer", |site| site.issuers.contains(&x.name)).await?);
        }
        let mut lost = Losses::named(named);
        let Sample { first, count } = dependents::linked_over(&mut *self.tx, id, FEW).await?;
        let more = if count > FEW { ", …" } else { "" };
        let linked = number(count, "identity of users", "identities of users");
        lost.counted.extend(linked.map(|text| Count { text, people: Some(format!("{}{more}", first.join(", "))) }));
        lost.count(dependents::setup_links_of(&mut *self.tx, id, now).await?, "set-up link", "set-up links");
        lost.count(dependents::families_over(&mut *self.tx, id, now).await?, FAMILY.0, FAMILY.1);
        Ok(lost)
    }

    pub async fn lost_with_issuer(&mut self, tenant: &Tenant, x: &TrustedIssuer) -> Result<Losses> {
        let mut named = self.mapped_from(&x.id).await?;
        named.extend(self.sites_that(tenant, "the issuer", |site| site.issuers.contains(&x.name)).await?);
        let signs_in = |site: &SiteSettings| site.login.as_ref() == Some(&Login::Issuer(x.name.clone()));
        named.extend(self.sites_that(tenant, "the sign-in", signs_in).await?);
        let mut lost = Losses::named(named);
        let sessions = dependents::sessions_at_issuer(&mut *self.tx, &x.id, self.now).await?;
        lost.count(sessions, "sign-in to a site", "sign-ins to sites");
        Ok(lost)
    }

    pub async fn lost_with_client(&mut self, tenant: &Tenant, x: &Client) -> Result<Losses> {
        let signs_in = |site: &SiteSettings| site.login.as_ref() == Some(&Login::Client(x.id.clone()));
        let mut named = self.sites_that(tenant, "the sign-in", signs_in).await?;
        for connection in connections::of_tenant(&mut *self.tx, &tenant.id).await? {
            let saml = connection.settings.saml.as_ref().filter(|saml| saml.idp_initiated);
            if saml.is_some_and(|saml| saml.idp_initiated_client.as_ref() == Some(&x.id)) {
                named.push(format!("the landing of sign-ins that begin at the provider of connection {}", connection.name));
            }
        }
        let mut lost = Losses::named(named);
        lost.count(dependents::families_of_client(&mut *self.tx, &x.id, self.now).await?, FAMILY.0, FAMILY.1);
        Ok(lost)
    }

    pub async fn lost_with_directory(&mut self, tenant: &Tenant, x: &Directory) -> Result<Losses> {
        let mut named = self.contents(&x.id).await?;
        named.extend(self.given_to_groups(x).await?);
        // A file names the client too, and is refused.
        if self.single {
            let clients = clients::of_tenant(&mut *self.tx, &tenant.id).await?;
            let pushing = clients.iter().filter(|client| client.settings.directory.as_ref() == Some(&x.name));
            named.extend(pushing.map(|client| format!("the directory of client {}", client.id)));
        }
        Ok(Losses::named(named))
    }

    /// What people have given to the teams of a directory's groups, which go with it.
    async fn given_to_groups(&mut self, x: &Directory) -> Result<Vec<String>> {
        let Given { roles, members, tokens } = own_teams::given_in(&mut *self.tx, &x.id, LISTED).await?;
        let role =
            |(team, role, kind, name): &(String, String, String, String)| format!("{role} on {kind} {name} of team {team}");
        let mut named: Vec<String> = roles.iter().take(NAMED).map(role).collect();
        named.extend(beyond(roles.len(), "roles of its teams,"));
        let by_hand = |(team, n): &(String, i64)| format!("{n} member{} by hand of team {team}", if *n == 1 { "" } else { "s" });
        named.extend(members.iter().take(NAMED).map(by_hand));
        named.extend(beyond(members.len(), "members by hand of teams,"));
        named.extend(tokens.iter().take(NAMED).map(|(team, _)| format!("the issuer and claims of team {team}")));
        named.extend(beyond(tokens.len(), "the issuer and claims of teams,"));
        Ok(named)
    }

    pub async fn lost_with_principal(&mut self, tenant: &Tenant, x: &Principal) -> Result<Losses> {
        let mut lost = Losses::roles(self.roles(&x.id).await?);
        // A file names the client too, and is refused.
        if self.single && x.kind == Kind::VirtualAccount {
            let clients = clients::of_tenant(&mut *self.tx, &tenant.id).await?;
            let acting = clients.iter().filter(|client| client.settings.virtual_account.as_ref() == Some(&x.name));
            lost.named.extend(acting.map(|client| format!("the virtual account of client {}", client.id)));
        }
        Ok(lost)
    }

    /// Its roles, who was put in by hand, and whose tokens belong to it.
    pub async fn lost_with_team(&mut self, x: &Team) -> Result<Losses> {
        let mut lost = Losses::roles(self.roles(&x.id).await?);
        if !mappings::of_team(&mut *self.tx, &x.id).await?.is_empty() {
            lost.named.push("the issuer and claims of its tokens".to_owned());
        }
        lost.count(dependents::members_of(&mut *self.tx, &x.id).await?, "member by hand", "members by hand");
        Ok(lost)
    }

    pub async fn lost_with_resource(&mut self, tenant: &Tenant, x: &Resource) -> Result<Losses> {
        let count = dependents::collaborators_of(&mut *self.tx, &x.id).await?;
        // Of very many the first are told, and need not be put in order with all others.
        let held = if count > MANY {
            let first = Window::new(&tenant.id, "", "", i64::try_from(NAMED).unwrap_or(i64::MAX));
            collaborators::window(&mut *self.tx, &x.id, None, "", &first).await?
        } else {
            resources::collaborators_named(&mut *self.tx, &x.id).await?
        };
        let one = |c: &resources::Collaborator| format!("the role {} of {} {}", c.role.as_str(), noun(c.kind), c.name);
        let mut named: Vec<String> = held.iter().take(NAMED).map(one).collect();
        named.extend(match count {
            count if count > MOST => Some(format!("the roles of more than {MOST} others")),
            count => beyond(usize::try_from(count).unwrap_or(usize::MAX), "the roles of"),
        });
        let asks = |site: &SiteSettings| site.resource.as_ref().is_some_and(|r| r.kind == x.kind && r.name == x.name);
        named.extend(self.sites_that(tenant, "the resource", asks).await?);
        Ok(Losses::named(named))
    }

    pub async fn lost_with_site(&mut self, x: &Site) -> Result<Losses> {
        let mut lost = Losses::default();
        lost.count(dependents::sessions_of_site(&mut *self.tx, &x.id, self.now).await?, "sign-in to it", "sign-ins to it");
        Ok(lost)
    }

    /// Every role that somebody holds, in words.
    pub async fn roles(&mut self, holder: &str) -> Result<Vec<String>> {
        let held = resources::held_by(&mut *self.tx, holder).await?;
        Ok(held.into_iter().map(|(kind, name, role)| format!("{} on {kind} {name}", role.as_str())).collect())
    }

    /// Whom no token leads to any more without this source.
    async fn mapped_from(&mut self, source_id: &str) -> Result<Vec<String>> {
        let most = i64::try_from(NAMED).unwrap_or(i64::MAX);
        let Sample { first, count } = dependents::mapped_from(&mut *self.tx, source_id, most).await?;
        let one = |(kind, name): &(Kind, String)| format!("the issuer and claims of {} {name}", noun(*kind));
        let mut named: Vec<String> = first.iter().map(one).collect();
        named.extend(beyond(usize::try_from(count).unwrap_or(usize::MAX), "the issuer and claims of"));
        Ok(named)
    }

    async fn sites_that(&mut self, tenant: &Tenant, what: &str, of: impl Fn(&SiteSettings) -> bool) -> Result<Vec<String>> {
        let sites = sites::of_tenant(&mut *self.tx, &tenant.id).await?;
        Ok(sites.iter().filter(|site| of(&site.settings)).map(|site| format!("{what} of site {}", site.name)).collect())
    }
}

/// A token family, for people.
const FAMILY: (&str, &str) = ("sign-in at an application, with its tokens", "sign-ins at applications, with their tokens");

/// How many are not named.
fn beyond(count: usize, what: &str) -> Option<String> {
    count.checked_sub(NAMED).filter(|more| *more > 0).map(|more| format!("{what} {more} more"))
}
