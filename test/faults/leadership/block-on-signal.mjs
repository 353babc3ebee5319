// Loaded into the operator's process before its own code: SIGUSR2 blocks the event loop for 20 s, as a bug could.
process.on('SIGUSR2', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20_000));
