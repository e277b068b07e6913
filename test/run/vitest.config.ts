import { defineConfig } from 'vitest/config';
import all from '../vitest.config.ts';

/** The same tests, of one stage of `npm test`. */
const files = process.env.AUTOCLUSTER_TEST_FILES?.split(',');
const maxWorkers = Number(process.env.AUTOCLUSTER_TEST_WORKERS ?? 1);

export default defineConfig(files === undefined ? all : { ...all, test: { ...all.test, include: files, maxWorkers } });
