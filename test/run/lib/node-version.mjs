const FLOOR = [20, 19];

/** What to tell somebody whose Node is too old; undefined when it is not. */
export function nodeProblem(version = process.versions.node) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > FLOOR[0] || (major === FLOOR[0] && minor >= FLOOR[1])) return undefined;
  return `Node ${FLOOR.join('.')} or later is needed, this is ${version} (${process.execPath}).`;
}

export function requireNode() {
  const problem = nodeProblem();
  if (problem === undefined) return;
  console.error(problem);
  process.exit(1);
}
