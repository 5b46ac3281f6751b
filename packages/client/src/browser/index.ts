export * from './indexed-db-cache.js';
