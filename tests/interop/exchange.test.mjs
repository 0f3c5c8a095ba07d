// The npm package oidc-provider as a foreign token issuer, and openid-client as a machine: JWT access tokens, opaque ones
// judged by introspection, token exchange, JWT assertions, client credentials.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose';

import { discover, oidc } from './lib/client.mjs';
import { Gatehouse } from './lib/gatehouse.mjs';
import { API, partner, partnerToken, trusted } from './lib/partner.mjs';
import { client, state, tenant } from './lib/state.mjs';

const DEPLOY = 'https://deploy.acme.example';
const SECRET = 'a-secret-of-a-partner-0123456789';
const URN = 'urn:ietf:params:oauth';
const EXCHANGE = `${URN}:grant-type:token-exchange`;

let jwts;
let opaques;
let gatehouse;
let keyPair;

async function whoami(token) {
  const response = await fetch(`${gatehouse.url}/api/v1/whoami`, { headers: { authorization: `Bearer ${token}` } });
  return { status: response.status, challenge: response.headers.get('www-authenticate'), ...(await response.json()) };
}

const machine = (id, auth = oidc.None(), metadata = { token_endpoint_auth_method: 'none' }) => discover(gatehouse.url, id, metadata, auth);

before(async () => {
  [jwts, opaques] = await Promise.all([partner('jwt'), partner('opaque')]);
  keyPair = await generateKeyPair('ES256', { extractable: true });
  const jwks = { keys: [{ ...(await exportJWK(keyPair.publicKey)), kid: 'machine', alg: 'ES256', use: 'sig' }] };
  const machineClient = (id, more) => client(id, { redirect_uris: [], ...more });
  gatehouse = await Gatehouse.start({
    apply: state(tenant({
      users: [],
      trusted_issuers: trusted(jwts, opaques),
      external_identities: [
        { name: 'by-jwt', issuer: 'partner-jwt', claims: { client_id: 'partner' } },
        { name: 'by-introspection', issuer: 'partner-opaque', claims: { client_id: 'partner', scope: 'read' } },
        { name: 'anybody-opaque', issuer: 'partner-opaque' },
      ],
      virtual_accounts: [{ name: 'nightly' }],
      clients: [
        machineClient('ci', { token_endpoint_auth_method: 'none', grant_types: ['token_exchange', 'jwt_bearer'] }),
        machineClient('deployer', { secret: SECRET, grant_types: [EXCHANGE], resources: [DEPLOY], scopes: ['deploy', 'read'] }),
        machineClient('nightly', { secret: SECRET, grant_types: ['client_credentials'], virtual_account: 'nightly', scopes: ['reports'] }),
        machineClient('keyed', { jwks, grant_types: ['client_credentials'], virtual_account: 'nightly' }),
      ],
    })),
  });
});
after(async () => {
  await gatehouse?.stop();
  await jwts?.stop();
  await opaques?.stop();
});

const ISSUERS = { JWT: () => [jwts, 'by-jwt'], opaque: () => [opaques, 'by-introspection'] };

for (const [kind, named] of Object.entries(ISSUERS)) {
  describe(`${kind} access tokens of a foreign provider`, () => {
    let upstream;
    let name;
    before(() => {
      [upstream, name] = named();
    });

    test('act as an external identity', async () => {
      const { access_token } = await partnerToken(upstream);
      const who = await whoami(access_token);
      assert.equal(who.status, 200, JSON.stringify(who));
      assert.deepEqual({ ...who.principal, id: undefined }, { kind: 'external_identity', name, id: undefined });
      assert.deepEqual([who.tenant, who.subject, who.issuer], ['acme', 'partner', upstream.issuer]);
      assert.deepEqual(upstream.errors, []);
    });

    test('for somebody else are refused', async () => {
      const { access_token } = await partnerToken(upstream, 'https://another.example');
      const who = await whoami(access_token);
      assert.equal(who.status, 401);
      assert.equal(who.error_description, 'Invalid audience');
    });

    test('are exchanged by openid-client', async () => {
      const config = await machine('ci');
      const { access_token } = await partnerToken(upstream);
      const tokens = await oidc.genericGrantRequest(config, EXCHANGE, {
        subject_token: access_token, subject_token_type: `${URN}:token-type:access_token`,
      });
      assert.equal(tokens.issued_token_type, `${URN}:token-type:access_token`);
      assert.equal(tokens.token_type, 'bearer');
      assert.equal(tokens.refresh_token, undefined);
      assert.ok(tokens.expires_in > 0 && tokens.expires_in <= 300, `${tokens.expires_in} s, as long as the first`);
      const who = await whoami(tokens.access_token);
      assert.deepEqual([who.principal.name, who.subject, who.issuer], [name, 'partner', upstream.issuer]);
    });

    test('are exchanged for a narrower audience and scope, as RFC 9068 has it', async () => {
      const config = await machine('deployer', oidc.ClientSecretPost(SECRET), {});
      const { access_token } = await partnerToken(upstream);
      const exchange = (more) => oidc.genericGrantRequest(config, EXCHANGE, {
        subject_token: access_token, subject_token_type: `${URN}:token-type:access_token`, ...more,
      });
      const tokens = await exchange({ audience: DEPLOY, scope: 'deploy' });
      assert.equal(tokens.scope, 'deploy');
      const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
      const { payload } = await jwtVerify(tokens.access_token, keys, { issuer: gatehouse.url, audience: DEPLOY, typ: 'at+jwt' });
      assert.deepEqual([payload.scope, payload.client_id, payload.origin.iss], ['deploy', 'deployer', upstream.issuer]);
      const told = await oidc.tokenIntrospection(config, tokens.access_token);
      assert.deepEqual([told.active, told.principal.name, told.origin.sub], [true, name, 'partner']);
      await assert.rejects(exchange({ audience: API }), { error: 'invalid_target' });
      await assert.rejects(exchange({ scope: 'deploy admin' }), { error: 'invalid_scope' });
      // Ended by the client that it was issued to.
      await oidc.tokenRevocation(config, tokens.access_token);
      assert.deepEqual(await oidc.tokenIntrospection(config, tokens.access_token), { active: false });
    });
  });
}

test('an opaque token that its provider has revoked is refused at once', async () => {
  const { access_token, revoke } = await partnerToken(opaques);
  assert.equal((await whoami(access_token)).status, 200);
  await revoke();
  const who = await whoami(access_token);
  assert.deepEqual([who.status, who.error_description], [401, 'Token is not active']);
  assert.match(who.challenge, /^Bearer error="invalid_token"/);
  const config = await machine('ci');
  const exchange = oidc.genericGrantRequest(config, EXCHANGE, {
    subject_token: access_token, subject_token_type: `${URN}:token-type:access_token`,
  });
  await assert.rejects(exchange, { error: 'invalid_request' });
  assert.equal(await (await fetch(`${gatehouse.url}/healthz`)).status, 200);
});

test('a JWT of a foreign provider is an assertion (RFC 7523); an opaque token is none', async () => {
  // An assertion is made for gatehouse, whose address is known now.
  await gatehouse.apply({ tenants: [{ name: 'acme', trusted_issuers: trusted(jwts, opaques, [API, gatehouse.url]) }] });
  const config = await machine('ci');
  const assertion = (token) => oidc.genericGrantRequest(config, `${URN}:grant-type:jwt-bearer`, { assertion: token.access_token });
  // A file that another process applies is noticed within a second.
  const ours = await partnerToken(jwts, gatehouse.url);
  const given = async (tries) => assertion(ours).catch((e) => (tries ? setTimeout(100).then(() => given(tries - 1)) : Promise.reject(e)));
  const tokens = await given(100);
  assert.equal((await whoami(tokens.access_token)).principal.name, 'by-jwt');
  await assert.rejects(assertion(await partnerToken(jwts)), { error: 'invalid_grant' }, 'made for another server');
  await assert.rejects(assertion(await partnerToken(opaques)), { error: 'invalid_grant' });
});

test('client credentials act as a virtual account, by secret and by key', async () => {
  const ways = {
    nightly: oidc.ClientSecretBasic(SECRET),
    keyed: oidc.PrivateKeyJwt({ key: keyPair.privateKey, kid: 'machine' }),
  };
  for (const [id, auth] of Object.entries(ways)) {
    const tokens = await oidc.clientCredentialsGrant(await machine(id, auth, {}));
    const who = await whoami(tokens.access_token);
    assert.deepEqual([who.principal.kind, who.principal.name, who.issuer], ['virtual_account', 'nightly', gatehouse.url], id);
    assert.equal(tokens.scope, id === 'nightly' ? 'reports' : undefined);
  }
  await assert.rejects(oidc.clientCredentialsGrant(await machine('ci')), { error: 'unauthorized_client' });
});

test('the metadata names the grants, and the challenge of a refusal leads to it', async () => {
  const config = await machine('ci');
  const grants = config.serverMetadata().grant_types_supported;
  for (const grant of ['client_credentials', EXCHANGE, `${URN}:grant-type:jwt-bearer`]) assert.ok(grants.includes(grant), grant);
  const { challenge } = await whoami('nonsense');
  const [, address] = /resource_metadata="([^"]+)"/.exec(challenge);
  const resource = await (await fetch(address)).json();
  assert.equal(resource.resource, gatehouse.url);
  assert.deepEqual(resource.authorization_servers, [config.serverMetadata().issuer]);
});
