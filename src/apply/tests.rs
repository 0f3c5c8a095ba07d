use super::*;

fn problems(text: &str) -> Vec<String> {
    let env = |name: &str| match name {
        "SET" => Some("hushOfTheFileXyz".to_owned()),
        "CERTIFICATE" => Some(CERTIFICATE.to_owned()),
        "METADATA" => Some(metadata(CERTIFICATE)),
        "TOKEN" => Some("0123456789abcdef0123456789abcdef".to_owned()),
        "KEYLESS" => Some(metadata("")),
        _ => None,
    };
    let file = File { text, origin: "dir/acme.yaml", env: &env };
    check(file).map_or_else(|p| p.iter().map(ToString::to_string).collect(), |()| Vec::new())
}

/// A self-signed certificate whose key is kept nowhere.
const CERTIFICATE: &str = "MIIBgzCCASmgAwIBAgIUHf/VFCVb3hOY4tGtao47wq2/WagwCgYIKoZIzj0EAwIwFzEVMBMGA1UEAwwMYWRmcy5leGFtcGxlMB4XDTI2MTEyMj \
     E0MjYwM1oXDTM2MTExOTE0MjYwM1owFzEVMBMGA1UEAwwMYWRmcy5leGFtcGxlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMj7gRu88Df/t \
     c2wihTaP6fFql6YIxFja9PmdUCnuT/s5LdeSO5itvpIjcADMxm9ITfC0m+4B2BKWXbzS9DG3wqNTMFEwHQYDVR0OBBYEFCtPg7ymtRelgL2t+F \
     UGbiNVTEUhMB8GA1UdIwQYMBaAFCtPg7ymtRelgL2t+FUGbiNVTEUhMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgLNnLFfWs \
     GbzWjiYHCVfIbTlFX7fmjctHw1mGWRlUBzoCIQDAQgOwHTBVd1lwUIFb0apPOO39wiaVS22a9afVH0euzw==";

fn metadata(certificate: &str) -> String {
    format!(
        r#"<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="x" validUntil="2020-01-01T00:00:00Z">
        <IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor>
        <KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>{certificate}</X509Certificate></X509Data></KeyInfo>
        </KeyDescriptor></IDPSSODescriptor></EntityDescriptor>"#
    )
}

/// Every key of the format that this version can keep.
const WHOLE: &str = r#"
tenants:
- name: acme
  display_name: Acme
  domains: [acme.example, acme.test]
  provisioning: jit
  enabled: true
  password_login: true
  access_token_lifetime: 15m
  refresh_token_lifetime: 86400
  connections:
  - name: okta
    preset: okta
    protocol: oidc
    enabled: true
    login_enabled: true
    button_text: Sign in with Okta
    button_image_url: https://cdn.example/okta.svg
    email_claim: email
    unique_id_claim: [oid, sub]
    name_claim: name
    groups_claim: groups
    groups_delimiter: ";"
    email_trust: verified
    oidc: {issuer: "https://okta.example", client_id: gatehouse, client_secret: "${SET}", discover: true, scopes: "openid email", authorization_endpoint: "https://okta.example/a", token_endpoint: "https://okta.example/t", userinfo_endpoint: "https://okta.example/u", jwks_uri: "https://okta.example/k", token_endpoint_auth_method: auto, sign_requests: false, skew: 30}
  - name: adfs
    protocol: saml
    enabled: false
    saml: {idp_entity_id: x, sso_url: "https://adfs.example/s", certificates: ["${CERTIFICATE}"], sign_requests: true, want_encrypted: false, idp_initiated: false}
  clients:
  - {client_id: control-plane, name: Control plane, secret: "${SET}", redirect_uris: ["https://cp.example/auth/callback"], post_logout_redirect_uris: [], grant_types: [authorization_code, refresh_token], trusted: true, admin_api: true}
  - client_id: spa
    enabled: true
    redirect_uris: ["http://127.0.0.1/cb"]
    scopes: openid email
    resources: ["https://api.example"]
    access_token_alg: EdDSA
    id_token_alg: ES256
    access_token_lifetime: 5m
    token_endpoint_auth_method: none
  - client_id: signer
    redirect_uris: ["https://s.example/cb"]
    jwks: {keys: [{kty: EC, crv: P-256, x: a, y: b}]}
  users:
  - {email: ada@acme.example, name: Ada, password: "${SET}", admin: true, active: true}
  teams:
  - {name: sre, members: [Ada@ACME.example], tokens: [{issuer: okta-api, claims: {groups: sre}}]}
  directories:
  - name: okta
    connection: okta
    token: "${TOKEN}"
    enabled: true
    proven_domains_only: true
    group_rules:
    - {group: "sre-*", team: sre}
    - {group: "ws-{workspace}-role-{role}", resource: {type: workspace, name: "{workspace}"}, roles: {admin: manager, member: viewer}}
    - {group: leads, team: leads, resource: {type: app, name: console}, role: editor}
  trusted_issuers:
  - {name: okta-api, issuer: "https://x.example", jwks_uri: "https://x.example/k", audience: ["api://default"], algorithms: [RS256], required_claims: [sub, email], claim_values: {hd: {values: acme.example, match_type: exact}}, unique_id_claim: sub, email_claim: email, email_trust: domain, match: best, clock_tolerance: 30, cache_max_age: 12h, max_token_age: 30m, header_key: X-Token, enabled: true, oauth_client: {client_id: x, client_secret: "${SET}", authorization_endpoint: "https://x.example/a", token_endpoint: "https://x.example/t", scopes: [openid, email]}}
  - {name: opaque, issuer: any, audience: any, introspection_endpoint: "https://x.example/i", introspection_client_id: x, introspection_client_secret: "${SET}", introspection_cache_max_age: 0, introspection_auth: client_secret_post, introspection_content_type: application/json}
  - {name: reference, jwt_validation: {jwksUri: "https://x.example/k", algorithms: [RS256], requiredClaims: [sub], claimValues: {iss: {values: "https://x.example/", matchType: exact}, aud: {values: [api], matchType: contains}}}}
  external_identities:
  - {name: ci-runner, issuer: okta-api, claims: {repository_id: "456789", email: "*@acme.example"}, enabled: true}
  virtual_accounts:
  - {name: batch, issuer: okta-api, claims: {azp: batch-client}}
  - {name: robot}
  resources:
  - {type: model, name: gpt, collaborators: [{external_identity: ci-runner, role: viewer}, {team: sre, role: manager}, {user: ada@acme.example, role: editor}, {virtual_account: batch, role: viewer}]}
  sites:
  - {name: app, enabled: true, hosts: [App.example, "app.example:8443"], paths: [/app/], public_paths: [/app/health], issuers: [gatehouse, okta-api], claims: {email: "*@acme.example"}, resource: {type: model, name: gpt}, role: viewer, login: {client: spa}, audience: "https://app.example", scopes: [openid], identity: {method: jwt_header, header_name: X-Who, include_claims: [groups], jwt_expiry_seconds: 60}}
"#;

#[test]
fn the_whole_format_is_accepted() {
    assert_eq!(problems(WHOLE), Vec::<String>::new());
    for nothing in ["", "# nothing yet\n", "tenants: []\n", "tenants:\n"] {
        assert_eq!(problems(nothing), Vec::<String>::new(), "{nothing:?}");
    }
}

#[test]
fn every_error_is_listed_with_its_place() {
    let text = r#"tenant: []
tenants:
- name: Acme
  domans: [acme.example]
  domains: [acme_example/x, acme.test]
  provisioning: jti
  connections:
  - name: okta
    preset: octa
    oidc: {issuer: "https://okta.example", client_id: 12}
  - name: okta
    oidc: {issuer: "http://okta.example", client_id: c, scops: openid, client_secret: "${UNSET}"}
  - {name: kc, protocol: saml, oidc: {issuer: "https://kc.example", client_id: c, discover: false}}
  clients:
  - {client_id: cp, redirect_uris: ["http://cp.example/cb"], secret: {file: nowhere.txt}}
  - {client_id: cp, redirect_uris: ["https://cp.example/cb"], token_endpoint_auth_method: client_secret_basic}
  - {name: nameless, redirect_uris: []}
  users:
  - {email: ada, password: "${UNSET", admin: yes}
  - {email: ada@acme.example}
  - {email: Ada@Acme.Example}
  teams:
  - {name: sre, members: [ada@acme.example, ADA@acme.example, [x]]}
  resources:
  - {type: model, name: gpt, collaborators: [{team: sre, role: owner}]}
- name: beta
  domains: [acme.test]
  name: gamma
"#;
    let expected = [
        "1:1: the file has no key tenant (did you mean tenants?)",
        "3:9: \"Acme\" is no name: use 1 to 63 lower-case letters, digits and hyphens",
        "4:3: a tenant has no key domans (did you mean domains?)",
        "5:13: \"acme_example/x\" is no domain name; write it like acme.example",
        "6:17: provisioning must be one of jit, invite, scim (did you mean jit?)",
        "9:13: preset \"octa\" is unknown (did you mean okta?); known are ",
        "10:55: client_id must be text, not a number: put it in quotes",
        "11:11: connection okta stands in the file twice, first in line 8",
        "12:20: issuer must begin with https://",
        "12:57: oidc has no key scops (did you mean scopes?)",
        "12:87: the environment variable UNSET is not set",
        "13:5: the connection's protocol is saml, but it has no saml part",
        "13:38: authorization_endpoint is missing",
        "15:37: redirect URI \"http://cp.example/cb\" must be https",
        "15:77: dir/nowhere.txt cannot be read",
        "16:5: this token_endpoint_auth_method needs a secret",
        "17:5: a client needs client_id",
        "17:5: a client with the grant authorization_code needs redirect_uris",
        "19:13: \"ada\" is no plain e-mail address",
        "19:28: ${ has no } after it",
        "19:46: admin must be true or false, not text",
        "21:13: user ada@acme.example stands in the file twice, first in line 20",
        "23:45: member ada@acme.example stands in the file twice, first in line 23",
        "23:63: members must be text, not a list",
        "25:64: role must be one of viewer, editor, manager",
        "28:3: name stands twice in a tenant",
    ];
    let found = problems(text);
    let all = found.join("\n");
    for part in expected {
        assert!(all.contains(&format!("dir/acme.yaml:{part}")), "{part}\n--\n{all}");
    }
    assert_eq!(found.len(), expected.len() + 2, "{all}");
    assert!(!all.contains("hushOfTheFileXyz"));
}

#[test]
fn what_stands_in_two_tenants_is_named() {
    let text = "tenants:\n- {name: a, domains: [x.test], clients: [{client_id: c, redirect_uris: ['https://a.test']}]}\n- {name: a, domains: [x.test], clients: [{client_id: c, redirect_uris: ['https://a.test']}]}\n";
    let found = problems(text).join("\n");
    for noun in ["tenant a", "domain x.test", "client c"] {
        assert!(found.contains(&format!("{noun} stands in the file twice, first in line 2")), "{found}");
    }
}

#[test]
fn sign_ins_that_begin_at_a_provider_land_at_their_client() {
    let text = |url: &str| {
        format!(
            "tenants:\n- name: a\n  connections:\n  - name: idp\n    saml:\n      metadata_url: https://idp.test/m\n      \
             idp_initiated: true\n      idp_initiated_client: c\n      idp_initiated_url: {url}\n  clients:\n  - \
             {{client_id: c, secret: s, redirect_uris: ['https://a.test/cb']}}\n"
        )
    };
    assert_eq!(problems(&text("https://a.test/home")), Vec::<String>::new());
    for evil in ["https://a.test.evil.test/", "https://a.test:444/"] {
        let found = problems(&text(evil));
        assert_eq!(found, ["dir/acme.yaml:9:26: idp_initiated_url is on no origin of the redirect_uris of client c"]);
    }
}

#[test]
fn service_tokens_say_what_is_wrong_with_them() {
    let token = |text: &str| format!("tenants:\n- name: acme\n  service_tokens:\n  - {text}\n");
    let long = "0123456789abcdef0123456789abcdef";
    let good = format!("{{name: ci, token: {long:?}, scopes: [admin, users:read], expires_at: 2027-01-31, enabled: false}}");
    assert_eq!(problems(&token(&good)), Vec::<String>::new());
    for (text, part) in [
        ("{name: ci}", "a service token needs scopes: what it may, of admin, admin:read, tenants:read"),
        ("{name: ci, scopes: [user:read]}", "\"user:read\" is no scope (did you mean users:read?)"),
        ("{name: ci, scopes: [admin], token: short}", "or leave it out and make one with `gatehouse tokens renew`"),
        (&format!("{{name: ci, scopes: [admin], token: ghp_{long}}}"), "token must not begin with ghp_"),
        ("{name: ci, scopes: [admin], expires_at: soon}", "expires_at must be a day or a time"),
        ("{name: c i, scopes: [admin]}", "is no name"),
    ] {
        let found = problems(&token(text));
        assert!(found.len() == 1 && found[0].contains(part), "{text}: {found:?}");
    }
    let twice = format!("{{name: ci, token: {long:?}, scopes: [admin]}}\n  - {{name: cd, token: {long:?}, scopes: [admin]}}");
    let found = problems(&token(&twice));
    assert!(found[0].ends_with("token is that of service token acme/ci too; give each its own"), "{found:?}");
}

#[test]
fn directories_say_what_is_wrong_with_them() {
    let directory = |text: &str| format!("tenants:\n- name: acme\n  directories:\n  - {text}\n");
    for (text, why) in [
        ("{}", "4:5: a directory needs name"),
        ("{name: a b}", "4:12: \"a b\" is no name"),
        ("{name: a, token: \"${SET}\"}", "4:22: token must be 32 to 512 letters, digits"),
        ("{name: a, token: \"0123456789abcdef 0123456789abcdef\"}", "4:22: token must be"),
        ("{name: a, group_rules: [{team: x}]}", "4:29: a group rule needs group"),
        ("{name: a, group_rules: [{group: x}]}", "4:29: the rule for group \"x\" says nothing"),
        ("{name: a, group_rules: [{group: x, team: y, role: admin}]}", "4:55: role must be one of viewer, editor, manager"),
        (
            "{name: a, group_rules: [{group: \"{role}\", resource: {type: t, name: n}, roles: {boss: owner}}]}",
            "4:91: a role must be one of viewer, editor, manager",
        ),
        ("{name: a, group_rules: [{group: x, resource: {type: t}, role: viewer}]}", "4:50: resource needs name"),
        ("{name: a, rules: []}", "4:15: a directory has no key rules"),
        ("{name: a}\n  - {name: a}", "5:12: directory a stands in the file twice"),
        (
            "{name: a, token: \"${TOKEN}\"}\n  - {name: b, token: \"${TOKEN}\"}",
            "5:22: token is that of directory acme/a too; give each its own",
        ),
    ] {
        let found = problems(&directory(text));
        assert!(found.len() == 1 && found[0].starts_with(&format!("dir/acme.yaml:{why}")), "{text}: {found:#?}");
        assert!(!found[0].contains("0123456789abcdef"), "{found:#?}");
    }
}

#[test]
fn broken_yaml_names_its_line() {
    let found = problems("tenants:\n- name: [a\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].contains(": this is not YAML: "), "{found:?}");
    let found = problems("- a\n");
    assert!(found[0].contains("1:1: the file must be a mapping"), "{found:?}");
}

#[test]
fn variables_expand_within_text_and_can_be_escaped() {
    let user = |name: &str| format!("tenants:\n- name: {name}\n");
    let read = |text: &str| {
        let env = |name: &str| (name == "X").then(|| "b".to_owned());
        parse(File { text, origin: "f", env: &env }).map(|t| t[0].display_name.clone())
    };
    let with = |display: &str| read(&format!("{}  display_name: {display}\n", user("t"))).unwrap();
    assert_eq!(with("'a${X}c${X}'"), "abcb");
    assert_eq!(with("'$${X} $ {X} $5'"), "${X} $ {X} $5");
    assert!(read(&format!("{}  display_name: '${{Y}}'\n", user("t"))).is_err());
}

#[test]
fn a_saml_provider_is_read_when_it_is_written_down() {
    let of = |saml: &str| problems(&format!("tenants:\n- name: acme\n  connections:\n  - name: idp\n    saml:\n{saml}"));
    let by_hand = "      idp_entity_id: x\n      sso_url: https://idp.example/\n      certificates:\n";
    for (saml, expected) in [
        (format!("{by_hand}      - ${{CERTIFICATE}}\n"), None),
        (
            format!("{by_hand}      - ${{CERTIFICATE}}\n      - MIIx\n"),
            Some((10, "certificates: it is no X.509 certificate; give the")),
        ),
        (format!("{by_hand}      - ${{SET}}\n"), Some((9, "certificates: it is no X.509 certificate; give"))),
        ("      metadata_xml: ${METADATA}\n      idp_initiated: true\n".into(), Some((7, "idp_initiated needs"))),
        ("      metadata_xml: ${METADATA}\n".into(), Some((6, "no SingleSignOnService"))),
        ("      idp_entity_id: y\n      metadata_xml: ${METADATA}\n".into(), Some((7, "does not describe the idp_entity_id"))),
        ("      metadata_xml: ${KEYLESS}\n".into(), Some((6, "metadata_xml: no signing certificate: "))),
        ("      metadata_xml: hello\n".into(), Some((6, "metadata_xml: it is no metadata document"))),
        ("      metadata_xml: ${METADATA}\n      metadata_certificates: x\n".into(), Some((7, "metadata_certificates: it is"))),
        ("      metadata_xml: ${METADATA}\n      metadata_certificates: ${CERTIFICATE}\n".into(), Some((6, "not signed"))),
    ] {
        let found = of(&saml);
        match expected {
            None => assert_eq!(found, Vec::<String>::new()),
            Some((line, cause)) => {
                assert!(found[0].starts_with(&format!("dir/acme.yaml:{line}:")) && found[0].contains(cause), "{saml}: {found:?}");
            }
        }
    }
}

#[test]
fn what_trust_rests_on_is_judged_at_its_place() {
    let text = r#"tenants:
- name: acme
  trusted_issuers:
  - {name: a, jwks_uri: "https://x.example/k"}
  - {name: b, issuer: any, audience: [any, x], jwks_uri: "https://x.example/k"}
  - {name: gatehouse, issuer: "https://x.example", audience: x, algorithms: [HS256, none]}
  - {name: c, issuer: "https://x.example", audience: x, jwks: {keys: []}}
  - {name: d, issuer: "https://x.example", audience: x, jwks: {keys: [{kty: oct, k: AA}]}}
  - {name: e, issuer: "https://x.example", audience: x, introspection_cache_max_age: 5}
  - {name: f, issuer: "https://x.example", audience: x, introspection_endpoint: "https://x.example/i", introspection_client_id: x}
  - {name: g, issuer: "https://x.example", audience: x, claim_values: {e: {values: "(", match_type: regex}}}
  - {name: h, issuer: "https://y.example", audience: x, jwks_uri: "https://x.example/k", jwt_validation: {issuer: "https://x.example"}}
  - {name: i, audience: x, jwt_validation: {jwksURI: "https://x.example/k"}}
  - {name: j, issuer: "https://x.example", audience: x, jwt_validation: {jwksUri: "gopher://x.example/k"}}
  external_identities:
  - {name: a, issuer: b, claims: {x: [[1]], "": y}}
  - {name: b}
  - {name: "b c", issuer: a, claim: {}}
  virtual_accounts:
  - {name: a, claims: {x: y}}
  - {name: a}
  clients:
  - {client_id: c1, secret: "${SET}", grant_types: [client_credentials]}
  - {client_id: c2, grant_types: [client_credentials], virtual_account: a}
  teams:
  - {name: t, tokens: [{claims: {x: y}}]}
  resources:
  - {type: model, name: gpt, collaborators: [{team: t, user: a@b.example, role: viewer}, {team: t, role: owner}, {team: t}]}
  - {type: model, name: gpt}
  sites:
  - {name: s, hosts: ["https://s.example"], login: {client: a, issuer: b}, resource: {type: model, name: gpt}}
  - {name: u, hosts: u.example, identity: {method: header}}
  - {name: v, hosts: [U.example]}
"#;
    let expected = [
        "4:5: issuer is missing: give the value of iss, byte for byte, or `any`",
        "4:5: audience is missing: give the values of aud",
        "5:38: audience: any stands alone",
        "6:12: gatehouse stands for our own tokens; choose another name",
        "6:77: algorithms names \"HS256\": with a shared secret",
        "6:77: algorithms names none: tokens without a signature",
        "7:63: jwks: the key set holds no usable signature key",
        "8:63: jwks must hold public keys only",
        "9:86: introspection_cache_max_age needs introspection_endpoint",
        "10:5: introspection_client_secret is missing",
        "11:75: claim_values: the rule for claim \"e\" has an unusable expression",
        "12:67: jwks_uri is for jwt_validation to say; keep one of the two",
        "12:23: issuer is another one than jwt_validation names",
        "13:54: jwt_validation: jwksURI is no key of jwt_validation",
        "14:73: jwks_uri must begin with https://",
        "16:38: claims: the values of the rule for claim \"x\" must be",
        "16:49: claims: the rule for claim \"\" names no claim",
        "17:5: an external identity needs issuer",
        "18:12: \"b c\" is no name",
        "18:30: an external identity has no key claim (did you mean claims?)",
        "20:23: claims need an issuer: whose tokens have them?",
        "21:12: virtual account a stands in the file twice",
        "23:5: the grant client_credentials needs virtual_account",
        "24:5: the grant client_credentials needs a secret, jwks or jwks_uri",
        "26:24: an entry of tokens needs issuer",
        "28:46: a collaborator is one of user, team, external_identity and virtual_account",
        "28:106: role must be one of viewer, editor, manager",
        "28:114: a collaborator needs role",
        "29:5: resource model gpt stands in the file twice",
        "31:22: hosts has \"https://s.example\", which is no host",
        "31:52: login is one of {client: …}",
        "31:5: role is missing",
        "32:52: method must be one of headers, claims_header,",
        "33:22: site at u.example/ stands in the file twice, first in line 32",
    ];
    let found = problems(text);
    let all = found.join("\n");
    for part in expected {
        assert!(all.contains(&format!("dir/acme.yaml:{part}")), "{part}\n--\n{all}");
    }
    assert_eq!(found.len(), expected.len(), "{all}");
    assert!(!all.contains("hushOfTheFileXyz"));
}

#[test]
fn an_issuer_may_go_by_several_names() {
    let both = r#"["https://x.example", "https://y.example"]"#;
    let shape = format!(r#"jwt_validation: {{jwksUri: "https://x.example/k", claimValues: {{iss: {{values: {both}}}}}}}"#);
    for (issuer, expected) in [
        (format!(r#"{both}, jwks_uri: "https://x.example/k""#), ""),
        (format!("{both}, {shape}"), ""),
        (format!("any, {shape}"), "4:36: issuer: any contradicts jwt_validation"),
        (format!(r#""https://x.example", {shape}"#), "4:36: issuer is another one than jwt_validation names"),
        (r#"[any, "https://x.example"], jwks_uri: "https://x.example/k""#.to_owned(), "4:36: issuer: any stands alone"),
        (both.to_owned(), "4:5: jwks_uri is missing"),
        (r#"none, jwks_uri: "https://x.example/k""#.to_owned(), "write `any` to take those that need not say one"),
    ] {
        let file = format!("tenants:\n- name: acme\n  trusted_issuers:\n  - {{name: a, audience: x, issuer: {issuer}}}\n");
        let found = problems(&file).join("\n");
        assert!(found.lines().count() <= 1 && found.is_empty() == expected.is_empty() && found.contains(expected), "{found}");
    }
}
