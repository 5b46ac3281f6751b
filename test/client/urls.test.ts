import { describe, expect, it } from 'vitest';
import { baseUrl, collectionUrls, encodeSegment, urlUnder } from '../../packages/client/src/http/urls.js';

describe('names in URLs', () => {
  it.each([
    ['plain-1_2.x~', 'plain-1_2.x~'],
    ['a/b', 'a%2Fb'],
    ["it's (1)!*", 'it%27s%20%281%29%21%2A'],
    ['50%25', '50%2525'],
    ['ünï', '%C3%BCn%C3%AF'],
    ['?#&', '%3F%23%26'],
  ])('encodes %j as Python quotes it: %s', (name, encoded) => {
    expect(encodeSegment(name)).toBe(encoded);
  });

  it('addresses a collection whose name holds slashes, a dot and a port', () => {
    expect(collectionUrls('https://trust.example:4443', 'registry.example:5000/team/app')).toEqual({
      metadata: 'https://trust.example:4443/v2/registry.example%3A5000/team/app/_trust/tuf/',
      targets: 'https://trust.example:4443/v2/registry.example%3A5000/team/app/_trust/targets/',
    });
  });

  it.each(['x/../../../../admin', '..', 'a//b', 'a/_trust/b', ''])(
    'attack: the name %j leads to no address outside of its collection',
    (name) => {
      expect(() => collectionUrls('https://h', name)).toThrow(expect.objectContaining({ code: 'invalid-name' }));
    },
  );

  it('keeps a base path', () => {
    expect(baseUrl('https://h.example/tuf/repo')).toBe('https://h.example/tuf/repo/');
  });

  it.each(['ftp://h/', 'https://user:secret@h/', 'https://h/?a', 'https://h/#a', 'not a url', ''])(
    'refuses the base %j',
    (text) => {
      expect(() => baseUrl(text)).toThrow(expect.objectContaining({ code: 'usage' }));
    },
  );

  it.each(['../x', 'a/../../x', '..', '.', 'a/./b'])('refuses %j, which would climb out of its base', (path) => {
    expect(() => urlUnder('https://h/targets/', path)).toThrow(expect.objectContaining({ code: 'invalid-name' }));
  });

  it.each(['%2e%2e/x', '/etc/passwd', 'a b%.txt', '..a/b..', 'a\\..\\b', '//evil.example/x', 'a?b#c', '%2F..%2F'])(
    'keeps %j under its base, and decodes to it again',
    (path) => {
      const url = new URL(urlUnder('https://h/base/targets/', path));
      expect(url.host).toBe('h');
      expect(url.search + url.hash).toBe('');
      const under = '/base/targets/';
      expect(url.pathname.startsWith(under)).toBe(true);
      expect(decodeURIComponent(url.pathname.slice(under.length))).toBe(path);
    },
  );
});
