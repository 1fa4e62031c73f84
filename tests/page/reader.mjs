// A reader in front of a real browser. What must hold on every page is checked on every page.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import axe from "axe-core";
import { chromium } from "playwright-core";
import { password } from "./world.mjs";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

export const wide = { width: 1280, height: 860 };
export const phone = { width: 390, height: 844 };

/** Runs in each page before its own script, and tells what a reader would notice. */
function witness() {
  const tells = (what, value) => window.tells(what, value);
  addEventListener("securitypolicyviolation", (e) => tells("csp", `${e.violatedDirective}: ${e.blockedURI}`));
  // The page may move in answer to a press, for as long as the answer takes.
  let asked = -Infinity;
  const asks = () => { if (document.querySelector("[aria-busy=true], [data-soon], dialog[open]")) asked = performance.now(); };
  new MutationObserver(asks).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["aria-busy", "open"] });
  // And a fault, or a bulk sync that somebody began, may push down what is below it: it is told first.
  const heights = new Map();
  const pushes = () => ["#needs", "#trouble", "[data-sync]"].filter((name) => {
    const [before, now] = [heights.get(name) ?? 0, document.querySelector(name)?.offsetHeight ?? 0];
    heights.set(name, now);
    return now > before;
  }).length > 0;
  const named = ({ node, previousRect: from, currentRect: to }) => `${node?.id ? `#${node.id}` : `${node?.nodeName} ${node?.textContent?.trim().slice(0, 40)}`} ${from.x},${from.y} → ${to.x},${to.y}`;
  new PerformanceObserver((list) => {
    asks();
    if (pushes()) return;
    for (const entry of list.getEntries()) {
      if (entry.hadRecentInput || entry.startTime - asked < 500) continue;
      tells("shift", { page: `${location.pathname} ${performance.timeOrigin}`, value: entry.value, moved: entry.sources.map(named) });
    }
  }).observe({ type: "layout-shift", buffered: true });
  document.addEventListener("DOMContentLoaded", () => {
    const watch = (el, what) => {
      if (!el) return;
      new MutationObserver(() => el.textContent && tells(what, el.textContent)).observe(el, { childList: true, characterData: true, subtree: true });
    };
    tells("title", document.title);
    tells("state", JSON.stringify(history.state));
    watch(document.querySelector("title"), "title");
    watch(document.getElementById("say"), "said");
  });
}

export function openBrowser() {
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"] });
}

export class Reader {
  /** A browser of one's own, signed in as this user. */
  static async comes(browser, world, user, options = {}) {
    const { viewport = wide, theme = "light", script = true, locale = "en-US" } = options;
    const reader = new Reader();
    reader.world = world;
    reader.faults = [];
    /** Everything that was in an address, a title or the history. */
    reader.seen = [];
    /** What the status region spoke. */
    reader.said = [];
    reader.shifts = new Map();
    /** Other origins that this reader means to go to. */
    reader.abroad = [];
    reader.context = await browser.newContext({
      viewport, colorScheme: theme, javaScriptEnabled: script, locale, timezoneId: "America/Mexico_City", baseURL: world.url,
      deviceScaleFactor: options.zoom ?? 1,
      permissions: script ? ["clipboard-read", "clipboard-write"] : [],
    });
    // As after a first visit, which ends in a reload in the reader's own zone.
    if (options.known !== false) await reader.context.addCookies([{ name: "tz", value: "America/Mexico_City", url: world.url }]);
    if (script) {
      await reader.context.exposeBinding("tells", (_, what, value) => reader.hears(what, value));
      await reader.context.addInitScript(witness);
    }
    await reader.opensTab();
    if (user) await reader.signsIn(user);
    return reader;
  }

  /** `behind`: like a tab that is not looked at. No browser without a screen hides its pages by itself. */
  async opensTab({ behind = false } = {}) {
    const page = await this.context.newPage();
    if (behind) await page.addInitScript(() => Object.defineProperty(document, "hidden", { configurable: true, get: () => true }));
    this.watch(page);
    this.page = page;
    return page;
  }

  hears(what, value) {
    if (what === "csp") this.faults.push(`CSP: ${value}`);
    else if (what === "said") this.said.push(value);
    else if (what === "shift") {
      const { sum, moved } = this.shifts.get(value.page) ?? { sum: 0, moved: [] };
      this.shifts.set(value.page, { sum: sum + value.value, moved: [...moved, `${value.value.toFixed(4)} ${value.moved.join(", ")}`] });
    } else this.seen.push(value);
  }

  hides(page, hidden = true) {
    return page.evaluate((is) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => is });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
  }

  watch(page) {
    const origin = this.world.url;
    // A refused form is an answer, not a fault of the page.
    const expected = /status of (401|403|404|409|422|429|502)|ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_SOCKET_NOT_CONNECTED|ERR_INCOMPLETE_CHUNKED/;
    page.on("console", (line) => { if (line.type() === "error" && !expected.test(line.text())) this.faults.push(`console: ${line.text()}`); });
    page.on("pageerror", (error) => this.faults.push(`error: ${error.message}`));
    page.on("dialog", (dialog) => dialog.accept());
    page.on("request", (request) => {
      const url = decodeURIComponent(request.url());
      const home = [origin, "data:", "blob:", ...this.abroad].some((place) => url.startsWith(place));
      if (!home) this.faults.push(`foreign request: ${url}`);
      this.seen.push(url);
    });
  }

  async signsIn(user, next = "") {
    await this.page.goto(`/login${next && `?next=${encodeURIComponent(next)}`}`);
    await this.page.getByLabel(/User name|Usuario|Usuário/).fill(user);
    await this.page.getByLabel(/^(Password|Contraseña|Senha)/).fill(password);
    await this.page.getByRole("button", { name: /^(Sign in|Entrar)$/ }).click();
    await this.page.waitForURL((url) => !url.pathname.startsWith("/login"), { waitUntil: "commit" });
    await this.page.getByRole("main").waitFor();
  }

  goes(path) { return this.page.goto(path); }
  heading(name) { return this.page.getByRole("heading", { level: 1, name }); }
  button(name) { return this.page.getByRole("button", { name }); }
  link(name) { return this.page.getByRole("link", { name }); }
  rows() { return this.page.getByRole("table").getByRole("row").filter({ has: this.page.getByRole("cell") }); }

  async searches(words) {
    const box = this.page.getByRole("searchbox").filter({ visible: true }).first();
    await box.fill(words);
    await Promise.all([this.page.waitForNavigation(), box.press("Enter")]);
  }

  /** No violation of the rules of WCAG 2.2 AA on this page. */
  async isAccessible() {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    await this.page.evaluate(axe.source);
    const violations = await this.page.evaluate((values) => window.axe.run({ runOnly: { type: "tag", values } }).then((told) => told.violations), tags);
    const told = violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.html} (${n.failureSummary})`).join("\n    ")}`);
    assert.deepEqual(told, [], `on ${this.page.url()}`);
  }

  /** What has the focus can be seen: in the window, under nothing, and marked. */
  async seesFocus() {
    const fault = await this.page.evaluate(() => {
      const el = document.activeElement, { left, top, width, height } = el.getBoundingClientRect(), style = getComputedStyle(el);
      const within = (at, most) => Math.min(Math.max(at, 0), most - 1);
      const met = document.elementFromPoint(within(left + width / 2, innerWidth), within(top + height / 2, innerHeight));
      if (el === document.body) return "nothing has the focus";
      if (top + height <= 0 || top >= innerHeight || left + width <= 0 || left >= innerWidth) return "it is out of the window";
      if (!el.contains(met) && !met?.contains(el)) return `it lies under ${met?.outerHTML.slice(0, 80)}`;
      const isMarked = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== "none";
      return isMarked || el.matches("main, [tabindex='-1']") ? null : "it is not marked";
    });
    if (fault) assert.fail(`the focus of ${await this.page.evaluate(() => document.activeElement.outerHTML.slice(0, 120))}: ${fault}`);
  }

  /** Presses the key until what has the focus is called so. */
  async tabsTo(name, key = "Tab") {
    for (let presses = 0; presses < 80; presses++) {
      await this.page.keyboard.press(key);
      // Past the last one the browser itself has it.
      if (await this.page.evaluate(() => document.activeElement === document.body)) continue;
      await this.seesFocus();
      if (await this.page.evaluate((wanted) => [document.activeElement.textContent.trim(), document.activeElement.id].includes(wanted), name)) return;
    }
    assert.fail(`${name} cannot be reached with ${key}`);
  }

  /** The tree that assistive technology is given, as it is stored. */
  async looksLike(name, part = this.page.locator("body")) {
    const file = join(import.meta.dirname, "snapshots", `${name}.yml`);
    const told = (await part.ariaSnapshot())
      .replaceAll(/\b\d\d:\d\d(:\d\d)?\b/g, "TIME").replaceAll(/\b\d+ (s|ms|min|h|d)( \d+ min)? ago\b/g, "AGO").replaceAll(/\b\d+(\.\d+)? (ms|s)\b/g, "SPAN")
      .replaceAll(/\b\d{1,2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b/g, "DATE").replaceAll(/(shopify:|gid:\S*?\/)\d+/g, "$1ID").replaceAll(/#\d+\b/g, "#NUMBER").replaceAll(/\b1 Sample Street .* OR US\b/g, "1 Sample Street CITY OR US").replaceAll(" · tried again at TIME", "").replaceAll("time: DATE", "time: TIME").replaceAll(/127\.0\.0\.1:\d+/g, "HOST").replaceAll(/placed_after=\d{4}-\d\d-\d\dT[\d%A]+Z/g, "placed_after=MIDNIGHT");
    if (process.env.FENICIA_SNAPSHOTS === "write") await writeFile(file, `${told}\n`);
    assert.equal(`${told}\n`, await readFile(file, "utf8"), `${name} is not as it was; see it again with FENICIA_SNAPSHOTS=write`);
  }

  /** Nothing is wider than the window. */
  async fits() {
    const over = await this.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(over <= 0, `${this.page.url()} is ${over}px too wide`);
  }

  /** What every journey ends with. */
  async leaves() {
    for (const page of this.context.pages()) this.seen.push(await page.title());
    await this.context.close();
    assert.deepEqual(this.faults, []);
    const moved = [...this.shifts].filter(([, { sum }]) => sum > 0.01).map(([page, { moved }]) => `${page}: ${moved.join("; ")}`);
    assert.deepEqual(moved, [], "nothing moves under the hand");
    for (const word of await this.world.persons()) {
      assert.deepEqual(this.seen.filter((text) => text.includes(word)), [], `${word} in an address, a title or the history`);
    }
  }
}
