// Direct mode, set up by environment alone, in the names that other control planes use: the browser goes straight to
// the provider and comes back to the control plane's own host with its cookies set.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { decodeProtectedHeader, exportJWK, generateKeyPair, jwtVerify } from 'jose';

import { Browser } from './lib/browser.mjs';
import { Gatehouse } from './lib/gatehouse.mjs';
import { throughUpstream } from './lib/journey.mjs';
import { Upstream } from './lib/upstream.mjs';
import { setCookies } from './lib/wire.mjs';

let upstream;
let gatehouse;
let key;

before(async () => {
  let self = 'http://localhost:1';
  upstream = await Upstream.start({
    clients: () => [{ client_id: 'control-plane', client_secret: 'the upstream secret', redirect_uris: [`${self}/oauth2/callback`] }],
  });
  key = await generateKeyPair('ES256', { extractable: true });
  const jwks = { keys: [{ ...(await exportJWK(key.privateKey)), kid: 'our-own', alg: 'ES256', use: 'sig' }] };
  gatehouse = await Gatehouse.start({
    env: {
      OAUTH_PROVIDER_TYPE: 'EXTERNAL',
      EXTERNAL_OAUTH_ISSUER: upstream.issuer,
      EXTERNAL_OAUTH_CLIENT_ID: 'control-plane',
      EXTERNAL_OAUTH_CLIENT_SECRET: 'the upstream secret',
      EXTERNAL_OAUTH_USER_INFO_EMAIL_KEY_NAME: 'email',
      INTERNAL_JWT_JWKS: JSON.stringify(jwks),
    },
  });
  self = gatehouse.url;
  await upstream.rotateKeys();
});
after(async () => {
  await gatehouse?.stop();
  await upstream?.stop();
});

const landing = () => `${gatehouse.url}/auth/callback`;

async function signIn(browser, login = 'ada') {
  const query = new URLSearchParams({ tenantName: 'default', controlPlaneURL: gatehouse.url, redirectURL: landing() });
  const answer = await browser.fetch(`${gatehouse.url}/api/svc/v1/oauth2/authorize?${query}`);
  assert.equal(answer.status, 200, await answer.clone().text());
  const { authorizationEndpoint } = await answer.json();
  assert.ok(authorizationEndpoint.startsWith(upstream.issuer), `not straight to the provider: ${authorizationEndpoint}`);
  return throughUpstream(browser, await browser.open(authorizationEndpoint), login);
}

test('one round trip to the provider, and the cookies are there, signed with the key that was given', async () => {
  const browser = new Browser({ stops: [landing()] });
  const last = await signIn(browser);
  assert.ok(last.stopped?.href.startsWith(landing()), last.describe());
  assert.equal(last.stopped.searchParams.get('userState'), 'Authenticated');
  assert.equal(last.headers.get('cache-control'), 'no-cache, no-store');
  const cookies = setCookies(last);
  for (const [name, seconds] of [['accessToken', 86_400], ['refreshToken', 604_800]]) {
    const cookie = cookies.get(name);
    assert.ok(cookie?.httponly && cookie.secure && cookie.path === '/', `${name}: ${JSON.stringify(cookie)}`);
    assert.equal(cookie['max-age'], String(seconds), name);
  }
  const token = cookies.get('accessToken').value;
  assert.equal(decodeProtectedHeader(token).kid, 'our-own');
  const { payload } = await jwtVerify(token, key.publicKey, { issuer: gatehouse.url, typ: 'at+jwt' });
  assert.equal(payload.email, 'ada@acme.example');
});

test('refresh and sign-out work as in broker mode', async () => {
  const browser = new Browser({ stops: [landing()] });
  await signIn(browser);
  const post = (path, body) => browser.fetch(`${gatehouse.url}/api/svc/v1/oauth2/${path}`, {
    method: 'POST', headers: { 'content-type': 'application/json', origin: gatehouse.url }, body: JSON.stringify(body),
  });
  assert.equal((await post('token', { tenantName: 'default', grantType: 'refresh_token' })).status, 201);
  const thief = browser.clone();
  assert.equal((await post('logout', { tenantName: 'default' })).status, 200);
  const after = await thief.fetch(`${gatehouse.url}/api/svc/v1/oauth2/token`, {
    method: 'POST', headers: { 'content-type': 'application/json', origin: gatehouse.url }, body: JSON.stringify({ tenantName: 'default', grantType: 'refresh_token' }),
  });
  assert.equal(after.status, 400);
});

test('a callback that another browser brings sets nothing', async () => {
  const victim = new Browser();
  const attacker = new Browser({ stops: [`${gatehouse.url}/oauth2/callback`] });
  const { stopped } = await signIn(attacker);
  assert.ok(stopped?.searchParams.get('code'));
  const page = await victim.open(stopped);
  assert.ok(page.status >= 400 && page.status < 500, page.describe());
  assert.deepEqual(victim.cookies.for(new URL(gatehouse.url)).filter((c) => /Token$/.test(c.name)), []);
});

test('only what direct mode needs was asked of the provider', () => {
  const paths = new Set(upstream.requests.filter((r) => !/ \/(auth|interaction)/.test(r)));
  assert.deepEqual([...paths].sort(), ['GET /.well-known/openid-configuration', 'GET /jwks', 'GET /me', 'POST /token']);
});
