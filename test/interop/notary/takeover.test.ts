import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Installation, type Launched } from '../../e2e/installation.js';
import { run as runSql } from '../../support/postgres.js';
import { missingForPeer } from './build-peer.js';
import { Home } from './home.js';
import { NotaryPerson } from './notary-cli.js';
import { NotaryDeployment, PEER_PASSPHRASE } from './peer.js';
import { listens, missingPrograms, Service } from '../../support/programs.js';
import { makeSignerKey } from './signer-keys.js';
import type { TrustServer } from './trust-server.js';

const SERVER_HELD = 'example.com/server-held';
const CLIENT_HELD = 'example.com/client-held';
const LATE = 'example.com/late';
const GONE = 'example.com/gone';
const TAMPERED_NOW = 'example.com/tampered-now';
const TAMPERED_PAST = 'example.com/tampered-past';

const PROGRAMS = {
  server: fileURLToPath(new URL('../../../packages/server/bin/countersign-server.js', import.meta.url)),
  signer: fileURLToPath(new URL('../../../packages/signer/bin/countersign-signer.js', import.meta.url)),
};

interface Ending {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const missing = [...missingForPeer(), ...missingPrograms(['notary'])];
const title = missing.length > 0 ? `: skipped, no ${missing.join(', ')}` : '';

describe.skipIf(missing.length > 0)(`a Notary deployment is taken over in place${title}`, () => {
  let deployment: NotaryDeployment;
  let installation: Installation;
  let go: TrustServer | undefined;
  let launched: Launched | undefined;
  let countersign: TrustServer | undefined;
  let signer: Service | undefined;
  /** Commands, as the guide has them. */
  const commands = new Set<string>();
  const homes = { owner: new Home('owner'), reader: new Home('reader') };
  /** The same people at whichever server runs: their keys and caches stay. */
  let owner: NotaryPerson;
  let reader: NotaryPerson;

  function meet(server: TrustServer): void {
    owner = new NotaryPerson(homes.owner, server);
    reader = new NotaryPerson(homes.reader, server);
  }

  async function startGo(): Promise<void> {
    go = await deployment.start();
    meet(go);
  }

  async function stopGo(): Promise<void> {
    await go?.stop();
    go = undefined;
  }

  async function publish(gun: string, ...targets: readonly string[]): Promise<void> {
    for (const target of targets) await owner.does('add', gun, target, owner.file(target), '-p');
  }

  /** `import-notary` of one of the two programs, with the addresses and passphrases in the environment. */
  async function imports(program: 'server' | 'signer', ...flags: readonly string[]): Promise<Ending> {
    commands.add([`countersign-${program} import-notary --config ${program}.json`, ...flags].join(' '));
    const config = installation.path(`${program}/${program}.json`);
    const child = spawn(process.execPath, [PROGRAMS[program], 'import-notary', '--config', config, ...flags], {
      env: {
        PATH: process.env['PATH'] ?? '',
        COUNTERSIGN_NOTARY_DATABASE: deployment.databases[program],
        COUNTERSIGN_NOTARY_METADATA_DATABASE: deployment.databases.server,
        [`NOTARY_SIGNER_${PEER_PASSPHRASE.alias.toUpperCase()}`]: PEER_PASSPHRASE.passphrase,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString('utf8')));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, out, err };
  }

  /** Our signer alone, as it must be for the server's half of the import. */
  async function startSigner(): Promise<void> {
    const config = installation.path('signer/signer.json');
    const { listen } = JSON.parse(readFileSync(config, 'utf8')) as { listen: string };
    signer = new Service(process.execPath, [PROGRAMS.signer, '--config', config], {}, installation.data);
    await signer.until(() => listens(Number(listen.split(':').at(-1))));
  }

  async function stopSigner(): Promise<void> {
    await signer?.stop();
    signer = undefined;
  }

  async function launch(): Promise<void> {
    launched = installation.launch();
    const url = await launched.ready();
    const plainUrl = /http:\/\/\S+/u.exec(await launched.says('Stop with Ctrl-C.'))![0];
    const caFile = installation.path('tls/ca.crt');
    countersign = { kind: 'countersign', url, plainUrl, caFile, stop: async () => undefined };
    meet(countersign);
  }

  beforeAll(async () => {
    deployment = await NotaryDeployment.create();
    installation = new Installation();
    // makes the certificates, configuration and databases
    const first = installation.launch();
    await first.ready();
    await first.stop();
    await startGo();
    for (const gun of [SERVER_HELD, CLIENT_HELD, GONE, TAMPERED_NOW, TAMPERED_PAST]) await owner.does('init', gun);
    await owner.does('key', 'rotate', SERVER_HELD, 'snapshot', '-r');
    await publish(SERVER_HELD, 'v1', 'v2');
    await owner.does('key', 'rotate', SERVER_HELD, 'timestamp', '-r');
    await owner.does('key', 'rotate', SERVER_HELD, 'root');
    await publish(CLIENT_HELD, 'v1');
    const releases = makeSignerKey(homes.owner, 'releases');
    await owner.does('key', 'import', releases.private, '--role', 'targets/releases');
    await owner.does('delegation', 'add', CLIENT_HELD, 'targets/releases', releases.public, '--all-paths', '-p');
    for (const name of ['r1', 'r2'])
      await owner.does('add', CLIENT_HELD, name, owner.file(name), '-r', 'targets/releases', '-p');
    for (const gun of [GONE, TAMPERED_NOW, TAMPERED_PAST]) await publish(gun, 'v1', 'v2', 'v3');
    await owner.does('delete', GONE, '--remote');
    for (const gun of [SERVER_HELD, CLIENT_HELD]) await reader.does('list', gun);
    await stopGo();
    await tamper();
  }, 240_000);

  /** A changed byte; and a changed date whose row was made to fit. */
  async function tamper(): Promise<void> {
    const { server } = deployment.databases;
    const flip = `UPDATE tuf_files SET data = set_byte(data, 40, get_byte(data, 40) # 1) WHERE role = 'targets'`;
    await runSql(server, `${flip} AND gun = '${TAMPERED_NOW}' AND version = 4`);
    await runSql(server, `${flip} AND gun = '${TAMPERED_PAST}' AND version = 2`);
    const later = `convert_to(replace(convert_from(data, 'UTF8'), '"expires":"20', '"expires":"21'), 'UTF8')`;
    await runSql(
      server,
      `UPDATE tuf_files SET data = ${later}, sha256 = encode(sha256(${later}), 'hex')
       WHERE role = 'targets' AND gun = '${TAMPERED_PAST}' AND version = 3`,
    );
  }

  /** The ids of a collection's root keys, as a person's cache holds them. */
  function rootKeyIds(person: NotaryPerson, gun: string): readonly string[] {
    const path = person.home.path('trust', 'tuf', gun, 'metadata', 'root.json');
    const root = JSON.parse(readFileSync(path, 'utf8')) as { signed: { roles: { root: { keyids: string[] } } } };
    return root.signed.roles.root.keyids;
  }

  afterAll(async () => {
    await launched?.stop();
    await signer?.stop();
    await stopGo();
    await installation.remove();
    await deployment.remove();
    for (const home of Object.values(homes)) home.remove();
  });

  async function ask(path: string): Promise<Buffer> {
    const answer = await fetch(`${countersign!.plainUrl}${path}`);
    expect([path, answer.status]).toEqual([path, 200]);
    return Buffer.from(await answer.arrayBuffer());
  }

  it('the server takes nothing before the signer has the keys', async () => {
    await startSigner();
    const { code, out } = await imports('server', SERVER_HELD);
    expect(code).toBe(1);
    expect(out).toContain(
      `left out: "${SERVER_HELD}": the signer does not hold 1 of the timestamp keys that root version 3 names; run countersign-signer import-notary first`,
    );
    expect(out).toContain('collections taken over: 0\n');
  });

  const FAULTS = [
    `left out: "${TAMPERED_NOW}": targets 4 is not the file its row has the SHA-256 of`,
    `not verified: ${TAMPERED_PAST} targets 2: targets 2 is not the file its row has the SHA-256 of`,
    `not verified: ${TAMPERED_PAST} targets 3: targets carries 0 of the 1 valid signatures that root version 1 asks for`,
  ];

  it('the signer takes the keys, after a dry run that changes nothing', async () => {
    for (let run = 1; run <= 2; run += 1) {
      const dry = await imports('signer', '--dry-run');
      expect(dry).toMatchObject({ code: 0, err: '' });
      expect(dry.out).toContain('keys that would be taken over: 7 (0 of them never signed)\n');
    }
    expect((await imports('signer')).out).toContain('keys taken over: 7 (0 of them never signed)\n');
    const again = await imports('signer');
    expect(again.out).toContain('keys taken over: 0 (0 of them never signed)\n');
    expect(again.out).toContain('keys here already: 7\n');
  });

  it('the server takes what it can verify, lists what it cannot, and finds nothing new the second time', async () => {
    const dry = await imports('server', '--dry-run');
    expect(dry.code).toBe(1);
    expect(dry.out.split('\n').slice(0, 3)).toEqual(FAULTS);
    expect(dry.out).toContain('collections that would be taken over: 3\n');
    const { code, out } = await imports('server');
    expect(code).toBe(1);
    expect(out.split('\n').slice(0, 3)).toEqual(FAULTS);
    expect(out).toContain('collections taken over: 3\n');
    expect(earlier(out)).toBe(earlier(dry.out));
    expect(earlier(out)).toBeGreaterThan(10);
    const again = await imports('server');
    expect(again.out).toContain('collections taken over: 0\n');
    expect(again.out).toContain('collections here already: 3\n');
    expect(again.out).toContain('earlier versions: 0\nlines of the changefeed: 0\n');
    expect(again.out.split('\n').slice(0, 3)).toEqual(FAULTS);
  });

  it('what was published there meanwhile is added', async () => {
    await startGo();
    await publish(SERVER_HELD, 'v3');
    await publish(CLIENT_HELD, 'v2');
    await owner.does('publish', LATE);
    for (const gun of [SERVER_HELD, CLIENT_HELD]) await reader.does('list', gun);
    await stopGo();
    const keys = await imports('signer');
    expect(keys.out).toContain('keys taken over: 1 (0 of them never signed)\n');
    expect(keys.out).toContain('keys that have signed higher versions since the last run: 3\n');
    const { out } = await imports('server');
    expect(out).toContain('collections taken over: 1\n');
    expect(out).toContain('collections published to on the other server since the last run: 2\n');
    expect(out).toContain('lines of the changefeed: 3\n');
    await stopSigner();
  });

  it('the old clients, with their caches, go on: same root keys, same targets, higher versions', async () => {
    const before = held();
    const roots = [SERVER_HELD, CLIENT_HELD].map((gun) => rootKeyIds(reader, gun));
    await launch();
    expect(await reader.lists(SERVER_HELD)).toEqual(['v1', 'v2', 'v3']);
    expect((await reader.lists(CLIENT_HELD)).toSorted()).toEqual(['r1', 'r2', 'v1', 'v2']);
    await publish(SERVER_HELD, 'v4');
    await owner.does('add', CLIENT_HELD, 'r3', owner.file('r3'), '-r', 'targets/releases', '-p');
    expect(await reader.lists(SERVER_HELD)).toEqual(['v1', 'v2', 'v3', 'v4']);
    expect(await reader.lists(CLIENT_HELD)).toContain('r3');
    const after = held();
    for (const gun of [SERVER_HELD, CLIENT_HELD]) {
      for (const role of ['snapshot', 'timestamp']) expect(after[gun]![role]).toBeGreaterThan(before[gun]![role]!);
      expect(after[gun]!['root']).toBe(before[gun]!['root']);
    }
    expect([SERVER_HELD, CLIENT_HELD].map((gun) => rootKeyIds(reader, gun))).toEqual(roots);
    process.stdout.write(`\n${comparison(before, after)}\n`);
  });

  it('a client that never was here reads the same, and the timestamp key is rotated', async () => {
    const newcomer = new Home('newcomer');
    onTestFinished(() => newcomer.remove());
    expect(await new NotaryPerson(newcomer, countersign!).lists(SERVER_HELD)).toEqual(['v1', 'v2', 'v3', 'v4']);
    const { root = 0 } = reader.held(SERVER_HELD);
    for (const gun of [SERVER_HELD, CLIENT_HELD]) await owner.does('key', 'rotate', gun, 'timestamp', '-r');
    expect(await reader.lists(SERVER_HELD)).toEqual(['v1', 'v2', 'v3', 'v4']);
    expect(await reader.lists(CLIENT_HELD)).toContain('r3');
    expect(reader.held(SERVER_HELD)['root']).toBe(root + 1);
  });

  it('the changefeed goes on under the old numbers, and every earlier version is served as it was', async () => {
    const { server } = deployment.databases;
    const lines = await runSql(
      server,
      `SELECT id::text AS "ID", gun AS "GUN", version AS "Version", category AS "Category" FROM changefeed ORDER BY id`,
    );
    const feed = JSON.parse((await ask('/v2/_trust/changefeed?records=1000')).toString()) as {
      records: Record<string, unknown>[];
    };
    const shown = feed.records.map(({ ID, GUN, Version, Category }) => ({ ID, GUN, Version, Category }));
    expect(shown.slice(0, lines.length)).toEqual(lines);
    expect(shown.length).toBeGreaterThan(lines.length);
    const rows = await runSql(
      server,
      `SELECT role, sha256, data FROM tuf_files WHERE gun = '${SERVER_HELD}' AND role <> 'timestamp' ORDER BY id`,
    );
    expect(rows.length).toBeGreaterThan(8);
    for (const { role, sha256, data } of rows as { role: string; sha256: string; data: Buffer }[]) {
      const file = await ask(`/v2/${SERVER_HELD}/_trust/tuf/${role}.${sha256}.json`);
      expect(file.equals(data)).toBe(true);
    }
  });

  it('a collection that was published to here is left alone, and listed', async () => {
    const { code, out } = await imports('server');
    expect(code).toBe(1);
    for (const gun of [SERVER_HELD, CLIENT_HELD])
      expect(out).toMatch(
        new RegExp(`^left out: "${gun}": diverged: this server has signed timestamp \\d+ of it`, 'mu'),
      );
    expect(await reader.lists(SERVER_HELD)).toEqual(['v1', 'v2', 'v3', 'v4']);
  });

  it('these are the commands of the guide', () => {
    const guide = readFileSync(new URL('../../../docs/coming-over.md', import.meta.url), 'utf8');
    const documented = [...guide.matchAll(/^countersign-(?:server|signer) .*$/gmu)].map(([line]) => line);
    expect(documented).toHaveLength(4);
    expect([...commands]).toEqual(expect.arrayContaining(documented));
  });

  function held(): Readonly<Record<string, Readonly<Record<string, number>>>> {
    return { [SERVER_HELD]: reader.held(SERVER_HELD), [CLIENT_HELD]: reader.held(CLIENT_HELD) };
  }
});

function earlier(out: string): number {
  return Number(/^earlier versions: (\d+)$/mu.exec(out)?.[1]);
}

type Held = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** What a reader's cache holds before and after, as a table for people. */
function comparison(before: Held, after: Held): string {
  const rows = Object.entries(before).flatMap(([gun, roles]) =>
    Object.entries(roles).map(([role, version]) => `| ${gun} | ${role} | ${version} | ${after[gun]?.[role]} |`),
  );
  return ['| collection | role | Notary | Countersign |', '|---|---|---|---|', ...rows].join('\n');
}
