//! What a sign-in finds out about people in directories: whom a connection's directory knows by the sign-in's stable id.

use super::{
    db::{Db, Result, StoreError, Tx},
    left_records,
    on::On,
    read_json,
};
use crate::{
    params,
    policy::{
        directory::DirectorySettings,
        email::Email,
        linking::{Candidate, Record},
    },
};

/// [`by_subject`]'s question.
pub const BY_SUBJECT: &str = "SELECT r.id, r.active, d.settings, COALESCE(r.pinned = r.external_id, FALSE) AS pinned,
           COALESCE(u.admin OR u.platform, FALSE) AS administers,
           COALESCE(r.pinned = r.external_id, FALSE)
             OR (r.made_user AND NOT COALESCE(u.admin OR u.platform OR u.declared, FALSE) AND u.password_hash IS NULL
                 AND NOT EXISTS (SELECT 1 FROM identities i WHERE i.user_id = u.id)
                 AND (COALESCE(r.made_as = r.external_id, FALSE)
                      OR NOT EXISTS (SELECT 1 FROM team_members m WHERE m.user_id = u.id)
                        AND NOT EXISTS (SELECT 1 FROM collaborators c WHERE c.user_id = u.id)
                        AND NOT EXISTS (SELECT 1 FROM invites v WHERE v.accepted_by = u.id))) AS leads,
           u.id AS user_id, u.email, u.active AS user_active, u.email_proven,
           EXISTS (SELECT 1 FROM identities i WHERE i.user_id = u.id AND i.connection_id = $1) AS has_identity_here
    FROM directories d
    JOIN directory_users r ON r.directory_id = d.id AND r.external_id = $2
    LEFT JOIN users u ON u.id = r.user_id
    WHERE d.connection_id = $1 AND d.enabled
      AND (r.active
           OR NOT COALESCE(u.platform, FALSE)
             AND NOT EXISTS (SELECT 1 FROM identities i JOIN users o ON o.id = i.user_id
                             WHERE i.connection_id = $1 AND i.subject = $2
                               AND (o.platform OR o.admin AND r.user_id IS NULL)))
    ORDER BY r.active, r.id LIMIT 2";

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    active: bool,
    leads: bool,
    pinned: bool,
    settings: String,
    user_id: Option<String>,
    email: Option<String>,
    user_active: Option<bool>,
    email_proven: Option<bool>,
    has_identity_here: bool,
    administers: bool,
}

impl Row {
    fn read(self) -> Result<Record> {
        let candidate = match (self.user_id, self.email, self.user_active, self.email_proven) {
            (Some(user_id), Some(email), Some(active), Some(email_proven)) => Some(Candidate {
                email: Email::parse(&email).ok_or(StoreError::Corrupt("user e-mail address", email))?,
                has_identity_here: self.has_identity_here,
                administers: self.administers,
                user_id,
                active,
                email_proven,
            }),
            _ => None,
        };
        let settings: DirectorySettings = read_json("directory settings", &self.settings)?;
        let Self { id, active, leads, pinned, .. } = self;
        Ok(Record { id, active, leads, pinned, home_only: settings.proven_domains_only, user: candidate })
    }
}

/// Waits until nobody else brings in the person of this subject, by a first sign-in or a record: of two who do at once, the
/// second sees the first.
///
/// # Errors
/// What the database says.
pub async fn be_alone(tx: &mut Tx, connection_id: &str, subject: &str) -> Result<()> {
    tx.be_alone(&format!("person {connection_id} {subject}")).await
}

/// The record whose `externalId` is `subject`, in the directories of a connection that are switched on. Of several it is one that
/// is inactive, so that no directory undoes what another has said; where all of them are active they name nobody: then an
/// operator must say which is meant.
///
/// That a record is inactive keeps no administrator of the deployment out, and one that stands for nobody no administrator:
/// those are shut out by `users::shut_out` alone, which asks whether they are the last. A user who was given something by
/// hand is led to only under the id that they were made as: another would hand it to whom the directory names.
///
/// Whom an operator has shut out under this id comes before anything that records say, also where theirs is gone
/// ([`left_records`]): to be refused. Else another directory's record would lead past the lock.
///
/// # Errors
/// What the database says.
pub async fn by_subject(on: impl Into<On<'_>>, connection_id: &str, subject: &str) -> Result<Option<Record>> {
    let mut on = on.into();
    if let Some(locked) = left_records::by_subject(&mut on, connection_id, subject).await? {
        return Ok(Some(locked));
    }
    let rows: Vec<Row> = on.all(BY_SUBJECT, params![connection_id, subject]).await?;
    let is_one = rows.len() == 1;
    rows.into_iter().next().filter(|first| is_one || !first.active).map(Row::read).transpose()
}

/// Whether any directory of a connection, switched on or not, has this `externalId` on a record that stands for another user
/// than `user_id`.
///
/// # Errors
/// What the database says.
pub async fn is_of_another(on: impl Into<On<'_>>, connection_id: &str, subject: &str, user_id: &str) -> Result<bool> {
    let sql = "SELECT r.id FROM directories d JOIN directory_users r ON r.directory_id = d.id AND r.external_id = $2
               WHERE d.connection_id = $1 AND r.user_id <> $3 LIMIT 1";
    Ok(on.into().optional::<(String,)>(sql, params![connection_id, subject, user_id]).await?.is_some())
}

/// Lets a record without a user stand for `user_id`; `made` says that the user came to be by it. `false` when it has one
/// meanwhile, the directory has another record for that user, or it administers the deployment, which no directory adopts.
///
/// # Errors
/// What the database says.
pub async fn claim(tx: &mut Tx, record_id: &str, user_id: &str, made: bool) -> Result<bool> {
    let sql = "UPDATE directory_users SET user_id = $2, made_user = $3 WHERE id = $1 AND user_id IS NULL AND active
               AND NOT EXISTS (SELECT 1 FROM directory_users o
                               WHERE o.user_id = $2 AND o.directory_id = directory_users.directory_id)
               AND NOT EXISTS (SELECT 1 FROM users p WHERE p.id = $2 AND p.platform)";
    Ok(On::from(tx).alter(sql, params![record_id, user_id, made]).await? == 1)
}

/// Whether a record lets its person in and stands for no user.
///
/// # Errors
/// What the database says.
pub async fn is_unclaimed(on: impl Into<On<'_>>, record_id: &str) -> Result<bool> {
    let sql = "SELECT id FROM directory_users WHERE id = $1 AND user_id IS NULL AND active";
    Ok(on.into().optional::<(String,)>(sql, params![record_id]).await?.is_some())
}

/// The `externalId`s under which the directories of a connection know this address: to tell an operator why a sign-in was
/// not matched.
///
/// # Errors
/// What the database says.
pub async fn external_ids(db: &Db, connection_id: &str, email: &Email) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT DISTINCT COALESCE(r.external_id, '') FROM directories d
             JOIN directory_emails e ON e.directory_id = d.id AND e.value = $2
             JOIN directory_users r ON r.id = e.directory_user_id
             WHERE d.connection_id = $1
             UNION
             SELECT COALESCE(r.external_id, '') FROM directories d
             JOIN directory_users r ON r.directory_id = d.id AND r.user_name = $2
             WHERE d.connection_id = $1
             LIMIT 5",
            params![connection_id, email.as_str()],
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
