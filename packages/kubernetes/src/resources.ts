/** What we ask of the API server; the words are those of a Role. */
export interface Question {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'delete';
  readonly resource: keyof typeof RESOURCES;
  readonly name?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Asked also while the server wants to be left alone: it keeps something alive, or lets it go. */
  readonly urgent?: boolean;
}

const RESOURCES = {
  leases: { api: 'apis/coordination.k8s.io/v1', group: '.coordination.k8s.io' },
  endpointslices: { api: 'apis/discovery.k8s.io/v1', group: '.discovery.k8s.io' },
  namespaces: { api: 'api/v1', group: '' },
} as const;

export function pathOf({ resource, name, query, verb }: Question, namespace: string): string {
  const { api } = RESOURCES[resource];
  const place = resource === 'namespaces' ? `namespaces/${namespace}` : `namespaces/${namespace}/${resource}`;
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`;
  const asked = new URLSearchParams({ ...query, ...(verb === 'watch' ? { watch: 'true' } : {}) }).toString();
  return `/${api}/${place}${object}${asked === '' ? '' : `?${asked}`}`;
}

/** What a person needs for giving the permission: verb, resource with its group, and namespace. */
export function subjectOf({ verb, resource, name, query }: Question, namespace = 'of the Pod'): string {
  const kind = `${resource}${RESOURCES[resource].group}`;
  if (resource === 'namespaces') return `${verb} ${kind} ${JSON.stringify(namespace)}`;
  const selected = name ?? query?.['fieldSelector'] ?? query?.['labelSelector'];
  const which = selected === undefined ? '' : ` ${JSON.stringify(selected)}`;
  return `${verb} ${kind}${which} in namespace ${JSON.stringify(namespace)}`;
}
