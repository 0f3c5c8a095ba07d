//! Threat M1 for bearers, as one table: every state that something can be in, on every path that a token or a site's
//! cookie takes; at once on the node that made the change, and after five seconds on another one that had it all warm.
//! Each row has a tenant of its own in one world.
//!
//! `table` says what is expected, `scene` makes a row's tenant, `states` what becomes of it, `paths` tries them.

mod paths;
mod scene;
mod states;
mod table;

use std::fmt::Write as _;

use gatehouse::{
    signing,
    trust::{LOOK, STALE},
};

use self::{
    scene::{Row, endpoint, state},
    table::table,
};
use crate::{
    idp::Idp,
    on_both,
    world::{Backend, World},
};

on_both!(every_state_on_every_path);

const PROXIES: [(&str, &str); 1] = [("TRUSTED_PROXIES", "127.0.0.1/32, ::1/128")];

async fn every_state_on_every_path(backend: Backend) {
    let world = World::bare(backend, gatehouse::clock::Clock::manual(crate::world::START), &PROXIES).await;
    let idp = Idp::start(world.clock.clone()).await;
    let (paths, rows) = table();
    world.apply(&state(&idp, rows.iter().map(|(name, _)| *name))).await;
    let asked = endpoint(world.clock.clone()).await;
    let there = world.second_node_with(&PROXIES).await;
    let (mut found, mut wrong) = (String::new(), Vec::new());
    for (name, expected) in rows {
        let mut row = Row::prepare(&world, &idp, &asked, name).await;
        // Whatever another row's preparation has changed is known everywhere before this one's state is made.
        world.clock.advance(STALE);
        for path in &paths {
            for node in [&world.url, &there.url] {
                assert_eq!(row.attempt(node, path).await, "yes", "{name} × {path} before anything is changed");
            }
        }
        row.make().await;
        // Who is shut out is out everywhere within a second.
        let shut = ["user-deactivated", "shut-by-directory", "reactivated", "record-deleted", "user-deleted", "signed-out"];
        let later = if shut.contains(&name) { LOOK } else { STALE };
        for (node, wait) in [(&world.url, 0), (&there.url, later)] {
            world.clock.advance(wait);
            if wait > 0 && name == "signing-key-retired" {
                // As every node does in the background when the keys are others, by a clock that no test turns. Where they
                // are not, it would make the node forget what the state is to make it forget.
                signing::load(&there.app.db, &there.app.sealer, &there.app.ring, there.clock.now()).await.unwrap();
            }
            write!(found, "\n{name:26}").unwrap();
            for (path, expected) in paths.iter().zip(&expected) {
                let outcome = row.attempt(node, path).await;
                let mark = if outcome == *expected { "" } else { "!" };
                write!(found, " {path}={mark}{outcome}").unwrap();
                if outcome != *expected {
                    wrong.push(format!("{name} × {path}, {wait} s later: {outcome}, expected {expected}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}{found}");
}
