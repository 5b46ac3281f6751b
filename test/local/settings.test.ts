import { describe, expect, test } from 'vitest';
import { formatAddress, readSettings } from '../../packages/server/src/local/settings.js';

test('the defaults', () => {
  expect(readSettings({})).toEqual({
    data: '.countersign',
    https: { host: '127.0.0.1', port: 4443 },
    http: { host: '127.0.0.1', port: 4480 },
  });
});

test('an empty setting counts as none', () => {
  expect(readSettings({ COUNTERSIGN_HTTPS: '', COUNTERSIGN_DATA: '' })).toEqual(readSettings({}));
});

test.each([
  ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
  ['127.8.9.10:65535', { host: '127.8.9.10', port: 65_535 }],
  ['localhost:1', { host: 'localhost', port: 1 }],
  ['[::1]:4443', { host: '::1', port: 4_443 }],
])('%s is read, and written the same', (text, address) => {
  const { https } = readSettings({ COUNTERSIGN_HTTPS: text });
  expect(https).toEqual(address);
  expect(formatAddress(https)).toBe(text);
});

describe('refused, naming the setting', () => {
  test.each([
    '4443',
    ':4443',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:65536',
    '127.0.0.1:-1',
    '::1:4443',
    'https://127.0.0.1:4443',
    '127.0.0.1:80x',
  ])('not host:port: %s', (text) => {
    expect(() => readSettings({ COUNTERSIGN_HTTP: text })).toThrow(/^COUNTERSIGN_HTTP is .*not host:port$/u);
  });

  test.each([
    '0.0.0.0:4443',
    '[::]:4443',
    '192.168.1.1:4443',
    'example.com:4443',
    '127.evil.example:4443',
    '[::ffff:1.2.3.4]:1',
  ])('beyond this machine: %s', (text) => {
    expect(() => readSettings({ COUNTERSIGN_HTTPS: text })).toThrow('COUNTERSIGN_HTTPS is');
    expect(() => readSettings({ COUNTERSIGN_HTTPS: text })).toThrow('this machine only');
  });
});
