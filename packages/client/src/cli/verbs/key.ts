import { readFile } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import { writeAtomically } from '../../node/atomic-file.js';
import type { StoredKey } from '../../node/key-store.js';
import type { NewKeyType } from '../../node/private-key.js';
import { CountersignError } from '../../tuf/errors.js';
import { withJson, withPassphrase, type CommonOptions } from '../options.js';
import { short } from '../output.js';
import { ownKey } from '../own-key.js';
import { readPassphrase } from '../passphrase.js';
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
}

export function addKey(program: Command, run: Run): void {
  const key = program.command('key').description('makes, lists, imports and exports your private keys');
  const generate = key
    .command('generate')
    .description('makes a key')
    .addOption(new Option('--type <type>', 'the kind of key').choices(['ed25519', 'ecdsa-p256']).default('ed25519'));
  withJson(withPassphrase(generate)).action((options: GenerateOptions) =>
    run(options, async (session) => {
      show(session, await session.keys.generate(options.type, await session.passphrases.fresh()));
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
    .description('writes a key as PEM; a private one stays encrypted under your passphrase');
  withJson(withPassphrase(save)).action((id: string, options: ExportOptions) =>
    run(options, (session) => exportKey(session, id, options)),
  );
}

async function list({ keys, output, options }: Session): Promise<void> {
  const all = await keys.list();
  if (options.json === true) output.json(all.map(asJson));
  else if (all.length === 0)
    output.line('You have no keys. `countersign init` or `countersign key generate` makes some.');
  else
    output.table(
      ['KEY', 'SCHEME'],
      all.map((key) => [key.id, key.scheme]),
    );
}

async function importKey(session: Session, path: string, passphraseFile: string | undefined): Promise<StoredKey> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CountersignError('not-found', `the key file ${path} cannot be read`, { cause });
  });
  // Ours first: asked for while the other is tried, it would pass for a wrong one.
  const ours = await session.passphrases.fresh();
  const take = (opens: string): Promise<StoredKey> => session.keys.import(text, opens, ours);
  if (passphraseFile !== undefined) return take(await readPassphrase(passphraseFile));
  const encrypted = text.includes('ENCRYPTED') || text.trimStart().startsWith('{');
  return encrypted ? session.passphrases.unlock(path, take) : take('');
}

async function exportKey(session: Session, start: string, options: ExportOptions): Promise<void> {
  const { keys, output, passphrases } = session;
  const id = await ownKey(keys, start);
  const isPublic = options.public === true;
  const pem = isPublic
    ? await keys.exportPublic(id)
    : await passphrases.unlock(`key ${short(id)}`, (passphrase) => keys.exportPrivate(id, passphrase));
  if (options.output !== undefined)
    await writeAtomically(options.output, new TextEncoder().encode(pem), isPublic ? 0o644 : 0o600);
  const told = { id, public: isPublic, ...(options.output === undefined ? { pem } : { file: options.output }) };
  if (options.json === true) output.json(told);
  else if (options.output === undefined) output.block(pem);
  else output.line(`Key ${id} is in ${options.output}${isPublic ? '' : ', encrypted under your passphrase'}.`);
}

function show({ output, options }: Session, key: StoredKey): void {
  if (options.json === true) output.json(asJson(key));
  else output.line(`Key ${key.id} (${key.scheme}) is yours now.`);
}

function asJson({ id, keytype, scheme }: StoredKey): object {
  return { id, keytype, scheme };
}
