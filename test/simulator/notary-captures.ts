import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sha256 } from './notary.js';

/** Every file that one collection of the real server has held, by `<version>.<role>`. */
export interface Capture {
  readonly gun: string;
  readonly files: Readonly<Record<string, string>>;
}

const CAPTURES = ['127.0.0.1_5000_app', 'ed25519', 'example.com_corpus', 'example.com_repo3', 'example.com_team_web'];

function read(name: string): Capture {
  const path = fileURLToPath(new URL(`../vectors/notary-1/${name}.json`, import.meta.url));
  return JSON.parse(readFileSync(path, 'utf8')) as Capture;
}

export const captures: readonly Capture[] = CAPTURES.map(read);

export interface CapturedFile {
  readonly gun: string;
  /** For example `3.targets/releases`. */
  readonly name: string;
  readonly role: string;
  readonly version: number;
  readonly raw: Buffer;
}

export function filesOf({ gun, files }: Capture): readonly CapturedFile[] {
  return Object.entries(files).map(([name, text]) => {
    const dot = name.indexOf('.');
    return { gun, name, role: name.slice(dot + 1), version: Number(name.slice(0, dot)), raw: Buffer.from(text) };
  });
}

export const capturedFiles: readonly CapturedFile[] = captures.flatMap(filesOf);

/** The files of a role, oldest first. */
export function versionsOf(capture: Capture, role: string): readonly CapturedFile[] {
  return filesOf(capture)
    .filter((file) => file.role === role)
    .sort((a, b) => a.version - b.version);
}

export function byHash(capture: Capture): ReadonlyMap<string, CapturedFile> {
  return new Map(filesOf(capture).map((file) => [sha256(file.raw), file]));
}
