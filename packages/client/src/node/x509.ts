import './reflect.js';

/** `@peculiar/x509`, after what it needs at its side when it is loaded. */
export * from '@peculiar/x509';
