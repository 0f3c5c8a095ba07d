//! Which passwords are taken is one rule, whoever gives them: on a page, over the API or in a file, for somebody new and for
//! somebody who has one, administrators too.

use axum::http::Method;
use gatehouse::policy::email::Email;
use serde_json::json;

use crate::{
    admin_pages::{Desk, STATE},
    browser::{Answer, Browser},
    on_both,
    world::Backend,
};

on_both!(no_path_takes_a_weak_password);

const BOT: &str = "0123456789abcdef0123456789abcdef";
/// What is wrong with it, and the words that say so.
const WEAK: [(&str, &str); 5] = [
    ("1", "too short"),
    ("elevenchars", "too short"),
    ("Password12345", "easy to guess"),
    ("acme.example!!!!", "easy to guess"),
    ("abababababababab", "easy to guess"),
];
const NEW: &str = "new@acme.example";
const BOB: &str = "bob@acme.example";

/// How a password is given.
#[derive(Clone, Copy, Debug)]
enum Path {
    Page,
    Post,
    Put,
    File,
}

async fn api(desk: &Desk, method: Method, path: &str, body: serde_json::Value) -> Answer {
    let bearer = format!("Bearer {BOT}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    Browser::new().send(method, &desk.at(&format!("/api/v1/tenants/acme/users{path}")), &headers, Some(body.to_string())).await
}

/// Nothing where it was taken, else what was said at the password.
async fn give(desk: &Desk, ada: &mut Browser, path: Path, email: &str, password: &str, admin: bool) -> Result<(), String> {
    let at_its_field = |answer: Answer| match answer.status {
        200 | 201 => Ok(()),
        status => {
            let faults = answer.json();
            assert_eq!((status, &faults["faults"][0]["path"]), (422, &json!("password")), "{}", answer.body);
            Err(faults["faults"][0]["text"].as_str().unwrap().to_owned())
        }
    };
    let body = json!({"email": email, "password": password, "admin": admin});
    match path {
        Path::Page => {
            let list = "/admin/acme/users";
            let mut fields = vec![("password", password)];
            fields.extend(admin.then_some(("admin", "on")));
            let answer = if email == NEW {
                fields.push(("email", email));
                desk.fill(ada, &format!("{list}/new"), list, &fields).await
            } else {
                let page = format!("{list}/{}/edit", desk.user_id(email).await);
                desk.fill(ada, &page, &page, &fields).await
            };
            if answer.status == 303 {
                return Ok(());
            }
            assert!(answer.status == 422 && answer.body.contains("id=\"password-error\""), "{}", answer.body);
            let quoted = format!("value=\"{password}\"");
            assert!(!answer.body.contains(&quoted) || password.len() < 12, "it is not sent back: {}", answer.body);
            Err(answer.body)
        }
        Path::Post => at_its_field(api(desk, Method::POST, "", body).await),
        Path::Put => at_its_field(api(desk, Method::PUT, &format!("/{email}"), body).await),
        Path::File => {
            let user = format!("  - {{email: {email}, password: \"{password}\", admin: {admin}}}\n");
            let others: String = STATE.split_inclusive('\n').filter(|line| !line.contains(&format!("email: {email},"))).collect();
            let text = others.replacen("  users:\n", &format!("  users:\n{user}"), 1);
            let found = desk.problems(&text).await;
            match found.as_slice() {
                [] => {
                    desk.apply(&text).await;
                    Ok(())
                }
                [one] => {
                    let line = text.lines().position(|line| line.contains(&format!("email: {email},"))).unwrap() + 1;
                    assert!(one.contains(&format!(":{line}:")), "its line: {one}");
                    assert!(password.len() < 12 || !one.contains(password), "it is not told: {one}");
                    Err(one.clone())
                }
                more => panic!("{more:?}"),
            }
        }
    }
}

async fn hash(desk: &Desk, email: &str) -> Option<Option<String>> {
    let tenant = desk.tenant().await;
    let email = Email::parse(email).unwrap();
    let user = gatehouse::store::users::find_by_email(&desk.app.db, &tenant.id, &email).await.unwrap();
    user.map(|user| user.password_hash)
}

async fn no_path_takes_a_weak_password(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    for (path, email) in [
        (Path::Page, NEW),
        (Path::Page, BOB),
        (Path::Post, NEW),
        (Path::Put, NEW),
        (Path::Put, BOB),
        (Path::File, NEW),
        (Path::File, BOB),
    ] {
        for admin in [false, true] {
            let before = hash(&desk, email).await;
            for (weak, words) in WEAK {
                let said = give(&desk, &mut ada, path, email, weak, admin).await.expect_err("a weak one is refused");
                assert!(said.contains(words), "{path:?} {email} {admin} {weak}: {said}");
                assert_eq!(hash(&desk, email).await, before, "{path:?} {email} {admin} {weak}");
            }
            // The honest twin.
            let good = format!("three words for {path:?} and {admin}");
            let taken = give(&desk, &mut ada, path, email, &good, admin).await;
            taken.unwrap_or_else(|said| panic!("{path:?} {email} {admin}: {said}"));
            assert_ne!(hash(&desk, email).await, before, "{path:?} {email} {admin}");
            if email == NEW {
                desk.sql("DELETE FROM users WHERE email = 'new@acme.example'").await;
            }
        }
    }
}
