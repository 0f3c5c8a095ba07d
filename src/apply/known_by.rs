//! What people who sign in over a connection are known by: the issuer that its provider speaks as, and a unique id. Whoever is
//! linked by another than from now on is a stranger at the next sign-in, and refused where their address is taken, which is
//! their own. So a change says how many that are before it is made: whoever makes it agrees, and a plan tells.
//!
//! What cannot be known counts as a change: another address of metadata may be that of another provider.

use super::{
    execute::{Result, Work},
    losses::Losses,
    plan::Count,
};
use crate::{
    connector::{oidc::Oidc, presets, saml::metadata},
    policy::{
        connection::{ConnectionSettings, Protocol},
        saml::SamlSettings,
    },
    store::{connections::Connection, dependents},
};

/// How many of them are named.
const FEW: i64 = 3;
/// Whether a document's time has passed makes no other provider of it.
const ANY_TIME: i64 = i64::MIN;

/// Who is known otherwise from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Strangers {
    Nobody,
    Everybody,
    /// Whoever is linked by another issuer than these.
    Besides(Vec<String>),
}

impl Work<'_> {
    /// Whose sign-in a change of a connection takes.
    pub async fn lost_with_change(&mut self, was: &Connection, is: &Connection) -> Result<Losses> {
        let mut lost = Losses::default();
        let issuers = match strangers((was.protocol, &was.settings), (is.protocol, &is.settings)) {
            Strangers::Nobody => return Ok(lost),
            Strangers::Everybody => Vec::new(),
            Strangers::Besides(issuers) => issuers,
        };
        let linked = dependents::linked_besides(&mut *self.tx, &is.id, &issuers, FEW).await?;
        let text = match linked.count {
            0 => return Ok(lost),
            1 => "the sign-in of 1 person linked over it".to_owned(),
            n => format!("the sign-ins of {n} people linked over it"),
        };
        let more = if linked.count > FEW { ", …" } else { "" };
        lost.counted.push(Count { text, people: Some(format!("{}{more}", linked.first.join(", "))) });
        Ok(lost)
    }
}

type Side<'a> = (Protocol, &'a ConnectionSettings);

fn strangers(was: Side<'_>, is: Side<'_>) -> Strangers {
    let [old, new] = [was, is].map(|(protocol, settings)| presets::filled(settings, protocol));
    // Names that are looked for after those of before find nobody else.
    if was.0 != is.0 || !new.unique_id_claims().starts_with(&old.unique_id_claims()) {
        return Strangers::Everybody;
    }
    match (&old.saml, &new.saml) {
        (Some(a), Some(b)) if is.0 == Protocol::Saml => {
            let by_name_id = new.unique_id_claims().contains(&presets::NAME_ID);
            if by_name_id && a.name_id_format_uri().ok() != b.name_id_format_uri().ok() {
                return Strangers::Everybody;
            }
            of_saml(a, b)
        }
        _ => {
            let [old, new] = [&old, &new].map(Oidc::issuers);
            let stay = old.iter().all(|issuer| new.contains(issuer));
            if stay { Strangers::Nobody } else { Strangers::Besides(new) }
        }
    }
}

fn of_saml(was: &SamlSettings, is: &SamlSettings) -> Strangers {
    let described = |saml: &SamlSettings| [&saml.idp_entity_id, &saml.metadata_url, &saml.metadata_xml].map(Clone::clone);
    if described(was) == described(is) {
        return Strangers::Nobody;
    }
    match (entity_id(was), entity_id(is)) {
        (Some(old), Some(new)) if old == new => Strangers::Nobody,
        (_, Some(new)) => Strangers::Besides(vec![new]),
        // The same document, of which no entity is picked any more, or none was.
        (_, None) if was.metadata_url == is.metadata_url => Strangers::Nobody,
        (_, None) => Strangers::Everybody,
    }
}

/// The provider's, where the settings say it themselves.
fn entity_id(saml: &SamlSettings) -> Option<String> {
    let typed = saml.idp_entity_id.clone().filter(|id| !id.is_empty());
    let read = |xml: &String| Some(metadata::read(xml, None, &[], ANY_TIME).ok()?.entity_id);
    typed.or_else(|| saml.metadata_xml.as_ref().and_then(read))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::connection::OidcSettings;

    fn oidc(issuer: &str, change: impl Fn(&mut ConnectionSettings)) -> ConnectionSettings {
        let oidc = OidcSettings { issuer: issuer.to_owned(), client_id: "gh".to_owned(), ..OidcSettings::default() };
        let mut settings = ConnectionSettings { oidc: Some(oidc), ..ConnectionSettings::default() };
        change(&mut settings);
        settings
    }

    fn saml(change: impl Fn(&mut SamlSettings)) -> ConnectionSettings {
        let mut saml = SamlSettings { metadata_url: Some("https://idp.example/m".to_owned()), ..SamlSettings::default() };
        change(&mut saml);
        ConnectionSettings { saml: Some(saml), ..ConnectionSettings::default() }
    }

    #[test]
    fn who_is_known_otherwise() {
        let besides = |issuers: &[&str]| Strangers::Besides(issuers.iter().map(|&issuer| issuer.to_owned()).collect());
        let entra = |tenants: &[&str]| {
            oidc("https://login.microsoftonline.com/common/v2.0", |c| {
                c.preset = Some("entra".to_owned());
                c.oidc.as_mut().unwrap().allowed_tenants = tenants.iter().map(|&t| t.to_owned()).collect();
            })
        };
        let (one, two) = ("11111111-2222-3333-4444-555555555555", "66666666-2222-3333-4444-555555555555");
        let of_one = format!("https://login.microsoftonline.com/{one}/v2.0");
        let before = oidc("https://a.example", |_| {});
        #[rustfmt::skip]
        let table = [
            ("nothing", before.clone(), before.clone(), Strangers::Nobody),
            ("another button", before.clone(), oidc("https://a.example", |c| c.button_text = Some("Go".into())), Strangers::Nobody),
            ("another issuer", before.clone(), oidc("https://b.example", |_| {}), besides(&["https://b.example"])),
            ("a slash", before.clone(), oidc("https://a.example/", |_| {}), besides(&["https://a.example/"])),
            ("another unique id", before.clone(), oidc("https://a.example", |c| c.unique_id_claims = vec!["email".into()]), Strangers::Everybody),
            ("the default, said", before.clone(), oidc("https://a.example", |c| c.unique_id_claims = vec!["sub".into()]), Strangers::Nobody),
            ("one that comes after", before.clone(), oidc("https://a.example", |c| c.unique_id_claims = vec!["sub".into(), "oid".into()]), Strangers::Nobody),
            ("one that comes before", before.clone(), oidc("https://a.example", |c| c.unique_id_claims = vec!["oid".into(), "sub".into()]), Strangers::Everybody),
            ("one directory fewer", entra(&[one, two]), entra(&[one]), besides(&[&of_one])),
            ("one directory more", entra(&[one]), entra(&[one, two]), Strangers::Nobody),
        ];
        for (what, was, is, expected) in table {
            assert_eq!(strangers((Protocol::Oidc, &was), (Protocol::Oidc, &is)), expected, "{what}");
        }
        let before = saml(|_| {});
        #[rustfmt::skip]
        let table = [
            ("nothing", before.clone(), before.clone(), Strangers::Nobody),
            ("an entity id", before.clone(), saml(|s| s.idp_entity_id = Some("idp".into())), besides(&["idp"])),
            ("another", saml(|s| s.idp_entity_id = Some("old".into())), saml(|s| s.idp_entity_id = Some("idp".into())), besides(&["idp"])),
            ("the same elsewhere", saml(|s| s.idp_entity_id = Some("idp".into())), saml(|s| { s.idp_entity_id = Some("idp".into()); s.metadata_url = None; }), Strangers::Nobody),
            ("other metadata", before.clone(), saml(|s| s.metadata_url = Some("https://other.example/m".into())), Strangers::Everybody),
            ("another format of the NameID", before.clone(), saml(|s| s.name_id_format = Some("persistent".into())), Strangers::Everybody),
            ("another clock", before.clone(), saml(|s| s.skew = Some(5)), Strangers::Nobody),
        ];
        for (what, was, is, expected) in table {
            assert_eq!(strangers((Protocol::Saml, &was), (Protocol::Saml, &is)), expected, "{what}");
        }
        let (a, b) = (oidc("https://a.example", |_| {}), saml(|_| {}));
        assert_eq!(strangers((Protocol::Oidc, &a), (Protocol::Saml, &b)), Strangers::Everybody);
    }
}
