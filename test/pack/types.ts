import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../run/lib/command.mjs';
import { tool } from '../run/lib/workspace.mjs';

const COMPILER_OPTIONS = {
  target: 'ES2023',
  lib: ['ES2023', 'ESNext.Disposable'],
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  skipLibCheck: false,
};

/** How a project may look for packages, and what can be written there. */
const RESOLUTIONS = [
  [{ module: 'NodeNext' }, ['consumer.mts', 'consumer.cts']],
  [{ module: 'Node16' }, ['consumer.mts', 'consumer.cts']],
  [{ module: 'ESNext', moduleResolution: 'bundler' }, ['consumer.mts']],
] as const;

/** What the compiler says in a project that imports every specifier, as ESM and as CommonJS. */
export async function typecheckConsumer(consumer: string, specifiers: readonly string[]): Promise<readonly string[]> {
  const esm = specifiers.map((specifier, index) => `export * as e${index} from '${specifier}';`);
  const cjs = specifiers.map(
    (specifier, index) => `import c${index} = require('${specifier}');\nexport { c${index} };`,
  );
  writeFileSync(join(consumer, 'consumer.mts'), esm.join('\n'));
  writeFileSync(join(consumer, 'consumer.cts'), cjs.join('\n'));
  const told = [];
  for (const [name, files] of RESOLUTIONS) {
    const compilerOptions = { ...COMPILER_OPTIONS, ...name };
    writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
    const { output } = await run([...tool('typescript', 'tsc'), '-p', '.'], { cwd: consumer });
    told.push(...output);
  }
  return told;
}
