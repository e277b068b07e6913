import type { HealthStatus } from './check.js';
import type { HealthReport } from './report.js';

const HEADS: Readonly<Record<HealthStatus, string>> = { ok: 'SUCCESS', pending: 'PENDING', failing: 'FAILURE' };
const WIDTH = { status: 8, name: 11 };

/** The report as text for people: `SUCCESS:`, `PENDING:` or `FAILURE:` and one line for each check. */
export function healthText({ status, cluster, node, members, checks }: HealthReport): string {
  const bad = checks.filter((each) => each.status !== 'ok');
  const what = bad.length === 0 ? `${members} members` : `not well: ${bad.map(({ name }) => name).join(', ')}`;
  const lines = checks.map((each) => {
    const line = `  ${each.status.padEnd(WIDTH.status)}${each.name.padEnd(WIDTH.name)}${each.evidence}`;
    return each.advice === undefined ? line : `${line}\n${' '.repeat(2 + WIDTH.status + WIDTH.name)}→ ${each.advice}`;
  });
  return [`${HEADS[status]}: ${node} in cluster ${cluster}: ${what}`, ...lines].join('\n');
}
