// An administrator of the demo's organisation tests its connections: OpenID Connect, and SAML whose answer is posted from the
// provider's site.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { inspect, launch } from './lib/chromium.mjs';
import { startDemo } from './lib/demo.mjs';
import { answerAs, password, people } from './lib/walk.mjs';

let browser;
let demo;
let page;
let known;
const problems = [];
const look = async (name) => problems.push(...await inspect(page, `trial-${name}`));
const open = (path) => page.goto(`${demo.gatehouse}/admin/demo${path}`);
const who = (words) => known.find((person) => words.test(person.note));

before(async () => {
  [browser, demo] = await Promise.all([launch(), startDemo()]);
  page = await (await browser.newContext()).newPage();
  page.on('pageerror', (error) => problems.push(`script: ${error}`));
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

test('single sign-on is not required before it was tried', async () => {
  await page.goto(demo.url);
  known = await people(page);
  await page.goto(`${demo.gatehouse}/admin/demo/settings`);
  await page.getByLabel('E-mail address, or short name').fill('demo');
  await page.getByRole('button', { name: 'Continue' }).click();
  await password(page, known.find((person) => person.password && /password/.test(person.note)));
  await page.waitForURL(`${demo.gatehouse}/admin/demo/settings`);
  await page.getByLabel('Require single sign-on').check();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('no connection has passed a test sign-in').waitFor();
  await look('not-yet');
  assert.deepEqual(problems.splice(0), []);
});

test('a connection is tested, and the operator stays who they are', async () => {
  await open('/connections');
  await page.getByRole('main').getByRole('link', { name: 'dev-idp' }).click();
  await page.getByRole('link', { name: 'Test sign-in …' }).click();
  await page.getByText('No test has passed under the present settings').waitFor();
  await look('begin');
  const tested = page.url();
  await page.getByRole('button', { name: 'Test sign-in' }).click();
  await page.waitForURL(`${demo.identityProvider}/**`);
  await password(page, who(/Grace/) ?? known.find((person) => person.password && /single sign-on/i.test(person.note)));
  await page.waitForURL(tested);
  await page.getByRole('heading', { name: /^(Passed|Failed)/ }).waitFor();
  await page.getByText('What each mapping gave').waitFor();
  await page.getByText('What the provider sent: ID token').waitFor();
  await look('told');
  // It is there again after a reload, and nobody else is signed in.
  await page.reload();
  await page.getByText('What each mapping gave').waitFor();
  await open('');
  await page.getByRole('heading', { name: 'Demo', level: 1 }).waitFor();
  assert.deepEqual(problems.splice(0), []);
});

test('over SAML the answer is posted from the site of the provider', async () => {
  await open('/connections/dev-saml/test');
  const tested = page.url();
  await page.getByRole('button', { name: 'Test sign-in' }).click();
  await page.getByRole('heading', { name: 'Who are you?' }).waitFor();
  await answerAs(page, known[0]);
  await page.waitForURL(tested);
  await page.getByText('What the provider sent: assertion').waitFor();
  await look('told-saml');
  assert.deepEqual(problems.splice(0), []);
});
