//! The application: everything a request needs, built by one function for `serve`, the demo and the tests alike.

use std::{borrow::Cow, ops::Deref, sync::Arc};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::{
    apply,
    clock::Clock,
    config::{DirectMetadata, DirectOidc, DirectProvider, DirectSettings, Mode, Settings},
    connector::{
        self, Connector, Deps,
        registry::{Registry, StoredConnection},
        saml::credentials::Credentials,
    },
    delivery::{
        Deliveries,
        mail::{MailError, Mailer},
    },
    dns::Dns,
    endpoint::forward::{ended::Ended, remembered::Decisions},
    expiry::Endings,
    grant::{Defaults, Grants},
    limit::Limits,
    outbound::{Outbound, OutboundError},
    password::{PasswordError, Passwords},
    policy::{cause::Cause, connection::Protocol},
    provider_metadata::Providers,
    saml_keys,
    seal::{SealError, Sealer},
    signing::{self, SigningError},
    store::{self, Db, StoreError, connections::Connection},
    token::{
        Invalid, Rules,
        issue::AccessClaims,
        jwks::{FLOOR, KeySets},
        ring::KeyRing,
        rotation::RotationPolicy,
        rules::AudienceRule,
        validator::Validator,
        verify,
    },
    trust::Trust,
};

/// Why the application cannot start.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum StartError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "the master key does not fit this database: it was made with another one. Give the key the database was made with \
         (GATEHOUSE_MASTER_KEY or master.key in the keys directory), or a fresh database"
    )]
    WrongMasterKey,
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error(transparent)]
    Signing(#[from] SigningError),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Mail(#[from] MailError),
    #[error("{0}")]
    Apply(String),
}

/// Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct App(Arc<Inner>);

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// What [`App`] holds.
pub struct Inner {
    /// The deployment's settings.
    pub settings: Settings,
    /// The time.
    pub clock: Clock,
    /// The database.
    pub db: Db,
    /// The master key.
    pub sealer: Arc<Sealer>,
    /// Our signing keys.
    pub ring: KeyRing,
    /// Our keys and certificates towards SAML providers.
    pub credentials: Credentials,
    /// Held while those are made.
    pub saml_keys: tokio::sync::Mutex<()>,
    /// Judges bearer tokens of our own.
    pub validator: Validator,
    /// Judges every bearer token, and says who its bearer is.
    pub trust: Trust,
    /// The way to other servers.
    pub outbound: Outbound,
    /// The way to name servers.
    pub dns: Dns,
    /// Wakes whoever sends mails and logout tokens.
    pub deliveries: Deliveries,
    /// The way to people's mailboxes.
    pub mailer: Mailer,
    /// What ends, as this node has last found it.
    pub endings: Endings,
    /// Forward auth's decisions, kept.
    pub decisions: Decisions,
    /// Browsers' sessions with sites that have ended.
    pub ended: Ended,
    /// Key sets of clients and providers.
    pub key_sets: KeySets,
    /// The SAML providers whose metadata is at a URL.
    pub providers: Providers,
    /// The gate before password hashing.
    pub passwords: Passwords,
    /// Who may ask how often, on this node.
    pub limits: Limits,
    registry: Registry,
    issuer: String,
    callback_url: String,
}

/// An ID token of ours that came back as a hint.
#[derive(Clone, Debug)]
pub struct IdTokenHint {
    /// Whom it was about.
    pub subject: String,
    /// Whom it was for.
    pub client_id: String,
}

impl App {
    /// Opens the database, brings it up to date, checks the master key, makes what signing keys are missing, and applies
    /// the declarative state that the settings name.
    ///
    /// # Errors
    /// The first thing that does not work.
    pub async fn new(settings: Settings, clock: Clock) -> Result<Self, StartError> {
        let app = Self::open(settings, clock).await?;
        app.apply_configured_state().await?;
        Ok(app)
    }

    /// The same on the state that there is.
    ///
    /// # Errors
    /// The first thing that does not work.
    pub async fn open(settings: Settings, clock: Clock) -> Result<Self, StartError> {
        let (db, sealer) = open_store(&settings).await?;
        let sealer = Arc::new(sealer);
        let now = clock.now();
        let policy = rotation_policy(&settings);
        if let Some(jwks) = &settings.jwks {
            signing::import(&db, &sealer, jwks.expose_secret(), &policy, now).await?;
        }
        signing::ensure(&db, &sealer, &policy, now).await?;
        let ring = KeyRing::default();
        signing::load(&db, &sealer, &ring, now).await?;

        let issuer = settings.issuer();
        let outbound = Outbound::new(settings.outbound_allow.clone())?;
        let key_sets = KeySets::new(Arc::new(outbound.clone()), 1_000, FLOOR);
        let credentials = Credentials::default();
        let providers = Providers::new(db.clone(), Arc::clone(&sealer), outbound.clone(), clock.clone());
        let validator = Validator::new(&issuer, ring.clone(), AudienceRule::Contains(vec![issuer.clone()]), settings.clock_skew);
        let own_host = settings.public_url.host_str().unwrap_or_default();
        let (keys, own) = (key_sets.clone(), validator.clone());
        let trust = Trust::new(db.clone(), clock.clone(), Arc::clone(&sealer), keys, outbound.clone(), own, own_host);
        let deps = Deps {
            issuer: issuer.clone(),
            outbound: outbound.clone(),
            key_sets: key_sets.clone(),
            ring: ring.clone(),
            credentials: credentials.clone(),
        };
        Ok(Self(Arc::new(Inner {
            validator,
            trust,
            outbound,
            dns: Dns::new(settings.dns_resolver),
            deliveries: Deliveries::default(),
            mailer: Mailer::new(settings.mail.as_ref(), own_host)?,
            endings: Endings::default(),
            decisions: Decisions::default(),
            ended: Ended::default(),
            key_sets,
            providers,
            passwords: Passwords::new()?,
            limits: Limits::new(settings.sign_in_rate, settings.scim_rate, clock.clone()),
            registry: Registry::new(deps),
            callback_url: format!("{issuer}/oauth2/callback"),
            issuer,
            ring,
            credentials,
            saml_keys: tokio::sync::Mutex::default(),
            sealer,
            db,
            clock,
            settings,
        })))
    }

    async fn apply_configured_state(&self) -> Result<(), StartError> {
        if let Mode::Direct(direct) = &self.settings.mode {
            self.apply(&direct_state(direct), "the settings of direct mode", &|_| None).await?;
        }
        if let Some(path) = &self.settings.apply {
            let origin = path.display().to_string();
            let text = tokio::fs::read_to_string(path).await;
            let text = text.map_err(|e| StartError::Apply(format!("GATEHOUSE_APPLY: {origin} cannot be read: {e}")))?;
            self.apply(&text, &origin, &|name| std::env::var(name).ok()).await?;
        }
        Ok(())
    }

    /// Makes the database agree with a declarative text; `origin` names it in problems, `env` looks up `${NAME}`.
    ///
    /// # Errors
    /// Every problem there is; then nothing was changed.
    pub async fn apply(&self, text: &str, origin: &str, env: &(dyn Fn(&str) -> Option<String> + Sync)) -> Result<(), StartError> {
        let hashing =
            apply::Hashing { hash: |password| crate::password::hash_now(password).ok(), verify: crate::password::verify_now };
        let file = apply::File { text, origin, env };
        let plan = apply::run(&self.db, &self.sealer, hashing, file, apply::Options::default(), self.clock.now()).await;
        let plan =
            plan.map_err(|problems| StartError::Apply(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
        if plan.changes() > 0 {
            tracing::info!(origin, changes = plan.changes(), "declarative state applied");
        }
        Ok(())
    }
}

/// Direct mode as declarative state: its settings are one more file for [`apply`], so nothing is set up by a second way.
fn direct_state(direct: &DirectSettings) -> String {
    let callback = direct.return_url.join("/auth/callback").unwrap_or_else(|_| direct.return_url.clone());
    let mut connection = json!({ "name": "direct", "email_trust": direct.email_trust.as_str() });
    if let Some(fields) = connection.as_object_mut() {
        fields.extend(direct.email_claim.as_ref().map(|name| ("email_claim".to_owned(), json!(name))));
        let (protocol, part) = match &direct.provider {
            DirectProvider::Oidc(oidc) => ("oidc", direct_oidc(oidc)),
            DirectProvider::Saml(DirectMetadata::Url(url)) => ("saml", json!({ "metadata_url": url, "offer_encryption": false })),
            DirectProvider::Saml(DirectMetadata::Document(xml)) => {
                ("saml", json!({ "metadata_xml": xml, "offer_encryption": false }))
            }
        };
        fields.insert("protocol".to_owned(), json!(protocol));
        fields.insert(protocol.to_owned(), part);
        if protocol == "saml" {
            fields.insert("preset".to_owned(), json!("custom"));
        }
    }
    let tenant = json!({
        "name": direct.tenant,
        "display_name": direct.tenant,
        "domains": direct.domains,
        "provisioning": "jit",
        "password_login": false,
        "connections": [connection],
        "clients": [{
            "client_id": "control-plane",
            "name": "Control plane",
            "redirect_uris": [callback],
            "token_endpoint_auth_method": "none",
            "trusted": true,
        }],
    });
    // A setting is meant as it stands: nothing in it names an environment variable.
    json!({ "tenants": [tenant] }).to_string().replace("${", "$${")
}

fn direct_oidc(direct: &DirectOidc) -> Value {
    let mut oidc = json!({
        "issuer": direct.issuer,
        "client_id": direct.client_id,
        "scopes": direct.scopes,
        "token_endpoint_auth_method": direct.client_auth,
    });
    if let (Some(secret), Some(object)) = (&direct.client_secret, oidc.as_object_mut()) {
        object.insert("client_secret".into(), secret.expose_secret().into());
    }
    oidc
}

/// Opens the database, brings it up to date, and makes sure that the master key is the one it was made with.
///
/// # Errors
/// The first thing that does not work.
pub async fn open_store(settings: &Settings) -> Result<(Db, Sealer), StartError> {
    let sealer = open_sealer(settings)?;
    let db = Db::connect(&settings.database_url).await?;
    db.migrate().await?;
    store::meta::check_master_key(&db, &sealer).await.map_err(|e| match e {
        StoreError::Sealed(..) => StartError::WrongMasterKey,
        e => e.into(),
    })?;
    Ok((db, sealer))
}

/// The master key from the settings, or from the keys directory, where it is made when missing.
///
/// # Errors
/// When it is malformed or the directory is unusable.
pub fn open_sealer(settings: &Settings) -> Result<Sealer, SealError> {
    match &settings.master_key {
        Some(key) => Sealer::from_base64(key.expose_secret()),
        None => Sealer::from_dir(&settings.keys_dir),
    }
}

/// How signing keys follow each other in this deployment.
#[must_use]
pub fn rotation_policy(settings: &Settings) -> RotationPolicy {
    let longest = settings.refresh_token_absolute_lifetime.max(settings.access_token_lifetime);
    RotationPolicy { max_age: settings.key_max_age, lead: signing::PUBLISH_LEAD, retire_after: longest + settings.clock_skew }
}

impl Inner {
    /// Our issuer: the configured public URL, whatever a request's headers say.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The callback URL of a connection: the one that all share, unless the connection has its own.
    #[must_use]
    pub fn callback_url(&self, tenant: &str, connection: &Connection) -> Cow<'_, str> {
        match connection.settings.own_callback {
            true => Cow::Owned(format!("{}/{tenant}/{}", self.callback_url, connection.name)),
            false => Cow::Borrowed(&self.callback_url),
        }
    }

    /// What grants stand on, now.
    #[must_use]
    pub fn grants(&self) -> Grants<'_> {
        let s = &self.settings;
        Grants {
            db: &self.db,
            ring: &self.ring,
            issuer: &self.issuer,
            defaults: Defaults {
                access_token_alg: s.access_token_alg,
                id_token_alg: s.id_token_alg,
                access_token_lifetime: s.access_token_lifetime,
                refresh_token_lifetime: s.refresh_token_lifetime,
                refresh_token_absolute: s.refresh_token_absolute_lifetime,
            },
            leeway: s.clock_skew,
            now: self.clock.now(),
        }
    }

    /// The opened connector of a connection of the tenant called `tenant`.
    ///
    /// # Errors
    /// When its settings cannot work, its secret does not open, or its provider's metadata cannot be had.
    pub async fn connector(&self, tenant: &str, connection: &Connection) -> Result<Arc<dyn Connector>, connector::Error> {
        if connection.protocol == Protocol::Saml {
            let ready = saml_keys::ready(self).await;
            ready.map_err(|e| connector::Error::Misconfigured(Cause::OwnFault.with(format!("our SAML keys: {e}"))))?;
        }
        let context = Connection::secret_context(&connection.id);
        let secret = connection.secret_sealed.as_deref().map(|sealed| self.sealer.open_text(&context, sealed)).transpose();
        let secret =
            secret.map_err(|e| connector::Error::Misconfigured(Cause::OwnFault.with(format!("its client secret: {e}"))))?;
        let provider = self.providers.current(tenant, connection).await?;
        let stored = StoredConnection {
            id: &connection.id,
            version: connection.version,
            protocol: connection.protocol,
            settings: &connection.settings,
            secret: secret.map(SecretString::from),
            tenant,
            name: &connection.name,
            provider,
        };
        self.registry.get(stored).await
    }

    /// Judges an access token of ours for whatever audience: for those who ask *about* a token, not with it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn own_access_token(&self, token: &str) -> Result<AccessClaims, Invalid> {
        let rules = Rules::own_access(&self.issuer, AudienceRule::Any, self.settings.clock_skew);
        verify(token, &self.ring, &rules, self.clock.now()).await?.read()
    }

    /// Reads an `id_token_hint`: an ID token of ours, also an expired one.
    pub async fn id_token_hint(&self, hint: &str) -> Option<IdTokenHint> {
        let rules = Rules::own_id_token_hint(&self.issuer, self.settings.clock_skew);
        let claims = verify(hint, &self.ring, &rules, self.clock.now()).await;
        let claims = claims.inspect_err(|e| tracing::info!(detail = e.detail(), "id_token_hint refused")).ok()?;
        Some(IdTokenHint { subject: claims.text("sub")?.to_owned(), client_id: claims.text("azp")?.to_owned() })
    }
}
