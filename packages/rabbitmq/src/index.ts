export type { RabbitmqOptions } from './config.js';
export { rabbitmq } from './driver.js';
export { type RabbitmqNodeOptions, runRabbitmqNode } from './run/run-node.js';
