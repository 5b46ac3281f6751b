import { readFile } from 'node:fs/promises';
import { errorCode } from './atomic-file.js';

/** Who holds a lock, as its file says. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly token: string;
}

const TOKEN = /^[0-9a-f-]{36}$/u;

/** `torn`: a file that says nothing, as a power failure leaves it. */
export async function holderAt(path: string): Promise<Holder | 'gone' | 'torn'> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  return text === undefined ? 'gone' : (readHolder(text) ?? 'torn');
}

function readHolder(text: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const { pid, host, token } = { ...value } as Partial<Record<string, unknown>>;
    if (typeof pid !== 'number' || typeof host !== 'string' || typeof token !== 'string') return undefined;
    return TOKEN.test(token) ? { pid, host, token } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether it is the one of that token. */
export function isBy(found: Holder | 'gone' | 'torn', token: string): boolean {
  return typeof found === 'object' && found.token === token;
}
