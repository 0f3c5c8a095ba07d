// Two processes over one PostgreSQL: however many race, one wins.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Gatehouse, newPostgresDatabase } from './lib/gatehouse.mjs';
import { ADA, APP, client, state, tenant } from './lib/state.mjs';
import { freshCode, redeem, refresh } from './lib/wire.mjs';

const RACERS = 50;
const PERSON = { clientId: 'app', redirectUri: APP, person: ADA };

describe('two nodes over one PostgreSQL', { skip: !process.env.GATEHOUSE_TEST_POSTGRES && 'scripts/with-postgres starts one' }, () => {
  let nodes;
  before(async () => {
    const database = await newPostgresDatabase();
    const first = await Gatehouse.start({ apply: state(tenant({ clients: [client('app', { token_endpoint_auth_method: 'none' })] })), database });
    const second = await Gatehouse.start({ database, publicUrl: first.url, masterKey: first.masterKey });
    nodes = [first, second];
  });
  after(() => Promise.all((nodes ?? []).map((node) => node.stop())));

  const race = (ask) => Promise.all(Array.from({ length: RACERS }, (_, i) => ask(nodes[i % nodes.length].origin)));
  const winners = (answers) => answers.filter((a) => a.status === 200);
  const losers = (answers) => answers.filter((a) => a.status !== 200);

  test(`${RACERS} redemptions of one code: one 200, all others invalid_grant`, async () => {
    for (let round = 0; round < 3; round += 1) {
      const code = await freshCode(nodes[0].url, PERSON);
      const answers = await race((origin) => redeem(origin, code));
      assert.equal(winners(answers).length, 1);
      for (const { status, body } of losers(answers)) assert.deepEqual([status, body.error], [400, 'invalid_grant'], JSON.stringify(body));
    }
  });

  test(`${RACERS} uses of one refresh token: one 200, all others invalid_grant`, async () => {
    for (let round = 0; round < 3; round += 1) {
      const { body } = await redeem(nodes[1].origin, await freshCode(nodes[0].url, PERSON));
      const answers = await race((origin) => refresh(origin, { clientId: 'app', refreshToken: body.refresh_token }));
      assert.equal(winners(answers).length, 1);
      for (const loser of losers(answers)) assert.deepEqual([loser.status, loser.body.error], [400, 'invalid_grant'], JSON.stringify(loser.body));
    }
  });

  test('a token of one node is known to the other, and so is its reuse', async () => {
    const { body: first } = await redeem(nodes[0].origin, await freshCode(nodes[0].url, PERSON));
    const userinfo = await fetch(`${nodes[1].origin}/oauth2/userinfo`, { headers: { authorization: `Bearer ${first.access_token}` } });
    assert.equal(userinfo.status, 200);
    const second = await refresh(nodes[1].origin, { clientId: 'app', refreshToken: first.refresh_token });
    const third = await refresh(nodes[0].origin, { clientId: 'app', refreshToken: second.body.refresh_token });
    assert.equal(third.status, 200);
    assert.equal((await refresh(nodes[1].origin, { clientId: 'app', refreshToken: first.refresh_token })).status, 400);
    assert.equal((await refresh(nodes[0].origin, { clientId: 'app', refreshToken: third.body.refresh_token })).status, 400, 'the family is dead');
  });
});
