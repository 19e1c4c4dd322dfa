// A sandbox of one's own: the real binary, a free port, a data folder that goes with it.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import Stripe from 'stripe';

export const secretKey = 'sk_test_sandbox';
export const publishableKey = 'pk_test_sandbox';

const binaries = resolve(process.env.HOLDFAST_BINARIES ?? join(import.meta.dirname, '../../../target/debug'));
const startLimitMs = 20_000;
const running = new Set();

process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

export class Sandbox {
  #child;
  /** Where its store lies. */
  folder;
  #settings;

  /** Starts one. `settings` are its environment variables. */
  static async start(settings = {}) {
    const sandbox = new Sandbox();
    sandbox.folder = await mkdtemp(join(tmpdir(), 'sandbox-'));
    sandbox.#settings = settings;
    await sandbox.#run('127.0.0.1:0');
    return sandbox;
  }

  async #run(listen) {
    const child = this.#spawn(listen);
    this.address = await listening(child);
    this.url = `http://${this.address}`;
    this.#child = child;
  }

  #spawn(listen) {
    const { PATH } = process.env;
    const child = spawn(join(binaries, 'sandbox'), [], {
      env: { PATH, RUST_LOG: 'warn', SANDBOX_LISTEN: listen, SANDBOX_DATA_DIR: this.folder, ...this.#settings },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    return child;
  }

  /** Stripe's client of it. Waits for nothing and tries nothing again, so that tests see what happens. */
  client(options = {}, key = secretKey) {
    const [host, port] = this.address.split(':');
    return new Stripe(key, { host, port, protocol: 'http', maxNetworkRetries: 0, telemetry: false, ...options });
  }

  /** Puts these faults in force, and no others. */
  async faults(faults) {
    const response = await fetch(`${this.url}/sandbox/faults`, { method: 'PUT', body: JSON.stringify(faults) });
    if (!response.ok) throw new Error(`faults were refused: ${await response.text()}`);
  }

  async noFaults() {
    await fetch(`${this.url}/sandbox/faults`, { method: 'DELETE' });
  }

  /** The money as the sandbox sees it; of one payment, if it is named. */
  async ledger(paymentIntent) {
    const { intents } = await (await fetch(`${this.url}/sandbox/ledger`)).json();
    return paymentIntent ? intents.find((entry) => entry.payment_intent === paymentIntent) : intents;
  }

  /** `kill -9`. */
  async kill() {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }

  /** Starts it again where it was, with what it had. */
  async startAgain() {
    await this.#run(this.address);
  }

  /** Starts another one on the same data. */
  async startTwin() {
    await listening(this.#spawn('127.0.0.1:0'));
  }

  async stop() {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Presses a button of the console, as a browser would; answers with the status and where it leads. */
export async function press(sandbox, button, id) {
  const url = `${sandbox.url}/console/${button}/${id}`;
  const response = await fetch(url, { method: 'POST', redirect: 'manual' });
  return [response.status, response.headers.get('location')];
}

/** The address that a sandbox says it listens on. */
function listening(child) {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error('the sandbox says nothing')), startLimitMs);
    const done = (settle) => (value) => {
      clearTimeout(limit);
      settle(value);
    };
    child.once('error', done(reject));
    child.once('exit', done((code) => reject(new Error(`the sandbox ended with ${code}`))));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [, address] = line.match(/^listening sandbox=(\S+)$/) ?? [];
      if (address) done(resolve)(address);
    });
  });
}
