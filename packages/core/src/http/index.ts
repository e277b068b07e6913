/** The health of a node over HTTP: mounted into a server of yours, or served by one of its own. */
export { type HealthHandler, type HealthHandlerOptions, healthHandler } from './handler.js';
export { type HealthServer, type HealthServerOptions, serveHealth } from './server.js';
