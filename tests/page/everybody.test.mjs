// Everybody: keyboard, languages, roles, strangers.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { request } from "node:http";
import { Reader, phone, wide } from "./reader.mjs";
import { browser, comes, elsewhere, journey, number, pot, world } from "./stage.mjs";
import { binary, until } from "./world.mjs";

journey("22. rules of accessibility, narrow and enlarged", async () => {
  const key = await world.shopify.places(world, { lines: [pot] });
  const pages = ["/", "/orders", "/orders/filters", `/orders/${key}`, `/orders/${key}/ship`, `/orders/${key}/cancel`, `/orders/${key}/timeline?only=problems`, "/orders/export", "/channels", "/channels/shopify", "/channels/shopify/sync", "/channels/amazon/reconnect", "/failures", "/notifications", "/settings", "/settings/keys", "/nowhere"];
  const narrow = { width: 320, height: 640 }, enlarged = { width: 320, height: 215 };
  for (const options of [{}, { theme: "dark" }, { viewport: phone, theme: "dark" }, { viewport: narrow }, { viewport: enlarged, zoom: 4 }]) {
    const luis = await comes("luis", options);
    for (const path of pages) {
      await luis.goes(path);
      // Contrast depends on the theme, order and size on the width: the fourth pair adds nothing.
      if (!options.viewport || (options.viewport === phone && options.theme === "dark")) await luis.isAccessible();
      await luis.fits();
    }
    await luis.leaves();
  }
  const stranger = await comes(null);
  await stranger.goes("/login");
  await stranger.isAccessible();
  await stranger.leaves();
});

journey("22. by keyboard alone", async () => {
  for (const theme of ["light", "dark"]) {
    const key = await world.shopify.places(world, { lines: [pot], placed_at: new Date(Date.now() + 60_000).toISOString() });
    const ana = await comes(null, { theme }), { keyboard } = ana.page;
    await ana.goes("/login");
    await ana.tabsTo("user");
    await keyboard.type("ana");
    await ana.tabsTo("password");
    await keyboard.type("barco-de-cedro");
    await keyboard.press("Enter");
    await ana.heading("Overview").waitFor();
    await keyboard.press("Tab");
    assert.equal(await ana.page.evaluate(() => document.activeElement?.textContent), "Skip to content");
    await ana.seesFocus();
    await keyboard.press("Enter");
    assert.equal(await ana.page.evaluate(() => document.activeElement?.id), "main");
    await keyboard.press("/");
    await ana.page.waitForURL(/\/orders#q$/);
    await until("the search", () => ana.page.evaluate(() => document.activeElement?.type === "search"));
    await ana.seesFocus();
    await ana.tabsTo("Export these", "Shift+Tab");
    await keyboard.press("j");
    assert.equal(await ana.page.evaluate(() => document.activeElement?.getAttribute("href")), `/orders/${key}`);
    await ana.seesFocus();
    await keyboard.press("Enter");
    await ana.page.waitForURL(new RegExp(`/orders/${key}$`));
    await keyboard.press("s");
    await ana.page.locator("#outcome").getByText(/^Up to date|^Updated/).waitFor();
    await ana.tabsTo("Mark as shipped");
    await keyboard.press("Enter");
    const dialog = ana.page.getByRole("dialog", { name: "Mark as shipped" });
    await dialog.waitFor();
    for (let tabs = 0; tabs < 12; tabs++) {
      await keyboard.press("Tab");
      assert.ok(await ana.page.evaluate(() => document.activeElement === document.body || !!document.activeElement.closest("dialog")), "the dialog keeps the focus");
    }
    await ana.tabsTo("carrier");
    await keyboard.type("DHL Express");
    await ana.tabsTo("tracking_number");
    await keyboard.type("JD22");
    await keyboard.press("Enter");
    await dialog.waitFor({ state: "detached" });
    await ana.page.getByText(/^Shopify confirmed: shipment/).first().waitFor();
    await ana.seesFocus();
    await ana.tabsTo("Sign out", "Shift+Tab");
    await keyboard.press("Enter");
    await ana.heading("Sign in").waitFor();
    await ana.leaves();
  }
  const ana = await comes("ana");
  await ana.goes("/settings");
  await ana.page.getByRole("checkbox", { name: /^Keyboard shortcuts/ }).uncheck();
  await ana.button("Save").click();
  await ana.page.getByText("Saved.").waitFor();
  await ana.page.locator("main").focus();
  for (const key of ["g", "o"]) await ana.page.keyboard.press(key);
  assert.equal(new URL(ana.page.url()).pathname, "/settings");
  await ana.leaves();
});

journey("22. names and roles as they are stored", async (t) => {
  const own = await elsewhere(t);
  const key = await own.shopify.places(own, { lines: [{ ...pot, quantity: 2 }], name: "Ada Sample", email: "ada@example.com", phone: "+525512345678", line1: "1 Sample Street", shipping: "0.00" });
  await own.shopify.isQuiet();
  await own.shopify.fails({ operation: "nodes", fault: "status", status: 500, times: null });
  await own.api(`orders/${key}/sync`, {});
  await until("the failure", async () => (await own.api("failures")).items.length > 0);
  const ana = await Reader.comes(browser, own, "ana");
  for (const [path, name] of [["/orders", "orders"], [`/orders/${key}`, "order"]]) {
    await ana.goes(path);
    await ana.page.getByText("Sync failed").filter({ visible: true }).first().waitFor();
    await ana.looksLike(name, ana.page.getByRole("main"));
  }
  await ana.link("Mark as shipped").click();
  await ana.looksLike("shipping-dialog", ana.page.getByRole("dialog"));
  await ana.page.keyboard.press("Escape");
  await own.shopify.recovers();
  await until("the cure", async () => (await own.api("failures")).items.length === 0, 60_000);
  // A bar with a name and a value, and the button that it disables.
  await own.shopify.fails({ operation: "nodes", fault: "delay", ms: 60_000, times: null });
  for (const [path, name] of [["/", "overview"], ["/channels", "channels"]]) {
    await ana.goes(path);
    await ana.page.getByText(/^(All 5 channels are in step|5 channels: 5 connected)/).waitFor();
    await ana.looksLike(name);
  }
  await own.api("channels/shopify/sync", {});
  await ana.leaves();
});

journey("23. in Spanish, in Portuguese", async () => {
  const key = await world.shopify.places(world, { lines: [{ ...pot, unit_price: "2986.50" }], currency: "MXN", shipping: "0.00" });
  const english = /\b(Orders|Channels|Failures|Settings|Overview|Customer|Products|Shipped|Accepted|Paid|Connected|Backlog|Timeline|Placed|Status|Search|Apply|Sync|Sign out|ago|Today)\b/;
  for (const [locale, lang, amount, home] of [["es-MX", "es-MX", "2,986.50", "Resumen"], ["pt-BR", "pt-BR", "2.986,50", "Visão geral"], ["es-AR", "es-MX", "2,986.50", "Resumen"]]) {
    for (const viewport of [wide, phone]) {
      const ana = await comes("ana", { locale, viewport });
      await ana.goes("/");
      await ana.heading(home).waitFor();
      for (const path of ["/", "/orders", `/orders/${key}`, "/channels", "/failures", "/notifications", "/settings"]) {
        await ana.goes(path);
        assert.equal(await ana.page.locator("html").getAttribute("lang"), lang);
        const text = await ana.page.evaluate(() => {
          const copy = document.body.cloneNode(true);
          copy.querySelectorAll("[lang=en], bdi, .kind, .mono, dialog, option[lang], svg").forEach((el) => el.remove());
          return copy.innerText;
        });
        const allowed = lang === "pt-BR" ? text.replaceAll("Status", "") : text;
        assert.doesNotMatch(allowed, english, `${path} in ${locale}`);
        await ana.fits();
        const cut = await ana.page.$$eval("button, a.btn", (all) => all.filter((el) => el.scrollWidth > el.clientWidth + 1 && el.offsetParent).map((el) => el.textContent));
        assert.deepEqual(cut, [], `${path} in ${locale}`);
      }
      await ana.goes(`/orders/${key}`);
      await ana.page.getByText(amount).filter({ visible: true }).first().waitFor();
      await ana.leaves();
    }
  }
  const hans = await comes("ana", { locale: "de-DE" });
  await hans.goes("/settings");
  assert.equal(await hans.page.locator("html").getAttribute("lang"), "en");
  await hans.page.getByLabel("Language").selectOption("pt-BR");
  await hans.button("Save").click();
  await hans.heading("Ajustes").waitFor();
  await hans.button("Sair").filter({ visible: true }).first().click();
  await hans.heading("Entrar").waitFor();
  await hans.leaves();
});

journey("23. in the reader's own time zone", async () => {
  const ana = await comes("ana", { known: false });
  await ana.page.getByText("today since 00:00, Mexico City").waitFor();
  await ana.goes("/settings");
  assert.equal(await ana.page.getByLabel(/^Time zone/).inputValue(), "America/Mexico_City");
  await ana.page.getByLabel(/^Time zone/).fill("Mars/Olympus");
  await ana.button("Save").click();
  await ana.page.getByText("There is no such time zone").waitFor();
  await ana.leaves();
});

journey("24. an expired session, roles, forged posts", async () => {
  const key = await world.shopify.places(world, { lines: [pot] });
  const ana = await comes("ana");
  await ana.goes(`/orders/${key}`);
  await ana.link("Mark as shipped").click();
  const dialog = ana.page.getByRole("dialog", { name: "Mark as shipped" });
  await dialog.getByRole("combobox", { name: /^Carrier/ }).fill("DHL Express");
  await dialog.getByLabel(/^Tracking number/).fill("JD99");
  const cookies = await ana.context.cookies();
  await ana.context.clearCookies({ name: "fenicia" });
  await dialog.getByRole("button", { name: "Ship 1 unit" }).click();
  await dialog.getByText(/Your session has ended/).waitFor();
  assert.equal(await dialog.getByLabel(/^Tracking number/).inputValue(), "JD99");
  assert.deepEqual(await world.shopify.effects(key), []);
  await ana.context.addCookies(cookies);
  await dialog.getByRole("button", { name: "Ship 1 unit" }).click();
  await ana.page.getByText(/^Shopify confirmed: shipment/).first().waitFor();
  assert.equal((await world.shopify.effects(key)).length, 1);
  await ana.leaves();

  const vera = await comes("vera");
  await vera.goes(`/orders/${key}`);
  await vera.page.getByText("You can look, not act.").waitFor();
  assert.equal(await vera.page.getByText(/Mark as shipped|Cancel order/).filter({ visible: true }).count(), 0);
  const csrf = await vera.page.locator("input[name=csrf]").first().inputValue();
  const post = (path, form, headers = {}) => vera.context.request.post(path, { form, headers, maxRedirects: 0 });
  const forbidden = await post(`/orders/${key}/sync`, { csrf });
  assert.equal(forbidden.status(), 403);
  assert.match(await forbidden.text(), /Your role is viewer/);
  assert.equal((await post("/settings", {})).status(), 403);
  assert.equal((await post("/settings", { csrf: "AAAA" })).status(), 403);
  assert.equal((await post("/settings", { csrf }, { "sec-fetch-site": "cross-site" })).status(), 403);
  assert.equal((await post("/settings", { csrf }, { origin: "https://evil.example" })).status(), 403);
  assert.equal((await vera.context.request.get("/settings/keys")).status(), 403);
  await vera.leaves();

  const luis = await comes("luis");
  await luis.goes("/orders");
  await luis.context.clearCookies({ name: "fenicia" });
  await luis.signsIn("luis", "//evil.example");
  assert.equal(new URL(luis.page.url()).pathname, "/");
  await luis.context.clearCookies({ name: "fenicia" });
  await luis.goes(`/orders/${key}`);
  await luis.page.getByLabel("User name").fill("luis");
  await luis.page.getByLabel(/^Password/).fill("barco-de-cedro");
  await luis.button("Sign in").first().click();
  await luis.page.waitForURL(new RegExp(`/orders/${key}$`));
  await luis.leaves();
});

journey("25. hostile content", async () => {
  const bad = `<script>alert(1)</script>"><img src=x onerror=alert(2)>{{7*7}}\u202etxt.exe`;
  const note = "n".repeat(10_000);
  const key = await world.shopify.places(world, {
    name: bad, email: "x@example.com", line1: `javascript:alert(3)`, note, tags: ["<b>tag</b>", "x".repeat(255)],
    lines: [{ sku: `"><svg onload=alert(4)>`, title: `${bad} مرحبا ${"\u0301".repeat(40)} 👩‍👩‍👧‍👦 ${"W".repeat(500)}`, variant: bad, quantity: 1, unit_price: "1.00" }],
  });
  await world.shopify.happens(key, { deed: "ship", carrier: "<i>carrier", tracking: "javascript:alert(5)" });
  await until("the parcel", async () => (await world.api(`orders/${key}`)).shipments.length > 0);
  for (const options of [{}, { viewport: phone }, { theme: "dark" }, { script: false }]) {
    const luis = await comes("luis", options);
    const told = [];
    luis.page.on("dialog", () => told.push("a script ran"));
    for (const path of ["/", "/orders", `/orders/${key}`, `/orders/${key}/timeline`, "/notifications", "/failures"]) {
      await luis.goes(path);
      await luis.fits();
      assert.equal(await luis.page.locator("main script, main img, main svg[onload]").count(), 0, path);
      assert.equal(await luis.page.locator('a[href^="javascript:"], a[href^="data:"]').count(), 0, path);
    }
    await luis.goes("/orders");
    const heights = await luis.page.locator("[data-rows] tr").evaluateAll((rows) => [...new Set(rows.map((row) => Math.round(row.getBoundingClientRect().height)))]);
    assert.ok(Math.max(...heights) - Math.min(...heights) <= 40, `rows keep their height: ${heights}`);
    await luis.goes(`/orders/${key}`);
    await luis.page.getByText("Show all 10,000 characters").click();
    await luis.page.getByText("n".repeat(10_000)).waitFor();
    assert.ok((await luis.page.locator("main").innerText()).includes("{{7*7}}"));
    assert.ok(!(await luis.page.locator("main").innerText()).includes("\u202e"));
    assert.deepEqual(told, []);
    await luis.leaves();
  }
  const csv = await fetch(`${world.url}/api/v1/orders/export?format=csv`, { headers: { authorization: `Bearer ${world.key}` } });
  assert.doesNotMatch(await csv.text(), /(^|,)"?[=+@]/m);
});

journey("24. a deep link opens signed in", async () => {
  const key = await world.shopify.places(world, { lines: [pot] });
  const ana = await comes("ana");
  ana.abroad.push("http://mail.example/");
  await ana.context.route("http://mail.example/", (route) => route.fulfill({ contentType: "text/html", body: `<a href="${world.url}/orders/${key}">An order</a>` }));
  await ana.goes("http://mail.example/");
  await ana.link("An order").click();
  await ana.heading(await number(key)).waitFor();
  await ana.leaves();
});

journey("a test to those who are told", async (t) => {
  t.after(() => { world.ops.refuses = false; });
  const ana = await comes("ana"), told = world.ops.heard.length;
  await ana.goes("/settings");
  const ops = ana.page.getByRole("region", { name: "Who is told" }).getByRole("listitem").filter({ hasText: "ops" });
  await ops.getByText("Webhook").waitFor();
  await ops.getByText(/A channel does not work · An action failed/).waitFor();
  await ana.button("Send a test: ops").click();
  await ana.page.getByText("The test to ops was taken.").waitFor();
  assert.equal(world.ops.heard.length, told + 1);
  world.ops.refuses = true;
  await ana.button("Send a test: ops").click();
  await ana.page.getByText("The test did not reach ops.").waitFor();
  await ana.page.getByText(/500/).first().waitFor();
  await ana.isAccessible();
  await ana.leaves();
});

journey("who was told of a notification, and who was not", async (t) => {
  t.after(async () => { world.ops.refuses = false; await world.amazon.recovers(); });
  await world.amazon.fails({ operation: "confirmShipment", fault: "status", status: 400, times: null });
  const ana = await comes("ana");
  await ana.goes("/notifications");
  const line = (key) => ana.page.getByRole("listitem").filter({ hasText: key });
  for (const [refuses, words] of [[false, /Told to ops/], [true, /Not told to ops yet, tried at .*\d\d:\d\d/]]) {
    world.ops.refuses = refuses;
    const key = await world.amazon.places(world, { lines: [pot] });
    await world.api(`orders/${key}/ship`, { carrier: "UPS", tracking_number: "EST-1" });
    await line(key).getByText("An action failed").waitFor({ timeout: 30_000 });
    await until("who was told", async () => words.test(await line(key).innerText()) || ana.page.reload().then(() => null), 30_000);
    if (refuses) await line(key).getByText(/500/).first().waitFor();
    else assert.ok(world.ops.heard.some((text) => text.includes(key)), "it was posted");
  }
  await ana.isAccessible();
  await ana.fits();
  await ana.leaves();
});

journey("the one-time link and keys", async () => {
  const luis = await comes("luis");
  await luis.goes("/settings/keys");
  await luis.page.getByLabel("Name", { exact: true }).fill("for the till");
  await luis.page.getByLabel("Role").selectOption("operator");
  await luis.button("Create key").click();
  await luis.page.getByText("It is shown only now").waitFor();
  const secret = (await luis.page.locator(".key").innerText()).trim();
  await luis.isAccessible();
  const till = await comes(null);
  await till.goes("/login");
  await till.page.getByLabel(/^API key/).fill(secret);
  await till.button("Sign in with the key").click();
  await till.heading("Overview").waitFor();
  await luis.goes("/settings/keys");
  await luis.button("Revoke for the till").click();
  await luis.page.getByText("for the till").waitFor({ state: "hidden" });
  await till.goes("/orders");
  await till.heading("Sign in").waitFor();
  const reply = await luis.goes("/login?once=made-up");
  assert.equal(reply.status(), 403);
  for (const reader of [luis, till]) await reader.leaves();
});

journey("24. the link of the demo works once", async (t) => {
  const demo = spawn(binary, ["demo", "--for", "180s"], { stdio: ["ignore", "pipe", "ignore"] });
  const gone = new Promise((done) => demo.once("exit", done));
  t.after(() => { demo.kill("SIGTERM"); return gone; });
  let told = "";
  demo.stdout.on("data", (part) => { told += part; });
  const link = await until("the demo's link", () => /http:\S+once=\S+/.exec(told)?.[0], 60_000);
  const own = Object.create(world, { url: { value: new URL(link).origin }, isStrange: { value: true } });
  const newcomer = await Reader.comes(browser, own, null);
  await newcomer.goes(link);
  await newcomer.heading("Overview").waitFor();
  assert.equal(new URL(newcomer.page.url()).pathname + new URL(newcomer.page.url()).search, "/");
  await newcomer.page.getByText(/channels are in step/).waitFor({ timeout: 30_000 });
  await newcomer.goes("/orders");
  await until("orders", () => newcomer.rows().count().then((count) => count > 10 || newcomer.page.reload().then(() => null)), 60_000);
  await newcomer.leaves();
  const late = await Reader.comes(browser, own, null);
  assert.equal((await late.goes(link)).status(), 403);
  await late.heading("Sign in").waitFor();
  await late.leaves();
});

// Last, because it locks this address out for a minute.
journey("24. the sixth wrong password waits", async () => {
  const stranger = await comes(null);
  for (let tries = 0; tries < 5; tries++) {
    await stranger.goes("/login");
    await stranger.page.getByLabel("User name").fill("mallory");
    await stranger.page.getByLabel(/^Password/).fill("guess");
    await stranger.button("Sign in").first().click();
    await stranger.page.getByText("are not right").waitFor();
  }
  await stranger.page.getByLabel("User name").fill("mallory");
  await stranger.page.getByLabel(/^Password/).fill("guess");
  await stranger.button("Sign in").first().click();
  await stranger.page.getByText(/Too many tries. Wait/).waitFor();
  await stranger.leaves();
  const { hostname, port } = new URL(world.url);
  const foreign = await new Promise((answered) => request({ hostname, port, path: "/login", headers: { host: "evil.example" } }, answered).end());
  foreign.resume();
  assert.equal(foreign.statusCode, 421, "a foreign Host is refused");
});
