import { describe, expect, it } from 'vitest';
import { hasCode } from '@countersign/client/tuf';
import { readPath } from '../../packages/server/src/http/path.js';

function refusal(url: string): unknown {
  try {
    readPath(url);
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('the path of a request', () => {
  it.each([
    ['/v2/app/_trust/tuf/timestamp.json', 'app', 'timestamp.json'],
    ['/v2/registry.example:5000/team/app/_trust/tuf/1.root.json', 'registry.example:5000/team/app', '1.root.json'],
    ['/v2/a%20b/_trust/tuf/x', 'a b', 'x'],
    ['/v2/100%25/_trust/tuf/x', '100%', 'x'],
    ['/v2/caf%C3%A9/_trust/tuf/x', 'café', 'x'],
    ['/v2/a%2Fb/_trust/tuf/x', 'a/b', 'x'],
    ['/v2/app/_trust/tuf/2.a%2Fb.json', 'app', '2.a/b.json'],
    ['/v2/app/_trust/tuf/a%252Fb.json', 'app', 'a%2Fb.json'],
    ['/v2/app/_trust/tuf/', 'app', ''],
    ['http://trust.example/v2/app/_trust/tuf/x', 'app', 'x'],
  ])('%s names %s in its parts', (url, gun, path) => {
    expect(readPath(url)).toEqual({ area: 'tuf', gun, path, query: '' });
  });

  it('splits at the first _trust segment', () => {
    expect(readPath('/v2/a/_trust/targets/b/_trust/tuf/c')).toEqual({
      area: 'targets',
      gun: 'a',
      path: 'b/_trust/tuf/c',
      query: '',
    });
  });

  it('keeps the query apart, raw', () => {
    expect(readPath('/v2/a/_trust/tuf/timestamp.key?format=tuf-1&x=%2F')).toMatchObject({
      path: 'timestamp.key',
      query: 'format=tuf-1&x=%2F',
    });
  });

  it.each([
    ['a bad escape in the collection', '/v2/100%/_trust/tuf/x'],
    ['a bad escape in the file', '/v2/app/_trust/tuf/%zz.json'],
    ['an escape that is not UTF-8', '/v2/%ff/_trust/tuf/x'],
    ['an empty collection name', '/v2/_trust/tuf/x'],
    ['an empty segment', '/v2/a//b/_trust/tuf/x'],
    ['a dot-dot segment', '/v2/a/../b/_trust/tuf/x'],
    ['an encoded dot-dot segment', '/v2/a/%2e%2e/b/_trust/tuf/x'],
    ['an encoded _trust segment', '/v2/a/%5Ftrust/tuf/_trust/tuf/x'],
    ['a control character', '/v2/a%0Ab/_trust/tuf/x'],
    ['a backslash', '/v2/a%5Cb/_trust/tuf/x'],
    ['a raw slash in a role name', '/v2/app/_trust/tuf/2.a/b.json'],
  ])('refuses %s', (_what, url) => {
    expect(hasCode(refusal(url), 'invalid-name')).toBe(true);
  });

  it.each([
    '/',
    '*',
    '/v2/',
    '/health',
    '/v2/app',
    '/v2/app/_trust/',
    '/v2/app/_trust/other/x',
    '/v2/app/_trust/tuf',
    '/v2x/a/_trust/tuf/y',
  ])('%s belongs to no collection', (url) => {
    expect(readPath(url).area).toBe('service');
  });
});
