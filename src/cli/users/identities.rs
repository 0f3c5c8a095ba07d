//! A user's identities by an operator's word: one linked, one taken away.

use std::sync::Arc;

use super::{At, Who, told};
use crate::{
    app,
    cli::{Problems, confirm::agree, one, say, token::plain},
    clock::Clock,
    config::Settings,
    identity_link::{Desk, Unlinked, Wanted, issuer, issuers, lost},
    outbound::Outbound,
    provider_metadata::Providers,
    store::{
        audit::Actor,
        connections::{self, Connection},
        identities,
        tenants::Tenant,
        users,
    },
};

impl At<'_> {
    fn counter<'a>(&'a self, actor: &'a Actor) -> Desk<'a> {
        Desk { db: self.db, sealer: self.sealer, actor, may: &|_| true, now: self.now }
    }

    async fn connection(&self, tenant: &Tenant, name: &str) -> Result<Connection, Problems> {
        let found = connections::find_by_name(self.db, &tenant.id, name).await.map_err(one)?;
        found.ok_or_else(|| one(format!("tenant {} has no connection {name}", tenant.name)))
    }

    pub(super) async fn link_identity(
        &self,
        settings: &Settings,
        who: &Who,
        name: &str,
        subject: &str,
        said: Option<&str>,
    ) -> Result<(), Problems> {
        let (tenant, user) = self.find(who).await?;
        let connection = self.connection(&tenant, name).await?;
        let outbound = Outbound::new(settings.outbound_allow.clone()).map_err(one)?;
        let (db, sealer) = app::open_store(settings).await.map_err(one)?;
        let providers = Providers::new(db, Arc::new(sealer), outbound, Clock::system());
        let held = providers.current(&tenant.name, &connection).await.map_err(one)?;
        let all = issuers(&connection, held.map(|(_, provider)| provider)).await.map_err(one)?;
        let issuer = issuer(all, said).map_err(one)?;
        let wanted = Wanted { connection: &connection, issuer: &issuer, subject };
        let is_new = self.counter(&Actor::command_line()).link(&user.id, &wanted).await.map_err(one)?;
        let (email, subject) = (user.email.as_str(), plain(subject));
        match is_new {
            true => say(format!("whoever signs in over {name} as {subject} of {issuer} is {email} from now on")),
            false => say(format!("{email} is {subject} of {issuer} already")),
        }
        Ok(())
    }

    pub(super) async fn unlink_identity(&self, who: &Who, name: &str, yes: bool) -> Result<(), Problems> {
        let (tenant, user) = self.find(who).await?;
        let connection = self.connection(&tenant, name).await?;
        let email = user.email.as_str();
        let held = identities::of_user(self.db, &user.id, &connection.id).await.map_err(one)?;
        let held = held.ok_or_else(|| one(format!("{email} has no identity on {name}")))?;
        say(format!("{} of {} is {email} no more, and this ends:", plain(&held.subject), held.issuer));
        let stake = users::at_stake(self.db, &user.id, self.now).await.map_err(one)?;
        let lost = lost(&stake);
        lost.iter().for_each(|what| say(format!("  {what}")));
        if lost.is_empty() {
            say("  nothing: there is no session and no token");
        }
        if !yes {
            agree("Unlink it?", "nothing was unlinked")?;
        }
        match self.counter(&Actor::command_line()).unlink(&user.id, &connection, true).await.map_err(one)? {
            Unlinked::Done(receipt) => say(told(&receipt)),
            Unlinked::Asks(_) => return Err(one("nothing was unlinked")),
        }
        Ok(())
    }
}
