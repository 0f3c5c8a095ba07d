// Takes the README's pictures from the running demo.
import { mkdir } from 'node:fs/promises';

import { launch, PICTURES } from './lib/chromium.mjs';
import { startDemo } from './lib/demo.mjs';
import { KATHERINE, invite, password, people, singleSignOn, toSignIn } from './lib/walk.mjs';

await mkdir(PICTURES, { recursive: true });
const [browser, demo] = await Promise.all([launch(), startDemo()]);
try {
  for (const colorScheme of ['light', 'dark']) {
    const page = await browser.newPage({ viewport: { width: 960, height: 690 }, deviceScaleFactor: 1, colorScheme });
    const picture = (name) => page.screenshot({ path: `${PICTURES}${name}-${colorScheme}.png`, animations: 'disabled' });
    await page.goto(demo.url);
    const cast = await people(page);
    await picture('demo');
    await toSignIn(page, demo);
    await picture('sign-in');
    await password(page, cast.find((p) => p.password && /password/.test(p.note)));
    await page.getByText(/^Signed in as/).waitFor();
    await picture('signed-in');
    await page.goto(`${demo.url}/mailbox`);
    await page.goto(await invite(page, demo, `${colorScheme}.${KATHERINE.email}`));
    await picture('invite');
    await page.goto(`${demo.gatehouse}/login?tenant=demo&to=/admin/demo/connections/new%3Fpreset=okta%26protocol=oidc`);
    if (!page.url().includes('/admin/')) await password(page, cast.find((p) => p.password && /password/.test(p.note)));
    await page.setViewportSize({ width: 1280, height: 860 });
    await page.getByRole('heading', { name: 'At Okta' }).waitFor();
    await picture('admin');

    const desk = (path) => page.goto(`${demo.gatehouse}/admin/demo${path}`);
    await desk('');
    await page.getByRole('heading', { name: 'Demo', level: 1 }).waitFor();
    await picture('overview');
    await desk('/connections/dev-idp/test');
    await page.getByRole('button', { name: /^Test/ }).click();
    await password(page, cast.find((p) => p.password && /only to the identity provider/.test(p.note)));
    await page.getByRole('heading', { name: /^Passed/ }).waitFor();
    await picture('test-sign-in');

    const refused = await browser.newPage();
    await toSignIn(refused, demo);
    await singleSignOn(refused, demo, cast.find((p) => /deactivated/i.test(p.note)));
    const code = await refused.locator('.reference code').textContent();
    await refused.context().close();
    await desk(`/sign-ins?search=${code}`);
    if (await page.locator('table.list th a').count()) await page.locator('table.list th a').first().click();
    await page.getByRole('heading', { name: 'What happened' }).waitFor();
    await picture('sign-in-story');
    await page.context().close();
  }
} finally {
  await browser.close();
  await demo.stop();
}
