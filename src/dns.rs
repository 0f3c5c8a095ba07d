//! What a name server says of a name: the texts that prove whose a domain is. The system's own look-up gives addresses alone,
//! so this asks by itself, and keeps nothing: whoever presses "Check now" wants to know what is there now.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hickory_resolver::{
    Resolver, TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig},
    net::runtime::TokioRuntimeProvider,
    proto::rr::{Name, RData, RecordType},
};

use crate::limit::turns;

/// How long one question may take in all.
const LIMIT: Duration = Duration::from_secs(8);
/// Most records of an answer that are looked at.
const MOST: usize = 64;

/// Asks a name server. Clones share it.
#[derive(Clone)]
pub struct Dns(Arc<Result<TokioResolver, String>>);

impl Dns {
    /// Asks the server at `address`, or those that the system names.
    #[must_use]
    pub fn new(address: Option<SocketAddr>) -> Self {
        let builder = match address {
            Some(address) => {
                let ways = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
                let ways = ways.map(|mut way| {
                    way.port = address.port();
                    way
                });
                let server = NameServerConfig::new(address.ip(), true, ways.into());
                let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
                Ok(Resolver::builder_with_config(config, TokioRuntimeProvider::default()))
            }
            None => Resolver::builder_tokio(),
        };
        let built = builder.and_then(|mut builder| {
            let options = builder.options_mut();
            (options.cache_size, options.timeout, options.attempts) = (0, Duration::from_secs(3), 2);
            options.use_hosts_file = ResolveHosts::Never;
            builder.build()
        });
        Self(Arc::new(built.map_err(|e| format!("no name server can be asked ({e}); name one with GATEHOUSE_DNS_RESOLVER"))))
    }

    /// The texts that stand at exactly this name. What an alias (CNAME) leads to stands elsewhere, maybe with somebody else,
    /// and is none of them.
    ///
    /// # Errors
    /// In words, when there is no answer.
    pub async fn texts(&self, name: &str) -> Result<Vec<String>, String> {
        debug_assert!(!turns::is_held(), "{name} is looked up within a turn");
        let resolver = self.0.as_ref().as_ref().map_err(Clone::clone)?;
        let name = Name::from_ascii(format!("{name}.")).map_err(|_| format!("{name} is no name that can be asked for"))?;
        let asked = tokio::time::timeout(LIMIT, resolver.lookup(name.clone(), RecordType::TXT)).await;
        let answer = match asked {
            Err(_) => return Err("the name server did not answer in time".to_owned()),
            Ok(Err(e)) if e.is_no_records_found() => return Ok(Vec::new()),
            Ok(Err(e)) => return Err(format!("the name server could not be asked: {e}")),
            Ok(Ok(answer)) => answer,
        };
        let own = answer.answers().iter().filter(|record| record.name == name);
        let texts = own.filter_map(|record| match &record.data {
            // A text longer than 255 bytes is sent in pieces.
            RData::TXT(txt) => String::from_utf8(txt.txt_data.concat()).ok(),
            _ => None,
        });
        Ok(texts.take(MOST).collect())
    }
}
