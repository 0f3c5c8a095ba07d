//! The SAML provider that a connection describes: its certificates and its metadata document are read when they are
//! written down, so that what could never sign anybody in is a problem of its line, not of the first sign-in.

use crate::{
    apply::{
        reader::Context,
        yaml::{At, Kind, Node},
    },
    connector::saml::metadata,
    policy::saml::SamlSettings,
};

/// A document that was valid once must not keep a start from happening when its time has passed: that is for whoever
/// uses it to say.
const ANY_TIME: i64 = i64::MIN;

/// Notes what is wrong with the certificates and the document of `saml`, which was read from `node`.
pub fn judge(context: &Context<'_>, node: &Node, saml: &SamlSettings) {
    certificates(context, node, "certificates", &saml.certificates);
    let Some(signers) = certificates(context, node, "metadata_certificates", &saml.metadata_certificates) else { return };
    let Some(xml) = &saml.metadata_xml else { return };
    let problem = |text: String| context.problem(place(node, "metadata_xml", None), format!("metadata_xml: {text}"));
    match metadata::read(xml, saml.idp_entity_id.as_deref(), &signers, ANY_TIME) {
        Ok(provider) if provider.sso.is_empty() && !saml.idp_initiated => problem(
            "it has no SingleSignOnService with the binding HTTP-Redirect or HTTP-POST, so sign-ins could only begin at the \
             provider; set idp_initiated if they shall"
                .to_owned(),
        ),
        Ok(_) => {}
        Err(why) => problem(why),
    }
}

/// The certificates in DER; nothing when there was a problem.
fn certificates(context: &Context<'_>, node: &Node, field: &'static str, texts: &[String]) -> Option<Vec<Vec<u8>>> {
    let read = texts.iter().enumerate().map(|(at, text)| {
        let problem = |why| context.problem(place(node, field, Some(at)), format!("{field}: {why}"));
        metadata::certificate(text).map_err(problem).ok()
    });
    // All of them, so that all problems show.
    read.collect::<Vec<_>>().into_iter().collect()
}

/// Where `field` stands, or its item `index`.
fn place(node: &Node, field: &str, index: Option<usize>) -> At {
    let Kind::Map(entries) = &node.kind else { return node.at };
    let Some((_, value)) = entries.iter().find(|(key, _)| key.name == field) else { return node.at };
    match (&value.kind, index) {
        (Kind::List(items), Some(index)) => items.get(index).unwrap_or(value).at,
        _ => value.at,
    }
}
