/** The Kubernetes that `kubectl` would use: a kubeconfig has its address and our credentials. */
export function startStore() {
  return { KUBECONFIG: process.env.KUBECONFIG ?? '' };
}
