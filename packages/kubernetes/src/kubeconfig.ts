import type { RequestOptions } from 'node:https';
import type { Access, AccessSource, TlsMaterial } from './access.js';
import type { KubeconfigAccess } from './config.js';
import { CallFailure } from './errors.js';
import { countIn, fieldsIn } from './lease.js';

type Material = string | Buffer;
const isMaterial = (value: unknown): value is Material => typeof value === 'string' || Buffer.isBuffer(value);

function tlsOf({ ca, cert, key, servername, rejectUnauthorized }: RequestOptions): TlsMaterial {
  return {
    ...(isMaterial(ca) ? { ca } : {}),
    ...(isMaterial(cert) ? { cert } : {}),
    ...(isMaterial(key) ? { key } : {}),
    ...(servername === undefined ? {} : { servername }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
}

function headersOf({ headers, auth }: RequestOptions): Readonly<Record<string, string>> {
  const given = Array.isArray(headers) ? [] : Object.entries(headers ?? {});
  const basic: Record<string, string> =
    typeof auth === 'string' ? { authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {};
  return { ...basic, ...Object.fromEntries(given.map(([name, value]) => [name.toLowerCase(), String(value)])) };
}

/**
 * The library takes a moment to load and much memory, and only it knows all the ways in which a kubeconfig may say who we
 * are: programs, OIDC, cloud providers. So only those load it who have a kubeconfig.
 */
const library = () => import('@kubernetes/client-node');

async function load({ file, context }: KubeconfigAccess): Promise<Omit<Access, 'namespace'> & { namespace?: string }> {
  const { KubeConfig } = await library();
  const config = new KubeConfig();
  if (file === undefined) config.loadFromDefault();
  else config.loadFromFile(file);
  if (context !== undefined) config.setCurrentContext(context);
  const name = config.getCurrentContext();
  const cluster = config.getCurrentCluster();
  if (cluster === null)
    throw new CallFailure('credentials', `it has no context ${JSON.stringify(name)} with a cluster`);
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const namespace = config.getContextObject(name)?.namespace;
  const agent = typeof options.agent === 'object' && cluster.proxyUrl !== undefined ? { agent: options.agent } : {};
  const found = { server: cluster.server.replace(/\/+$/, ''), tls: tlsOf(options), headers: headersOf(options) };
  return { ...found, ...agent, ...(namespace === undefined ? {} : { namespace }) };
}

/** A parser shows what it does not understand, and that may be a secret: of such an error only the place is told. */
function reasonOf(error: unknown): string {
  if (error instanceof SyntaxError) return 'its token, or what a program has answered instead of one, is no JSON';
  if (!(error instanceof Error)) return String(error);
  if (!('mark' in error)) return error.message;
  return `it is not the YAML that it should be, at line ${countIn(fieldsIn(error.mark)['line']) + 1}`;
}

/** Who and where we are is written in a kubeconfig, whose current state counts at each reading. */
export function kubeconfigAccess(kubeconfig: KubeconfigAccess): AccessSource {
  const { file, namespace } = kubeconfig;
  const what = `the kubeconfig ${file ?? 'of the environment'}`;
  // On a busy machine the loading takes longer than a call may: it begins before the first one, which tells what fails.
  library().catch(() => undefined);
  return {
    tlsFiles: what,
    credentials: what,
    async read() {
      try {
        const found = await load(kubeconfig);
        return { ...found, namespace: namespace ?? found.namespace ?? 'default' };
      } catch (error) {
        throw new CallFailure('credentials', `${what} cannot be used: ${reasonOf(error)}`);
      }
    },
  };
}
