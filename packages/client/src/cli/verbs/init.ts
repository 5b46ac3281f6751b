import type { Command } from 'commander';
import { makeFirstRoot } from '../../publishing/first-root.js';
import { expiry } from '../../publishing/lifetimes.js';
import { Http } from '../../http/http.js';
import { fingerprint } from '../../reading/pinning.js';
import { CountersignError } from '../../tuf/errors.js';
import { rootFileName } from '../../tuf/formats/index.js';
import { formatInstant, instant, ROOT, type KeyId, type Version } from '../../tuf/names.js';
import { DEFAULT_REFRESH_LIMITS } from '../../tuf/refresh.js';
import type { Collection } from '../collection.js';
import { commandLine, sameServer } from '../hint.js';
import { ownKey } from '../keys/own-key.js';
import { newKeyType, rootSignerOf, signerOf } from '../keys/own-signer.js';
import { rootKeyFile } from '../files/put-file.js';
import {
  formatChosen,
  withExpires,
  withFormat,
  withJson,
  withPassphrase,
  withServer,
  type CommonOptions,
  type FormatChoice,
} from '../options.js';
import type { Run, Session } from '../session.js';

interface InitOptions extends CommonOptions {
  readonly format?: FormatChoice;
  readonly key?: string;
}

export function addInit(program: Command, run: Run): void {
  const command = program
    .command('init')
    .argument('<name>', 'the collection, such as example.com/team/app')
    .option('--key <id>', 'a root key of yours, or how its id begins, instead of a new one')
    .description('begins a collection: makes its root and targets keys, and its first root');
  withJson(withExpires(withPassphrase(withServer(withFormat(command))), 'the root')).action(
    (name: string, options: InitOptions) =>
      run(options, async (session) => {
        const collection = await session.collection(name);
        await collection.home.exclusively(() => init(session, collection, options));
      }),
  );
}

async function init(session: Session, collection: Collection, options: InitOptions): Promise<void> {
  await refuseSecond(collection);
  const { crypto, keys, output } = session;
  const format = formatChosen(options.format ?? 'tuf');
  const chosen = options.key === undefined ? undefined : await ownKey(keys, options.key);
  const server = collection.server(format);
  // The server first: without it no key is made in vain.
  await server.onlineKey('timestamp', 'current');
  const passphrase = await session.passphraseForNewKeys();
  const generate = async (): Promise<KeyId> => (await keys.generate(newKeyType(format), passphrase)).id;
  const rootKey = chosen ?? (await generate());
  // Before the other is made: a key that cannot be a root key is told so.
  const root = await rootSignerOf(session, format, collection.gun, rootKey);
  const targetsKey = await generate();
  const signers = { root, targets: await signerOf(session, format, targetsKey) };
  const expires = expiry(instant(session.now), options.expires ?? format.rules.lifetimes.root);
  const raw = await makeFirstRoot({ format, crypto, server }, signers, expires);
  const pin = fingerprint(raw, crypto);
  await collection.home.saveRecord({ server: collection.serverUrl });
  await collection.home.saveFirstRoot(raw);
  await collection.home.metadata.startFrom(raw, pin, undefined);
  if (options.json === true) {
    const ids = { root: rootKey, targets: targetsKey };
    output.json({
      name: collection.gun,
      server: collection.serverUrl,
      rootFingerprint: pin,
      keys: ids,
      expires: formatInstant(expires),
    });
    return;
  }
  output.line(`${collection.gun} is ready on ${collection.serverUrl}; nothing is published yet.`);
  output.line();
  output.line(`Root fingerprint  ${pin}`);
  output.line(`Root key          ${rootKey}`);
  output.line(`Targets key       ${targetsKey}`);
  output.line(`Root expires      ${formatInstant(expires)}`);
  output.line();
  output.line('Tell the fingerprint to those who are to trust the collection, by another way than the server:');
  output.line(`  ${readersCommand(collection, options, pin)}`);
  output.line();
  output.line('BACK UP THE ROOT KEY. Who loses it can never change the keys of this collection again:');
  output.line(`  ${commandLine('key', 'export', rootKey, '-o', rootKeyFile(rootKey))}`);
  output.line();
  output.line('Next, add files or directories, then publish:');
  output.line(`  ${collection.command('add')} FILE…`);
  output.line(`  ${collection.command('publish')}`);
}

/** Readers may have no settings yet: everything is spelt out. */
function readersCommand({ gun, serverUrl }: Collection, options: CommonOptions, pin: string): string {
  const server = sameServer({ ...options, server: serverUrl });
  return commandLine('list', gun, ...server, '--root-fingerprint', pin);
}

async function refuseSecond(collection: Collection): Promise<void> {
  const again = {
    next: `Go on with \`${collection.command('add')} FILE…\` and \`${collection.command('publish')}\`.`,
  };
  if ((await collection.home.firstRoot()) !== undefined)
    throw new CountersignError('conflict', `${collection.gun} has been begun here already`, again);
  if ((await collection.home.metadata.load(ROOT)) !== undefined)
    throw new CountersignError('conflict', `${collection.gun} is known here already`, again);
  const url = collection.urls.metadata + rootFileName(1 as Version);
  const published = await new Http(collection.fetch).fetchBytes(url, DEFAULT_REFRESH_LIMITS.root);
  if (published === undefined) return;
  throw new CountersignError('conflict', `${collection.gun} is published on ${collection.serverUrl} already`, {
    next: 'Choose another name; or take part with --root-fingerprint, as its publisher tells you.',
  });
}
