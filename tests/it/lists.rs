//! Lists of a hundred thousand go along an index: none is put in order as a whole, whatever page of it is asked for. The rows
//! of an ordinary run are fewer, which changes no plan; `GATEHOUSE_LIST_ROWS=100000 cargo test --test it lists -- --nocapture`
//! makes them all and prints how long each statement takes.
//!
//! A search for a part of a name, and entries of the log by actor, subject or time, walk the tenant's own part of that index
//! until the page is full: what finds little looks at all of it. SQLite's plan shows so for every search. PostgreSQL may
//! well read a table at once where few rows are expected, and put those few in order; there the time must be what a walk takes.

use std::time::Duration;

use tokio::time::Instant;

use gatehouse::{
    params,
    policy::{connection::Protocol, principal::Kind},
    store::{
        Db, audit, clients, collaborators, connection_ends, connections, directories, invites, principals, resources,
        setup_links, sites,
        statement::Statement,
        team_members, teams, tenants, trusted_issuers, users,
        window::{Narrow, Phase, Window},
    },
};

use crate::{
    on_both,
    world::{Backend, World},
};

on_both!(lists_go_along_an_index,);

#[derive(sqlx::FromRow)]
struct Lite {
    detail: String,
}

#[derive(sqlx::FromRow)]
struct Postgres {
    #[sqlx(rename = "QUERY PLAN")]
    line: String,
}

#[derive(sqlx::FromRow)]
struct Any {}

const STATE: &str = "tenants: [{name: acme}, {name: small}]";

fn number() -> usize {
    std::env::var("GATEHOUSE_LIST_ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000)
}

/// As many of each as [`number`] says, of one tenant.
async fn crowd(world: &World, tenant: &str) {
    let rows = number();
    let numbers = format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})");
    let id = |what: &str| format!("'{what}' || i");
    for sql in [
        format!(
            "INSERT INTO users (id, tenant_id, email, email_proven, name, admin, active, created_at, updated_at) {numbers} SELECT {}, '{tenant}', 'u-' || i || '@acme.example', TRUE, 'Kim ' || i, i % 20 = 0, i % 10 > 0, i, i FROM n",
            id("u")
        ),
        format!(
            "INSERT INTO teams (id, tenant_id, name, created_at) {numbers} SELECT {}, '{tenant}', 'team-' || i, i FROM n",
            id("t")
        ),
        format!(
            "INSERT INTO clients (id, tenant_id, name, trusted, enabled, settings, created_at) {numbers} SELECT {}, '{tenant}', 'Client', FALSE, TRUE, '{{}}', i FROM n",
            id("c")
        ),
        format!(
            "INSERT INTO principals (id, tenant_id, kind, name, enabled, created_at) {numbers} SELECT {}, '{tenant}', CASE WHEN i % 10 = 0 THEN 'virtual_account' ELSE 'external_identity' END, 'p-' || i, TRUE, i FROM n",
            id("p")
        ),
        format!(
            "INSERT INTO resources (id, tenant_id, kind, name, created_at) {numbers} SELECT {}, '{tenant}', 'kind-' || (i % 7), 'r-' || i, i FROM n",
            id("r")
        ),
        format!(
            "INSERT INTO connections (id, tenant_id, name, protocol, enabled, login_enabled, settings, version, created_at) {numbers} SELECT {}, '{tenant}', 'c-' || i, 'oidc', FALSE, TRUE, '{{}}', 1, i FROM n",
            id("k")
        ),
        format!(
            "INSERT INTO connection_ends (connection_id, version, metadata_version, secret_at, fetched, soonest) {numbers} SELECT {}, 1, 0, 4000000000 + i, FALSE, 4000000000 + i FROM n",
            id("k")
        ),
        format!(
            "INSERT INTO directories (id, tenant_id, name, enabled, settings, created_at) {numbers} SELECT {}, '{tenant}', 'd-' || i, TRUE, '{{}}', i FROM n",
            id("d")
        ),
        format!(
            "INSERT INTO trusted_issuers (id, tenant_id, name, enabled, settings, created_at) {numbers} SELECT {}, '{tenant}', 'i-' || i, FALSE, '{{}}', i FROM n",
            id("i")
        ),
        format!(
            "INSERT INTO sites (id, tenant_id, name, enabled, settings, created_at) {numbers} SELECT {}, '{tenant}', 's-' || i, FALSE, '{{}}', i FROM n",
            id("s")
        ),
        format!(
            "INSERT INTO tenants (id, name, display_name, provisioning, enabled, password_login, created_at) {numbers} SELECT {}, 'o-' || i, 'Organisation', 'jit', i % 10 > 0, TRUE, i FROM n",
            id("o")
        ),
        format!(
            "INSERT INTO invites (id, tenant_id, email, teams, token_hash, mailed, invited_by, sent, created_at, expires_at) {numbers} SELECT {}, '{tenant}', 'v-' || i || '@acme.example', '[]', 'h' || i, TRUE, 'ada', 1, i, 4000000000 + i FROM n",
            id("v")
        ),
        format!(
            "INSERT INTO audit (seq, at, tenant_id, actor, actor_id, via, action, subject, changes, mac) {numbers} SELECT 1000 + i, i, CASE WHEN i % 2 = 0 THEN '{tenant}' ELSE 'elsewhere' END, 'administrator a-' || (i % 50), 'a' || (i % 50), 'page', CASE WHEN i % 1000 = 0 THEN 'rotate' ELSE 'update' END, 'team acme/t-' || i, '{{}}', 'x' FROM n"
        ),
        // A tenth still waits.
        format!(
            "INSERT INTO invites (id, tenant_id, email, teams, token_hash, mailed, invited_by, sent, accepted_at, created_at, expires_at) {numbers} SELECT {}, '{tenant}', 'w-' || i || '@acme.example', '[]', 'w' || i, TRUE, 'ada', 1, i, i, 4000000000 + i FROM n WHERE i % 10 > 0",
            id("w")
        ),
        format!(
            "INSERT INTO setup_links (id, link_hash, tenant_id, connection, with_directory, with_domain, made_by, maker_id, created_at, expires_at, ended_at) {numbers} SELECT 'f' || i, 'f' || i, '{tenant}', 'c-' || i, FALSE, FALSE, 'ada', 'ada', i, 4000000000 + i, CASE WHEN i % 1000 > 0 THEN i END FROM n"
        ),
        format!(
            "INSERT INTO collaborators (resource_id, holder, user_id, role) {numbers} SELECT 'r1', 'u' || i, 'u' || i, 'viewer' FROM n WHERE i % 2 = 0"
        ),
        format!(
            "INSERT INTO collaborators (resource_id, holder, team_id, role) {numbers} SELECT 'r1', 't' || i, 't' || i, 'editor' FROM n WHERE i % 4 = 0"
        ),
        format!(
            "INSERT INTO collaborators (resource_id, holder, principal_id, role) {numbers} SELECT 'r1', 'p' || i, 'p' || i, 'manager' FROM n WHERE i % 5 = 0 OR i % 7 = 0"
        ),
        format!(
            "INSERT INTO collaborators (resource_id, holder, team_id, role) {numbers} SELECT 'r2', 't' || i, 't' || i, 'editor' FROM n WHERE i <= 20"
        ),
        format!("INSERT INTO team_members (team_id, user_id) {numbers} SELECT 't1', 'u' || i FROM n WHERE i % 2 = 0"),
        format!(
            "INSERT INTO directory_groups (id, directory_id, display_name, shown_name, resource, version, created_at, updated_at) {numbers} SELECT 'g' || i, 'd1', 'g-' || i, 'G-' || i, '{{}}', 1, i, i FROM n WHERE i <= 20"
        ),
        format!(
            "INSERT INTO directory_users (id, directory_id, user_id, made_user, user_name, active, resource, version, created_at, updated_at) {numbers} SELECT 'r' || i, 'd1', 'u' || i, TRUE, 'u-' || i, TRUE, '{{}}', 1, i, i FROM n"
        ),
        format!("INSERT INTO directory_members (group_id, member_id) {numbers} SELECT 'g' || (i % 20 + 1), 'r' || i FROM n"),
        "INSERT INTO group_teams (group_id, team_id) VALUES ('g1', 't1'), ('g2', 't2')".to_owned(),
        "ANALYZE".to_owned(),
    ] {
        world.sql(sql.leak()).await;
    }
}

/// How the database goes about a statement of the windows' parameters.
async fn plan(db: &Db, backend: Backend, sql: &'static str, params: &[gatehouse::store::db::Param<'_>]) -> String {
    let lines: Vec<String> = match backend {
        Backend::Sqlite => {
            let sql = format!("EXPLAIN QUERY PLAN {sql}").leak();
            db.all::<Lite>(sql, params).await.unwrap().into_iter().map(|row| row.detail).collect()
        }
        Backend::Postgres => {
            let sql = format!("EXPLAIN {sql}").leak();
            db.all::<Postgres>(sql, params).await.unwrap().into_iter().map(|row| row.line).collect()
        }
    };
    lines.join("\n")
}

async fn plan_of(db: &Db, backend: Backend, statement: Statement<'_>) -> String {
    let statement = statement.explained();
    let lines: Vec<String> = match backend {
        Backend::Sqlite => db.select::<Lite>(&statement).await.unwrap().into_iter().map(|row| row.detail).collect(),
        Backend::Postgres => db.select::<Postgres>(&statement).await.unwrap().into_iter().map(|row| row.line).collect(),
    };
    lines.join("\n")
}

/// Neither put in order as a whole nor read without an index.
fn judge(backend: Backend, what: &str, plan: &str) {
    let (sorts, walks) = match backend {
        Backend::Sqlite => {
            (plan.contains("USE TEMP B-TREE"), plan.lines().any(|l| l.starts_with("SCAN ") && !l.contains("INDEX")))
        }
        Backend::Postgres => (plan.contains("Sort"), plan.contains("Seq Scan")),
    };
    assert!(!sorts && !walks, "{what}:\n{plan}");
}

async fn timed<T>(what: &str, work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let done = work.await;
    // Far above a walk of so many rows on any machine, and far below looking at each of them for each.
    let most = Duration::from_secs(5).saturating_mul(u32::try_from(number() / 20_000).unwrap_or(1).max(1));
    assert!(began.elapsed() < most, "{what}: {:?}", began.elapsed());
    if std::env::var("GATEHOUSE_LIST_ROWS").is_ok() {
        eprintln!("{what:<60} {:>8.2} ms", began.elapsed().as_secs_f64() * 1e3);
    }
    done
}

async fn lists_go_along_an_index(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    let db = &world.app.db;
    let acme = tenants::find_by_name(db, "acme").await.unwrap().unwrap().id;
    crowd(&world, &acme).await;
    let nouns = [
        ("clients", clients::WINDOW, "c5"),
        ("connections", connections::WINDOW, "c-5"),
        ("directories", directories::WINDOW, "d-5"),
        ("sites", sites::WINDOW, "s-5"),
        ("teams", teams::WINDOW, "team-5"),
        ("trusted issuers", trusted_issuers::WINDOW, "i-5"),
        ("users", users::WINDOW, "u-5"),
    ];
    for (noun, sql, middle) in nouns {
        for (after, like) in [("", "%"), (middle, "%"), ("", "%nothing like it%")] {
            let what = format!("{backend:?}: {noun} after {after:?} like {like:?}");
            let params = params![&acme, after, like, 51_i64];
            if like == "%" || backend == Backend::Sqlite {
                judge(backend, &what, &plan(db, backend, sql, params).await);
            }
            timed(&what, db.all::<Any>(sql, params)).await.unwrap();
        }
    }
    // Letters beyond ASCII are searched for along the same index.
    let window = Window::new(&acme, "Ödön Özil", "", 51);
    let what = format!("{backend:?}: users like {:?}", window.like());
    if backend == Backend::Sqlite {
        judge(backend, &what, &plan_of(db, backend, users::narrowed(&window)).await);
    }
    timed(&what, users::window(db, &window)).await.unwrap();
    // What ends soon is found without what ends later.
    let what = format!("{backend:?}: connections of which something ends");
    let plan_of_ends = plan(db, backend, connection_ends::ALL, params![5_i64]).await;
    assert!(plan_of_ends.contains("connection_ends_soonest"), "{what}:\n{plan_of_ends}");
    timed(&what, connection_ends::of(db, None, 4_000_000_007)).await.unwrap();
    use Phase::{Active, Administrators, Deactivated, Draft, NeverSignedIn};
    for (state, protocol) in [
        (Active, None),
        (Deactivated, None),
        (Administrators, None),
        (NeverSignedIn, None),
        (Draft, None),
        (Draft, Some(Protocol::Oidc)),
    ] {
        for after in ["", "c-5", "u-5"] {
            let window = Window::new(&acme, "", after, 51).narrowed(Narrow { state: Some(state), protocol, ..Narrow::default() });
            let what = format!("{backend:?}: {state:?} {protocol:?} after {after:?}");
            let statement = match Phase::OF_USERS.contains(&state) {
                true => users::narrowed(&window),
                false => connections::narrowed(&window),
            };
            judge(backend, &what, &plan_of(db, backend, statement).await);
            timed(&what, users::window(db, &window)).await.unwrap();
        }
    }
    for (after, like) in [("", "%"), ("o-5", "%"), ("", "%nothing like it%")] {
        let what = format!("{backend:?}: tenants after {after:?} like {like:?}");
        let params = params![after, like, 51_i64];
        if like == "%" || backend == Backend::Sqlite {
            judge(backend, &what, &plan(db, backend, tenants::WINDOW, params).await);
        }
        timed(&what, db.all::<Any>(tenants::WINDOW, params)).await.unwrap();
    }
    for (state, after) in [(Phase::On, ""), (Phase::On, "o-5"), (Phase::Off, ""), (Phase::Off, "o-5")] {
        let window = Window::new("", "", after, 51).narrowed(Narrow { state: Some(state), ..Narrow::default() });
        let what = format!("{backend:?}: tenants that are {state:?} after {after:?}");
        judge(backend, &what, &plan_of(db, backend, tenants::narrowed(&window)).await);
        let found = timed(&what, tenants::window(db, &window)).await.unwrap();
        assert!(found.len() == 51 && found.iter().all(|tenant| tenant.enabled == (state == Phase::On)), "{what}");
    }
    for (noun, sql, after, kind) in [
        ("external identities", principals::WINDOW, "p-5", "external_identity"),
        ("virtual accounts", principals::WINDOW, "p-5", "virtual_account"),
        ("resources", resources::WINDOW, "r-5", "kind-3"),
    ] {
        for (after, like) in [("", "%"), (after, "%"), ("", "%nothing like it%")] {
            let what = format!("{backend:?}: {noun} after {after:?} like {like:?}");
            let params = params![&acme, after, like, 51_i64, kind];
            if like == "%" || backend == Backend::Sqlite {
                judge(backend, &what, &plan(db, backend, sql, params).await);
            }
            timed(&what, db.all::<Any>(sql, params)).await.unwrap();
        }
    }
    // Half of all users, and two tenths of that.
    for (team, is_large) in [("t1", true), ("t2", true), ("t2", false)] {
        for (after, search) in [("", ""), ("u-5", ""), ("", "nothing like it")] {
            let what = format!("{backend:?}: members of {team} after {after:?} like {search:?}, large: {is_large}");
            let window = Window::new(&acme, search, after, 51);
            if is_large && search.is_empty() {
                // Along the addresses of the tenant, and each asked by indexes; small tables beside them may be read whole.
                let plan = plan_of(db, backend, team_members::statement(team, &window, is_large)).await;
                let (walk, whole) = match backend {
                    Backend::Sqlite => ("(tenant_id=? AND email>?)", ["USE TEMP B-TREE", "SCAN u", "SCAN t", "SCAN h"]),
                    Backend::Postgres => {
                        ("users_tenant_id_email_key", ["Sort", "Seq Scan on users", "Seq Scan on team_members", "hashed"])
                    }
                };
                let reads_all = whole.iter().any(|part| plan.lines().any(|line| line.contains(part)));
                assert!(plan.contains(walk) && !reads_all, "{what}:\n{plan}");
            }
            timed(&what, db.select::<Any>(&team_members::statement(team, &window, is_large))).await.unwrap();
        }
    }
    for team in ["t1", "t2", "t3"] {
        let what = format!("{backend:?}: the first members of {team}");
        let found = timed(&what, team_members::window(db, team, &Window::new(&acme, "", "", 51))).await.unwrap();
        assert_eq!(found.len(), if team == "t3" { 0 } else { 51 }, "{what}");
    }
    links_and_invites(db, backend, &acme).await;
    collaborators_of_many(db, backend, &acme).await;
    let tenant_id = Some(acme.as_str());
    for (what, filter) in [
        ("all", audit::Filter::default()),
        ("of a tenant", audit::Filter { tenant_id, ..Default::default() }),
        ("by somebody", audit::Filter { tenant_id, actor: Some("a-7"), ..Default::default() }),
        ("of an action", audit::Filter { action: Some("rotate"), ..Default::default() }),
        ("of an action of a tenant", audit::Filter { tenant_id, action: Some("rotate"), ..Default::default() }),
        ("of a time", audit::Filter { tenant_id, from: Some(50), until: Some(900), ..Default::default() }),
        ("of a subject", audit::Filter { tenant_id, subject: Some("team acme/t-77"), ..Default::default() }),
        ("that are not there", audit::Filter { tenant_id, actor: Some("nobody"), ..Default::default() }),
    ] {
        for before in [None, Some(9_000)] {
            let what = format!("{backend:?}: entries {what} before {before:?}");
            let plan = plan_of(db, backend, audit::newest(&filter, before, 51)).await;
            let walks = filter.actor.is_some() || filter.subject.is_some() || filter.from.is_some();
            if !walks || backend == Backend::Sqlite {
                judge(backend, &what, &plan);
            }
            timed(&what, audit::page(db, &filter, before, 51)).await.unwrap();
        }
    }
}

/// The newest first, whatever state and search.
async fn links_and_invites(db: &Db, backend: Backend, acme: &str) {
    for (state, after, search) in [
        (None, "", ""),
        (Some(Phase::Open), "", ""),
        (Some(Phase::Open), "v5", ""),
        (Some(Phase::Ended), "", ""),
        (Some(Phase::Ended), "w5", ""),
        (None, "", "nothing like it"),
        (Some(Phase::Open), "", "Özil"),
    ] {
        let window = Window::new(acme, search, after, 51).narrowed(Narrow { state, now: 5, ..Narrow::default() });
        let what = format!("{backend:?}: invites {state:?} after {after:?} like {search:?}");
        let is_judged = search.is_empty() || backend == Backend::Sqlite;
        if is_judged {
            judge(backend, &what, &plan_of(db, backend, invites::narrowed(&window)).await);
        }
        let found = timed(&what, invites::window(db, &window)).await.unwrap();
        assert_eq!(found.len(), if search.is_empty() { 51 } else { 0 }, "{what}");
        let window = Window::new(acme, search, "", 51).narrowed(Narrow { state, now: 5, ..Narrow::default() });
        let what = format!("{backend:?}: set-up links {state:?} like {search:?}");
        // Few are open, so PostgreSQL may put those in order.
        if is_judged && (state.is_none() || backend == Backend::Sqlite) {
            judge(backend, &what, &plan_of(db, backend, setup_links::narrowed(&window)).await);
        }
        timed(&what, setup_links::window(db, &window)).await.unwrap();
    }
}

/// Along the names of the tenant, and each asked by indexes; or few, put in order.
async fn collaborators_of_many(db: &Db, backend: Backend, acme: &str) {
    for (kind, lite, postgres) in [
        (Kind::User, "(tenant_id=? AND email>?)", "users_tenant_id_email_key"),
        (Kind::Team, "(tenant_id=? AND name>?)", "teams_tenant_id_name_key"),
        (Kind::ExternalIdentity, "(tenant_id=? AND kind=? AND name>?)", "principals_tenant_id_kind_name_key"),
        (Kind::VirtualAccount, "(tenant_id=? AND kind=? AND name>?)", "principals_tenant_id_kind_name_key"),
    ] {
        for (after, search, is_large) in
            [("", "", true), ("p-5", "", true), ("", "nothing like it", true), ("", "", false), ("p-5", "", false)]
        {
            let what = format!("{backend:?}: {kind:?} on a resource after {after:?} like {search:?}, large: {is_large}");
            let window = Window::new(acme, search, after, 51);
            if is_large && search.is_empty() {
                let plan = plan_of(db, backend, collaborators::statement("r1", kind, &window, is_large)).await;
                let (walk, whole) = match backend {
                    Backend::Sqlite => (lite, ["USE TEMP B-TREE", "SCAN h", "SCAN c", "SCAN held"]),
                    Backend::Postgres => (postgres, ["Sort", "Seq Scan on collaborators", "Seq Scan on users", "hashed"]),
                };
                let reads_all = whole.iter().any(|part| plan.contains(part));
                assert!(plan.contains(walk) && !reads_all, "{what}:\n{plan}");
            }
            timed(&what, db.select::<Any>(&collaborators::statement("r1", kind, &window, is_large))).await.unwrap();
        }
    }
    let what = format!("{backend:?}: the few teams on a resource");
    let window = Window::new(acme, "", "", 51);
    let plan = plan_of(db, backend, collaborators::statement("r2", Kind::Team, &window, false)).await;
    assert!(!plan.contains("SCAN ") && !plan.contains("Seq Scan on collaborators"), "{what}:\n{plan}");
    for (resource, found) in [("r1", 51), ("r2", 20), ("r3", 0)] {
        let what = format!("{backend:?}: who holds a role on {resource}");
        let all = timed(&what, collaborators::window(db, resource, None, "", &window)).await.unwrap();
        assert_eq!(all.len(), found, "{what}");
    }
}
