//! Mail: hands letters to the relay that the settings name, or keeps them where the demo shows them.

use std::{
    error::Error as _,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, UNIX_EPOCH},
};

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
        extension::ClientId,
    },
};
use secrecy::ExposeSecret as _;
use tokio::sync::Notify;

use super::{
    Outcome,
    letter::{Invitation, Letter},
};
use crate::{
    app::App,
    config::{MailSettings, Relay, Security},
    secret,
    store::{self, StoreError, deliveries::Delivery, invites::State},
};

/// How long the relay may take for each answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why a mail did not go.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The settings cannot work.
    #[error("{0}")]
    Settings(String),
    /// No mail is sent here.
    #[error("no relay is set: give GATEHOUSE_SMTP_URL and GATEHOUSE_MAIL_FROM")]
    NoRelay,
    /// The address or a text cannot stand in a mail.
    #[error("the mail cannot be made: {0}")]
    Unsendable(String),
    /// The relay will not take this mail, now or later.
    #[error("the relay refuses the mail: {0}")]
    Refused(String),
    /// The relay is away, or has another reason that may pass.
    #[error("the relay did not take the mail: {0}")]
    Later(String),
}

impl MailError {
    /// Whether trying again could help.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Later(_) | Self::NoRelay)
    }
}

/// Letters that go nowhere: a development mailbox. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Kept(Arc<Stack>);

#[derive(Debug, Default)]
struct Stack {
    letters: Mutex<Vec<Letter>>,
    arrived: Notify,
}

impl Kept {
    /// The newest first.
    #[must_use]
    pub fn letters(&self) -> Vec<Letter> {
        self.0.letters.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }

    /// Ends when one comes after this call.
    pub fn next(&self) -> impl Future<Output = ()> + Send + '_ {
        self.0.arrived.notified()
    }

    fn keep(&self, letter: &Letter) {
        let mut letters = self.0.letters.lock().unwrap_or_else(PoisonError::into_inner);
        letters.push(letter.clone());
        let surplus = letters.len().saturating_sub(100);
        letters.drain(..surplus);
        self.0.arrived.notify_waiters();
    }
}

/// The way to people's mailboxes.
#[derive(Debug)]
pub struct Mailer(Option<Way>);

#[derive(Debug)]
struct Way {
    from: Mailbox,
    /// The host in the ids of our mails, and in our greeting.
    host: String,
    to: To,
}

#[derive(Debug)]
enum To {
    Relay(AsyncSmtpTransport<Tokio1Executor>),
    Kept(Kept),
}

impl Mailer {
    /// As the settings say; `host` is our own name.
    ///
    /// # Errors
    /// When they cannot work.
    pub fn new(settings: Option<&MailSettings>, host: &str) -> Result<Self, MailError> {
        let Some(settings) = settings else { return Ok(Self(None)) };
        let from = sender(&settings.from).map_err(MailError::Settings)?;
        let to = match &settings.relay {
            Relay::Kept(kept) => To::Kept(kept.clone()),
            Relay::Smtp { .. } => To::Relay(relay(&settings.relay, host)?),
        };
        Ok(Self(Some(Way { from, host: host.to_owned(), to })))
    }

    /// Sends a letter at `now` (unix seconds).
    ///
    /// # Errors
    /// Why it did not go.
    pub async fn send(&self, letter: &Letter, now: i64) -> Result<(), MailError> {
        let way = self.0.as_ref().ok_or(MailError::NoRelay)?;
        let message = way.message(letter, now)?;
        match &way.to {
            To::Kept(kept) => kept.keep(letter),
            To::Relay(relay) => drop(relay.send(message).await.map_err(|e| failure(&e))?),
        }
        Ok(())
    }
}

impl Way {
    /// Every header is made by lettre's types, which let no text out of its line.
    fn message(&self, letter: &Letter, now: i64) -> Result<Message, MailError> {
        let unsendable = |e: &dyn std::fmt::Display| MailError::Unsendable(e.to_string());
        let to: Address = letter.to.parse().map_err(|e: lettre::address::AddressError| unsendable(&e))?;
        let date = UNIX_EPOCH + Duration::from_secs(u64::try_from(now).unwrap_or_default());
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(letter.subject.clone())
            .date(date)
            .message_id(Some(format!("<{}@{}>", secret::random_id(), self.host)))
            .multipart(MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone()))
            .map_err(|e| unsendable(&e))?;
        // No out-of-office note answers it (RFC 3834).
        let name = HeaderName::new_from_ascii_str("Auto-Submitted");
        message.headers_mut().insert_raw(HeaderValue::new(name, "auto-generated".to_owned()));
        Ok(message)
    }
}

/// Who mails are from: `sso@example.com`, or `Acme <sso@example.com>`.
///
/// # Errors
/// Says what is wrong with it.
pub fn sender(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|e| format!("{text:?} is not a mail address ({e}); write it like Acme <sso@example.com>"))
}

/// The relay of the settings, not asked yet.
///
/// # Errors
/// When its certificate authority cannot be read.
pub fn relay(relay: &Relay, host: &str) -> Result<AsyncSmtpTransport<Tokio1Executor>, MailError> {
    let Relay::Smtp { host: server, port, security, login, ca } = relay else { return Err(MailError::NoRelay) };
    let settings = |e: &dyn std::fmt::Display| MailError::Settings(e.to_string());
    let mut tls = TlsParameters::builder(server.clone());
    if let Some(path) = ca {
        let pem = std::fs::read(path).map_err(|e| settings(&format!("ca: {} cannot be read: {e}", path.display())))?;
        tls = tls.add_root_certificate(Certificate::from_pem(&pem).map_err(|e| settings(&e))?);
    }
    let tls = match security {
        Security::None => Tls::None,
        Security::StartTls => Tls::Required(tls.build().map_err(|e| settings(&e))?),
        Security::Implicit => Tls::Wrapper(tls.build().map_err(|e| settings(&e))?),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.as_str())
        .port(*port)
        .tls(tls)
        .hello_name(ClientId::Domain(host.to_owned()))
        .timeout(Some(PATIENCE));
    if let Some((name, password)) = login {
        builder = builder.credentials(Credentials::new(name.clone(), password.expose_secret().to_owned()));
    }
    Ok(builder.build())
}

/// Whether the relay answers, and takes the name and password. No mail is sent.
///
/// # Errors
/// Why not.
pub async fn probe(settings: &MailSettings, host: &str) -> Result<(), MailError> {
    let way = relay(&settings.relay, host)?;
    let Relay::Smtp { host: server, port, .. } = &settings.relay else { return Err(MailError::NoRelay) };
    let why = match way.test_connection().await {
        Ok(true) => return Ok(()),
        Ok(false) => "greets and then answers no more: look into its log".to_owned(),
        Err(e) => diagnosis(&e, server),
    };
    Err(MailError::Settings(format!("{server}:{port} {why}")))
}

/// What keeps a relay from being used, and what an operator can do about it.
fn diagnosis(e: &lettre::transport::smtp::Error, server: &str) -> String {
    match e.status().map(u16::from) {
        Some(530 | 534 | 535 | 538) => {
            return format!("does not take the user name and password ({e}): give those that it knows, percent-encoded");
        }
        Some(_) => return format!("does not want to speak with us ({e}): let it know this machine, or ask who runs it"),
        None => {}
    }
    if io_error(e).is_some_and(|io| io.kind() == io::ErrorKind::InvalidData) {
        return format!(
            "does not speak TLS as it should ({e}): its certificate must be for {server} and of an authority that this machine \
             knows, or the one that ?ca=FILE.pem names; smtps:// is for TLS from the first byte, smtp:// for STARTTLS"
        );
    }
    if e.is_client() {
        return format!(
            "cannot be used ({e}): without STARTTLS, use smtps:// and its port, or, for a relay on this machine, ?tls=none; \
             where it asks for no password, give none"
        );
    }
    format!("cannot be reached ({e}): look at host and port, and at what stands between")
}

/// What the relay says of the recipient or the mail itself stays so; everything else, a refused log-in too, an operator may
/// mend while the mail waits.
fn failure(e: &lettre::transport::smtp::Error) -> MailError {
    let lasting = e.status().is_some_and(|code| (550..=554).contains(&u16::from(code)));
    if lasting { MailError::Refused(e.to_string()) } else { MailError::Later(e.to_string()) }
}

fn io_error(e: &lettre::transport::smtp::Error) -> Option<&io::Error> {
    let mut source = e.source();
    while let Some(e) = source {
        if let Some(io) = e.downcast_ref() {
            return Some(io);
        }
        source = e.source();
    }
    None
}

/// Sends the mail of a delivery. An invite that was revoked, accepted or sent again meanwhile is sent to nobody.
pub async fn deliver(app: &App, delivery: &Delivery) -> Outcome {
    match try_to(app, delivery).await {
        Ok(outcome) => outcome,
        Err(e) if e.may_pass() => Outcome::Away(e.to_string()),
        Err(e) => Outcome::Refused(e.to_string()),
    }
}

async fn try_to(app: &App, delivery: &Delivery) -> Result<Outcome, MailError> {
    let stored = |e: StoreError| MailError::Later(e.to_string());
    let invitation: Invitation = delivery.payload(&app.sealer).map_err(|e| MailError::Unsendable(e.to_string()))?;
    let now = app.clock.now();
    let invite = store::invites::by_link(&app.db, &invitation.token_hash).await.map_err(stored)?;
    if !invite.is_some_and(|invite| invite.state(now) == State::Open) {
        return Ok(Outcome::Moot("the invite is not open, or has a newer link"));
    }
    let letter = invitation.letter().map_err(|e| MailError::Unsendable(e.to_string()))?;
    app.mailer.send(&letter, now).await?;
    store::invites::note_sent(&app.db, &invitation.token_hash, now).await.map_err(stored)?;
    Ok(Outcome::Arrived)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way() -> Way {
        let from = sender("Acme <sso@acme.example>").unwrap();
        Way { from, host: "sso.acme.example".into(), to: To::Kept(Kept::default()) }
    }

    fn letter(to: &str, subject: &str) -> Letter {
        Letter { to: to.into(), subject: subject.into(), text: "text\n.\ntext".into(), html: "<p>text".into() }
    }

    #[test]
    fn no_text_leaves_its_header() {
        let message = way().message(&letter("ada@acme.example", "Hello\r\nBcc: eve@evil.example\r\n\r\nbody"), 1_800_000_000);
        let raw = String::from_utf8(message.unwrap().formatted()).unwrap();
        let (head, _) = raw.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc")), "{head}");
        for line in
            ["From: Acme <sso@acme.example>", "To: ada@acme.example", "Auto-Submitted: auto-generated", "Date: Fri, 15 Jan 2027"]
        {
            assert!(head.contains(line), "{line}\n{head}");
        }
        assert!(head.contains("@sso.acme.example>"), "{head}");
    }

    #[test]
    fn what_is_no_address_is_sent_nowhere() {
        for to in
            ["", "a b@c.example", "a@b.example\r\nRCPT TO:<eve@evil.example>", "a@b.example,eve@evil.example", "<a@b.example>"]
        {
            let refused = way().message(&letter(to, "x"), 0);
            assert!(matches!(refused, Err(MailError::Unsendable(_))), "{to}");
        }
        for from in ["nobody", "a@b\r\nBcc: c@d.example", ""] {
            assert!(sender(from).is_err(), "{from}");
        }
    }

    #[tokio::test]
    async fn without_a_relay_a_mail_waits() {
        let error = Mailer::new(None, "h").unwrap().send(&letter("a@b.example", "x"), 0).await.unwrap_err();
        assert!(error.may_pass() && error.to_string().contains("GATEHOUSE_SMTP_URL"), "{error}");
    }
}
