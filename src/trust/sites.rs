//! The sites (services behind forward auth) as they are kept in memory: found by host and path, their rules compiled.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, OnceLock},
};

use http::HeaderName;

use crate::{
    policy::{
        claim_rules::ClaimRules,
        identity_header::{self, Chosen},
        place::{self, Path},
        site::{OURSELVES, SiteSettings},
    },
    secret, store,
    trust::catalogue::Catalogue,
};

/// A site, ready to judge by.
#[derive(Debug)]
pub struct Site {
    /// Row id.
    pub id: String,
    /// Whose it is.
    pub tenant_id: String,
    /// Unique within the tenant.
    pub name: String,
    /// Whether anybody passes.
    pub enabled: bool,
    /// What the operator says.
    pub settings: SiteSettings,
    /// What the claims must be.
    pub rules: ClaimRules,
    /// The headers that tell it who is there.
    pub headers: Vec<HeaderName>,
    /// Names of such headers that the tenant has chosen for any of its sites.
    pub chosen: Arc<Chosen>,
    /// The name of its session cookie: two sites may share a host, and neither is to end the other's sessions.
    pub cookie: String,
    /// Why its settings cannot work: then nobody passes.
    pub broken: Option<String>,
    accepts: OnceLock<(i64, Arc<Accepts>)>,
}

/// Whose tokens a site accepts, by row id.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Accepts {
    /// Whether our own.
    pub own: bool,
    /// Those whose tokens come in `Authorization`.
    pub bearer: HashSet<String>,
    /// Those whose tokens come in a header of their own (in lower case).
    pub headers: Vec<(String, HashSet<String>)>,
}

impl Accepts {
    fn of(site: &Site, catalogue: &Catalogue) -> Self {
        let mut accepts = Self { own: site.settings.issuers.is_empty(), ..Self::default() };
        for name in &site.settings.issuers {
            if name == OURSELVES {
                accepts.own = true;
                continue;
            }
            let Some(issuer) = catalogue.issuer_by_name(&site.tenant_id, name) else {
                tracing::warn!(site = site.name, issuer = name, "a site names an issuer that there is none of");
                continue;
            };
            let Some(key) = issuer.settings.header_key.as_ref().map(|key| key.to_ascii_lowercase()) else {
                accepts.bearer.insert(issuer.id.clone());
                continue;
            };
            match accepts.headers.iter_mut().find(|(name, _)| *name == key) {
                _ if key == "authorization" => drop(accepts.bearer.insert(issuer.id.clone())),
                Some((_, ids)) => drop(ids.insert(issuer.id.clone())),
                None => accepts.headers.push((key, HashSet::from([issuer.id.clone()]))),
            }
        }
        accepts
    }

    /// Whether tokens of a source are accepted, wherever they come in.
    #[must_use]
    pub fn holds(&self, source: &str) -> bool {
        let mut places = self.headers.iter().map(|(_, ids)| ids).chain([&self.bearer]);
        places.any(|ids| ids.contains(source))
    }

    /// The sources of a header.
    #[must_use]
    pub fn from_header(&self, name: &str) -> Option<&HashSet<String>> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, ids)| ids)
    }
}

impl Site {
    /// `kept`: the rules that it had, which need not be compiled again where they are the same.
    fn new(site: store::sites::Site, kept: Option<&ClaimRules>) -> Self {
        let store::sites::Site { id, tenant_id, name, enabled, settings, .. } = site;
        let rules = match kept.filter(|rules| rules.are_of(&settings.claims)) {
            Some(rules) => Ok(rules.clone()),
            None => ClaimRules::compile(&settings.claims),
        };
        let names = identity_header::names(&settings.identity);
        let bad = names.iter().find_map(|name| identity_header::check(name).err().map(|why| format!("the header {name} {why}")));
        let twice = || identity_header::twice(&names).map(|name| format!("the header {name} would tell two things"));
        let broken = rules.as_ref().err().cloned().or(bad).or_else(twice);
        // One that is none has been found bad.
        let headers = names.iter().filter_map(|name| HeaderName::try_from(name).ok()).collect();
        let digest: String = secret::digest(&id).chars().filter(char::is_ascii_alphanumeric).take(8).collect();
        let cookie = format!("__Host-gatehouse-site-{digest}");
        let rules = rules.unwrap_or_default();
        let (chosen, accepts) = (Arc::default(), OnceLock::new());
        Self { rules, headers, chosen, cookie, broken, id, tenant_id, name, enabled, settings, accepts }
    }

    /// Whose tokens it accepts, by the catalogue that it was found in.
    #[must_use]
    pub fn accepts(&self, catalogue: &Catalogue) -> Arc<Accepts> {
        let resolve = || Arc::new(Accepts::of(self, catalogue));
        let (version, accepts) = self.accepts.get_or_init(|| (catalogue.version, resolve()));
        if *version == catalogue.version { Arc::clone(accepts) } else { resolve() }
    }

    /// Whether anybody may reach the path.
    fn is_public(&self, path: &str) -> bool {
        self.settings.public_paths.iter().any(|prefix| place::holds(prefix, path))
    }
}

/// What is found at an address.
#[derive(Clone, Debug)]
pub enum Found {
    /// A site, and whether this path of it is open to anybody.
    Site {
        /// The site.
        site: Arc<Site>,
        /// Whether anybody may reach the path.
        public: bool,
    },
    /// None: no site has the host, or none of the host's has the path.
    Unknown,
    /// The host has rules that depend on the path, and servers read this path differently.
    Ambiguous,
}

#[derive(Debug, Default)]
struct Host {
    /// Beginnings of paths, the longest first.
    places: Vec<(String, Arc<Site>)>,
}

impl Host {
    fn at(&self, path: &str) -> Option<(&Arc<Site>, bool)> {
        let (_, site) = self.places.iter().find(|(prefix, _)| place::holds(prefix, path))?;
        Some((site, site.is_public(path)))
    }

    /// The one site of a host where the path makes no difference.
    fn whole(&self) -> Option<&Arc<Site>> {
        match self.places.as_slice() {
            [(prefix, site)] if prefix == "/" && site.settings.public_paths.is_empty() => Some(site),
            _ => None,
        }
    }

    /// The same host for an application that takes `/Admin` for `/admin`.
    fn folded(&self, path: &str) -> Option<(&Arc<Site>, bool)> {
        let path = path.to_lowercase();
        let below = |prefix: &String| place::holds(&prefix.to_lowercase(), &path);
        let (_, site) = self.places.iter().find(|(prefix, _)| below(prefix))?;
        Some((site, site.settings.public_paths.iter().any(below)))
    }
}

/// Every site, by host.
#[derive(Debug, Default)]
pub struct Sites {
    hosts: HashMap<String, Host>,
}

impl Sites {
    /// Of what is stored, each with the reason where it could not be read, beside gatehouse itself at the host name `ours`,
    /// whose admin API is the audience `administers`.
    /// A site that cannot work stays where it is, and refuses everybody: another one's rules are not its own.
    #[must_use]
    pub fn build(stored: Vec<(store::sites::Site, Option<String>)>, ours: &str, administers: &str) -> Self {
        Self::build_after(None, stored, ours, administers)
    }

    /// The same, with the rules of those `before` that have not changed.
    #[must_use]
    pub fn build_after(
        before: Option<&Self>,
        stored: Vec<(store::sites::Site, Option<String>)>,
        ours: &str,
        administers: &str,
    ) -> Self {
        let old = before.into_iter().flat_map(|before| before.hosts.values()).flat_map(|host| &host.places);
        let kept: HashMap<&str, &ClaimRules> = old.map(|(_, site)| (site.id.as_str(), &site.rules)).collect();
        let mut hosts: HashMap<String, Host> = HashMap::new();
        let chosen = chosen(&stored);
        for (site, unread) in stored {
            let known = kept.get(site.id.as_str()).copied();
            let mut site = Site::new(site, known);
            site.chosen = chosen.get(&site.tenant_id).cloned().unwrap_or_default();
            site.broken = unread.or(site.broken);
            // Cookies know no ports (RFC 6265 §8.5): whoever serves a site at our name is sent our sessions.
            if site.settings.hosts.iter().any(|host| place::host_name(host).eq_ignore_ascii_case(ours)) {
                site.broken.get_or_insert_with(|| format!("{ours} is gatehouse's own host name; give the site another"));
            }
            // Whoever is shown a token with which administrators administer could do so too.
            if site.settings.audience.as_deref() == Some(administers) {
                let why = || format!("{administers} is the audience of gatehouse's own admin API; give the site another");
                site.broken.get_or_insert_with(why);
            }
            let site = Arc::new(site);
            if let Some(why) = &site.broken {
                tracing::error!(site = site.name, why, "a site's settings cannot work: nobody passes");
            }
            let everywhere = ["/".to_owned()];
            let paths = if site.settings.paths.is_empty() { &everywhere[..] } else { &site.settings.paths };
            for name in &site.settings.hosts {
                let places = &mut hosts.entry(name.to_ascii_lowercase()).or_default().places;
                places.extend(paths.iter().map(|path| (path.clone(), Arc::clone(&site))));
            }
        }
        for host in hosts.values_mut() {
            host.places.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.trim_end_matches('/').len()));
        }
        Self { hosts }
    }

    /// The site at an address: `host` as [`place::host`] gives it, `target` the request's path with its query.
    #[must_use]
    pub fn find(&self, host: &str, target: &str) -> Found {
        let Some(host) = self.hosts.get(host) else { return Found::Unknown };
        if let Some(site) = host.whole() {
            return Found::Site { site: Arc::clone(site), public: false };
        }
        let Path::Plain(path) = Path::read(target) else { return Found::Ambiguous };
        let same = |a: &Option<(&Arc<Site>, bool)>, b: &Option<(&Arc<Site>, bool)>| match (a, b) {
            (Some((a, a_public)), Some((b, b_public))) => Arc::ptr_eq(a, b) && a_public == b_public,
            (None, None) => true,
            _ => false,
        };
        let found = host.at(&path);
        if !same(&found, &host.folded(&path)) {
            return Found::Ambiguous;
        }
        found.map_or(Found::Unknown, |(site, public)| Found::Site { site: Arc::clone(site), public })
    }

    /// The sites of a host, each once.
    #[must_use]
    pub fn at_host(&self, host: &str) -> Vec<Arc<Site>> {
        let mut sites: Vec<Arc<Site>> = Vec::new();
        for (_, site) in self.hosts.get(host).map(|host| host.places.as_slice()).unwrap_or_default() {
            if !sites.iter().any(|known| known.id == site.id) {
                sites.push(Arc::clone(site));
            }
        }
        sites
    }

    /// By row id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<Arc<Site>> {
        self.hosts.values().flat_map(|host| &host.places).find(|(_, site)| site.id == id).map(|(_, site)| Arc::clone(site))
    }
}

/// The names of separate headers that each tenant has chosen.
fn chosen(stored: &[(store::sites::Site, Option<String>)]) -> HashMap<String, Arc<Chosen>> {
    let mut all: HashMap<&str, Chosen> = HashMap::new();
    for (site, _) in stored.iter().filter(|(site, _)| !site.settings.identity.header_names.is_empty()) {
        all.entry(&site.tenant_id).or_default().add(&site.settings.identity);
    }
    all.into_iter().map(|(tenant, chosen)| (tenant.to_owned(), Arc::new(chosen))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(name: &str, hosts: &[&str], paths: &[&str], public: &[&str]) -> (store::sites::Site, Option<String>) {
        let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let settings =
            SiteSettings { hosts: texts(hosts), paths: texts(paths), public_paths: texts(public), ..SiteSettings::default() };
        let (id, tenant_id) = (format!("id-{name}"), "acme".to_owned());
        (store::sites::Site { id, tenant_id, name: name.to_owned(), enabled: true, settings, created_at: 0 }, None)
    }

    fn found(sites: &Sites, host: &str, target: &str) -> String {
        match sites.find(host, target) {
            Found::Site { site, public } => format!("{}{}", site.name, if public { " public" } else { "" }),
            Found::Unknown => "unknown".to_owned(),
            Found::Ambiguous => "ambiguous".to_owned(),
        }
    }

    #[test]
    fn the_longest_path_decides_and_doubt_refuses() {
        let sites = Sites::build(
            vec![
                stored("wiki", &["app.example"], &[], &["/health"]),
                stored("admin", &["app.example"], &["/admin", "/ops/"], &[]),
                stored("deep", &["app.example"], &["/admin/deep"], &["/admin/deep/open"]),
                stored("plain", &["plain.example", "second.example:8443"], &[], &[]),
                stored("part", &["part.example"], &["/api"], &[]),
            ],
            "us",
            "https://us/api/v1",
        );
        for (host, target, site) in [
            ("app.example", "/", "wiki"),
            ("app.example", "/health?x", "wiki public"),
            ("app.example", "/healthy", "wiki"),
            ("app.example", "/admin", "admin"),
            ("app.example", "/admin/x", "admin"),
            ("app.example", "/%61dmin/x", "admin"),
            ("app.example", "/administrator", "wiki"),
            ("app.example", "/ops", "admin"),
            ("app.example", "/admin/deep", "deep"),
            ("app.example", "/admin/deep/open/1", "deep public"),
            ("app.example", "/health/../admin", "ambiguous"),
            ("app.example", "/health/..%2fadmin", "ambiguous"),
            ("app.example", "/health;/../admin", "ambiguous"),
            ("app.example", "//admin", "ambiguous"),
            ("app.example", "/.//admin", "ambiguous"),
            ("app.example", "/x?next=/../admin", "wiki"),
            ("app.example", "/Admin", "ambiguous"),
            ("app.example", "/HEALTH", "ambiguous"),
            ("app.example", "/Wiki", "wiki"),
            ("plain.example", "/a/../b//c;d", "plain"),
            ("second.example:8443", "/", "plain"),
            ("second.example", "/", "unknown"),
            ("part.example", "/api/1", "part"),
            ("part.example", "/", "unknown"),
            ("part.example", "/x/..%2fapi", "ambiguous"),
            ("evil.example", "/", "unknown"),
        ] {
            assert_eq!(found(&sites, host, target), site, "{host} {target}");
        }
        assert_eq!(sites.at_host("app.example").len(), 3);
        assert_eq!(sites.by_id("id-part").unwrap().name, "part");
    }

    #[test]
    fn settings_that_cannot_work_are_known() {
        let (mut site, _) = stored("bad", &["bad.example"], &[], &[]);
        site.settings.identity.method = crate::policy::site::ForwardMethod::JwtHeader;
        site.settings.identity.header_name = Some("Connection".into());
        let Found::Site { site, .. } = Sites::build(vec![(site, None)], "us", "https://us/api/v1").find("bad.example", "/")
        else {
            panic!("it is found")
        };
        assert!(site.broken.as_ref().unwrap().contains("connection"));
    }

    #[test]
    fn no_site_is_where_gatehouse_is() {
        let hosts = ["sso.example:8443", "app.example"];
        let stored = hosts.map(|host| stored(host, &[host], &[], &[])).into();
        let sites = Sites::build(stored, "sso.example", "https://sso.example/api/v1");
        let broken = hosts.map(|host| match sites.find(host, "/") {
            Found::Site { site, .. } => site.broken.is_some(),
            _ => panic!("{host} is found"),
        });
        assert_eq!(broken, [true, false]);
    }
}
