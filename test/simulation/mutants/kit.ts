import { fork } from 'node:child_process';
import { once } from 'node:events';
import { bundleProgram } from '../bundle.ts';
import type { Mutant } from './mutant.ts';

/** What a store is made of: the conformance kit asks nothing else. */
const OF_A_STORE = /^packages\/(testing\/src\/store|core\/src\/backend)\//;

/** The cases of the conformance kit that the memory store fails with this bug; none when the bug is not in a store. */
export async function askKit({ patches }: Pick<Mutant, 'patches'>): Promise<readonly string[]> {
  if (!patches.every(({ file }) => OF_A_STORE.test(file))) return [];
  const { file, remove } = await bundleProgram('test/simulation/mutants/kit-worker.ts', patches);
  try {
    const child = fork(file);
    const failed: string[] = [];
    child.on('message', (id: string) => failed.push(id));
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`the kit ended with ${String(code)}`);
    return failed.sort();
  } finally {
    remove();
  }
}
