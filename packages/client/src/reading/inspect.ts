import { fingerprint } from './pinning.js';
import type { TrustedState } from './state.js';
import { Authorities } from '../tuf/authorities.js';
import type { Crypto } from '../tuf/crypto.js';
import { reachableRoles } from '../tuf/delegations.js';
import type { Envelope } from '../tuf/envelope.js';
import type { FormatName } from '../tuf/formats/format.js';
import type { AnyDocument, Delegation, Delegations, KeyScheme, PublicKey, Role, Targets } from '../tuf/model.js';
import { formatInstant, TARGETS, type KeyId, type RoleName } from '../tuf/names.js';
import type { TrustContext } from '../tuf/trust.js';
import { whoSigned } from '../tuf/verify.js';
import { parseCertificate } from '../tuf/x509.js';

type Keys = ReadonlyMap<KeyId, PublicKey>;

/** The chain of one collection as a person wants to see it. Plain data, fit for JSON. */
export interface Inspection {
  readonly format: FormatName;
  /** Of the current root file; what `--root-fingerprint` takes. */
  readonly rootFingerprint: string;
  readonly consistentSnapshot: boolean;
  /** Root, timestamp, snapshot, targets, then delegated roles as a search meets them. */
  readonly roles: readonly RoleReport[];
  /** Key ids in the root that are not their key's hash (K6); harmless to clients, worth telling the publisher. */
  readonly mislabelledKeys: readonly string[];
}

export interface RoleReport {
  readonly role: string;
  readonly version: number;
  readonly expires: string;
  /** Bytes of the file. */
  readonly length: number;
  readonly threshold: number;
  readonly keys: readonly KeyReport[];
  /** Only for targets roles. */
  readonly targets?: number;
  /** Only for delegated roles. */
  readonly delegation?: DelegationReport;
  /** Only where this role delegates by hash bins, which are not opened. */
  readonly bins?: { readonly count: number; readonly prefix: string; readonly threshold: number };
}

export interface KeyReport {
  readonly id: string;
  /** Undefined for a key this client cannot use, or an id without a key. */
  readonly scheme: KeyScheme | undefined;
  /** Only for a key listed as a certificate: the id of the key alone, by which Notary's tools name it, and whose it is. */
  readonly certificate?: CertificateReport;
  /** Whether this key's signature on the file is there and valid. */
  readonly signed: boolean;
}

export interface CertificateReport {
  readonly canonicalId: string;
  readonly commonName?: string;
  readonly expires: string;
}

export interface DelegationReport {
  readonly by: string;
  readonly terminating: boolean;
  readonly kind: Delegation['paths']['kind'];
  /** Patterns or prefixes, by `kind`. */
  readonly paths: readonly string[];
}

/**
 * Reads the whole chain of a trusted state, delegated roles included.
 * @throws CountersignError where a delegated role cannot be fetched or verified
 */
export async function inspect(state: TrustedState): Promise<Inspection> {
  const { trust } = state;
  const { format, crypto } = trust.final.context;
  const { root } = trust.final;
  const roles: RoleReport[] = [];
  const top = async (role: Role, file: object): Promise<void> => {
    if (isSigned(file)) roles.push(await report(state, role, root.signed.keys, file));
  };
  await top(root.signed.roles.root, root);
  await top(root.signed.roles.timestamp, trust.snapshot.timestamp.timestamp);
  await top(root.signed.roles.snapshot, trust.snapshot.snapshot);
  await top(root.signed.roles.targets, trust.targets);
  for await (const delegated of delegatedReports(state)) roles.push(delegated);
  return {
    format: format.name,
    rootFingerprint: fingerprint(root.raw, crypto),
    consistentSnapshot: root.signed.consistentSnapshot,
    roles,
    mislabelledKeys: [...format.mislabelledKeys(root, crypto)],
  };
}

/** A delegated role without a version to trust, where clients do without: never published, expired, or signed by too few. */
export type VacantRole = Pick<RoleReport, 'role' | 'threshold' | 'keys'> & { readonly delegation: DelegationReport };

/** @throws CountersignError as `inspect` */
export async function vacantRoles(state: TrustedState): Promise<readonly VacantRole[]> {
  const reached = new Map<RoleName, Delegations | undefined>();
  for await (const { role, targets } of reachableRoles(state.trust, state.options, state.loader))
    reached.set(role, targets.signed.delegations);
  return [...reached].flatMap(([by, delegations]) =>
    (delegations?.roles ?? [])
      .filter(({ name }) => !reached.has(name))
      .map((role) => ({
        role: role.name,
        threshold: role.threshold,
        keys: keyReports(state, role, delegations?.keys ?? new Map(), []),
        delegation: { by, terminating: role.terminating, ...paths(role) },
      })),
  );
}

async function* delegatedReports(state: TrustedState): AsyncGenerator<RoleReport, void, undefined> {
  const delegators = new Map<RoleName, Delegations>();
  const signers = new SignersOnce(state);
  for await (const { role, targets, delegation, delegator } of reachableRoles(
    state.trust,
    state.options,
    state.loader,
  )) {
    const { delegations } = targets.signed;
    if (delegations !== undefined) delegators.set(role, delegations);
    const by = delegators.get(delegator ?? TARGETS);
    if (delegation === undefined || delegator === undefined || by === undefined) continue;
    yield {
      ...reportOf(state, delegation, by.keys, targets, await signers.of(delegation, by.keys, targets)),
      delegation: { by: delegator, terminating: delegation.terminating, ...paths(delegation) },
    };
  }
}

async function report(state: TrustedState, role: Role, keys: Keys, file: Envelope<AnyDocument>): Promise<RoleReport> {
  const { signedBy } = await whoSigned(role, keys, file, state.trust.final.context.crypto);
  return reportOf(state, role, keys, file, signedBy);
}

/** Who signed a delegated role, found out once for all delegators that list the same keys for it. */
class SignersOnce {
  readonly #crypto: Crypto;
  readonly #authorities = new Authorities();
  readonly #known = new Map<string, readonly KeyId[]>();

  constructor({ trust }: TrustedState) {
    this.#crypto = trust.final.context.crypto;
  }

  async of(role: Role, keys: Keys, file: Envelope<AnyDocument>): Promise<readonly KeyId[]> {
    const authority = `${this.#authorities.of(role, keys)} ${role.name}`;
    const signedBy = this.#known.get(authority) ?? (await whoSigned(role, keys, file, this.#crypto)).signedBy;
    this.#known.set(authority, signedBy);
    return signedBy;
  }
}

function reportOf(
  state: TrustedState,
  role: Role,
  keys: Keys,
  file: Envelope<AnyDocument>,
  signedBy: readonly KeyId[],
): RoleReport {
  const { signed } = file;
  return {
    role: role.name,
    version: signed.version,
    expires: formatInstant(signed.expires),
    length: file.raw.length,
    threshold: role.threshold,
    keys: keyReports(state, role, keys, signedBy),
    ...(signed.type === 'targets' ? targetsPart(signed) : {}),
  };
}

function keyReports({ trust }: TrustedState, role: Role, keys: Keys, signedBy: readonly KeyId[]): readonly KeyReport[] {
  return role.keyIds.map((id) => ({
    id,
    scheme: keys.get(id)?.scheme,
    signed: signedBy.includes(id),
    ...certificatePart(trust.final.context, keys.get(id)),
  }));
}

function certificatePart(
  { format, crypto }: TrustContext,
  key: PublicKey | undefined,
): { readonly certificate?: CertificateReport } {
  const [der] = key?.certificates ?? [];
  if (der === undefined || key?.scheme === undefined) return {};
  const { commonName, notAfter } = parseCertificate(der);
  return {
    certificate: {
      canonicalId: format.keyId({ scheme: key.scheme, spki: key.spki }, crypto),
      ...(commonName === undefined ? {} : { commonName }),
      expires: formatInstant(notAfter),
    },
  };
}

function targetsPart({ targets, delegations }: Targets): Pick<RoleReport, 'targets' | 'bins'> {
  const succinct = delegations?.succinct;
  return {
    targets: targets.size,
    ...(succinct === undefined
      ? {}
      : { bins: { count: 2 ** succinct.bitLength, prefix: succinct.namePrefix, threshold: succinct.threshold } }),
  };
}

function paths({ paths }: Delegation): Pick<DelegationReport, 'kind' | 'paths'> {
  switch (paths.kind) {
    case 'globs':
      return { kind: paths.kind, paths: paths.patterns };
    case 'hash-prefixes':
    case 'prefixes':
      return { kind: paths.kind, paths: paths.prefixes };
    case 'bins':
      return { kind: paths.kind, paths: [] };
  }
}

function isSigned(file: object): file is Envelope<AnyDocument> {
  return 'raw' in file;
}
