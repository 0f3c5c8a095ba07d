//! Users and teams.

use std::collections::HashSet;

use super::{
    desired::{TeamFile, UserFile},
    difference::{Pair, differs},
    execute::{Result, Work},
    passwords::{self, Hashed},
    plan::Change,
};
use crate::{
    policy::provisioning::named,
    secret,
    store::{
        teams::{self, Team},
        tenants::Tenant,
        users::{self, By, Opened, Opening, ShutOut, User},
    },
};

impl Work<'_> {
    pub async fn user(&mut self, tenant: &Tenant, file: &UserFile, hashed: &[Hashed]) -> Result {
        let hashed = passwords::of(hashed, &tenant.name, &file.email);
        if hashed.is_some_and(|h| h.impossible) {
            self.problem(file.at, "the password cannot be hashed: it is too long");
            return Ok(());
        }
        let new_hash = hashed.and_then(|h| h.new.as_deref());
        let name = format!("user {}/{}", tenant.name, file.email.as_str());
        let Some(old) = users::find_by_email(&mut *self.tx, &tenant.id, &file.email).await? else {
            let user = User {
                id: secret::row_id(self.now),
                tenant_id: tenant.id.clone(),
                email: file.email.clone(),
                email_proven: true,
                name: file.name.clone(),
                password_hash: new_hash.map(str::to_owned),
                admin: file.admin,
                platform: false,
                active: file.active.unwrap_or(true),
                shut_by: (file.active == Some(false)).then_some(By::Operator),
                signed_in_at: None,
                created_at: self.now,
                updated_at: self.now,
            };
            users::insert(&mut *self.tx, &user, named()).await?;
            users::declare(&mut *self.tx, &user.id).await?;
            let has_password = user.password_hash.is_some();
            let pair = Pair::new(None, Some(&user)).field("name", |x| &x.name).field("email_proven", |x| x.email_proven);
            let pair = pair.field("admin", |x| x.admin).field("active", |x| x.active);
            self.plan.create(name, pair.secret("password", [false, has_password], has_password).changes());
            return Ok(());
        };
        // The name that a provider sends is not overwritten with nothing.
        let new = User {
            name: file.name.clone().or(old.name.clone()),
            // Whoever changes one field of a person on a page has not vouched for their address.
            email_proven: old.email_proven || !self.single,
            admin: file.admin,
            updated_at: self.now,
            ..old.clone()
        };
        // Another apply may have set the password since it was looked at; that is rare enough to verify it here.
        let set_meanwhile = hashed.is_some_and(|h| h.stored != old.password_hash) && self.is_password(file, &old);
        let new_hash = new_hash.filter(|_| !set_meanwhile);
        let mut fields = Vec::new();
        differs(&mut fields, "name", &old.name, &new.name);
        differs(&mut fields, "email_proven", &old.email_proven, &new.email_proven);
        differs(&mut fields, "admin", &old.admin, &new.admin);
        if new.admin && !old.admin && !users::is_declared(&mut *self.tx, &old.id).await? {
            self.plan.warn(format!("{name} was there before the file named them, by a sign-in or a directory: see who they are with gatehouse users show"));
        }
        if !fields.is_empty() {
            users::update(&mut *self.tx, &new).await?;
        }
        if let Some(hash) = new_hash {
            fields.push(Change::secret("password", old.password_hash.is_some(), true));
            users::set_password(self.tx, self.sealer, &old.id, Some(hash), self.now).await?;
        }
        if file.password_goes && old.password_hash.is_some() {
            fields.push(Change::secret("password", true, false));
            users::set_password(self.tx, self.sealer, &old.id, None, self.now).await?;
        }
        match file.active {
            Some(false) if old.active || old.shut_by == Some(By::Directory) => {
                fields.push(Change::new("active", old.active, false));
                self.shut_out(&old.id).await?;
            }
            Some(true) if !old.active => {
                let (user_id, by, actor) = (&*old.id, By::Operator, self.actor);
                let opening = Opening { user_id, by, actor, sealer: self.sealer, now: self.now };
                match users::open_again(self.tx, &opening).await? {
                    Opened::Open => fields.push(Change::new("active", false, true)),
                    _ if self.single => {
                        self.problem(file.active_at, "the user is inactive in a directory: activate them there");
                    }
                    // No problem: a start with this file must not fail because a customer's directory shuts somebody out.
                    _ => tracing::warn!(user = file.email.as_str(), "stays deactivated: inactive in a directory"),
                }
            }
            _ => {}
        }
        self.plan.compare(name, fields);
        Ok(())
    }

    /// A file is explicit: also for the last administrator.
    async fn shut_out(&mut self, id: &str) -> Result {
        let (by, actor, cause) = (By::Operator, self.actor, "active: false");
        let out = ShutOut { user_id: id, by, actor, cause, force: true, sealer: self.sealer, now: self.now };
        // Forced, so there is no last administrator to spare.
        let _ = users::shut_out(self.tx, &out).await?;
        Ok(())
    }

    fn is_password(&self, file: &UserFile, user: &User) -> bool {
        match (self.hashing, &file.password, &user.password_hash) {
            (Some(hashing), Some(password), Some(hash)) => (hashing.verify)(password, hash),
            _ => false,
        }
    }

    pub async fn team(&mut self, tenant: &Tenant, file: &TeamFile) -> Result {
        let mut wanted = HashSet::new();
        for (at, email) in file.members.iter().flatten() {
            match users::find_by_email(&mut *self.tx, &tenant.id, email).await? {
                Some(user) => drop(wanted.insert(user.id)),
                None => {
                    let text = format!("{} is no user of tenant {}; add them under users", email.as_str(), tenant.name);
                    self.problem(*at, text);
                }
            }
        }
        let old = teams::find_by_name(&mut *self.tx, &tenant.id, &file.name).await?;
        if old.as_ref().is_some_and(|team| team.group_id.is_some()) {
            // Else whoever can name groups at the source would belong to every team that a file is about to make.
            let text = format!(
                "team {0} was made for a group of a directory; to have that group be this team add the group rule \
                 {{group: {0:?}, team: {0:?}}} to the directory, else choose another name",
                file.name
            );
            self.problem(file.at, text);
            return Ok(());
        }
        let is_new = old.is_none();
        let team = match old {
            Some(team) => team,
            None => {
                let id = secret::row_id(self.now);
                let team =
                    Team { id, tenant_id: tenant.id.clone(), name: file.name.clone(), created_at: self.now, group_id: None };
                if let Err(other) = teams::make(self.tx, &team).await? {
                    let text = format!(
                        "the tenant has a team {other}, which differs from {} by nothing but its case: take that name, or delete that \
                         team first",
                        file.name
                    );
                    self.problem(file.at, text);
                    return Ok(());
                }
                team
            }
        };
        let (mut left, mut joined) = (Vec::new(), Vec::new());
        // Whoever changes one thing of a team, and says nothing of its members, keeps them: they may be a hundred thousand.
        if file.members.is_some() || !self.single {
            let members: HashSet<String> = teams::members(&mut *self.tx, &team.id).await?.into_iter().collect();
            for id in members.difference(&wanted) {
                if teams::remove_member(&mut *self.tx, &team.id, id).await? {
                    left.push(self.address(id).await?);
                }
            }
            for id in wanted.difference(&members) {
                if teams::add_member(&mut *self.tx, &team.id, id).await? {
                    joined.push(self.address(id).await?);
                }
            }
            left.sort_unstable();
            joined.sort_unstable();
        }
        let mut changes = Vec::new();
        if !left.is_empty() || !joined.is_empty() {
            changes.push(Change::new("members", left, joined));
        }
        changes.extend(self.belonging(tenant, &team.id, &file.tokens).await?);
        let name = format!("team {}/{}", tenant.name, file.name);
        if is_new {
            self.plan.create(name, changes);
        } else {
            self.plan.compare(name, changes);
        }
        Ok(())
    }

    async fn address(&mut self, id: &str) -> Result<String> {
        Ok(users::find(&mut *self.tx, id).await?.map_or_else(|| id.to_owned(), |user| user.email.as_str().to_owned()))
    }
}
