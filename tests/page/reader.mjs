// A reader in front of a real browser. What must hold on every page is checked on every page.

import assert from "node:assert/strict";
import axe from "axe-core";
import { chromium } from "playwright-core";
import { password } from "./world.mjs";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

export const wide = { width: 1280, height: 860 };
export const phone = { width: 390, height: 844 };

export function openBrowser() {
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"] });
}

export class Reader {
  /** A browser of one's own, signed in as this user. */
  static async comes(browser, world, user, options = {}) {
    const { viewport = wide, theme = "light", script = true, locale = "en-US" } = options;
    const reader = new Reader();
    reader.world = world;
    reader.private = [];
    reader.faults = [];
    reader.context = await browser.newContext({
      viewport, colorScheme: theme, javaScriptEnabled: script, locale, timezoneId: "America/Mexico_City", baseURL: world.url,
      permissions: script ? ["clipboard-read", "clipboard-write"] : [],
    });
    // As after a first visit, which ends in a reload in the reader's own zone.
    if (options.known !== false) await reader.context.addCookies([{ name: "tz", value: "America/Mexico_City", url: world.url }]);
    await reader.opensTab();
    if (user) await reader.signsIn(user);
    return reader;
  }

  async opensTab() {
    const page = await this.context.newPage();
    this.watch(page);
    this.page = page;
    return page;
  }

  watch(page) {
    const origin = this.world.url;
    // A refused form is an answer, not a fault of the page.
    const expected = /status of (401|403|404|409|422|429)|ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_SOCKET_NOT_CONNECTED|ERR_INCOMPLETE_CHUNKED/;
    page.on("console", (line) => { if (line.type() === "error" && !expected.test(line.text())) this.faults.push(`console: ${line.text()}`); });
    page.on("pageerror", (error) => this.faults.push(`error: ${error.message}`));
    page.on("dialog", (dialog) => dialog.accept());
    page.on("request", (request) => {
      const url = decodeURIComponent(request.url());
      if (!url.startsWith(origin) && !url.startsWith("data:") && !url.startsWith("blob:")) this.faults.push(`foreign request: ${url}`);
      for (const word of this.private) if (url.includes(word)) this.faults.push(`personal data in an address: ${url}`);
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

  /** Nothing is wider than the window. */
  async fits() {
    const over = await this.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(over <= 0, `${this.page.url()} is ${over}px too wide`);
  }

  /** What every journey ends with. */
  async leaves() {
    for (const word of this.private) {
      for (const page of this.context.pages()) assert.ok(!(await page.title()).includes(word), "personal data in a title");
    }
    await this.context.close();
    assert.deepEqual(this.faults, []);
  }
}
