// The npm package samlp as the upstream: each way it can sign and encrypt, a certificate that rolls over, single logout in
// both directions; each time a complete sign-in of a downstream client. It takes our requests only when they are signed.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browser } from './lib/browser.mjs';
import { discover, oidc, signIn } from './lib/client.mjs';
import { Gatehouse } from './lib/gatehouse.mjs';
import { consent } from './lib/journey.mjs';
import { EMAIL, PEOPLE, Samlp } from './lib/samlp.mjs';
import { APP, client, state, tenant } from './lib/state.mjs';

let idp;
let gatehouse;
let config;

const CBC = { encryptionAlgorithm: 'http://www.w3.org/2001/04/xmlenc#aes256-cbc', disallowEncryptionWithInsecureAlgorithm: false, warnOnInsecureEncryptionAlgorithm: false };
/** How the provider answers over each connection, and what the connection says beside the usual. */
const SHAPES = {
  'assertion-signed': [{}, {}],
  'response-signed': [{ signResponse: true, signAssertion: false }, {}],
  'both-signed': [{ signResponse: true }, {}],
  'prefixed-signatures': [{ signResponse: true, signatureNamespacePrefix: 'ds' }, {}],
  'e-mail-name-id': [{ nameIdentifierFormat: EMAIL }, { name_id_format: 'emailAddress' }],
  'encrypted': [{ encrypted: {} }, { want_encrypted: true }],
  'encrypted-in-signed': [{ signResponse: true, encrypted: {} }, {}],
  'encrypted-cbc': [{ signResponse: true, encrypted: CBC }, {}],
  'request-by-form': [{}, { request_binding: 'post' }],
  'sha1-allowed': [{ signatureAlgorithm: 'rsa-sha1', digestAlgorithm: 'sha1' }, { allow_sha1: true }],
};
const OTHERS = {
  'sha1': [{ signatureAlgorithm: 'rsa-sha1', digestAlgorithm: 'sha1' }, {}],
  'unsigned': [{ signAssertion: false }, {}],
  'cbc-in-unsigned': [{ encrypted: CBC }, {}],
};

before(async () => {
  idp = await Samlp.start();
  const all = Object.entries({ ...SHAPES, ...OTHERS });
  idp.habits = Object.fromEntries(all.map(([name, [habit]]) => [name, habit]));
  gatehouse = await Gatehouse.start({
    apply: state(tenant({
      clients: [client('app', { token_endpoint_auth_method: 'none' })],
      users: [],
      connections: all.map(([name, [, saml]]) => ({ name, preset: 'auth0', button_text: name, saml: { metadata_url: `${idp.url}/metadata`, ...saml } })),
    })),
  });
  await idp.introduce(...all.map(([name]) => `${gatehouse.url}/saml/acme/${name}/metadata`));
  config = await discover(gatehouse.url, 'app', { token_endpoint_auth_method: 'none' });
});
after(async () => {
  await gatehouse?.stop();
  await idp?.stop();
});

const newBrowser = () => new Browser({ stops: [APP] });

/** From an authorization URL to the provider's page. */
const toProvider = async (browser, url) => {
  const page = await browser.open(url);
  assert.ok(page.form('pending'), `not at the provider:\n${page.describe()}`);
  return page;
};
const through = async (browser, url, login) => {
  const page = await toProvider(browser, url);
  return consent(browser, await browser.submit(page, page.form('pending'), { login }));
};
const complete = (name, { login = 'ada', browser = newBrowser(), scope = 'openid email profile groups offline_access', ...extra } = {}) =>
  signIn(config, APP, (url) => through(browser, url, login), { scope, idp_hint: name, ...extra });
const start = async (name) => oidc.buildAuthorizationUrl(config, {
  redirect_uri: APP, scope: 'openid email', state: 's', idp_hint: name,
  code_challenge: await oidc.calculatePKCECodeChallenge(oidc.randomPKCECodeVerifier()), code_challenge_method: 'S256',
});
const refused = (page) => {
  assert.equal(page.stopped, null, page.describe());
  assert.ok(page.status >= 400 && page.status < 500, page.describe());
};

for (const name of Object.keys(SHAPES)) {
  test(`a complete sign-in: ${name}`, async () => {
    for (const [login, person] of Object.entries(PEOPLE)) {
      const { tokens } = await complete(name, { login });
      const claims = tokens.claims();
      assert.equal(claims.email, person.email);
      assert.equal(claims.name, `${person.givenName} ${person.familyName}`);
      assert.deepEqual(claims.groups, person.groups);
    }
    assert.deepEqual(idp.errors, []);
  });
}

test('the same person is the same user over every connection, another person another', async () => {
  const subjects = new Set();
  for (const name of ['both-signed', 'encrypted', 'e-mail-name-id']) subjects.add((await complete(name)).tokens.claims().sub);
  assert.equal(subjects.size, 1);
  assert.ok(!subjects.has((await complete('both-signed', { login: 'grace' })).tokens.claims().sub));
});

test('two tabs of one browser both finish', async () => {
  const browser = newBrowser();
  const tabs = [];
  for (const name of ['assertion-signed', 'encrypted']) {
    const verifier = oidc.randomPKCECodeVerifier();
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: APP, scope: 'openid email', state: name, idp_hint: name,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
    });
    tabs.push({ name, verifier, page: await toProvider(browser, url) });
  }
  for (const tab of tabs.reverse()) {
    const page = await browser.submit(tab.page, tab.page.form('pending'), { login: 'ada' });
    assert.ok(page.stopped, page.describe());
    const tokens = await oidc.authorizationCodeGrant(config, page.stopped, { pkceCodeVerifier: tab.verifier, expectedState: tab.name });
    assert.equal(tokens.claims().email, 'ada@acme.example');
  }
});

for (const [name, cause] of [['sha1', /sha-?1/i], ['unsigned', /sign/i], ['cbc-in-unsigned', /cbc/i]]) {
  test(`what is weaker than the connection allows is refused: ${name}`, async () => {
    refused(await through(newBrowser(), await start(name), 'ada'));
    await gatehouse.logged(cause);
  });
}

test('an answer is good once and in its own browser', async () => {
  const upToAnswer = async () => {
    const browser = newBrowser();
    browser.stops.push(`${gatehouse.url}/oauth2/callback`);
    const page = await through(browser, await start('both-signed'), 'ada');
    assert.ok(page.posted?.get('SAMLResponse'), page.describe());
    browser.stops.pop();
    return { browser, send: (who) => who.post(page.stopped, [...page.posted], { from: new URL(idp.url) }) };
  };
  const theft = await upToAnswer();
  refused(await theft.send(newBrowser()));

  const twice = await upToAnswer();
  const first = await twice.send(twice.browser);
  assert.ok(first.stopped, first.describe());
  refused(await twice.send(twice.browser));
});
