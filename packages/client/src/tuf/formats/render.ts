import type { Envelope } from '../envelope.js';
import { encodeCanonical, type JsonObject, type JsonTree, type JsonView } from '../json.js';
import type {
  Delegations,
  MetaFile,
  PublicKey,
  Role,
  Root,
  Snapshot,
  TargetFile,
  Targets,
  Timestamp,
} from '../model.js';
import { formatInstant, SNAPSHOT, type Instant, type KeyId, type RoleName, type Version } from '../names.js';
import type { Format, NextRoot, NextSnapshot, NextTargets, NextTimestamp } from './format.js';
import { carriedOver, sourceOf } from './fields.js';

type Known = Readonly<Record<string, JsonTree | undefined>>;

/** How a format writes what all formats have. `before` is the same place in the document that is followed. */
export interface Writing {
  readonly typeName: (type: string) => string;
  /** Members of every `signed` part beside type, version and expiry. */
  readonly header: (follows: JsonObject | undefined) => Known;
  /** The name of a role's entry in `meta`. */
  readonly metaName: (role: RoleName) => string;
  readonly key: (key: PublicKey) => JsonTree;
  readonly metaFile: (file: MetaFile, before: JsonView | undefined) => JsonTree;
  readonly targetFile: (file: TargetFile, before: JsonView | undefined) => JsonTree;
  /** Undefined where the member is to be left out. */
  readonly delegations: (delegations: Delegations | undefined, before: JsonView | undefined) => JsonTree | undefined;
}

type Renderers = Pick<Format, 'renderRoot' | 'renderTimestamp' | 'renderSnapshot' | 'renderTargets'>;

/** The renderers of a format that writes like this. */
export function renderers(writing: Writing): Renderers {
  return {
    renderRoot: (next, follows) => renderRoot(writing, next, follows),
    renderTimestamp: (next, follows) => renderTimestamp(writing, next, follows),
    renderSnapshot: (next, follows) => renderSnapshot(writing, next, follows),
    renderTargets: (next, follows) => renderTargets(writing, next, follows),
  };
}

function renderSigned(
  writing: Writing,
  type: string,
  next: { readonly version: Version; readonly expires: Instant },
  follows: JsonObject | undefined,
  known: Known,
): Uint8Array {
  return encodeCanonical(
    carriedOver(follows, {
      _type: writing.typeName(type),
      ...writing.header(follows),
      version: next.version,
      expires: formatInstant(next.expires),
      ...known,
    }),
  );
}

function renderRoot(writing: Writing, next: NextRoot, follows?: Envelope<Root>): Uint8Array {
  const before = sourceOf(follows?.signed);
  const roles = memberOf(before, 'roles');
  return renderSigned(writing, 'root', next, before, {
    consistent_snapshot: next.consistentSnapshot,
    keys: renderKeys(next.keys, writing),
    roles: carriedOver(roles, {
      root: renderRole(next.roles.root, roles),
      timestamp: renderRole(next.roles.timestamp, roles),
      snapshot: renderRole(next.roles.snapshot, roles),
      targets: renderRole(next.roles.targets, roles),
    }),
  });
}

function renderTimestamp(writing: Writing, next: NextTimestamp, follows?: Envelope<Timestamp>): Uint8Array {
  const before = sourceOf(follows?.signed);
  const name = writing.metaName(SNAPSHOT);
  const entry = writing.metaFile(next.snapshot, memberOf(memberOf(before, 'meta'), name));
  return renderSigned(writing, 'timestamp', next, before, { meta: { [name]: entry } });
}

function renderSnapshot(writing: Writing, next: NextSnapshot, follows?: Envelope<Snapshot>): Uint8Array {
  const before = sourceOf(follows?.signed);
  const listed = memberOf(before, 'meta');
  const meta = new Map<string, JsonTree>();
  for (const [role, file] of next.meta) {
    const name = writing.metaName(role);
    meta.set(name, writing.metaFile(file, memberOf(listed, name)));
  }
  return renderSigned(writing, 'snapshot', next, before, { meta });
}

function renderTargets(writing: Writing, next: NextTargets, follows?: Envelope<Targets>): Uint8Array {
  const before = sourceOf(follows?.signed);
  const listed = memberOf(before, 'targets');
  const targets = new Map<string, JsonTree>();
  // An entry that was read is written as it was read; only a new one takes over what its predecessor says beside.
  for (const [path, file] of next.targets) {
    targets.set(path, sourceOf(file) ?? writing.targetFile(file, memberOf(listed, path)));
  }
  const delegations = writing.delegations(next.delegations, memberOf(before, 'delegations'));
  return renderSigned(writing, 'targets', next, before, { targets, delegations });
}

export function memberOf(view: JsonView | undefined, name: string): JsonView | undefined {
  return view?.kind === 'object' ? view.get(name) : undefined;
}

export function renderKeys(keys: ReadonlyMap<KeyId, PublicKey>, writing: Pick<Writing, 'key'>): JsonTree {
  return new Map(Array.from(keys, ([id, key]) => [id, writing.key(key)]));
}

function renderRole(role: Role, before: JsonView | undefined): JsonTree {
  return carriedOver(memberOf(before, role.name), { keyids: role.keyIds, threshold: role.threshold });
}

/** The delegated roles of a followed document, by name. */
export function listedRoles(before: JsonView | undefined): ReadonlyMap<string, JsonView> {
  const listed = new Map<string, JsonView>();
  const roles = memberOf(before, 'roles');
  for (const role of roles?.kind === 'array' ? roles.items() : []) {
    const name = memberOf(role, 'name');
    if (name?.kind === 'string') listed.set(name.value, role);
  }
  return listed;
}
