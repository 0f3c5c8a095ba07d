// A newcomer walks the demo as the README tells it.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { inspect, launch } from './lib/chromium.mjs';
import { startDemo } from './lib/demo.mjs';
import { answerAs, claims, password, people, singleSignOn, toSaml, toSignIn } from './lib/walk.mjs';

let browser;
let demo;
let context;
let page;
let cast;
const problems = [];

before(async () => {
  [browser, demo] = await Promise.all([launch(), startDemo()]);
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});
beforeEach(async () => {
  context = await browser.newContext();
  page = await context.newPage();
  // Refusals are 4xx answers, which the console names; what else it calls an error is one.
  page.on('console', (message) => message.type() === 'error' && !/^Failed to load resource.* 4\d\d /.test(message.text()) && problems.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => problems.push(`script: ${error}`));
  await page.goto(demo.url);
  cast = await people(page);
});
afterEach(async () => {
  await context.close();
  assert.deepEqual(problems.splice(0), []);
});

const who = (pattern) => cast.find((p) => pattern.test(p.note));
const withPassword = () => who(/password/);
const ssoOnly = () => who(/only to the identity provider/);
const deactivated = () => who(/deactivated/i);
const look = async (name) => problems.push(...await inspect(page, name));
const signedIn = () => page.getByText(/^Signed in as/).waitFor();

test('sign in by password, see the claims, refresh, sign out', async () => {
  await look('1-demo');
  await toSignIn(page, demo);
  await look('2-sign-in');
  await password(page, withPassword());
  await signedIn();
  await look('3-signed-in');

  const before = await claims(page, /access token/i);
  assert.equal(before.email ?? withPassword().email, withPassword().email);
  assert.ok(before.jti, JSON.stringify(before));
  const cookies = await context.cookies(demo.url);
  for (const name of ['accessToken', 'refreshToken']) {
    const cookie = cookies.find((c) => c.name === name);
    assert.ok(cookie?.httpOnly && cookie.secure && cookie.sameSite === 'Lax' && cookie.path === '/', `${name}: ${JSON.stringify(cookie)}`);
  }
  assert.equal(await page.evaluate(() => document.cookie.includes('Token')), false, 'a script can read a token');

  await page.getByRole('button', { name: 'Refresh tokens' }).click();
  await page.getByRole('status').waitFor();
  const renewed = await claims(page, /access token/i);
  assert.notEqual(renewed.jti, before.jti);
  assert.equal(renewed.sub, before.sub);

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('link', { name: 'Sign in', exact: true }).waitFor();
  const left = (await context.cookies(demo.url)).map((c) => c.name);
  assert.ok(!left.includes('accessToken') && !left.includes('refreshToken'), left.join());
  await toSignIn(page, demo); // asks again: the session is gone on the server too
});

test('sign in by single sign-on: an account is made on the way', async () => {
  await toSignIn(page, demo);
  await singleSignOn(page, demo, ssoOnly(), () => look('4-identity-provider'));
  await signedIn();
  const token = await claims(page, /access token/i);
  assert.equal(token.tenant, 'demo');
  assert.equal(token.email, ssoOnly().email);
});

test('the same person by password and by single sign-on is the same user', async () => {
  await toSignIn(page, demo);
  await password(page, withPassword());
  await signedIn();
  const { sub } = await claims(page, /access token/i);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await toSignIn(page, demo);
  await singleSignOn(page, demo, withPassword());
  await signedIn();
  assert.equal((await claims(page, /access token/i)).sub, sub);
});

test('sign in over SAML, posted from another site, and out again at both', async () => {
  const posts = [];
  page.on('request', (request) => request.method() === 'POST' && posts.push(request));
  const visited = [];
  page.on('request', (request) => request.isNavigationRequest() && visited.push(request.url().split('?')[0]));
  await toSignIn(page, demo);
  await toSaml(page, demo);
  await look('8-saml-provider');
  await answerAs(page, ssoOnly());
  await signedIn();
  const { email } = await claims(page, /access token/i);
  assert.equal(email, ssoOnly().email);
  // Chromium keeps Lax cookies at home when another site posts; the answer then goes round over a page of our own.
  const callbacks = posts.filter((request) => request.url() === `${demo.gatehouse}/oauth2/callback`);
  const cookies = await Promise.all(callbacks.map(async (request) => Boolean((await request.allHeaders()).cookie)));
  assert.deepEqual(cookies, [false, true]);

  // Signing out by gatehouse's own page: a form that ends, by redirects, at the provider and back.
  await page.goto(`${demo.gatehouse}/account`);
  await look('9-account-saml');
  visited.length = 0;
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: /signed out/i }).waitFor();
  await look('10-signed-out');
  const slo = `${demo.gatehouse}/saml/demo/dev-saml/slo`;
  assert.deepEqual(visited.filter((url) => /dev-saml/.test(url)), [`${demo.identityProvider}/dev-saml/sign-off`, slo]);
  await page.goto(demo.url);
  await page.getByText('Gatehouse ended this sign-in').waitFor();
});

test('two tabs of one browser sign in over SAML at once', async () => {
  const other = await context.newPage();
  for (const tab of [page, other]) {
    await toSignIn(tab, demo);
    await toSaml(tab, demo);
  }
  for (const tab of [other, page]) {
    await answerAs(tab, withPassword());
    await tab.getByText(/^Signed in as/).waitFor();
  }
});

test('the same person by password and over SAML is the same user', async () => {
  await toSignIn(page, demo);
  await password(page, withPassword());
  await signedIn();
  const { sub } = await claims(page, /access token/i);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await toSignIn(page, demo);
  await toSaml(page, demo);
  await answerAs(page, withPassword());
  await signedIn();
  assert.equal((await claims(page, /access token/i)).sub, sub);
});

test('a wrong password is refused without saying what was wrong', async () => {
  await toSignIn(page, demo);
  await password(page, { email: withPassword().email, password: 'not the password' });
  await page.getByRole('alert').waitFor();
  const known = await page.getByRole('alert').textContent();
  await look('5-wrong-password');
  await toSignIn(page, demo);
  await password(page, { email: 'nobody@demo.example', password: 'not the password' });
  await page.getByRole('alert').waitFor();
  assert.equal(await page.getByRole('alert').textContent(), known);
});

test('a deactivated person is refused, by password and by single sign-on', async () => {
  const person = deactivated();
  const refused = async () => {
    assert.equal(await page.getByText(/^Signed in as/).count(), 0);
    assert.equal((await context.cookies()).some((c) => c.name === 'accessToken'), false);
  };
  await toSignIn(page, demo);
  await password(page, person);
  await page.locator('[role=alert], .reference').first().waitFor();
  await look('6-deactivated-password');
  await refused();

  await toSignIn(page, demo);
  await singleSignOn(page, demo, person);
  await page.waitForURL(`${demo.gatehouse}/**`);
  await page.locator('.reference').waitFor();
  await look('7-deactivated-sso');
  await refused();

  await toSignIn(page, demo);
  await toSaml(page, demo);
  await answerAs(page, person);
  await page.locator('.reference').waitFor();
  await refused();
});

test('the whole way works by keyboard alone', async () => {
  await page.getByRole('link', { name: 'Sign in', exact: true }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: /^Sign in to/ }).waitFor();
  await page.getByLabel('E-mail address').focus();
  await page.keyboard.type(withPassword().email);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByLabel('Password').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.name), 'password');
  await page.keyboard.type(withPassword().password);
  await page.keyboard.press('Enter');
  await signedIn();
});
