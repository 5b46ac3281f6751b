import { cpSync, readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Person } from '../../cli/terminal.js';
import { World } from '../../support/world.js';
import { missingForPeer } from './build-peer.js';
import { People, type Home } from './home.js';
import { NotaryPerson } from './notary-cli.js';
import { startPeer } from './peer.js';
import { missingPrograms } from '../../support/programs.js';
import { recordCommands } from './recorder.js';
import { makeSignerKey } from './signer-keys.js';
import type { TrustServer } from './trust-server.js';

const THEIRS = 'a passphrase';
const ENVIRONMENT = {
  env: { NOTARY_ROOT_PASSPHRASE: THEIRS, NOTARY_TARGETS_PASSPHRASE: THEIRS, NOTARY_SNAPSHOT_PASSPHRASE: THEIRS },
};
const missing = [...missingForPeer(), ...missingPrograms(['notary'])];
const title = 'collections come over from the Go server';

describe.skipIf(missing.length > 0)(missing.length > 0 ? `${title}: skipped, no ${missing.join(', ')}` : title, () => {
  let go: TrustServer;
  let world: World;
  let here: TrustServer;
  let ours: Person;
  let names = 0;
  const people = new People((home: Home) => new NotaryPerson(home, go));
  recordCommands();
  beforeAll(async () => {
    [go, world] = [await startPeer(), await World.start()];
    here = { ...go, kind: 'countersign', url: world.url, plainUrl: world.url };
  });
  afterAll(async () => {
    people.leave();
    await Promise.all([go.stop(), world.stop()]);
  });
  beforeEach(async () => {
    ours = await Person.arrive({ server: world.url });
  });
  afterEach(() => ours.leave());

  /** The owner of a collection with two versions and a delegation. */
  async function begin(): Promise<{ gun: string; owner: NotaryPerson }> {
    const gun = `example.com/over/${++names}`;
    const owner = people.newcomer('owner');
    await owner.does('init', gun);
    await owner.does('add', gun, 'v1', owner.file('v1'), '-p');
    await owner.does('add', gun, 'v2', owner.file('v2'), '-p');
    await owner.does(
      'delegation',
      'add',
      gun,
      'targets/releases',
      makeSignerKey(owner.home, 'alice').public,
      '--all-paths',
    );
    await owner.does('publish', gun);
    return { gun, owner };
  }

  /** Somebody who has read the collection on the old server, and so holds its root. */
  async function reader(gun: string): Promise<NotaryPerson> {
    const person = people.newcomer('reader');
    expect(await person.lists(gun)).toEqual(['v1', 'v2']);
    return person;
  }

  /** The same person, trust directory and all, whose client is pointed at Countersign. */
  const moved = ({ home }: NotaryPerson): NotaryPerson => new NotaryPerson(home, here);

  async function imports(
    gun: string,
  ): Promise<{ outcome: string; snapshots?: string; past: { added: number; refused: object[] } }> {
    const ran = await ours.runWith(ENVIRONMENT, 'import', '--from', go.plainUrl, gun, '--trust-on-first-use', '--json');
    expect(ran.code, ran.err + ran.out).toBe(0);
    const [told] = JSON.parse(ran.out) as [
      { outcome: string; snapshots?: string; past: { added: number; refused: object[] } },
    ];
    expect(told.past.refused).toEqual([]);
    return told;
  }

  async function holdKeys(owner: NotaryPerson): Promise<void> {
    const ran = await ours.runWith(ENVIRONMENT, 'key', 'import', owner.home.path('trust'));
    expect(ran.code, ran.err).toBe(0);
  }

  it.each([
    ['the owner', 'owner'],
    ['the server', 'server'],
  ])('with snapshots signed by %s, and clients of both kinds notice nothing', async (_, holder) => {
    const { gun, owner } = await begin();
    if (holder === 'server') await owner.does('key', 'rotate', gun, 'snapshot', '-r');
    const person = await reader(gun);
    const before = person.held(gun);
    await holdKeys(owner);
    const told = await imports(gun);
    expect(told).toMatchObject({ outcome: 'taken-over', snapshots: holder });
    expect(told.past.added).toBeGreaterThan(5);
    expect(await moved(person).lists(gun)).toEqual(['v1', 'v2']);
    const after = person.held(gun);
    for (const role of ['root', 'timestamp', 'snapshot']) expect(after[role], role).toBeGreaterThan(before[role]!);
    await moved(owner).does('add', gun, 'v3', owner.file('v3'), '-p');
    expect(await moved(person).lists(gun)).toEqual(['v1', 'v2', 'v3']);
    expect(await moved(people.newcomer('newcomer')).lists(gun)).toEqual(['v1', 'v2', 'v3']);
  });

  it('as a copy nobody can publish to, until it is imported with the root key at hand', async () => {
    const { gun, owner } = await begin();
    await owner.does('key', 'rotate', gun, 'snapshot', '-r');
    const person = await reader(gun);
    expect(await imports(gun)).toMatchObject({ outcome: 'mirrored' });
    expect(await moved(person).lists(gun)).toEqual(['v1', 'v2']);
    const tried = people.newcomer('tried');
    cpSync(owner.home.path('trust'), tried.home.path('trust'), { recursive: true });
    await moved(tried).fails('add', gun, 'v3', tried.file('v3'), '-p');
    expect(await moved(person).lists(gun)).toEqual(['v1', 'v2']);
    await holdKeys(owner);
    expect(await imports(gun)).toMatchObject({ outcome: 'taken-over' });
    await moved(owner).does('add', gun, 'v3', owner.file('v3'), '-p');
    expect(await moved(person).lists(gun)).toEqual(['v1', 'v2', 'v3']);
  });

  it('as a copy whose owner signs snapshots, and moves it with nothing but notary', async () => {
    const { gun, owner } = await begin();
    const person = await reader(gun);
    expect(await imports(gun)).toMatchObject({ outcome: 'mirrored' });
    await moved(owner).does('key', 'rotate', gun, 'timestamp', '-r');
    await moved(owner).does('add', gun, 'v3', owner.file('v3'), '-p');
    expect(await moved(person).lists(gun)).toEqual(['v1', 'v2', 'v3']);
  });

  it('by the commands of the guide, as they stand', async () => {
    const one = await begin();
    const id = await rootKeyOf(one.gun);
    const replaced: readonly (readonly [string, string])[] = [
      ['https://notary.example.com', go.plainUrl],
      ['https://trust.example.com', world.url],
      ['~/.docker/trust', one.owner.home.path('trust')],
      ['docker.io/team/app docker.io/team/web', one.gun],
      ['$ROOT_KEY', id],
    ];
    for (const line of commands()) {
      const text = replaced.reduce((whole, [from, to]) => whole.replaceAll(from, to), line);
      const ran = await ours.runWith(ENVIRONMENT, ...text.split(/\s+/u).slice(1));
      expect(ran.code, text + ran.err).toBe(0);
    }
    expect(await moved(people.newcomer('newcomer')).lists(one.gun)).toEqual(['v1', 'v2']);
  });

  /** The id under which the current root of a collection lists its root key. */
  async function rootKeyOf(gun: string): Promise<string> {
    const answer = await fetch(`${go.plainUrl}/v2/${gun}/_trust/tuf/root.json`);
    const { signed } = (await answer.json()) as { signed: { roles: { root: { keyids: [string] } } } };
    return signed.roles.root.keyids[0];
  }
});

/** The commands of the guide's first part, each on one line. */
function commands(): readonly string[] {
  const text = readFileSync(new URL('../../../docs/coming-over.md', import.meta.url), 'utf8');
  const [block = ''] = [...text.matchAll(/^```sh\n(.*?)^```/gmsu)].map((match) => match[1]!);
  return block.replaceAll('\\\n', ' ').trim().split('\n');
}
