import { writeFileSync } from 'node:fs';

/**
 * Ends or stops this very process at a chosen point of its work: `before`, `during` (asked, not yet answered) or `after` an
 * exchange. Of several processes with the same trap only the first that gets there is caught: it leaves its name in `claim`.
 */
export function setTrap(trap, node) {
  const springs = (point, when) => {
    if (!trap || trap.point !== point || trap.when !== when) return false;
    try {
      writeFileSync(trap.claim, node, { flag: 'wx' });
    } catch {
      return false;
    }
    process.kill(process.pid, trap.signal);
    return true;
  };
  const guarded = (pointOf, run) =>
    async function (...args) {
      const point = pointOf(...args);
      springs(point, 'before');
      const asked = run(...args);
      springs(point, 'during');
      const answer = await asked;
      springs(point, 'after');
      return answer;
    };
  return { springs, guarded };
}

export function trappedBackend(backend, { guarded }) {
  return {
    name: backend.name,
    spi: backend.spi,
    cluster: backend.cluster,
    capabilities: backend.capabilities,
    list: (options) => backend.list(options),
    unregister: (...args) => backend.unregister(...args),
    watch: (options) => backend.watch(options),
    close: () => backend.close(),
    register: guarded(
      () => 'register',
      (...args) => backend.register(...args),
    ),
    lock: guarded(
      ({ name, held }) => (name === 'formation' && !held ? 'lock' : 'other'),
      (...args) => backend.lock(...args),
    ),
    unlock: guarded(
      (_grant, { record }) => (record ? 'commit' : 'release'),
      (...args) => backend.unlock(...args),
    ),
  };
}

export function trappedDriver(driver, { guarded }) {
  return {
    ...driver,
    create: guarded(
      () => 'create',
      (...args) => driver.create(...args),
    ),
    join: guarded(
      () => 'join',
      (...args) => driver.join(...args),
    ),
    committed: guarded(
      () => 'committed',
      (...args) => driver.committed(...args),
    ),
  };
}
