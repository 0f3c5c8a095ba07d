// People before services that have no sign-in of their own: nginx and Caddy ask gatehouse, Chromium signs in.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { Gatehouse, freePort } from '../interop/lib/gatehouse.mjs';
import { Proxy, Upstream } from '../interop/lib/proxy.mjs';
import { ADA, GRACE, client, state, tenant } from '../interop/lib/state.mjs';
import { Upstream as Provider } from '../interop/lib/upstream.mjs';
import { inspect, launch } from './lib/chromium.mjs';
import { password } from './lib/walk.mjs';

const KINDS = ['nginx', 'caddy'];
const SECRET = 'a-secret-of-the-sites-0123456789';
const proxies = {};
// The same before sites whose browsers sign in at a provider of the customer's own.
const abroad = {};
let browser;
let gatehouse;
let provider;
let upstream;
let context;
let page;

before(async () => {
  const ports = Object.fromEntries(await Promise.all(KINDS.map(async (kind) => [kind, await freePort()])));
  const hosts = KINDS.map((kind) => `127.0.0.1:${ports[kind]}`);
  const away = Object.fromEntries(await Promise.all(KINDS.map(async (kind) => [kind, await freePort()])));
  const callback = (port) => `http://127.0.0.1:${port}/.gatehouse/callback`;
  provider = await Provider.start({
    clients: [{ client_id: 'sites', client_secret: SECRET, redirect_uris: Object.values(away).map(callback) }],
  });
  const oauth_client = {
    client_id: 'sites', client_secret: SECRET, scopes: ['openid', 'email'],
    authorization_endpoint: `${provider.issuer}/auth`, token_endpoint: `${provider.issuer}/token`,
  };
  [browser, upstream, gatehouse] = await Promise.all([launch(), Upstream.start(), Gatehouse.start({
    env: { GATEHOUSE_TRUSTED_PROXIES: '127.0.0.0/8, ::1/128' },
    apply: state(tenant({
      clients: [client('portal', { name: 'Portal', token_endpoint_auth_method: 'none', redirect_uris: hosts.map((host) => `http://${host}/.gatehouse/callback`) })],
      resources: [{ type: 'site', name: 'dashboards', collaborators: [{ user: ADA.email, role: 'viewer' }] }],
      trusted_issuers: [{ name: 'customer', issuer: provider.issuer, audience: ['sites'], jwks_uri: `${provider.issuer}/jwks`, oauth_client }],
      sites: [
        ...KINDS.map((name, n) => ({ name, hosts: [hosts[n]], login: { client: 'portal' }, resource: { type: 'site', name: 'dashboards' }, role: 'viewer' })),
        ...KINDS.map((name) => ({ name: `${name}-abroad`, hosts: [`127.0.0.1:${away[name]}`], issuers: ['customer'], login: { issuer: 'customer' } })),
      ],
    })),
  })]);
  const behind = { gatehouse: gatehouse.origin.replace('localhost', '127.0.0.1'), upstream: upstream.url };
  for (const kind of KINDS) {
    proxies[kind] = await Proxy.start(kind, { port: ports[kind], ...behind });
    abroad[kind] = await Proxy.start(kind, { port: away[kind], ...behind });
  }
});
after(async () => {
  await Promise.all([browser?.close(), ...[proxies, abroad].flatMap((all) => KINDS.map((kind) => all[kind]?.stop()))]);
  await Promise.all([upstream?.stop(), gatehouse?.stop(), provider?.stop()]);
});
beforeEach(async () => {
  context = await browser.newContext();
  page = await context.newPage();
});
afterEach(() => context.close());

/** What reached the service, as it shows it. */
const shown = async () => JSON.parse(await page.locator('body').innerText());

for (const kind of KINDS) {
  describe(`behind ${kind}`, () => {
    test('signs in, lands on the page first asked for, stays signed in, and signs out', async () => {
      const { url } = proxies[kind];
      const asked = `${url}/reports/7?from=2026&to=%C3%A9`;
      await page.goto(asked);
      assert.ok(page.url().startsWith(gatehouse.url), page.url());
      await password(page, ADA);
      await page.waitForURL(asked);
      const first = await shown();
      assert.equal(first.url, '/reports/7?from=2026&to=%C3%A9');
      assert.equal(first.headers['remote-user'], ADA.email);
      assert.equal(first.headers['remote-name'], 'Ada Lovelace');

      const cookies = await context.cookies(url);
      const session = cookies.find((cookie) => cookie.name.startsWith('__Host-gatehouse-site'));
      assert.ok(session?.httpOnly && session.secure && session.sameSite === 'Lax' && session.path === '/', JSON.stringify(cookies));
      assert.ok(session.value.length < 100, 'an opaque id, no token');
      await page.goto(`${url}/other`);
      assert.equal((await shown()).url, '/other');
      const status = await page.evaluate(() => fetch('/data').then((answer) => answer.status));
      assert.equal(status, 200, 'a script of the page passes with the cookie');

      await page.goto(`${url}/.gatehouse/sign-out`);
      assert.ok(page.url().startsWith(`${gatehouse.url}/oauth2/logout`), page.url());
      // The site's session has ended; whether ours does too, the person says.
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByRole('heading', { name: /signed out/i }).waitFor();
      await page.goto(`${url}/other`);
      await page.getByRole('heading', { name: /^Sign in to/ }).waitFor();
    });

    test('two tabs that sign in at once each land on their own page', async () => {
      const { url } = proxies[kind];
      const second = await context.newPage();
      await page.goto(`${url}/one`);
      await second.goto(`${url}/two`);
      await password(page, ADA);
      await page.waitForURL(`${url}/one`);
      await password(second, ADA);
      await second.waitForURL(`${url}/two`);
    });

    test('who holds no role is told so, and a script is', async () => {
      const { url } = proxies[kind];
      await page.goto(`${url}/page`);
      await password(page, GRACE);
      await page.waitForURL(`${url}/page`);
      if (kind === 'caddy') {
        await page.getByRole('heading', { name: 'No access' }).waitFor();
        assert.deepEqual(await inspect(page, '8-no-access'), []);
      }
      const answer = await context.request.get(`${url}/page`, { headers: { accept: 'application/json' } });
      assert.equal(answer.status(), 403);
    });

    test('signs in at the customer\'s own provider, lands, and signs out of the site alone', async () => {
      const { url } = abroad[kind];
      const asked = `${url}/reports/7?from=2026`;
      const visits = () => provider.requests.filter((line) => line === 'GET /auth').length;
      await page.goto(asked);
      assert.ok(page.url().startsWith(`${provider.issuer}/interaction/`), page.url());
      await page.locator('input[name=login]').fill('ada');
      await page.locator('input[name=password]').fill('whatever');
      await page.locator('button[type=submit]').click();
      // What gatehouse may learn, the person says.
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.waitForURL(asked);
      const first = await shown();
      assert.equal(first.url, '/reports/7?from=2026');
      // A stranger to gatehouse, who cannot be taken for somebody here.
      assert.equal(first.headers['remote-user'], 'customer/ada');
      assert.equal(first.headers.authorization, undefined);
      const cookies = await context.cookies(url);
      const session = cookies.find((cookie) => cookie.name.startsWith('__Host-gatehouse-site'));
      assert.ok(session?.httpOnly && session.secure && session.sameSite === 'Lax' && session.value.length < 100, JSON.stringify(cookies));
      assert.ok(!cookies.some((cookie) => cookie.name.startsWith('__Host-gatehouse-login')), 'nothing of the sign-in is left');
      const seen = visits();
      await page.goto(`${url}/other`);
      assert.equal((await shown()).url, '/other');
      assert.equal(visits(), seen, 'the provider is not asked again');

      await page.goto(`${url}/.gatehouse/sign-out`);
      await page.getByRole('heading', { name: 'Signed out' }).waitFor();
      assert.ok(!(await context.cookies(url)).some((cookie) => cookie.name === session.name));
      // The session there lives on, so the next visit needs no password.
      await page.goto(`${url}/again`);
      await page.waitForURL(`${url}/again`);
      assert.equal((await shown()).headers['remote-user'], 'customer/ada');
      assert.ok(visits() > seen);
      assert.deepEqual(provider.errors, []);
    });
  });
}
