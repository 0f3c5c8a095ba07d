//! Invites on the pages: made, sent again and taken back by the same code as over the API.

use gatehouse::store::invites;

use crate::{admin_pages::Desk, on_both, world::Backend};

on_both!(somebody_is_invited_and_taken_back,);

const PAGE: &str = "/admin/acme/invites";

fn link_in(page: &str) -> Option<&str> {
    let at = page.find("/login/invite/")?;
    page[at..].split(['<', '"']).next()
}

async fn somebody_is_invited_and_taken_back(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    assert!(ada.get(&desk.at("/admin/acme/users")).await.body.contains(PAGE), "the list of users leads there");
    assert!(ada.get(&desk.at(PAGE)).await.body.contains("Nobody is waited for"));
    let new = format!("{PAGE}/new");
    for (email, teams, words) in [
        ("no address", "", "is not a plain e-mail address"),
        ("bob@acme.example", "", "is a user of this tenant already"),
        ("kim@acme.example", "nobody", "there is no team nobody"),
    ] {
        let answer = desk.fill(&mut ada, &new, PAGE, &[("email", email), ("teams", teams)]).await;
        assert!(answer.status == 422 && answer.body.contains(words) && answer.body.contains(email), "{email}: {}", answer.body);
    }
    let fields = [("email", "kim@acme.example"), ("name", "Kim"), ("teams", "sre"), ("expires_in", "1d")];
    let answer = desk.fill(&mut ada, &new, PAGE, &fields).await;
    let link = link_in(&answer.body).unwrap_or_else(|| panic!("{}", answer.body)).to_owned();
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    let again = desk.fill(&mut ada, &new, PAGE, &fields).await;
    assert!(again.status == 422 && again.body.contains("has an open invite") && link_in(&again.body).is_none());
    let list = ada.get(&desk.at(PAGE)).await;
    assert!(list.body.contains("kim@acme.example") && link_in(&list.body).is_none(), "{}", list.body);
    let tenant = gatehouse::store::tenants::find_by_name(&desk.app.db, "acme").await.unwrap().unwrap();
    let all = invites::of_tenant(&desk.app.db, &tenant.id, None, 10).await.unwrap();
    assert_eq!((all.len(), all[0].expires_at - all[0].created_at), (1, 86_400));

    // Another link, once; the same form again makes none.
    let resend = format!("{PAGE}/{}/resend", all[0].id);
    let sent = ada.post(&desk.at(&resend), &[("csrf", &list.csrf()), ("sent", "1")]).await;
    let next = link_in(&sent.body).unwrap().to_owned();
    assert_ne!(next, link);
    let sent = ada.post(&desk.at(&resend), &[("csrf", &list.csrf()), ("sent", "1")]).await;
    assert_eq!(sent.location(), Some("/admin/acme/invites?done=shown"), "{}", sent.body);
    let mut kim = crate::browser::Browser::new();
    assert_eq!(kim.get(&desk.at(&next)).await.status, 200);
    assert_ne!(kim.get(&desk.at(&link)).await.status, 200, "the older link is dead");

    let revoke = format!("{PAGE}/{}/revoke", all[0].id);
    let ask = ada.get(&desk.at(&revoke)).await;
    assert!(ask.body.contains("Revoke the invite for kim@acme.example?"), "{}", ask.body);
    let answer = ada.post(&desk.at(&revoke), &[("csrf", &ask.csrf())]).await;
    assert_eq!(answer.location(), Some("/admin/acme/invites?done=revoked"));
    assert_ne!(kim.get(&desk.at(&next)).await.status, 200);
    assert_eq!(ada.post(&desk.at(&revoke), &[("csrf", &ask.csrf())]).await.status, 409);
    assert!(ada.get(&desk.at(PAGE)).await.body.contains("Nobody is waited for"), "only open ones are listed");
    // Another organisation's are not there.
    let mut eve = desk.browser("other", "eve@other.example").await;
    let csrf = eve.get(&desk.at("/admin/other/invites/new")).await.csrf();
    assert_eq!(eve.post(&desk.at(&format!("/admin/other/invites/{}/revoke", all[0].id)), &[("csrf", &csrf)]).await.status, 404);
}
