// What administrators do beside configuring: tokens of directories, invites, what ends, the log, the deployment's keys.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { inspect, launch, SIZES } from './lib/chromium.mjs';
import { PROGRAM, startDemo } from './lib/demo.mjs';
import { password, people } from './lib/walk.mjs';

let browser;
let demo;
let page;
const problems = [];
const look = async (name) => problems.push(...await inspect(page, `admin-${name}`));
const open = (path) => page.goto(`${demo.gatehouse}/admin${path}`);
const LONG = 'a-name-that-nobody-would-choose-and-somebody-always-does-'.repeat(3).slice(0, 120);

before(async () => {
  [browser, demo] = await Promise.all([launch(), startDemo()]);
  page = await (await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] })).newPage();
  page.on('pageerror', (error) => problems.push(`script: ${error}`));
  // Ada administers the deployment too.
  const data = `${demo.dir}/demo-data`;
  execFileSync(PROGRAM, ['admin', 'add', 'ada@demo.example', '--tenant', 'demo', '--platform'], {
    env: { GATEHOUSE_PUBLIC_URL: demo.gatehouse, GATEHOUSE_DATABASE_URL: `sqlite://${data}/gatehouse.db`, GATEHOUSE_KEYS_DIR: `${data}/keys` },
  });
  await page.goto(demo.url);
  const ada = (await people(page)).find((p) => p.password && /password/.test(p.note));
  await page.goto(`${demo.gatehouse}/login?tenant=demo&to=/account`);
  await password(page, ada);
  await page.getByRole('link', { name: 'Administration' }).waitFor();
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

test('a directory gets its token, which is shown once', async () => {
  await open('/demo/directories/new');
  await page.getByLabel('Name', { exact: true }).fill('people');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByText('It was created.').waitFor();
  await look('directory-new');
  await page.getByRole('link', { name: 'Make a token' }).click();
  await page.getByLabel('It ends by itself').selectOption('After 90 days');
  await look('token-ask');
  await page.getByRole('button', { name: 'Make a token' }).click();
  const token = await page.locator('code.copy').first().textContent();
  assert.match(token, /^ghs_/);
  await look('token-shown');
  await page.getByRole('button', { name: 'Copy Token' }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), token);
  const push = () => fetch(`${demo.gatehouse}/scim/v2/Users`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal((await push()).status, 200);
  // A reload sends the form again: nothing is made, and nothing shown.
  await page.reload();
  await page.getByText('shown only once').waitFor();
  assert.ok(!(await page.content()).includes(token));
  await page.goBack();
  await open('/demo/directories/people');
  assert.ok(!(await page.content()).includes(token));
  assert.equal(await page.getByRole('rowheader', { name: /^Made here/ }).count(), 1);
  await look('directory');
  await page.getByRole('link', { name: 'Revoke …' }).click();
  await look('token-revoke');
  await page.getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('It was revoked').waitFor();
  assert.equal((await push()).status, 401);
  assert.deepEqual(problems.splice(0), []);
});

test('somebody is invited, reminded and no longer waited for', async () => {
  await open('/guests/users');
  await page.getByRole('link', { name: 'Invites' }).click();
  await look('invites-none');
  await page.getByRole('link', { name: 'Invite somebody' }).click();
  await page.getByLabel('E-mail address').fill('nobody');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByText('is not a plain e-mail address').waitFor();
  await look('invite-wrong');
  await page.getByLabel('E-mail address').fill('kim@guests.example');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByText('The invite is on its way.').waitFor();
  await page.getByRole('button', { name: 'Send again' }).click();
  await page.getByText('2 times').waitFor();
  await look('invites');
  await page.getByRole('link', { name: 'Revoke …' }).click();
  await look('invite-revoke');
  await page.getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('Nobody is waited for').waitFor();
  assert.deepEqual(problems.splice(0), []);
});

test('what ends is said before', async () => {
  const day = new Date(Date.now() + 20 * 86_400_000).toISOString().slice(0, 10);
  await open('/demo/connections/new?preset=entra&protocol=oidc');
  await page.getByLabel('Name', { exact: true }).fill('entra');
  await page.getByLabel('Enabled', { exact: true }).check();
  await page.getByLabel('Client ID').fill('app');
  await page.getByLabel('Client secret').fill('s');
  await page.getByLabel('The secret ends on').fill('soon');
  await page.getByLabel('Issuer URL').fill('https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByText('must be a day like 2027-03-31').waitFor();
  await page.getByLabel('The secret ends on').fill(day);
  await page.getByLabel('Client secret').fill('s');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByText('It was created.').waitFor();
  await open('/demo');
  await page.getByRole('heading', { name: 'Expiring soon' }).waitFor();
  await look('overview-ending');
  await page.getByRole('link', { name: 'All that expires' }).click();
  await look('expiring');
  await open('/_/expiring');
  await page.getByText('Key that signs tokens').locator('visible=true').first().waitFor();
  await look('deployment-expiring');
  assert.deepEqual(problems.splice(0), []);
});

test('a key is followed by hand', async () => {
  await open('/_/keys');
  await look('keys');
  await page.getByRole('link', { name: 'Rotate now …' }).first().click();
  await look('key-rotate');
  await page.getByRole('button', { name: 'Rotate now' }).click();
  await page.getByText('The next key was made.').waitFor();
  assert.equal(await page.locator('.state.next').count(), 1);
  assert.deepEqual(problems.splice(0), []);
});

test('a token is explained, and not shown again', async () => {
  await open('/demo');
  await page.getByRole('link', { name: 'Explain a token' }).click();
  await page.getByLabel('Token').fill('pasted.by.hand');
  await page.getByText('At a site').click();
  await page.getByRole('textbox', { name: 'Site' }).fill('nowhere.example');
  await page.getByRole('button', { name: 'Explain' }).click();
  await page.getByRole('heading', { name: /^Refused/ }).waitFor();
  assert.ok(!page.url().includes('pasted') && !(await page.content()).includes('pasted'));
  assert.equal(await page.getByRole('textbox', { name: 'Site' }).inputValue(), 'nowhere.example');
  await look('explained');
  await page.getByRole('button', { name: 'Explain' }).click();
  await page.getByRole('alert').waitFor();
  await look('explain-nothing');
  assert.deepEqual(problems.splice(0), []);
});

test('the log is read, narrowed, exported and verified', async () => {
  await open('/demo/audit');
  await page.locator('.log summary').first().click();
  await look('audit');
  await page.getByLabel('Who').fill('nobody@demo.example');
  await page.getByRole('button', { name: 'Show' }).click();
  await page.getByText('Nothing like that is in the log.').waitFor();
  await look('audit-none');
  await page.getByRole('link', { name: 'Show all' }).click();
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Export as JSON lines' }).click()]);
  assert.equal(file.suggestedFilename(), 'audit-demo.jsonl');
  const lines = (await readFile(await file.path(), 'utf8')).trim().split('\n').map((line) => JSON.parse(line));
  assert.ok(lines.length > 3 && lines.every((line) => line.tenant === 'demo'));
  await open('/_/audit');
  await page.getByRole('button', { name: 'Check the log' }).click();
  await page.getByText('in its place and unaltered').waitFor();
  await look('deployment-audit');
  assert.deepEqual(problems.splice(0), []);
});

test('long names, what is not there, and what is the deployment\'s', async () => {
  await open('/demo/teams/new');
  await page.getByLabel('Name').fill(LONG);
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByText('It was created.').waitFor();
  await look('long-name');
  await open('/demo/teams');
  await look('long-names');
  await open('/demo/audit');
  await look('long-name-in-the-log');
  await open('/demo/sites');
  await look('sites');
  await open('/_/tenants');
  await look('organisations');
  await open('/nowhere');
  await page.getByRole('heading', { name: 'Not found' }).waitFor();
  await look('not-found');
  await page.goto(`${demo.gatehouse}/account`);
  await look('account');
  assert.deepEqual(problems.splice(0), []);
});

test('on a phone the ways are behind a button, which needs no script', async () => {
  await open('/demo');
  const ways = page.getByRole('navigation', { name: 'Administration' });
  assert.ok(await ways.isVisible(), 'beside the page, where there is room');
  assert.ok(!await page.getByRole('button', { name: 'Menu' }).isVisible());
  const storageState = await page.context().storageState();
  const phone = await (await browser.newContext({ storageState, javaScriptEnabled: false, viewport: SIZES.phone })).newPage();
  await phone.goto(`${demo.gatehouse}/admin/demo`);
  const menu = phone.getByRole('navigation', { name: 'Administration' });
  assert.ok(!await menu.isVisible());
  await phone.getByRole('button', { name: 'Menu' }).click();
  await menu.waitFor();
  await phone.keyboard.press('Escape');
  await menu.waitFor({ state: 'hidden' });
  await phone.getByRole('button', { name: 'Menu' }).click();
  await menu.getByRole('link', { name: 'Account', exact: true }).waitFor();
  await menu.getByRole('link', { name: 'Trusted issuers' }).click();
  await phone.getByRole('heading', { name: 'Trusted issuers', level: 1 }).waitFor();
  assert.ok(!await menu.isVisible());
  await phone.context().close();
  // As people see it, and as axe does.
  await page.setViewportSize(SIZES.phone);
  await page.getByRole('button', { name: 'Menu' }).click();
  await ways.waitFor();
  await look('menu');
  assert.deepEqual(problems.splice(0), []);
});
