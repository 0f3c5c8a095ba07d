//! The table.

/// `yes`: the bearer is let in; `no`: refused. An issuer's state is that of all three of its tenant; a site's of all sites.
///
/// A token that was exchanged stands on its own issuer being trusted and on its mapping, not on the token it was made of.
/// A sign-in at an issuer is judged by its settings, but not by its keys: they were asked once.
#[rustfmt::skip]
const TABLE: &str = "
                             own access-cookie foreign team-token account-token opaque connection check own-check explain exchange jwt-bearer credentials exchanged cc-token introspect forward-own forward-access-cookie forward-foreign forward-header forward-cookie forward-issuer-cookie
    nothing                  yes yes           yes     yes        yes           yes    yes        yes   yes       yes     yes      yes        yes         yes       yes      yes        yes         yes                   yes             yes            yes            yes
    tenant-disabled          no  no            no      no         no            no     no         no    no        no      no       no         no          no        no       no         no          no                    no              no             no             no
    issuer-disabled          yes yes           no      no         no            no     yes        no    yes       no      no       no         yes         no        yes      no         yes         yes                   no              no             yes            no
    issuer-deleted           yes yes           no      no         no            no     yes        no    yes       no      no       no         yes         no        yes      no         yes         yes                   no              no             yes            no
    issuer-keys-changed      yes yes           no      no         no            yes    yes        no    yes       no      no       no         yes         yes       yes      yes        yes         yes                   no              no             yes            yes
    issuer-audience-changed  yes yes           no      no         no            no     yes        no    yes       no      no       no         yes         yes       yes      yes        yes         yes                   no              no             yes            no
    connection-disabled      yes yes           yes     yes        yes           yes    no         yes   yes       yes     yes      yes        yes         yes       yes      yes        yes         yes                   yes             yes            yes            yes
    connection-login-on      yes yes           yes     yes        yes           yes    no         yes   yes       yes     yes      yes        yes         yes       yes      yes        yes         yes                   yes             yes            yes            yes
    connection-deleted       yes yes           yes     yes        yes           yes    no         yes   yes       yes     yes      yes        yes         yes       yes      yes        yes         yes                   yes             yes            yes            yes
    identity-disabled        yes yes           no      yes        yes           yes    yes        no    yes       no      no       no         yes         no        yes      no         yes         yes                   no              yes            yes            no
    identity-deleted         yes yes           no      yes        yes           yes    yes        no    yes       no      no       no         yes         no        yes      no         yes         yes                   no              yes            yes            no
    claims-edited            yes yes           no      yes        yes           yes    yes        no    yes       no      no       no         yes         no        yes      no         yes         yes                   no              yes            yes            no
    team-left                yes yes           yes     yes        yes           yes    yes        yes   no        yes     yes      yes        yes         yes       yes      yes        no          no                    yes             yes            no             yes
    team-deleted             yes yes           yes     no         yes           yes    yes        yes   no        yes     yes      yes        yes         yes       yes      yes        no          no                    yes             yes            no             yes
    roles-taken              yes yes           yes     yes        yes           yes    yes        no    no        yes     yes      yes        yes         yes       yes      yes        no          no                    no              yes            no             no
    resource-deleted         yes yes           yes     yes        yes           yes    yes        no    no        yes     yes      yes        yes         yes       yes      yes        no          no                    no              yes            no             no
    user-deactivated         no  no            yes     yes        yes           yes    yes        yes   no        no      yes      yes        yes         yes       yes      yes        no          no                    yes             yes            no             yes
    shut-by-directory        no  no            yes     yes        yes           yes    yes        yes   no        no      yes      yes        yes         yes       yes      yes        no          no                    yes             yes            no             yes
    reactivated              no  no            yes     yes        yes           yes    yes        yes   no        no      yes      yes        yes         yes       yes      yes        no          no                    yes             yes            no             yes
    directory-disabled       yes yes           yes     yes        yes           yes    yes        yes   yes       yes     yes      yes        yes         yes       yes      yes        yes         yes                   yes             yes            yes            yes
    record-deleted           no  no            yes     yes        yes           yes    yes        yes   no        no      yes      yes        yes         yes       yes      yes        no          no                    yes             yes            no             yes
    user-deleted             no  no            yes     yes        yes           yes    yes        yes   no        no      yes      yes        yes         yes       yes      yes        no          no                    yes             yes            no             yes
    admin-removed            yes yes           yes     yes        yes           yes    yes        yes   yes       no      yes      yes        yes         yes       yes      yes        yes         yes                   yes             yes            yes            yes
    clients-disabled         no  no            yes     yes        yes           yes    yes        yes   no        no      no       no         no          no        no       no         no          no                    yes             yes            no             yes
    client-account-changed   yes yes           yes     yes        yes           yes    yes        yes   yes       yes     yes      yes        yes         yes       no       yes        yes         yes                   yes             yes            yes            yes
    family-revoked           no  no            yes     yes        yes           yes    yes        yes   no        no      yes      yes        yes         yes       yes      yes        no          no                    yes             yes            no             yes
    signed-out               no  no            yes     yes        yes           yes    yes        yes   no        no      yes      yes        yes         yes       yes      yes        no          no                    yes             yes            no             yes
    virtual-account-disabled yes yes           yes     yes        no            yes    yes        yes   yes       yes     yes      yes        no          yes       no       yes        yes         yes                   yes             yes            yes            yes
    virtual-account-deleted  yes yes           yes     yes        no            yes    yes        yes   yes       yes     yes      yes        no          yes       no       yes        yes         yes                   yes             yes            yes            yes
    site-disabled            yes yes           yes     yes        yes           yes    yes        yes   yes       yes     yes      yes        yes         yes       yes      yes        no          no                    no              no             no             no
    site-deleted             yes yes           yes     yes        yes           yes    yes        yes   yes       yes     yes      yes        yes         yes       yes      yes        no          no                    no              no             no             no
    signing-key-retired      no  no            yes     yes        yes           yes    yes        yes   no        no      yes      yes        yes         no        no       no         no          no                    yes             yes            yes            yes
";

/// The paths, and each state with what is expected of them.
pub fn table() -> (Vec<&'static str>, Vec<(&'static str, Vec<&'static str>)>) {
    let mut lines = TABLE.lines().filter(|l| !l.trim().is_empty()).map(|l| l.split_whitespace().collect::<Vec<_>>());
    let paths = lines.next().unwrap();
    (paths, lines.map(|mut cells| (cells.remove(0), cells)).collect())
}
