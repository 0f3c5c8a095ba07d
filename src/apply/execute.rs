//! The transaction: first everything goes that must go, so that names and domains become free, then everything else is
//! made to agree. Each thing is read, compared, written if it differs, and gets its line in the plan.

use super::{
    desired::TenantFile,
    passwords::{Hashed, Hashing},
    plan::{Action, Plan},
    reader::Problem,
    yaml::At,
};
use crate::{
    seal::Sealer,
    store::{StoreError, clients, connections, db::Tx, domains, teams, tenants, tenants::Tenant, users},
};

pub type Result<T = ()> = std::result::Result<T, StoreError>;

/// How many of those who are kept are named.
const NAMED: usize = 10;

/// An apply under way.
pub struct Work<'a> {
    pub tx: &'a mut Tx,
    pub sealer: &'a Sealer,
    pub hashing: Hashing,
    pub now: i64,
    pub plan: Plan,
    /// Tenants that lost a domain already: that is a change of theirs.
    pub gave_up: Vec<String>,
    origin: &'a str,
    prune: bool,
    problems: Vec<Problem>,
}

impl<'a> Work<'a> {
    pub fn new(tx: &'a mut Tx, sealer: &'a Sealer, hashing: Hashing, origin: &'a str, now: i64) -> Self {
        Self { tx, sealer, hashing, now, plan: Plan::default(), gave_up: Vec::new(), origin, prune: false, problems: Vec::new() }
    }

    pub fn into_parts(self) -> (Plan, Vec<Problem>) {
        (self.plan, self.problems)
    }

    pub fn problem(&mut self, at: At, text: impl Into<String>) {
        let origin = self.origin.to_owned();
        self.problems.push(Problem { origin, line: at.line, column: at.column, text: text.into() });
    }

    /// With `prune`, what the files no longer name is deleted.
    pub async fn run(&mut self, prune: bool, files: &[TenantFile], hashed: &[Hashed]) -> Result {
        self.prune = prune;
        tenants::lock(self.tx).await?;
        for tenant in tenants::all(&mut *self.tx).await? {
            match files.iter().find(|f| f.name == tenant.name) {
                Some(file) => self.clear(&tenant, file).await?,
                None => {
                    if self.goes(format!("tenant {}", tenant.name)) {
                        tenants::delete(&mut *self.tx, &tenant.id).await?;
                    }
                }
            }
        }
        for file in files {
            let tenant = self.tenant(file).await?;
            for connection in &file.connections {
                self.connection(&tenant, connection).await?;
            }
            for client in &file.clients {
                self.client(&tenant, client).await?;
            }
            for connection in &file.connections {
                self.landing(&tenant, connection).await?;
            }
            for user in &file.users {
                self.user(&tenant, user, hashed).await?;
            }
            for team in &file.teams {
                self.team(&tenant, team).await?;
            }
        }
        Ok(())
    }

    /// What the file no longer names goes with `--prune` and is listed without.
    fn goes(&mut self, name: String) -> bool {
        self.plan.add(if self.prune { Action::Delete } else { Action::Keep }, name, Vec::new());
        self.prune
    }

    /// Users whom sign-ins made stay: nobody wrote them down, so a file that lacks them says nothing.
    async fn clear_users(&mut self, tenant: &Tenant, file: &TenantFile) -> Result {
        let declared = users::declared(&mut *self.tx, &tenant.id).await?;
        let mut others = Vec::new();
        for x in users::of_tenant(&mut *self.tx, &tenant.id).await? {
            if file.users.iter().any(|f| f.email == x.email) {
                continue;
            }
            if !declared.contains(&x.id) {
                others.push(x.email.as_str().to_owned());
            } else if self.goes(format!("user {}/{}", tenant.name, x.email.as_str())) {
                users::delete(&mut *self.tx, &x.id).await?;
            }
        }
        if self.prune && !others.is_empty() {
            let noun = if others.len() == 1 { "user" } else { "users" };
            let name = format!("{} {noun} of tenant {}", others.len(), tenant.name);
            if others.len() > NAMED {
                others.truncate(NAMED);
                others.push("…".into());
            }
            self.plan.add(Action::Spare, name, others);
        }
        Ok(())
    }

    async fn clear(&mut self, tenant: &Tenant, file: &TenantFile) -> Result {
        for x in connections::of_tenant(&mut *self.tx, &tenant.id).await? {
            let named = file.connections.iter().any(|f| f.name == x.name);
            if !named && self.goes(format!("connection {}/{}", tenant.name, x.name)) {
                connections::delete(&mut *self.tx, &x.id).await?;
            }
        }
        for x in clients::of_tenant(&mut *self.tx, &tenant.id).await? {
            let named = file.clients.iter().any(|f| f.id == x.id);
            if !named && self.goes(format!("client {}", x.id)) {
                clients::delete(&mut *self.tx, &x.id).await?;
            }
        }
        for x in teams::of_tenant(&mut *self.tx, &tenant.id).await? {
            let named = file.teams.iter().any(|f| f.name == x.name);
            if !named && self.goes(format!("team {}/{}", tenant.name, x.name)) {
                teams::delete(&mut *self.tx, &x.id).await?;
            }
        }
        self.clear_users(tenant, file).await?;
        // Domains that this tenant gives up may be another's in the same file. They count as a change further down.
        let old = domains::of_tenant(&mut *self.tx, &tenant.id).await?;
        let kept: Vec<String> = old.iter().filter(|d| file.domains.iter().any(|(_, f)| f == *d)).cloned().collect();
        if kept.len() < old.len() {
            domains::set(&mut *self.tx, &tenant.id, &kept).await?;
            self.gave_up.push(tenant.id.clone());
        }
        Ok(())
    }
}
