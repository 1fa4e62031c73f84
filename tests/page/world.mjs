// The world of the journeys: sandbox marketplaces and the real daemon over them, on loopback.

import { spawn } from "node:child_process";
import { connect, createServer } from "node:net";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export const binary = process.env.FENICIA ?? join(import.meta.dirname, "../../target/debug/fenicia");

export const channels = ["shopify", "amazon", "mercadolibre", "walmart", "tiktok-shop"];
export const password = "barco-de-cedro";
const hash = "$argon2id$v=19$m=64,t=1,p=1$ZmVuaWNpYS1qb3VybmV5cw$bvXZWKOCNt277R38+69cxNkYwK6EvG1urf749JIyuLc";

/** Asks again until there is an answer that is not null. */
export async function until(what, ask, patience = 20_000) {
  const end = Date.now() + patience;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) return answer;
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

/** One sandbox marketplace, through its own control routes. */
export class Shop {
  constructor(channel, base) { this.channel = channel; this.base = base; }

  async ask(method, path, body) {
    const reply = await fetch(`${this.base}/_sandbox/${path}`, { method, body: body && JSON.stringify(body) });
    if (!reply.ok) throw new Error(`${this.channel} ${path}: ${reply.status} ${await reply.text()}`);
    const text = await reply.text();
    return text ? JSON.parse(text) : null;
  }

  /** A shopper orders; answers the id of the order here, once it has arrived. */
  async places(world, wish = {}) {
    const { ids: [id] } = await this.ask("POST", "orders", wish);
    const key = `${this.channel}:${id}`;
    if (!this.takesWebhooks) await world.sync(key);
    await until(`order ${key}`, () => world.api(`orders/${key}`).catch(() => null));
    return key;
  }

  happens(key, deed) { return this.ask("POST", `orders/${key.split(":")[1]}/deeds`, deed); }
  fails(rule) { return this.ask("POST", "faults", rule); }
  recovers() { return this.ask("DELETE", "faults"); }
  effects(key) { return this.ask("GET", `effects?order=${key.split(":")[1]}`).then((all) => all.effects); }
  calls() { return this.ask("GET", "calls").then((all) => all.calls); }
  /** Nobody calls any more: what was begun is over. */
  async isQuiet() {
    let seen = -1, since = Date.now();
    await until(`quiet at ${this.channel}`, async () => {
      const { length } = await this.calls();
      if (length !== seen) { seen = length; since = Date.now(); }
      return Date.now() - since > 1_500;
    });
  }

  access(state) { return this.ask("PUT", "access", { state }); }
}

export class World {
  /** `tuned` puts lines into the tables of the config, by their names; `filled`: so many orders are there before. */
  static async begin(how = {}) {
    const world = new World();
    try {
      await world.open(how);
      return world;
    } catch (error) {
      await world.end();
      throw error;
    }
  }

  async open({ tuned = {}, filled = 0 }) {
    this.folder = await mkdtemp(join(tmpdir(), "fenicia-journeys-"));
    const tables = await this.openSandbox();
    this.ops = await Listener.begin();
    await writeFile(join(this.folder, "config.toml"), config(tables, this.ops, tuned), { mode: 0o600 });
    if (filled) this.longest = await fill(join(this.folder, "data"), filled);
    await this.openDaemon();
  }

  /** Names, addresses and numbers of all customers, as far as they are few. */
  async persons() {
    if (this.isStrange) return [];
    const { items } = await this.api("orders?limit=200");
    const words = items.flatMap(({ customer: { name, email, phone } }) => [name, email, phone]);
    return [...new Set(words)].filter((word) => word?.length > 5);
  }

  async openSandbox() {
    this.sandbox = spawn(binary, ["sandbox", "--orders-per-minute", "0"], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    this.sandbox.stdout.on("data", (part) => { text += part; });
    await until("the sandbox", () => text.includes("[channels.tiktok-shop]") && text.trimEnd().endsWith('"'));
    const shops = [...text.matchAll(/\[channels\.([a-z-]+)\][^[]*?base_url = "([^"]+)"/g)];
    for (const [, channel, base] of shops) this[channel.replaceAll("-", "_")] = new Shop(channel, base);
    return text;
  }

  async openDaemon() {
    const path = join(this.folder, "config.toml");
    const env = { ...process.env, FENICIA_LOG: "warn" };
    this.daemon = spawn(binary, ["run", "--config", path], { stdio: ["ignore", "ignore", "inherit"], env });
    const at = await until("the daemon", () => readFile(join(this.folder, "data/addresses.json"), "utf8").then(JSON.parse).catch(() => null), 60_000);
    this.url = `http://${at.admin}`;
    this.webhooks = `http://${at.webhooks}`;
    this.key = (await readFile(join(this.folder, "data/admin.key"), "utf8")).trim();
    await until("readiness", () => fetch(`${this.url}/readyz`).then((reply) => reply.ok).catch(() => null));
    for (const shop of this.shops()) {
      const target = `http://${at.webhooks}/webhooks/${shop.channel}`;
      shop.takesWebhooks = ["shopify", "mercadolibre", "tiktok-shop"].includes(shop.channel);
      if (shop.takesWebhooks) await shop.ask("PUT", "webhooks", { target });
    }
    await until("all channels", async () => (await this.api("channels")).items.every((one) => one.status === "connected" && one.last_success_at));
  }

  /** The same page at an address whose connections can be cut. */
  async behindALine() {
    const open = new Set(), streams = new Set();
    let cut = false;
    const line = createServer((near) => {
      const { hostname, port } = new URL(this.url);
      if (cut) return near.destroy();
      const far = connect(Number(port), hostname);
      for (const end of [near, far]) { open.add(end); end.on("error", () => {}); end.on("close", () => { open.delete(end); near.destroy(); far.destroy(); }); }
      near.on("data", (bytes) => { if (bytes.includes("GET /api/v1/events")) streams.add(near); });
      near.on("close", () => streams.delete(near));
      near.pipe(far).pipe(near);
    });
    await new Promise((ready) => line.listen(0, "127.0.0.1", ready));
    const world = Object.create(this, { url: { value: `http://127.0.0.1:${line.address().port}` } });
    return {
      world,
      /** Event streams that are open. */
      streams: () => streams.size,
      drop() { for (const end of open) end.destroy(); },
      cut() { cut = true; this.drop(); },
      mend() { cut = false; },
      close() { this.cut(); line.close(); },
    };
  }

  /** Killed without warning, and started again over the same store. */
  async isKilledAndStartedAgain() {
    await this.stops("SIGKILL");
    await this.openDaemon();
  }

  async stops(signal = "SIGTERM") {
    const gone = new Promise((done) => this.daemon.once("exit", done));
    this.daemon.kill(signal);
    await gone;
    await rm(join(this.folder, "data/addresses.json"), { force: true });
  }

  shops() { return Object.values(this).filter((value) => value instanceof Shop); }

  async api(path, body) {
    const reply = await fetch(`${this.url}/api/v1/${path}`, {
      method: body ? "POST" : "GET",
      headers: { authorization: `Bearer ${this.key}`, "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
    const text = await reply.text();
    return text ? JSON.parse(text) : null;
  }

  /** Has the marketplace asked for the order, and waits for the end of it. */
  async sync(key) {
    const { sync_id: id } = await this.api(`orders/${key}/sync`, {});
    await until(`sync of ${key}`, async () => (await this.api(`syncs/${id}`)).state !== "running");
  }

  async end() {
    for (const child of [this.daemon, this.sandbox]) {
      if (!child || child.exitCode !== null) continue;
      const gone = new Promise((done) => child.once("exit", done));
      child.kill("SIGTERM");
      await gone;
    }
    this.ops?.server.close();
    if (this.folder) await rm(this.folder, { recursive: true, force: true });
  }
}

/** Whoever is told of trouble beside the page: hears what is posted, or refuses it. */
class Listener {
  static async begin() {
    const listener = Object.assign(new Listener(), { heard: [], refuses: false });
    listener.server = createHttpServer((request, reply) => {
      let text = "";
      request.on("data", (part) => { text += part; });
      request.on("end", () => {
        listener.heard.push(text);
        reply.writeHead(listener.refuses ? 500 : 204).end();
      });
    });
    await new Promise((ready) => listener.server.listen(0, "127.0.0.1", ready));
    listener.url = `http://127.0.0.1:${listener.server.address().port}/hook`;
    return listener;
  }
}

/** Orders of the past, written by the store's own code; answers the id of the one with the longest story. */
async function fill(folder, orders) {
  const tool = process.env.FENICIA_FILL ?? join(dirname(binary), "examples/fill");
  const child = spawn(tool, [folder, String(orders), ...channels], { stdio: ["ignore", "pipe", "inherit"] });
  let told = "";
  child.stdout.on("data", (part) => { told += part; });
  const [code] = await new Promise((done, failed) => {
    child.once("error", () => failed(new Error(`${tool} is missing: cargo build --example fill`)));
    child.once("close", (...end) => done(end));
  });
  if (code !== 0) throw new Error(`the store was not filled: ${code}`);
  return told.trim();
}

function config(tables, ops, tuned) {
  const user = (name, role) => `[admin.users.${name}]\npassword_hash = "${hash}"\nrole = "${role}"\n`;
  const text = [
    '[store]\npath = "data"\n',
    // What the marketplaces are told; the sandbox is told the real address besides.
    '[webhooks]\nlisten = "127.0.0.1:0"\npublic_url = "https://orders.example.com"\n',
    '[admin]\nlisten = "127.0.0.1:0"\n',
    user("ana", "operator"), user("luis", "admin"), user("vera", "viewer"),
    "[sync]\n",
    `[notify.ops]\nkind = "webhook"\nurl = "${ops.url}"\nallow_internal = true\non = ["channel_down", "action_failed"]\n`,
    tables,
  ].join("\n");
  return Object.entries(tuned).reduce((made, [table, lines]) => made.replace(`[${table}]\n`, `[${table}]\n${lines}\n`), text);
}
