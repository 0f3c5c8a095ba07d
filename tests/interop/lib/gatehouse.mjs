// Starts the real program as a child, in a folder of its own, with settings from the environment alone.
import { execFile, spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const PROGRAM = process.env.GATEHOUSE_BIN ?? fileURLToPath(new URL('../../../target/debug/gatehouse', import.meta.url));
const READY_WITHIN = 30_000;

/** A port for a program that cannot pick one itself: below those that the system gives away, so that nobody gets it meanwhile. */
export async function freePort() {
  for (;;) {
    const server = createServer().listen(randomInt(10_240, 32_768), '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch (error) {
      if (error.code !== 'EADDRINUSE') throw error;
      continue;
    }
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** A new database of the PostgreSQL that scripts/with-postgres started; undefined when there is none. */
export async function newPostgresDatabase() {
  const superuser = process.env.GATEHOUSE_TEST_POSTGRES;
  if (!superuser) return undefined;
  const name = `interop_${randomBytes(6).toString('hex')}`;
  await promisify(execFile)('psql', [superuser, '-qc', `CREATE DATABASE ${name}`]);
  const url = new URL(superuser);
  url.pathname = `/${name}`;
  return url.href;
}

export class Gatehouse {
  #child;
  #options;

  /**
   * `apply`: declarative state (an object; JSON is YAML). `env`: further settings. `database`: a URL; its own SQLite
   * file by default. `publicUrl` and `masterKey`: those of another node, to be one of several.
   */
  static async start({ apply, env = {}, database, publicUrl, masterKey, command = ['serve'] } = {}) {
    const node = new Gatehouse();
    node.dir = await mkdtemp(join(tmpdir(), 'gatehouse-interop-'));
    node.database = database ?? `sqlite://${join(node.dir, 'gatehouse.db')}`;
    node.masterKey = masterKey ?? randomBytes(32).toString('base64');
    node.#options = { env, publicUrl, command };
    if (apply) await writeFile(join(node.dir, 'apply.yaml'), JSON.stringify(apply, null, 2));
    node.hasApply = Boolean(apply);
    try {
      await node.#startOnAFreePort();
    } catch (error) {
      await rm(node.dir, { recursive: true, force: true });
      throw error;
    }
    return node;
  }

  async #startOnAFreePort() {
    for (let tries = 1; ; tries += 1) {
      this.port ??= await freePort();
      // `url` is the issuer, `origin` where this very node listens: they differ when nodes share an issuer.
      this.origin = `http://localhost:${this.port}`;
      this.url = this.#options.publicUrl ?? this.origin;
      try {
        return await this.#spawn();
      } catch (error) {
        if (tries === 5 || !/address (already )?in use|os error 98/i.test(this.log)) throw error;
        this.port = undefined;
      }
    }
  }

  /** Waits until the log holds `pattern`: lines are written on a thread of their own and may come after the answer. */
  async logged(pattern) {
    const signal = AbortSignal.timeout(10_000);
    while (!pattern.test(this.log)) {
      await once(this.#child.stderr, 'data', { signal }).catch(() => {
        throw new Error(`${pattern} never came into the log:\n${this.log}`);
      });
    }
  }

  async #spawn() {
    this.log = '';
    const { PATH, HOME, RUST_LOG, RUST_BACKTRACE } = process.env;
    const inherited = Object.fromEntries(Object.entries({ PATH, HOME, RUST_LOG, RUST_BACKTRACE }).filter(([, v]) => v !== undefined));
    this.#child = spawn(PROGRAM, this.#options.command, {
      cwd: this.dir,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...inherited,
        GATEHOUSE_PUBLIC_URL: this.url,
        GATEHOUSE_LISTEN: `127.0.0.1:${this.port}`,
        GATEHOUSE_DATABASE_URL: this.database,
        GATEHOUSE_KEYS_DIR: join(this.dir, 'keys'),
        GATEHOUSE_MASTER_KEY: this.masterKey,
        GATEHOUSE_OUTBOUND_ALLOW: '127.0.0.1,localhost',
        ...(this.hasApply && { GATEHOUSE_APPLY: join(this.dir, 'apply.yaml') }),
        ...this.#options.env,
      },
    });
    const child = this.#child;
    await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`not ready within ${READY_WITHIN} ms:\n${this.log}`)), READY_WITHIN);
      const read = (chunk) => {
        this.log += chunk;
        if (/listening on https?:\/\/\S+:\d+/.test(this.log)) {
          clearTimeout(late);
          resolve();
        }
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        clearTimeout(late);
        reject(new Error(`gatehouse ended with ${signal ?? code} before it was ready:\n${this.log}`));
      });
    });
  }

  /** Runs the program once more in the same place (`apply FILE`, `keys rotate` …) and gives what it printed. */
  async run(...args) {
    const env = { PATH: process.env.PATH, GATEHOUSE_PUBLIC_URL: this.url, GATEHOUSE_DATABASE_URL: this.database, GATEHOUSE_KEYS_DIR: join(this.dir, 'keys'), GATEHOUSE_MASTER_KEY: this.masterKey, GATEHOUSE_OUTBOUND_ALLOW: '127.0.0.1,localhost', ...this.#options.env };
    const { stdout, stderr } = await promisify(execFile)(PROGRAM, args, { cwd: this.dir, env });
    return stdout + stderr;
  }

  async apply(state, ...flags) {
    const file = join(this.dir, 'change.yaml');
    await writeFile(file, JSON.stringify(state, null, 2));
    return this.run('apply', file, ...flags);
  }

  /** Whoever reads its log goes away, as with `gatehouse serve | head -1`. */
  closeLog() {
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
  }

  async signal(name) {
    if (!this.#child || this.#child.exitCode !== null || this.#child.signalCode !== null) return undefined;
    const gone = once(this.#child, 'exit');
    this.#child.kill(name);
    const [code, signal] = await gone;
    return { code, signal };
  }

  /** Starts again on the same port and database, without the apply file. */
  async restart() {
    this.hasApply = false;
    await this.#spawn();
  }

  async stop() {
    await this.signal('SIGTERM');
    await rm(this.dir, { recursive: true, force: true });
  }
}
