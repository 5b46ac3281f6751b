import { describe } from 'vitest';
import type { TestEngine } from './database.js';
import { changefeedCopiesContract } from './store-changefeed-copies.js';
import { commitContract } from './store-commit.js';
import { keyContract } from './store-keys.js';
import { killContract } from './store-kill.js';
import { forgottenKeyContract } from './store-forgotten-keys.js';
import { pastContract } from './store-past.js';
import { readContract } from './store-reads.js';
import { removalContract } from './store-removal.js';
import { uploadContract } from './store-uploads.js';

/** The contract of `Store` (see its comment in `ports.ts`), for one engine. */
export function storeContract(engine: TestEngine): void {
  describe('commit', () => commitContract(engine));
  describe('past files', () => pastContract(engine));
  describe('reads', () => readContract(engine));
  describe('removal and the changefeed', () => removalContract(engine));
  describe('copied changefeeds', () => changefeedCopiesContract(engine));
  describe('online keys', () => keyContract(engine));
  describe('forgotten keys', () => forgottenKeyContract(engine));
  describe('uploads', () => uploadContract(engine));
  describe('kill -9', () => killContract(engine));
}
