import { Authorities } from './authorities.js';
import type { Envelope } from './envelope.js';
import { delegationCount } from './delegation-count.js';
import { hasCode } from './errors.js';
import { checkRecorded } from './floors.js';
import type { Delegation, Delegations, TargetFile, Targets } from './model.js';
import { TARGETS, type RoleName, type TargetPath } from './names.js';
import { binIndex, covers, succinctDelegation } from './paths.js';
import { checkPromise } from './promise.js';
import { fetchListed, refreshLimits, tryLocal, type RefreshOptions } from './refresh.js';
import { checkFresh } from './trust/checks.js';
import {
  acceptDelegated,
  listed,
  priorDelegated,
  readDelegated,
  type Delegator,
  type ListedTargets,
  type Prior,
  type TargetsTrust,
} from './trust.js';

/** A target a trusted role describes. */
export interface FoundTarget {
  readonly path: TargetPath;
  readonly file: TargetFile;
  readonly role: RoleName;
}

/** A trusted targets role and how it was reached; `delegation` is undefined for top-level targets. */
export interface ReachedRole {
  readonly role: RoleName;
  readonly targets: Envelope<Targets>;
  readonly delegation: Delegation | undefined;
  readonly delegator: RoleName | undefined;
}

/** The delegations of a role that cover `path`, in the order of the document; a succinct one stands for the path's bin (TAP 15). */
export function covering(
  delegations: Delegations,
  path: TargetPath,
  crypto: TargetsTrust['final']['context']['crypto'],
): readonly Delegation[] {
  if (delegations.succinct !== undefined)
    return [succinctDelegation(delegations.succinct, binIndex(delegations.succinct, path, crypto))];
  return delegations.roles.filter((role) => covers(role.paths, path, crypto));
}

interface ReadRole {
  readonly file: ListedTargets;
  /** A saved file may lack signatures that the repository's has: a repository may add some. */
  readonly from: 'cache' | 'repository';
}

/** What loaders of one trusted state have found; of roles by who may sign them, not by who says so. */
class LoadedRoles {
  readonly #authorities = new Authorities();
  readonly read = new Map<RoleName, ReadRole>();
  readonly verified = new Map<string, Envelope<Targets>>();
  readonly unverifiable = new Set<string>();

  keyOf(by: Delegator, delegation: Delegation): string {
    return `${this.#authorities.of(delegation, by.delegations.keys)} ${delegation.name}`;
  }
}

/**
 * Loads delegated roles of one trusted state, each verified by the delegator through which it is reached: once for all
 * delegators that ask for the same signatures (W5.4). A file is fetched once and parsed once, however many there are.
 */
export class RoleLoader {
  readonly #trust: TargetsTrust;
  readonly #options: RefreshOptions;
  readonly #loaded: LoadedRoles;

  constructor(trust: TargetsTrust, options: RefreshOptions, loaded = new LoadedRoles()) {
    this.#trust = trust;
    this.#options = options;
    this.#loaded = loaded;
  }

  /** A loader with other ports that knows all that this one has loaded, and the other way round. */
  with(options: RefreshOptions): RoleLoader {
    return new RoleLoader(this.#trust, options, this.#loaded);
  }

  /** A loader of the same state judged at another moment, that knows all that this one has loaded, and the other way round. */
  judgedBy(trust: TargetsTrust): RoleLoader {
    return new RoleLoader(trust, this.#options, this.#loaded);
  }

  /** @throws CountersignError what `acceptDelegated` and the ports throw: a role that cannot be verified ends a search (W6.4) */
  async load(by: Delegator, delegation: Delegation): Promise<Envelope<Targets>> {
    const key = this.#loaded.keyOf(by, delegation);
    const targets = this.#loaded.verified.get(key) ?? (await this.#accept(by, delegation));
    this.#loaded.verified.set(key, targets);
    // It may have been verified, or read, by a loader of an earlier moment.
    checkFresh(delegation.name, targets.signed, this.#trust.final.context);
    return targets;
  }

  /**
   * As `load`, but undefined for a role the format's clients do without (`Rules.unverifiableRole`): one that was never
   * published, has expired or carries too few signatures. `options.skipped` hears of the latter two, once a role.
   */
  async loadIfVerifiable(by: Delegator, delegation: Delegation): Promise<Envelope<Targets> | undefined> {
    const { snapshot, final } = this.#trust;
    if (final.context.format.rules.unverifiableRole === 'refuse') return this.load(by, delegation);
    if (!snapshot.signed.meta.has(delegation.name)) return undefined;
    const key = this.#loaded.keyOf(by, delegation);
    if (this.#loaded.unverifiable.has(key)) return undefined;
    try {
      return await this.load(by, delegation);
    } catch (error) {
      if (!hasCode(error, 'freeze', 'threshold')) throw error;
      this.#loaded.unverifiable.add(key);
      this.#options.skipped?.(delegation.name, error);
      return undefined;
    }
  }

  /**
   * The version of a role as the snapshot names it, whoever signed that; 0 where it names none. Nothing else of that file may
   * be believed: its version is what the next one must be above. @throws CountersignError `mix-and-match`, `not-found`
   */
  async listedVersion(role: RoleName): Promise<number> {
    const { snapshot, final } = this.#trust;
    const promise = snapshot.signed.meta.get(role);
    if (promise === undefined) return 0;
    const raw = await fetchListed(snapshot, role, promise, this.#options);
    checkPromise(role, promise, raw, final.context.crypto);
    return final.context.format.parseTargets(raw, final.context.parseLimits).signed.version;
  }

  async #accept(by: Delegator, delegation: Delegation): Promise<Envelope<Targets>> {
    const { name } = delegation;
    const before = this.#loaded.read.get(name);
    if (before?.from === 'repository') return acceptDelegated(before.file, by, delegation);
    const local = before?.file.targets.raw ?? (await this.#options.ports.cached(name));
    if (local === undefined) return this.#fetch(by, delegation);
    const resumed = await tryLocal(async () => {
      const file = before?.file ?? readDelegated(this.#trust.snapshot, name, local);
      await acceptDelegated(file, by, delegation);
      return this.#remember({ file, from: 'cache' });
    });
    return resumed ?? this.#fetch(by, delegation, await priorDelegated(this.#trust.snapshot, by, delegation, local));
  }

  async #fetch(by: Delegator, delegation: Delegation, floor?: Prior<Targets>): Promise<Envelope<Targets>> {
    const { snapshot } = this.#trust;
    const { name } = delegation;
    const raw = await fetchListed(snapshot, name, listed(snapshot, name), this.#options);
    const file = readDelegated(snapshot, name, raw);
    await acceptDelegated(file, by, delegation, floor);
    const targets = this.#remember({ file, from: 'repository' });
    await this.#options.ports.save(name, raw, targets.signed.version);
    return targets;
  }

  #remember(read: ReadRole): Envelope<Targets> {
    const { role, targets } = read.file;
    checkRecorded(this.#options.floors, role, targets.signed.version);
    this.#loaded.read.set(role, read);
    return targets;
  }
}

interface Visit {
  readonly role: RoleName;
  readonly load: () => Promise<Envelope<Targets> | undefined>;
}

/** The order of a search: puts `children` before or behind those that are `waiting`, of which the last one is the next. */
const ENTER = {
  'depth-first': (waiting: Visit[], children: readonly Visit[]) => waiting.push(...children.toReversed()),
  'breadth-first': (waiting: Visit[], children: readonly Visit[]) => waiting.unshift(...children.toReversed()),
} as const;

/**
 * Pre-order search for a target (§5.6.7, W6), in TUF 1.0 depth first: children in document order, each role visited once, a
 * terminating delegation cuts off everything still waiting, at most `limits.delegations` delegated roles are read.
 * @returns undefined where no trusted role describes `path`
 * @throws CountersignError where a role on the way cannot be fetched or verified
 */
export async function findTarget(
  trust: TargetsTrust,
  path: TargetPath,
  options: RefreshOptions,
  loader = new RoleLoader(trust, options),
): Promise<FoundTarget | undefined> {
  const { crypto, format } = trust.final.context;
  const most = refreshLimits(options).delegations;
  const visited = new Set<RoleName>();
  const waiting: Visit[] = [{ role: TARGETS, load: () => Promise.resolve(trust.targets) }];
  for (let visit = waiting.pop(); visit !== undefined; visit = waiting.pop()) {
    const { role } = visit;
    if (visited.has(role)) continue;
    if (visited.size > most) return undefined;
    visited.add(role);
    const targets = await visit.load();
    const file = targets?.signed.targets.get(path);
    if (file !== undefined) return { path, file, role };
    const delegations = targets?.signed.delegations;
    if (delegations === undefined) continue;
    const children: Visit[] = [];
    for (const delegation of covering(delegations, path, crypto)) {
      children.push({ role: delegation.name, load: () => loader.loadIfVerifiable({ role, delegations }, delegation) });
      if (!delegation.terminating) continue;
      waiting.length = 0;
      break;
    }
    ENTER[format.rules.search](waiting, children);
  }
  return undefined;
}

/**
 * Every explicitly delegated role that can be reached, pre-order, top-level targets first; each (delegator, role) once.
 * Bins are left out: there may be thousands, and only look-ups use them.
 * @throws CountersignError where a role cannot be fetched or verified; `too-many` beyond `limits.reachable` delegations
 */
export async function* reachableRoles(
  trust: TargetsTrust,
  options: RefreshOptions,
  loader = new RoleLoader(trust, options),
): AsyncGenerator<ReachedRole> {
  const count = delegationCount(options);
  yield { role: TARGETS, targets: trust.targets, delegation: undefined, delegator: undefined };
  const entered = new Set<RoleName>([TARGETS]);
  const levels = [delegatedBy(TARGETS, trust.targets)];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const { value: next } = level.next();
    if (next === undefined) {
      levels.pop();
      continue;
    }
    count();
    const { by, delegation } = next;
    const targets = await loader.loadIfVerifiable(by, delegation);
    if (targets === undefined) continue;
    yield { role: delegation.name, targets, delegation, delegator: by.role };
    if (entered.has(delegation.name)) continue;
    entered.add(delegation.name);
    levels.push(delegatedBy(delegation.name, targets));
  }
}

function* delegatedBy(
  role: RoleName,
  { signed: { delegations } }: Envelope<Targets>,
): Generator<{ readonly by: Delegator; readonly delegation: Delegation }, undefined> {
  if (delegations === undefined) return undefined;
  for (const delegation of delegations.roles) yield { by: { role, delegations }, delegation };
  return undefined;
}
