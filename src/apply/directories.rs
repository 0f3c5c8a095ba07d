//! Directories, their tokens, and what their groups become.

use std::collections::HashMap;

use super::{
    desired::{DirectoryFile, Secret, TenantFile},
    difference::Pair,
    execute::{Result, Work},
    plan::{Action, Change},
    yaml::At,
};
use crate::{
    moment::span,
    policy::{
        directory::{DirectorySettings, GroupRule, GroupRules},
        provisioning::{PUSHES_IN_VAIN, takes_pushed},
    },
    store::{
        connections,
        directories::{self, Directory},
        directory_accounts,
        directory_groups::{self, DirectoryGroup, TeamTaken},
        directory_tokens::{self, DirectoryToken},
        group_rules, own_teams, teams,
        tenants::{self, Tenant},
        users::{self, By, ShutOut},
    },
    suggest,
};

/// Directories that a tenant may have: each has a pace of its own.
const MOST: usize = 50;

impl Work<'_> {
    /// Directories that the file no longer names, and groups that it makes something else of: before teams are cleared, so
    /// that those count as named by no group any more.
    pub async fn clear_directories(&mut self, tenant: &Tenant, file: &TenantFile) -> Result {
        for old in directories::of_tenant(&mut *self.tx, &tenant.id).await? {
            match file.directories.iter().find(|f| f.name == old.name) {
                Some(named) => self.new_rules(tenant, old, named).await?,
                None => self.directory_goes(tenant, &old).await?,
            }
        }
        Ok(())
    }

    /// Has the directory's groups be what the new rules say.
    pub async fn new_rules(&mut self, tenant: &Tenant, old: Directory, named: &DirectoryFile) -> Result {
        if named.settings.group_rules == old.settings.group_rules {
            return Ok(());
        }
        let before = old.settings.group_rules.clone();
        self.regrouped.insert(old.id.clone(), before.clone());
        let group_rules = named.settings.group_rules.clone();
        let new = Directory { settings: DirectorySettings { group_rules, ..old.settings.clone() }, ..old };
        directories::save(&mut *self.tx, &new).await?;
        self.regroup(tenant, &new, &before, named.at).await
    }

    /// How many records are lost with a directory; the users that it made stay.
    pub async fn contents(&mut self, id: &str) -> Result<Vec<String>> {
        let (users, groups) = directories::counts(&mut *self.tx, id).await?;
        let some = |n: i64, noun: &str| (n > 0).then(|| format!("{n} {noun}{}", if n == 1 { "" } else { "s" }));
        Ok([some(users, "user record"), some(groups, "group")].into_iter().flatten().collect())
    }

    /// Makes every group what the new rules say. A team of a group's own that goes takes along what it was given here.
    async fn regroup(&mut self, tenant: &Tenant, directory: &Directory, before: &[GroupRule], at: At) -> Result {
        let groups = directory_groups::of_directory(&mut *self.tx, &directory.id).await?;
        let groups: HashMap<&str, &DirectoryGroup> = groups.iter().map(|group| (group.id.as_str(), group)).collect();
        let rules = [before, &directory.settings.group_rules].map(GroupRules::compile);
        for team in teams::of_tenant(&mut *self.tx, &tenant.id).await? {
            let Some(group) = team.group_id.as_deref().and_then(|id| groups.get(id)) else { continue };
            let [was, is] = [&rules[0], &rules[1]].map(|rules| rules.outcome(group.display_name()));
            if own_teams::goes(self.tx, &group.id, &was, &is).await? {
                let lost = self.roles(&team.id).await?;
                self.plan.add(Action::Delete, format!("team {}/{}", tenant.name, team.name), lost);
            }
        }
        let taken = group_rules::settle_all(self.tx, directory, before, self.now).await?;
        self.taken(at, &taken);
        Ok(())
    }

    /// Rules may have waited for resources that are there now.
    pub async fn settle(&mut self, tenant: &Tenant, at: At) -> Result {
        let made = std::mem::take(&mut self.resourced);
        if made.is_empty() {
            return Ok(());
        }
        let taken = group_rules::settle_made(self.tx, &tenant.id, &made, self.now).await?;
        self.taken(at, &taken);
        Ok(())
    }

    fn taken(&mut self, at: At, taken: &[TeamTaken]) {
        for TeamTaken { name, owner, .. } in taken {
            let whose = match owner {
                Some(owner) => format!(", but for group {} of directory {}", owner.group_name, owner.directory),
                None => String::new(),
            };
            let group = owner.as_ref().map_or(name, |owner| &owner.group_name);
            let text = format!(
                "a group would be the team {name}, and there is one already that was not made for it{whose}; to have both be one \
                 team add the rule {{group: {group:?}, team: {name:?}}}, else rename one of the two"
            );
            self.problem(at, text);
        }
    }

    pub async fn directory(&mut self, tenant: &Tenant, file: &DirectoryFile) -> Result {
        let old = directories::find_by_name(&mut *self.tx, &tenant.id, &file.name).await?;
        if old.is_none() && directories::of_tenant(&mut *self.tx, &tenant.id).await?.len() >= MOST {
            let text = format!("tenant {} has {MOST} directories, which is as many as it may; delete one first", tenant.name);
            self.problem(file.at, text);
            return Ok(());
        }
        let new = Directory {
            id: old.as_ref().map_or_else(|| self.next_id(), |o| o.id.clone()),
            tenant_id: tenant.id.clone(),
            name: file.name.clone(),
            connection_id: self.linked(tenant, file).await?,
            enabled: file.enabled.unwrap_or(old.as_ref().is_none_or(|o| o.enabled)),
            settings: file.settings.clone(),
            created_at: old.as_ref().map_or(self.now, |o| o.created_at),
        };
        if old.as_ref() != Some(&new) {
            directories::save(&mut *self.tx, &new).await?;
        }
        self.pushes_in_vain(tenant, &new);
        let retold = self.token(tenant, &new, file).await?;
        let name = format!("directory {}/{}", tenant.name, new.name);
        // Its groups may have been made something else already.
        let rules = old.as_ref().and_then(|old| self.regrouped.remove(&old.id));
        let was = old.map(|old| match rules {
            Some(group_rules) => Directory { settings: DirectorySettings { group_rules, ..old.settings }, ..old },
            None => old,
        });
        if was.as_ref().is_some_and(|was| new.enabled && !was.enabled) {
            self.word_counts_again(&name, &new).await?;
        }
        let changes = self.directory_differs((was.as_ref(), Some(&new)), retold).await?;
        match was {
            Some(_) => drop(self.plan.compare(name, changes)),
            None => self.plan.create(name, changes),
        }
        Ok(())
    }

    /// Says of a directory that its tenant takes only who is invited.
    pub fn pushes_in_vain(&mut self, tenant: &Tenant, directory: &Directory) {
        if directory.enabled && !takes_pushed(tenant.provisioning) {
            self.plan.warn(format!("directory {}/{}: {PUSHES_IN_VAIN}", tenant.name, directory.name));
        }
    }

    /// How a directory changes, with its token.
    pub async fn directory_differs(
        &mut self,
        (old, new): (Option<&Directory>, Option<&Directory>),
        token: Option<(bool, bool)>,
    ) -> Result<Vec<Change>> {
        let [mut was, mut is] = [None, None];
        for (name, directory) in [(&mut was, old), (&mut is, new)] {
            if let Some(id) = directory.and_then(|directory| directory.connection_id.as_ref()) {
                *name = connections::find(&mut *self.tx, id).await?.map(|connection| connection.name);
            }
        }
        let (had, has) = token.unwrap_or_default();
        Ok(Pair::new(old, new)
            .with((was != is).then(|| Change::new("connection", was, is)))
            .field("enabled", |x| x.enabled)
            .settings(|x| &x.settings)
            .secret("token", [had, has], token.is_some())
            .changes())
    }

    /// What a directory says counts again when it is switched on: whom it says to be inactive and somebody let in meanwhile is
    /// out, but for the last administrator.
    async fn word_counts_again(&mut self, name: &str, directory: &Directory) -> Result {
        let (by, actor, cause) = (By::Directory, self.actor, "active: false, in a directory that is switched on again");
        for id in directory_accounts::in_against(&mut *self.tx, &directory.id).await? {
            let out = ShutOut { user_id: &id, by, actor, cause, force: false, sealer: self.sealer, now: self.now };
            if users::shut_out(self.tx, &out).await?.is_err() {
                self.plan.warn(format!("{name}: the last administrator is inactive in it, and stays in"));
            }
        }
        Ok(())
    }

    /// The connection whose sign-ins the directory's records are matched with.
    async fn linked(&mut self, tenant: &Tenant, file: &DirectoryFile) -> Result<Option<String>> {
        let Some((at, name)) = &file.connection else { return Ok(None) };
        if let Some(connection) = connections::find_by_name(&mut *self.tx, &tenant.id, name).await? {
            return Ok(Some(connection.id));
        }
        let known = connections::of_tenant(&mut *self.tx, &tenant.id).await?;
        let hint = suggest::hint(name, known.iter().map(|c| c.name.as_str()));
        self.problem(*at, format!("{name} is no connection of tenant {}{hint}; add it under connections", tenant.name));
        Ok(None)
    }

    /// Makes the file's token the only one that a file gave. When that changes anything: whether there was one, and whether
    /// there is one. A new one ends those that `gatehouse directories token` made, as that command ends the file's; else they
    /// are none of its business.
    async fn token(&mut self, tenant: &Tenant, directory: &Directory, file: &DirectoryFile) -> Result<Option<(bool, bool)>> {
        let wanted = match &file.token {
            Some((_, Secret::Kept)) => return Ok(None),
            Some((at, Secret::Said(token))) => Some((*at, directory_tokens::fingerprint(self.sealer, token))),
            None => None,
        };
        let tokens = directory_tokens::of_directory(&mut *self.tx, &directory.id).await?;
        let had = tokens.iter().any(|token| token.declared);
        let mut changed = false;
        let (overlap, until) = (file.overlap > 0 && wanted.is_some(), self.now + file.overlap);
        let living: Vec<&DirectoryToken> = tokens.iter().filter(|t| !t.has_ended(self.now)).collect();
        for old in living.iter().filter(|t| t.declared && wanted.as_ref().is_none_or(|(_, is)| t.fingerprint != *is)) {
            changed |= match overlap {
                // One that is about to end goes on doing so.
                true => old.expires_at.is_none() && directory_tokens::end(&mut *self.tx, &old.id, until).await?,
                false => directory_tokens::delete(&mut *self.tx, &old.id).await?,
            };
        }
        let Some((at, fingerprint)) = wanted else { return Ok(changed.then_some((had, false))) };
        if let Some(known) = tokens.iter().find(|t| t.fingerprint == fingerprint) {
            // A restart with the same file never brings back what an operator has ended.
            if known.expires_at.is_some() {
                self.plan.warn(format!(
                    "directory {}/{}: its token in the file was ended by a newer one; remove it from the file, or give another",
                    tenant.name, directory.name
                ));
            }
            changed |= !known.declared && directory_tokens::declare(&mut *self.tx, &known.id, self.actor.with.as_deref()).await?;
            return Ok(changed.then_some((had, true)));
        }
        if let Some(other) = directories::by_token(&mut *self.tx, &fingerprint).await? {
            let text = if self.single {
                "token is in use already; make another".to_owned()
            } else {
                let owner = tenants::find(&mut *self.tx, &other.directory.tenant_id).await?.map_or_else(String::new, |t| t.name);
                format!("token is that of directory {owner}/{} too; give each its own", other.directory.name)
            };
            self.problem(at, text);
            return Ok(None);
        }
        let token = DirectoryToken {
            id: self.next_id(),
            directory_id: directory.id.clone(),
            fingerprint,
            declared: true,
            created_at: self.now,
            expires_at: None,
            made_with: self.actor.with.clone(),
            last_used_at: None,
        };
        directory_tokens::insert(&mut *self.tx, &token).await?;
        let mut ended = 0;
        for made in living.iter().filter(|t| !t.declared) {
            ended += u32::from(directory_tokens::end(&mut *self.tx, &made.id, until).await?);
        }
        if ended > 0 {
            self.plan.warn(format!(
                "directory {}/{}: its new token in the file ends {} made by gatehouse directories token {}; enter the new one at \
                 the source",
                tenant.name,
                directory.name,
                if ended == 1 { "the one".to_owned() } else { format!("the {ended}") },
                if file.overlap > 0 { format!("in {}", span(file.overlap)) } else { "at once".to_owned() },
            ));
        }
        Ok(Some((had, true)))
    }
}
