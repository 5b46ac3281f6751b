import type { Command } from 'commander';
import { makeFirstRoot } from '../../first-root.js';
import { DEFAULT_LIFETIMES, expiry } from '../../lifetimes.js';
import { Http } from '../../http.js';
import { fingerprint } from '../../pinning.js';
import { CountersignError } from '../../tuf/errors.js';
import { formatInstant, instant, ROOT, type Version } from '../../tuf/names.js';
import { DEFAULT_REFRESH_LIMITS } from '../../tuf/refresh.js';
import type { Collection } from '../collection.js';
import { commandLine, sameServer } from '../hint.js';
import { rootKeyFile } from '../put-file.js';
import { withExpires, withJson, withPassphrase, withServer, type CommonOptions } from '../options.js';
import type { Run, Session } from '../session.js';

export function addInit(program: Command, run: Run): void {
  const command = program
    .command('init')
    .argument('<name>', 'the collection, such as example.com/team/app')
    .description('begins a collection: makes its root and targets keys, and its first root');
  withJson(withExpires(withPassphrase(withServer(command)), 'the root')).action(
    (name: string, options: CommonOptions) =>
      run(options, async (session) => {
        const collection = await session.collection(name);
        await collection.home.exclusively(() => init(session, collection));
      }),
  );
}

async function init(session: Session, collection: Collection): Promise<void> {
  await refuseSecond(session, collection);
  const { format, crypto, keys, options, output } = session;
  const server = collection.server;
  // The server first: without it no key is made in vain.
  await server.onlineKey('timestamp', 'current');
  const passphrase = await session.passphraseForNewKeys();
  const rootKey = await keys.generate('ed25519', passphrase);
  const targetsKey = await keys.generate('ed25519', passphrase);
  const signers = {
    root: await keys.load(rootKey.id, passphrase),
    targets: await keys.load(targetsKey.id, passphrase),
  };
  const expires = expiry(instant(session.now), options.expires ?? DEFAULT_LIFETIMES.root);
  const raw = await makeFirstRoot({ format, crypto, server }, signers, expires);
  const pin = fingerprint(raw, crypto);
  await collection.home.saveRecord({ server: collection.serverUrl });
  await collection.home.saveFirstRoot(raw);
  await collection.home.metadata.startFrom(raw, pin, undefined);
  if (options.json === true) {
    const ids = { root: rootKey.id, targets: targetsKey.id };
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
  output.line(`Root key          ${rootKey.id}`);
  output.line(`Targets key       ${targetsKey.id}`);
  output.line(`Root expires      ${formatInstant(expires)}`);
  output.line();
  output.line('Tell the fingerprint to those who are to trust the collection, by another way than the server:');
  output.line(`  ${readersCommand(collection, options, pin)}`);
  output.line();
  output.line('BACK UP THE ROOT KEY. Who loses it can never change the keys of this collection again:');
  output.line(`  ${commandLine('key', 'export', rootKey.id, '-o', rootKeyFile(rootKey.id))}`);
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

async function refuseSecond(session: Session, collection: Collection): Promise<void> {
  const again = {
    next: `Go on with \`${collection.command('add')} FILE…\` and \`${collection.command('publish')}\`.`,
  };
  if ((await collection.home.firstRoot()) !== undefined)
    throw new CountersignError('conflict', `${collection.gun} has been begun here already`, again);
  if ((await collection.home.metadata.load(ROOT)) !== undefined)
    throw new CountersignError('conflict', `${collection.gun} is known here already`, again);
  const url = collection.urls.metadata + session.format.fileName(ROOT, { version: 1 as Version });
  const published = await new Http(collection.fetch).fetchBytes(url, DEFAULT_REFRESH_LIMITS.root);
  if (published === undefined) return;
  throw new CountersignError('conflict', `${collection.gun} is published on ${collection.serverUrl} already`, {
    next: 'Choose another name; or take part with --root-fingerprint, as its publisher tells you.',
  });
}
