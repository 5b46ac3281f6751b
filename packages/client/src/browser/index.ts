export * from '../webcrypto.js';
export * from './indexed-db-cache.js';
