import { beforeEach, describe, expect, it } from 'vitest';
import { formatNamed, instant, parseTargetPath, ROOT, type RoleName, type TargetFile } from '@countersign/client/tuf';
import { nodeCrypto } from '@countersign/client/node';
import type { Change } from '../../packages/client/src/publishing/changes.js';
import {
  draftChanges,
  withSnapshot,
  type Draft,
  type DraftContext,
} from '../../packages/client/src/publishing/draft.js';
import { draftRotation, type Rotation } from '../../packages/client/src/publishing/rotation.js';
import type { TrustedState } from '../../packages/client/src/reading/state.js';
import { clientOf, get } from '../simulator/client.js';
import { canonical, type Base } from '../simulator/documents.js';
import { listedAs, newKey, sha256, type SimKey } from '../simulator/keys.js';
import { date, RepositorySimulator, START } from '../simulator/repository.js';
import { ringOf, signerOf } from '../simulator/ring.js';
import { strange } from '../tuf/support/strange.js';

/*
 * A publisher goes on with a collection that other people's tools have made: what this one does not know stays, and keys stay
 * listed as they were listed.
 */

const format = formatNamed('tuf-1');
const YEAR = date(START + 365 * 86_400_000);

let sim: RepositorySimulator;
beforeEach(() => {
  sim = new RepositorySimulator();
});

function contextOf(...keys: SimKey[]): DraftContext {
  return { format, crypto: nodeCrypto, ring: ringOf(...keys), lifetimes: format.rules.lifetimes, now: instant(START) };
}

const stateNow = (): Promise<TrustedState> => clientOf(sim, { purpose: 'publish' }).state();

function signedOf(draft: Draft, role: string): Base {
  return (JSON.parse(Buffer.from(draft.get(role as RoleName)!).toString()) as { signed: Base }).signed;
}

/** Publishes a draft's targets roles as they are; snapshot and timestamp follow. */
function serve(draft: Draft): void {
  for (const [role, raw] of draft) {
    const { version } = signedOf(draft, role);
    sim.files.set(role === ROOT ? `${version}.root.json` : `${version}.${role}.json`, raw);
    if (role !== ROOT) sim.snapshot.meta[`${role}.json`] = { version };
  }
  sim.publishSnapshot();
}

function add(role: string, path: string, content: string, base: TargetFile | undefined): Change {
  const hashes = new Map([['sha256', Buffer.from(sha256(content), 'hex')]]);
  const file = { length: content.length, hashes };
  return {
    kind: 'add',
    role: role as RoleName,
    path: parseTargetPath(path),
    file,
    base: { version: 1, content: base },
  };
}

describe('the next draft keeps what it does not know', () => {
  it('of targets and of a delegated role, and a client finds what was added', async () => {
    const key = sim.delegate('targets', 'team', { paths: ['t/*'] }, listedAs(newKey(), strange({})));
    sim.addTarget('old.txt', 'old');
    sim.addTarget('t/old.txt', 'old', 'team');
    sim.addTarget('t/new.txt', 'new', 'team');
    for (const role of ['targets', 'team']) {
      const doc = sim.role(role);
      for (const [path, entry] of Object.entries(doc.targets)) doc.targets[path] = strange(entry);
      if (doc.delegations !== undefined) doc.delegations = strange(doc.delegations);
      sim.roles.set(role, strange(doc));
    }
    sim.targets.delegations!.roles = sim.targets.delegations!.roles!.map(strange);
    delete sim.role('team').targets['t/new.txt'];
    sim.publish('team', 'targets');

    const changes = [add('targets', 'new.txt', 'new', undefined), add('team', 't/new.txt', 'new', undefined)];
    const draft = await draftChanges(contextOf(...(sim.signers.get('targets') ?? []), key), await stateNow(), changes);

    const added = { length: 3, hashes: { sha256: sha256('new') } };
    for (const [role, path] of [
      ['targets', 'new.txt'],
      ['team', 't/new.txt'],
    ] as const) {
      const before = sim.role(role);
      const { version } = before;
      expect(canonical(signedOf(draft, role))).toBe(
        canonical({ ...before, version: version + 1, expires: YEAR, targets: { ...before.targets, [path]: added } }),
      );
    }
    serve(draft);
    expect(await get(clientOf(sim), 't/new.txt')).toBe('new');
  });

  it('of a root that is about to expire', async () => {
    const [own] = sim.signers.get('root')!;
    sim.root = strange({ ...sim.root, expires: date(START + 86_400_000) });
    for (const [role, keys] of Object.entries(sim.root.roles)) sim.root.roles[role] = strange(keys);
    sim.publishRoot();
    const draft = await draftChanges(contextOf(own!), await stateNow(), []);
    expect(canonical(signedOf(draft, 'root'))).toBe(canonical({ ...sim.root, version: 3, expires: YEAR }));
  });
});

describe('a snapshot that its publisher signs', () => {
  const DAY = 86_400_000;

  it.each([
    ['signed anew where it is about to expire', 5, 1],
    ['left alone before', 20, 0],
    ['left to who holds its key', 5, 0],
  ])('is %s', async (what, days, size) => {
    sim.snapshot.expires = date(START + days * DAY);
    sim.publishSnapshot();
    const key = what.startsWith('left to') ? newKey() : sim.signers.get('snapshot')![0]!;
    const state = await stateNow();
    const draft = await withSnapshot(contextOf(key), state, await draftChanges(contextOf(key), state, []));
    expect(draft.size).toBe(size);
  });
});

describe('keys that another tool has listed', () => {
  // Unknown members are part of an id (K6), as sigstore's `keyid_hash_algorithms` are.
  const own = listedAs(newKey(), { keyid_hash_algorithms: ['sha256', 'sha512'] });
  const legacy = listedAs(newKey('ecdsa'), { keytype: 'ecdsa-sha2-nistp256', 'x-tuf-on-ci-keyowner': '@them' });

  it('sign targets under the ids they have there', async () => {
    sim.setKeys('targets', [own, legacy], 2);
    sim.publishRoot();
    sim.addTarget('new.txt', 'new');
    sim.publish('targets');
    const change = add('targets', 'more.txt', 'more', undefined);
    serve(await draftChanges(contextOf(own, legacy), await stateNow(), [change]));
    expect(await clientOf(sim).find('more.txt')).toBeDefined();
  });

  it('sign a delegated role under the ids they have there', async () => {
    sim.delegate('targets', 'team', {}, own);
    sim.publish('team', 'targets');
    serve(await draftChanges(contextOf(own), await stateNow(), [add('team', 'new.txt', 'new', undefined)]));
    expect(await clientOf(sim).find('new.txt')).toMatchObject({ role: 'team' });
  });

  it.each(['root', 'targets'] as const)('stay as they are in a rotation of %s by somebody else', async (role) => {
    const mine = newKey();
    sim.setKeys(role, [legacy, mine]);
    sim.setKeys('root', role === 'root' ? [legacy, mine] : [own]);
    sim.publishRoot();
    sim.publish('targets');
    const state = await stateNow();
    const next = newKey();
    const rotation: Rotation = { role, signer: signerOf(next), from: state.trust.final.root };
    const draft = await draftRotation(contextOf(mine, own), state, rotation);
    expect(signedOf(draft, 'root')).toMatchObject({
      keys: { [legacy.id]: legacy.json, [next.id]: next.json },
      roles: { [role]: { keyids: [legacy.id, next.id], threshold: 1 } },
    });
    serve(draft);
    await clientOf(sim).refresh();
    expect((await stateNow()).trust.final.root.signed.version).toBe(3);
  });

  it('are not listed a second time under our own id', async () => {
    sim.setKeys('targets', [own]);
    sim.publishRoot();
    sim.publish('targets');
    const state = await stateNow();
    const rotation: Rotation = { role: 'targets', signer: signerOf(own), from: state.trust.final.root };
    const root = sim.signers.get('root')!;
    expect(await draftRotation(contextOf(own, ...root), state, rotation)).toEqual(new Map());
  });
});
