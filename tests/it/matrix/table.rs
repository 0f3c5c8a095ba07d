//! The table.

use std::collections::BTreeSet;

/// `yes`: it goes through; `ask`: the person has to sign in; `no`: refused. Ada is known by her provider, and a directory knows
/// her; Bob has a password; `newcomer` is somebody whom nobody knows yet. All of them began before the state was made.
///
/// A sign-out, by our page or by a client's, ends what came of the browser's sign-in; after it, and whoever has lost their
/// session otherwise, is led back to the client all the same, as there is nothing left to end.
#[rustfmt::skip]
const TABLE: &str = "
                          authorize bad-request page depart callback newcomer password code refresh hop-begin hop-code hop-refresh userinfo introspect revoke account logout acs begun unasked scim
    nothing               yes       yes         yes  yes    yes      yes      yes      yes  yes     yes       yes      yes         yes      yes        yes    yes     yes    yes yes   yes     yes
    user-deactivated      ask       yes         yes  yes    no       yes      no       no   no      yes       no       no          no       no         yes    ask     yes    no  yes   no      yes
    user-inactive-flag    ask       yes         yes  yes    no       yes      no       no   no      yes       no       no          no       no         yes    ask     yes    no  yes   no      yes
    user-deleted          ask       yes         yes  yes    yes      yes      no       no   no      yes       no       no          no       no         yes    ask     yes    yes yes   yes     yes
    tenant-disabled       no        no          no   no     no       no       no       no   no      no        no       no          no       no         no     ask     no     no  no    no      no
    tenant-deleted        no        no          no   no     no       no       no       no   no      no        no       no          no       no         no     ask     no     no  no    no      no
    client-disabled       no        no          no   no     no       no       no       no   no      no        no       no          no       no         no     yes     no     no  no    no      yes
    client-deleted        no        no          no   no     no       no       no       no   no      no        no       no          no       no         no     yes     no     no  no    no      yes
    redirect-taken        no        no          no   no     no       no       no       no   yes     no        no       yes         yes      yes        yes    yes     yes    no  no    no      yes
    code-grant-taken      no        yes         yes  yes    yes      yes      yes      no   no      yes       no       no          yes      yes        yes    yes     yes    yes yes   yes     yes
    refresh-grant-taken   yes       yes         yes  yes    yes      yes      yes      yes  no      yes       yes      no          yes      yes        yes    yes     yes    yes yes   yes     yes
    connection-disabled   ask       yes         yes  no     no       no       yes      no   no      yes       no       no          no       no         yes    ask     yes    no  no    no      yes
    login-off             ask       yes         yes  no     no       no       yes      no   no      yes       no       no          no       no         yes    ask     yes    no  no    no      yes
    connection-deleted    ask       yes         yes  no     no       no       yes      no   no      yes       no       no          no       no         yes    ask     yes    no  no    no      yes
    idp-initiated-off     yes       yes         yes  yes    yes      yes      yes      yes  yes     yes       yes      yes         yes      yes        yes    yes     yes    yes no    no      yes
    email-trust-never     yes       yes         yes  yes    yes      no       yes      yes  yes     yes       yes      yes         yes      yes        yes    yes     yes    no  yes   no      yes
    invite-only           yes       yes         yes  yes    yes      no       yes      yes  yes     yes       yes      yes         yes      yes        yes    yes     yes    yes yes   yes     yes
    directory-only        yes       yes         yes  yes    yes      no       yes      yes  yes     yes       yes      yes         yes      yes        yes    yes     yes    yes yes   yes     yes
    passwords-off         yes       yes         yes  yes    yes      yes      no       yes  yes     yes       yes      yes         yes      yes        yes    yes     yes    yes yes   yes     yes
    password-changed      yes       yes         yes  yes    yes      yes      no       yes  yes     yes       yes      yes         yes      yes        yes    yes     yes    yes yes   yes     yes
    locked                yes       yes         yes  yes    yes      yes      no       yes  yes     yes       yes      yes         yes      yes        yes    yes     yes    yes yes   yes     yes
    family-revoked        yes       yes         yes  yes    yes      yes      yes      yes  no      yes       yes      no          no       no         yes    yes     yes    yes yes   yes     yes
    signing-key-retired   yes       yes         yes  yes    yes      yes      yes      yes  no      yes       yes      no          no       no         yes    yes     yes    yes yes   yes     yes
    signed-out            ask       yes         yes  yes    yes      yes      yes      no   no      yes       no       no          no       no         yes    ask     yes    yes yes   yes     yes
    logged-out            ask       yes         yes  yes    yes      yes      yes      no   no      yes       no       no          no       no         yes    ask     yes    yes yes   yes     yes
    session-idle          ask       yes         no   no     no       no       no       no   yes     yes       no       yes         yes      yes        yes    ask     yes    no  yes   yes     yes
    shut-by-directory     ask       yes         yes  yes    no       yes      yes      no   no      yes       no       no          no       no         yes    ask     yes    no  yes   no      yes
    shut-by-operator      ask       yes         yes  yes    no       yes      yes      no   no      yes       no       no          no       no         yes    ask     yes    no  yes   no      yes
    reactivated           ask       yes         yes  yes    yes      yes      yes      no   no      yes       no       no          no       no         yes    ask     yes    yes yes   yes     yes
    directory-disabled    yes       yes         yes  yes    yes      yes      yes      yes  yes     yes       yes      yes         yes      yes        yes    yes     yes    yes yes   yes     no
    directory-deleted     yes       yes         yes  yes    yes      yes      yes      yes  yes     yes       yes      yes         yes      yes        yes    yes     yes    yes yes   yes     no
    directory-token-ended yes       yes         yes  yes    yes      yes      yes      yes  yes     yes       yes      yes         yes      yes        yes    yes     yes    yes yes   yes     no
    record-deleted        ask       yes         yes  yes    no       yes      yes      no   no      yes       no       no          no       no         yes    ask     yes    no  yes   no      yes
";

/// The paths, and each state with what is expected of them: as many as there are paths.
pub fn table() -> (Vec<&'static str>, Vec<(&'static str, Vec<&'static str>)>) {
    let mut lines = TABLE.lines().filter(|l| !l.trim().is_empty()).map(|l| l.split_whitespace().collect::<Vec<_>>());
    let paths = lines.next().unwrap();
    let rows: Vec<_> = lines.map(|mut cells| (cells.remove(0), cells)).collect();
    for (name, cells) in &rows {
        assert_eq!(cells.len(), paths.len(), "{name} says something of each path");
        assert!(cells.iter().all(|cell| ["yes", "ask", "no"].contains(cell)), "{name}: {cells:?}");
    }
    assert_eq!(rows.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len(), rows.len(), "each state once");
    assert_eq!(paths.iter().collect::<BTreeSet<_>>().len(), paths.len(), "each path once");
    (paths, rows)
}
