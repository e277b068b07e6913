import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build as bundle, type Options } from 'tsup';

const top = fileURLToPath(new URL('../..', import.meta.url));
const source = (path: string) => join(top, 'packages', path);

/** Another text in place of one that occurs exactly once in a file of this repository. */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

function patched(path: string, patches: readonly Patch[]): string {
  return patches.reduce(
    (text, { find, replace }) => {
      const parts = text.split(find);
      if (parts.length !== 2) throw new RangeError(`${path}: ${parts.length - 1} places are like this:\n${find}`);
      return parts.join(replace);
    },
    readFileSync(path, 'utf8'),
  );
}

/** Changes sources on their way into the bundle: the files themselves stay as they are. */
type Plugin = NonNullable<Options['esbuildPlugins']>[number];

function patching(patches: readonly Patch[]): Plugin {
  return {
    name: 'patches',
    setup(build) {
      const left = new Set(patches);
      build.onLoad({ filter: /packages\/.*\.ts$/ }, ({ path }) => {
        const mine = patches.filter(({ file }) => relative(top, path) === file);
        if (mine.length === 0) return undefined;
        for (const patch of mine) left.delete(patch);
        return { contents: patched(path, mine), loader: 'ts' };
      });
      build.onEnd(() => {
        for (const { file } of left) throw new RangeError(`${file} is not part of what is run`);
      });
    },
  };
}

/** Histories do not depend on those who judge them. */
const withoutOracles: Plugin = {
  name: 'without-oracles',
  setup(build) {
    let isFound = false;
    build.onLoad({ filter: /simulation\/oracles\/index\.ts$/ }, () => {
      isFound = true;
      return { contents: 'export const ORACLES = [];', loader: 'ts' };
    });
    build.onEnd(() => {
      if (!isFound) throw new RangeError('no oracles are part of what is run');
    });
  },
};

export interface Program {
  readonly file: string;
  /** The same for the same program: runs of one digest are runs of one tree. */
  readonly digest: string;
  readonly remove: () => void;
}

async function bundled(entry: string, plugin: Plugin): Promise<Program> {
  const folder = mkdtempSync(join(tmpdir(), 'autocluster-simulation-'));
  const file = join(folder, 'program.mjs');
  await bundle({
    config: false,
    entry: { program: join(top, entry) },
    outDir: folder,
    outExtension: () => ({ js: '.mjs' }),
    format: 'esm',
    platform: 'node',
    target: 'node20',
    noExternal: [/^@autocluster/],
    splitting: false,
    silent: true,
    esbuildPlugins: [plugin],
    esbuildOptions(options) {
      options.alias = {
        '@autocluster/core/backend': source('core/src/backend/index.ts'),
        '@autocluster/core/driver': source('core/src/driver/index.ts'),
        '@autocluster/core/runtime': source('core/src/runtime/index.ts'),
        '@autocluster/core': source('core/src/index.ts'),
        '@autocluster/testing': source('testing/src/index.ts'),
      };
    },
  });
  const digest = createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 12);
  return { file, digest, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** One file with this program and all sources that it needs, as they are now. */
export const bundleProgram = (entry: string, patches: readonly Patch[] = []): Promise<Program> =>
  bundled(entry, patching(patches));

/**
 * The same for programs whose histories are the same, whoever judges them: where an oracle was mended that blamed what is
 * right, what it did not blame before it does not blame now.
 */
export async function digestOfHistories(entry: string): Promise<string> {
  const { digest, remove } = await bundled(entry, withoutOracles);
  remove();
  return digest;
}
