import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MEMBER = fileURLToPath(new URL('./member.mjs', import.meta.url));

/** A promise that is settled from outside. */
function promised() {
  let settle;
  const promise = new Promise((resolve, reject) => (settle = { resolve, reject }));
  // Whoever awaits it later still sees the rejection; until then it is nobody's.
  promise.catch(() => undefined);
  return { promise, ...settle };
}

/** The processes of the cluster, by name, with what each has told so far. */
export class Fleet {
  #setup;
  #onTold;
  #watchers = new Set();
  #ending = false;
  members = new Map();

  constructor(setup, onTold) {
    this.#setup = setup;
    this.#onTold = onTold;
  }

  get running() {
    return [...this.members.values()].filter((member) => member.running);
  }

  /** Starts a process that is ready to start its node. */
  launch(name) {
    if (this.#ending) throw new Error('every process is being stopped');
    const child = fork(MEMBER, [JSON.stringify({ name, ...this.#setup })], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const [loaded, formed, exited] = [promised(), promised(), promised()];
    const member = { name, child, pid: child.pid, running: true, state: 'loading', view: [], errors: '' };
    Object.assign(member, { loaded: loaded.promise, formed: formed.promise, exited: exited.promise });
    this.members.set(name, member);
    child.stderr.on('data', (text) => (member.errors += text));
    child.on('message', ({ event, data }) => {
      if (event === 'loaded') loaded.resolve();
      if (event === 'formed') formed.resolve(data);
      if (event === 'failed') formed.reject(new Error(`${name} did not form: ${data.text}`));
      this.#told(member, event, data);
    });
    child.on('exit', (code, signal) => {
      member.running = false;
      member.state = signal ? `ended by ${signal}` : `ended with status ${code}`;
      const gone = new Error(`${name} ${member.state} before it was formed\n${member.errors}`);
      loaded.reject(gone);
      formed.reject(gone);
      exited.resolve({ code, signal });
      this.#told(member, 'exit', { code, signal });
    });
    return member;
  }

  /** Starts the nodes of processes that are loaded. */
  start(members) {
    for (const { child } of members) if (!this.#ending && child.connected) child.send('start');
    return Promise.all(members.map(({ formed }) => formed));
  }

  #told(member, event, data) {
    if (event === 'state.changed') member.state = data.kind === 'waiting' ? `waiting: ${data.reason}` : data.kind;
    if (event === 'formed') Object.assign(member, { role: data.role, clusterId: data.identity?.clusterId });
    if (event === 'view.changed') member.view = data.members;
    if (event === 'health') member.health = data;
    if (event === 'forgot') member.forgot = data.gone;
    if (event === 'registration.made') member.instance = data.instance;
    this.#onTold(member, event, data);
    for (const check of this.#watchers) check();
  }

  /** Resolves when a condition over the members holds; rejects when it does not within the limit. */
  async until(what, holds, limitMs) {
    const { promise, resolve, reject } = promised();
    const check = () => holds() && resolve();
    const timer = setTimeout(() => reject(new Error(`not within ${Math.round(limitMs)} ms: ${what}`)), limitMs);
    this.#watchers.add(check);
    check();
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#watchers.delete(check);
    }
  }

  /** Stops every process in an orderly way; whoever does not end in time is killed. */
  async stopAll(limitMs) {
    this.#ending = true;
    const ending = this.running;
    for (const { child } of ending) if (child.connected) child.send('stop');
    const timer = setTimeout(() => {
      for (const { child } of this.running) child.kill('SIGKILL');
    }, limitMs);
    const ends = await Promise.all(ending.map(async (member) => ({ name: member.name, ...(await member.exited) })));
    clearTimeout(timer);
    return ends;
  }
}
