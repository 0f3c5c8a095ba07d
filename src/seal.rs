//! The master key: seals what must be read back (upstream client secrets, private signing keys) and keys the
//! fingerprints of what must only be recognised (client secrets, form tokens). A dump of the database without the
//! master key reveals neither.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf, hmac,
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

use crate::secret;

/// Why a master key or a sealed value could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key text is not 32 bytes of base64.
    #[error("the master key must be 32 bytes in base64 (44 characters); make one with: openssl rand -base64 32")]
    Malformed,
    /// The key file cannot be read or made.
    #[error("the master key file {path} cannot be used: {source}")]
    File {
        /// Where it was looked for.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The value was sealed under another key, for another place, or was changed.
    #[error("a sealed value cannot be opened with this master key")]
    Unreadable,
}

/// Three keys derived from the master key: one seals, one makes fingerprints, one chains the audit log. `Debug` shows none.
pub struct Sealer {
    aead: RandomizedNonceKey,
    mac: hmac::Key,
    chain: ChainKey,
}

/// What the audit log is chained with. Clones share the key; `Debug` does not show it.
#[derive(Clone)]
pub struct ChainKey(Arc<hmac::Key>);

impl ChainKey {
    /// A keyed digest (HMAC-SHA-256, base64url).
    #[must_use]
    pub fn mac(&self, bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, bytes))
    }
}

impl std::fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChainKey(..)")
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(..)")
    }
}

struct Length(usize);
impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl Sealer {
    /// From 32 bytes in base64, as `GATEHOUSE_MASTER_KEY` and the key file hold them.
    ///
    /// # Errors
    /// [`SealError::Malformed`] when it is not 32 bytes of base64.
    pub fn from_base64(text: &str) -> Result<Self, SealError> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| SealError::Malformed)?;
        if bytes.len() != 32 {
            return Err(SealError::Malformed);
        }
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"gatehouse master key v1").extract(&bytes);
        let derive = |label: &'static [u8]| -> Result<[u8; 32], SealError> {
            let mut out = [0u8; 32];
            let okm = prk.expand(&[label], Length(32)).map_err(|_| SealError::Malformed)?.fill(&mut out);
            okm.map(|()| out).map_err(|_| SealError::Malformed)
        };
        let aead = RandomizedNonceKey::new(&AES_256_GCM, &derive(b"seal")?).map_err(|_| SealError::Malformed)?;
        let hmac = |label| Ok::<_, SealError>(hmac::Key::new(hmac::HMAC_SHA256, &derive(label)?));
        Ok(Self { aead, mac: hmac(b"fingerprint")?, chain: ChainKey(Arc::new(hmac(b"audit log")?)) })
    }

    /// Reads `master.key` in `dir`, or makes it (mode 0600) when it is not there. Of two processes that start at once one
    /// makes it, and the other takes that one.
    ///
    /// # Errors
    /// When the file cannot be read or made, or holds something else than a key.
    pub fn from_dir(dir: &Path) -> Result<Self, SealError> {
        let path = dir.join("master.key");
        let file = |source| SealError::File { path: path.display().to_string(), source };
        fs::create_dir_all(dir).map_err(file)?;
        let mut tries = 0;
        loop {
            match fs::read_to_string(&path) {
                // Another process has made the file and is about to write the key.
                Ok(text) if text.is_empty() && tries < 100 => std::thread::sleep(Duration::from_millis(10)),
                Ok(text) => return Self::from_base64(&text),
                Err(e) if e.kind() == ErrorKind::NotFound => match make_key_file(&path) {
                    Err(SealError::File { source, .. }) if source.kind() == ErrorKind::AlreadyExists => {}
                    made => made?,
                },
                Err(e) => return Err(file(e)),
            }
            tries += 1;
        }
    }

    /// Seals `plain` for the place named by `context` ("signing-key/{kid}"): it opens nowhere else.
    #[must_use]
    pub fn seal(&self, context: &str, plain: &[u8]) -> String {
        let mut buffer = plain.to_vec();
        // Sealing fails only beyond 64 GiB; an empty text opens nowhere, so a failure is not mistaken for a value.
        match self.aead.seal_in_place_append_tag(Aad::from(context.as_bytes()), &mut buffer) {
            Ok(nonce) => {
                let mut out = nonce.as_ref().to_vec();
                out.extend_from_slice(&buffer);
                URL_SAFE_NO_PAD.encode(out)
            }
            Err(_) => String::new(),
        }
    }

    /// Opens what [`Sealer::seal`] made for the same `context`.
    ///
    /// # Errors
    /// [`SealError::Unreadable`] for another key, another context, or a changed value.
    pub fn open(&self, context: &str, sealed: &str) -> Result<Vec<u8>, SealError> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| SealError::Unreadable)?;
        let (nonce, body) = bytes.split_at_checked(NONCE_LEN).ok_or(SealError::Unreadable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Unreadable)?;
        let mut body = body.to_vec();
        let plain = self.aead.open_in_place(nonce, Aad::from(context.as_bytes()), &mut body);
        plain.map(|p| p.to_vec()).map_err(|_| SealError::Unreadable)
    }

    /// Opens a sealed text.
    ///
    /// # Errors
    /// As [`Sealer::open`]; also when it is not UTF-8.
    pub fn open_text(&self, context: &str, sealed: &str) -> Result<String, SealError> {
        String::from_utf8(self.open(context, sealed)?).map_err(|_| SealError::Unreadable)
    }

    /// A keyed fingerprint (HMAC-SHA-256, base64url) of `value` for the purpose named by `context`.
    #[must_use]
    pub fn fingerprint(&self, context: &str, value: &str) -> String {
        let mut mac = hmac::Context::with_key(&self.mac);
        mac.update(context.as_bytes());
        mac.update(&[0]);
        mac.update(value.as_bytes());
        URL_SAFE_NO_PAD.encode(mac.sign())
    }

    /// The key of the audit log's chain.
    #[must_use]
    pub fn chain_key(&self) -> ChainKey {
        self.chain.clone()
    }

    /// Whether `fingerprint` is that of `value`, in constant time.
    #[must_use]
    pub fn recognises(&self, context: &str, value: &str, fingerprint: &str) -> bool {
        secret::same(&self.fingerprint(context, value), fingerprint)
    }
}

fn make_key_file(path: &Path) -> Result<(), SealError> {
    let file = |source| SealError::File { path: path.display().to_string(), source };
    let mut bytes = [0u8; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| SealError::Malformed)?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(path).map_err(file)?;
    // In one write, so that nobody reads half a key.
    out.write_all(format!("{}\n", STANDARD.encode(bytes)).as_bytes()).and_then(|()| out.sync_all()).map_err(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Sealer {
        Sealer::from_base64(&STANDARD.encode([byte; 32])).unwrap()
    }

    #[test]
    fn opens_only_with_its_key_in_its_place_and_unchanged() {
        let sealed = key(1).seal("a/1", b"secret");
        assert_eq!(key(1).open("a/1", &sealed).unwrap(), b"secret");
        assert!(key(1).open("a/2", &sealed).is_err(), "another place");
        assert!(key(2).open("a/1", &sealed).is_err(), "another key");
        let mut bytes = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        bytes[20] ^= 1;
        assert!(key(1).open("a/1", &URL_SAFE_NO_PAD.encode(bytes)).is_err(), "changed");
        assert!(key(1).open("a/1", "").is_err(), "empty");
    }

    #[test]
    fn fingerprints_depend_on_key_purpose_and_value() {
        let print = key(1).fingerprint("client", "s");
        assert!(key(1).recognises("client", "s", &print));
        assert!(!key(1).recognises("form", "s", &print));
        assert!(!key(2).recognises("client", "s", &print));
    }

    #[test]
    fn those_who_start_at_once_agree_on_one_key() {
        for _ in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            let made: Vec<Sealer> = std::thread::scope(|scope| {
                let all: Vec<_> = (0..8).map(|_| scope.spawn(|| Sealer::from_dir(dir.path()).unwrap())).collect();
                all.into_iter().map(|one| one.join().unwrap()).collect()
            });
            let prints: std::collections::HashSet<_> = made.iter().map(|s| s.fingerprint("x", "y")).collect();
            assert_eq!(prints.len(), 1);
        }
    }

    #[test]
    fn makes_the_key_file_once_and_reads_it_again() {
        let dir = tempfile::tempdir().unwrap();
        let sealed = Sealer::from_dir(dir.path()).unwrap().seal("x", b"v");
        assert_eq!(Sealer::from_dir(dir.path()).unwrap().open("x", &sealed).unwrap(), b"v");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(dir.path().join("master.key")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
