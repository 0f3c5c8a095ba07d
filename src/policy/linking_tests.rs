use super::*;

const HERE: &str = "ada@acme.example";
const THERE: &str = "ada@other.example";
const SUB: &str = "ada@sub.acme.example";

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

fn identity(email: Option<&str>, verified: bool) -> Identity {
    Identity {
        issuer: "https://idp.test".into(),
        subject: "1".into(),
        email: email.map(Into::into),
        email_verified: verified,
        name: None,
        groups: None,
        auth_time: None,
        session_until: None,
    }
}

fn user(active: bool, email_proven: bool, has_identity_here: bool) -> Candidate {
    Candidate { user_id: "u".into(), email: email(HERE), active, email_proven, has_identity_here, administers: false }
}

fn good() -> Option<Candidate> {
    Some(user(true, true, false))
}

fn record(active: bool, user: Option<Candidate>) -> Option<Record> {
    Some(Record { id: "r".into(), active, leads: true, pinned: false, home_only: false, user })
}

/// One that an operator has linked.
fn pinned(record: Option<Record>) -> Option<Record> {
    record.map(|record| Record { pinned: true, ..record })
}

/// One whose id may not lead to its user.
fn told(user: Option<Candidate>) -> Option<Record> {
    record(true, user).map(|record| Record { leads: false, ..record })
}

fn invite(to: &str, carried: bool, mailed: bool) -> Option<Invite> {
    Some(Invite { id: "i".into(), email: email(to), carried, mailed })
}

fn made(email_proven: bool, record: Option<&str>, invite: Option<&str>) -> Decision {
    made_as(HERE, email_proven, record, invite)
}

fn made_as(address: &str, email_proven: bool, record: Option<&str>, invite: Option<&str>) -> Decision {
    let (record, invite) = (record.map(Into::into), invite.map(Into::into));
    let admitted = crate::policy::provisioning::named();
    Decision::Create { email: email(address), email_proven, record, invite, admitted }
}

fn link(record: Option<&str>, invite: Option<&str>) -> Decision {
    Decision::Link { user_id: "u".into(), record: record.map(Into::into), invite: invite.map(Into::into), unproven: false }
}

/// By a record whose address the identity does not say.
fn told_of(user_id: &str) -> Decision {
    Decision::Link { user_id: user_id.into(), record: None, invite: None, unproven: true }
}

fn sign_in(record: Option<&str>, invite: Option<&str>) -> Decision {
    Decision::SignIn { user_id: "u".into(), record: record.map(Into::into), invite: invite.map(Into::into) }
}

#[test]
fn the_table() {
    use Decision::Refuse;
    use EmailTrust::{Domain, Never, Verified};
    use Provisioning::{Invite as Invited, Jit, Scim};
    let none = || None;
    #[rustfmt::skip]
    let table = [
        // e-mail, verified, trust, provisioning, owner, record, same e-mail, invite → decision
        (Some(HERE), true, Verified, Jit, good(), None, none(), None, sign_in(None, None)),
        (None, false, Never, Scim, good(), None, None, None, sign_in(None, None)),
        (Some(HERE), true, Verified, Jit, Some(user(false, true, false)), None, good(), None, Refuse(Refusal::Deactivated)),
        (None, true, Verified, Jit, None, None, None, None, Refuse(Refusal::NoEmail)),
        (Some("a@b@acme.example"), true, Domain, Jit, None, None, None, None, Refuse(Refusal::BadEmail)),
        (Some(HERE), false, Verified, Jit, None, None, None, None, Refuse(Refusal::EmailUntrusted)),
        (Some(HERE), false, Verified, Jit, None, None, good(), None, Refuse(Refusal::EmailUntrusted)),
        (Some(HERE), true, Never, Jit, None, None, good(), None, Refuse(Refusal::EmailUntrusted)),
        (Some(THERE), true, Domain, Jit, None, None, good(), None, Refuse(Refusal::EmailUntrusted)),
        (Some("ada@acme.example.evil.example"), true, Domain, Jit, None, None, good(), None, Refuse(Refusal::EmailUntrusted)),
        (Some(SUB), true, Domain, Jit, None, None, good(), None, Refuse(Refusal::EmailUntrusted)),
        (Some(HERE), false, Domain, Jit, None, None, good(), None, link(None, None)),
        (Some(HERE), true, Verified, Jit, None, None, good(), None, link(None, None)),
        (Some(HERE), true, Verified, Invited, None, None, good(), None, link(None, None)),
        (Some(HERE), true, Verified, Scim, None, None, good(), None, link(None, None)),
        (Some(HERE), true, Verified, Jit, None, None, Some(user(false, true, false)), None, Refuse(Refusal::Deactivated)),
        (Some(HERE), true, Verified, Jit, None, None, Some(user(true, false, false)), None, Refuse(Refusal::LocalEmailUnproven)),
        (Some(HERE), true, Verified, Jit, None, None, Some(user(true, true, true)), None, Refuse(Refusal::AlreadyLinked)),
        (Some(HERE), true, Verified, Jit, None, None, None, None, made(true, None, None)),
        (Some(HERE), true, Verified, Invited, None, None, None, None, Refuse(Refusal::NotInvited)),
        (Some(HERE), true, Verified, Scim, None, None, None, None, Refuse(Refusal::NotProvisioned)),
        // the directory's record goes before the e-mail rule, whatever the address is worth
        (None, false, Never, Scim, None, record(true, good()), None, None, told_of("u")),
        (Some(THERE), false, Never, Jit, None, record(true, good()), Some(user(true, true, true)), None, told_of("u")),
        // and proves no address but the identity's own
        (Some(HERE), true, Verified, Jit, None, record(true, good()), good(), None, link(None, None)),
        (Some(HERE), false, Verified, Jit, None, record(true, good()), good(), None, told_of("u")),
        (Some(THERE), true, Verified, Jit, None, record(true, good()), None, None, told_of("u")),
        (None, false, Never, Jit, None, pinned(record(true, good())), None, None, link(None, None)),
        (Some(HERE), true, Verified, Jit, None, record(true, Some(user(false, true, false))), good(), None, Refuse(Refusal::Deactivated)),
        (Some(HERE), true, Verified, Jit, None, record(true, Some(user(true, true, true))), None, None, Refuse(Refusal::AlreadyLinked)),
        // unless its id may not lead to its user: then the address decides, by its own proof
        (None, false, Never, Scim, None, told(good()), None, None, Refuse(Refusal::NoEmail)),
        (Some(THERE), true, Verified, Scim, None, told(good()), None, None, Refuse(Refusal::NotProvisioned)),
        (Some(THERE), true, Verified, Jit, None, told(good()), None, None, made_as(THERE, true, None, None)),
        (Some(HERE), true, Verified, Scim, None, told(good()), good(), None, link(None, None)),
        // one without a user becomes one, if the address can be believed
        (Some(HERE), true, Verified, Scim, None, record(true, None), None, None, made(true, Some("r"), None)),
        (Some(HERE), true, Verified, Invited, None, record(true, None), None, None, Refuse(Refusal::NotInvited)),
        (Some(HERE), true, Verified, Invited, None, record(true, None), None, invite(HERE, false, true), made(true, Some("r"), Some("i"))),
        (Some(HERE), true, Verified, Jit, None, record(true, None), None, None, made(true, Some("r"), None)),
        (Some(HERE), true, Verified, Scim, None, record(true, None), good(), None, link(Some("r"), None)),
        (Some(HERE), false, Verified, Scim, None, record(true, None), None, None, Refuse(Refusal::EmailUntrusted)),
        (None, true, Verified, Scim, None, record(true, None), None, None, Refuse(Refusal::NoEmail)),
        (Some(HERE), true, Verified, Jit, None, record(false, None), None, None, Refuse(Refusal::Deactivated)),
        (Some(HERE), true, Verified, Jit, None, record(false, None), good(), None, Refuse(Refusal::Deactivated)),
        // who holds the identity is the record's user too
        (Some(HERE), true, Verified, Scim, good(), record(true, None), None, None, sign_in(Some("r"), None)),
        (Some(HERE), true, Verified, Jit, good(), record(false, None), None, None, Refuse(Refusal::Deactivated)),
        (Some(HERE), true, Verified, Jit, good(), record(false, good()), None, None, Refuse(Refusal::Deactivated)),
        // an invite that was found by the address
        (Some(HERE), true, Verified, Invited, None, None, None, invite(HERE, false, true), made(true, None, Some("i"))),
        (Some(HERE), true, Verified, Jit, None, None, None, invite(HERE, false, true), made(true, None, Some("i"))),
        (Some(HERE), true, Verified, Scim, None, None, None, invite(HERE, false, true), Refuse(Refusal::NotProvisioned)),
        (Some(THERE), false, Verified, Invited, None, None, None, invite(THERE, false, true), Refuse(Refusal::EmailUntrusted)),
        (Some(HERE), true, Verified, Invited, good(), None, None, invite(HERE, false, true), sign_in(None, None)),
        // one that the browser carries: the mailbox is proven, where the link went nowhere else
        (Some(THERE), false, Verified, Invited, None, None, None, invite(THERE, true, true), made_as(THERE, true, None, Some("i"))),
        (Some(THERE), false, Never, Invited, None, None, None, invite(THERE, true, false), made_as(THERE, false, None, Some("i"))),
        (Some(HERE), false, Never, Invited, None, None, None, invite(HERE, true, false), made(false, None, Some("i"))),
        (Some(HERE), true, Verified, Scim, None, None, None, invite(HERE, true, true), Refuse(Refusal::NotProvisioned)),
        (Some(HERE), true, Verified, Invited, None, record(true, None), None, invite(HERE, true, true), made(true, Some("r"), Some("i"))),
        // it is for one address
        (Some(THERE), true, Verified, Invited, None, None, None, invite(HERE, true, true), Refuse(Refusal::WrongAccount)),
        (Some(THERE), true, Verified, Jit, None, None, None, invite(HERE, true, true), Refuse(Refusal::WrongAccount)),
        (Some(HERE), true, Verified, Jit, good(), None, None, invite(THERE, true, true), Refuse(Refusal::WrongAccount)),
        (Some(HERE), true, Verified, Jit, None, record(true, good()), None, invite(THERE, true, true), Refuse(Refusal::WrongAccount)),
        // and hands over nobody who is there
        (Some(HERE), false, Verified, Invited, None, None, good(), invite(HERE, true, true), Refuse(Refusal::EmailUntrusted)),
        (Some(HERE), true, Verified, Invited, None, None, Some(user(false, true, false)), invite(HERE, true, true), Refuse(Refusal::Deactivated)),
        (Some(HERE), true, Verified, Invited, Some(user(false, true, false)), None, None, invite(HERE, true, true), Refuse(Refusal::Deactivated)),
        (Some(HERE), true, Verified, Invited, None, None, Some(user(true, false, false)), invite(HERE, true, true), Refuse(Refusal::LocalEmailUnproven)),
        (Some(HERE), true, Verified, Invited, None, None, good(), invite(HERE, true, true), link(None, Some("i"))),
        (Some(HERE), true, Verified, Invited, good(), None, None, invite(HERE, true, true), sign_in(None, Some("i"))),
    ];
    let domains = ["acme.example".to_owned()];
    for (row, (email, verified, email_trust, provisioning, owner, record, same, invite, expected)) in
        table.into_iter().enumerate()
    {
        let rules = Rules { email_trust, domains: &domains, provisioning, allowed: &AllowedDomains::default() };
        let known = Known { owner: owner.as_ref(), record: record.as_ref(), same_email: same.as_ref(), invite: invite.as_ref() };
        assert_eq!(decide(&identity(email, verified), &known, &rules), expected, "row {row}");
    }
}

/// A directory can write any `externalId`, also that of somebody else.
#[test]
fn a_record_says_nothing_of_somebody_else() {
    use Decision::Refuse;
    let ada = |active| Some(user(active, true, false));
    let other = |active| Some(Candidate { user_id: "x".into(), email: email(SUB), ..user(active, true, false) });
    let off = |user| record(false, user);
    let shut = Refuse(Refusal::Deactivated);
    #[rustfmt::skip]
    let table = [
        // owner, record, same e-mail → decision
        (ada(true), off(other(true)), None, sign_in(None, None)),
        (ada(true), off(other(false)), ada(true), sign_in(None, None)),
        (ada(true), record(true, other(true)), None, sign_in(None, None)),
        (None, off(other(true)).map(|record| Record { leads: false, ..record }), ada(true), link(None, None)),
        // Honestly: what it says of who signs in, and of whom nobody is yet.
        (ada(true), off(ada(true)), None, shut.clone()),
        (ada(true), off(None), None, shut.clone()),
        (ada(false), off(other(true)), None, shut.clone()),
        (ada(false), record(true, other(true)), None, shut.clone()),
        (None, off(None), ada(true), shut.clone()),
        (None, off(ada(true)), ada(true), shut.clone()),
        (None, off(other(true)), None, shut.clone()),
        (None, off(other(true)), ada(true), shut.clone()),
        (None, off(None), None, shut),
    ];
    let domains = ["acme.example".to_owned()];
    for (row, (owner, record, same, expected)) in table.into_iter().enumerate() {
        let allowed = AllowedDomains::default();
        let rules =
            Rules { email_trust: EmailTrust::Verified, domains: &domains, provisioning: Provisioning::Jit, allowed: &allowed };
        let known = Known { owner: owner.as_ref(), record: record.as_ref(), same_email: same.as_ref(), invite: None };
        assert_eq!(decide(&identity(Some(HERE), true), &known, &rules), expected, "row {row}");
    }
}

/// What a directory may not say of an address, it could leave to the sign-in to say.
#[test]
fn a_record_without_an_address_speaks_for_the_proven_domains_alone() {
    use Provisioning::{Invite as Invited, Jit, Scim};
    let home_only = || record(true, None).map(|record| Record { home_only: true, ..record });
    #[rustfmt::skip]
    let table = [
        (THERE, home_only(), Scim, Decision::Refuse(Refusal::NotProvisioned)),
        (SUB, home_only(), Scim, Decision::Refuse(Refusal::NotProvisioned)),
        (THERE, home_only(), Invited, Decision::Refuse(Refusal::NotInvited)),
        // Honestly: in a domain of the tenant, where the directory may say any, and where people come by themselves.
        (HERE, home_only(), Scim, made(true, Some("r"), None)),
        (THERE, record(true, None), Scim, made_as(THERE, true, Some("r"), None)),
        (THERE, home_only(), Jit, made_as(THERE, true, Some("r"), None)),
    ];
    let domains = ["acme.example".to_owned()];
    for (row, (email, record, provisioning, expected)) in table.into_iter().enumerate() {
        let allowed = AllowedDomains::default();
        let rules = Rules { email_trust: EmailTrust::Verified, domains: &domains, provisioning, allowed: &allowed };
        let known = Known { record: record.as_ref(), ..Known::default() };
        assert_eq!(decide(&identity(Some(email), true), &known, &rules), expected, "row {row}");
    }
}

/// A directory wrote the id of an administrator who had not come over SSO yet, on a record of its own.
#[test]
fn a_record_makes_no_administrator_somebody_else() {
    use Decision::Refuse;
    use EmailTrust::{Never, Verified};
    let boss = |active| Some(Candidate { administers: true, ..user(active, true, false) });
    let unproven = Some(Candidate { administers: true, ..user(true, false, false) });
    let nobody = || Some(Candidate { user_id: "x".into(), email: email(SUB), ..user(true, true, false) });
    let theirs = || link(None, None);
    let anothers = || told_of("x");
    let by_hand = || Decision::Link { user_id: "x".into(), record: None, invite: None, unproven: false };
    let shut = || Refuse(Refusal::Deactivated);
    #[rustfmt::skip]
    let table = [
        // trust, record, same e-mail → decision, whether the record is left aside
        (Verified, record(true, nobody()), boss(true), theirs(), true),
        (Verified, record(false, nobody()), boss(true), theirs(), true),
        (Verified, record(false, None), boss(true), theirs(), true),
        (Verified, record(true, nobody()), boss(false), shut(), true),
        // Honestly: an operator's word, their own record, one that stands for nobody yet, an address that proves nothing, anybody else.
        (Verified, pinned(record(true, nobody())), boss(true), by_hand(), false),
        (Verified, pinned(record(false, nobody())), boss(true), shut(), false),
        (Verified, record(true, boss(true)), boss(true), theirs(), false),
        (Verified, record(false, boss(true)), boss(true), shut(), false),
        (Verified, record(true, None), boss(true), link(Some("r"), None), false),
        (Never, record(true, nobody()), boss(true), anothers(), false),
        (Verified, record(true, nobody()), unproven, anothers(), false),
        (Verified, record(true, nobody()), good(), anothers(), false),
        (Verified, record(false, None), good(), shut(), false),
    ];
    let domains = ["acme.example".to_owned()];
    for (row, (email_trust, record, same, expected, aside)) in table.into_iter().enumerate() {
        let allowed = AllowedDomains::default();
        let rules = Rules { email_trust, domains: &domains, provisioning: Provisioning::Jit, allowed: &allowed };
        let known = Known { owner: None, record: record.as_ref(), same_email: same.as_ref(), invite: None };
        let identity = identity(Some(HERE), true);
        assert_eq!(decide(&identity, &known, &rules), expected, "row {row}");
        assert_eq!(left_aside(&identity, &known, &rules).is_some(), aside, "row {row}");
    }
    // Who has signed in before is known by that, and their own record shuts them out.
    let (other, own) = (nobody(), record(false, nobody()));
    let boss = boss(true);
    let allowed = AllowedDomains::default();
    let rules = Rules { email_trust: Verified, domains: &domains, provisioning: Provisioning::Jit, allowed: &allowed };
    let known = Known { owner: other.as_ref(), record: own.as_ref(), same_email: boss.as_ref(), invite: None };
    assert_eq!(decide(&identity(Some(HERE), true), &known, &rules), shut());
}

#[test]
fn a_password_is_chosen_by_the_invited_alone() {
    use Provisioning::{Invite as Invited, Jit, Scim};
    #[rustfmt::skip]
    let table = [
        (THERE, true, None, Invited, made_as(THERE, true, None, Some("i"))),
        (THERE, true, None, Jit, made_as(THERE, true, None, Some("i"))),
        (THERE, false, None, Invited, made_as(THERE, false, None, Some("i"))),
        (HERE, false, None, Invited, made(false, None, Some("i"))),
        (HERE, true, None, Scim, Decision::Refuse(Refusal::NotProvisioned)),
        (HERE, true, good(), Invited, Decision::Refuse(Refusal::AddressTaken)),
        (HERE, true, Some(user(false, true, false)), Invited, Decision::Refuse(Refusal::Deactivated)),
    ];
    let domains = ["acme.example".to_owned()];
    for (row, (to, mailed, same, provisioning, expected)) in table.into_iter().enumerate() {
        let allowed = AllowedDomains::default();
        let rules = Rules { email_trust: EmailTrust::Never, domains: &domains, provisioning, allowed: &allowed };
        let invite = invite(to, true, mailed).unwrap();
        assert_eq!(decide_password(&invite, same.as_ref(), &rules), expected, "row {row}");
    }
}

#[test]
fn a_connection_lets_in_the_domains_that_it_names_alone() {
    use Decision::Refuse;
    use Provisioning::{Invite as Invited, Jit, Scim};
    let ours = AllowedDomains::new(&["acme.example".to_owned()], false);
    let below = AllowedDomains::new(&["acme.example".to_owned()], true);
    let nobodys = AllowedDomains::new(&["no name".to_owned()], false);
    let out = || Refuse(Refusal::DomainNotAllowed);
    #[rustfmt::skip]
    let table = [
        // e-mail, who is let in, provisioning, owner, record, same e-mail, invite → decision
        (Some(THERE), &ours, Jit, None, None, None, None, out()),
        (Some(THERE), &ours, Invited, None, None, None, invite(THERE, true, true), out()),
        (Some(THERE), &ours, Jit, None, None, good(), None, out()),
        (Some(THERE), &ours, Jit, good(), None, None, None, out()),
        (Some(THERE), &ours, Scim, None, record(true, good()), None, None, out()),
        (Some(SUB), &ours, Jit, good(), None, None, None, out()),
        (Some("ada@acme.example.evil.example"), &below, Jit, good(), None, None, None, out()),
        (Some("ada@evilacme.example"), &below, Jit, good(), None, None, None, out()),
        (Some("ada@evil.example@acme.example"), &below, Jit, good(), None, None, None, Refuse(Refusal::BadEmail)),
        (None, &ours, Jit, good(), None, None, None, Refuse(Refusal::NoEmail)),
        (Some(HERE), &nobodys, Jit, good(), None, good(), None, out()),
        // honestly
        (Some(HERE), &ours, Jit, None, None, None, None, made(true, None, None)),
        (Some(HERE), &ours, Jit, None, None, good(), None, link(None, None)),
        (Some(HERE), &ours, Jit, good(), None, None, None, sign_in(None, None)),
        (Some(HERE), &ours, Scim, None, record(true, good()), None, None, link(None, None)),
        (Some(SUB), &below, Jit, good(), None, None, None, sign_in(None, None)),
        // they open nothing that another rule shuts
        (Some(HERE), &ours, Invited, None, None, None, None, Refuse(Refusal::NotInvited)),
        (Some(HERE), &ours, Jit, Some(user(false, true, false)), None, None, None, Refuse(Refusal::Deactivated)),
    ];
    for (row, (email, allowed, provisioning, owner, record, same, invite, expected)) in table.into_iter().enumerate() {
        let rules = Rules { email_trust: EmailTrust::Verified, domains: &[], provisioning, allowed };
        let known = Known { owner: owner.as_ref(), record: record.as_ref(), same_email: same.as_ref(), invite: invite.as_ref() };
        assert_eq!(decide(&identity(email, true), &known, &rules), expected, "row {row}");
    }
}
