//! Threat M1, as one table: every state that something can be in, on every path. Each row has a tenant of its own in one
//! world; what its paths need is prepared while everything is on, then the row's state is made, then every path is tried: once
//! where the state was made, and in another world at a second node, at once, since all of it is read from the database.
//!
//! `table` says what is expected, `scene` makes a row's tenant, `states` what becomes of it, `paths` tries them. What bearers,
//! sites' cookies and exchanged tokens meet is `trust_matrix`; what administrators, their tokens and their guests meet is
//! `operator_matrix`. There is no device flow (RFC 8628) and no connection that is for linking alone: the nearest states of a
//! connection are `login-off`, `email-trust-never` and `invite-only`.

mod paths;
mod scene;
mod states;
mod table;

use std::fmt::Write as _;

use gatehouse::{clock::Clock, signing};

use self::{
    scene::{Row, state},
    table::table,
};
use crate::{
    idp::Idp,
    on_both,
    sso::Sso,
    world::{Backend, START, World},
};

on_both!(every_state_on_every_path, every_state_at_another_node);

/// No limit answers for the rule that is meant.
const SETTINGS: [(&str, &str); 1] = [("SIGN_IN_RATE", "100000")];

async fn every_state_on_every_path(backend: Backend) {
    let sso = sso(backend).await;
    every_row(&sso, &sso.world).await;
}

async fn every_state_at_another_node(backend: Backend) {
    let sso = sso(backend).await;
    let there = sso.second_node_with(&SETTINGS).await;
    every_row(&sso, &there).await;
}

async fn sso(backend: Backend) -> Sso {
    let clock = Clock::manual(START);
    let (idp, world) = (Idp::start(clock.clone()).await, World::bare(backend, clock, &SETTINGS).await);
    world.apply(&state(&idp)).await;
    // One password is hashed.
    world
        .sql("UPDATE users SET password_hash = (SELECT h.password_hash FROM users h WHERE h.email = 'bob@nothing.example')")
        .await;
    Sso { world, idp }
}

/// Makes each row's state at the first node, and tries its paths at `node`.
async fn every_row(sso: &Sso, node: &World) {
    let (paths, rows) = table();
    let (mut found, mut wrong) = (String::new(), Vec::new());
    for (name, expected) in rows {
        let mut row = Row::prepare(sso, name).await;
        row.make().await;
        if name == "signing-key-retired" {
            // As every node does in the background when the keys are others, by a clock that no test turns.
            for app in [&sso.app, &node.app] {
                signing::load(&app.db, &app.sealer, &app.ring, node.clock.now()).await.unwrap();
            }
        }
        write!(found, "\n{name:22}").unwrap();
        for (path, expected) in paths.iter().zip(expected) {
            let outcome = row.attempt(&node.url, path).await;
            let mark = if outcome == expected { "" } else { "!" };
            write!(found, " {path}={mark}{outcome}").unwrap();
            if outcome != expected {
                wrong.push(format!("{name} × {path}: {outcome}, expected {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}{found}");
}
