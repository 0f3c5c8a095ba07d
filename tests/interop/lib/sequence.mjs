// Plays the requests that a SCIM client sends, one after the other, from a data file: each with the status that it needs
// and the members of the answer that matter.
//
//   send     the request line; {name} stands for what an earlier step kept
//   with     the body
//   token    another token than the directory's
//   status   the status of the answer
//   type     its Content-Type
//   header   headers that it has
//   location where Location ends
//   within   milliseconds
//   body     members that it has: of objects these at least, of lists as many. "$text", "$number": any such; "$2": a list of two
//   without  members that it has not
//   keep     what later steps name: {"kim": "id"}
import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const FOLDER = new URL('../scim/', import.meta.url);

/** All data files: [{name, client, headers, steps}]. */
export async function sequences() {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith('.json')).sort();
  return Promise.all(files.map(async (file) => ({ name: file.slice(0, -5), ...JSON.parse(await readFile(fileURLToPath(new URL(file, FOLDER)), 'utf8')) })));
}

/** Plays one against `base` (…/scim/v2). */
export async function play({ steps, headers }, base, token) {
  const kept = {};
  const filled = (text) => text.replace(/\{(\w+)\}/g, (whole, name) => kept[name] ?? whole);
  for (const step of steps) {
    const [method, path] = filled(step.send).split(/ (.*)/s);
    const began = performance.now();
    const answer = await fetch(base + path, {
      method,
      headers: { ...headers, authorization: `Bearer ${step.token ?? token}` },
      body: step.with && filled(JSON.stringify(step.with)),
    });
    const took = performance.now() - began;
    const text = await answer.text();
    const where = `${step.say}\n${method} ${path}\n${answer.status} ${text}`;
    assert.equal(answer.status, step.status, where);
    if (step.status === 204) assert.equal(text, '', where);
    const body = text === '' ? undefined : JSON.parse(text);
    for (const [name, member] of Object.entries(step.keep ?? {})) kept[name] = body[member];
    if (step.type) assert.equal(answer.headers.get('content-type')?.split(';')[0], step.type, where);
    for (const [name, value] of Object.entries(step.header ?? {})) assert.ok(answer.headers.get(name)?.startsWith(value), `${name}: ${answer.headers.get(name)}\n${where}`);
    if (step.location) assert.ok(answer.headers.get('location')?.endsWith(filled(step.location)), where);
    if (step.within) assert.ok(took < step.within, `${took} ms\n${where}`);
    if (step.body) agree(JSON.parse(filled(JSON.stringify(step.body))), body, '', where);
    for (const name of step.without ?? []) assert.ok(!(name in body), `${name} is there\n${where}`);
  }
}

function agree(wanted, found, at, where) {
  const why = `${at || 'the body'}: not ${JSON.stringify(wanted)}\n${where}`;
  if (wanted === '$text') return assert.ok(typeof found === 'string' && found !== '', why);
  if (wanted === '$number') return assert.equal(typeof found, 'number', why);
  if (typeof wanted === 'string' && /^\$\d+$/.test(wanted)) return assert.equal(found?.length, Number(wanted.slice(1)), why);
  if (Array.isArray(wanted)) {
    assert.ok(Array.isArray(found) && found.length === wanted.length, why);
    return wanted.forEach((item, index) => agree(item, found[index], `${at}[${index}]`, where));
  }
  if (wanted !== null && typeof wanted === 'object') {
    assert.ok(found !== null && typeof found === 'object' && !Array.isArray(found), why);
    return Object.entries(wanted).forEach(([name, value]) => agree(value, found[name], `${at}.${name}`, where));
  }
  return assert.deepEqual(found, wanted, why);
}
