//! "Require SSO": nobody of a tenant signs in with a password. The one rule about switching it on and about what then
//! happens to the connections that people come in over, for files, pages and the admin API alike.
//!
//! It is switched on only when a test sign-in has passed under the present settings of a connection that people can use:
//! else the first to learn that the connection does not work would be everybody, shut out. On a fresh database nothing can
//! have been tested; there a file may say `require_sso: untested`, and is warned for as long as nothing has been. A body
//! from the network cannot: who has a browser can test.
//!
//! Later changes of a proven connection are allowed with a warning, since a secret that is renewed can only be tested once it
//! is stored. What would leave no connection to come in over at all is refused, except by a file, which is explicit.

use super::{
    execute::{Result, Work},
    yaml::At,
};
use crate::{
    seal::Sealer,
    store::{
        StoreError, connections,
        db::Tx,
        tenants::{self, Tenant},
        trials,
    },
};

/// How a file says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequireSso {
    Off,
    On,
    /// On, although nothing has been tested yet.
    Untested,
}

/// How a tenant's people come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WaysIn {
    /// By single sign-on alone.
    required: bool,
    /// There is a connection to sign in over.
    open: bool,
    /// A test of such a one has passed under its present settings.
    proven: bool,
}

/// Nobody could come in any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "single sign-on is required here, and this would leave no connection to sign in over: switch require_sso off first, or \
     enable another connection"
)]
pub struct LastWayIn;

impl WaysIn {
    pub async fn of(tx: &mut Tx, sealer: &Sealer, tenant_id: &str) -> std::result::Result<Self, StoreError> {
        Self::without(tx, sealer, tenant_id, None).await
    }

    /// As they would be without this connection.
    pub async fn without(
        tx: &mut Tx,
        sealer: &Sealer,
        tenant_id: &str,
        gone: Option<&str>,
    ) -> std::result::Result<Self, StoreError> {
        let tenant = tenants::find(&mut *tx, tenant_id).await?;
        let mut ways = Self { required: tenant.is_some_and(|tenant| tenant.require_sso), ..Self::default() };
        if !ways.required {
            return Ok(ways);
        }
        for connection in connections::offered(&mut *tx, tenant_id).await? {
            if Some(connection.id.as_str()) == gone {
                continue;
            }
            ways.open = true;
            ways.proven |= trials::is_proven(&mut *tx, sealer, &connection).await?;
        }
        Ok(ways)
    }

    /// Whether the last connection to sign in over goes.
    pub fn closes(self, is: Self) -> bool {
        is.required && self.required && self.open && !is.open
    }
}

impl Work<'_> {
    /// Judges what has become of the tenant's ways in; `said` is where and how the file speaks of it.
    pub async fn ways_in(&mut self, tenant: &Tenant, was: WaysIn, said: Option<(At, RequireSso)>) -> Result {
        let is = WaysIn::of(self.tx, self.sealer, &tenant.id).await?;
        if !is.required || is.proven {
            return Ok(());
        }
        let untested = matches!(said, Some((_, RequireSso::Untested)));
        if let (false, false, Some((at, _))) = (was.required, untested, said) {
            let mut text =
                format!("no connection has passed a test sign-in under its present settings: {}", self.test_first(tenant).await?);
            if !self.single {
                text.push_str("; or write require_sso: untested to go without");
            }
            self.problem(at, text);
            return Ok(());
        }
        if was.closes(is) {
            // A single thing is refused (`LastWayIn`); a file is believed.
            self.plan.warn(format!("tenant {} requires single sign-on and has no connection left to sign in over", tenant.name));
        } else if was.proven || !self.single {
            let todo = self.test_first(tenant).await?;
            let text = "requires single sign-on, and no connection of it has passed a test sign-in under its present settings";
            self.plan.warn(format!("tenant {} {text}: {todo}", tenant.name));
        }
        Ok(())
    }

    /// What is to be tested, and where.
    async fn test_first(&mut self, tenant: &Tenant) -> std::result::Result<String, StoreError> {
        let offered = connections::offered(&mut *self.tx, &tenant.id).await?;
        let Some(first) = offered.first() else {
            return Ok("enable one that is offered for sign-in, and test it on its page".to_owned());
        };
        let page = format!("/admin/{}/connections/{}/test", tenant.name, first.name);
        let others = if offered.len() > 1 { " (or another)" } else { "" };
        Ok(format!("test {}{others} at {page}", first.name))
    }
}
