import type { Command } from 'commander';
import { comeOver, type CameOver } from '../../coming-over/coming-over.js';
import { CollectionServer } from '../../publishing/collection-server.js';
import { Http } from '../../http/http.js';
import type { Missing } from '../../coming-over/earlier-versions.js';
import type { FirstTrust } from '../../reading/pinning.js';
import { formatOfRoot } from '../../reading/root-format.js';
import { equalBytes } from '../../tuf/encoding.js';
import { CountersignError } from '../../tuf/errors.js';
import { rootFileName } from '../../tuf/formats/index.js';
import { ROOT, type KeyId } from '../../tuf/names.js';
import { Collection } from '../collection.js';
import { commandLine } from '../hint.js';
import { withExpires, withJson, withPassphrase, withTrust, type CommonOptions } from '../options.js';
import { count, whenExpires } from '../terminal/output.js';
import { counting } from '../terminal/progress.js';
import type { Run, Session } from '../session.js';
import { versions } from '../published.js';

interface ImportOptions extends CommonOptions {
  readonly from: string;
  readonly dryRun?: true;
}

/** What is told of one collection, of files that did not come over. */
const MOST_TOLD = 5;

export function addImport(program: Command, run: Run): void {
  const command = program
    .command('import')
    .argument('<name...>', 'the collections')
    .requiredOption('--from <url>', 'the Notary v1 server they are on')
    .option('--dry-run', 'read and verify everything, and send nothing')
    .description('copies Docker Content Trust collections from their server, with all their history');
  withJson(withExpires(withPassphrase(withTrust(command)), 'the new root')).action(
    (names: readonly string[], options: ImportOptions) => run(options, (session) => importAll(session, names, options)),
  );
}

/** One after the other; one that fails keeps no other from coming over. */
async function importAll(session: Session, names: readonly string[], options: ImportOptions): Promise<void> {
  const failures: { readonly name: string; readonly error: CountersignError }[] = [];
  const done: object[] = [];
  for (const name of names) {
    try {
      const collection = await session.collection(name);
      const came = await collection.home.exclusively(() => importOne(session, collection, options));
      if (options.json === true) done.push(described(collection, came));
      else tell(session, collection, came, options);
    } catch (error) {
      if (!(error instanceof CountersignError) || names.length === 1) throw error;
      failures.push({ name, error });
      if (options.json === true) done.push({ name, error: { code: error.code, message: error.message } });
      else session.output.note(`${name}: not imported: ${error.message}`);
    }
  }
  if (options.json === true) session.output.json(done);
  const [first] = failures;
  if (first === undefined) return;
  throw new CountersignError(first.error.code, `${failures.length} of ${names.length} collections did not come over`, {
    detail: { found: failures.map(({ name, error }) => `${name}: ${error.message}`) },
    next: 'Run it again for these once that is mended; what has come over is left as it is.',
  });
}

async function importOne(session: Session, collection: Collection, options: ImportOptions): Promise<CameOver> {
  const { crypto, now, ring, output } = session;
  const { gun, home } = collection;
  const old = new Collection(session, home, { server: options.from, as: 'user', token: 'COUNTERSIGN_FROM_TOKEN' });
  if (old.serverUrl === collection.serverUrl)
    throw new CountersignError('usage', `${gun} would come from the server it is to go to`, {
      next: 'Give the old server with --from, and the new one with --server or COUNTERSIGN_SERVER.',
    });
  const progress = counting(session.io, `Reading ${gun}`);
  try {
    const came = await comeOver({
      source: {
        gun,
        urls: old.urls,
        fetch: old.fetch,
        crypto,
        now,
        firstTrust: await trusted(session, collection, old),
        skipped: (role, why) => output.note(`${gun}: ${role} comes over though it cannot be verified: ${why.message}`),
      },
      destination: {
        urls: collection.urls,
        fetch: collection.fetch,
        serverFor: (format) => new CollectionServer({ urls: collection.urls, fetch: collection.fetch, format }),
        ring,
        ...(options.expires === undefined ? {} : { days: options.expires }),
      },
      mode: options.dryRun === true ? 'look' : 'do',
      onProgress: progress.update,
    });
    if (options.trustOnFirstUse === true)
      output.note(
        `${gun}: trusted on first use: the root ${(await came.old.cache.anchor()) ?? ''}; compare it with what its publisher tells you`,
      );
    if (options.dryRun !== true) await remember(collection, came);
    return came;
  } finally {
    progress.stop();
  }
}

/** What the options say; or the root that is trusted here already, where the old server has it, or its root key. */
async function trusted(session: Session, collection: Collection, old: Collection): Promise<FirstTrust> {
  const given = await collection.firstTrust();
  if (given !== undefined) return given;
  const raw = await collection.home.metadata.load(ROOT);
  if (raw === undefined)
    throw new CountersignError('untrusted-root', `there is no trusted root for ${collection.gun} here yet`, {
      next: 'Give --root FILE, --root-ca FILE or --root-fingerprint sha256:… (the id of its root key will do); or --trust-on-first-use.',
    });
  const format = formatOfRoot(raw);
  const { version, roles, keys } = format.parseRoot(raw).signed;
  const theirs = await new Http(old.fetch).fetchBytes(old.urls.metadata + rootFileName(version), raw.length);
  const key = keys.get(roles.root.keyIds[0] ?? ('' as KeyId));
  if (key?.scheme === undefined || (theirs !== undefined && equalBytes(theirs, raw))) return { kind: 'file', raw };
  // It has gone on at the new server.
  return { kind: 'fingerprint', fingerprint: format.keyId({ scheme: key.scheme, spki: key.spki }, session.crypto) };
}

/** The next command finds the new server, and trusts what this one has verified. */
async function remember({ home, serverUrl }: Collection, { old }: CameOver): Promise<void> {
  await home.saveRecord({ server: serverUrl });
  const [root, anchor] = [await old.cache.load(ROOT), await old.cache.anchor()];
  if (root === undefined || anchor === undefined || (await home.metadata.load(ROOT)) !== undefined) return;
  await home.metadata.startFrom(root, anchor, undefined);
}

function tell(session: Session, collection: Collection, came: CameOver, options: ImportOptions): void {
  const { output, now } = session;
  const { gun, serverUrl } = collection;
  const { kind, past } = came;
  const would = options.dryRun === true ? 'would come over' : 'came over';
  if (kind === 'there') output.line(`${gun} is on ${serverUrl} already, and has gone on there.`);
  else output.line(`${gun} ${would} to ${serverUrl}: ${versions(came.versions)}.`);
  if (kind === 'taken-over') {
    const snapshots =
      came.snapshots === 'owner' ? 'you sign snapshots, as before' : 'it signs snapshots and timestamps';
    output.line(`  A root signed by you names the keys of the new server; ${snapshots}.`);
  }
  if (kind === 'mirrored') tellMirror(session, collection, came, options);
  output.line(`  ${count(past.added, 'earlier version')}${options.dryRun === true ? ' to copy' : ' added'}.`);
  for (const missing of past.missing.slice(0, MOST_TOLD))
    output.line(`  Not on the old server any more: ${range(missing)}.`);
  if (past.missing.length > MOST_TOLD) output.line(`  … and ${count(past.missing.length - MOST_TOLD, 'other gap')}.`);
  for (const { role, version, why } of [...came.flawed, ...past.refused].slice(0, MOST_TOLD))
    output.line(
      `  Cannot be verified: ${role}${version === undefined ? '' : ` version ${version}`}: ${messageOf(why)}`,
    );
  const unverified = came.flawed.length + past.refused.length - MOST_TOLD;
  if (unverified > 0) output.line(`  … and ${count(unverified, 'other file')}; --json names them all.`);
  if (past.cut) output.line('  There are more earlier versions than are copied at once; run it again to go on.');
  if (Date.parse(came.timestampExpires) <= now && kind !== 'mirrored')
    output.line('  Its timestamp has expired; the server signs a new one when somebody reads it.');
}

function tellMirror({ output, now }: Session, { gun }: Collection, came: CameOver, options: ImportOptions): void {
  const expires = whenExpires(Date.parse(came.timestampExpires), now);
  output.line(`  It is a read-only copy: its root key is not here, and without it the new server can sign nothing.`);
  output.line(`  What the old server signed expires ${expires}. Before that, where the root key is:`);
  output.line(`    ${commandLine('key', 'import', '~/.docker/trust')}`);
  output.line(`    ${commandLine('import', '--from', options.from, gun)}`);
}

function range({ role, from, to }: Missing): string {
  return from === to ? `${role} version ${from}` : `${role} versions ${from} to ${to}`;
}

function messageOf(why: string | CountersignError): string {
  return typeof why === 'string' ? why : why.message;
}

function described({ gun, serverUrl }: Collection, came: CameOver): object {
  const { kind, past, timestampExpires, snapshots, flawed } = came;
  const refused = past.refused.map(({ role, version, why }) => ({ role, version, why: messageOf(why) }));
  return {
    name: gun,
    server: serverUrl,
    outcome: kind,
    versions: came.versions,
    timestampExpires,
    snapshots,
    flawed,
    past: { ...past, refused },
  };
}
