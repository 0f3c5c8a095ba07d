//! The transaction: first everything goes that must go (`clear`), so that names and domains become free, then everything
//! else is made to agree. Each thing is read, compared, written if it differs, and gets its line in the plan.

use std::collections::HashMap;

use super::{
    desired::TenantFile,
    passwords::{Hashed, Hashing},
    plan::Plan,
    reader::Problem,
    sso::{Said, WaysIn},
    yaml::At,
};
use crate::{
    policy::{directory::GroupRule, site::ResourceName},
    seal::Sealer,
    secret,
    store::{
        StoreError,
        audit::Actor,
        db::Tx,
        tenants::{self, Tenant},
        users,
    },
};

pub type Result<T = ()> = std::result::Result<T, StoreError>;

/// An apply under way.
pub struct Work<'a> {
    pub tx: &'a mut Tx,
    pub sealer: &'a Sealer,
    /// How a password is compared with one that was set meanwhile; nothing where none is compared.
    pub hashing: Option<Hashing>,
    pub now: i64,
    pub plan: Plan,
    /// The domains that tenants had who lost one already: that is a change of theirs.
    pub gave_up: HashMap<String, Vec<String>>,
    /// Tenants that somebody could administer before.
    pub administered: Vec<String>,
    /// How people of tenants came in before.
    pub ways_in: HashMap<String, WaysIn>,
    /// What the groups of directories were, that were made something else already.
    pub regrouped: HashMap<String, Vec<GroupRule>>,
    /// The resources that the tenant at hand did not have before.
    pub resourced: Vec<ResourceName>,
    pub prune: bool,
    /// Tenants that end apart from the others: they are only shut.
    pub apart: Vec<String>,
    /// Whether somebody only asks what would be lost: nothing goes.
    pub looks: bool,
    /// Whether one thing is changed by itself, by somebody who need not know of other tenants.
    pub single: bool,
    pub actor: &'a Actor,
    made: u64,
    /// Whether `made` goes on where mappings of this second end.
    pub counted: bool,
    origin: &'a str,
    problems: Vec<Problem>,
}

impl<'a> Work<'a> {
    pub fn new(
        tx: &'a mut Tx,
        sealer: &'a Sealer,
        hashing: Option<Hashing>,
        origin: &'a str,
        actor: &'a Actor,
        now: i64,
    ) -> Self {
        Self {
            tx,
            sealer,
            hashing,
            now,
            plan: Plan::default(),
            gave_up: HashMap::new(),
            administered: Vec::new(),
            ways_in: HashMap::new(),
            regrouped: HashMap::new(),
            resourced: Vec::new(),
            made: 0,
            counted: false,
            origin,
            prune: false,
            apart: Vec::new(),
            looks: false,
            single: false,
            actor,
            problems: Vec::new(),
        }
    }

    pub fn into_parts(self) -> (Plan, Vec<Problem>) {
        (self.plan, self.problems)
    }

    /// An id for a row that has none: of rows that a file makes, the one that it names first counts as the older.
    pub fn next_id(&mut self) -> String {
        self.made += 1;
        secret::nth_row_id(self.now, self.made)
    }

    /// Has the next ids sort after the `n`-th of this second.
    pub fn go_on_after(&mut self, n: u64) {
        self.made = self.made.max(n);
        self.counted = true;
    }

    pub fn problem(&mut self, at: At, text: impl Into<String>) {
        let origin = self.origin.to_owned();
        self.problems.push(Problem { origin, line: at.line, column: at.column, text: text.into(), missing: None });
    }

    /// With `prune`, what the files no longer name is deleted.
    pub async fn run(&mut self, prune: bool, files: &[TenantFile], hashed: &[Hashed]) -> Result {
        self.prune = prune;
        tenants::lock(self.tx).await?;
        let governed = users::is_governed(&mut *self.tx).await?;
        for tenant in tenants::all(&mut *self.tx).await? {
            self.plan.tenant_id = Some(tenant.id.clone());
            match files.iter().find(|f| f.name == tenant.name) {
                Some(file) => self.clear(&tenant, file).await?,
                None => self.tenant_goes(&tenant).await?,
            }
        }
        for file in files {
            let tenant = self.tenant(file).await?;
            self.things(&tenant, file, hashed).await?;
            let was = self.ways_in.get(&tenant.id).copied().unwrap_or_default();
            self.ways_in(&tenant, was, Said::by(file)).await?;
        }
        if governed && !users::is_governed(&mut *self.tx).await? {
            self.ungoverned(files);
        }
        self.rivals(None).await
    }

    /// The deployment would be administered by nobody: that no file may do by the way.
    fn ungoverned(&mut self, files: &[TenantFile]) {
        let off = files.iter().find(|file| file.enabled == Some(false)).or(files.first());
        let at = off.map_or(At { line: 1, column: 1 }, |file| file.at);
        let text = "nobody would be left who administers the deployment: make an administrator of the platform in another tenant \
                    first (gatehouse admin add --platform)";
        self.problem(at, text);
    }

    /// What the tenant owns, each after what it refers to.
    pub async fn things(&mut self, tenant: &Tenant, file: &TenantFile, hashed: &[Hashed]) -> Result {
        let judging = match (file.trusted_issuers.as_slice(), file.connections.as_slice()) {
            ([], []) => None,
            _ => Some(self.judging(tenant).await?),
        };
        for connection in &file.connections {
            self.connection(tenant, connection).await?;
        }
        for directory in &file.directories {
            self.directory(tenant, directory).await?;
        }
        for token in &file.service_tokens {
            self.service_token(tenant, token).await?;
        }
        for issuer in &file.trusted_issuers {
            self.issuer(tenant, issuer).await?;
        }
        if let Some(before) = judging {
            self.crowded(tenant, file, &before).await?;
        }
        self.principals(tenant, &file.principals).await?;
        for client in &file.clients {
            self.client(tenant, client).await?;
        }
        for connection in &file.connections {
            self.landing(tenant, connection).await?;
        }
        for user in &file.users {
            self.user(tenant, user, hashed).await?;
        }
        self.leaderless(tenant).await?;
        for team in &file.teams {
            self.team(tenant, team).await?;
        }
        self.fallbacks(tenant, file).await?;
        self.laden(tenant, file).await?;
        self.resourced.clear();
        for resource in &file.resources {
            self.resource(tenant, resource).await?;
        }
        self.settle(tenant, file.at).await?;
        for site in &file.sites {
            self.site(tenant, site).await?;
        }
        self.stranded(tenant, file).await
    }
}
