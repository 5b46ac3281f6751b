import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { canonical, type TargetsDoc } from '../../simulator/documents.js';
import { newKey, sha256, type SimKey } from '../../simulator/keys.js';
import { changes, described, written, type Json } from '../../simulator/mutations.js';
import { RepositorySimulator } from '../../simulator/repository.js';
import { children, path, plant, type Children, type Plot } from './tree.js';

/** What is done to one file of a repository that has gone on by one version. */
export type Attack =
  | { readonly kind: 'none' }
  | { readonly kind: 'withheld' | 'older'; readonly file: number }
  | { readonly kind: 'older timestamp' | 'everything older' }
  | { readonly kind: 'byte'; readonly file: number; readonly at: number; readonly flip: number }
  | { readonly kind: 'field'; readonly file: number; readonly change: number; readonly resigned: boolean };

export interface Scenario {
  readonly consistent: boolean;
  readonly describe: 'version' | 'length-and-hashes';
  readonly keys: readonly ('ed25519' | 'ecdsa' | 'rsa')[];
  readonly threshold: 1 | 2;
  readonly both: boolean;
  readonly tree: Children;
  readonly own: readonly string[];
  readonly asked: readonly string[];
  readonly rotates: boolean;
  readonly attack: Attack;
}

const file = fc.nat();

export const scenario: fc.Arbitrary<Scenario> = fc.record({
  consistent: fc.boolean(),
  describe: fc.constantFrom('version', 'version', 'length-and-hashes'),
  keys: fc.array(fc.constantFrom('ed25519', 'ecdsa', 'rsa'), { minLength: 2, maxLength: 2 }),
  threshold: fc.constantFrom(1, 2),
  both: fc.boolean(),
  tree: children,
  own: fc.array(path, { maxLength: 2 }),
  asked: fc.array(path, { minLength: 2, maxLength: 4 }),
  rotates: fc.boolean(),
  attack: fc.oneof(
    fc.constant({ kind: 'none' as const }),
    fc.record({ kind: fc.constantFrom('withheld' as const, 'older' as const), file }),
    fc.record({ kind: fc.constantFrom('older timestamp' as const, 'everything older' as const) }),
    fc.record({ kind: fc.constant('byte' as const), file, at: fc.nat(), flip: fc.integer({ min: 1, max: 255 }) }),
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('field' as const), file, change: fc.nat(), resigned: fc.boolean() }),
    },
  ),
});

/** Keys are made once, for RSA takes its time. */
const KEYS = {
  ed25519: [newKey(), newKey()],
  ecdsa: [newKey('ecdsa'), newKey('ecdsa')],
  rsa: [newKey('rsa'), newKey('rsa')],
} as const;

/** The repository of a scenario at its first state, with what to ask for. */
export function first(wanted: Scenario): { readonly sim: RepositorySimulator; readonly paths: readonly string[] } {
  const sim = new RepositorySimulator({ consistentSnapshot: wanted.consistent });
  sim.describe = wanted.describe;
  const keys: SimKey[] = wanted.keys.map((type, at) => KEYS[type][at as 0 | 1]);
  for (const role of ['timestamp', 'snapshot', 'targets'] as const) {
    sim.setKeys(role, keys, wanted.threshold);
    if (!wanted.both) sim.signers.set(role, keys.slice(0, wanted.threshold));
  }
  sim.publishRoot();
  for (const own of wanted.own) sim.addTarget(own, `targets: ${own}`);
  for (const [role, doc] of plant(plotOf(sim), sim.targets, wanted.tree, false)) sim.roles.set(role, doc);
  sim.publish(...sim.roles.keys());
  const listed = [...sim.roles.values()].flatMap((doc) => Object.keys(doc.targets));
  return { sim, paths: [...new Set([...listed.slice(0, 4), ...wanted.asked])] };
}

function plotOf(sim: RepositorySimulator): Plot {
  const empty = (): TargetsDoc => ({
    _type: 'targets',
    spec_version: '1.0.34',
    version: 0,
    expires: sim.targets.expires,
    targets: {},
  });
  return {
    signers: sim.signers,
    empty,
    list(doc, path, content) {
      const entry = {
        length: Buffer.byteLength(content),
        hashes: { sha256: sha256(content), sha512: sha512(content) },
      };
      Object.defineProperty(doc.targets, path, { value: entry, enumerable: true, configurable: true, writable: true });
    },
    delegate(by, name, more = {}) {
      const key = newKey();
      by.delegations ??= { keys: {}, roles: [] };
      by.delegations.keys[key.id] = key.json;
      by.delegations.roles?.push({ name, keyids: [key.id], threshold: 1, terminating: false, paths: ['*'], ...more });
      const last = by.delegations.roles?.at(-1);
      if (more.path_hash_prefixes !== undefined) delete last?.paths;
      sim.signers.set(name, [key]);
      return empty();
    },
  };
}

function sha512(content: string | Uint8Array): string {
  return createHash('sha512').update(content).digest('hex');
}

/** Brings the repository to its next state and does what the scenario says; what was done, in words. */
export function goOn(sim: RepositorySimulator, { attack, rotates }: Scenario): string {
  const before = new Map(sim.files);
  if (rotates) {
    sim.setKeys('root', [newKey()]);
    sim.publishRoot();
  }
  sim.publish(...sim.roles.keys());
  const roles = ['root', 'timestamp', 'snapshot', ...sim.roles.keys()];
  const role = 'file' in attack ? roles[attack.file % roles.length]! : '';
  switch (attack.kind) {
    case 'none':
      return 'nothing';
    case 'withheld':
      sim.files.delete(sim.nameOf(role));
      return `${role}: withheld`;
    case 'older':
      return `${role}: ${older(sim, role, before)}`;
    case 'older timestamp':
      return `timestamp: ${older(sim, 'timestamp', before)}`;
    case 'everything older':
      for (const [name, raw] of before) sim.files.set(name, raw);
      return 'everything: older';
    case 'byte': {
      const raw = Uint8Array.from(sim.file(sim.nameOf(role)));
      raw[attack.at % raw.length]! ^= attack.flip;
      sim.files.set(sim.nameOf(role), raw);
      return `${role}: byte ${attack.at % raw.length} of ${raw.length}, ${attack.flip}`;
    }
    case 'field':
      return `${role}: ${changeField(sim, role, attack)}`;
  }
}

/** Serves the file as it was in its place now. */
function older(sim: RepositorySimulator, role: string, before: ReadonlyMap<string, Uint8Array>): string {
  const now = sim.nameOf(role);
  const name = [...before.keys()].findLast((each) => each.replace(/^\d+\./u, '') === now.replace(/^\d+\./u, ''));
  if (name !== undefined) sim.files.set(now, before.get(name)!);
  return 'older';
}

function changeField(
  sim: RepositorySimulator,
  role: string,
  { change: drawn, resigned }: Attack & { readonly kind: 'field' },
): string {
  const honest = JSON.parse(Buffer.from(sim.file(sim.nameOf(role))).toString()) as Json;
  const all = [...changes(honest)];
  const { path, how, value, twice } = all[drawn % all.length]!;
  const { signed } = value as { readonly signed?: Json };
  const signs = resigned && signed !== undefined && path[0] === 'signed';
  const sign = (): Json => sim.signers.get(role)!.map((key) => ({ keyid: key.id, sig: key.sign(canonical(signed)) }));
  const served = signs ? { ...(value as object), signed, signatures: sign() } : value;
  sim.files.set(sim.nameOf(role), Buffer.from(written(served, twice)));
  return `${described(path)}, ${how}${signs ? ', signed again' : ''}`;
}
