import { open, readFile } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import type { DelegationChange } from '../../changes.js';
import {
  MAX_REQUEST,
  readDelegationRequest,
  writeDelegationRequest,
  type DelegationRequest,
} from '../../delegation-request.js';
import { inspect } from '../../inspect.js';
import { DEFAULT_LIFETIMES, expiry } from '../../lifetimes.js';
import { writeAtomically } from '../../node/atomic-file.js';
import { findRole } from '../../role-search.js';
import type { TrustedState } from '../../state.js';
import { CountersignError } from '../../tuf/errors.js';
import type { Delegation, PathSet } from '../../tuf/model.js';
import { instant, parseKeyId, parseSaneRoleName, ROOT, type RoleName } from '../../tuf/names.js';
import { roleNamed, type Collection } from '../collection.js';
import { coveredPaths } from '../covered-paths.js';
import { withExpires, withJson, withPassphrase, withTrust, type CommonOptions } from '../options.js';
import { short } from '../output.js';
import type { Run, Session } from '../session.js';
import { settle, versions } from './publish.js';

interface RequestOptions extends CommonOptions {
  readonly output: string;
  readonly key?: string;
}

interface AddOptions extends CommonOptions {
  readonly request: string;
  readonly paths?: readonly string[];
  readonly by?: string;
  readonly terminating?: true;
}

interface RemoveOptions extends CommonOptions {
  readonly by?: string;
}

const BY = ['--by <role>', 'the role that delegates; targets unless given'] as const;

export function addDelegation(program: Command, run: Run): void {
  const group = program.command('delegation').description('hands parts of a collection to others');
  const within =
    (name: string, work: (session: Session, collection: Collection) => Promise<void>) => async (session: Session) => {
      const collection = await session.collection(name);
      await collection.home.exclusively(() => work(session, collection));
    };
  const request = role(group.command('request')).description(
    'makes your key and an empty role, for the delegator to add',
  );
  request
    .requiredOption('-o, --output <file>', 'the file to send to the delegator')
    .option('--key <id>', 'a key of yours instead of a new one');
  withExpires(withPassphrase(withTrust(request)), 'the empty role').action(
    (name: string, to: string, options: RequestOptions) =>
      run(
        options,
        within(name, (session, collection) => makeRequest(session, collection, parseSaneRoleName(to), options)),
      ),
  );
  const add = role(group.command('add')).description(
    'delegates paths to a role, published at once together with the role',
  );
  add
    .requiredOption('--request <file>', 'the file that `delegation request` made')
    .option('--paths <pattern...>', 'patterns of the targets it may list; everything unless given')
    .option('--terminating', 'look no further for these targets')
    .addOption(new Option(...BY));
  withExpires(withPassphrase(withTrust(add)), 'what is signed').action(
    (name: string, to: string, options: AddOptions) =>
      run(
        options,
        within(name, (session, collection) => delegate(session, collection, parseSaneRoleName(to), options)),
      ),
  );
  const remove = role(group.command('remove'))
    .description('takes a delegation back, published at once')
    .addOption(new Option(...BY));
  withExpires(withPassphrase(withTrust(remove)), 'what is signed').action(
    (name: string, to: string, options: RemoveOptions) =>
      run(
        options,
        within(name, (session, collection) => undelegate(session, collection, parseSaneRoleName(to), options)),
      ),
  );
  const list = group
    .command('list')
    .argument('<name>', 'the collection')
    .description('lists the delegations of a collection');
  withJson(withTrust(list)).action((name: string, options: CommonOptions) =>
    run(options, async (session) => show(session, await session.collection(name))),
  );
}

function role(command: Command): Command {
  return command.argument('<name>', 'the collection').argument('<role>', 'the delegated role');
}

async function makeRequest(
  session: Session,
  collection: Collection,
  name: RoleName,
  options: RequestOptions,
): Promise<void> {
  const { keys, format, crypto, output, passphrases } = session;
  const follows = await lastVersion(session, collection, name);
  const passphrase = options.key === undefined ? await passphrases.fresh() : undefined;
  const id = passphrase === undefined ? parseKeyId(options.key ?? '') : (await keys.generate('ed25519', passphrase)).id;
  const signer = passphrase === undefined ? await session.openKey(id) : await keys.load(id, passphrase);
  const expires = expiry(instant(session.now), options.expires ?? DEFAULT_LIFETIMES.targets);
  const text = await writeDelegationRequest(
    { format, crypto },
    { gun: collection.gun, role: name, expires, follows },
    signer,
  );
  await writeAtomically(options.output, new TextEncoder().encode(text));
  output.line(`The request for ${name} in ${collection.gun}, with key ${id}, is in ${options.output}.`);
  output.line('Send it to whoever delegates, and tell them the key id by another way. They run:');
  output.line(`  countersign delegation add ${collection.gun} ${name} --request ${options.output} --paths '${name}/*'`);
}

/** Versions of a role never go back, also where it was delegated before. Asks only where the collection is known. */
async function lastVersion(session: Session, collection: Collection, name: RoleName): Promise<number> {
  const { root, rootFingerprint, trustOnFirstUse } = session.options;
  const asked = root !== undefined || rootFingerprint !== undefined || trustOnFirstUse === true;
  if (!asked && (await collection.home.metadata.load(ROOT)) === undefined) return 0;
  const { state } = await collection.refreshed('publish');
  return listedVersion(state, name);
}

function listedVersion(state: TrustedState, name: RoleName): number {
  const listed = state.trust.snapshot.signed.meta.get(name);
  return listed?.by === 'version' ? listed.version : 0;
}

async function delegate(session: Session, collection: Collection, name: RoleName, options: AddOptions): Promise<void> {
  const { format, crypto, output } = session;
  const request = await readDelegationRequest({ format, crypto }, await readRequest(options.request), {
    gun: collection.gun,
    role: name,
  });
  const { state } = await collection.refreshed('publish');
  const listed = listedVersion(state, name);
  const { version } = request.signed.signed;
  if (version !== listed + 1) throw wrongVersion(name, version, listed);
  const by = roleNamed(options.by);
  const published = await findRole(state, by);
  const before = published.current.signed.delegations?.roles.find((delegation) => delegation.name === name);
  const change: DelegationChange = {
    kind: 'delegate',
    role: by,
    delegation: delegationOf(request, options),
    keys: request.keys,
    base: { version: published.current.signed.version, content: before },
  };
  const publisher = await collection.publisher();
  const newRoles = new Map([[name, request.signed.raw]]);
  const outcome = await publisher.publish({ changes: [change], newRoles, targets: 'anywhere' });
  await settle(collection);
  if (outcome.kind === 'nothing') output.line(`${by} delegates to ${name} like this already.`);
  else
    output.line(
      `${by} delegates to ${name}, key ${request.keys.map((key) => key.id).join(', ')}: ${versions(outcome.versions)}.`,
    );
}

function delegationOf({ role: { name, keyIds, threshold } }: DelegationRequest, options: AddOptions): Delegation {
  const paths: PathSet = options.paths === undefined ? EVERYTHING : { kind: 'globs', patterns: options.paths };
  return { name, keyIds, threshold, paths, terminating: options.terminating === true };
}

/** A star does not match a slash; every path's hash begins with one of these. */
const EVERYTHING: PathSet = { kind: 'hash-prefixes', prefixes: Array.from('0123456789abcdef') };

function wrongVersion(name: RoleName, version: number, listed: number): CountersignError {
  return new CountersignError(
    'delegation',
    `the request holds version ${version} of ${name}, but the collection has had version ${listed}`,
    {
      detail: { role: name, version, current: listed },
      next: 'Ask for a request made with --root or --root-fingerprint, which goes on above that version.',
    },
  );
}

async function readRequest(path: string): Promise<string> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new CountersignError('not-found', `the request ${path} cannot be read`, { cause });
  });
  try {
    const { size } = await file.stat();
    if (size > MAX_REQUEST)
      throw new CountersignError('too-large', `the request ${path} has ${size} bytes, more than ${MAX_REQUEST}`);
    return await readFile(file, 'utf8');
  } finally {
    await file.close();
  }
}

async function undelegate(
  session: Session,
  collection: Collection,
  name: RoleName,
  options: RemoveOptions,
): Promise<void> {
  const by = roleNamed(options.by);
  const { state } = await collection.refreshed('publish');
  const { signed } = (await findRole(state, by)).current;
  const before = signed.delegations?.roles.find((delegation) => delegation.name === name);
  if (before === undefined) {
    throw new CountersignError('not-found', `${by} does not delegate to ${name}`, {
      next: 'See `countersign delegation list`.',
    });
  }
  const change: DelegationChange = {
    kind: 'undelegate',
    role: by,
    name,
    base: { version: signed.version, content: before },
  };
  const publisher = await collection.publisher();
  const outcome = await publisher.publish({ changes: [change], targets: 'anywhere' });
  await settle(collection);
  const told = outcome.kind === 'published' ? `: ${versions(outcome.versions)}` : ' already';
  session.output.line(`${by} no longer delegates to ${name}${told}.`);
}

async function show(session: Session, collection: Collection): Promise<void> {
  const { state } = await collection.refreshed();
  const { roles } = await inspect(state);
  const delegated = roles.flatMap((report) =>
    report.delegation === undefined ? [] : [{ ...report, delegation: report.delegation }],
  );
  if (session.options.json === true) session.output.json(delegated);
  else if (delegated.length === 0) session.output.line(`${collection.gun} delegates nothing.`);
  else {
    session.output.table(
      ['ROLE', 'BY', 'VERSION', 'KEYS', 'PATHS'],
      delegated.map(({ role: name, version, keys, delegation }) => [
        name,
        delegation.by,
        String(version),
        keys.map((key) => short(key.id)).join(', '),
        coveredPaths(delegation),
      ]),
    );
  }
}
