//! The page of one thing: its form, and what belongs beside it.

use axum::response::Response;
use serde_json::Value;

use super::{
    caller::{Caller, Posted},
    directories, filled_in,
    frame::{Frame, address},
    guide::{self, Guide},
    known, members, roles,
    sheet::{Notice, Sheet},
    things::Place,
    trial,
};
use crate::{
    admin::inspection,
    app::App,
    apply::single::{self, Fault},
    error::PageError,
    moment::Moment,
    policy::{
        finding::Finding,
        provisioning::{PUSHES_IN_VAIN, takes_pushed},
    },
    provider_metadata::standing,
    store::{self, StoreError},
};

/// The form of a thing: of a stored one (by what it is called in addresses) or a new one, with what was typed, what is wrong
/// with it, and what goes along unseen.
pub struct Form<'a> {
    pub place: &'a Place,
    pub name: Option<&'a str>,
    pub thing: &'a Value,
    pub posted: Option<&'a Posted>,
    pub faults: &'a [Fault],
    pub hidden: &'a [(&'static str, String)],
    pub findings: Option<&'a [Finding]>,
    /// Whether the thing is another than the form was opened with.
    pub stale: bool,
}

impl<'a> Form<'a> {
    /// With nothing typed yet.
    #[must_use]
    pub fn blank(place: &'a Place, name: Option<&'a str>, thing: &'a Value, hidden: &'a [(&'static str, String)]) -> Self {
        Self { place, name, thing, posted: None, faults: &[], hidden, findings: None, stale: false }
    }

    fn is_of_connection(&self) -> bool {
        self.place.key == single::Noun::Connections
    }

    /// What is typed of how it is called, on top of what is stored: what stands beside the form is made of it.
    fn typed(&self) -> Value {
        let mut typed = self.thing.clone();
        let Some(posted) = self.posted.filter(|_| self.is_of_connection()) else { return typed };
        if self.name.is_none() {
            typed["name"] = posted.one("name").unwrap_or_default().trim().into();
        }
        typed["own_callback"] = posted.one("own_callback").is_some_and(|on| !on.is_empty()).into();
        typed
    }

    /// What is to be done elsewhere.
    async fn guide(&self, app: &App) -> Result<Option<Guide>, StoreError> {
        let typed = self.typed();
        let guide = guide::of(app, &self.place.tenant, self.place.noun, &typed).await?;
        let is_new = self.is_of_connection() && self.name.is_none();
        Ok(guide.map(|guide| if is_new { guide.following(&typed) } else { guide }))
    }

    /// Of a draft of a connection, where a set-up link for it is made.
    fn setup(&self) -> Option<(String, &'static str)> {
        let name = self.name.filter(|_| self.is_of_connection() && self.thing["enabled"] == false)?;
        let href = format!("{}?connection={name}", address(&self.place.tenant.name, "setup-links"));
        Some((href, "Let the customer's own administrator fill this in …"))
    }

    /// Where the metadata of its provider is looked at, if that is published at a URL.
    fn metadata(&self) -> Option<(String, &'static str)> {
        let name = self.name.filter(|_| self.is_of_connection() && self.thing["saml"]["metadata_url"].is_string())?;
        Some((format!("{}/metadata", self.place.path(name)), "The provider's metadata and certificates …"))
    }

    /// What else can be done with it, or where it leads.
    fn also(&self) -> Vec<(String, &'static str)> {
        let Some(name) = self.name else { return Vec::new() };
        let one = match self.place.key {
            single::Noun::ServiceTokens => Some((format!("{}/token", self.place.path(name)), "Make a new token …")),
            single::Noun::Directories => {
                let connection = self.thing["connection"].as_str();
                let list = address(&self.place.tenant.name, "connections");
                connection.map(|connection| (format!("{list}/{connection}"), "Its connection …"))
            }
            _ => self.setup(),
        };
        self.metadata().into_iter().chain(one).collect()
    }

    /// Of a directory, or of the settings of an organisation that has one: whether it brings in nobody.
    async fn pushes_in_vain(&self, app: &App) -> Result<bool, PageError> {
        let tenant = &self.place.tenant;
        let mode = tenant.provisioning;
        Ok(!takes_pushed(mode)
            && match self.place.key {
                single::Noun::Directories => true,
                single::Noun::Tenant => !store::directories::of_tenant(&app.db, &tenant.id).await?.is_empty(),
                _ => false,
            })
    }

    /// What the form was opened with; after somebody else has changed it, that, so that sending it again is meant.
    fn version(&self) -> Option<String> {
        self.name?;
        match self.posted {
            Some(posted) if !self.stale => posted.one("version").map(str::to_owned),
            _ => Some(single::version(self.thing)),
        }
    }

    /// What its administrator must not overlook.
    async fn notices(&self, app: &App) -> Result<Vec<Notice>, PageError> {
        if self.pushes_in_vain(app).await? {
            let mut text = PUSHES_IN_VAIN.to_owned();
            text.get_mut(..1).map(str::make_ascii_uppercase);
            return Ok(vec![format!("{text}.").into()]);
        }
        let Some(name) = self.name.filter(|_| self.is_of_connection()) else { return Ok(Vec::new()) };
        let tenant = &self.place.tenant;
        let held = standing::waiting(&app.db, &tenant.id).await?.into_iter().find(|(held, _)| held == name);
        let held = held.map(|(_, since)| Notice {
            text: format!("New metadata of its provider is held since {}, and the one before stays in use.", Moment(since)),
            way: Some((format!("{}/metadata", self.place.path(name)), "Compare and accept it")),
        });
        let (_, lacking) = single::draft(tenant, self.place.key, self.thing);
        let lacking: Vec<String> = lacking.into_iter().map(|fault| fault.text).collect();
        let incomplete = (!lacking.is_empty()).then(|| {
            let due = "It is not complete, and nobody can sign in or test it before it is";
            Notice::from(format!("{due}: {}.", lacking.join("; ")))
        });
        let untested = trial::notice(app, tenant, name).await?.map(|text| text.to_owned().into());
        let found = inspection::standing(app, tenant, self.thing).await?.into_iter().map(|finding| finding.text.into());
        let guests = filled_in::notice(app, tenant, name).await?;
        Ok(held.into_iter().chain(guests).chain(incomplete).chain(untested).chain(found).collect())
    }

    /// The page; with faults 422, after somebody else's change 409.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn page(&self, app: &App, caller: &Caller) -> Result<Response, PageError> {
        let (place, noun) = (self.place, self.place.noun);
        let is_tenant = place.key == single::Noun::Tenant;
        let title = match self.name {
            Some(_) if is_tenant => noun.title.to_owned(),
            Some(_) => self.thing[noun.key].as_str().unwrap_or_default().to_owned(),
            None => noun.add.to_owned(),
        };
        let back = if is_tenant { (address(&place.tenant.name, ""), "Overview") } else { (place.list(), noun.title) };
        let test = self.name.filter(|_| self.is_of_connection()).map(|name| format!("{}/test", place.path(name)));
        let members = match self.name {
            Some(name) => members::told(app, caller, place, name).await?,
            None => None,
        };
        if let (Some(name), Some(told)) = (self.name, members.as_ref().filter(|_| self.thing["made_for_group"] == true)) {
            return Ok(members::pushed(app, caller, place, name, told));
        }
        // A group's team goes with the group, or with the rule.
        let stays = members.as_ref().is_some_and(|told| !told.groups.is_empty());
        let section = match (self.name, members) {
            (_, Some(told)) => Some(told.section),
            (Some(name), None) => directories::section(app, place, name).await?,
            (None, None) => None,
        };
        let delete = match self.name {
            Some(_) if is_tenant => caller.operator.is_platform().then(|| format!("{}/delete", place.list())),
            name => name.filter(|_| !stays).map(|name| format!("{}/delete", place.path(name))),
        };
        let below = match self.name {
            Some(name) if self.is_of_connection() => Some(directories::of_connection(app, &place.tenant, name).await?),
            Some(name) => roles::beside(app, caller, place, name).await?,
            None => None,
        };
        let sheet = Sheet {
            noun,
            back,
            action: &self.name.map_or_else(|| place.list(), |name| place.form(name)),
            thing: self.thing,
            posted: self.posted,
            faults: self.faults,
            hidden: self.hidden,
            guide: self.guide(app).await?,
            known: known::known(app, &place.tenant, noun, self.thing).await?,
            below,
            section,
            is_stored: self.name.is_some(),
            version: self.version(),
            stale: self.stale,
            check: inspection::covers(place.key).then(|| format!("{}/check", place.path(self.name.unwrap_or("new")))),
            findings: self.findings,
            delete: delete.as_deref(),
            also: self.also(),
            test: test.as_deref(),
            notices: self.notices(app).await?,
        };
        Ok(sheet.page(&Frame::of_tenant(app, caller, &place.tenant, noun.name, title)))
    }
}
