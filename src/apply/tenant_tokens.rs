//! Service tokens of the admin API.

use super::{
    desired::{Secret, ServiceTokenFile},
    difference::Pair,
    execute::{Result, Work},
    plan::Change,
};
use crate::{
    moment::Moment,
    store::{
        tenant_tokens::{self, ServiceToken},
        tenants::{self, Tenant},
    },
};

impl Work<'_> {
    pub async fn service_token(&mut self, tenant: &Tenant, file: &ServiceTokenFile) -> Result {
        let old = tenant_tokens::find_by_name(&mut *self.tx, &tenant.id, &file.name).await?;
        let name = format!("service token {}/{}", tenant.name, file.name);
        let given = self.given(&name, old.as_ref(), file).await?;
        let new = ServiceToken {
            id: old.as_ref().map_or_else(|| self.next_id(), |o| o.id.clone()),
            tenant_id: tenant.id.clone(),
            name: file.name.clone(),
            enabled: file.enabled.unwrap_or(old.as_ref().is_none_or(|o| o.enabled)),
            scopes: file.scopes.clone(),
            expires_at: file.expires_at,
            made_with: self.made_with(old.as_ref(), &given, file),
            last_used_at: old.as_ref().and_then(|o| o.last_used_at),
            created_at: old.as_ref().map_or(self.now, |o| o.created_at),
            retired: match &old {
                // Of one that a file gave and somebody has replaced by hand.
                Some(old) if self.single && old.declared && old.fingerprint != given.fingerprint => old.fingerprint.clone(),
                old => old.as_ref().and_then(|old| old.retired.clone()),
            },
            fingerprint: given.fingerprint,
            declared: given.declared,
        };
        let changes = service_token_differs(old.as_ref(), Some(&new));
        if old.as_ref() != Some(&new) {
            tenant_tokens::save(&mut *self.tx, &new).await?;
        }
        if new.expires_at.is_some_and(|end| end <= self.now) {
            self.plan.warn(format!("{name} has ended: give it another expires_at, or remove it"));
        }
        match old {
            Some(_) => drop(self.plan.compare(name, changes)),
            None => self.plan.create(name, changes),
        }
        Ok(())
    }

    /// What its token was made with: what a file gives stands by itself.
    fn made_with(&self, old: Option<&ServiceToken>, given: &Given, file: &ServiceTokenFile) -> Option<String> {
        let is_said = matches!(file.token, Some((_, Secret::Said(_))));
        match old {
            Some(old) if old.fingerprint == given.fingerprint && (self.single || !is_said) => old.made_with.clone(),
            Some(old) => old.renewed_with(self.actor.with.as_deref()),
            None => self.actor.with.clone(),
        }
    }

    /// The token that it has from now on. One made here is none of a file's business that gives none.
    async fn given(&mut self, name: &str, old: Option<&ServiceToken>, file: &ServiceTokenFile) -> Result<Given> {
        let has =
            Given { fingerprint: old.and_then(|old| old.fingerprint.clone()), declared: old.is_some_and(|old| old.declared) };
        let (at, fingerprint) = match &file.token {
            Some((_, Secret::Kept)) => return Ok(has),
            Some((at, Secret::Said(token))) => (*at, tenant_tokens::fingerprint(self.sealer, token)),
            None if has.declared => return Ok(Given { fingerprint: None, declared: false }),
            None => return Ok(has),
        };
        // A restart with the same file never brings back what somebody has replaced.
        if !self.single && old.is_some_and(|old| old.retired.as_ref() == Some(&fingerprint)) {
            self.plan.warn(format!(
                "{name}: its token in the file was replaced by a newer one; remove it from the file, or give another"
            ));
            return Ok(has);
        }
        let holder = tenant_tokens::by_fingerprint(&mut *self.tx, &fingerprint).await?;
        if let Some(other) = holder.filter(|holder| old.is_none_or(|old| old.id != holder.id)) {
            let text = if self.single {
                "token is in use already; make another".to_owned()
            } else {
                let owner = tenants::find(&mut *self.tx, &other.tenant_id).await?.map_or_else(String::new, |t| t.name);
                format!("token is that of service token {owner}/{} too; give each its own", other.name)
            };
            self.problem(at, text);
            return Ok(has);
        }
        Ok(Given { fingerprint: Some(fingerprint), declared: true })
    }
}

/// How a service token changes.
pub fn service_token_differs(old: Option<&ServiceToken>, new: Option<&ServiceToken>) -> Vec<Change> {
    let known = |x: Option<&ServiceToken>| x.and_then(|x| x.fingerprint.clone());
    Pair::new(old, new)
        .field("enabled", |x| x.enabled)
        .field("scopes", |x| &x.scopes)
        .field("expires_at", |x| x.expires_at.map(|at| Moment(at).machine()))
        .secret("token", [old, new].map(|x| known(x).is_some()), known(old) != known(new))
        .changes()
}

struct Given {
    fingerprint: Option<String>,
    declared: bool,
}
