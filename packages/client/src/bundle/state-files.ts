import type { TrustedState } from '../reading/state.js';
import { delegationCount } from '../tuf/delegation-count.js';
import { findTarget, RoleLoader, type FoundTarget } from '../tuf/delegations.js';
import type { Envelope } from '../tuf/envelope.js';
import { compareCodePoints } from '../tuf/encoding.js';
import { CountersignError } from '../tuf/errors.js';
import { rootFileName } from '../tuf/formats/index.js';
import type { Delegation, Delegations, SuccinctRoles, Targets } from '../tuf/model.js';
import { SNAPSHOT, TARGETS, TIMESTAMP, type RoleName, type TargetPath, type Version } from '../tuf/names.js';
import { binName, succinctDelegation } from '../tuf/paths.js';
import { wanted, type RefreshOptions, type RefreshPorts } from '../tuf/refresh.js';
import { listed, type Delegator } from '../tuf/trust.js';

/** Files of metadata by the names, percent-encoded, under which clients ask a repository for them. */
export type NamedFiles = ReadonlyMap<string, Uint8Array>;

/** The most that is held of delegated roles, in bytes. */
const MOST_BYTES = 512 * 1024 * 1024;

/** Reads a trusted state as other readers will, and keeps the files that they will ask for. */
export class StateFiles {
  readonly #state: TrustedState;
  readonly #delegated = new Map<string, Uint8Array>();
  readonly #loader: RoleLoader;
  readonly #options: RefreshOptions;
  #bytes = 0;

  constructor(state: TrustedState) {
    this.#state = state;
    this.#options = { ...state.options, ports: this.#noting(state.options.ports) };
    this.#loader = new NotingLoader(state.trust, this.#options, (role, { raw }) => this.#note(this.#nameOf(role), raw));
  }

  /** As `Updater.find`; the roles read on the way are kept. @throws CountersignError as there */
  find(path: TargetPath): Promise<FoundTarget | undefined> {
    return findTarget(this.#state.trust, path, this.#options, this.#loader);
  }

  /**
   * Reads every role that can be reached, hash bins included, and all the targets that can be found, each once.
   * @throws CountersignError where a role cannot be fetched or verified; `too-many` beyond `limits.reachable` delegations
   */
  async *targets(): AsyncGenerator<FoundTarget, void, undefined> {
    const seen = new Set<TargetPath>();
    for await (const targets of this.#everyRole()) {
      for (const path of targets.signed.targets.keys()) {
        if (seen.has(path)) continue;
        seen.add(path);
        const found = await this.find(path);
        if (found !== undefined) yield found;
      }
    }
  }

  /** The delegated roles that were read, by name. */
  get delegated(): NamedFiles {
    return new Map([...this.#delegated].sort(([one], [other]) => compareCodePoints(one, other)));
  }

  /** Targets and snapshot: what names others comes after what it names. */
  get top(): NamedFiles {
    const { targets, snapshot } = this.#state.trust;
    return new Map([
      [this.#nameOf(TARGETS), targets.raw],
      [this.#snapshotName(), rawOf(snapshot.snapshot)],
    ]);
  }

  /** The one file that leads to all others. */
  get timestamp(): NamedFiles {
    const { snapshot, final } = this.#state.trust;
    return new Map([[final.context.format.fileName(TIMESTAMP, {}), rawOf(snapshot.timestamp.timestamp)]]);
  }

  async *#everyRole(): AsyncGenerator<Envelope<Targets>, void, undefined> {
    const { targets } = this.#state.trust;
    const count = delegationCount(this.#options);
    const entered = new Set<RoleName>([TARGETS]);
    const waiting: { readonly role: RoleName; readonly targets: Envelope<Targets> }[] = [{ role: TARGETS, targets }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      yield next.targets;
      const { delegations } = next.targets.signed;
      if (delegations === undefined) continue;
      for (const delegation of this.#delegationsOf(delegations)) {
        count();
        const found = await this.#loader.loadIfVerifiable({ role: next.role, delegations }, delegation);
        if (found === undefined || entered.has(delegation.name)) continue;
        entered.add(delegation.name);
        waiting.push({ role: delegation.name, targets: found });
      }
    }
  }

  /** Of hash bins, those that the snapshot lists: there may be many more that nobody has made. */
  *#delegationsOf({ roles, succinct }: Delegations): Generator<Delegation, void, undefined> {
    yield* roles;
    if (succinct === undefined) return;
    for (const name of this.#state.trust.snapshot.signed.meta.keys()) {
      const index = indexOf(succinct, name);
      if (index !== undefined) yield succinctDelegation(succinct, index);
    }
  }

  #nameOf(role: RoleName): string {
    const { snapshot, final } = this.#state.trust;
    return final.context.format.fileName(role, wanted(role, listed(snapshot, role), final));
  }

  #snapshotName(): string {
    const { snapshot, final } = this.#state.trust;
    return final.context.format.fileName(SNAPSHOT, wanted(SNAPSHOT, snapshot.timestamp.signed.snapshot, final));
  }

  /** Files that clients do without, where the format lets them, are asked for all the same. */
  #noting(ports: RefreshPorts): RefreshPorts {
    const { format } = this.#state.trust.final.context;
    return {
      ...ports,
      cached: (role) => ports.cached(role),
      save: (role, raw, version) => ports.save(role, raw, version),
      fetch: async (file, maxBytes) => {
        const raw = await ports.fetch(file, maxBytes);
        if (raw instanceof Uint8Array) this.#note(format.fileName(file.role, file), raw);
        return raw;
      },
    };
  }

  #note(name: string, raw: Uint8Array): void {
    if (this.#delegated.has(name)) return;
    this.#bytes += raw.length;
    if (this.#bytes > MOST_BYTES) {
      throw new CountersignError('too-large', `the delegated roles have more than ${MOST_BYTES} bytes`, {
        detail: { limit: MOST_BYTES },
        next: 'Name the targets that are wanted.',
      });
    }
    this.#delegated.set(name, raw);
  }
}

/** The files of a chain of roots, by their names, oldest first. */
export function rootFiles(chain: ReadonlyMap<number, Uint8Array>): NamedFiles {
  return new Map([...chain].map(([version, raw]) => [rootFileName(version as Version), raw]));
}

class NotingLoader extends RoleLoader {
  readonly #note: (role: RoleName, targets: Envelope<Targets>) => void;

  constructor(
    trust: TrustedState['trust'],
    options: RefreshOptions,
    note: (role: RoleName, targets: Envelope<Targets>) => void,
  ) {
    super(trust, options);
    this.#note = note;
  }

  override async load(by: Delegator, delegation: Delegation): Promise<Envelope<Targets>> {
    const targets = await super.load(by, delegation);
    this.#note(delegation.name, targets);
    return targets;
  }
}

function indexOf(succinct: SuccinctRoles, name: RoleName): number | undefined {
  const digits = name.slice(succinct.namePrefix.length + 1);
  if (!/^[0-9a-f]{1,8}$/u.test(digits)) return undefined;
  const index = Number.parseInt(digits, 16);
  return index < 2 ** succinct.bitLength && binName(succinct, index) === name ? index : undefined;
}

function rawOf(file: object): Uint8Array {
  if ('raw' in file && file.raw instanceof Uint8Array) return file.raw;
  throw new CountersignError('internal', 'an unsigned document is no file');
}
