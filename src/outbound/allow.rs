//! What the operator allows outbound calls to reach although it is private (`GATEHOUSE_OUTBOUND_ALLOW`).

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de::Error as _};
use url::Host;

/// Hosts and networks that may be reached although they are private; the default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    /// Names (lower case, ASCII, no trailing dot) and addresses, for one port or for all. A name listed here may resolve
    /// to any address.
    pub hosts: Vec<(String, Option<u16>)>,
    /// Networks that names may resolve into and address literals may lie in.
    pub nets: Vec<IpNet>,
}

/// An entry that is none of host, host:port, address, address:port and network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{entry:?} is not a host, host:port, address, address:port or network; write for example \
     idp.internal, idp.internal:8443, 10.1.2.3 or 10.0.0.0/8"
)]
pub struct AllowError {
    /// The entry.
    pub entry: String,
}

impl Allow {
    /// Whether this host and port are named by themselves.
    #[must_use]
    pub fn names(&self, host: &Host<&str>, port: u16) -> bool {
        let host = spell(host);
        self.hosts.iter().any(|(name, only)| *name == host && only.is_none_or(|p| p == port))
    }

    /// Whether `ip` lies in an allowed network; an IPv4-mapped address counts as its IPv4 address.
    #[must_use]
    pub fn holds(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.nets.iter().any(|net| net.contains(&ip))
    }
}

/// One spelling per host: addresses canonical, names in lower case without the trailing dot.
fn spell<S: AsRef<str>>(host: &Host<S>) -> String {
    match host {
        Host::Domain(name) => name.as_ref().trim_end_matches('.').to_ascii_lowercase(),
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_canonical().to_string(),
    }
}

impl FromStr for Allow {
    type Err = AllowError;

    /// Reads entries separated by commas or white space.
    fn from_str(text: &str) -> Result<Self, AllowError> {
        let mut allow = Self::default();
        for entry in text.split(|c: char| c == ',' || c.is_whitespace()).filter(|e| !e.is_empty()) {
            allow.add(entry).ok_or_else(|| AllowError { entry: entry.to_owned() })?;
        }
        Ok(allow)
    }
}

impl Allow {
    fn add(&mut self, entry: &str) -> Option<()> {
        if let Ok(net) = entry.parse::<IpNet>() {
            self.nets.push(net.trunc());
            return Some(());
        }
        if let Ok(ip) = entry.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            self.nets.push(IpNet::from(ip.to_canonical()));
            return Some(());
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok().filter(|p| *p != 0)?)),
            None => (entry, None),
        };
        let host = Host::parse(host).ok()?;
        let plain = |name: &String| name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
        if matches!(&host, Host::Domain(name) if !plain(name) || name.trim_end_matches('.').is_empty()) {
            return None;
        }
        self.hosts.push((spell(&host), port));
        Some(())
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.hosts.iter().map(|(host, port)| match port {
            Some(port) if host.contains(':') => format!("[{host}]:{port}"),
            Some(port) => format!("{host}:{port}"),
            None => host.clone(),
        });
        let all: Vec<String> = hosts.chain(self.nets.iter().map(ToString::to_string)).collect();
        f.write_str(&all.join(","))
    }
}

impl<'de> Deserialize<'de> for Allow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_kind_of_entry() {
        let allow: Allow =
            "IdP.Internal., idp.internal:8443 10.1.2.3\n127.0.0.1:9000,[::1]:80 fd00::/8 172.16.9.9/12, Bücher.test"
                .parse()
                .unwrap();
        assert_eq!(
            allow.to_string(),
            "idp.internal,idp.internal:8443,127.0.0.1:9000,[::1]:80,xn--bcher-kva.test,10.1.2.3/32,fd00::/8,172.16.0.0/12"
        );
        let names = |host: &str, port| allow.names(&Host::parse(host).unwrap().as_ref_str(), port);
        assert!(names("idp.internal", 1) && names("IDP.internal.", 443) && names("[::1]", 80) && names("0x7f.1", 9000));
        assert!(!names("[::1]", 81) && !names("127.0.0.1", 80) && !names("other.internal", 443));
        assert!(allow.holds("::ffff:10.1.2.3".parse().unwrap()) && !allow.holds("10.1.2.4".parse().unwrap()));
        assert_eq!("".parse::<Allow>().unwrap(), Allow::default());
    }

    #[test]
    fn names_the_bad_entry() {
        for bad in ["https://idp.internal", "idp:0", "idp:99999", "*.internal", "10.0.0.0/33", "a:b:c", ".", "%", "user@host"] {
            let error = format!("ok.test {bad}").parse::<Allow>().unwrap_err();
            assert_eq!(error.entry, bad);
        }
    }

    trait AsRefStr {
        fn as_ref_str(&self) -> Host<&str>;
    }
    impl AsRefStr for Host<String> {
        fn as_ref_str(&self) -> Host<&str> {
            match self {
                Host::Domain(name) => Host::Domain(name),
                Host::Ipv4(ip) => Host::Ipv4(*ip),
                Host::Ipv6(ip) => Host::Ipv6(*ip),
            }
        }
    }
}
