//! Long entries of the audit log: read and verified a part at a time, however many bytes they are.

use gatehouse::store::{
    Db,
    audit::{self, Action, Broken, Changes, Event, Filter, Flaw},
};
use serde_json::json;

use crate::{
    audit::{ada, made, sealer, verdict, write},
    on_both_databases,
};

on_both_databases!(what_is_long_is_read_and_verified_part_by_part, older_entries_without_an_end_are_read_one_by_one);

/// Nine tenths of the longest entry.
fn long(n: i64) -> Changes {
    Changes::default().is("number", n).is("list", vec!["x".repeat(390); 38])
}

/// Its steps and pages end at some bytes, before they have as many entries as they may.
async fn what_is_long_is_read_and_verified_part_by_part(db: &Db) {
    made(db).await;
    let mut tx = db.begin().await.unwrap();
    for n in 1..=200 {
        let event = Event::new("acme", Action::Update, format!("thing {n}")).with(long(n));
        audit::append(&mut tx, &sealer(1), &ada(), event, n);
    }
    tx.commit().await.unwrap();
    let first = audit::part(db, &Filter::default(), None, 200).await.unwrap();
    assert!(first.more && (50..80).contains(&first.entries.len()), "{} {}", first.more, first.entries.len());
    // Nothing is lost over the parts, from either end.
    let (mut seqs, mut part) = (Vec::new(), first);
    loop {
        seqs.extend(part.entries.iter().map(|entry| entry.seq));
        if !part.more {
            break;
        }
        part = audit::part(db, &Filter { action: Some("update"), ..Filter::default() }, seqs.last().copied(), 200).await.unwrap();
    }
    assert_eq!(seqs, (1..=200).rev().collect::<Vec<_>>());
    let mut seqs = vec![0];
    loop {
        let entries = audit::stretch(db, &Filter::default(), (seqs[seqs.len() - 1], 190), 500).await.unwrap();
        if entries.is_empty() {
            break;
        }
        assert!(entries.len() < 80, "{}", entries.len());
        assert!(entries.iter().all(|entry| entry.changes["number"] == json!({"is": entry.seq})), "each as it was written");
        seqs.extend(entries.iter().map(|entry| entry.seq));
    }
    assert_eq!(seqs, (0..=190).collect::<Vec<_>>());
    let mut walk = audit::Walk::begin(db, &sealer(1)).await.unwrap();
    let mut steps = 1;
    let found = loop {
        match walk.step(db).await.unwrap() {
            Some(found) => break found,
            None => steps += 1,
        }
    };
    assert!(steps >= 3 && found.as_ref().is_ok_and(|intact| (intact.first, intact.last) == (1, 200)), "{steps} {found:?}");
    // What is old goes, however long it is.
    let mut gone = 0;
    loop {
        match audit::retain(db, &sealer(1), 150).await.unwrap() {
            0 => break,
            some => gone += some,
        }
    }
    assert_eq!((gone, verdict(db).await.map(|intact| (intact.first, intact.last))), (150, Ok((151, 200))));
}

/// Of a version that wrote them as long as they came.
async fn older_entries_without_an_end_are_read_one_by_one(db: &Db) {
    write(db, 5).await;
    let huge = json!({"size": {"is": "y".repeat(3 * 1024 * 1024)}});
    let text = huge.to_string();
    for seq in [2, 3] {
        let params = gatehouse::params![seq, &text];
        assert_eq!(db.execute("UPDATE audit SET changes = $2 WHERE seq = $1", params).await.unwrap(), 1);
    }
    let (mut parts, mut before) = (Vec::new(), None);
    loop {
        let part = audit::part(db, &Filter::default(), before, 200).await.unwrap();
        let Some(last) = part.entries.last() else { break };
        before = Some(last.seq);
        assert!(part.entries.iter().all(|entry| entry.seq == 2 || entry.seq == 3 || entry.changes != huge));
        parts.push(part.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>());
    }
    assert_eq!(parts, [vec![5, 4], vec![3], vec![2], vec![1]]);
    let read = audit::following(db, &Filter::default(), 1, 200).await.unwrap();
    assert_eq!(read.iter().map(|entry| (entry.seq, entry.changes == huge)).collect::<Vec<_>>(), [(2, true)]);
    // And the walk comes by them: it says of each whether it is what was written.
    assert_eq!(verdict(db).await, Err(Broken { seq: 2, flaw: Flaw::Altered }));
}
