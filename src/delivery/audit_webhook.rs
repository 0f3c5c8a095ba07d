//! The audit log as it is sent to a webhook (<https://www.standardwebhooks.com>): in its order, a few entries at a time, each
//! batch until it has arrived. Where it stands is kept in the database, so that a restart goes on there, and of several nodes
//! one sends at a time. A batch that goes again is the same under the same id: who has seen it can leave it.
//!
//! A receiver that is away loses nothing that the log still keeps: it waits, and the pauses grow to an hour.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{Method, Request, header};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::pause::pause;
use crate::{
    app::App,
    chronicle::{Line, Tenants},
    config::AuditWebhook,
    metrics,
    moment::Moment,
    secret,
    store::{
        StoreError,
        audit::{self, Entry, Filter},
        audit_stream::{self, Stream},
    },
};

/// Most entries of a batch.
const ENTRIES: i64 = 100;
/// Most bytes of their texts; one entry goes however large it is.
const BYTES: usize = 256 * 1024;
/// Seconds for which a node has the stream: longer than an attempt may take.
const LEASE: i64 = 60;

/// Sends the log from this node.
pub struct Sender {
    app: App,
    node: String,
    /// Whether the receiver took the last batch; nothing before the first.
    up: Option<bool>,
    /// Whether the log was found cut off.
    cut: bool,
}

/// What came of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// Nothing waits, it is not due, or another node sends.
    Quiet,
    /// A batch has arrived.
    Arrived,
    /// It has not, and goes again later.
    Later,
    /// The log ends before what was sent of it: somebody has cut it off, or put an older one back.
    CutOff,
}

impl Sender {
    /// Does nothing yet.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self { app, node: secret::random_id(), up: None, cut: false }
    }

    /// Sends one batch, if one is to be sent and this node is the one to send it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn round(&mut self) -> Result<Round, StoreError> {
        let app = self.app.clone();
        let Some(webhook) = &app.settings.audit_webhook else { return Ok(Round::Quiet) };
        let now = app.clock.now();
        let (seq, last) = audit_stream::reach(&app.db).await?;
        metrics::audit_webhook_lag(last.saturating_sub(seq));
        if seq > last {
            return Ok(self.cut_off(seq, last));
        }
        self.cut = false;
        if seq == last {
            return Ok(Round::Quiet);
        }
        let Some(stream) = audit_stream::claim(&app.db, &self.node, now, now + LEASE).await? else { return Ok(Round::Quiet) };
        let entries = batch(&app, &stream).await?;
        let Some(upto) = entries.last().map(|entry| entry.seq) else {
            // What waited was too old to be kept.
            audit_stream::arrived(&app.db, &self.node, stream.upto.unwrap_or(last)).await?;
            return Ok(Round::Arrived);
        };
        if !audit_stream::begin(&app.db, &self.node, upto).await? {
            return Ok(Round::Quiet);
        }
        match send(&app, webhook, &entries).await {
            Ok(()) => {
                self.turned(true, "");
                metrics::delivery("audit_webhook", "arrived");
                audit_stream::arrived(&app.db, &self.node, upto).await?;
                metrics::audit_webhook_lag(last.saturating_sub(upto));
                Ok(Round::Arrived)
            }
            Err(cause) => {
                self.turned(false, &cause);
                metrics::delivery("audit_webhook", "later");
                let again = app.clock.now() + pause(stream.attempts + 1, secret::chance());
                audit_stream::later(&app.db, &self.node, again).await?;
                Ok(Round::Later)
            }
        }
    }

    /// Said once, and counted as long as it is so.
    fn cut_off(&mut self, sent: i64, last: i64) -> Round {
        metrics::delivery("audit_webhook", "cut_off");
        if !std::mem::replace(&mut self.cut, true) {
            let text = "the audit log ends before what its webhook has got: it was cut off, or an older state was put back";
            tracing::error!(sent, last, "{text}; compare with what the receiver has");
        }
        Round::CutOff
    }

    /// Said when it changes, not at every attempt.
    fn turned(&mut self, up: bool, cause: &str) {
        match (self.up.replace(up), up) {
            (Some(false), true) => tracing::info!("the webhook of the audit log takes entries again"),
            (was, false) if was != Some(false) => {
                tracing::warn!(cause, "the webhook of the audit log takes nothing; entries wait, and go in their order");
            }
            _ => {}
        }
    }
}

/// What goes next: the batch that was under way, or as much as there is room for.
async fn batch(app: &App, stream: &Stream) -> Result<Vec<Entry>, StoreError> {
    let mut entries = audit::following(&app.db, &Filter::default(), stream.seq, ENTRIES).await?;
    if let Some(upto) = stream.upto {
        entries.retain(|entry| entry.seq <= upto);
        return Ok(entries);
    }
    let mut bytes = 0;
    let room = entries.iter().take_while(|entry| {
        let first = bytes == 0;
        bytes += entry.changes.to_string().len() + 500;
        first || bytes <= BYTES
    });
    let room = room.count();
    entries.truncate(room);
    Ok(entries)
}

async fn send(app: &App, webhook: &AuditWebhook, entries: &[Entry]) -> Result<(), String> {
    let tenants = Tenants::read(&app.db).await.map_err(|e| e.to_string())?;
    let now = app.clock.now();
    let (first, last) = (entries.first().map_or(0, |entry| entry.seq), entries.last().map_or(0, |entry| entry.seq));
    let lines: Vec<Line<'_>> = entries.iter().map(|entry| Line::new(entry, &tenants)).collect();
    let body = json!({"type": "audit.entries", "timestamp": Moment(now).machine(), "data": {"entries": lines}}).to_string();
    let id = format!("audit_{first}_{last}");
    let request = Request::builder()
        .method(Method::POST)
        .uri(webhook.url.as_str())
        .header(header::CONTENT_TYPE, "application/json")
        .header("webhook-id", &id)
        .header("webhook-timestamp", now)
        .header("webhook-signature", signature(webhook.key.expose_secret(), &id, now, &body))
        .body(body.into_bytes())
        .map_err(|e| e.to_string())?;
    let answer = app.outbound.send("audit_webhook", request).await.map_err(|e| e.to_string())?;
    if answer.status().is_success() { Ok(()) } else { Err(format!("it answered {}", answer.status().as_u16())) }
}

/// `v1,` and the HMAC-SHA-256 of id, time and body; `key` is in base64.
#[must_use]
pub fn signature(key: &str, id: &str, at: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(key).unwrap_or_default());
    let mut mac = hmac::Context::with_key(&key);
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(body.as_bytes());
    format!("v1,{}", STANDARD.encode(mac.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // The example of the specification's reference libraries.
        let (key, id, at) = ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330);
        let signed = signature(key, id, at, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
