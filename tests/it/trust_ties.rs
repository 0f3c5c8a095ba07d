//! Which of two equal mappings counts.

use gatehouse::{
    apply::single::{self, Expect, Noun, Order},
    store::{
        audit::{Actor, Via},
        tenants,
    },
};
use serde_json::{Value, json};

use crate::{on_both, trusted::Trusted, world::Backend};

on_both!(of_equals_the_first_made_wins_within_one_second_too);

/// The clock tells seconds, and people and scripts make several things in one.
async fn of_equals_the_first_made_wins_within_one_second_too(backend: Backend) {
    let world = Trusted::new(backend).await;
    let tenant = tenants::find_by_name(&world.app.db, "acme").await.unwrap().unwrap();
    let actor = Actor { name: "root".to_owned(), id: None, via: Via::Api, address: None, with: None };
    let make = async |noun, body: Value| {
        let (sealer, now) = (&world.app.sealer, world.clock.now());
        let order = Order { sealer, ahead: None, actor: &actor, platform: true, force: false, now };
        let mut tx = world.app.db.begin().await.unwrap();
        single::put(&mut tx, &order, &tenant, noun, None, &body, Expect::New).await.unwrap();
        tx.commit().await.unwrap();
    };
    for n in 0..12 {
        // Neither the order of the alphabet nor that of the kinds.
        let first = json!({"name": format!("z{n}"), "issuer": "idp", "claims": {"n": n}});
        let second = json!({"name": format!("a{n}"), "issuer": "idp", "claims": {"n": n}});
        let (one, other) = if n % 2 == 0 {
            (Noun::ExternalIdentities, Noun::VirtualAccounts)
        } else {
            (Noun::VirtualAccounts, Noun::ExternalIdentities)
        };
        make(one, first).await;
        make(other, second).await;
    }
    for n in 0..12 {
        assert_eq!(world.name(&world.token(json!({"n": n}))).await, format!("z{n}"));
    }
}
