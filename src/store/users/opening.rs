//! The way back of a user who was shut out: by whoever may open what they are shut with.

use super::{
    access::{By, end_access, find_locked},
    find,
};
use crate::{
    params,
    seal::Sealer,
    store::{
        audit::{self, Action, Actor, Changes, Event},
        db::{Result, Tx},
        on::On,
    },
};

/// Whom to let in again.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// The user.
    pub user_id: &'a str,
    /// Whose lock may be opened.
    pub by: By,
    /// Who opens.
    pub actor: &'a Actor,
    /// Seals what clients are told.
    pub sealer: &'a Sealer,
    /// Unix seconds.
    pub now: i64,
}

/// What came of [`open_again`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// They may sign in again: with all their teams and roles, and none of their old tokens.
    Open,
    /// They were not shut out, or there is no such user.
    Unchanged,
    /// An operator has shut them out: no directory changes that.
    ByOperator,
    /// A directory says that they are inactive: it must say otherwise first.
    ByDirectory,
}

/// Lets a user in again. Of a directory, its record's own `active` is written first: as long as any directory that is
/// switched on says that they are inactive, they stay out. Of who administers the deployment no directory says so.
///
/// # Errors
/// What the database says.
pub async fn open_again(tx: &mut Tx, opening: &Opening<'_>) -> Result<Opened> {
    find_locked(tx, opening.user_id).await?;
    let sql = "UPDATE users SET active = TRUE, shut_by = NULL, updated_at = $3 WHERE id = $1 AND NOT active \
               AND ($2 = 'operator' OR shut_by = 'directory') \
               AND (platform OR NOT EXISTS (SELECT 1 FROM directory_users d JOIN directories x ON x.id = d.directory_id \
                                            WHERE d.user_id = users.id AND NOT d.active AND x.enabled))";
    let params = params![opening.user_id, opening.by.as_str(), opening.now];
    if On::from(&mut *tx).alter(sql, params).await? > 0 {
        // A sign-in that was under way when they were shut out may have come to its end since.
        end_access(tx, opening.sealer, opening.user_id, opening.now).await?;
        if let Some(user) = find(&mut *tx, opening.user_id).await? {
            let event = Event::new(user.tenant_id.as_str(), Action::Activate, audit::subject_of(&mut *tx, &user).await?);
            let event = event.with(Changes::default().changed("active", false, true));
            audit::append(tx, opening.sealer, opening.actor, event, opening.now);
        }
        return Ok(Opened::Open);
    }
    let user = find(&mut *tx, opening.user_id).await?;
    Ok(match user.filter(|user| !user.active) {
        None => Opened::Unchanged,
        Some(user) if opening.by == By::Directory && user.shut_by != Some(By::Directory) => Opened::ByOperator,
        Some(_) => Opened::ByDirectory,
    })
}
