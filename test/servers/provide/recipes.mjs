// Plain JavaScript without dependencies: this runs before anything is installed.

const KUBERNETES = '1.34.4';
const kubernetesVersion = (name, value) => `-X k8s.io/component-base/version.${name}=${value}`;

/** One Go module per server, since their dependencies disagree. `built` is the name that `go build` gives. */
const goRecipe = (module, version, packagePath, built, versionArgs) => ({
  kind: 'go',
  module,
  version,
  packagePath,
  built,
  versionArgs,
});

export const recipes = {
  etcd: goRecipe('etcd', '3.6.16', 'go.etcd.io/etcd/server/v3', 'server', ['--version']),
  etcdctl: goRecipe('etcd', '3.6.16', 'go.etcd.io/etcd/etcdctl/v3', 'etcdctl', ['version']),
  consul: goRecipe('consul', '1.22.0', 'github.com/hashicorp/consul', 'consul', ['version']),
  'kube-apiserver': goRecipe('kubernetes', KUBERNETES, 'k8s.io/kubernetes/cmd/kube-apiserver', 'kube-apiserver', [
    '--version',
  ]),
  'kube-controller-manager': goRecipe(
    'kubernetes',
    KUBERNETES,
    'k8s.io/kubernetes/cmd/kube-controller-manager',
    'kube-controller-manager',
    ['--version'],
  ),
  lincheck: goRecipe('lincheck', '1.0.3', '.', 'lincheck', []),
  'leader-elector': goRecipe('leader', '0.34.4', '.', 'leader', []),
  rabbitmq: { kind: 'apt', version: '3.10.8', packageName: 'rabbitmq-server', expected: 'about 40 s' },
  postgres: { kind: 'apt', version: '15.18', packageName: 'postgresql', expected: 'about 40 s' },
};

export const serverNames = Object.keys(recipes);

export const modules = {
  etcd: { linkerFlags: '-s -w', expected: 'about 80 s on two cores' },
  consul: { linkerFlags: '-s -w', expected: 'about 6 min on two cores' },
  lincheck: { linkerFlags: '-s -w', expected: 'a few seconds' },
  kubernetes: {
    // A build of a module carries no git tag, and /version would say 0.0.0.
    linkerFlags: [
      '-s -w',
      kubernetesVersion('gitVersion', `v${KUBERNETES}`),
      kubernetesVersion('gitMajor', '1'),
      kubernetesVersion('gitMinor', '34'),
    ].join(' '),
    expected: 'about 7 min on two cores',
  },
  // Not a server, but a program of ours on client-go.
  leader: { linkerFlags: '-s -w', expected: 'about 40 s on two cores' },
};
