//! XML signatures as a provider makes them, and as none should. A mark `{{ID}}` in the text says where the signature over
//! the element with that `ID` goes.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openssl::{
    hash::{MessageDigest, hash},
    pkey::PKey,
    sign::Signer as Raw,
};

use super::{
    canonical::{Form, Select, canonical, without_places},
    keys::{Key, base64, key},
};

pub const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
pub const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
pub const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// How the signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    RsaSha256,
    RsaSha384,
    RsaSha512,
    EcdsaSha256,
    RsaSha1,
    RsaMd5,
    /// Keyed with the bytes of the provider's certificate.
    HmacSha256,
}

impl Algorithm {
    fn uri(self) -> &'static str {
        match self {
            Self::RsaSha256 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            Self::RsaSha384 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
            Self::RsaSha512 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
            Self::EcdsaSha256 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            Self::RsaSha1 => "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            Self::RsaMd5 => "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
            Self::HmacSha256 => "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        }
    }

    fn digest(self) -> MessageDigest {
        match self {
            Self::RsaSha256 | Self::EcdsaSha256 | Self::HmacSha256 => MessageDigest::sha256(),
            Self::RsaSha384 => MessageDigest::sha384(),
            Self::RsaSha512 => MessageDigest::sha512(),
            Self::RsaSha1 => MessageDigest::sha1(),
            Self::RsaMd5 => MessageDigest::md5(),
        }
    }
}

/// How what is signed is digested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    Sha256,
    Sha384,
    Sha512,
    Sha1,
    Md5,
}

impl Digest {
    fn uri(self) -> &'static str {
        match self {
            Self::Sha256 => "http://www.w3.org/2001/04/xmlenc#sha256",
            Self::Sha384 => "http://www.w3.org/2001/04/xmldsig-more#sha384",
            Self::Sha512 => "http://www.w3.org/2001/04/xmlenc#sha512",
            Self::Sha1 => "http://www.w3.org/2000/09/xmldsig#sha1",
            Self::Md5 => "http://www.w3.org/2001/04/xmldsig-more#md5",
        }
    }

    pub fn of(self, bytes: &[u8]) -> String {
        let digest = match self {
            Self::Sha256 => MessageDigest::sha256(),
            Self::Sha384 => MessageDigest::sha384(),
            Self::Sha512 => MessageDigest::sha512(),
            Self::Sha1 => MessageDigest::sha1(),
            Self::Md5 => MessageDigest::md5(),
        };
        STANDARD.encode(hash(digest, bytes).unwrap())
    }
}

/// Changes a piece of text.
pub type Edit = Arc<dyn Fn(String) -> String + Send + Sync>;

pub fn edit(how: impl Fn(String) -> String + Send + Sync + 'static) -> Option<Edit> {
    Some(Arc::new(how))
}

pub fn apply(how: &Option<Edit>, text: String) -> String {
    match how {
        Some(how) => how(text),
        None => text,
    }
}

/// Who signs, and how; by default as an honest provider does.
#[derive(Clone)]
pub struct Signer {
    pub key: Arc<Key>,
    pub algorithm: Algorithm,
    pub digest: Digest,
    /// Of `SignedInfo`.
    pub canonicalization: String,
    /// Of what is signed.
    pub form: Form,
    /// `ds:Transform` elements, ready made; left out, those that belong to `form`.
    pub transforms: Option<String>,
    /// The reference's URI, if it is not `#ID`.
    pub uri: Option<String>,
    /// What stands in `KeyInfo`; left out, the certificate. Empty: no `KeyInfo`.
    pub key_info: Option<String>,
    /// `SignedInfo` before it is signed.
    pub signed_info: Option<Edit>,
    /// The whole signature once it is made.
    pub signature: Option<Edit>,
}

impl Default for Signer {
    fn default() -> Self {
        Self::of(key(0))
    }
}

impl Signer {
    pub fn of(key: Arc<Key>) -> Self {
        Self {
            key,
            algorithm: Algorithm::RsaSha256,
            digest: Digest::Sha256,
            canonicalization: EXCLUSIVE.to_owned(),
            form: Form::default(),
            transforms: None,
            uri: None,
            key_info: None,
            signed_info: None,
            signature: None,
        }
    }

    pub fn with(algorithm: Algorithm, digest: Digest) -> Self {
        Self { algorithm, digest, ..Self::default() }
    }

    /// The certificate that verifies what it signs.
    pub fn certificate(&self) -> &[u8] {
        match self.algorithm {
            Algorithm::EcdsaSha256 => &self.key.ec_certificate,
            _ => &self.key.rsa_certificate,
        }
    }

    /// Puts the signature over the element with this `ID` at its mark.
    pub fn sign(&self, xml: &str, id: &str) -> String {
        let mark = format!("{{{{{id}}}}}");
        let (before, after) = xml.split_once(&mark).unwrap_or_else(|| panic!("no mark {mark} in {xml}"));
        let reference = self.reference(xml, id);
        let signed_info = apply(
            &self.signed_info,
            format!(
                "<ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"{}\"></ds:CanonicalizationMethod><ds:SignatureMethod \
                 Algorithm=\"{}\"></ds:SignatureMethod>{reference}</ds:SignedInfo>",
                self.canonicalization,
                self.algorithm.uri()
            ),
        );
        let key_info = self.key_info.clone().unwrap_or_else(|| {
            format!("<ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data>", base64(self.certificate()))
        });
        let key_info = if key_info.is_empty() { key_info } else { format!("<ds:KeyInfo>{key_info}</ds:KeyInfo>") };
        let open = format!("<ds:Signature xmlns:ds=\"{DS}\">");
        let form = Form {
            inclusive: !self.canonicalization.contains("xml-exc-c14n"),
            comments: self.canonicalization.ends_with("WithComments"),
            ..Form::default()
        };
        let draft = format!("{before}{open}{signed_info}</ds:Signature>{after}");
        let bytes = canonical(&draft, Select::From("SignedInfo", before.len()), &form);
        let value = STANDARD.encode(self.raw(bytes.as_bytes()));
        let signature = format!("{open}{signed_info}<ds:SignatureValue>{value}</ds:SignatureValue>{key_info}</ds:Signature>");
        format!("{before}{}{after}", apply(&self.signature, signature))
    }

    /// The `ds:Reference` to the element with this `ID`.
    pub fn reference(&self, xml: &str, id: &str) -> String {
        let digest = self.digest.of(canonical(xml, Select::Id(id), &self.form).as_bytes());
        self.reference_with(id, &digest)
    }

    pub fn reference_with(&self, id: &str, digest: &str) -> String {
        let uri = self.uri.clone().unwrap_or_else(|| format!("#{id}"));
        let transforms = self.transforms.clone().unwrap_or_else(|| {
            let prefixes = self.form.prefixes.join(" ");
            let inclusive = match prefixes.is_empty() {
                true => String::new(),
                false => format!(
                    "<ec:InclusiveNamespaces xmlns:ec=\"{EXCLUSIVE}\" PrefixList=\"{prefixes}\"></ec:InclusiveNamespaces>"
                ),
            };
            format!(
                "<ds:Transform Algorithm=\"{ENVELOPED}\"></ds:Transform><ds:Transform Algorithm=\"{EXCLUSIVE}\">{inclusive}</ds:Transform>"
            )
        });
        format!(
            "<ds:Reference URI=\"{uri}\"><ds:Transforms>{transforms}</ds:Transforms><ds:DigestMethod Algorithm=\"{}\"></ds:DigestMethod>\
             <ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>",
            self.digest.uri()
        )
    }

    /// Whether the signature that begins at this byte holds for the first element of its reference's ID, as a verifier
    /// without rules would see it.
    pub fn verifies(&self, xml: &str, at: usize) -> Result<(), &'static str> {
        let between = |from: &str, to: &str| Some(xml[at..].split_once(from)?.1.split_once(to)?.0);
        let id = between("URI=\"#", "\"").ok_or("no reference")?;
        let form = Form { unsigned: true, ..self.form.clone() };
        let digest = self.digest.of(canonical(xml, Select::Id(id), &form).as_bytes());
        if between("<ds:DigestValue>", "</ds:DigestValue>") != Some(&digest) {
            return Err("digest");
        }
        let signed = canonical(xml, Select::From("SignedInfo", at), &Form::default());
        let value = STANDARD.decode(between("<ds:SignatureValue>", "</ds:SignatureValue>").ok_or("no value")?);
        let key = self.key.rsa.public_key_to_der().and_then(|der| PKey::public_key_from_der(&der)).unwrap();
        let mut verifier = openssl::sign::Verifier::new(self.algorithm.digest(), &key).unwrap();
        let good = verifier.verify_oneshot(&value.map_err(|_| "no base64")?, signed.as_bytes()).unwrap();
        if good { Ok(()) } else { Err("value") }
    }

    /// The value of a signature over these bytes.
    pub fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let hmac;
        let key = match self.algorithm {
            Algorithm::EcdsaSha256 => &self.key.ec,
            Algorithm::HmacSha256 => {
                hmac = PKey::hmac(&self.key.rsa_certificate).unwrap();
                &hmac
            }
            _ => &self.key.rsa,
        };
        let mut raw = Raw::new(self.algorithm.digest(), key).unwrap();
        let value = raw.sign_oneshot_to_vec(bytes).unwrap();
        if self.algorithm != Algorithm::EcdsaSha256 {
            return value;
        }
        // XML signatures hold r and s side by side, not as ASN.1.
        let pair = openssl::ecdsa::EcdsaSig::from_der(&value).unwrap();
        [pair.r(), pair.s()].map(|n| n.to_vec_padded(32).unwrap()).concat()
    }
}

/// Signs nothing: drops the mark.
pub fn unsigned(xml: &str) -> String {
    without_places(xml)
}
