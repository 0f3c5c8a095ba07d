//! One thing of a tenant at a time, for pages and the admin API: the same readers and the same work as a file, so that none
//! of the three can disagree with another.
//!
//! A body is one thing as the file would spell it, in JSON (`noun` names it, `literal` makes it a tree whose places are
//! paths). It is literal: no variables and no files, since whoever administers a tenant is not who runs the server. Secrets
//! and switches that it leaves out stay (`kept`). `show` gives what [`put`] takes, without secrets; `list` many, in short;
//! `draft` reads what is still being typed.
//!
//! Everything happens in the caller's transaction, its entries in the audit log too. To ask before something is lost, show the
//! plan of [`lost()`].

mod ahead;
mod collaborators;
mod draft;
mod judge;
mod kept;
mod led;
mod list;
mod literal;
mod members;
mod noun;
mod show;
mod spelling;
mod version;

use serde::Serialize;
use serde_json::{Map, Value};

pub use ahead::{Ahead, Reading, password, read as read_ahead};
pub use collaborators::{give, take};
pub use draft::{Draft, draft};
pub use judge::{PART, long};
pub use list::{Ask, Part, list, provider, states};
pub use members::{join, leave};
pub use noun::{Noun, resource_parts};
pub use show::{outline, print, show};
pub use version::version;

use self::{
    led::{Led, led_still},
    literal::Literal,
};
use super::{
    execute::Work,
    losses::lost_with_tenant,
    passwords::Hashed,
    plan::Plan,
    read,
    reader::Context,
    rivals,
    sso::{Said, WaysIn},
    trail,
};
use crate::{
    seal::Sealer,
    store::{
        On, StoreError,
        audit::Actor,
        db::Tx,
        group_rules, own_teams, teams,
        tenants::{self, Tenant},
        users,
    },
};
pub(super) use show::Found;

/// On whose behalf something is changed, and how far that reaches.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// Seals what is stored.
    pub sealer: &'a Sealer,
    /// What was done of it already; a password that nobody has hashed is not set.
    pub ahead: Option<&'a Ahead>,
    /// Who, for receipts and the audit log.
    pub actor: &'a Actor,
    /// Whether they administer the deployment, not only the tenant.
    pub platform: bool,
    /// Also when it leaves the tenant without an active administrator, or them or everybody without a way to sign in.
    pub force: bool,
    /// Unix seconds.
    pub now: i64,
}

/// What must be there before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expect {
    /// It is made, or changed.
    #[default]
    Any,
    /// Nothing of this name.
    New,
    /// A thing of this name.
    There,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The field: `oidc.issuer`, `redirect_uris[1]`; empty for the whole.
    pub path: String,
    /// What is wrong, and what to do.
    pub text: String,
}

impl Fault {
    pub(super) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }
}

/// Why nothing was changed; the transaction is to be dropped.
#[derive(Debug)]
pub enum Refusal {
    /// These fields are wrong.
    Faults(Vec<Fault>),
    /// There is one of this name.
    Exists,
    /// There is none of this name.
    Missing,
    /// Not by them.
    Forbidden(&'static str),
    /// Not as things are.
    Conflict(&'static str),
    /// Not without [`Order::force`].
    LastAdministrator,
    /// Not without [`Order::force`].
    LastWayIn,
    /// Not without [`Order::force`].
    LockedOut,
    /// The database.
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

/// Makes one thing of the tenant what `body` says; `name` is what it is called ([`Noun::name_in`]), or nothing when the body
/// alone says that. The first line of the plan is its own, unless groups of a directory became something else before.
///
/// # Errors
/// Why not.
pub async fn put(
    tx: &mut Tx,
    order: &Order<'_>,
    tenant: &Tenant,
    noun: Noun,
    name: Option<&str>,
    body: &Value,
    expect: Expect,
) -> Result<Plan, Refusal> {
    hold(tx, tenant, noun).await?;
    let (old, fields, stays) = saying(&mut On::from(&mut *tx), order, tenant, noun, name, body, expect).await?;
    let anew;
    let reading = match order.ahead.and_then(|ahead| ahead.reading.as_ref()).filter(|it| it.is_of(&fields, stays)) {
        Some(reading) => reading,
        None => {
            anew = Reading::new(tenant, noun, fields, stays);
            &anew
        }
    };
    let (file, literal) = reading.sound()?;
    judge::administering(order, old.as_ref(), file)?;
    rivals::judge(tx, order, tenant, old.as_ref(), file).await?;
    let password = order.ahead.and_then(|ahead| ahead.password.as_deref());
    let hashed: Vec<Hashed> = file.users.iter().filter_map(|user| Hashed::given(tenant, user, password)).collect();

    let led = Led::of(tx, order.sealer, tenant).await?;
    let mut work = Work::new(&mut *tx, order.sealer, None, "", order.actor, order.now);
    work.single = true;
    work.plan.tenant_id = Some(tenant.id.clone());
    if led.tenant {
        work.administered.push(tenant.id.clone());
    }
    match (noun, &old) {
        (Noun::Tenant, _) => drop(work.tenant(file).await?),
        (_, Some(Found::Directory(old))) => {
            for named in &file.directories {
                work.new_rules(tenant, old.clone(), named).await?;
            }
        }
        _ => {}
    }
    let said = if noun == Noun::Tenant { Said::by(file) } else { Said::default() };
    if noun != Noun::Tenant {
        work.things(tenant, file, &hashed).await?;
        for client in &file.clients {
            work.landings(tenant, client).await?;
        }
    }
    // Of other tenants only those learn who administer them all.
    if order.platform && matches!(noun, Noun::TrustedIssuers | Noun::Connections) {
        work.rivals(Some(tenant)).await?;
    }
    work.ways_in(tenant, led.ways_in, said).await?;
    let (plan, problems) = work.into_parts();
    literal.judge(problems)?;
    led_still(tx, order, tenant, led).await?;
    trail::note(tx, order.sealer, order.actor, &plan, order.now);
    Ok(plan)
}

/// What a body says of the thing as it stands, with what it leaves out and stays.
async fn saying(
    on: &mut On<'_>,
    order: &Order<'_>,
    tenant: &Tenant,
    noun: Noun,
    name: Option<&str>,
    body: &Value,
    expect: Expect,
) -> Result<(Option<Found>, Map<String, Value>, Option<&'static str>), Refusal> {
    let mut fields = judge::fields(noun, body)?;
    let named = match name {
        Some(name) => show::find(&mut *on, tenant, noun, name).await?,
        None => None,
    };
    let old = match (name, named) {
        (Some(name), old) => {
            judge::name(noun, name, old.as_ref(), &mut fields)?;
            old
        }
        (None, _) => match noun.name_in(&fields) {
            Some(name) => show::find(&mut *on, tenant, noun, &name).await?,
            None => None,
        },
    };
    match expect {
        Expect::New if old.is_some() => return Err(Refusal::Exists),
        Expect::There if old.is_none() => return Err(Refusal::Missing),
        _ => {}
    }
    judge::reach(on, order, tenant, noun, old.as_ref(), &fields).await?;
    let stays = kept::fill(on, order, old.as_ref(), &mut fields).await?;
    Ok((old, fields, stays))
}

/// Makes a new tenant of `body`, which names nothing that it owns.
///
/// # Errors
/// Why not.
pub async fn establish(tx: &mut Tx, order: &Order<'_>, body: &Value) -> Result<Plan, Refusal> {
    if !order.platform {
        return Err(Refusal::Forbidden(judge::PLATFORM));
    }
    tenants::lock(tx).await?;
    let literal = Literal::new(judge::fields(Noun::Tenant, body)?, None);
    let context = Context::literal("");
    let file = read::tenant(&context, &literal.node);
    literal.judge(context.into_problems())?;
    let Some(file) = file else { return Err(Refusal::Missing) };
    if tenants::find_by_name(&mut *tx, &file.name).await?.is_some() {
        return Err(Refusal::Exists);
    }
    let mut work = Work::new(&mut *tx, order.sealer, None, "", order.actor, order.now);
    work.single = true;
    let made = work.tenant(&file).await?;
    work.ways_in(&made, WaysIn::default(), Said::by(&file)).await?;
    let (plan, problems) = work.into_parts();
    literal.judge(problems)?;
    trail::note(tx, order.sealer, order.actor, &plan, order.now);
    Ok(plan)
}

/// Deletes one thing of the tenant, with what it owns. The plan's line says what is lost.
///
/// # Errors
/// Why not.
pub async fn remove(tx: &mut Tx, order: &Order<'_>, tenant: &Tenant, noun: Noun, name: &str) -> Result<Plan, Refusal> {
    hold(tx, tenant, noun).await?;
    let Some(found) = show::find(&mut *tx, tenant, noun, name).await? else { return Err(Refusal::Missing) };
    let led = Led::of(tx, order.sealer, tenant).await?;
    let mut work = Work::new(&mut *tx, order.sealer, None, "", order.actor, order.now);
    goes(&mut work, order, tenant, noun, &found).await?;
    if noun != Noun::Tenant {
        work.ways_in(tenant, led.ways_in, Said::default()).await?;
    }
    let (plan, _) = work.into_parts();
    // Of a tenant that is gone nobody asks who administers it; of the deployment they do.
    let led = Led { tenant: led.tenant && noun != Noun::Tenant, ..led };
    led_still(tx, order, tenant, led).await?;
    trail::note(tx, order.sealer, order.actor, &plan, order.now);
    Ok(plan)
}

/// What [`remove`] would take, and whether it would be refused: read in a transaction that only reads, so that nobody who is
/// asked first keeps others from writing.
///
/// # Errors
/// Why not.
pub async fn lost(tx: &mut Tx, order: &Order<'_>, tenant: &Tenant, noun: Noun, name: &str) -> Result<Plan, Refusal> {
    let Some(found) = show::find(&mut *tx, tenant, noun, name).await? else { return Err(Refusal::Missing) };
    let was = Led::of(tx, order.sealer, tenant).await?;
    let mut work = Work::new(&mut *tx, order.sealer, None, "", order.actor, order.now);
    work.looks = true;
    goes(&mut work, order, tenant, noun, &found).await?;
    let (plan, _) = work.into_parts();
    let is = match &found {
        Found::User(x) => {
            let (tenant, deployment) = users::led_without(&mut *tx, &tenant.id, &x.id).await?;
            Led { tenant, deployment, ..was }
        }
        Found::Connection(x) => Led { ways_in: WaysIn::without(tx, order.sealer, &tenant.id, Some(&x.id)).await?, ..was },
        Found::Tenant(x) => Led { deployment: !users::is_governed_from(&mut *tx, &x.id).await?, ..was },
        _ => was,
    };
    was.becomes(is, order)?;
    Ok(plan)
}

/// What goes with a thing, and the thing, unless the work only looks.
async fn goes(work: &mut Work<'_>, order: &Order<'_>, tenant: &Tenant, noun: Noun, found: &Found) -> Result<(), Refusal> {
    judge::reach(&mut On::from(&mut *work.tx), order, tenant, noun, Some(found), &Map::new()).await?;
    work.single = true;
    work.plan.tenant_id = Some(tenant.id.clone());
    work.prune = true;
    match found {
        Found::Tenant(_) if !order.platform => return Err(Refusal::Forbidden(judge::PLATFORM)),
        Found::Tenant(x) => work.tenant_goes(x).await?,
        Found::Connection(x) => work.connection_goes(tenant, x).await?,
        Found::Client(x) => work.client_goes(tenant, x).await?,
        Found::User(x) => work.user_goes(tenant, x).await?,
        Found::Team(x) => {
            if !work.looks {
                own_teams::hold(work.tx, x).await?;
            }
            // What a rename has left is nobody's but theirs who gave it something.
            let is_needed = teams::pushed(&mut *work.tx, &tenant.id).await?.contains(&x.id);
            if is_needed && !group_rules::is_left(&mut *work.tx, x).await? {
                let text =
                    "the team is that of a group of a directory: change the directory's group_rules, or the group at its source";
                return Err(Refusal::Conflict(text));
            }
            work.team_goes(tenant, x).await?;
        }
        Found::Directory(x) => work.directory_goes(tenant, x).await?,
        Found::ServiceToken(x) => work.service_token_goes(tenant, x).await?,
        Found::Issuer(x) => work.issuer_goes(tenant, x).await?,
        Found::Principal(x) => work.principal_goes(tenant, x).await?,
        Found::Resource(x) => work.resource_goes(tenant, x).await?,
        Found::Site(x) => work.site_goes(tenant, x).await?,
    }
    Ok(())
}

/// What the deletion of a tenant would take with it, in words: counted by whoever only asks, who keeps nobody from writing and
/// writes nothing.
///
/// # Errors
/// Why it would be refused.
pub async fn at_stake(on: impl Into<On<'_>>, order: &Order<'_>, tenant: &Tenant) -> Result<Vec<String>, Refusal> {
    if !order.platform {
        return Err(Refusal::Forbidden(judge::PLATFORM));
    }
    let mut on = on.into();
    if !order.force && users::is_governed_from(&mut on, &tenant.id).await? {
        return Err(Refusal::LastAdministrator);
    }
    Ok(lost_with_tenant(on, &tenant.id, order.now).await?.told())
}

/// Has others wait who change things at the same time, and where it is about people, those who shut administrators out.
async fn hold(tx: &mut Tx, tenant: &Tenant, noun: Noun) -> Result<(), StoreError> {
    tenants::lock(tx).await?;
    match noun {
        Noun::Users | Noun::Tenant => users::hold_administrators(tx, &tenant.id).await,
        _ => Ok(()),
    }
}

/// Which fields readers take of a body, by the path of what they read.
#[cfg(test)]
pub fn spoken(noun: Noun, body: &Value) -> Vec<(String, Vec<&'static str>)> {
    let literal = Literal::new(body.as_object().cloned().unwrap_or_default(), None);
    let context = Context::literal("");
    let tenant = Tenant {
        id: String::new(),
        name: "acme".to_owned(),
        display_name: String::new(),
        provisioning: crate::policy::identity::Provisioning::Jit,
        enabled: true,
        password_login: true,
        require_sso: false,
        access_token_lifetime: None,
        refresh_token_lifetime: None,
        created_at: 0,
    };
    let _ = read::one(&context, &tenant, noun, &literal.node);
    context.spoken.into_inner().into_iter().map(|(at, names)| (literal.path(at.line), names)).collect()
}
