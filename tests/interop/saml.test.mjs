// The npm package samlp as the upstream: each way it can sign and encrypt, a certificate that rolls over, single logout in
// both directions; each time a complete sign-in of a downstream client. It takes our requests only when they are signed.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';

import { Browser } from './lib/browser.mjs';
import { discover, oidc, signIn } from './lib/client.mjs';
import { Gatehouse } from './lib/gatehouse.mjs';
import { consent } from './lib/journey.mjs';
import { EMAIL, newKey, PEOPLE, Samlp } from './lib/samlp.mjs';
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

/** gatehouse with these connections, which the provider then gets to know. */
async function started(provider, connections) {
  const node = await Gatehouse.start({
    apply: state(tenant({
      clients: [client('app', { token_endpoint_auth_method: 'none', post_logout_redirect_uris: [`${APP}/bye`] })],
      users: [],
      connections: connections.map(([name, saml]) => ({ name, preset: 'auth0', button_text: name, saml: { metadata_url: `${provider.url}/metadata`, ...saml } })),
    })),
  });
  await provider.introduce(...connections.map(([name]) => `${node.url}/saml/acme/${name}/metadata`));
  return node;
}

before(async () => {
  idp = await Samlp.start();
  const all = Object.entries({ ...SHAPES, ...OTHERS });
  idp.habits = Object.fromEntries(all.map(([name, [habit]]) => [name, habit]));
  gatehouse = await started(idp, all.map(([name, [, saml]]) => [name, saml]));
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

test('a certificate rolls over in the middle', async () => {
  const provider = await Samlp.start();
  const node = await started(provider, [['rolls', {}]]);
  try {
    const at = await discover(node.url, 'app', { token_endpoint_auth_method: 'none' });
    const signedIn = (inTheMiddle = () => {}) => signIn(at, APP, async (url) => {
      const browser = newBrowser();
      const page = await toProvider(browser, url);
      inTheMiddle();
      return browser.submit(page, page.form('pending'), { login: 'ada' });
    }, { idp_hint: 'rolls' });
    const refresh = () => node.run('connections', 'refresh', 'acme', 'rolls');
    await signedIn();

    const [first, second, third] = [provider.keys[0], newKey(), newKey()];
    provider.keys = [first, second]; // the next certificate is announced
    assert.match(await refresh(), /added/);
    await signedIn();
    await signedIn(() => { provider.signing = second; }); // and used from now on
    provider.keys = [second];
    assert.match(await refresh(), /removed/);
    await signedIn();
    provider.signing = first;
    await assert.rejects(signedIn(), /not sent back/);
    await node.logged(/signature is not by any of the provider's certificates/);

    provider.signing = third;
    provider.keys = [third]; // out of the blue: an operator must look
    assert.match(await refresh(), /HELD/);
    await assert.rejects(signedIn(), /not sent back/);
    await node.run('connections', 'accept', 'acme', 'rolls', new X509Certificate(third.cert).fingerprint256);
    await signedIn();
  } finally {
    await node.stop();
    await provider.stop();
  }
});

const refreshes = async (tokens) => {
  const answer = await fetch(`${gatehouse.url}/oauth2/token`, {
    method: 'POST', body: new URLSearchParams({ grant_type: 'refresh_token', client_id: 'app', refresh_token: tokens.refresh_token }),
  });
  Object.assign(tokens, await answer.json());
  return answer.status === 200;
};
const isSignedIn = async (browser) => /You are signed in/.test((await browser.open(`${gatehouse.url}/account`)).text);
const signedInBy = async (name, login) => {
  const browser = newBrowser();
  const { tokens } = await complete(name, { login, browser });
  return { browser, tokens: { ...tokens } };
};

for (const by of ['redirect', 'form']) {
  test(`the provider signs somebody out by ${by}`, async () => {
    idp.participants.length = 0;
    const grace = await signedInBy('both-signed', 'grace');
    idp.participants.length = 0; // the provider signs out whom it has in mind: Ada alone
    const ada = await signedInBy('both-signed', 'ada');
    assert.ok(await refreshes(ada.tokens) && await isSignedIn(ada.browser));
    const page = await ada.browser.open(`${idp.url}/slo?by=${by}`);
    assert.equal(page.status, 200, page.describe());
    assert.deepEqual(idp.participants, [], 'samlp has verified the answer and struck the session off');
    assert.ok(!await isSignedIn(ada.browser) && !await refreshes(ada.tokens));
    assert.ok(await isSignedIn(grace.browser) && await refreshes(grace.tokens), 'another person stays');
    assert.deepEqual(idp.errors, []);
  });
}

test('signing out here signs out there', async () => {
  idp.participants.length = 0;
  const { browser, tokens } = await signedInBy('both-signed', 'ada');
  assert.equal(idp.participants.length, 1);
  const url = new URL(`${gatehouse.url}/oauth2/logout`);
  url.search = new URLSearchParams({ id_token_hint: tokens.id_token, post_logout_redirect_uri: `${APP}/bye`, state: 's' });
  const page = await browser.open(url);
  assert.equal(page.stopped?.href, `${APP}/bye?state=s`, page.describe());
  assert.deepEqual(idp.participants, [], 'samlp has verified the request');
  assert.ok(!await isSignedIn(browser) && !await refreshes(tokens));
  assert.deepEqual(idp.errors, []);
});
