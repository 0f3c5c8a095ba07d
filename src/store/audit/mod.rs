//! The audit log: who has done what, chained so that whoever alters it without the master key is found out.
//!
//! Whatever changes something notes it in its transaction ([`append`]), and [`super::db::Tx::commit`] writes what was noted
//! (`ledger`): so entry and change are there together or not at all. [`verify`] walks the chain, [`retain`] lets what is old
//! go, [`page`] and [`following`] read. `chain` says what is digested, `marks` where the log begins and ends.

mod chain;
mod changes;
mod ledger;
mod marks;
mod reading;
mod retention;
mod verification;

use serde::Serialize;
use serde_json::Value;

pub use changes::{Changes, SECRET};
pub(super) use ledger::Ledger;
pub(super) use marks::establish;
pub use reading::{Filter, Part, end, following, newest, of_guests, page, part, stretch};
pub use retention::retain;
pub use verification::{Broken, Flaw, Intact, Verdict, Walk, has, verify};

use super::{
    db::{Result, Tx},
    on::On,
    tenants,
    users::User,
};
use crate::seal::Sealer;

/// How somebody came who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Via {
    Page,
    Api,
    Command,
    File,
    Scim,
    SignIn,
    /// Nobody did: gatehouse does it by itself.
    System,
}

impl Via {
    /// As it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Api => "api",
            Self::Command => "command",
            Self::File => "file",
            Self::Scim => "scim",
            Self::SignIn => "sign-in",
            Self::System => "system",
        }
    }
}

/// Who does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// In words: `administrator ada@acme.example`, `directory okta`, `command line`.
    pub name: String,
    /// The user's row id, where it is a user.
    pub id: Option<String>,
    /// How they came.
    pub via: Via,
    /// Where from.
    pub address: Option<String>,
    /// What they asked with, where that was a token: the row of a personal one, the fingerprint of a service's, the family of a
    /// sign-in's. What they make stands on it ([`super::lineage`]); entries say it in words ([`Actor::by`]).
    pub with: Option<String>,
}

impl Actor {
    /// Whoever has a shell.
    #[must_use]
    pub fn command_line() -> Self {
        Self::named("command line", Via::Command)
    }

    /// A declarative file.
    #[must_use]
    pub fn apply(via: Via) -> Self {
        Self::named("apply", via)
    }

    /// Gatehouse itself.
    #[must_use]
    pub fn itself() -> Self {
        Self::named("gatehouse", Via::System)
    }

    /// A directory that pushes.
    #[must_use]
    pub fn directory(name: &str, address: &str) -> Self {
        Self { address: Some(address.to_owned()), ..Self::named(&format!("directory {name}"), Via::Scim) }
    }

    /// A client of ours that pushes for a directory.
    #[must_use]
    pub fn client_of_directory(client: &str, name: &str, address: &str) -> Self {
        Self { address: Some(address.to_owned()), ..Self::named(&format!("client {client} for directory {name}"), Via::Scim) }
    }

    /// An administrator at the pages or the API.
    #[must_use]
    pub fn administrator(user: &User, via: Via, address: &str) -> Self {
        Self::user("administrator", user, via, address)
    }

    /// A program at the admin API, by a service token of a tenant.
    #[must_use]
    pub fn service(tenant: &str, name: &str, address: &str) -> Self {
        Self { address: Some(address.to_owned()), ..Self::named(&format!("service token {tenant}/{name}"), Via::Api) }
    }

    /// Somebody who signs in.
    #[must_use]
    pub fn person(user: &User, address: &str) -> Self {
        Self::user("user", user, Via::SignIn, address)
    }

    /// Somebody who could not say who they are.
    #[must_use]
    pub fn stranger(address: &str) -> Self {
        Self { address: Some(address.to_owned()), ..Self::named("somebody", Via::SignIn) }
    }

    /// Whoever follows the set-up link of a new deployment.
    #[must_use]
    pub fn newcomer(address: &str) -> Self {
        Self { address: Some(address.to_owned()), ..Self::named("set-up link", Via::Page) }
    }

    /// Whoever follows a link to set a connection up, which an operator has made.
    #[must_use]
    pub fn guest(connection: &str, made_by: &str, address: &str) -> Self {
        let name = format!("set-up link {connection} by {made_by}");
        Self { address: Some(address.to_owned()), ..Self::named(&name, Via::Page) }
    }

    /// Somebody whose wish gatehouse fulfils later, by itself.
    #[must_use]
    pub fn earlier(name: &str, id: Option<&str>) -> Self {
        Self { id: id.map(str::to_owned), ..Self::named(name, Via::System) }
    }

    /// The same, who came by something that is not their sign-in: `personal token laptop`.
    #[must_use]
    pub fn by(self, what: &str) -> Self {
        Self { name: format!("{} by {what}", self.name), ..self }
    }

    /// The same, who asked with a token.
    #[must_use]
    pub fn with(self, with: Option<&str>) -> Self {
        Self { with: with.map(str::to_owned), ..self }
    }

    fn user(what: &str, user: &User, via: Via, address: &str) -> Self {
        let name = format!("{what} {}", user.email.as_str());
        Self { id: Some(user.id.clone()), address: Some(address.to_owned()), ..Self::named(&name, via) }
    }

    fn named(name: &str, via: Via) -> Self {
        Self { name: name.to_owned(), id: None, via, address: None, with: None }
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Action {
    Create,
    Update,
    Delete,
    /// A user was shut out.
    Deactivate,
    /// And let in again.
    Activate,
    Invite,
    /// An invite got another link.
    Resend,
    /// An invite was taken back.
    Revoke,
    /// An invite became a user.
    Accept,
    /// A user got an identity upstream, or a directory's record.
    Link,
    Unlink,
    /// Keys were followed by new ones.
    Rotate,
    /// A token was made.
    Issue,
    /// Tokens were ended.
    End,
    /// Somebody became an administrator, of a tenant or of the deployment.
    Appoint,
    /// And is one no more.
    Dismiss,
    /// A link was made that lets an administrator in.
    BreakGlass,
    /// Such a link was used.
    Enter,
    /// An administrator's sign-in was refused.
    SignInRefused,
    /// A guest of a set-up link tried the link's connection.
    Test,
}

impl Action {
    /// All there are.
    pub const ALL: [Self; 20] = [
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::Deactivate,
        Self::Activate,
        Self::Invite,
        Self::Resend,
        Self::Revoke,
        Self::Accept,
        Self::Link,
        Self::Unlink,
        Self::Rotate,
        Self::Issue,
        Self::End,
        Self::Appoint,
        Self::Dismiss,
        Self::BreakGlass,
        Self::Enter,
        Self::SignInRefused,
        Self::Test,
    ];

    /// As it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Deactivate => "deactivate",
            Self::Activate => "activate",
            Self::Invite => "invite",
            Self::Resend => "resend",
            Self::Revoke => "revoke",
            Self::Accept => "accept",
            Self::Link => "link",
            Self::Unlink => "unlink",
            Self::Rotate => "rotate",
            Self::Issue => "issue",
            Self::End => "end",
            Self::Appoint => "appoint",
            Self::Dismiss => "dismiss",
            Self::BreakGlass => "break-glass",
            Self::Enter => "enter",
            Self::SignInRefused => "sign-in-refused",
            Self::Test => "test",
        }
    }

    /// By its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }
}

/// Something that was done, and to what.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Whose thing it is; the deployment's own have no tenant.
    pub tenant_id: Option<String>,
    /// What was done.
    pub action: Action,
    /// Kind and name, as a plan spells them: `connection acme/okta`.
    pub subject: String,
    /// What it was and what it is.
    pub changes: Changes,
}

impl Event {
    /// Something of a tenant, or of the deployment (`None`).
    #[must_use]
    pub fn new<'a>(tenant_id: impl Into<Option<&'a str>>, action: Action, subject: impl Into<String>) -> Self {
        let tenant_id = tenant_id.into().map(str::to_owned);
        Self { tenant_id, action, subject: subject.into(), changes: Changes::default() }
    }

    /// The same with its changes.
    #[must_use]
    pub fn with(self, changes: Changes) -> Self {
        Self { changes, ..self }
    }
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Its place: one more than the entry's before it.
    pub seq: i64,
    /// Unix seconds.
    pub at: i64,
    /// Whose thing it is about.
    pub tenant_id: Option<String>,
    /// Who, in words.
    pub actor: String,
    /// The user's row id, where it was one.
    pub actor_id: Option<String>,
    /// How they came.
    pub via: String,
    /// Where from.
    pub address: Option<String>,
    /// What they did.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Per field what it was and what it is.
    pub changes: Value,
    /// The keyed digest of all this and of the entry before.
    pub mac: String,
}

/// What entries call a user.
///
/// # Errors
/// What the database says.
pub async fn subject_of(on: impl Into<On<'_>>, user: &User) -> Result<String> {
    let tenant = tenants::find(on, &user.tenant_id).await?;
    Ok(format!("user {}/{}", tenant.map_or_else(|| user.tenant_id.clone(), |tenant| tenant.name), user.email.as_str()))
}

/// Notes what `actor` does in this transaction at `now` (unix seconds): the commit writes it into the log.
///
/// Nothing is locked before. The commit takes the log's last row, at which all writers of all nodes take turns, after every
/// other lock of the transaction and holds it for three short statements: so no two transactions wait for each other
/// crosswise, and a long transaction does not keep others from the log while it works.
pub fn append(tx: &mut Tx, sealer: &Sealer, actor: &Actor, event: Event, now: i64) {
    tx.ledger().note(sealer, actor, event, now);
}
