const HTTP = 18_500;

/** A Consul of this example's own, unless CONSUL names an agent that runs. Answers what node.mjs has to know. */
export function startStore({ start }) {
  const { CONSUL } = process.env;
  if (CONSUL) return { CONSUL };
  const ports = {
    http: HTTP,
    server: 18_300,
    'serf-lan': 18_301,
    'serf-wan': 18_302,
    dns: -1,
    grpc: -1,
    'grpc-tls': -1,
  };
  const flags = Object.entries(ports).map(([name, port]) => `-${name}-port=${port}`);
  start('consul', ['agent', '-dev', '-bind=127.0.0.1', '-log-level=error', ...flags]);
  return { CONSUL: `http://127.0.0.1:${HTTP}` };
}
