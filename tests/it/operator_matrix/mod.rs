//! Threat M1 for those who administer, as one table: every state that something can be in, on every path that leads to what
//! operators, their programs, their guests and their directories may; at once on the node that made the change, and then on
//! another one that had it all warm. Each row has a tenant of its own in one world.
//!
//! `table` says what is expected, `scene` makes a row's tenant, `states` what becomes of it, `paths` tries them.

mod paths;
mod scene;
mod states;
mod table;

use std::fmt::Write as _;

use gatehouse::{signing, trust::STALE};

use self::{
    paths::works_once,
    scene::{Row, state},
    table::table,
};
use crate::{
    idp::Idp,
    on_both,
    world::{Backend, START, World},
};

on_both!(every_state_on_every_path);

/// Each row comes from an address of its own, so that no limit answers for the rule that is meant.
const PROXIES: [(&str, &str); 1] = [("TRUSTED_PROXIES", "127.0.0.1/32, ::1/128")];

async fn every_state_on_every_path(backend: Backend) {
    let world = World::bare(backend, gatehouse::clock::Clock::manual(START), &PROXIES).await;
    let idp = Idp::start(world.clock.clone()).await;
    let (paths, rows) = table();
    world.apply(&state(&idp, rows.iter().map(|(name, _)| *name))).await;
    // One password is hashed, and platform administrators come from no file.
    let hash = "(SELECT h.password_hash FROM users h WHERE h.email = 'ada@nothing.example')";
    let copied = format!("UPDATE users SET password_hash = {hash}, platform = email LIKE 'root@%'");
    world.sql(copied.leak()).await;
    let there = world.second_node_with(&PROXIES).await;
    let (mut found, mut wrong) = (String::new(), Vec::new());
    for (at, (name, expected)) in rows.into_iter().enumerate() {
        let mut row = Row::prepare(&world, &idp, name, at).await;
        // Whatever another row's preparation has changed is known everywhere before this one's state is made.
        world.clock.advance(STALE);
        for path in paths.iter().filter(|path| !works_once(path)) {
            for node in [&world.url, &there.url] {
                assert_eq!(row.attempt(node, path).await, "yes", "{name} × {path} before anything is changed");
            }
        }
        row.make().await;
        for node in [&world, &there] {
            // What every node does in the background when the keys are others, by a clock that no test turns. All else is read
            // from the database, and so counts at once.
            if name == "signing-key-retired" {
                signing::load(&node.app.db, &node.app.sealer, &node.app.ring, node.clock.now()).await.unwrap();
            }
            write!(found, "\n{name:26}").unwrap();
            for (path, expected) in paths.iter().zip(&expected) {
                let outcome = row.attempt(&node.url, path).await;
                let mark = if outcome == *expected { "" } else { "!" };
                write!(found, " {path}={mark}{outcome}").unwrap();
                if outcome != *expected {
                    let which = if node.url == world.url { "the same node" } else { "another node" };
                    wrong.push(format!("{name} × {path}, at {which}: {outcome}, expected {expected}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}{found}");
}
