//! What a directory's record does to a local user: makes one, takes over one that is proven to be the same person, changes
//! name and address, shuts out and lets in again. Rights are never among it (threats P3, P4).

use super::{admission, caller::Caller, error::ScimError, fault::Fault, trail::Effect};
use crate::{
    app::App,
    operator::may_be_pushed,
    policy::email::Email,
    secret,
    store::{
        self,
        audit::Actor,
        db::Tx,
        directory_accounts,
        directory_users::DirectoryUser,
        profiles::{self, Readdressed, Source},
        users::{self, By, Opened, Opening, ShutOut, User},
    },
};

/// Makes the user of a record that stands for nobody, or finds whom it stands for. Without an address there is none yet. `said` is what the
/// request says of `active`: where it says nothing, whoever is out stays out.
///
/// # Errors
/// 409 when the address is somebody's of whom nothing proves that they are the same; 400 for an address outside of the
/// proven domains, if the directory asks for these; 403 for who is not invited, if the tenant takes only those.
pub async fn begin(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    record: &mut DirectoryUser,
    said: Option<bool>,
    now: i64,
) -> Result<Effect, ScimError> {
    let email = record.email();
    let proven = judge_address(tx, caller, email.as_ref()).await?;
    be_alone(tx, caller, record).await?;
    refuse_twins(tx, caller, record).await?;
    if let Some(Known { user, made, locked }) = known(tx, caller, record).await? {
        users::hold_administrator(tx, &user).await?;
        record.user_id = Some(user.id.clone());
        // Whom an operator has shut out it stands for in any case, to hold the lock.
        if !locked {
            refuse_rivals(tx, caller, record).await?;
        }
        // Whom it may have made before is somebody else, and gone: this one does not go with it.
        record.made_user = made;
        record.active = said.unwrap_or(record.active && user.active);
        let said = tell(tx, caller, record, &user, Said { email, name: record.name(), proven }, now).await?;
        let said = Effect { locked, ..said };
        tracing::info!(user = user.id, record = record.id, "a directory's record is a known user, by externalId");
        if !record.active {
            shut(tx, app, caller, record, "active: false", now).await?;
        }
        return Ok(Effect { adopted: Some(user.email.as_str().to_owned()), ..said });
    }
    refuse_rivals(tx, caller, record).await?;
    let Some(email) = email else { return Ok(Effect::default()) };
    let id = secret::row_id(now);
    let admitted = admission::judge(tx, caller, &email, &id, now).await?;
    let user = User {
        id,
        tenant_id: caller.directory.tenant_id.clone(),
        email,
        email_proven: proven,
        name: record.name(),
        password_hash: None,
        admin: false,
        platform: false,
        active: record.active,
        shut_by: (!record.active).then_some(By::Directory),
        signed_in_at: None,
        created_at: now,
        updated_at: now,
    };
    if !users::insert(&mut *tx, &user, admitted).await? {
        return Err(taken(&user.email));
    }
    record.user_id = Some(user.id);
    record.made_user = true;
    Ok(Effect::default())
}

/// Carries a change of a record over to its user.
///
/// # Errors
/// As [`begin`]; 409 for the last administrator.
pub async fn follow(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    old: &DirectoryUser,
    record: &mut DirectoryUser,
    said: Option<bool>,
    now: i64,
) -> Result<Effect, ScimError> {
    let Some(user_id) = record.user_id.clone() else { return begin(tx, app, caller, record, said, now).await };
    if record.external_id() != old.external_id() {
        be_alone(tx, caller, record).await?;
        refuse_twins(tx, caller, record).await?;
        refuse_rivals(tx, caller, record).await?;
        refuse_others_id(tx, caller, record, &user_id).await?;
        store::left_records::leave(tx, &record.id, true, now).await?;
        admission::locked(tx, caller, record).await?;
    }
    let email = record.email().filter(|email| old.email().as_ref() != Some(email));
    let name = record.name().filter(|name| old.name().as_ref() != Some(name));
    let proven = judge_address(tx, caller, email.as_ref()).await?;
    if email.is_some() || name.is_some() {
        may_push(tx, &user_id).await?;
    }
    if email.is_none() && name.is_none() {
        return Ok(Effect::default());
    }
    let Some(user) = users::find(&mut *tx, &user_id).await? else { return Ok(Effect::default()) };
    tell(tx, caller, record, &user, Said { email, name, proven }, now).await
}

/// Of a record that lets nobody in any more, and of which nothing else could be taken: whom it stands for from now on, if it stood
/// for nobody, and whoever signs in as its `externalId` is theirs beyond doubt. It makes nobody, and rewrites nobody.
///
/// # Errors
/// 409 for who administers the deployment.
pub async fn close(tx: &mut Tx, caller: &Caller, record: &mut DirectoryUser) -> Result<Effect, ScimError> {
    if record.user_id.is_some() {
        return Ok(Effect::default());
    }
    be_alone(tx, caller, record).await?;
    let user = match same_person(tx, caller, record).await {
        Err(e) if e.fault.scim_type == Some("uniqueness") => None,
        found => found?,
    };
    let Some(user) = user else { return Ok(Effect::default()) };
    let known = DirectoryUser { user_id: Some(user.id.clone()), made_user: false, ..record.clone() };
    for doubt in [refuse_twins(tx, caller, &known).await, refuse_rivals(tx, caller, &known).await] {
        match doubt {
            Err(e) if e.fault.status < 500 => return Ok(Effect::default()),
            none => none?,
        }
    }
    users::hold_administrator(tx, &user).await?;
    *record = known;
    Ok(Effect { adopted: Some(user.email.as_str().to_owned()), ..Effect::default() })
}

/// A user who is here already, for whom a record stands from now on.
struct Known {
    user: User,
    /// Whether they came to be by a record of this directory.
    made: bool,
    /// Whether an operator has shut them out, which is all that is known of them.
    locked: bool,
}

/// Whom the record's `externalId` is known to be.
async fn known(tx: &mut Tx, caller: &Caller, record: &DirectoryUser) -> Result<Option<Known>, ScimError> {
    if let Some(user) = same_person(tx, caller, record).await? {
        return Ok(Some(Known { user, made: false, locked: false }));
    }
    let Some(locked) = admission::locked(tx, caller, record).await? else { return Ok(None) };
    may_push(tx, &locked.user_id).await?;
    let user = users::find(tx, &locked.user_id).await?;
    Ok(user.map(|user| Known { user, made: locked.made, locked: true }))
}

/// What a record says of its user.
struct Said {
    email: Option<Email>,
    name: Option<String>,
    /// Whether the tenant has proven the address's domain.
    proven: bool,
}

/// Takes over what the record says of its user, where that is for it to say; what changed. Whoever has never signed in is
/// somebody else under another address, who may come in or not.
async fn tell(
    tx: &mut Tx,
    caller: &Caller,
    record: &DirectoryUser,
    user: &User,
    said: Said,
    now: i64,
) -> Result<Effect, ScimError> {
    let (mut effect, Said { email, name, proven }) = (Effect::default(), said);
    if !speaks(tx, record, &user.id).await? {
        return Ok(effect);
    }
    if let Some(email) = email.filter(|email| *email != user.email)
        && readdress(tx, record, &user.id, &email, proven, now).await?
    {
        if user.signed_in_at.is_none() {
            admission::judge(tx, caller, &email, &user.id, now).await?;
        }
        effect.email = Some((user.email.as_str().to_owned(), email.as_str().to_owned()));
    }
    if let Some(name) = name
        && profiles::rename(&mut *tx, Source::Directory { proven }, &user.id, &name, now).await?
    {
        effect.name = Some((user.name.clone(), name));
    }
    Ok(effect)
}

/// Waits for a sign-in or another record of the same person that comes to be at this moment: else neither would know of the
/// other.
async fn be_alone(tx: &mut Tx, caller: &Caller, record: &DirectoryUser) -> Result<(), ScimError> {
    match caller.directory.connection_id.as_deref().zip(record.external_id()) {
        Some((connection, subject)) => Ok(store::directory_links::be_alone(tx, connection, subject).await?),
        None => Ok(()),
    }
}

/// Whether the record may say what the user is called and where they are written to.
async fn speaks(tx: &mut Tx, record: &DirectoryUser, user_id: &str) -> Result<bool, ScimError> {
    let speaks = directory_accounts::speaks(&mut *tx, &record.id, user_id).await?;
    if !speaks {
        tracing::info!(user = user_id, record = record.id, "name and address are for another directory's record to say");
    }
    Ok(speaks)
}

/// Lets the record's user be in or out as it says, whatever they were; once the record is written, since the way back asks
/// all there are. In comes only of whom the request itself says so (`said`), and not whose title it changes.
///
/// # Errors
/// 409 for the last administrator.
pub async fn agree(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    record: &DirectoryUser,
    said: Option<bool>,
    now: i64,
) -> Result<(), ScimError> {
    match record.active {
        true if said == Some(true) => open_again(tx, app, caller, record, now).await,
        true => Ok(()),
        false => shut(tx, app, caller, record, "active: false", now).await,
    }
}

/// Lets the user in again, if the record says so and they are out: nobody whom an operator or another directory has shut
/// out.
///
/// # Errors
/// When the database does not answer.
pub async fn open_again(tx: &mut Tx, app: &App, caller: &Caller, record: &DirectoryUser, now: i64) -> Result<(), ScimError> {
    let Some(user_id) = record.user_id.as_ref().filter(|_| record.active) else { return Ok(()) };
    if users::find(&mut *tx, user_id).await?.is_none_or(|user| user.active) {
        return Ok(());
    }
    let actor = caller.actor();
    let opened = users::open_again(tx, &Opening { user_id, by: By::Directory, actor: &actor, sealer: &app.sealer, now }).await?;
    if matches!(opened, Opened::ByOperator | Opened::ByDirectory) {
        tracing::warn!(user = user_id, record = record.id, ?opened, "active again in a directory, and still shut out here");
    }
    Ok(())
}

/// Ends a record that is deleted: with the user that came to be by it; any other is shut out. An operator's lock outlives
/// the record: else a directory could delete the user and make them anew, without it.
///
/// # Errors
/// 409 for the last administrator.
pub async fn end(tx: &mut Tx, app: &App, caller: &Caller, record: &DirectoryUser, now: i64) -> Result<(), ScimError> {
    let Some(user_id) = &record.user_id else { return Ok(()) };
    let Some(user) = users::find(&mut *tx, user_id).await? else { return Ok(()) };
    may_push(tx, user_id).await?;
    let is_elsewhere = store::directory_users::of_user(&mut *tx, user_id).await?.len() > 1;
    if record.made_user && !is_elsewhere && user.shut_by != Some(By::Operator) {
        let actor = caller.actor();
        let out = ShutOut { cause: "deleted", ..whom(app, user_id, &actor, now) };
        users::remove(tx, &out).await??;
        return Ok(());
    }
    shut(tx, app, caller, record, "deleted", now).await
}

/// After a record is deleted: what it gave has ended, and whether its user may come back is for the records that are
/// left to say.
///
/// # Errors
/// When the database does not answer.
pub async fn left_to_others(tx: &mut Tx, app: &App, caller: &Caller, gone: &DirectoryUser, now: i64) -> Result<(), ScimError> {
    let Some(user_id) = &gone.user_id else { return Ok(()) };
    match store::directory_users::of_user(&mut *tx, user_id).await?.first() {
        Some(record) => open_again(tx, app, caller, record, now).await,
        None => Ok(()),
    }
}

async fn shut(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    record: &DirectoryUser,
    cause: &'static str,
    now: i64,
) -> Result<(), ScimError> {
    let Some(user_id) = &record.user_id else { return Ok(()) };
    may_push(tx, user_id).await?;
    let actor = caller.actor();
    users::shut_out(tx, &ShutOut { cause, ..whom(app, user_id, &actor, now) }).await??;
    Ok(())
}

fn whom<'a>(app: &'a App, user_id: &'a str, actor: &'a Actor, now: i64) -> ShutOut<'a> {
    ShutOut { user_id, by: By::Directory, actor, cause: "", force: false, sealer: &app.sealer, now }
}

/// Whether the tenant has proven the domain of the address.
async fn judge_address(tx: &mut Tx, caller: &Caller, email: Option<&Email>) -> Result<bool, ScimError> {
    let Some(email) = email else { return Ok(false) };
    let owner = store::domains::tenant_of(tx, email.domain()).await?;
    let proven = owner.as_ref() == Some(&caller.directory.tenant_id);
    if !proven && caller.directory.settings.proven_domains_only {
        let detail = format!(
            "{} is not among the proven domains of the tenant: add it to its domains, or set proven_domains_only: false",
            email.domain()
        );
        return Err(Fault::invalid_value(detail).into());
    }
    Ok(proven)
}

/// The user who has signed in over the directory's connection as what the record's `externalId` says. An address proves
/// nothing: whoever pushes can write any (ciso-assistant PR 4658).
async fn same_person(tx: &mut Tx, caller: &Caller, record: &DirectoryUser) -> Result<Option<User>, ScimError> {
    let Some((connection, subject)) = caller.directory.connection_id.as_deref().zip(record.external_id()) else {
        return Ok(None);
    };
    let Some(user_id) = directory_accounts::of_subject(&mut *tx, connection, subject).await? else { return Ok(None) };
    if directory_accounts::has_record(&mut *tx, &user_id, &record.directory_id).await? {
        return Err(Fault::uniqueness("another resource of this directory is the user that this externalId signs in as").into());
    }
    may_push(tx, &user_id).await?;
    Ok(users::find(tx, &user_id).await?.filter(|user| user.tenant_id == caller.directory.tenant_id))
}

/// That nobody else has signed in over the directory's connection as what `externalId` becomes: whoever has it first keeps
/// it. Else a record of one person would speak of another.
async fn refuse_others_id(tx: &mut Tx, caller: &Caller, record: &DirectoryUser, user_id: &str) -> Result<(), ScimError> {
    let Some((connection, subject)) = caller.directory.connection_id.as_deref().zip(record.external_id()) else {
        return Ok(());
    };
    match directory_accounts::is_anothers(&mut *tx, connection, subject, user_id).await? {
        true => Err(Fault::uniqueness("another user of the tenant signs in as this externalId").into()),
        false => Ok(()),
    }
}

/// That no other record of the directory has its `externalId`, where sign-ins are matched by that: of two, neither would be.
async fn refuse_twins(tx: &mut Tx, caller: &Caller, record: &DirectoryUser) -> Result<(), ScimError> {
    let counts = caller.directory.connection_id.is_some() && record.external_id().is_some();
    if counts && store::directory_users::has_twin(&mut *tx, record).await? {
        let detail = "another user of this directory has this externalId: map it to an id that no two people share";
        return Err(Fault::uniqueness(detail).into());
    }
    Ok(())
}

/// The same of the connection's other directories, where their record is not the same user's: of two that speak of one sign-in,
/// neither would count, and one would undo what the other has said.
async fn refuse_rivals(tx: &mut Tx, caller: &Caller, record: &DirectoryUser) -> Result<(), ScimError> {
    let connection = caller.directory.connection_id.as_deref().filter(|_| record.external_id().is_some());
    let Some(connection) = connection else { return Ok(()) };
    if store::directory_users::has_rival(&mut *tx, record, connection).await? {
        let detail = "another directory of this connection has this externalId for somebody else, or for nobody yet: let one \
                      directory speak of a person, or link them: gatehouse users link-directory";
        return Err(Fault::uniqueness(detail).into());
    }
    Ok(())
}

/// That the user is one whom directories may change at all.
async fn may_push(tx: &mut Tx, user_id: &str) -> Result<(), ScimError> {
    match users::find(&mut *tx, user_id).await? {
        Some(user) if !may_be_pushed(&user) => {
            Err(Fault::new(409, "this user administers the deployment: no directory adopts, changes or deactivates them").into())
        }
        _ => Ok(()),
    }
}

/// Whether the address is another now.
async fn readdress(
    tx: &mut Tx,
    record: &DirectoryUser,
    user_id: &str,
    email: &Email,
    proven: bool,
    now: i64,
) -> Result<bool, ScimError> {
    match profiles::readdress(tx, Source::Directory { proven }, user_id, email, now).await? {
        Readdressed::Theirs => Ok(false),
        Readdressed::Changed => Ok(true),
        Readdressed::Kept => {
            tracing::warn!(
                user = user_id,
                record = record.id,
                "the address of an administrator, of a file's user or of one whom an operator has shut out stays"
            );
            Ok(false)
        }
        Readdressed::Taken => {
            let detail = format!("{} is the address of another user of the tenant", email.as_str());
            Err(Fault::uniqueness(detail).into())
        }
    }
}

fn taken(email: &Email) -> ScimError {
    let detail = format!(
        "the tenant has a user with the address {} already; an administrator must link the two: gatehouse users link-directory",
        email.as_str()
    );
    Fault::uniqueness(detail).into()
}
