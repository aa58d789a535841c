// Runs the command line again and again in one process: loading it takes three quarters of a second, and the tests start it a thousand times.
// Each call evaluates main.js anew, with its own arguments, folder, environment and streams; only what it imports stays loaded.
const main = new URL('../../dist/src/cli/main.js', import.meta.url).href;
const clean = { ...process.env };
let calls = 0;

process.on('message', async ({ id, cwd, args, env }) => {
  for (const name of Object.keys(process.env)) if (!(name in clean)) delete process.env[name];
  Object.assign(process.env, clean);
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || value === null) delete process.env[name];
    else process.env[name] = value;
  }
  process.chdir(cwd);
  process.argv = [process.execPath, new URL('../../bin/soll.js', import.meta.url).pathname, ...args];
  process.exitCode = undefined;
  const said = { stdout: '', stderr: '' };
  const written = { stdout: process.stdout.write, stderr: process.stderr.write };
  for (const name of ['stdout', 'stderr']) {
    process[name].write = (chunk, encoding, callback) => {
      said[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
      const done = typeof encoding === 'function' ? encoding : callback;
      if (typeof done === 'function') queueMicrotask(done);
      return true;
    };
  }
  const listeners = { stdout: process.stdout.listeners('error'), stderr: process.stderr.listeners('error') };
  let code;
  try {
    calls += 1;
    await import(`${main}?call=${String(calls)}`);
    code = process.exitCode ?? 0;
  } catch (error) {
    said.stderr += `${error instanceof Error ? error.stack : String(error)}\n`;
    code = 1;
  }
  for (const name of ['stdout', 'stderr']) {
    process[name].write = written[name];
    for (const listener of process[name].listeners('error')) if (!listeners[name].includes(listener)) process[name].off('error', listener);
  }
  process.exitCode = undefined;
  process.chdir('/');
  process.send({ id, code, ...said });
});
process.on('disconnect', () => process.exit(0));
// Loaded before the first call comes.
await import('../../dist/src/pipeline.js').catch(() => undefined);
process.send({ ready: true });
