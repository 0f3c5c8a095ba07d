//! A form that was sent, and is written: over what is stored, unless that is something else than what the form was opened
//! with. Then the form comes back, and says what is stored now; sent again, it is written.

use axum::response::Response;
use serde_json::Value;

use super::{
    caller::{BRIEF, Posted, missing},
    confirm, form,
    frame::Frame,
    switching,
    thing::Form,
    things::{Place, order},
    tokens,
};
use crate::{
    admin::{
        in_turn::{self, CROWDED},
        touching::is_directorys,
    },
    app::App,
    apply::{
        Action, LastWayIn, LockedOut, Plan,
        single::{self, Ahead, Expect, Fault, Order, Refusal},
    },
    error::PageError,
    password::PasswordError,
    store::{db::Tx, tenants, users::LastAdministrator},
};

/// A form that was sent, about to be written.
pub struct Write<'a> {
    pub app: &'a App,
    pub place: &'a Place,
    pub name: Option<&'a str>,
    pub posted: &'a Posted,
    pub base: Value,
    pub hidden: Vec<(&'static str, String)>,
    /// Whether somebody else has written since the form was opened.
    pub stale: bool,
}

impl<'a> Write<'a> {
    /// Over a thing that is there.
    ///
    /// # Errors
    /// A page: there is none of this name.
    pub async fn over(app: &'a App, place: &'a Place, name: &'a str, posted: &'a Posted) -> Result<Self, PageError> {
        let base = place.stored(app, name).await?;
        Ok(Self { app, place, name: Some(name), posted, base, hidden: Vec::new(), stale: false })
    }

    /// Writes it, or says why not.
    ///
    /// # Errors
    /// A page: there is no such thing (any more).
    pub async fn run(mut self) -> Result<Response, PageError> {
        // "Add rows" saves nothing.
        if self.posted.one("more").is_some() {
            return self.again(&[]).await;
        }
        let left_out = switching::left_out(self.posted);
        if !left_out.is_empty() {
            return self.again(&left_out).await;
        }
        let thing = match self.read() {
            Ok(thing) => thing,
            Err(faults) => return self.again(&self.all(faults).await).await,
        };
        // Before anybody waits for it.
        let Some(_turn) = in_turn::of_operators(self.app, &self.posted.caller.operator.home).await else {
            return self.again(&whole(CROWDED.to_owned())).await;
        };
        let password = match single::password(self.place.key, &thing) {
            Some(password) => match self.app.passwords.hash(password).await {
                Err(PasswordError::Busy) => return self.again(&whole(CROWDED.to_owned())).await,
                // A password that cannot be hashed is a fault of its field.
                hashed => hashed.ok(),
            },
            None => None,
        };
        let ahead = Ahead { reading: None, password };
        let mut tx = self.app.db.begin().await?;
        if let Some(name) = self.name {
            // Under the lock of all writers: of two who have seen the same the second is told.
            tenants::lock(&mut tx).await?;
            self.base = self.place.stored_on(self.app, &mut tx, name).await?;
            if self.posted.one("version") != Some(single::version(&self.base).as_str()) {
                drop(tx);
                self.stale = true;
                return self.again(&[]).await;
            }
        }
        let thing = match self.read() {
            Ok(thing) => thing,
            Err(faults) => {
                drop(tx);
                return self.again(&faults).await;
            }
        };
        if self.is_too_much(&mut tx, self.name).await? {
            drop(tx);
            return self.again(&whole(BRIEF.to_owned())).await;
        }
        let plan = match self.put(&mut tx, &thing, &ahead).await {
            Ok(plan) => plan,
            Err(refusal) => {
                drop(tx);
                return self.refused(refusal).await;
            }
        };
        if self.is_too_much(&mut tx, self.place.name_in(&thing).as_deref()).await? {
            drop(tx);
            return self.again(&whole(BRIEF.to_owned())).await;
        }
        let shuts = switching::unasked(&plan, self.place.key, self.posted);
        if let Some(name) = self.name.filter(|_| !shuts.is_empty()) {
            drop(tx);
            return switching::ask(self.app, self.place, (name, &self.base), self.posted, &plan, &shuts).await;
        }
        let token = self.token(&mut tx, &plan, &thing).await?;
        tx.commit().await?;
        self.app.deliveries.nudge();
        Ok(token.unwrap_or_else(|| self.written(&plan, &thing)))
    }

    /// What the form says over what is stored.
    fn read(&self) -> Result<Value, Vec<Fault>> {
        let fields = self.place.noun.fields(&self.base);
        let mut thing = form::read(fields, &|name| self.posted.one(name), self.base.clone())?;
        // What a stored thing is called is not what a form says.
        for field in fields.iter().filter(|field| self.name.is_some() && field.stays(&self.base)) {
            thing[field.path] = self.base[field.path].clone();
        }
        Ok(thing)
    }

    /// These, and what is wrong with the fields that could be read: all of it is said at once.
    async fn all(&self, mut faults: Vec<Fault>) -> Vec<Fault> {
        let (place, caller) = (self.place, &self.posted.caller);
        let (mut thing, _) = form::readable(place.noun.fields(&self.base), &|name| self.posted.one(name), self.base.clone());
        for field in place.noun.fields(&self.base).iter().filter(|field| self.name.is_some() && field.stays(&self.base)) {
            thing[field.path] = self.base[field.path].clone();
        }
        let (db, actor) = (&self.app.db, caller.actor());
        let order = order(self.app, &caller.operator, &actor);
        let read = single::read_ahead(db, &order, &place.tenant, place.key, self.name, &thing, Expect::Any).await;
        if let Err(Refusal::Faults(more)) = read {
            // That one is missing which could not be read is said already.
            let leaf = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
            let known: Vec<(String, String)> = faults.iter().map(|fault| (fault.path.clone(), leaf(&fault.path))).collect();
            let is_known = |fault: &Fault| {
                known.iter().any(|(path, leaf)| fault.path.starts_with(path.as_str()) || fault.text.contains(leaf.as_str()))
            };
            faults.extend(more.into_iter().filter(|fault| !is_known(fault)));
        }
        faults
    }

    async fn refused(&self, refusal: Refusal) -> Result<Response, PageError> {
        match refusal {
            Refusal::Faults(faults) => self.again(&faults).await,
            Refusal::Exists => {
                let text = format!("there is a {} of this name already", self.place.key.word());
                self.again(&[Fault { path: self.place.noun.key.to_owned(), text }]).await
            }
            Refusal::Missing => Err(missing(self.place.key.word())),
            Refusal::Forbidden(text) | Refusal::Conflict(text) => self.again(&whole(text.to_owned())).await,
            Refusal::LastAdministrator => self.again(&whole(LastAdministrator.to_string())).await,
            Refusal::LastWayIn => self.again(&whole(LastWayIn.to_string())).await,
            Refusal::LockedOut => self.again(&whole(LockedOut.to_string())).await,
            Refusal::Store(e) => Err(e.into()),
        }
    }

    /// Whether it reaches further than whoever asks: a service token, or an application that is a directory for good. Asked
    /// before something is changed and again after.
    async fn is_too_much(&self, tx: &mut Tx, name: Option<&str>) -> Result<bool, PageError> {
        let (Some(name), reach) = (name, &self.posted.caller.operator.reach) else { return Ok(false) };
        Ok(match self.place.key {
            single::Noun::ServiceTokens => reach.outreached_by(tx, &self.place.tenant.id, name).await?.is_some(),
            single::Noun::Clients => !reach.is_lasting() && is_directorys(tx, &self.place.tenant, name).await?,
            _ => false,
        })
    }

    /// The page with the token of a new service, shown this once.
    async fn token(&self, tx: &mut Tx, plan: &Plan, thing: &Value) -> Result<Option<Response>, PageError> {
        let (app, place, caller) = (self.app, self.place, &self.posted.caller);
        let is_new = plan.lines.iter().any(|line| line.action == Action::Create);
        let Some(name) = self.place.name_in(thing).filter(|_| is_new && place.key == single::Noun::ServiceTokens) else {
            return Ok(None);
        };
        let actor = caller.actor();
        let Some(token) = tokens::maker(app, &actor).renew(tx, &place.tenant, &name).await? else { return Ok(None) };
        let frame = Frame::of_tenant(app, caller, &place.tenant, place.noun.name, name.as_str());
        Ok(Some(tokens::once(&frame, (&place.path(&name), &name), &token)))
    }

    async fn put(&self, tx: &mut Tx, thing: &Value, ahead: &Ahead) -> Result<Plan, Refusal> {
        let caller = &self.posted.caller;
        let actor = caller.actor();
        let expect = if self.name.is_some() { Expect::There } else { Expect::New };
        let order = Order { ahead: Some(ahead), ..order(self.app, &caller.operator, &actor) };
        single::put(tx, &order, &self.place.tenant, self.place.key, self.name, thing, expect).await
    }

    fn written(&self, plan: &Plan, thing: &Value) -> Response {
        let what = match plan.lines.first().map(|line| line.action) {
            Some(Action::Create) => "created",
            Some(Action::Unchanged) | None => "unchanged",
            Some(_) => "saved",
        };
        let to = match (self.name, self.place.name_in(thing)) {
            (Some(_), _) if self.place.key == single::Noun::Tenant => self.place.list(),
            (Some(name), _) => self.place.path(name),
            // A user's page is by id, which is not known here.
            (None, Some(name)) if self.place.noun.name != "users" => self.place.path(&name),
            _ => self.place.list(),
        };
        confirm::done(&to, what)
    }

    async fn again(&self, faults: &[Fault]) -> Result<Response, PageError> {
        let (place, name, thing, hidden) = (self.place, self.name, &self.base, &self.hidden[..]);
        let form = Form { posted: Some(self.posted), faults, stale: self.stale, ..Form::blank(place, name, thing, hidden) };
        form.page(self.app, &self.posted.caller).await
    }
}

fn whole(text: String) -> [Fault; 1] {
    [Fault { path: String::new(), text }]
}
