import { randomUUID } from 'node:crypto';
import { multipart } from '../../packages/client/src/http/multipart.js';
import { sha256 } from '../simulator/notary.js';
import type { Answer } from './publisher.js';

/** Where a collection is served: a publisher's own server, say. */
interface Reading {
  readonly gun: string;
  read(name: string): Promise<string | number>;
}

/** The parts of an import's form, by their file names. */
export type Parts = Map<string, Uint8Array>;

/** What a collection is made of on the server it is on, as the form of an import has it. */
export async function historyOf(of: Reading, roles: readonly string[] = ['targets']): Promise<Parts> {
  const parts: Parts = new Map();
  const timestamp = await bytes(of, 'timestamp.json');
  const snapshot = await bytes(of, 'snapshot.json');
  for (let version = 1; ; version += 1) {
    const root = await of.read(`${version}.root.json`);
    if (typeof root === 'number') break;
    parts.set(`${version}.root`, Buffer.from(root));
  }
  parts.set('timestamp', timestamp).set('snapshot', snapshot);
  for (const role of roles) parts.set(role, await bytes(of, `${role}.json`));
  return parts;
}

export async function bytes(of: Reading, name: string): Promise<Uint8Array> {
  const text = await of.read(name);
  if (typeof text === 'number') throw new Error(`${name} of ${of.gun}: ${text}`);
  return Buffer.from(text);
}

/** Sends a history, and what follows it, to another server. */
export function postImport(url: string, gun: string, history: Parts, next: Parts = new Map()): Promise<Answer> {
  const part =
    (name: string) =>
    ([fileName, content]: [string, Uint8Array]) => ({ name, fileName, bytes: content });
  return post(`${url}/v2/${gun}/_trust/import`, [...[...history].map(part('history')), ...[...next].map(part('next'))]);
}

/** Sends earlier versions: `3.targets` by `1.root`. */
export function postPast(
  url: string,
  gun: string,
  files: readonly { readonly file: string; readonly by: string; readonly bytes: Uint8Array }[],
): Promise<Answer> {
  const parts = files.map((each) => ({ name: each.by, fileName: each.file, bytes: each.bytes }));
  return post(`${url}/v2/${gun}/_trust/import/past`, parts);
}

async function post(url: string, parts: Parameters<typeof multipart>[0]): Promise<Answer> {
  const { contentType, body } = multipart(parts, randomUUID());
  const response = await fetch(url, { method: 'POST', body, headers: { 'Content-Type': contentType } });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

/** The name a file is served under by its hash. */
export function byHash(role: string, content: Uint8Array): string {
  return `${role}.${sha256(content)}.json`;
}
