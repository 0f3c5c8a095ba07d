// An administrator of the demo's organisation configures it on the admin pages.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { inspect, launch } from './lib/chromium.mjs';
import { startDemo } from './lib/demo.mjs';
import { password, people } from './lib/walk.mjs';

let browser;
let demo;
let page;
const problems = [];
const look = async (name) => problems.push(...await inspect(page, `admin-${name}`));
const open = (path) => page.goto(`${demo.gatehouse}/admin/demo${path}`);

before(async () => {
  [browser, demo] = await Promise.all([launch(), startDemo()]);
  page = await (await browser.newContext()).newPage();
  page.on('pageerror', (error) => problems.push(`script: ${error}`));
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

test('who asks for the pages signs in first, and comes back to them', async () => {
  await page.goto(demo.url);
  const ada = (await people(page)).find((p) => p.password && /password/.test(p.note));
  await page.goto(`${demo.gatehouse}/admin/demo/teams`);
  await look('whose');
  await page.getByLabel('E-mail address, or short name').fill('nobody');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByText('We know no organisation of this name').waitFor();
  await page.getByLabel('E-mail address, or short name').fill('demo');
  await page.getByRole('button', { name: 'Continue' }).click();
  await password(page, ada);
  await page.waitForURL(`${demo.gatehouse}/admin/demo/teams`);
  await look('empty-list');
  await open('');
  await page.getByRole('heading', { name: 'Demo', level: 1 }).waitFor();
  await look('overview');
  assert.deepEqual(problems.splice(0), []);
});

test('a connection from the choice of its provider to its draft', async () => {
  await open('/connections');
  await look('connections');
  await page.getByRole('link', { name: 'Add a connection' }).click();
  await look('providers');
  await page.getByRole('link', { name: 'Okta OIDC' }).click();
  await page.getByRole('heading', { name: 'At Okta' }).waitFor();
  await look('connection-new');
  await page.getByLabel('Client ID').fill('0oa1');
  await page.getByLabel('Client secret').fill('not to be seen again');
  await page.getByLabel('Issuer URL').fill('http://acme.okta.com');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByText('Nothing was saved').waitFor();
  assert.equal(await page.getByLabel('Client ID').inputValue(), '0oa1');
  assert.equal(await page.getByLabel('Client secret').inputValue(), '');
  await look('connection-wrong');
  await page.getByLabel('Issuer URL').fill('https://acme.okta.com');
  await page.getByLabel('Client secret').fill('not to be seen again');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByText('It was created.').waitFor();
  assert.equal(await page.getByLabel('Enabled', { exact: true }).isChecked(), false, 'a draft');
  assert.ok(!(await page.content()).includes('not to be seen again'));
  await page.getByText('Advanced fields').click();
  await look('connection');
  await page.getByRole('link', { name: 'Delete …' }).click();
  await page.getByRole('heading', { name: 'Delete the connection okta?' }).waitFor();
  await look('delete');
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByText('It was deleted.').waitFor();
  assert.deepEqual(problems.splice(0), []);
});

test('a trusted issuer, its external identity, and a role for it', async () => {
  await open('/trusted_issuers/new');
  await page.getByLabel('Name').fill('ci');
  await page.getByLabel('Issuer', { exact: true }).fill('https://ci.example');
  await page.getByLabel('Audience').fill('api://demo');
  await page.getByLabel('JWKS URI').fill('https://ci.example/keys');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByText('It was created.').waitFor();
  await look('trusted-issuer');
  await open('/external_identities/new');
  await page.getByLabel('Name').fill('runner');
  await page.getByLabel('Identity provider').selectOption('ci');
  const claim = (n) => page.getByRole('group', { name: `Claim ${n}`, exact: true });
  await claim(1).getByLabel('Claim').fill('repository_id');
  await claim(1).getByLabel('Values, one on each line').fill('456789\n456790');
  await page.getByRole('button', { name: 'Add rows' }).click();
  await claim(2).getByLabel('Claim').fill('email');
  await claim(2).getByLabel('Values, one on each line').fill('*@demo.example');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByText('It was created.').waitFor();
  assert.equal(await claim(1).getByLabel('Values, one on each line').inputValue(), '*@demo.example');
  assert.equal(await claim(2).getByLabel('Values, one on each line').inputValue(), '456789\n456790');
  await look('external-identity');
  await open('/resources/new');
  await page.getByLabel('Name').fill('gpt');
  await page.getByLabel('Type').fill('model');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByText('It was created.').waitFor();
  await look('resource-new');
  await page.getByRole('link', { name: 'Add collaborators' }).click();
  await look('collaborators');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByText('Tick whom you want to add.').waitFor();
  await page.getByLabel('Search by name or e-mail address').fill('run');
  await page.getByRole('button', { name: 'Search' }).click();
  await page.getByLabel('runner').check();
  await page.getByLabel('Role of those who are ticked').selectOption('Viewer');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByText('The roles were given.').waitFor();
  await look('resource');
  await page.getByLabel('Role of runner').selectOption('Editor');
  await page.getByRole('button', { name: 'Save the role of runner' }).click();
  await page.getByText('The changes were saved.').waitFor();
  assert.equal(await page.getByLabel('Role of runner').inputValue(), 'editor');
  await page.getByRole('link', { name: 'Remove … runner' }).click();
  await page.getByText('runner loses editor on model gpt.').waitFor();
  await look('collaborator-remove');
  await open('/external_identities/runner/delete');
  await page.getByText('loses editor on model gpt').waitFor();
  assert.deepEqual(problems.splice(0), []);
});

test('users: found, looked at, shut out, let in again', async () => {
  await open('/users?search=eve');
  await look('users');
  await page.getByRole('link', { name: 'eve@demo.example' }).click();
  await page.getByText('Deactivated by an administrator').waitFor();
  await page.getByRole('button', { name: 'Activate' }).click();
  await page.getByText('The user may come in again.').waitFor();
  await look('user');
  await page.getByRole('link', { name: 'Deactivate …' }).click();
  await look('deactivate');
  await page.getByRole('button', { name: 'Deactivate' }).click();
  await page.getByText('The user was deactivated').waitFor();
  await open('/settings');
  await look('settings');
  assert.deepEqual(problems.splice(0), []);
});
