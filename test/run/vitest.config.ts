import { defineConfig } from 'vitest/config';
import all from '../vitest.config.ts';

/** The same tests, of one stage of `npm test`. */
const files = process.env.AUTOCLUSTER_TEST_FILES?.split(',');

export default defineConfig(files === undefined ? all : { ...all, test: { ...all.test, include: files } });
