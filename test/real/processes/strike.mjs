/**
 * Strikes this very process when a chosen moment comes for the first time: with SIGKILL as in a crash, with SIGSTOP as in
 * a pause of the machine. Nothing of the process runs between the moment and the signal, but that it tells of it.
 */
export function striker(strike, tell) {
  let struck = false;
  return (moment) => {
    if (struck || strike?.moment !== moment) return;
    // A node that is the last to stop takes the formation lock once more, and must not be struck there again.
    struck = true;
    tell('struck');
    process.kill(process.pid, strike.signal);
  };
}

export function struckBackend(backend, strikeAt) {
  return {
    name: backend.name,
    spi: backend.spi,
    cluster: backend.cluster,
    capabilities: backend.capabilities,
    list: (options) => backend.list(options),
    unregister: (registration, options) => backend.unregister(registration, options),
    ...(backend.watch ? { watch: (options) => backend.watch(options) } : {}),
    close: () => backend.close(),
    register(request, options) {
      strikeAt('before register');
      return backend.register(request, options);
    },
    async lock(request, options) {
      const outcome = await backend.lock(request, options);
      if (outcome.kind === 'held' && !request.held) strikeAt('holding the lock, before create');
      return outcome;
    },
    async unlock(grant, options) {
      strikeAt('while releasing');
      const outcome = await backend.unlock(grant, options);
      if (options.record) strikeAt('after the record, before ready');
      if (options.record?.removed.length > 0) strikeAt('after marking');
      return outcome;
    },
  };
}
