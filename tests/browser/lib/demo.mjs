// `gatehouse demo` as a child, in a folder of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const PROGRAM = process.env.GATEHOUSE_BIN ?? fileURLToPath(new URL('../../../target/debug/gatehouse', import.meta.url));
const READY_WITHIN = 30_000;

export async function startDemo() {
  const dir = await mkdtemp(join(tmpdir(), 'gatehouse-demo-'));
  const { PATH, HOME } = process.env;
  const args = ['demo', '--dir', join(dir, 'demo-data'), '--port', '0', '--idp-port', '0', '--control-plane-port', '0'];
  const child = spawn(PROGRAM, args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'], env: { PATH, HOME } });
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
      const at = (who) => new RegExp(`${who} +listening on (http://\\S+)\\s`).exec(demo.log)?.[1];
      Object.assign(demo, { url: at('control plane'), gatehouse: at('gatehouse'), identityProvider: at('identity provider') });
      if (demo.url && demo.gatehouse && demo.identityProvider) {
        clearTimeout(late);
        resolve();
      }
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', (code, signal) => reject(new Error(`the demo ended with ${signal ?? code}:\n${demo.log}`)));
  });
  return demo;
}
