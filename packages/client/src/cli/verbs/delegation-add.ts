import { open, readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { sameDelegation } from '../../publishing/apply-changes.js';
import type { DelegationChange } from '../../publishing/changes.js';
import { MAX_REQUEST, readDelegationRequest, type DelegationRequest } from '../../publishing/delegation-request.js';
import { findRole, listedVersion } from '../../publishing/role-search.js';
import { CountersignError } from '../../tuf/errors.js';
import type { Delegation, PathSet } from '../../tuf/model.js';
import { parseSaneRoleName, type RoleName } from '../../tuf/names.js';
import { roleNamed, type Collection } from '../collection.js';
import { delegateToKeys } from '../delegating/delegate-to-keys.js';
import {
  withAbandon,
  withBy,
  withExpires,
  withJson,
  withPassphrase,
  withTrust,
  type CommonOptions,
} from '../options.js';
import type { Run, Session } from '../session.js';
import { versions } from '../published.js';

interface AddOptions extends CommonOptions {
  readonly request?: string;
  readonly key?: readonly string[];
  readonly paths?: readonly string[];
  readonly by?: string;
  readonly abandon?: readonly string[];
  readonly terminating?: true;
}

export function addDelegate(group: Command, run: Run): void {
  const command = group
    .command('add')
    .argument('<name>', 'the collection')
    .argument('<role>', 'the delegated role')
    .description('delegates paths to a role, published at once; of a TUF collection together with the role')
    .option('--request <file>', 'the file that `delegation request` made')
    .option('--key <file...>', 'for a Notary collection: public keys or certificates, PEM; any one of them signs')
    .option(
      '--paths <pattern...>',
      'patterns of the targets it may list, of a Notary collection prefixes; everything unless given',
    )
    .option('--terminating', 'look no further for these targets');
  withJson(withExpires(withPassphrase(withTrust(withAbandon(withBy(command)))), 'what is signed')).action(
    (name: string, role: string, options: AddOptions) =>
      run(options, async (session) => {
        const collection = await session.collection(name);
        await collection.home.exclusively(() => add(session, collection, parseSaneRoleName(role), options));
      }),
  );
}

async function add(session: Session, collection: Collection, name: RoleName, options: AddOptions): Promise<void> {
  const format = await collection.format();
  const { key = [], request } = options;
  if (format.rules.unverifiableRole === 'refuse') {
    if (request !== undefined && key.length === 0) return delegate(session, collection, name, { ...options, request });
    throw new CountersignError('usage', `${collection.gun} delegates to roles that have a first version already`, {
      next: 'Ask for a file made with `countersign delegation request`, and give it as --request.',
    });
  }
  if (key.length > 0 && request === undefined) return delegateToKeys(session, collection, format, name, options);
  throw new CountersignError('usage', `${collection.gun} delegates to keys, whether they have signed or not`, {
    next: 'Give the public key or certificate as --key FILE.',
  });
}

async function delegate(
  session: Session,
  collection: Collection,
  name: RoleName,
  options: AddOptions & { readonly request: string },
): Promise<void> {
  const { crypto, output } = session;
  const format = await collection.format();
  const text = await readRequest(options.request);
  const request = await readDelegationRequest({ format, crypto }, text, { gun: collection.gun, role: name });
  const { state } = await collection.refreshed('publish');
  const by = roleNamed(options.by);
  const published = await findRole(state, by);
  const before = published.current?.signed.delegations?.roles.find((delegation) => delegation.name === name);
  const listed = listedVersion(state, name);
  const { version } = request.signed.signed;
  if (version !== listed + 1) {
    if (before === undefined || !sameKeys(before, request.role)) throw wrongVersion(name, version, listed);
    if (!sameDelegation(before, delegationOf(request, options))) throw otherPaths(collection, name, before);
    if (options.json === true)
      output.json({ name: collection.gun, role: name, by, keys: before.keyIds, kind: 'nothing' });
    else output.line(`${name} is delegated to this key already.`);
    return;
  }
  const change: DelegationChange = {
    kind: 'delegate',
    role: by,
    delegation: delegationOf(request, options),
    keys: request.keys,
    base: { version: published.current?.signed.version ?? 0, content: before },
  };
  const publisher = await collection.publisher();
  const newRoles = new Map([[name, request.signed.raw]]);
  const abandons = options.abandon ?? [];
  const outcome = await publisher.publish({ changes: [change], newRoles, targets: 'anywhere', abandons });
  const keys = request.keys.map((key) => key.id);
  if (options.json === true) output.json({ name: collection.gun, role: name, by, keys, ...outcome });
  else if (outcome.kind === 'nothing') output.line(`${by} delegates to ${name} like this already.`);
  else output.line(`${by} delegates to ${name}, key ${keys.join(', ')}: ${versions(outcome.versions)}.`);
}

function delegationOf({ role: { name, keyIds, threshold } }: DelegationRequest, options: AddOptions): Delegation {
  const paths: PathSet = options.paths === undefined ? EVERYTHING : { kind: 'globs', patterns: options.paths };
  return { name, keyIds, threshold, paths, terminating: options.terminating === true };
}

/** A star does not match a slash; every path's hash begins with one of these. */
const EVERYTHING: PathSet = { kind: 'hash-prefixes', prefixes: Array.from('0123456789abcdef') };

function sameKeys(a: Pick<Delegation, 'keyIds' | 'threshold'>, b: Pick<Delegation, 'keyIds' | 'threshold'>): boolean {
  const ids = (role: Pick<Delegation, 'keyIds'>): string => [...role.keyIds].sort().join(' ');
  return a.threshold === b.threshold && ids(a) === ids(b);
}

function otherPaths(collection: Collection, role: RoleName, { paths }: Delegation): CountersignError {
  const now = paths.kind === 'globs' ? `for ${paths.patterns.join(' ')}` : 'otherwise';
  return new CountersignError('delegation', `${role} is delegated to this key already, ${now}`, {
    detail: { role },
    next: `To change that, take it back with \`${collection.command('delegation remove', role)}\`, and add a newer request.`,
  });
}

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
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > MAX_REQUEST)
        throw new CountersignError('too-large', `the request ${path} has ${size} bytes, more than ${MAX_REQUEST}`);
      return await readFile(file, 'utf8');
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof CountersignError) throw cause;
    throw new CountersignError('not-found', `the request ${path} cannot be read`, { cause });
  }
}
