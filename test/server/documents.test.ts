import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '@countersign/client/node';
import { formatNamed } from '@countersign/client/tuf';
import { Documents } from '../../packages/server/src/collection/documents.js';
import { newKey, underScheme, type SimKey } from '../simulator/keys.js';

const keyOf = ({ json }: SimKey): ReturnType<ReturnType<typeof formatNamed>['parseKey']> =>
  formatNamed('tuf-1').parseKey(Buffer.from(JSON.stringify(json)), nodeCrypto);

describe('a signature remembered as good', () => {
  it('by one RSA padding is not good by another', async () => {
    const pss = newKey('rsa');
    const [good, bad] = [keyOf(pss), keyOf(underScheme(pss, 'rsa-pkcs1v15-sha256'))];
    const bytes = Buffer.from('what is signed');
    const value = Buffer.from(pss.sign(bytes.toString()), 'hex');
    const { crypto } = new Documents(nodeCrypto);
    const verify = (key: typeof good): Promise<boolean> => crypto.verify(key, { keyId: key.id, value }, bytes);
    expect([await verify(good), await verify(bad), await verify(good)]).toEqual([true, false, true]);
  });
});
