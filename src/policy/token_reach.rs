//! Which tokens an issuer's settings reach where no tenant is named: those of an issuer for an audience. Two tenants with
//! such a pair in common would both be meant.

use super::trusted_issuer::IssuerSettings;

/// Tokens of an issuer for an audience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// `iss`.
    pub issuer: String,
    /// What `aud` must name; `None`: whatever it is.
    pub audience: Option<String>,
}

impl Reach {
    /// Whether one token can be meant by both.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.issuer == other.issuer && (self.audience == other.audience || self.audience.is_none() || other.audience.is_none())
    }

    /// Whether it holds all of the other.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.issuer == other.issuer && (self.audience.is_none() || self.audience == other.audience)
    }
}

impl std::fmt::Display for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.audience {
            Some(audience) => write!(f, "issuer {} and audience {audience}", self.issuer),
            None => write!(f, "issuer {} and any audience", self.issuer),
        }
    }
}

impl IssuerSettings {
    /// What these settings reach without a tenant's name: nothing where the issuer may be anyone, since those tokens need
    /// one. Where it is asked about its tokens, any of them may be meant: whom it is for is what the issuer will say.
    #[must_use]
    pub fn reach(&self) -> Vec<Reach> {
        let audiences: Vec<Option<String>> = match self.audience.as_slice() {
            named if !named.is_empty() && self.introspection.is_none() => named.iter().cloned().map(Some).collect(),
            _ => vec![None],
        };
        let of = |issuer: &str| {
            let issuer = issuer.to_owned();
            audiences.iter().map(|audience| Reach { issuer: issuer.clone(), audience: audience.clone() }).collect::<Vec<_>>()
        };
        self.issuers().flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(issuers: &[&str], audience: &[&str]) -> IssuerSettings {
        let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let mut settings = IssuerSettings { audience: texts(audience), ..IssuerSettings::default() };
        settings.name_issuers(texts(issuers));
        settings
    }

    #[test]
    fn issuer_and_audience_must_both_be_shared() {
        let ours = settings(&["a", "b"], &["x", "y"]).reach();
        assert_eq!(ours.len(), 4);
        for (issuers, audience, shared) in [
            (&["b"][..], &["y"][..], true),
            (&["b"], &["z"], false),
            (&["c"], &["x"], false),
            (&["b/"], &["y"], false),
            (&["b"], &[], true),
            (&[], &["x"], false),
        ] {
            let theirs = settings(issuers, audience).reach();
            let meet = ours.iter().any(|our| theirs.iter().any(|their| our.meets(their) && their.meets(our)));
            assert_eq!(meet, shared, "{issuers:?} {audience:?}");
        }
        let asked = IssuerSettings {
            introspection: Some(super::super::trusted_issuer::Introspection::default()),
            ..settings(&["a"], &["x"])
        };
        assert_eq!(asked.reach(), [Reach { issuer: "a".to_owned(), audience: None }]);
        let (any, one) = (&settings(&["a"], &[]).reach()[0], &settings(&["a"], &["x"]).reach()[0]);
        assert_eq!((any.covers(one), one.covers(any), one.covers(one)), (true, false, true));
    }
}
