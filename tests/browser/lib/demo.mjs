// `gatehouse demo` as a child, in a folder of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAM = process.env.GATEHOUSE_BIN ?? fileURLToPath(new URL('../../../target/debug/gatehouse', import.meta.url));
const READY_WITHIN = 30_000;

export async function startDemo() {
  const dir = await mkdtemp(join(tmpdir(), 'gatehouse-demo-'));
  const { PATH, HOME } = process.env;
  const child = spawn(PROGRAM, ['demo'], { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'], env: { PATH, HOME, GATEHOUSE_LISTEN: '127.0.0.1:0' } });
  const demo = { dir, log: '' };
  demo.stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    }
    await rm(dir, { recursive: true, force: true });
  };
  await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the demo was not ready within ${READY_WITHIN} ms:\n${demo.log}`)), READY_WITHIN);
    const read = (chunk) => {
      demo.log += chunk;
      const [, url] = /open\D*?(http:\/\/localhost:\d+\S*)/i.exec(demo.log) ?? [];
      if (url && /listening on/.test(demo.log)) {
        clearTimeout(late);
        demo.url = url;
        resolve();
      }
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', (code, signal) => reject(new Error(`the demo ended with ${signal ?? code}:\n${demo.log}`)));
  });
  return demo;
}
