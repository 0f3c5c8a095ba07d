//! The team of a group's own, which goes with the group: with it goes what people have given it here, and the audit log says what
//! that was. When the group is renamed to what rules say is another team, it goes with what rules have given it
//! (`store::own_teams`).

use super::{caller::Caller, fault::Fault, trail};
use crate::{
    app::App,
    store::{
        StoreError,
        db::Tx,
        directory_groups::TeamTaken,
        resources,
        teams::{self, Team},
    },
};

/// Roles that are named.
const ROLES: usize = 100;

/// That another team has the name. Whose it is, is said of the directory's own groups: of others it is told nothing.
pub fn stands_in_the_way(caller: &Caller, taken: &TeamTaken) -> Fault {
    let name = &taken.name;
    let whose = match &taken.owner {
        Some(owner) if owner.directory_id == caller.directory.id => format!("the own one of group \"{}\"", owner.group_name),
        Some(_) => "that of a group of another directory".to_owned(),
        None => "which was not made for this group".to_owned(),
    };
    let detail = match taken.by_rule {
        true => format!(
            "a rule of the directory says that the group is the team \"{name}\", and the tenant's team of this name is {whose}, \
             which no other can be: let a rule of its directory name the team for that group too, or rename one of them"
        ),
        false => format!(
            "the tenant has a team \"{name}\" already, {whose}: rename one of them, or let a rule of the directory say which team \
             the group is"
        ),
    };
    Fault::uniqueness(detail)
}

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

    /// Notes its end, if it has gone and anything with it; or what it is called from now on, if it is kept with what it holds.
    ///
    /// # Errors
    /// What the database says.
    pub async fn note_end(self, tx: &mut Tx, app: &App, caller: &Caller, group_id: &str, now: i64) -> Result<(), StoreError> {
        let Self { team, members, roles } = self;
        if members == 0 && roles.is_empty() {
            return Ok(());
        }
        match teams::of_group(&mut *tx, group_id).await? {
            Some((is, _)) => trail::team_kept(tx, app, caller, (&team.name, &is.name), group_id, now),
            None => trail::team_gone(tx, app, caller, &team.name, members, roles, now),
        }
        Ok(())
    }
}
