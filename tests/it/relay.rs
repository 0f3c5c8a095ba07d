//! A mail relay that lives in the test: it speaks SMTP as one does, with or without TLS and a password, and keeps what it
//! was given.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// What it was given.
#[derive(Clone, Debug, Default)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    pub raw: String,
    pub login: Option<String>,
    pub secret: bool,
}

impl Mail {
    /// The link in it.
    pub fn link(&self) -> String {
        let plain = self.raw.replace("=\r\n", "").replace("=3D", "=");
        let at = plain.find("/login/invite/").unwrap_or_else(|| panic!("no link in {plain}"));
        let begin = plain[..at].rfind("http").unwrap();
        plain[begin..].split_ascii_whitespace().next().unwrap().to_owned()
    }
}

#[derive(Clone, Default)]
pub struct Knobs {
    /// Offers STARTTLS.
    pub tls: bool,
    /// Asks for this name and password.
    pub login: Option<(&'static str, &'static str)>,
    /// Says this to whoever is written to.
    pub to: Option<&'static str>,
    /// Only to addresses with this in them.
    pub of: &'static str,
    /// Greets with this.
    pub greeting: Option<&'static str>,
}

#[derive(Clone)]
pub struct Relay {
    pub port: u16,
    pub ca: PathBuf,
    knobs: Arc<Mutex<Knobs>>,
    mails: Arc<Mutex<Vec<Mail>>>,
    tls: TlsAcceptor,
    _dir: Arc<TempDir>,
}

impl Relay {
    pub async fn start(knobs: Knobs) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let ca = dir.path().join("ca.pem");
        std::fs::write(&ca, made.cert.pem()).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Self {
            port: listener.local_addr().unwrap().port(),
            ca,
            knobs: Arc::new(Mutex::new(knobs)),
            mails: Arc::default(),
            tls: TlsAcceptor::from(Arc::new(config)),
            _dir: Arc::new(dir),
        };
        let serving = relay.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        relay
    }

    pub fn turn(&self, turn: impl FnOnce(&mut Knobs)) {
        turn(&mut self.knobs.lock().unwrap());
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }

    /// The setting for it.
    pub fn url(&self, login: &str, query: &str) -> String {
        format!("smtp://{login}localhost:{}?{query}", self.port)
    }

    async fn serve(self, stream: TcpStream) {
        let mut plain = BufReader::new(stream);
        let greeting = self.knobs.lock().unwrap().greeting.unwrap_or("220 relay.test ESMTP");
        say(&mut plain, greeting).await;
        if self.converse(&mut plain, false).await {
            let secret = self.tls.accept(plain.into_inner()).await;
            if let Ok(secret) = secret {
                self.converse(&mut BufReader::new(secret), true).await;
            }
        }
    }

    /// Until the other end hangs up, or wants to go on in secret.
    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: &mut BufReader<S>, secret: bool) -> bool {
        let knobs = self.knobs.lock().unwrap().clone();
        let mut mail = Mail { secret, ..Mail::default() };
        while let Some(line) = line(stream).await {
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => {
                    let mut words = vec!["relay.test".to_owned()];
                    if knobs.tls && !secret {
                        words.push("STARTTLS".to_owned());
                    }
                    if knobs.login.is_some() {
                        words.push("AUTH PLAIN".to_owned());
                    }
                    let last = words.pop().unwrap();
                    for word in words {
                        say(stream, &format!("250-{word}")).await;
                    }
                    say(stream, &format!("250 {last}")).await;
                }
                "STARTTLS" if knobs.tls && !secret => {
                    say(stream, "220 go ahead").await;
                    return true;
                }
                "AUTH" => {
                    let given = rest.split(' ').nth(1).and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
                    let given = String::from_utf8(given).unwrap();
                    let expected = knobs.login.map(|(name, password)| format!("\0{name}\0{password}"));
                    let right = expected.as_deref() == Some(given.as_str());
                    mail.login = right.then(|| knobs.login.unwrap().0.to_owned());
                    say(stream, if right { "235 welcome" } else { "535 no" }).await;
                }
                "MAIL" if knobs.login.is_some() && mail.login.is_none() => say(stream, "530 who are you?").await,
                "MAIL" => {
                    mail.from = rest.to_owned();
                    say(stream, "250 ok").await;
                }
                "RCPT" => {
                    mail.to.push(rest.to_owned());
                    say(stream, knobs.to.filter(|_| rest.contains(knobs.of)).unwrap_or("250 ok")).await;
                }
                "DATA" => {
                    say(stream, "354 go ahead").await;
                    while let Some(text) = self::line(stream).await.filter(|text| text != ".") {
                        mail.raw.push_str(text.strip_prefix('.').unwrap_or(&text));
                        mail.raw.push_str("\r\n");
                    }
                    self.mails.lock().unwrap().push(mail.clone());
                    say(stream, "250 taken").await;
                }
                "QUIT" => {
                    say(stream, "221 bye").await;
                    return false;
                }
                "RSET" | "NOOP" => say(stream, "250 ok").await,
                _ => say(stream, "500 what?").await,
            }
        }
        false
    }
}

async fn line<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Option<String> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.ok()?;
    (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, words: &str) {
    let _ = stream.get_mut().write_all(format!("{words}\r\n").as_bytes()).await;
    let _ = stream.get_mut().flush().await;
}
