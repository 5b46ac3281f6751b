export { loadConfig, readConfig, type Config } from './config.js';
export { checkExposure } from './listen-config.js';
export { configManual } from './manual.js';
export { startServer, type RunningServer, type StartOptions } from './start.js';
export type { Log } from './log.js';
export { createApp, listen, type Listening, type ListenOptions } from './app.js';
export { ANYBODY, CATALOG, type Access, type Authorizer } from './auth/authorizer.js';
export { OPEN_ACCESS, type AccessRules } from './http/access.js';
export { DEFAULT_HTTP_LIMITS, type HttpLimits } from './http/limits.js';
