//! The audit log on the pages: read, narrowed, exported and verified, each by whom it is for.

use std::time::Duration;

use gatehouse::store::users;

use crate::{admin_pages::Desk, on_both, world::Backend};

on_both!(the_log_is_read_narrowed_and_exported, a_log_that_was_altered_is_found_out, a_verification_waits_for_its_turn,);

async fn the_log_is_read_narrowed_and_exported(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    for n in 0..60 {
        let name = format!("t-{n:02}");
        let answer = desk.fill(&mut ada, "/admin/acme/teams/new", "/admin/acme/teams", &[("name", &name)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
    }
    let edit = "/admin/acme/directories/people";
    let fields = [("enabled", "on"), ("connection", "okta"), ("proven_domains_only", "on")];
    assert_eq!(desk.fill(&mut ada, edit, edit, &fields).await.status, 303);
    let entries = |body: &str| body.matches("<li id=\"e").count();
    let page = ada.get(&desk.at("/admin/acme/audit")).await;
    assert_eq!(entries(&page.body), 50);
    for words in ["proven_domains_only", "before: </span>", "after: </span>"] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    let older = page.body.split("href=\"").filter_map(|rest| rest.split('"').next()).find(|href| href.contains("before="));
    let older = ada.get(&desk.at(older.unwrap())).await;
    assert!(entries(&older.body) > 10 && older.body.contains("Newest"), "{}", older.body);
    for (query, found) in [
        ("who=ada@acme.example&what=team%20acme/t-0", 10),
        ("who=administrator%20ada@acme.example&what=team%20acme/t-0", 10),
        ("who=nobody@acme.example", 0),
        ("action=update&who=ada@acme.example", 1),
        ("since=2000-01-01&until=2000-01-02", 0),
        ("what=team%20other", 0),
        ("before=0", 0),
    ] {
        let answer = ada.get(&desk.at(&format!("/admin/acme/audit?{query}"))).await;
        assert_eq!((answer.status, entries(&answer.body)), (200, found), "{query}: {}", answer.body);
    }
    let long = format!("who={}", "a".repeat(301));
    // A file that looks narrowed and is not would be everything.
    for query in ["since=yesterday", "until=2026-13-01", "action=think", "what=a%00b", "action=a%01", &long] {
        for path in ["/admin/acme/audit", "/admin/acme/audit/export"] {
            let answer = ada.get(&desk.at(&format!("{path}?{query}"))).await;
            let told = answer.body.contains("Nothing was looked for") && answer.body.contains("aria-invalid=\"true\"");
            assert!(answer.status == 422 && told, "{path}?{query}: {} {}", answer.status, answer.body);
            assert!(entries(&answer.body) == 0 && !answer.body.contains("/export"), "{path}?{query}: {}", answer.body);
        }
    }
    for (query, found) in [("since=2000-01-01&what=team%20acme/t-0", 10), ("action=delete&what=team%20acme/t-0", 0)] {
        let file = ada.get(&desk.at(&format!("/admin/acme/audit/export?{query}"))).await;
        assert_eq!((file.status, file.body.lines().count()), (200, found), "{query}: {}", file.body);
    }
    let file = ada.get(&desk.at("/admin/acme/audit/export?what=team%20acme/t-")).await;
    let lines: Vec<&str> = file.body.lines().collect();
    assert_eq!((lines.len(), file.header("content-type")), (60, Some("application/x-ndjson")));
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"audit-acme.jsonl\""));
    let all = ada.get(&desk.at("/admin/acme/audit/export")).await;
    assert!(!all.body.contains("other"), "of another organisation nothing is said");
    let first: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!((&first["subject"], &first["tenant"]), (&"team acme/t-00".into(), &"acme".into()));
}

async fn a_verification_waits_for_its_turn(backend: Backend) {
    let desk = Desk::new(backend).await;
    users::set_platform(&desk.app.db, &desk.user_id("ada@acme.example").await, true, desk.clock.now()).await.unwrap();
    let mut ada = desk.ada().await;
    let csrf = ada.get(&desk.at("/admin/_/audit")).await.csrf();
    let home = desk.tenant().await.id;
    let turn = desk.app.limits.searches.take(&home, Duration::ZERO).await.expect("nobody is at it");
    let (mut other, check, sent) = (ada.clone(), desk.at("/admin/_/audit/verification"), [("csrf", csrf.as_str())]);
    let mut asked = Box::pin(ada.post(&check, &sent));
    let pages = async {
        for _ in 0..3 {
            assert_eq!(other.get(&desk.at("/admin/acme/teams")).await.status, 200);
        }
    };
    tokio::select! {
        biased;
        answer = &mut asked => panic!("it waits for no turn: {}", answer.status),
        () = pages => {}
    }
    drop(turn);
    let answer = asked.await;
    assert!(answer.status == 200 && answer.body.contains("in its place and unaltered"), "{}", answer.body);
    assert!(desk.app.limits.searches.take(&home, Duration::ZERO).await.is_some(), "and its turn has ended");
}

async fn a_log_that_was_altered_is_found_out(backend: Backend) {
    let desk = Desk::new(backend).await;
    users::set_platform(&desk.app.db, &desk.user_id("ada@acme.example").await, true, desk.clock.now()).await.unwrap();
    let mut ada = desk.ada().await;
    let page = ada.get(&desk.at("/admin/_/audit")).await;
    assert!(page.body.contains("tenant other") && page.body.contains("Check the log"), "{}", page.body);
    let check = desk.at("/admin/_/audit/verification");
    let good = ada.post(&check, &[("csrf", &page.csrf())]).await;
    assert!(good.status == 200 && good.body.contains("in its place and unaltered"), "{}", good.body);
    desk.sql("UPDATE audit SET actor = 'nobody' WHERE seq = 2").await;
    let bad = ada.post(&check, &[("csrf", &page.csrf())]).await;
    assert!(bad.body.contains("Entry 2 is not what was written"), "{}", bad.body);
}
