import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../run/lib/command.mjs';
import { tool } from '../run/lib/workspace.mjs';

const COMPILER_OPTIONS = {
  module: 'NodeNext',
  target: 'ES2023',
  lib: ['ES2023', 'ESNext.Disposable'],
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  skipLibCheck: false,
};

/** What the compiler says in a project that imports every specifier, as ESM and as CommonJS. */
export async function typecheckConsumer(consumer: string, specifiers: readonly string[]): Promise<readonly string[]> {
  const esm = specifiers.map((specifier, index) => `export * as e${index} from '${specifier}';`);
  const cjs = specifiers.map(
    (specifier, index) => `import c${index} = require('${specifier}');\nexport { c${index} };`,
  );
  writeFileSync(join(consumer, 'consumer.mts'), esm.join('\n'));
  writeFileSync(join(consumer, 'consumer.cts'), cjs.join('\n'));
  const config = { compilerOptions: COMPILER_OPTIONS, files: ['consumer.mts', 'consumer.cts'] };
  writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify(config));
  const { output } = await run([...tool('typescript', 'tsc'), '-p', '.'], { cwd: consumer });
  return output;
}
