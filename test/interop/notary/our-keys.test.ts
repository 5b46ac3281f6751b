import { afterEach, beforeEach, expect, it } from 'vitest';
import { Person } from '../../cli/terminal.js';
import { notarySuite } from './stage.js';

interface Told {
  readonly id: string;
  readonly role: string;
  readonly gun?: string;
  readonly notaryId: string;
}

const THEIRS = 'a passphrase';
const ENVIRONMENT = {
  env: {
    NOTARY_ROOT_PASSPHRASE: THEIRS,
    NOTARY_TARGETS_PASSPHRASE: THEIRS,
    NOTARY_SNAPSHOT_PASSPHRASE: THEIRS,
    // What notary is told to open what we export.
    COUNTERSIGN_PASSPHRASE: THEIRS,
  },
};

notarySuite('keys go from notary to our command and back', (stage) => {
  const gun = 'example.com/moved-keys';
  let ours: Person;
  beforeEach(async () => {
    ours = await Person.arrive();
  });
  afterEach(() => ours.leave());

  it('with their roles, collections and ids, and publish there', async () => {
    const owner = await stage.owner(gun, 'v1');
    const ran = await ours.runWith(ENVIRONMENT, 'key', 'import', owner.home.path('trust'), '--json');
    expect(ran.err).toBe('');
    const keys = JSON.parse(ran.out) as Told[];
    expect(keys.map((key) => `${key.role} ${key.gun ?? '-'}`).sort()).toEqual([
      'root -',
      `snapshot ${gun}`,
      `targets ${gun}`,
    ]);
    const known = await owner.does('key', 'list');
    const other = stage.newcomer('other');
    for (const { id, role, notaryId } of keys) {
      expect(known).toContain(notaryId.slice(0, 40));
      const path = other.home.path(`${role}.pem`);
      const exported = await ours.runWith(ENVIRONMENT, 'key', 'export', id, '--format', 'notary', '-o', path);
      expect(exported).toMatchObject({ code: 0 });
      await other.does('key', 'import', path);
    }
    await other.does('add', gun, 'v2', other.file('v2'), '-p');
    expect(await other.lists(gun)).toEqual(['v1', 'v2']);
  });
});
