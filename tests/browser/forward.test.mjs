// A person opens a service that has no sign-in of its own, behind nginx and behind Caddy: Chromium is sent to gatehouse, and
// comes back to the page it asked for.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Gatehouse, freePort } from '../interop/lib/gatehouse.mjs';
import { Proxy, Upstream } from '../interop/lib/proxy.mjs';
import { ADA, client, state, tenant } from '../interop/lib/state.mjs';
import { launch } from './lib/chromium.mjs';
import { password } from './lib/walk.mjs';

const KINDS = ['nginx', 'caddy'];
const ports = {};
const proxies = {};
let browser;
let gatehouse;
let upstream;

before(async () => {
  for (const kind of KINDS) ports[kind] = await freePort();
  const host = (kind) => `127.0.0.1:${ports[kind]}`;
  [browser, upstream, gatehouse] = await Promise.all([launch(), Upstream.start(), Gatehouse.start({
    env: { GATEHOUSE_TRUSTED_PROXIES: '127.0.0.0/8, ::1/128' },
    apply: state(tenant({
      clients: [client('portal', { token_endpoint_auth_method: 'none', redirect_uris: KINDS.map((kind) => `http://${host(kind)}/.gatehouse/callback`) })],
      sites: KINDS.map((kind) => ({ name: kind, hosts: [host(kind)], login: { client: 'portal' } })),
    })),
  })]);
  for (const kind of KINDS) {
    proxies[kind] = await Proxy.start(kind, { port: ports[kind], gatehouse: gatehouse.origin.replace('localhost', '127.0.0.1'), upstream: upstream.url });
  }
});
after(async () => {
  await Promise.all([browser?.close(), ...KINDS.map((kind) => proxies[kind]?.stop()), upstream?.stop(), gatehouse?.stop()]);
});

for (const kind of KINDS) {
  test(`behind ${kind}: to the page first asked for, in two tabs, and out again`, async () => {
    const context = await browser.newContext();
    try {
      const [first, second] = [await context.newPage(), await context.newPage()];
      const site = proxies[kind].url;
      // Both are on their way before either has signed in.
      await first.goto(`${site}/first?a=1&b=%2F`);
      await second.goto(`${site}/second`);
      assert.ok(first.url().startsWith(`${gatehouse.url}/login/`), first.url());
      await password(first, ADA);
      await first.waitForURL(`${site}/**`);
      assert.equal(first.url(), `${site}/first?a=1&b=%2F`);
      const { headers } = JSON.parse(await first.locator('body').innerText());
      assert.equal(headers['remote-user'], ADA.email);
      await password(second, ADA);
      await second.waitForURL(`${site}/**`);
      assert.equal(second.url(), `${site}/second`);
      const cookies = (await context.cookies(site)).filter((cookie) => cookie.name.startsWith('__Host-gatehouse-site-'));
      assert.equal(cookies.length, 1);
      assert.ok(cookies[0].httpOnly && cookies[0].secure && cookies[0].sameSite === 'Lax', JSON.stringify(cookies[0]));
      // A script of the page that asks without being signed in is told so, and not sent away.
      await first.goto(`${site}/.gatehouse/sign-out`);
      assert.ok(first.url().startsWith(`${gatehouse.url}/oauth2/logout`), first.url());
      const status = await second.evaluate(async () => (await fetch('/first', { redirect: 'manual' })).status);
      assert.equal(status, 401);
    } finally {
      await context.close();
    }
  });
}
