import type { Base, TargetChange } from './changes.js';
import { hexDecode, hexEncode } from '../tuf/encoding.js';
import { CountersignError } from '../tuf/errors.js';
import type { TargetFile } from '../tuf/model.js';
import { parseSaneRoleName, parseSaneTargetPath, TARGETS, type RoleName } from '../tuf/names.js';

const VERSION = 1;

/** Staged changes as text, one a line within the list, so that people can read and compare them. */
export function writeChanges(changes: readonly TargetChange[]): string {
  const lines = changes.map((change) => JSON.stringify(plain(change)));
  return `{"version":${VERSION},"changes":[\n${lines.join(',\n')}\n]}\n`;
}

/** @throws CountersignError `malformed`, `invalid-name` */
export function readChanges(text: string): readonly TargetChange[] {
  const file = fields(parse(text));
  if (file['version'] !== VERSION || !Array.isArray(file['changes'])) throw damaged();
  return file['changes'].map(change);
}

function plain(change: TargetChange): object {
  const { kind, role, path } = change;
  const base = { version: change.base.version, ...contentOf(change.base.content) };
  if (kind === 'remove') return { kind, role, path, base };
  const source = change.source === undefined ? {} : { source: change.source };
  return { kind, role, path, ...contentOf(change.file), ...source, base };
}

function contentOf(file: TargetFile | undefined): object {
  if (file === undefined) return {};
  const hashes = Object.fromEntries([...file.hashes].map(([algorithm, hash]) => [algorithm, hexEncode(hash)]));
  return { file: { length: file.length, hashes } };
}

function change(value: unknown): TargetChange {
  const { kind, role, path, file, source, base } = fields(value);
  if (typeof role !== 'string' || typeof path !== 'string') throw damaged();
  const common = { role: roleIn(role), path: parseSaneTargetPath(path), base: baseIn(base) };
  if (kind === 'remove') return { kind, ...common };
  const content = fileIn(file);
  if (kind !== 'add' || content === undefined || (source !== undefined && typeof source !== 'string')) throw damaged();
  return { kind, ...common, file: content, ...(source === undefined ? {} : { source }) };
}

function roleIn(role: string): RoleName {
  return role === TARGETS ? TARGETS : parseSaneRoleName(role);
}

function baseIn(value: unknown): Base<TargetFile> {
  const { version, file } = fields(value);
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 0) throw damaged();
  return { version, content: fileIn(file) };
}

function fileIn(value: unknown): TargetFile | undefined {
  if (value === undefined) return undefined;
  const { length, hashes } = fields(value);
  if (typeof length !== 'number' || !Number.isSafeInteger(length) || length < 0) throw damaged();
  const entries = Object.entries(fields(hashes)).map(([algorithm, hex]): [string, Uint8Array] => {
    const hash = typeof hex === 'string' ? hexDecode(hex) : undefined;
    if (hash === undefined) throw damaged();
    return [algorithm, hash];
  });
  return { length, hashes: new Map(entries) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw damaged(error);
  }
}

function fields(value: unknown): Partial<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw damaged();
  return { ...value };
}

function damaged(cause?: unknown): CountersignError {
  return new CountersignError('malformed', 'the file of staged changes is damaged', {
    next: 'Drop the changes with `countersign reset`, and add them again.',
    ...(cause === undefined ? {} : { cause }),
  });
}
