import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Certificates, makeCertificates } from './certificates.ts';
import { mustRun } from './command.ts';
import { controlsOf, Daemon, orKeepLogs, type ServerControls } from './daemon.ts';
import { startEtcd, type EtcdServer } from './etcd.ts';
import { makeFolder, makeSubfolder, removeFolder } from './folder.ts';
import { httpsRequest } from './https.ts';
import { type ApiCall, type ApiReply, callApi, endToken, issueToken, type TokenOptions } from './kubernetes-api.ts';
import { requireServer } from './lookup.ts';
import { LOOPBACK, onFreePorts, portAt } from './ports.ts';

export interface KubernetesOptions {
  /** Runs kube-controller-manager with these controllers; `true` is the one that makes EndpointSlices. */
  readonly controllers?: boolean | readonly string[];
  /** Someone else's etcd, which then stays when this server stops. */
  readonly etcd?: EtcdServer;
  readonly extraArgs?: readonly string[];
  readonly readyWithinMs?: number;
  /** Instead of free ports: one for the API server, one for the controller manager. */
  readonly ports?: readonly number[];
}

export interface KubernetesServer extends ServerControls {
  readonly server: string;
  readonly caFile: string;
  readonly certificates: Certificates;
  readonly adminToken: string;
  /** Of the administrator. */
  readonly kubeconfig: string;
  readonly etcd: EtcdServer;
  readonly controllerManager?: Omit<ServerControls, 'stop'>;
  /** One call of the API, as the administrator unless a token is given. */
  api(path: string, call?: ApiCall): Promise<ApiReply>;
  /** The token of a ServiceAccount, which is made when it is not there. It may nothing until a Role is bound to it. */
  createToken(serviceAccount: string, namespace?: string, options?: TokenOptions): Promise<string>;
  /** The same token with another end, of which the API server takes no notice for one minute. */
  endToken(token: string, endsAtSeconds: number): string;
}

interface Plan {
  readonly folder: string;
  readonly options: KubernetesOptions;
  readonly etcd: EtcdServer;
  readonly certificates: Certificates;
  readonly adminToken: string;
  readonly kubeconfig: string;
  readonly apiPort: number;
  readonly managerPort: number;
}

const ENDPOINT_SLICES = ['endpointslice-controller'];
const url = (port: number) => `https://${LOOPBACK}:${port}`;

function kubeconfigOf(server: string, caFile: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority': caFile } }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test',
  });
}

async function writeFiles(folder: string, apiPort: number, certificates: Certificates, adminToken: string) {
  const kubeconfig = join(folder, 'kubeconfig.json');
  await Promise.all([
    mustRun('openssl', ['genrsa', '-out', join(folder, 'sa.key'), '2048']),
    writeFile(join(folder, 'tokens.csv'), `${adminToken},admin,1,"system:masters"\n`),
    writeFile(kubeconfig, kubeconfigOf(url(apiPort), certificates.caFile, adminToken)),
  ]);
  return kubeconfig;
}

const servingArgs = (port: number, { server }: Certificates) => [
  `--secure-port=${port}`,
  `--bind-address=${LOOPBACK}`,
  `--tls-cert-file=${server.certFile}`,
  `--tls-private-key-file=${server.keyFile}`,
];

function apiServerArgs({ folder, etcd, certificates, apiPort, options }: Plan): readonly string[] {
  const { client } = certificates;
  const etcdPair = etcd.certificates
    ? [
        `--etcd-cafile=${etcd.certificates.caFile}`,
        `--etcd-certfile=${etcd.certificates.client.certFile}`,
        `--etcd-keyfile=${etcd.certificates.client.keyFile}`,
      ]
    : [];
  return [
    `--etcd-servers=${etcd.endpoint}`,
    `--etcd-prefix=/kubernetes-${apiPort}`,
    ...etcdPair,
    ...servingArgs(apiPort, certificates),
    `--client-ca-file=${certificates.caFile}`,
    `--kubelet-client-certificate=${client.certFile}`,
    `--kubelet-client-key=${client.keyFile}`,
    // A loopback address is refused as the address of the service `kubernetes`, which no test uses.
    '--endpoint-reconciler-type=none',
    `--advertise-address=${LOOPBACK}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${join(folder, 'sa.key')}`,
    `--service-account-signing-key-file=${join(folder, 'sa.key')}`,
    '--authorization-mode=RBAC',
    `--token-auth-file=${join(folder, 'tokens.csv')}`,
    '--service-cluster-ip-range=10.0.0.0/24',
    '--disable-admission-plugins=ServiceAccount',
    ...(options.extraArgs ?? []),
  ];
}

async function readyz(port: number, path: string, caFile: string): Promise<boolean> {
  const { status } = await httpsRequest(`${url(port)}${path}`, { caFile, signal: AbortSignal.timeout(2000) });
  return status === 200;
}

function apiServer(plan: Plan): Daemon {
  return new Daemon({
    name: 'kube-apiserver',
    command: requireServer('kube-apiserver'),
    args: apiServerArgs(plan),
    logFile: join(plan.folder, 'kube-apiserver.log'),
    ready: () => readyz(plan.apiPort, '/readyz', plan.certificates.caFile),
    readyWithinMs: plan.options.readyWithinMs ?? 60_000,
    // It would wait a minute for open watches.
    stopWithinMs: 2000,
  });
}

function controllerManager({ folder, options, certificates, kubeconfig, managerPort }: Plan): Daemon | undefined {
  const { controllers = false } = options;
  const names = Array.isArray(controllers) ? controllers : controllers ? ENDPOINT_SLICES : [];
  if (names.length === 0) return undefined;
  return new Daemon({
    name: 'kube-controller-manager',
    command: requireServer('kube-controller-manager'),
    args: [
      `--controllers=${names.join(',')}`,
      '--leader-elect=false',
      `--kubeconfig=${kubeconfig}`,
      ...servingArgs(managerPort, certificates),
    ],
    logFile: join(folder, 'kube-controller-manager.log'),
    ready: () => readyz(managerPort, '/healthz', certificates.caFile),
    stopWithinMs: 3000,
  });
}

function serverOf(plan: Plan, api: Daemon, manager: Daemon | undefined, stop: () => Promise<void>): KubernetesServer {
  const { certificates, adminToken, kubeconfig, etcd } = plan;
  const server = url(plan.apiPort);
  const access = { server, caFile: certificates.caFile, adminToken };
  const controls = controlsOf(api, async () => {});
  const own = {
    server,
    caFile: certificates.caFile,
    certificates,
    adminToken,
    kubeconfig,
    etcd,
    ...(manager ? { controllerManager: controlsOf(manager, async () => {}) } : {}),
    api: (path: string, call?: ApiCall) => callApi(access, path, call),
    createToken: (serviceAccount: string, namespace = 'default', options: TokenOptions = {}) =>
      issueToken(access, serviceAccount, namespace, options),
    endToken: (token: string, endsAtSeconds: number) =>
      endToken(token, readFileSync(join(plan.folder, 'sa.key'), 'utf8'), endsAtSeconds),
  };
  return Object.assign(controls, own, { stop });
}

async function launch(
  options: KubernetesOptions,
  etcd: EtcdServer,
  ports: readonly number[],
): Promise<KubernetesServer> {
  const folder = makeFolder('kubernetes');
  const [apiPort, managerPort] = [portAt(ports, 0), portAt(ports, 1)];
  const certificates = await makeCertificates(await makeSubfolder(folder, 'certificates'));
  const adminToken = randomUUID();
  const kubeconfig = await writeFiles(folder, apiPort, certificates, adminToken);
  const plan: Plan = { folder, options, etcd, certificates, adminToken, kubeconfig, apiPort, managerPort };
  const api = apiServer(plan);
  const manager = controllerManager(plan);
  const daemons = manager ? [api, manager] : [api];
  await orKeepLogs(folder, daemons, async () => {
    for (const daemon of daemons) await daemon.start();
  });
  return serverOf(plan, api, manager, async () => {
    // Not gracefully: an API server waits for its watches, and the data goes anyway.
    await Promise.all(daemons.map((daemon) => daemon.kill()));
    await removeFolder(folder);
    if (options.etcd === undefined) await etcd.stop();
  });
}

/** An API server with RBAC on its own etcd, and a controller manager on demand. */
export async function startKubernetes(options: KubernetesOptions = {}): Promise<KubernetesServer> {
  const etcd = options.etcd ?? (await startEtcd());
  try {
    if (options.ports) return await launch(options, etcd, options.ports);
    return await onFreePorts(2, (free) => launch(options, etcd, free));
  } catch (error) {
    if (options.etcd === undefined) await etcd.stop();
    throw error;
  }
}
