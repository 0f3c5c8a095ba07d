// What the directories of the market send, as data files in scim/: each plays on a directory of its own.
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { Gatehouse, newPostgresDatabase } from './lib/gatehouse.mjs';
import { play, sequences } from './lib/sequence.mjs';
import { state } from './lib/state.mjs';

const all = await sequences();
const tokens = new Map(all.map(({ name }) => [name, randomBytes(32).toString('hex')]));
// One tenant each: in all of them the same people come and go.
const tenants = all.map(({ name }) => ({ name, provisioning: 'scim', directories: [{ name: 'people', token: tokens.get(name) }] }));

for (const [kind, database] of [['SQLite', async () => undefined], ['PostgreSQL', newPostgresDatabase]]) {
  const skip = kind === 'PostgreSQL' && !process.env.GATEHOUSE_TEST_POSTGRES && 'scripts/with-postgres starts one';
  describe(`SCIM clients, on ${kind}`, { skip }, () => {
    let gatehouse;
    before(async () => {
      gatehouse = await Gatehouse.start({ apply: state(...tenants), database: await database() });
    });
    after(() => gatehouse?.stop());

    for (const sequence of all) {
      test(sequence.client, () => play(sequence, `${gatehouse.url}/scim/v2`, tokens.get(sequence.name)));
    }
  });
}
