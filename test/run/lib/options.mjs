export const STAGES = ['types', 'lint', 'format', 'build', 'unit', 'pack', 'real'];

/** Stages whose tests vitest runs, and to which further arguments make sense. */
export const TEST_STAGES = ['unit', 'pack', 'real'];

export const HELP = `Checks everything. Needs Node 20.19 or later and nothing else; a first run fetches dependencies and builds servers.

  npm test                            all stages
  npm test -- --only unit             some stages, separated by commas: ${STAGES.join(', ')}
  npm test -- packages/core -t lease  further arguments go to vitest; runs ${TEST_STAGES.join(', ')}

  types    the compiler, over all packages, tests and examples
  lint     oxlint with types
  format   biome
  build    every package, if it has changed
  unit     tests that need no server
  pack     the packages as npm would get them, installed and used on several versions of Node
  real     tests against real servers, found on PATH, in the cache, or built (a quarter of an hour, once)

The last line is "N passed, N failed", with ", N skipped" when there are any. Servers that cannot be had are skipped and
named; with CI=true nothing is ever skipped. Cache: $AUTOCLUSTER_CACHE, else $XDG_CACHE_HOME/autocluster, else ~/.cache/autocluster.
`;

function stagesOf(text) {
  const names = text.split(',').filter((name) => name !== '');
  const unknown = names.filter((name) => !STAGES.includes(name));
  if (names.length === 0 || unknown.length > 0)
    throw new TypeError(`no stage "${unknown.join(', ')}": ${STAGES.join(', ')}`);
  return names;
}

/** `--only` and `--help` are ours, everything else is vitest's. */
export function readOptions(args) {
  const only = [];
  const vitest = [];
  let help = false;
  for (let index = 0; index < args.length; index += 1) {
    const [name, value] = args[index].split(/=(.*)/s);
    if (name === '--help') help = true;
    else if (name === '--only') only.push(...stagesOf(value ?? args[(index += 1)] ?? ''));
    else if (name !== '--') vitest.push(args[index]);
  }
  const byDefault = vitest.length > 0 ? TEST_STAGES : STAGES;
  return { help, vitest, stages: only.length > 0 ? STAGES.filter((name) => only.includes(name)) : byDefault };
}
