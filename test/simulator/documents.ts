/** TUF 1.0 documents as anybody may write them: plain, mutable, and made without the code under test. */

export interface RoleKeys {
  keyids: string[];
  threshold: number;
}

export interface Delegation extends RoleKeys {
  name: string;
  terminating: boolean;
  paths?: string[];
  path_hash_prefixes?: string[];
}

export interface Delegations {
  keys: Record<string, unknown>;
  roles?: Delegation[];
  succinct_roles?: RoleKeys & { bit_length: number; name_prefix: string };
}

export interface Base {
  _type: string;
  spec_version: string;
  version: number;
  expires: string;
}

export interface RootDoc extends Base {
  consistent_snapshot: boolean;
  keys: Record<string, unknown>;
  roles: Record<string, RoleKeys>;
}

export interface MetaEntry {
  version: number;
  length?: number;
  hashes?: Record<string, string>;
}

export interface MetaDoc extends Base {
  meta: Record<string, MetaEntry>;
}

export interface TargetEntry {
  length: number;
  hashes: Record<string, string>;
  custom?: unknown;
}

export interface TargetsDoc extends Base {
  targets: Record<string, TargetEntry>;
  delegations?: Delegations;
}

/** An object that takes `__proto__` and `constructor` for the ordinary names they are. */
export function table<T>(): Record<string, T> {
  return Object.create(null) as Record<string, T>;
}

/** OLPC canonical JSON (§4.1). */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value === 'string') return `"${value.replace(/[\\"]/gu, '\\$&')}"`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return `{${members.map(([name, member]) => `${canonical(name)}:${canonical(member)}`).join(',')}}`;
}

/** Python's `quote(name, safe="")`, byte by byte. */
export function quote(name: string): string {
  const plain = /[A-Za-z0-9_.~-]/u;
  return [...Buffer.from(name)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return byte < 128 && plain.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
