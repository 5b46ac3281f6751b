import { expect, it } from 'vitest';
import { inspect } from '../../packages/client/src/reading/inspect.js';
import { clientOf } from '../simulator/client.js';
import { newKey, sha256 } from '../simulator/keys.js';
import { RepositorySimulator } from '../simulator/repository.js';

it('the chain as data: roles, versions, expiry, and whose signatures are there', async () => {
  const sim = new RepositorySimulator();
  const [signed, waiting] = [newKey('ecdsa'), newKey()];
  sim.setKeys('targets', [signed, waiting]);
  sim.publishRoot();
  sim.signers.set('targets', [signed]);
  const delegated = sim.delegate('targets', 'team/a', { paths: ['a/*', 'b?'], terminating: true });
  sim.addTarget('a/x', 'x', 'team/a');
  sim.publish('team/a', 'targets');

  const chain = await inspect(await clientOf(sim).state());
  expect(JSON.parse(JSON.stringify(chain))).toEqual(chain);
  expect(chain).toMatchObject({
    format: 'tuf-1',
    rootFingerprint: `sha256:${sha256(sim.file('2.root.json'))}`,
    consistentSnapshot: true,
    mislabelledKeys: [],
  });
  expect(chain.roles.map(({ role, version }) => `${role} ${version}`)).toEqual([
    'root 2',
    'timestamp 2',
    'snapshot 2',
    'targets 2',
    'team/a 1',
  ]);
  expect(chain.roles[3]).toEqual({
    role: 'targets',
    version: 2,
    expires: '2030-01-31T00:00:00Z',
    length: sim.file('2.targets.json').length,
    threshold: 1,
    keys: [
      { id: signed.id, scheme: 'ecdsa-p256-sha256', signed: true },
      { id: waiting.id, scheme: 'ed25519', signed: false },
    ],
    targets: 0,
  });
  expect(chain.roles[4]).toMatchObject({
    targets: 1,
    keys: [{ id: delegated.id, scheme: 'ed25519', signed: true }],
    delegation: { by: 'targets', terminating: true, kind: 'globs', paths: ['a/*', 'b?'] },
  });
});

it('a key id that is not its key’s hash is told, not refused (K6)', async () => {
  const sim = new RepositorySimulator();
  const key = newKey();
  const label = { ...key, id: 'ab'.repeat(32) };
  sim.setKeys('timestamp', [label]);
  sim.publishRoot();
  sim.publishTimestamp();
  expect((await inspect(await clientOf(sim).state())).mislabelledKeys).toEqual([label.id]);
});
