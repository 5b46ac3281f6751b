import { atOnce } from '../http/at-once.js';
import type { PastVersion, VersionedRole } from '../publishing/collection-server.js';
import { Http } from '../http/http.js';
import type { OldCollection, Source } from './old-collection.js';
import type { Envelope } from '../tuf/envelope.js';
import { CountersignError } from '../tuf/errors.js';
import type { Document, PublicKey, Role } from '../tuf/model.js';
import { ROOT, SNAPSHOT, TARGETS, TIMESTAMP, type KeyId, type RoleName } from '../tuf/names.js';
import { refreshLimits } from '../tuf/refresh.js';
import { verifyRole } from '../tuf/verify.js';
import { encodeSegment } from '../http/urls.js';

/** What is copied at most: requests to the other server, and bytes. */
export interface PastLimits {
  readonly files: number;
  readonly bytes: number;
}

const PAST_LIMITS: PastLimits = { files: 20_000, bytes: 1024 ** 3 };

/** Versions in a row that are not there, after which no lower ones are asked for. */
const MOST_MISSING = 64;
const AT_ONCE = 8;

/** Versions of a role that the other server no longer has. */
export interface Missing {
  readonly role: RoleName;
  readonly from: number;
  readonly to: number;
}

/** A version that nobody who could know vouches for. */
export interface Unverified extends VersionedRole {
  readonly why: CountersignError;
}

/** Whose keys may sign a role, as one version of a root or delegator says. */
interface Voucher {
  readonly by: VersionedRole;
  readonly role: Role;
  readonly keys: ReadonlyMap<KeyId, PublicKey>;
}

/**
 * The earlier versions of a collection, by their numbers, newest first, and what delegates before what it delegates to: so
 * that who receives them can verify each by what it has. Each is verified by some version of the root, or of a role that
 * delegated to it.
 */
export class EarlierVersions {
  readonly missing: Missing[] = [];
  readonly unverified: Unverified[] = [];
  /** Set where there are more than `limits` allow. */
  cut = false;
  readonly #source: Source;
  readonly #old: OldCollection;
  readonly #http: Http;
  readonly #limits: PastLimits;
  readonly #vouchers = new Map<RoleName, Voucher[]>();
  #files = 0;
  #bytes = 0;

  constructor(source: Source, old: OldCollection, limits: PastLimits = PAST_LIMITS) {
    this.#source = source;
    this.#old = old;
    this.#limits = limits;
    this.#http = new Http(source.fetch);
    const { format, roots, current } = old;
    for (const raw of [...roots.values()].reverse()) {
      const root = format.parseRoot(raw).signed;
      for (const role of Object.values(root.roles))
        this.#vouch(role.name, { by: { role: ROOT, version: root.version }, role, keys: root.keys });
    }
    for (const [role, raw] of current) if (role !== TIMESTAMP && role !== SNAPSHOT) this.#noteDelegations(role, raw);
  }

  /** `known`: the same version at the server that is copied to, where it is there already. */
  async *read(
    known: (file: VersionedRole) => Promise<Uint8Array | undefined>,
  ): AsyncGenerator<PastVersion, void, undefined> {
    const done = new Set<RoleName>([ROOT]);
    yield* this.#versions(TIMESTAMP, known);
    yield* this.#versions(SNAPSHOT, known);
    for (const role of [TIMESTAMP, SNAPSHOT]) done.add(role);
    // Older versions of a delegator may name roles that nobody names any more.
    for (let role: RoleName | undefined = TARGETS; role !== undefined && !this.cut; role = this.#next(done)) {
      done.add(role);
      yield* this.#versions(role, known);
    }
  }

  #next(done: ReadonlySet<RoleName>): RoleName | undefined {
    return [...this.#vouchers.keys()].find((role) => !done.has(role));
  }

  async *#versions(
    role: RoleName,
    known: (file: VersionedRole) => Promise<Uint8Array | undefined>,
  ): AsyncGenerator<PastVersion, void, undefined> {
    const raw = this.#old.current.get(role);
    // Of a role that is no longer there nobody says how many versions it had: upwards, until there are no more.
    const highest = raw === undefined ? undefined : this.#parse(role, raw).signed.version;
    const numbers = highest === undefined ? upFrom(1) : downFrom(highest - 1);
    let missing = 0;
    for (;;) {
      const batch = Array.from({ length: AT_ONCE }, () => numbers.next()).flatMap((each) => each.value ?? []);
      if (batch.length === 0 || this.#isCut()) return;
      const found = new Map<number, { readonly bytes: Uint8Array; readonly isNew: boolean }>();
      await atOnce(AT_ONCE, batch, async (version) => {
        const there = await known({ role, version });
        const bytes = there ?? (await this.#fetch(role, version));
        if (bytes !== undefined) found.set(version, { bytes, isNew: there === undefined });
      });
      for (const version of batch) {
        const file = found.get(version);
        missing = file === undefined ? missing + 1 : 0;
        if (file !== undefined) yield* this.#verified(role, version, file);
        else if (highest === undefined) return;
        else if (!this.#isCut()) this.#note(role, version);
      }
      if (missing < MOST_MISSING || this.#isCut()) continue;
      const last = this.missing.at(-1);
      if (last !== undefined) this.missing[this.missing.length - 1] = { ...last, from: 1 };
      return;
    }
  }

  /** Asked anew each time: it may have become so during an await. */
  #isCut(): boolean {
    return this.cut;
  }

  async *#verified(
    role: RoleName,
    version: number,
    { bytes, isNew }: { readonly bytes: Uint8Array; readonly isNew: boolean },
  ): AsyncGenerator<PastVersion, void, undefined> {
    try {
      const document = this.#parse(role, bytes);
      if (document.signed.version !== version)
        throw new CountersignError('mix-and-match', `it calls itself version ${document.signed.version}`);
      const by = isNew ? await this.#voucher(role, document) : undefined;
      if (role !== TIMESTAMP && role !== SNAPSHOT) this.#noteDelegations(role, bytes);
      if (by !== undefined) yield { role, version, bytes, by };
    } catch (why) {
      if (!(why instanceof CountersignError)) throw why;
      this.unverified.push({ role, version, why });
    }
  }

  #parse(role: RoleName, raw: Uint8Array): Envelope<Document> {
    const { format } = this.#old;
    if (role === TIMESTAMP) return format.parseTimestamp(raw);
    return role === SNAPSHOT ? format.parseSnapshot(raw) : format.parseTargets(raw);
  }

  async #fetch(role: RoleName, version: number): Promise<Uint8Array | undefined> {
    const { urls } = this.#source;
    const limits = refreshLimits(this.#old.state.options);
    this.#files += 1;
    if (this.#files > this.#limits.files || this.#bytes > this.#limits.bytes) {
      this.cut = true;
      return undefined;
    }
    const most = role === SNAPSHOT ? limits.snapshot : limits.targets;
    const name = role.split('/').map(encodeSegment).join('/');
    const bytes = await this.#http.fetchBytes(`${urls.metadata}${version}.${name}.json`, most);
    this.#bytes += bytes?.length ?? 0;
    return bytes;
  }

  /** The version that vouched for the last one of the role is the first to be asked. */
  async #voucher(role: RoleName, document: Envelope<Document>): Promise<VersionedRole> {
    const vouchers = this.#vouchers.get(role) ?? [];
    let refusal = new CountersignError('delegation', `no delegation leads to ${role}`);
    for (const [at, voucher] of vouchers.entries()) {
      try {
        const by = `${voucher.by.role} version ${voucher.by.version}`;
        await verifyRole(voucher.role, voucher.keys, document, this.#source.crypto, by);
        vouchers.splice(at, 1);
        vouchers.unshift(voucher);
        return voucher.by;
      } catch (error) {
        if (!(error instanceof CountersignError)) throw error;
        refusal = error;
      }
    }
    throw refusal;
  }

  #noteDelegations(role: RoleName, raw: Uint8Array): void {
    const { version, delegations } = this.#old.format.parseTargets(raw).signed;
    for (const delegation of delegations?.roles ?? [])
      this.#vouch(delegation.name, { by: { role, version }, role: delegation, keys: delegations?.keys ?? new Map() });
  }

  /** Versions that say the same are one. */
  #vouch(role: RoleName, voucher: Voucher): void {
    const known = this.#vouchers.get(role);
    if (known === undefined) this.#vouchers.set(role, [voucher]);
    else if (!known.some((each) => signers(each) === signers(voucher))) known.push(voucher);
  }

  #note(role: RoleName, version: number): void {
    const last = this.missing.at(-1);
    if (last?.role === role && last.from === version + 1)
      this.missing[this.missing.length - 1] = { ...last, from: version };
    else this.missing.push({ role, from: version, to: version });
  }
}

function signers({ role, keys }: Voucher): string {
  const identities = role.keyIds.map((id) => keys.get(id)?.identity ?? id);
  return `${role.threshold} ${identities.sort().join(' ')}`;
}

function* downFrom(version: number): Generator<number, undefined> {
  for (let next = version; next > 0; next -= 1) yield next;
  return undefined;
}

function* upFrom(version: number): Generator<number, undefined> {
  for (let next = version; ; next += 1) yield next;
}
