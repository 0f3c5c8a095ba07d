// A real reverse proxy as a child, with one of the configurations of proxies/, and the service behind it, which answers
// with the headers that reached it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROGRAMS = {
  nginx: (file) => ['nginx', ['-c', file, '-p', join(file, '..'), '-e', 'stderr']],
  caddy: (file) => ['caddy', ['run', '--config', file, '--adapter', 'caddyfile']],
  envoy: (file) => ['envoy', ['-c', file, '--use-dynamic-base-id', '--concurrency', '1', '--log-level', 'warning']],
};
const FILES = { nginx: 'nginx.conf', caddy: 'Caddyfile', envoy: 'envoy.yaml' };

export class Upstream {
  static async start() {
    const upstream = new Upstream();
    upstream.server = createServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers }));
    });
    upstream.server.listen(0, '127.0.0.1');
    await once(upstream.server, 'listening');
    upstream.url = `http://127.0.0.1:${upstream.server.address().port}`;
    return upstream;
  }

  async stop() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

export class Proxy {
  #child;

  /** `kind`: nginx, caddy or envoy; `port`: where it listens on 127.0.0.1. */
  static async start(kind, { port, gatehouse, upstream }) {
    const proxy = new Proxy();
    proxy.dir = await mkdtemp(join(tmpdir(), `gatehouse-${kind}-`));
    proxy.url = `http://127.0.0.1:${port}`;
    const bare = kind === 'caddy' ? (url) => new URL(url).host : (url) => url;
    const words = {
      PORT: String(port), DIRECTORY: proxy.dir, GATEHOUSE: bare(gatehouse), UPSTREAM: bare(upstream),
      GATEHOUSE_PORT: new URL(gatehouse).port, UPSTREAM_PORT: new URL(upstream).port,
    };
    const text = await readFile(new URL(`../proxies/${FILES[kind]}`, import.meta.url), 'utf8');
    const file = join(proxy.dir, FILES[kind]);
    await writeFile(file, text.replace(/\b(PORT|DIRECTORY|(GATEHOUSE|UPSTREAM)(_PORT)?)\b/g, (word) => words[word]));
    const [program, args] = PROGRAMS[kind](file);
    proxy.log = '';
    const home = { ...process.env, HOME: proxy.dir, XDG_DATA_HOME: proxy.dir, XDG_CONFIG_HOME: proxy.dir };
    const path = `${process.env.PATH}:/usr/sbin`;
    proxy.#child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...home, PATH: path } });
    let failed;
    proxy.#child.once('error', (error) => { failed = error; });
    for (const stream of [proxy.#child.stdout, proxy.#child.stderr]) stream.on('data', (chunk) => { proxy.log += chunk; });
    for (let tries = 0; !(await listens(port)); tries += 1) {
      if (failed || proxy.#child.exitCode !== null || tries > 300) {
        await proxy.stop();
        throw new Error(`${kind} does not listen (${failed?.message ?? 'see its log'}):\n${proxy.log}`);
      }
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
    return proxy;
  }

  async stop() {
    if (this.#child.pid && this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      await gone;
    }
    await rm(this.dir, { recursive: true, force: true });
  }
}

async function listens(port) {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
