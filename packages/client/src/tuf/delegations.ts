import type { Envelope } from './envelope.js';
import { hasCode } from './errors.js';
import { checkRecorded } from './floors.js';
import type { Delegation, Delegations, TargetFile, Targets } from './model.js';
import { TARGETS, type RoleName, type TargetPath } from './names.js';
import { binIndex, covers, succinctDelegation } from './paths.js';
import { checkPromise } from './promise.js';
import { fetchListed, refreshLimits, tryLocal, type RefreshOptions } from './refresh.js';
import { acceptDelegated, listed, priorDelegated, type Delegator, type TargetsTrust } from './trust.js';

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

/** What loaders of one trusted state have found. */
class LoadedRoles {
  readonly verified = new Map<RoleName, Map<Delegations, Envelope<Targets>>>();
  readonly raw = new Map<RoleName, Uint8Array>();
  readonly unverifiable = new Map<Delegations, Set<RoleName>>();
}

/**
 * Loads delegated roles of one trusted state, each verified by the delegator through which it is reached, and each at most
 * once for a delegator (W5.4). Files already received are used again for a second delegator, not fetched again.
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

  /** @throws CountersignError what `acceptDelegated` and the ports throw: a role that cannot be verified ends a search (W6.4) */
  async load(by: Delegator, delegation: Delegation): Promise<Envelope<Targets>> {
    let known = this.#loaded.verified.get(delegation.name);
    if (known === undefined)
      this.#loaded.verified.set(delegation.name, (known = new Map<Delegations, Envelope<Targets>>()));
    const before = known.get(by.delegations);
    if (before !== undefined) return before;
    const targets = await this.#accept(by, delegation);
    known.set(by.delegations, targets);
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
    let unverifiable = this.#loaded.unverifiable.get(by.delegations);
    if (unverifiable === undefined) this.#loaded.unverifiable.set(by.delegations, (unverifiable = new Set<RoleName>()));
    if (unverifiable.has(delegation.name)) return undefined;
    try {
      return await this.load(by, delegation);
    } catch (error) {
      if (!hasCode(error, 'freeze', 'threshold')) throw error;
      unverifiable.add(delegation.name);
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
    const { snapshot } = this.#trust;
    const { ports } = this.#options;
    const promise = listed(snapshot, delegation.name);
    const local = this.#loaded.raw.get(delegation.name) ?? (await ports.cached(delegation.name));
    if (local !== undefined) {
      const resumed = await tryLocal(() => acceptDelegated(snapshot, by, delegation, local));
      if (resumed !== undefined) return this.#remember(delegation.name, resumed);
    }
    const floor = local === undefined ? undefined : await priorDelegated(snapshot, by, delegation, local);
    const raw = await fetchListed(snapshot, delegation.name, promise, this.#options);
    const targets = await acceptDelegated(snapshot, by, delegation, raw, floor);
    this.#remember(delegation.name, targets);
    await ports.save(delegation.name, raw);
    return targets;
  }

  #remember(role: RoleName, targets: Envelope<Targets>): Envelope<Targets> {
    checkRecorded(this.#options.floors, role, targets.signed.version);
    this.#loaded.raw.set(role, targets.raw);
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
  const visited = new Set<RoleName>();
  const waiting: Visit[] = [{ role: TARGETS, load: () => Promise.resolve(trust.targets) }];
  for (let visit = waiting.pop(); visit !== undefined; visit = waiting.pop()) {
    const { role } = visit;
    if (visited.has(role)) continue;
    if (visited.size > refreshLimits(options).delegations) return undefined;
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
 * @throws CountersignError where a role cannot be fetched or verified
 */
export async function* reachableRoles(
  trust: TargetsTrust,
  options: RefreshOptions,
  loader = new RoleLoader(trust, options),
): AsyncGenerator<ReachedRole> {
  yield { role: TARGETS, targets: trust.targets, delegation: undefined, delegator: undefined };
  const entered = new Set<RoleName>([TARGETS]);
  yield* below(TARGETS, trust.targets, entered, loader);
}

async function* below(
  delegator: RoleName,
  parent: Envelope<Targets>,
  entered: Set<RoleName>,
  loader: RoleLoader,
): AsyncGenerator<ReachedRole> {
  const { delegations } = parent.signed;
  for (const delegation of delegations?.roles ?? []) {
    if (delegations === undefined) return;
    const targets = await loader.loadIfVerifiable({ role: delegator, delegations }, delegation);
    if (targets === undefined) continue;
    yield { role: delegation.name, targets, delegation, delegator };
    if (entered.has(delegation.name)) continue;
    entered.add(delegation.name);
    yield* below(delegation.name, targets, entered, loader);
  }
}
