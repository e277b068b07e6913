import { defineConfig, type Options } from 'tsup';

/** The one build of every package: ESM and CommonJS with types for both. */
export function library(entry: Record<string, string>, options: Options = {}) {
  return defineConfig({
    entry,
    format: ['esm', 'cjs'],
    target: 'node20',
    platform: 'node',
    // Entry points of one package must share one copy of each class.
    splitting: true,
    sourcemap: true,
    clean: true,
    // tsup passes `baseUrl` to the compiler, which TypeScript 6 calls deprecated.
    dts: { compilerOptions: { ignoreDeprecations: '6.0' } },
    ...options,
  });
}
