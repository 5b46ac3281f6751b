import { expect, test } from 'vitest';
import { CountersignError } from '@countersign/client/tuf';
import { storeError } from '../../packages/server/src/store/errors.js';

const withCode = (code: string, message = 'details'): Error => Object.assign(new Error(message), { code });

test.each([
  ['SQLITE_FULL', 'storage-full'],
  ['ENOSPC', 'storage-full'],
  ['EDQUOT', 'storage-full'],
  ['53100', 'storage-full'],
  ['SQLITE_BUSY', 'unavailable'],
  ['SQLITE_BUSY_SNAPSHOT', 'unavailable'],
  ['SQLITE_CANTOPEN', 'unavailable'],
  ['SQLITE_IOERR_FSYNC', 'unavailable'],
  ['ECONNREFUSED', 'unavailable'],
  ['ECONNRESET', 'unavailable'],
  ['08006', 'unavailable'],
  ['57P01', 'unavailable'],
  ['53300', 'unavailable'],
  ['40P01', 'unavailable'],
  ['25006', 'unavailable'],
  ['SQLITE_CORRUPT', 'internal'],
  ['SQLITE_CONSTRAINT_NOTNULL', 'internal'],
  ['23505', 'internal'],
  ['42P01', 'internal'],
])('%s is %s', (code, expected) => {
  const cause = withCode(code);
  expect(storeError(cause)).toMatchObject({ code: expected, cause });
});

test.each(['Connection terminated unexpectedly', 'Query read timeout', 'Knex: Timeout acquiring a connection.'])(
  '"%s" is unavailable',
  (message) => {
    expect(storeError(new Error(message)).code).toBe('unavailable');
  },
);

test('our own errors pass unchanged, and anything else is a fault whose cause stays inside', () => {
  const own = new CountersignError('conflict', 'somebody else published first');
  expect(storeError(own)).toBe(own);
  const fault = storeError('odd');
  expect(fault.code).toBe('internal');
  expect(fault.message).not.toContain('odd');
});
