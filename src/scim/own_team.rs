//! The team of a group's own, which goes with the group: with it goes what people have given it here, and the audit log says what
//! that was. When the group is renamed to what rules say is another team, it goes with what rules have given it
//! (`store::own_teams`).

use super::{caller::Caller, trail};
use crate::{
    app::App,
    store::{
        StoreError,
        db::Tx,
        resources,
        teams::{self, Team},
    },
};

/// Roles that are named.
const ROLES: usize = 100;

/// A team that may go, as it was before.
pub struct OwnTeam {
    team: Team,
    members: i64,
    roles: Vec<String>,
}

impl OwnTeam {
    /// The team of this group, if it has one.
    ///
    /// # Errors
    /// What the database says.
    pub async fn of(tx: &mut Tx, group_id: &str) -> Result<Option<Self>, StoreError> {
        let Some((team, members)) = teams::of_group(&mut *tx, group_id).await? else { return Ok(None) };
        let held = resources::some_held_by(tx, &team.id, ROLES).await?;
        let roles = held.into_iter().map(|(kind, name, role)| format!("{} on {kind} {name}", role.as_str())).collect();
        Ok(Some(Self { team, members, roles }))
    }

    /// Notes its end, if it has gone and anything with it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn note_end(self, tx: &mut Tx, app: &App, caller: &Caller, group_id: &str, now: i64) -> Result<(), StoreError> {
        let Self { team, members, roles } = self;
        if (members > 0 || !roles.is_empty()) && teams::of_group(&mut *tx, group_id).await?.is_none() {
            trail::team_gone(tx, app, caller, &team.name, members, roles, now);
        }
        Ok(())
    }
}
