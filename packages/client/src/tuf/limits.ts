import { CountersignError } from './errors.js';

/**
 * `defaults`, but for what is given in their place; what is given as undefined is not given. `option` is what the caller calls
 * them. @throws CountersignError `usage` for a limit that is no number above 0
 */
export function limitsOf<L extends Readonly<Record<keyof L, number | undefined>>>(
  option: string,
  defaults: L,
  given: Partial<L> | undefined,
): L {
  const chosen = Object.entries(given ?? {}).filter(([, limit]) => limit !== undefined);
  for (const [name, limit] of chosen) {
    if (typeof limit === 'number' && limit > 0) continue;
    throw new CountersignError('usage', `${option}.${name} is ${String(limit)}, which is no number above 0`, {
      next: 'Give a number, or leave it out for the default; `Infinity` is one.',
    });
  }
  return { ...defaults, ...Object.fromEntries(chosen) };
}
