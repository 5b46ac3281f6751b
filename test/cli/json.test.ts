import { mkdir, writeFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { program } from '../../packages/client/src/cli/main.js';
import { World } from '../support/world.js';
import { Collected } from './collected.js';
import { Person } from './terminal.js';

const NAME = 'example.com/json';
const ID = expect.stringMatching(/^[0-9a-f]{64}$/u) as unknown;
const DATE = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/u) as unknown;
const PIN = expect.stringMatching(/^sha256:[0-9a-f]{64}$/u) as unknown;
const PATH = expect.stringMatching(/^\/.*\/(?:a|b)\.txt$/u) as unknown;
const content = (letter: string): object => ({
  target: `dist/${letter}.txt`,
  length: 1,
  hashes: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/u) as unknown },
});
const added = (letter: string): object => ({ kind: 'add', role: 'targets', ...content(letter), source: PATH });
const published = (versions: object): object => ({ name: NAME, kind: 'published', timestampExpires: DATE, versions });

/** The life of a collection, a verb at a time: what is typed after `--json`, with `@` for this person's directory, and what is told. */
const LIFE: readonly (readonly [string, unknown])[] = [
  [
    `init ${NAME}`,
    {
      name: NAME,
      rootFingerprint: PIN,
      keys: { root: ID, targets: ID },
      expires: DATE,
      server: expect.any(String) as unknown,
    },
  ],
  [`add ${NAME} @/dist`, { name: NAME, staged: [added('a'), added('b')], unchanged: 0, passedOver: [], empty: [] }],
  [
    `status ${NAME}`,
    {
      name: NAME,
      published: false,
      roles: [{ role: 'root', version: 1, expires: DATE }],
      changes: [added('a'), added('b')],
    },
  ],
  [`remove ${NAME} dist/b.txt`, { name: NAME, staged: [], dropped: [added('b')] }],
  [`reset ${NAME}`, { name: NAME, dropped: [added('a')] }],
  [
    `add ${NAME} @/dist/a.txt --as dist/`,
    { name: NAME, staged: [added('a')], unchanged: 0, passedOver: [], empty: [] },
  ],
  [`publish ${NAME}`, published({ root: 1, targets: 1, snapshot: 1, timestamp: 1 })],
  [`publish ${NAME}`, { name: NAME, kind: 'nothing' }],
  [`add ${NAME} @/dist/a.txt --as dist/`, { name: NAME, staged: [], unchanged: 1, passedOver: [], empty: [] }],
  [`list ${NAME}`, [{ ...content('a'), role: 'targets' }]],
  [`get ${NAME} dist/a.txt -o @/a.txt`, [{ ...content('a'), role: 'targets', file: PATH }]],
  [`verify ${NAME} dist/a.txt @/a.txt`, { verified: true, ...content('a'), role: 'targets', file: PATH }],
  [`inspect ${NAME}`, expect.objectContaining({ name: NAME, rootFingerprint: PIN }) as unknown],
  [
    `pin ${NAME} --lock @/locked`,
    {
      name: NAME,
      file: expect.any(String) as unknown,
      server: expect.any(String) as unknown,
      root: PIN,
      versions: { root: 1, targets: 1, snapshot: 1, timestamp: 1 },
    },
  ],
  [
    `bundle ${NAME} dist/a.txt -o @/app.bundle`,
    {
      name: NAME,
      file: expect.any(String) as unknown,
      bytes: expect.any(Number) as unknown,
      versions: { root: 1, targets: 1, snapshot: 1, timestamp: 1 },
      expires: DATE,
      targets: [{ ...content('a'), role: 'targets' }],
    },
  ],
  [
    `mirror ${NAME} @/mirror`,
    {
      name: NAME,
      directory: expect.any(String) as unknown,
      versions: { root: 1, targets: 1, snapshot: 1, timestamp: 1 },
      expires: DATE,
      written: 5,
      kept: 0,
      removed: 0,
    },
  ],
  ['update-lock --lock @/locked', [{ name: NAME, moved: [] }]],
  [
    `remove ${NAME} dist/`,
    { name: NAME, staged: [{ kind: 'remove', role: 'targets', target: 'dist/a.txt' }], dropped: [] },
  ],
  [`reset ${NAME} dist/`, { name: NAME, dropped: [{ kind: 'remove', role: 'targets', target: 'dist/a.txt' }] }],
  [
    `delegation request ${NAME} bob -o @/bob.json`,
    { name: NAME, role: 'bob', version: 1, key: ID, expires: DATE, file: expect.any(String) as unknown },
  ],
  [
    `delegation add ${NAME} bob --request @/bob.json`,
    { ...published({ targets: 2, bob: 1, snapshot: 2, timestamp: 2 }), role: 'bob', by: 'targets', keys: [ID] },
  ],
  [`delegation list ${NAME}`, [expect.objectContaining({ role: 'bob' }) as unknown]],
  [
    `delegation remove ${NAME} bob`,
    { ...published({ targets: 3, snapshot: 3, timestamp: 3 }), role: 'bob', by: 'targets' },
  ],
  [`rotate ${NAME} timestamp`, { ...published({ root: 2, timestamp: 4 }), role: 'timestamp', key: ID }],
  ['key generate', { id: ID, keytype: 'ed25519', scheme: 'ed25519' }],
  [
    'key list',
    expect.arrayContaining([
      { id: ID, keytype: 'ed25519', scheme: 'ed25519', since: DATE, uses: [] },
      { id: ID, keytype: 'ed25519', scheme: 'ed25519', since: DATE, uses: [{ name: NAME, role: 'root' }] },
    ]) as unknown,
  ],
  ['key export KEY', { id: ID, public: false, pem: expect.stringContaining('BEGIN ENCRYPTED PRIVATE KEY') as unknown }],
  ['key export KEY --public', { id: ID, public: true, pem: expect.stringContaining('BEGIN PUBLIC KEY') as unknown }],
  ['key export KEY -o @/key.pem', { id: ID, public: false, file: expect.any(String) as unknown }],
  ['key import @/key.pem', { id: ID, keytype: 'ed25519', scheme: 'ed25519' }],
];

describe('--json', () => {
  let world: World;
  let person: Person;
  let key: string;

  beforeAll(async () => {
    world = await World.start();
    person = await Person.arrive({ server: world.url });
    await mkdir(person.path('dist'));
    for (const letter of ['a', 'b']) await writeFile(person.path('dist', `${letter}.txt`), letter);
    const made = await person.json<{ id: string }>('key', 'generate');
    key = made.id;
  });
  afterAll(async () => {
    await person.leave();
    await world.stop();
  });

  it.each(LIFE)('%s tells one document, and nothing else', async (typed, told) => {
    const argv = typed.replaceAll('@', person.directory).replace('KEY', key).split(' ');
    const { code, out, err } = await person.run(...argv, '--json');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(JSON.parse(out)).toEqual(told);
  });

  it('is an option of every verb, each of which is tried', () => {
    // Of collections of another format, and tried in notary.test.ts and import.test.ts.
    const others = ['signer add', 'signer remove', 'signer list', 'import'];
    const tried = new Set([...LIFE.map(([typed]) => typed), ...others]);
    const leaves = (command: Command, path: string): string[] =>
      command.commands.length === 0
        ? [path]
        : command.commands.flatMap((verb) => leaves(verb, `${path} ${verb.name()}`.trim()));
    const io = { env: {}, stdin: new PassThrough(), stdout: new Collected(), stderr: new Collected() };
    const untried = leaves(program(io), '').filter((verb) => ![...tried].some((typed) => typed.startsWith(verb)));
    expect(untried).toEqual([]);
  });
});
