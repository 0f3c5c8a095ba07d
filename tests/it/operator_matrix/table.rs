//! The table.

use std::collections::BTreeSet;

/// `yes`: let in; `ask`: led to sign in; `no`: refused. Administrators are two, the tenant's own and the platform's, and states of
/// administrators are of both, but where a directory or the tenant's own service makes them: neither is above the platform's.
///
/// A personal token stands on what its owner is, not on how they signed in. What was made for the tenant at the pages, a
/// directory's token or an invite, outlasts whoever made it; what a guest does with a link does not, nor what was made with a
/// token, also by way of a link. A link ends for good when its maker administers no longer, as a personal token does. A session
/// that began with a link has shown neither a password nor a provider, so it stands on neither.
#[rustfmt::skip]
const TABLE: &str = "
                            page form platform-page test-return sign-in known-browser api platform-api explain personal platform-personal service link guest guest-form guest-return service-guest directory guest-directory service-directory invite break-glass by-link
    nothing                 yes  yes  yes           yes         yes     yes           yes yes          yes     yes      yes               yes     yes  yes   yes        yes          yes           yes       yes             yes               yes    yes         yes
    tenant-disabled         ask  ask  ask           no          no      no            no  no           no      no       no                no      no   no    no         no           no            no        no              no                no     no          ask
    tenant-deleted          ask  ask  ask           no          no      no            no  no           no      no       no                no      no   no    no         no           no            no        no              no                no     no          ask
    admin-deactivated       ask  ask  ask           no          no      no            no  no           no      no       no                yes     no   no    no         no           yes           yes       yes             yes               yes    no          ask
    admin-shut-by-directory ask  ask  yes           no          no      no            no  yes          no      no       yes               yes     no   no    no         no           yes           yes       yes             yes               yes    no          ask
    admin-readmitted        ask  ask  ask           no          yes     yes           no  no           no      no       no                yes     no   no    no         no           yes           yes       yes             yes               yes    no          ask
    admin-deleted           ask  ask  ask           no          no      no            no  no           no      no       no                yes     no   no    no         no           yes           yes       yes             yes               yes    no          ask
    demoted                 no   no   no            no          no      no            no  no           no      no       no                yes     no   no    no         no           yes           yes       yes             yes               yes    no          ask
    demoted-and-back        yes  yes  yes           yes         yes     yes           yes yes          yes     no       no                yes     no   no    no         no           yes           yes       yes             yes               yes    yes         yes
    password-changed        ask  ask  yes           no          no      no            no  yes          no      no       yes               yes     no   no    no         no           yes           yes       yes             yes               yes    no          ask
    passwords-off           ask  ask  ask           no          no      no            no  no           no      yes      yes               yes     yes  yes   yes        yes          yes           yes       yes             yes               yes    yes         yes
    locked                  yes  yes  yes           yes         no      yes           yes yes          yes     yes      yes               yes     yes  yes   yes        yes          yes           yes       yes             yes               yes    yes         yes
    signed-out              ask  ask  ask           no          yes     yes           no  no           no      yes      yes               yes     yes  yes   yes        yes          yes           yes       yes             yes               yes    yes         yes
    session-idle            ask  ask  ask           no          yes     yes           yes yes          yes     yes      yes               yes     yes  yes   yes        no           yes           yes       yes             yes               yes    no          ask
    family-revoked          yes  yes  yes           yes         yes     yes           no  no           no      yes      yes               yes     yes  yes   yes        yes          yes           yes       yes             yes               yes    yes         yes
    client-disabled         yes  yes  yes           yes         yes     yes           no  no           no      yes      yes               yes     yes  yes   yes        yes          yes           yes       yes             yes               yes    yes         yes
    client-deleted          yes  yes  yes           yes         yes     yes           no  no           no      yes      yes               yes     yes  yes   yes        yes          yes           yes       yes             yes               yes    yes         yes
    admin-api-taken         yes  yes  yes           yes         yes     yes           no  no           no      yes      yes               yes     yes  yes   yes        yes          yes           yes       yes             yes               yes    yes         yes
    signing-key-retired     yes  yes  yes           yes         yes     yes           no  no           no      yes      yes               yes     yes  yes   yes        yes          yes           yes       yes             yes               yes    yes         yes
    personal-revoked        yes  yes  yes           yes         yes     yes           yes yes          yes     no       no                yes     yes  yes   yes        yes          yes           yes       yes             yes               yes    yes         yes
    personal-ended          yes  yes  yes           yes         yes     yes           yes yes          yes     no       no                yes     yes  yes   yes        yes          yes           yes       yes             yes               yes    yes         yes
    service-disabled        yes  yes  yes           yes         yes     yes           yes yes          yes     yes      yes               no      yes  yes   yes        yes          no            yes       yes             no                yes    yes         yes
    service-ended           yes  yes  yes           yes         yes     yes           yes yes          yes     yes      yes               no      yes  yes   yes        yes          no            yes       yes             no                yes    yes         yes
    service-deleted         yes  yes  yes           yes         yes     yes           yes yes          yes     yes      yes               no      yes  yes   yes        yes          no            yes       yes             no                yes    yes         yes
    service-narrowed        yes  yes  yes           yes         yes     yes           yes yes          yes     yes      yes               no      yes  yes   yes        yes          no            yes       yes             yes               yes    yes         yes
    service-renewed         yes  yes  yes           yes         yes     yes           yes yes          yes     yes      yes               no      yes  yes   yes        yes          no            yes       yes             no                yes    yes         yes
    link-revoked            yes  yes  yes           yes         yes     yes           yes yes          yes     yes      yes               yes     no   no    no         no           no            yes       yes             yes               yes    yes         yes
    link-finished           yes  yes  yes           yes         yes     yes           yes yes          yes     yes      yes               yes     no   no    no         no           no            yes       yes             yes               yes    yes         yes
    link-expired            yes  yes  yes           yes         yes     yes           yes yes          yes     yes      yes               yes     no   no    no         no           no            yes       yes             yes               yes    yes         yes
    connection-enabled      yes  yes  yes           yes         yes     yes           yes yes          yes     yes      yes               yes     yes  yes   no         yes          yes           yes       yes             yes               yes    yes         yes
    connection-deleted      yes  yes  yes           no          yes     yes           yes yes          yes     yes      yes               yes     no   no    no         no           no            yes       yes             yes               yes    yes         yes
    directory-disabled      yes  yes  yes           yes         yes     yes           yes yes          yes     yes      yes               yes     yes  yes   yes        yes          yes           no        no              no                yes    yes         yes
    directory-deleted       yes  yes  yes           yes         yes     yes           yes yes          yes     yes      yes               yes     yes  yes   yes        yes          yes           no        no              no                yes    yes         yes
    directory-token-ended   yes  yes  yes           yes         yes     yes           yes yes          yes     yes      yes               yes     yes  yes   yes        yes          yes           no        no              no                yes    yes         yes
    invite-revoked          yes  yes  yes           yes         yes     yes           yes yes          yes     yes      yes               yes     yes  yes   yes        yes          yes           yes       yes             yes               no     yes         yes
    break-glass-used        yes  yes  yes           yes         yes     yes           yes yes          yes     yes      yes               yes     yes  yes   yes        yes          yes           yes       yes             yes               yes    no          yes
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
