//! A name server that says what tests tell it to, over UDP as any other.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use hickory_proto::{
    op::{Message, MessageType, ResponseCode},
    rr::{
        Name, RData, Record,
        rdata::{CNAME, TXT},
    },
};
use tokio::net::UdpSocket;

#[derive(Clone, Default)]
struct Zone {
    texts: HashMap<String, Vec<String>>,
    aliases: HashMap<String, String>,
    refuses: bool,
}

/// The server. Clones are the same one.
#[derive(Clone)]
pub struct Names {
    pub address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
}

impl Names {
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let names = Self { address: socket.local_addr().unwrap(), zone: Arc::default() };
        let zone = Arc::clone(&names.zone);
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            loop {
                let Ok((length, from)) = socket.recv_from(&mut buffer).await else { return };
                let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
                let answer = answer(&zone.lock().unwrap().clone(), question);
                let _ = socket.send_to(&answer.to_vec().unwrap(), from).await;
            }
        });
        names
    }

    /// Makes these the texts at a name.
    pub fn publish(&self, name: &str, texts: &[&str]) {
        self.zone.lock().unwrap().texts.insert(name.to_owned(), texts.iter().map(|&text| text.to_owned()).collect());
    }

    /// Makes one name stand for another.
    pub fn alias(&self, name: &str, target: &str) {
        self.zone.lock().unwrap().aliases.insert(name.to_owned(), target.to_owned());
    }

    /// Forgets all names.
    pub fn clear(&self) {
        *self.zone.lock().unwrap() = Zone::default();
    }

    /// Answers nobody any more.
    pub fn refuse(&self, refuses: bool) {
        self.zone.lock().unwrap().refuses = refuses;
    }
}

fn answer(zone: &Zone, question: Message) -> Message {
    let mut answer = question;
    (answer.metadata.message_type, answer.metadata.authoritative) = (MessageType::Response, true);
    answer.metadata.recursion_available = true;
    answer.additionals.clear();
    if zone.refuses {
        answer.metadata.response_code = ResponseCode::ServFail;
        return answer;
    }
    let mut asked = answer.queries[0].name().clone();
    let plain = |name: &Name| name.to_ascii().trim_end_matches('.').to_ascii_lowercase();
    if let Some(target) = zone.aliases.get(&plain(&asked)) {
        let target = Name::from_ascii(format!("{target}.")).unwrap();
        answer.add_answer(Record::from_rdata(asked, 60, RData::CNAME(CNAME(target.clone()))));
        asked = target;
    }
    match zone.texts.get(&plain(&asked)) {
        Some(texts) => {
            // Two pieces each, as long texts are sent.
            let piece = |text: &String| TXT::new(vec![text[..text.len() / 2].to_owned(), text[text.len() / 2..].to_owned()]);
            answer.add_answers(texts.iter().map(|text| Record::from_rdata(asked.clone(), 60, RData::TXT(piece(text)))));
        }
        None => answer.metadata.response_code = ResponseCode::NXDomain,
    }
    answer
}
