import { readFile } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import type { StoredKey } from '../../node/key-store.js';
import type { NewKeyType } from '../../node/private-key.js';
import { CountersignError } from '../../tuf/errors.js';
import { formatInstant, instant, type KeyId } from '../../tuf/names.js';
import { knownRoles, publicKeys } from '../known-roles.js';
import { withJson, withPassphrase, type CommonOptions } from '../options.js';
import { short } from '../output.js';
import { ownKey } from '../own-key.js';
import { readPassphrase } from '../passphrase.js';
import { present, putText, wouldOverwrite } from '../put-file.js';
import type { Run, Session } from '../session.js';

interface GenerateOptions extends CommonOptions {
  readonly type: NewKeyType;
}

interface ImportOptions extends CommonOptions {
  readonly importPassphraseFile?: string;
}

interface ExportOptions extends CommonOptions {
  readonly public?: true;
  readonly output?: string;
  readonly force?: true;
}

export function addKey(program: Command, run: Run): void {
  const key = program.command('key').description('makes, lists, imports and exports your private keys');
  const generate = key
    .command('generate')
    .description('makes a key')
    .addOption(new Option('--type <type>', 'the kind of key').choices(['ed25519', 'ecdsa-p256']).default('ed25519'));
  withJson(withPassphrase(generate)).action((options: GenerateOptions) =>
    run(options, async (session) => {
      show(session, await session.keys.generate(options.type, await session.passphraseForNewKeys()));
    }),
  );
  withJson(key.command('list').description('lists your keys')).action((options: CommonOptions) => run(options, list));
  const add = key
    .command('import')
    .argument('<file>', 'a key file of this command, of go-tuf or cosign, or PEM')
    .option('--import-passphrase-file <file>', 'the passphrase that opens it, where it is another than yours')
    .description('takes a private key over; it is sealed anew under your passphrase');
  withJson(withPassphrase(add)).action((file: string, options: ImportOptions) =>
    run(options, async (session) => show(session, await importKey(session, file, options.importPassphraseFile))),
  );
  const save = key
    .command('export')
    .argument('<id>', 'the key, or how its id begins')
    .option('--public', 'only the public half')
    .option('-o, --output <file>', 'where to put it; standard output unless given')
    .option('--force', 'replace a file that is there and holds something else')
    .description('writes a key as PEM; a private one stays encrypted under your passphrase');
  withJson(withPassphrase(save)).action((id: string, options: ExportOptions) =>
    run(options, (session) => exportKey(session, id, options)),
  );
}

async function list(session: Session): Promise<void> {
  const { keys, output, options } = session;
  const all = await keys.list();
  const uses = await usesOf(session, all);
  const of = ({ id }: StoredKey): readonly KeyUse[] => uses.get(id) ?? [];
  if (options.json === true) {
    output.json(all.map((key) => ({ ...asJson(key), since: formatInstant(instant(key.since)), uses: of(key) })));
  } else if (all.length === 0)
    output.line('You have no keys. `countersign init` or `countersign key generate` makes some.');
  else
    output.table(
      ['KEY', 'SCHEME', 'SINCE', 'SIGNS'],
      all.map((key) => [key.id, key.scheme, day(key.since), of(key).map(words).join(', ') || '-']),
    );
}

/** What a key signs, as last seen of the collections known here. */
interface KeyUse {
  readonly name: string;
  readonly role: string;
}

function words({ name, role }: KeyUse): string {
  return `${role} of ${name}`;
}

function day(moment: number): string {
  return new Date(moment).toISOString().slice(0, 10);
}

async function usesOf(
  { home, format, crypto }: Session,
  own: readonly StoredKey[],
): Promise<ReadonlyMap<string, KeyUse[]>> {
  const uses = new Map(own.map(({ id }): [string, KeyUse[]] => [id, []]));
  for (const gun of await home.collections()) {
    for (const role of await knownRoles(home.collection(gun), format)) {
      for (const { scheme, spki } of publicKeys(role)) {
        const its = scheme === undefined ? undefined : uses.get(format.keyId({ scheme, spki }, crypto));
        if (its?.some((use) => use.name === gun && use.role === role.name) === false)
          its.push({ name: gun, role: role.name });
      }
    }
  }
  return uses;
}

async function importKey(session: Session, path: string, passphraseFile: string | undefined): Promise<StoredKey> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CountersignError('not-found', `the key file ${path} cannot be read`, { cause });
  });
  // Ours first: asked for while the other is tried, it would pass for a wrong one.
  const ours = await session.passphraseForNewKeys();
  const take = (opens: string): Promise<StoredKey> => session.keys.import(text, opens, ours);
  if (passphraseFile !== undefined) return take(await readPassphrase(passphraseFile));
  const encrypted = text.includes('ENCRYPTED') || text.trimStart().startsWith('{');
  return encrypted ? session.passphrases.unlock(path, take) : take('');
}

async function exportKey(session: Session, start: string, options: ExportOptions): Promise<void> {
  const { keys, output, passphrases } = session;
  const id = await ownKey(keys, start);
  const isPublic = options.public === true;
  const file = options.output;
  const before = file === undefined || options.force === true ? undefined : await present(file);
  const there = before === undefined ? undefined : new TextDecoder().decode(before);
  const exported = isPublic
    ? publicPem(await keys.exportPublic(id), there)
    : await passphrases.unlock(`key ${short(id)}`, (passphrase) => privatePem(session, id, passphrase, there));
  if (file !== undefined) {
    if (exported === 'other') throw wouldOverwrite(file);
    if (exported !== 'there') await putText(file, exported, isPublic ? 0o644 : 0o600);
  }
  const told = { id, public: isPublic, ...(file === undefined ? { pem: exported } : { file }) };
  if (options.json === true) output.json(told);
  else if (file === undefined) output.block(exported);
  else {
    const already = exported === 'there' ? ' already' : '';
    output.line(`Key ${id} is in ${file}${already}${isPublic ? '' : ', encrypted under your passphrase'}.`);
  }
}

/** The PEM; or whether what is there is it already, or something else. No PEM is one of the two words. */
type Exported = string;

function publicPem(pem: string, there: string | undefined): Exported {
  if (there === undefined) return pem;
  return there === pem ? 'there' : 'other';
}

/** Sealed with new salt each time: a copy is known by what it opens to. */
async function privatePem(
  { keys }: Session,
  id: KeyId,
  passphrase: string,
  there: string | undefined,
): Promise<Exported> {
  const pem = await keys.exportPrivate(id, passphrase);
  if (there === undefined) return pem;
  return (await keys.isCopy(id, there, passphrase)) ? 'there' : 'other';
}

function show({ output, options }: Session, key: StoredKey): void {
  if (options.json === true) output.json(asJson(key));
  else output.line(`Key ${key.id} (${key.scheme}) is yours now.`);
}

function asJson({ id, keytype, scheme }: StoredKey): object {
  return { id, keytype, scheme };
}
