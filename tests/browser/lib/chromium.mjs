// The distribution's Chromium, with a profile of its own and no calls home.
import { execFileSync } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export const ARTEFACTS = here('../../artefacts/');
export const PICTURES = here('../pictures/');
/** A phone and a desk. */
export const SIZES = { phone: { width: 390, height: 844 }, desk: { width: 1280, height: 800 } };

export async function launch() {
  return chromium.launch({
    executablePath: execFileSync(here('../../../scripts/chromium'), { encoding: 'utf8' }).trim(),
    args: [
      ...(process.getuid() === 0 ? ['--no-sandbox'] : []),
      '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  });
}

/**
 * Looks at the page that is open as people see it: on a phone and at a desk, light and dark. Fails on what axe finds,
 * on a page wider than the screen, and leaves pictures behind.
 */
export async function inspect(page, name) {
  await mkdir(ARTEFACTS, { recursive: true });
  const problems = [];
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: `${ARTEFACTS}${name}-${size}-${colorScheme}.png`, fullPage: true, animations: 'disabled' });
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wider > 0) problems.push(`${name} is ${wider} px wider than a ${size}`);
      problems.push(...(await axe(page, colorScheme)).map((found) => `${name}, ${size}, ${colorScheme}: ${found}`));
    }
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(SIZES.desk);
  return problems;
}

/** Rules about colours; the others find the same in either scheme, so that the second look is a short one. */
const COLOURS = ['color-contrast', 'link-in-text-block'];
const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe-core finds wrong: WCAG 2.2 A and AA, and its best practices. */
async function axe(page, colorScheme) {
  // evaluate() goes past the page's content security policy, which forbids what addScriptTag() would do.
  if (!await page.evaluate(() => Boolean(globalThis.axe))) await page.evaluate(source);
  const options = { resultTypes: ['violations'], ...(colorScheme === 'dark' && { runOnly: COLOURS }) };
  const { violations } = await page.evaluate((asked) => globalThis.axe.run(document, asked), options);
  return violations.map((v) => `${v.id} (${v.impact}): ${v.help}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`);
}
