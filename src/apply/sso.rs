//! Nobody of a tenant signs in with a password: `require_sso` is on, or `password_login` off. The one rule about that and about
//! what then happens to the connections that people come in over, for files, pages and the admin API alike.
//!
//! Passwords end only when a test sign-in has passed under the present settings of a connection that people can use: else the
//! first to learn that the connection does not work would be everybody, shut out. On a fresh database nothing can have been
//! tested; there a file may say `require_sso: untested`, and is warned for as long as nothing has been. A body from the network
//! cannot: who has a browser can test. `password_login: false` in a file is believed, with the same warning, as it always was.
//! A tenant that is made without passwords shuts nobody out.
//!
//! Nor do they end, unless somebody insists, where not one administrator has come in over such a connection: nobody could
//! administer the tenant any more. A file is explicit, and warned.
//!
//! Later changes of a proven connection are allowed with a warning, since a secret that is renewed can only be tested once it
//! is stored. What would leave no connection to come in over at all is refused, except by a file, which is explicit.

use super::{
    desired::TenantFile,
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
        users::{self, Led},
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

/// What a file or body says of passwords, and where.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said {
    sso: Option<(At, RequireSso)>,
    passwords: Option<(At, bool)>,
}

impl Said {
    /// All that it says.
    pub fn by(file: &TenantFile) -> Self {
        Self { sso: file.require_sso, passwords: file.password_login }
    }

    fn untested(self) -> bool {
        matches!(self.sso, Some((_, RequireSso::Untested)))
    }

    /// Where it ends them.
    fn place(self, was: WaysIn) -> Option<At> {
        let required = self.sso.filter(|(_, said)| *said != RequireSso::Off && !was.declared);
        required.map(|(at, _)| at).or(self.passwords.filter(|(_, taken)| !taken).map(|(at, _)| at))
    }
}

/// How a tenant's people come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WaysIn {
    /// There are people already, or may be.
    known: bool,
    /// By single sign-on alone.
    required: bool,
    /// Because `require_sso` says so.
    declared: bool,
    /// There is a connection to sign in over.
    open: bool,
    /// A test of such a one has passed under its present settings.
    proven: bool,
    /// Who administers the tenant, and came in that way.
    led: Led,
}

/// Nobody could come in any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "nobody signs in with a password here, and this would leave no connection to sign in over: let passwords in first \
     (require_sso, password_login), or enable another connection"
)]
pub struct LastWayIn;

/// Nobody could administer the tenant any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no administrator of this tenant has signed in over a connection that is enabled and offered, so without passwords nobody \
     could administer it: sign in that way as one of them first"
)]
pub struct LockedOut;

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
        let Some(tenant) = tenants::find(&mut *tx, tenant_id).await? else { return Ok(Self::default()) };
        let (required, declared) = (!tenant.takes_passwords(), tenant.require_sso);
        let mut ways = Self { known: true, required, declared, ..Self::default() };
        if !required {
            return Ok(ways);
        }
        ways.led = users::led(&mut *tx, tenant_id).await?;
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

    /// Whether passwords end for people who may have one.
    fn ends_passwords(self, is: Self) -> bool {
        self.known && !self.required && is.required
    }

    /// Whether they end for administrators who never came in another way.
    pub fn locks_out(self, is: Self) -> bool {
        self.ends_passwords(is) && is.led.administrators > 0 && is.led.over_connections == 0
    }
}

impl Work<'_> {
    /// Judges what has become of the tenant's ways in; `said` is where and how the file speaks of it.
    pub async fn ways_in(&mut self, tenant: &Tenant, was: WaysIn, said: Said) -> Result {
        let is = WaysIn::of(self.tx, self.sealer, &tenant.id).await?;
        if was.locks_out(is) {
            // A single thing is refused (`LockedOut`) unless somebody insists; a file is believed.
            self.plan.warn(format!("tenant {}: {LockedOut}", tenant.name));
        }
        if !is.required || is.proven {
            return Ok(());
        }
        // A file that says `password_login: false` has always been believed, and goes on to be.
        let begins = (self.single && was.ends_passwords(is)) || (is.declared && !was.declared);
        if let (true, false, Some(at)) = (begins, said.untested(), said.place(was)) {
            let mut text =
                format!("no connection has passed a test sign-in under its present settings: {}", self.test_first(tenant).await?);
            if !self.single {
                text.push_str("; or write require_sso: untested to go without");
            }
            self.problem(at, text);
            return Ok(());
        }
        let how = if is.declared { "requires single sign-on" } else { "takes no passwords" };
        if was.closes(is) {
            // A single thing is refused (`LastWayIn`); a file is believed.
            self.plan.warn(format!("tenant {} {how} and has no connection left to sign in over", tenant.name));
        } else if was.proven || !self.single {
            let todo = self.test_first(tenant).await?;
            let text = "and no connection of it has passed a test sign-in under its present settings";
            self.plan.warn(format!("tenant {} {how}, {text}: {todo}", tenant.name));
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
