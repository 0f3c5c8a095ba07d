// The npm package oidc-provider as the upstream: PKCE required, each way gatehouse can prove who it is, signed request
// objects, rotated keys, two tabs; each time a complete sign-in of a downstream client.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browser } from './lib/browser.mjs';
import { discover, oidc, signIn } from './lib/client.mjs';
import { Gatehouse } from './lib/gatehouse.mjs';
import { bySso, throughUpstream } from './lib/journey.mjs';
import { APP, client, connection, state, tenant } from './lib/state.mjs';
import { Upstream } from './lib/upstream.mjs';

let upstream;
let gatehouse;
let config;

const SECRET = 'a secret that the upstream gave us';
const METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'];

before(async () => {
  // The upstream must know gatehouse's callback URL and keys, gatehouse the upstream's issuer: whoever starts first
  // learns the other's address late.
  let self = 'http://localhost:1';
  const registered = (client_id, more) => ({
    client_id,
    redirect_uris: [`${self}/oauth2/callback`],
    response_types: ['code'],
    grant_types: ['authorization_code'],
    ...more,
  });
  const withKeys = () => ({ token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'RS256', jwks_uri: `${self}/oauth2/jwks` });
  upstream = await Upstream.start({
    clients: () => [
      registered('client_secret_basic', { client_secret: SECRET, token_endpoint_auth_method: 'client_secret_basic' }),
      registered('client_secret_post', { client_secret: SECRET, token_endpoint_auth_method: 'client_secret_post' }),
      registered('private_key_jwt', withKeys()),
      registered('signed', { ...withKeys(), request_object_signing_alg: 'RS256', require_signed_request_object: true }),
      registered('es256', { client_secret: SECRET, id_token_signed_response_alg: 'ES256' }),
    ],
  });
  const at = (client_id, more) => ({ issuer: upstream.issuer, client_id, ...more });
  gatehouse = await Gatehouse.start({
    apply: state(tenant({
      clients: [client('app', { token_endpoint_auth_method: 'none' })],
      users: [],
      connections: [
        connection('client-secret-basic', at('client_secret_basic', { client_secret: SECRET, token_endpoint_auth_method: 'client_secret_basic' })),
        connection('client-secret-post', at('client_secret_post', { client_secret: SECRET, token_endpoint_auth_method: 'client_secret_post' })),
        connection('private-key-jwt', at('private_key_jwt', { token_endpoint_auth_method: 'private_key_jwt' })),
        connection('signed', at('signed', { token_endpoint_auth_method: 'private_key_jwt', sign_requests: true })),
        connection('es256', at('es256', { client_secret: SECRET })),
        connection('wrong-secret', at('client_secret_basic', { client_secret: 'not the secret', token_endpoint_auth_method: 'client_secret_basic' })),
      ],
    })),
  });
  self = gatehouse.url;
  await upstream.rotateKeys(); // now with gatehouse's real address
  config = await discover(gatehouse.url, 'app', { token_endpoint_auth_method: 'none' });
});
after(async () => {
  await gatehouse?.stop();
  await upstream?.stop();
});

const newBrowser = () => new Browser({ stops: ['https://app.example/'] });
const complete = (name, login = 'ada', browser = newBrowser()) =>
  signIn(config, APP, (url) => bySso(browser, url, { connection: name, login }));

for (const method of METHODS) {
  test(`a complete sign-in with ${method}`, async () => {
    const { tokens } = await complete(method.replaceAll('_', '-'));
    assert.equal(tokens.claims().email, 'ada@acme.example');
    assert.equal(tokens.claims().email_verified, true);
    assert.equal(tokens.claims().name, 'Ada Lovelace');
    assert.deepEqual(upstream.errors, []);
  });
}

test('a complete sign-in with a signed request object', async () => {
  const browser = newBrowser();
  const { tokens } = await complete('signed', 'ada', browser);
  assert.equal(tokens.claims().email, 'ada@acme.example');
  assert.deepEqual(upstream.errors, []);
});

test('a complete sign-in with ES256 ID tokens', async () => {
  const { tokens } = await complete('es256');
  assert.equal(tokens.claims().email, 'ada@acme.example');
});

test('groups of the provider reach the ID token and userinfo', async () => {
  const walk = (url) => bySso(newBrowser(), url, { connection: 'client-secret-basic', login: 'ada' });
  const { tokens } = await signIn(config, APP, walk, { scope: 'openid groups' });
  assert.deepEqual(tokens.claims().groups, ['engineers', 'admins']);
  const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  assert.deepEqual(userinfo.groups, ['engineers', 'admins']);
});

test('the same person over one connection is the same user, another person another', async () => {
  const first = await complete('client-secret-basic', 'grace');
  const second = await complete('client-secret-basic', 'grace');
  const other = await complete('client-secret-basic', 'ada');
  assert.equal(first.tokens.claims().sub, second.tokens.claims().sub);
  assert.notEqual(first.tokens.claims().sub, other.tokens.claims().sub);
});

test('two tabs of one browser both finish', async () => {
  const browser = newBrowser();
  const tabs = [];
  for (const name of ['client-secret-basic', 'client-secret-post']) {
    const verifier = oidc.randomPKCECodeVerifier();
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: APP, scope: 'openid email', state: name,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
    });
    const page = await browser.open(url);
    tabs.push({ name, verifier, form: page.form('connection', name), page });
  }
  for (const tab of tabs) tab.page = await browser.submit(tab.page, tab.form);
  for (const tab of tabs.reverse()) {
    const page = await throughUpstream(browser, tab.page, 'ada');
    assert.ok(page.stopped, page.describe());
    const tokens = await oidc.authorizationCodeGrant(config, page.stopped, { pkceCodeVerifier: tab.verifier, expectedState: tab.name });
    assert.equal(tokens.claims().email, 'ada@acme.example');
  }
});

test('an e-mail address that the provider has not verified links to nobody', async () => {
  await complete('client-secret-basic', 'ada');
  const browser = newBrowser();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: APP, scope: 'openid email', state: 's',
    code_challenge: await oidc.calculatePKCECodeChallenge(oidc.randomPKCECodeVerifier()), code_challenge_method: 'S256',
  });
  const page = await bySso(browser, url, { connection: 'client-secret-basic', login: 'mallory' });
  assert.equal(page.stopped, null, page.describe());
  assert.ok(page.status >= 400 && page.status < 500, page.describe());
});

test('a callback opened in another browser, without state or a second time is refused', async () => {
  const start = async () => oidc.buildAuthorizationUrl(config, {
    redirect_uri: APP, scope: 'openid email', state: 's',
    code_challenge: await oidc.calculatePKCECodeChallenge(oidc.randomPKCECodeVerifier()), code_challenge_method: 'S256',
  });
  const upToCallback = async () => {
    const browser = newBrowser();
    browser.stops.push(`${gatehouse.url}/oauth2/callback`);
    const page = await bySso(browser, await start(), { connection: 'client-secret-basic', login: 'ada' });
    assert.ok(page.stopped?.searchParams.get('code'), page.describe());
    browser.stops.pop();
    return { browser, callback: page.stopped };
  };
  const refused = (page) => {
    assert.equal(page.stopped, null, page.describe());
    assert.ok(page.status >= 400 && page.status < 500, page.describe());
  };
  const theft = await upToCallback();
  refused(await newBrowser().open(theft.callback));

  const bare = await upToCallback();
  const without = new URL(bare.callback);
  without.searchParams.delete('state');
  refused(await bare.browser.open(without));

  const twice = await upToCallback();
  const first = await twice.browser.open(twice.callback);
  assert.ok(first.stopped, first.describe());
  refused(await twice.browser.open(twice.callback));
});

test('a failed exchange is a page with a short code, and the log names the cause', async () => {
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: APP, scope: 'openid email', state: 's',
    code_challenge: await oidc.calculatePKCECodeChallenge(oidc.randomPKCECodeVerifier()), code_challenge_method: 'S256',
  });
  const page = await bySso(newBrowser(), url, { connection: 'wrong-secret', login: 'ada' });
  upstream.errors.length = 0;
  assert.equal(page.stopped, null, page.describe());
  assert.ok(page.status >= 400, page.describe());
  await gatehouse.logged(/invalid_client/);
  assert.doesNotMatch(page.body, /invalid_client|not the secret/);
  assert.doesNotMatch(gatehouse.log, /not the secret/);
});

test('keys that rotate in the middle of a sign-in are fetched', async () => {
  const browser = newBrowser();
  const { tokens } = await signIn(config, APP, async (url) => {
    const page = await browser.open(url);
    const left = await browser.submit(page, page.form('connection', 'client-secret-basic'));
    await upstream.rotateKeys();
    return throughUpstream(browser, left, 'ada');
  });
  assert.equal(tokens.claims().email, 'ada@acme.example');
});
