import { describe, expect, it } from 'vitest';
import { readError } from '../../packages/client/src/http/wire.js';

const refusal = (error: unknown): string => JSON.stringify({ error });

describe('a refusal as the client reads it', () => {
  it('keeps code, message, next and detail', () => {
    const error = { code: 'conflict', message: 'moved', next: 'Fetch.', detail: { role: 'targets' } };
    expect(readError(409, refusal(error))).toMatchObject(error);
  });

  it.each(['constructor', '__proto__', 'toString', 'no-such-code', 7])('does not take %s for a code', (code) => {
    expect(readError(503, refusal({ code, message: 'x' })).code).toBe('unavailable');
  });

  it.each([
    ['next that is no text', { code: 'conflict', message: 'x', next: { toString: 1 } }],
    ['detail that is no object', { code: 'conflict', message: 'x', detail: 'y' }],
    ['detail that is a list', { code: 'conflict', message: 'x', detail: [1] }],
  ])('leaves out %s', (_name, error) => {
    expect(readError(409, refusal(error))).toMatchObject({ code: 'conflict', next: undefined, detail: {} });
  });

  it.each(['', 'null', '[]', '7', '{"error":null}', '{"error":[]}', '<html>', '{'])('never throws: %s', (body) => {
    expect(readError(404, body).code).toBe('not-found');
  });
});
