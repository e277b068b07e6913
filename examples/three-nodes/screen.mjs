const TIMELINE_ROWS = 12;
const STYLES = { bold: '\u001b[1m', dim: '\u001b[2m', green: '\u001b[32m', red: '\u001b[31m', off: '\u001b[0m' };

// A line that wraps would take two rows, and what is drawn in place would creep down.
const NO_WRAP = '\u001b[?7l';
const WRAP = '\u001b[?7h';

const seconds = (ms) => `${(ms / 1000).toFixed(2).padStart(6)} s`;

function healthInWords({ status, members, checks }) {
  const bad = checks.filter((each) => each.status !== 'ok').map(({ name, evidence }) => `${name}: ${evidence}`);
  return `health ${status}: ${bad.length === 0 ? `${members} members, ${checks.length} checks` : bad.join('; ')}`;
}

function planInWords({ candidates, heldBy, removes }) {
  if (candidates.length === 0) return 'cleanup: nobody is missing';
  // It is told once it is done.
  if (removes.length > 0) return undefined;
  const missing = candidates.map(({ node, heldBy: own }) => `${node} (${[...own, ...heldBy].join(', ')})`);
  return `cleanup: keeps ${missing.join(', ')}`;
}

/** What of a member's events a person wants to see, in words. */
export function inWords(event, data) {
  switch (event) {
    case 'registration.made':
      return `registered as instance ${String(data.instance).slice(0, 8)}`;
    case 'lock.acquired':
      return `holds the formation lock, token ${data.token}`;
    case 'lock.released':
      return 'released the formation lock';
    case 'created':
      return 'creates the cluster';
    case 'joined':
      return `joins through ${data.seed}`;
    case 'record.committed':
      return `wrote the record: cluster ${String(data.clusterId).slice(0, 8)}, version ${data.version} (${data.change})`;
    case 'formed':
      return `is formed as ${data.role} of cluster ${String(data.identity?.clusterId).slice(0, 8)}`;
    case 'view.changed':
      return data.gone.length > 0 ? `does not see ${data.gone.join(', ')} any more` : undefined;
    case 'state.changed':
      return data.kind === 'waiting' ? `waits: ${data.reason}, until ${data.endsWhen}` : undefined;
    case 'serving':
      return `answers ${data.url}/health and /livez, /readyz, /startupz, /metrics`;
    case 'health':
      return healthInWords(data);
    case 'cleanup.executor':
      return data.active ? 'is the one that cleans up' : 'does not clean up any more';
    case 'cleanup.plan':
      return planInWords(data);
    case 'forgot':
      return `forgets ${data.gone}`;
    case 'exit':
      return data.signal ? `ended by ${data.signal}` : `ended with status ${data.code}`;
    case 'registration.lost':
    case 'record.missing':
    case 'record.restored':
    case 'split.seen':
    case 'cleanup.refused':
    case 'cleanup.failed':
    case 'store.lost':
    case 'store.back':
    case 'failed':
      return `${event} ${JSON.stringify(data)}`;
    default:
      return undefined;
  }
}

/** A table and a timeline that are drawn in place on a terminal; elsewhere one line for each thing that happens. */
export class Screen {
  #out;
  #startedAtMs = performance.now();
  #timeline = [];
  #drawn = 0;
  #members = () => [];
  #json;

  constructor(out, { json }) {
    this.#out = out;
    this.#json = json;
  }

  show(members) {
    this.#members = members;
  }

  get elapsedMs() {
    return performance.now() - this.#startedAtMs;
  }

  #styled(style, text) {
    return this.#out.isTTY ? `${STYLES[style]}${text}${STYLES.off}` : text;
  }

  told(member, event, data) {
    if (this.#json)
      return this.#out.write(
        `${JSON.stringify({ atMs: Math.round(this.elapsedMs), node: member.name, event, data })}\n`,
      );
    const words = inWords(event, data);
    if (words) this.#line(`${member.name.padEnd(8)} ${words}`);
    else if (this.#out.isTTY) this.#draw();
  }

  act(title) {
    if (this.#json) this.#out.write(`${JSON.stringify({ atMs: Math.round(this.elapsedMs), act: title })}\n`);
    else this.#line(this.#styled('bold', title));
  }

  #line(text) {
    const line = `${this.#styled('dim', seconds(this.elapsedMs))}  ${text}`;
    if (!this.#out.isTTY) return void this.#out.write(`${line}\n`);
    this.#timeline.push(line);
    this.#draw();
  }

  #draw() {
    const rows = this.#members().map(({ name, pid, state, role, clusterId, view }) => {
      const cells = [name.padEnd(8), String(pid).padEnd(8), state.padEnd(26), (role ?? '').padEnd(8)];
      return `${cells.join(' ')} ${(clusterId ?? '').slice(0, 8).padEnd(9)} sees ${view.length}`;
    });
    const head = this.#styled('bold', 'node     pid      state                      role     cluster   view');
    const left = Math.max(4, (this.#out.rows ?? 40) - TIMELINE_ROWS - 4);
    const shown = rows.length > left ? [...rows.slice(0, left - 1), `and ${rows.length - left + 1} more`] : rows;
    const lines = [head, ...shown, '', ...this.#timeline.slice(-TIMELINE_ROWS)];
    const back = this.#drawn > 0 ? `\u001b[${this.#drawn}A\u001b[J` : '';
    this.#out.write(`${NO_WRAP}${back}${lines.join('\n')}\n${WRAP}`);
    this.#drawn = lines.length;
  }

  summary({ ok, interrupted, reason, phases, facts }) {
    if (this.#json) return void this.#out.write(`${JSON.stringify({ ok, reason, phases, ...facts })}\n`);
    const lines = phases.map(({ name, ms, bound }) => {
      const limit = bound === undefined ? '' : `   (bound ${seconds(bound).trim()})`;
      return `  ${name.padEnd(50)} ${seconds(ms)}${limit}`;
    });
    const told = Object.entries(facts).map(([name, value]) => `  ${name.padEnd(50)} ${value}`);
    const end = ok
      ? this.#styled('green', 'Everything was as promised.')
      : interrupted
        ? 'Interrupted; every process was stopped.'
        : this.#styled('red', `Not as promised: ${reason}`);
    this.#out.write(`\n${[...lines, ...told, end].join('\n')}\n`);
  }
}
