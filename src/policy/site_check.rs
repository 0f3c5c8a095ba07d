//! What is wrong with the settings of a site, as far as they contradict themselves.

use super::{
    claim_rules::{ClaimRules, is_name},
    identity_header,
    place::{self, Path},
    site::{Fact, ForwardMethod, Login, OURSELVES, SiteSettings},
};
use crate::oauth::scope::Scopes;

/// Where a browser comes back to after it has signed in to a site, on the site's own host.
pub const CALLBACK: &str = "/.gatehouse/callback";
/// Most seconds that the JWT which tells a site who is there may live.
pub const MAX_JWT_LIFE: i64 = 3600;

impl SiteSettings {
    /// Everything that is wrong, each with its fix and beginning with the setting's name. Whether what it names is there is
    /// for the caller to see.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut found = self.place_problems();
        found.extend(ClaimRules::compile(&self.claims).err().map(|why| format!("claims: {why}")));
        match (&self.resource, self.role) {
            (Some(_), None) => found.push("role is missing: which one on the resource must somebody hold to pass?".to_owned()),
            (None, Some(_)) => found.push("role needs the resource that it is held on".to_owned()),
            _ => {}
        }
        let accepts = |name: &str| self.issuers.iter().any(|issuer| issuer == name);
        match &self.login {
            Some(Login::Client(_)) if !accepts(OURSELVES) => found.push(format!(
                "login over a client gives tokens of ours, which issuers does not accept: add {OURSELVES} to issuers"
            )),
            Some(Login::Issuer(name)) if !accepts(name) => {
                found.push(format!("login at {name} gives its tokens, which issuers does not accept: add {name} to issuers"));
            }
            _ => {}
        }
        if self.issuers.is_empty() {
            found.push(format!("issuers is empty, so nobody could pass; {OURSELVES} stands for our own tokens"));
        }
        if self.exchanged_only && (!accepts(OURSELVES) || self.issuers.len() < 2) {
            found.push(format!(
                "exchanged_only asks for tokens of ours that those of an issuer were exchanged for: name both in issuers, {OURSELVES} and the issuer"
            ));
        }
        found.extend(self.audience_problem());
        if Scopes::parse(&self.scopes.join(" ")).is_none() {
            found.push("scopes must be words of ASCII without quotes and backslashes".to_owned());
        }
        found.extend(self.identity_problems());
        found
    }

    /// Where browsers come back to after signing in: a login client must have each of them among its redirect URIs.
    #[must_use]
    pub fn callbacks(&self) -> Vec<String> {
        self.hosts.iter().map(|host| format!("https://{host}{CALLBACK}")).collect()
    }

    fn place_problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.hosts.is_empty() {
            found.push("hosts is missing: name the hosts that the site is reached by".to_owned());
        }
        for host in self.hosts.iter().filter(|host| place::host("https", host).as_ref() != Some(host)) {
            found.push(format!("hosts has {host:?}, which is no host; write it like grafana.example or grafana.example:8443"));
        }
        let paths = [("paths", &self.paths), ("public_paths", &self.public_paths)];
        for (field, path) in paths.into_iter().flat_map(|(field, paths)| paths.iter().map(move |path| (field, path))) {
            if Path::read(path) != Path::Plain(path.clone()) {
                found.push(format!(
                    "{field} has {path:?}; write the plain beginning of a path like /app, without escapes or dots"
                ));
            }
        }
        let outside = |path: &&String| !self.paths.is_empty() && !self.paths.iter().any(|prefix| place::holds(prefix, path));
        for path in self.public_paths.iter().filter(outside) {
            found.push(format!("public_paths has {path:?}, which lies in none of the site's paths"));
        }
        found
    }

    /// RFC 8707 §2: an absolute URI without fragment.
    fn audience_problem(&self) -> Option<String> {
        let audience = self.audience.as_deref()?;
        let absolute = url::Url::parse(audience).is_ok_and(|url| url.fragment().is_none() && url.has_host());
        (!absolute).then(|| "audience must be an absolute URL without fragment, like https://grafana.example".to_owned())
    }

    fn identity_problems(&self) -> Vec<String> {
        let identity = &self.identity;
        let mut found = Vec::new();
        let has_header = matches!(identity.method, ForwardMethod::ClaimsHeader | ForwardMethod::JwtHeader);
        if let Some(name) = &identity.header_name {
            match identity_header::check(name) {
                _ if !has_header => {
                    found
                        .push("identity: header_name is for the methods claims_header and jwt_header only; remove it".to_owned());
                }
                Err(why) => found.push(format!("identity: header_name {name:?} {why}")),
                Ok(()) => {}
            }
        }
        found.extend(self.name_problems());
        if !has_header && !identity.include_claims.is_empty() {
            found.push("identity: include_claims is for the methods claims_header and jwt_header only; remove it".to_owned());
        }
        if let Some(name) = identity.include_claims.iter().find(|name| !is_name(name)) {
            found.push(format!("identity: include_claims has {name:?}, which names no claim"));
        }
        if !(1..=MAX_JWT_LIFE).contains(&identity.jwt_expiry_seconds) {
            found.push(format!("identity: jwt_expiry_seconds must be 1 to {MAX_JWT_LIFE}"));
        }
        found
    }

    /// What is wrong with the names of separate headers.
    fn name_problems(&self) -> Vec<String> {
        let identity = &self.identity;
        if identity.header_names.is_empty() {
            return Vec::new();
        }
        if identity.method != ForwardMethod::Headers {
            return vec!["identity: header_names is for the method headers only; remove it".to_owned()];
        }
        let bad = |(fact, name): (&Fact, &String)| {
            let why = identity_header::check(name).err()?;
            Some(format!("identity: header_names has {name:?} for {}, which {why}", fact.as_str()))
        };
        let mut found: Vec<String> = identity.header_names.iter().filter_map(bad).collect();
        if let Some(name) = identity_header::twice(&identity_header::names(identity)) {
            found.push(format!("identity: header_names would have {name} tell two things; give each a header of its own"));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{
        claim_rules::shorthand,
        role::Role,
        site::{Forwarding, ResourceName},
    };

    fn good() -> SiteSettings {
        SiteSettings { hosts: vec!["app.example".into()], issuers: vec![OURSELVES.into()], ..SiteSettings::default() }
    }

    #[test]
    fn a_site_says_what_it_contradicts_itself_in() {
        let some = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        let resource = || Some(ResourceName { kind: "app".into(), name: "x".into() });
        let told = |identity: Forwarding| SiteSettings { identity, ..good() };
        let named = |pairs: &[(Fact, &str)]| {
            let header_names = pairs.iter().map(|(fact, name)| (*fact, (*name).to_owned())).collect();
            told(Forwarding { header_names, ..Forwarding::default() })
        };
        let whole = SiteSettings {
            hosts: some(&["app.example", "app.example:8443", "[::1]:1"]),
            paths: some(&["/app", "/other"]),
            public_paths: some(&["/app/health"]),
            issuers: some(&[OURSELVES, "okta"]),
            resource: resource(),
            role: Some(Role::Viewer),
            login: Some(Login::Issuer("okta".into())),
            audience: Some("https://app.example".into()),
            scopes: some(&["read"]),
            exchanged_only: true,
            ..good()
        };
        assert_eq!((good().problems(), whole.problems()), (vec![], vec![]));
        let swapped = named(&[(Fact::User, "X-Auth-Request-User"), (Fact::Email, "Remote-User"), (Fact::Name, "Remote-Email")]);
        assert_eq!(swapped.problems(), Vec::<String>::new(), "each has its own");
        for (site, begins) in [
            (SiteSettings { hosts: vec![], ..good() }, "hosts is missing"),
            (SiteSettings { hosts: some(&["App.example"]), ..good() }, "hosts has"),
            (SiteSettings { hosts: some(&["https://app.example"]), ..good() }, "hosts has"),
            (SiteSettings { hosts: some(&["*.example"]), ..good() }, "hosts has"),
            (SiteSettings { paths: some(&["app"]), ..good() }, "paths has"),
            (SiteSettings { paths: some(&["/a/../b"]), ..good() }, "paths has"),
            (SiteSettings { public_paths: some(&["/a?x"]), ..good() }, "public_paths has"),
            (SiteSettings { paths: some(&["/a"]), public_paths: some(&["/ab"]), ..good() }, "public_paths has"),
            (SiteSettings { issuers: vec![], ..good() }, "issuers is empty"),
            (SiteSettings { exchanged_only: true, ..good() }, "exchanged_only asks"),
            (SiteSettings { exchanged_only: true, issuers: some(&["okta"]), ..good() }, "exchanged_only asks"),
            (SiteSettings { resource: resource(), ..good() }, "role is missing"),
            (SiteSettings { role: Some(Role::Viewer), ..good() }, "role needs"),
            (SiteSettings { login: Some(Login::Issuer("okta".into())), ..good() }, "login at okta"),
            (SiteSettings { issuers: some(&["okta"]), login: Some(Login::Client("c".into())), ..good() }, "login over a client"),
            (SiteSettings { audience: Some("app".into()), ..good() }, "audience must"),
            (SiteSettings { audience: Some("https://a.example/#x".into()), ..good() }, "audience must"),
            (SiteSettings { scopes: some(&["a\"b"]), ..good() }, "scopes must"),
            (SiteSettings { claims: vec![shorthand("", &"x".into()).unwrap()], ..good() }, "claims: the rule"),
            (told(Forwarding { header_name: Some("X-Who".into()), ..Forwarding::default() }), "identity: header_name is for"),
            (
                told(Forwarding {
                    method: ForwardMethod::JwtHeader,
                    header_name: Some("Cookie".into()),
                    ..Forwarding::default()
                }),
                "identity: header_name \"Cookie\"",
            ),
            (named(&[(Fact::User, "Host")]), "identity: header_names has \"Host\" for user, which is a header"),
            (named(&[(Fact::Name, "X Who")]), "identity: header_names has \"X Who\" for name, which must be"),
            (named(&[(Fact::User, "X-Who"), (Fact::Issuer, "X-WHO")]), "identity: header_names would have x-who tell two"),
            (named(&[(Fact::User, "Remote-Email")]), "identity: header_names would have remote-email tell two"),
            (
                told(Forwarding { method: ForwardMethod::None, ..named(&[(Fact::User, "X-Who")]).identity }),
                "identity: header_names is for",
            ),
            (told(Forwarding { include_claims: some(&["sub"]), ..Forwarding::default() }), "identity: include_claims is for"),
            (told(Forwarding { jwt_expiry_seconds: 0, ..Forwarding::default() }), "identity: jwt_expiry_seconds"),
        ] {
            let found = site.problems();
            assert!(found.len() == 1 && found[0].starts_with(begins), "{begins}: {found:?}");
        }
        assert_eq!(whole.callbacks()[1], "https://app.example:8443/.gatehouse/callback");
    }
}
