//! Who sends slowly keeps nobody waiting but themselves, and holds no more than there is room for.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Pusher, Scim, group, pusher, refused};
use crate::{on_both, world::Backend};
use gatehouse::policy::directory::DirectorySettings;

on_both!(nobody_waits_for_a_slow_sender, a_tenant_holds_so_much, a_token_that_has_ended_writes_nothing);

/// A body that has begun.
struct Slow {
    connection: TcpStream,
    rest: Vec<u8>,
}

impl Slow {
    /// Sends the head and the first `bytes` of a new group, and waits until the node has them.
    async fn begin(scim: &Scim, directory: &Pusher, body: &Value, bytes: usize) -> Self {
        let port = url::Url::parse(&scim.world.url).unwrap().port().unwrap();
        let mut connection = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let body = body.to_string().into_bytes();
        let head = format!(
            "POST /scim/v2/Groups HTTP/1.1\r\nhost: localhost:{port}\r\nauthorization: Bearer {}\r\n\
             content-type: application/scim+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            directory.token,
            body.len()
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        let intake = &scim.world.app.limits.intake;
        let before = intake.held(&directory.row.tenant_id);
        connection.write_all(&body[..bytes]).await.unwrap();
        while intake.held(&directory.row.tenant_id) < before + bytes {
            tokio::task::yield_now().await;
        }
        Self { connection, rest: body[bytes..].to_vec() }
    }

    /// Sends the rest; the answer's head and body.
    async fn end(mut self) -> String {
        self.connection.write_all(&self.rest).await.unwrap();
        let mut answer = String::new();
        self.connection.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

fn large(name: &str, member: &Value) -> Value {
    let members = vec![json!({"value": member["id"], "display": "x".repeat(100)}); 4_000];
    json!({"displayName": name, "members": members})
}

/// Each held the one turn of its tenant, and one of four of the node, for as long as it lived.
async fn nobody_waits_for_a_slow_sender(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let other = pusher(&scim.world, "other", "okta", DirectorySettings::default(), None).await;
    let theirs = other.user("kim@other.example").await;
    let mut slow = Vec::new();
    for (n, (directory, member)) in [(&scim.directory, &kim), (&other, &theirs), (&other, &theirs)].into_iter().enumerate() {
        slow.push(Slow::begin(&scim, directory, &large(&format!("Slow {n}"), member), 300 * 1024).await);
    }
    for (directory, member) in [(&scim.directory, &kim), (&other, &theirs)] {
        let honest = tokio::time::timeout(Duration::from_secs(8), directory.post("/Groups", &large("Large", member))).await;
        let honest = honest.expect("nobody waits for the slow ones");
        assert_eq!(honest.status, 201, "{}", honest.body);
    }
    // And they are served when they are done.
    for slow in slow {
        let answer = slow.end().await;
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
    let intake = &scim.world.app.limits.intake;
    assert_eq!((intake.held(&scim.row.tenant_id), intake.held(&other.row.tenant_id)), (0, 0));
}

async fn a_tenant_holds_so_much(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let other = pusher(&scim.world, "other", "okta", DirectorySettings::default(), None).await;
    let theirs = other.user("kim@other.example").await;
    let mut huge = large("Huge", &kim);
    huge["notes"] = json!("x".repeat(14 * 1024 * 1024));
    let half = 14 * 1024 * 1024;
    let [one, two] = [Slow::begin(&scim, &scim, &huge, half).await, Slow::begin(&scim, &scim, &huge, half).await];
    // Four of thirty-two megabytes are left, which this passes with its last bytes.
    let third = json!({"displayName": "x", "notes": "x".repeat(4 * 1024 * 1024)});
    let third = scim.post("/Groups", &third).await;
    refused(&third, 429, None);
    assert_eq!(third.header("retry-after"), Some("5"));
    // Honestly: what is smaller, what is another tenant's, and what comes when there is room.
    assert_eq!(scim.post("/Groups", &group("Small", &[&kim])).await.status, 201);
    assert_eq!(scim.post("/Groups", &large("Large", &kim)).await.status, 201);
    assert_eq!(other.post("/Groups", &large("Large", &theirs)).await.status, 201);
    for slow in [one, two] {
        let answer = slow.end().await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("as it is sent"), "{answer}");
    }
}

/// A body that was held back, or a long Bulk, went on writing after the token had ended.
async fn a_token_that_has_ended_writes_nothing(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let other = pusher(&scim.world, "acme", "other", DirectorySettings::default(), None).await;
    let theirs = other.user("ray@acme.example").await;
    for (n, end) in [
        "UPDATE directory_tokens SET expires_at = 1 WHERE directory_id IN (SELECT id FROM directories WHERE name = 'entra')",
        "UPDATE directories SET enabled = FALSE WHERE name = 'entra'",
        "DELETE FROM directory_tokens WHERE directory_id IN (SELECT id FROM directories WHERE name = 'entra')",
    ]
    .into_iter()
    .enumerate()
    {
        let slow = Slow::begin(&scim, &scim, &large(&format!("Slow {n}"), &kim), 300 * 1024).await;
        let honest = Slow::begin(&scim, &other, &large(&format!("Honest {n}"), &theirs), 300 * 1024).await;
        scim.world.sql(end).await;
        let answer = slow.end().await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{end}: {answer}");
        assert!(honest.end().await.starts_with("HTTP/1.1 201"), "{end}");
        for (sql, there) in [
            ("SELECT COUNT(*) FROM directory_groups WHERE shown_name LIKE 'Slow%'", 0),
            ("SELECT COUNT(*) FROM directory_groups WHERE shown_name LIKE 'Honest%'", i64::try_from(n).unwrap() + 1),
        ] {
            assert_eq!(scim.world.app.db.all::<(i64,)>(sql, &[]).await.unwrap(), [(there,)], "{end}");
        }
        scim.world.sql("UPDATE directory_tokens SET expires_at = NULL").await;
        scim.world.sql("UPDATE directories SET enabled = TRUE").await;
    }
}
