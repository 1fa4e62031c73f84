// Journeys through the page, told in the words of those who use it. Run by run.sh.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { spawn } from "node:child_process";
import { Reader, openBrowser, phone, wide } from "./reader.mjs";
import { World, binary, until } from "./world.mjs";

let world, browser;
before(async () => { world = await World.begin(); browser = await openBrowser(); });
after(async () => { await browser?.close(); await world?.end(); });

const pot = { sku: "POT", title: "Copper pot", quantity: 1, unit_price: "40.00" };
const number = async (key) => (await world.api(`orders/${key}`)).number;
const comes = (user, options) => Reader.comes(browser, world, user, options);
const journey = (name, act) => test(name, { timeout: 300_000 }, act);

journey("1. all is quiet", async () => {
  for (const options of [{}, { viewport: phone }, { theme: "dark" }]) {
    const ana = await comes("ana", options);
    await ana.goes("/");
    const count = (await world.api("channels")).items.length;
    await ana.page.getByText(`All ${count} channels are in step`).waitFor();
    await ana.page.getByRole("heading", { name: "Nothing needs you" }).waitFor();
    const rows = ana.page.getByRole("table", { name: "Channels" }).getByRole("row").filter({ hasText: "Connected" });
    assert.equal(await rows.count(), count);
    assert.equal(await ana.page.getByText(/Delayed|Reconnect needed/).count(), 0);
    await ana.fits();
    await ana.leaves();
  }
});

journey("2. a channel is behind", async (t) => {
  t.after(() => world.mercadolibre.recovers());
  const keys = [];
  for (let count = 0; count < 3; count++) keys.push(await world.mercadolibre.places(world));
  await world.mercadolibre.isQuiet();
  const ana = await comes("ana");
  await ana.goes("/");
  // Three refusals make the channel late; slow answers keep it so for a while.
  await world.mercadolibre.fails({ fault: "status", status: 503, times: 3 });
  await world.mercadolibre.fails({ fault: "delay", ms: 8_000, times: 3 });
  for (const key of keys) await world.api(`orders/${key}/sync`, {});
  const table = ana.page.getByRole("table", { name: "Channels" });
  await table.getByRole("row").filter({ hasText: "Mercado Libre" }).getByText("Delayed").waitFor({ timeout: 30_000 });
  await ana.page.getByText("Mercado Libre is delayed.").waitFor();
  const reader = await comes("ana");
  await reader.goes("/");
  await reader.page.getByRole("table", { name: "Channels" }).getByRole("row").nth(1).getByText("Mercado Libre").waitFor();
  await reader.goes("/channels");
  await reader.page.getByText("Mercado Libre is having trouble").first().waitFor();
  await reader.page.getByText(/fenicia goes on by itself/).first().waitFor();
  await reader.isAccessible();
  await ana.page.getByText(/^All \d+ channels are in step/).waitFor({ timeout: 60_000 });
  await ana.page.getByRole("heading", { name: "Nothing needs you" }).waitFor();
  await world.mercadolibre.fails({ fault: "rate_limited", seconds: 30 });
  await world.api(`orders/${keys[0]}/sync`, {});
  await reader.page.getByText(/Mercado Libre asks us to wait until \d\d:\d\d/).first().waitFor({ timeout: 30_000 });
  const card = reader.page.getByRole("region", { name: "Mercado Libre" });
  const button = card.getByRole("button", { name: "Sync orders" });
  assert.equal(await button.getAttribute("aria-disabled"), "true");
  assert.match(await reader.page.locator(`#${await button.getAttribute("aria-describedby")}`).innerText(), /asks us to wait/);
  await card.getByRole("link", { name: "Sync orders" }).waitFor({ timeout: 60_000 });
  for (const one of [ana, reader]) await one.leaves();
});

journey("3. a channel must be reconnected", async () => {
  const ana = await comes("ana");
  await ana.goes("/");
  await world.walmart.access("revoked");
  const key = `walmart:${(await world.walmart.ask("POST", "orders", {})).ids[0]}`;
  await world.api(`orders/${key}/sync`, {}).catch(() => {});
  await ana.page.getByRole("table", { name: "Channels" }).getByText("Reconnect needed").waitFor({ timeout: 30_000 });
  await ana.page.getByText(/Walmart is disconnected since/).waitFor();
  await ana.page.getByText("Ask an admin to reconnect").first().waitFor();
  assert.equal(await ana.link(/^Reconnect/).count(), 0);
  const luis = await comes("luis");
  await luis.goes("/");
  await luis.link(/^Reconnect/).first().click();
  await luis.heading("Reconnect Walmart").waitFor();
  await world.walmart.access("restored");
  await luis.button("Test the connection").click();
  await luis.page.getByRole("heading", { name: "Result of the test" }).waitFor();
  const count = (await world.api("channels")).items.length;
  await ana.page.getByText(`All ${count} channels are in step`).waitFor({ timeout: 30_000 });
  await until("the waiting order", () => world.api(`orders/${key}`).catch(() => null), 60_000);
  for (const reader of [ana, luis]) await reader.leaves();
});

journey("5. an order by its number", async () => {
  const key = await world.shopify.places(world, { name: "Nadia Corvo", email: "nadia@example.com" });
  const wanted = await number(key);
  for (const script of [true, false]) {
    const ana = await comes("ana", { script });
    ana.private = ["Nadia", "nadia@"];
    await ana.goes("/orders");
    await ana.searches(wanted);
    assert.equal(new URL(ana.page.url()).pathname, `/orders/${key}`);
    assert.equal(await ana.page.title(), `${wanted} · Orders · fenicia`);
    assert.deepEqual(await ana.page.getByRole("heading", { level: 1 }).allInnerTexts(), [wanted]);
    await ana.leaves();
  }
});

journey("6. orders by a customer's name, privately", async () => {
  const name = "Zulema Quijano";
  const keys = [];
  for (let count = 0; count < 3; count++) keys.push(await world.shopify.places(world, { name, email: "zulema@example.com" }));
  const ana = await comes("ana");
  ana.private = ["Zulema", "Quijano", "zulema@"];
  await ana.goes("/orders");
  await ana.searches(name);
  assert.match(ana.page.url(), /\?s=/);
  assert.equal(await ana.rows().count(), 3);
  const list = ana.page.url();
  await ana.rows().nth(1).getByRole("link").click();
  await ana.page.waitForURL(/\/orders\//);
  await ana.page.goBack();
  assert.equal(ana.page.url(), list);
  assert.equal(await ana.rows().count(), 3);
  const luis = await comes("luis");
  await luis.goes(list);
  await luis.page.getByText("This search has expired, type it again.").waitFor();
  assert.equal(await luis.rows().count(), 0);
  for (const reader of [ana, luis]) await reader.leaves();
});

journey("7. back with filters", async () => {
  for (const script of [true, false]) {
    const ana = await comes("ana", { script });
    await ana.goes("/orders");
    await ana.page.getByLabel("Channel", { exact: true }).selectOption({ label: "Shopify" });
    await ana.page.getByLabel("Placed", { exact: true }).selectOption({ label: "Last 7 days" });
    await ana.button("Apply").click();
    await ana.page.waitForURL(/channel=shopify/);
    const narrowed = ana.page.url();
    assert.doesNotMatch(narrowed, /status=|payment_status=/);
    await ana.page.getByRole("navigation", { name: "Views" }).getByRole("link", { name: /^To ship/ }).click();
    await ana.page.waitForURL(/status=accepted/);
    assert.match(ana.page.url(), /channel=shopify/);
    const shown = await ana.rows().count();
    await ana.rows().first().getByRole("link").click();
    await ana.page.waitForURL(/\/orders\//);
    await ana.page.goBack();
    assert.equal(await ana.rows().count(), shown);
    assert.equal(await ana.page.getByLabel("Status", { exact: true }).inputValue(), "accepted");
    await ana.page.goBack();
    assert.equal(ana.page.url(), narrowed);
    await ana.page.goForward();
    await ana.link("Shopify remove this filter").first().click();
    await ana.page.waitForURL((url) => !url.searchParams.has("channel") && url.searchParams.has("status"));
    await ana.leaves();
  }
});

journey("8. nothing matches, and nonsense in the address", async () => {
  const ana = await comes("ana");
  await ana.goes("/orders?channel=shopify&status=delivered&payment_status=partially_refunded");
  await ana.page.getByText("No order matches these 3 filters.").waitFor();
  const reply = await ana.goes("/orders?status=foo&cursor=%00&placed_after=yesterday&limit=-1&x=%3Cb%3Ehi");
  assert.equal(reply.status(), 200);
  await ana.page.getByText("status=foo is not known").waitFor();
  await ana.page.getByText("placed_after=yesterday is not known").waitFor();
  assert.equal(await ana.page.locator("b", { hasText: /^hi/ }).count(), 0);
  await ana.leaves();
});

journey("10. sync in place", async (t) => {
  t.after(() => world.shopify.recovers());
  for (const viewport of [wide, phone]) {
    const key = await world.shopify.places(world, { paid: false });
    await world.shopify.isQuiet();
    await world.shopify.fails({ fault: "lost", times: 20 });
    await world.shopify.happens(key, { deed: "pay" });
    const ana = await comes("ana", { viewport });
    await ana.goes(`/orders/${key}`);
    await world.shopify.fails({ operation: "*", fault: "delay", ms: 700, times: 1 });
    const asked = (await world.shopify.calls()).length;
    const box = await ana.button("Sync").boundingBox();
    await ana.button("Sync").dblclick();
    await ana.page.getByText("Asking Shopify…").filter({ visible: true }).waitFor();
    await ana.page.getByText(/^Updated: .*payment/).first().waitFor();
    await ana.page.getByRole("status").getByText(/^Updated/).waitFor();
    assert.deepEqual(await ana.button("Sync").boundingBox(), box);
    assert.equal(await ana.page.evaluate(() => document.activeElement?.id), "sync");
    assert.equal(await ana.page.locator("#state").getByText("Paid").count(), 1);
    assert.equal((await world.shopify.calls()).length - asked, 1);
    await ana.button("Sync").click();
    await ana.page.getByText("Up to date, nothing changed").first().waitFor();
    await world.shopify.recovers();
    await ana.leaves();
  }
});

journey("11. a sync fails and is understood", async (t) => {
  t.after(() => world.shopify.recovers());
  const key = await world.shopify.places(world);
  await world.shopify.fails({ fault: "status", status: 503, times: 1 });
  const ana = await comes("ana");
  await ana.goes(`/orders/${key}`);
  await ana.button("Sync").click();
  await ana.page.getByRole("heading", { name: /Sync failed: Shopify is having trouble/ }).waitFor();
  await ana.page.getByText(/fenicia tries again at/).first().waitFor();
  await ana.page.getByRole("heading", { name: /Sync failed/ }).waitFor({ state: "hidden", timeout: 90_000 });
  await ana.page.getByText(/Synced after 2 attempts/).waitFor();
  await world.shopify.recovers();
  await ana.leaves();
});

journey("12. ship a part", async () => {
  for (const options of [{}, { viewport: phone }, { script: false }]) {
    const lines = [{ ...pot, sku: "CASE", title: "Pillow case", quantity: 2 }, { ...pot, sku: "CANDLE", title: "Candle", quantity: 2 }];
    const key = await world.shopify.places(world, { lines });
    const ana = await comes("ana", options);
    await ana.goes(`/orders/${key}`);
    await ana.link("Mark as shipped").click();
    await ana.page.getByRole("heading", { name: "Mark as shipped" }).waitFor();
    await ana.page.getByLabel("Units to ship: Pillow case").fill("1");
    await ana.page.getByLabel("Units to ship: Candle").fill("0");
    await ana.page.getByRole("combobox", { name: /^Carrier/ }).fill("DHL Express");
    await ana.page.getByLabel(/^Tracking number/).fill("JD014600003SE");
    const button = options.script === false ? ana.button(/^Ship/) : ana.button("Ship 1 unit");
    await button.click();
    await ana.page.getByText(/^Shopify confirmed: shipment/).first().waitFor();
    assert.equal(new URL(ana.page.url()).pathname, `/orders/${key}`);
    await ana.page.getByText("1 of 4 units shipped").waitFor();
    await ana.page.getByText("JD014600003SE").first().waitFor();
    assert.equal(await ana.page.locator("#state").getByText("Accepted").count(), 1);
    const effects = await world.shopify.effects(key);
    assert.equal(effects.length, 1);
    assert.match(JSON.stringify(effects[0].detail), /JD014600003SE/);
    await ana.leaves();
  }
});

journey("13. the form says what is missing", async () => {
  const key = await world.shopify.places(world, { lines: [pot] });
  const ana = await comes("ana");
  await ana.goes(`/orders/${key}`);
  await ana.link("Mark as shipped").click();
  const dialog = ana.page.getByRole("dialog", { name: "Mark as shipped" });
  await dialog.getByLabel("Units to ship: Copper pot").fill("0");
  await dialog.getByRole("button", { name: /^Ship/ }).click();
  await dialog.getByRole("alert").getByText("There is a problem").waitFor();
  assert.match(await ana.page.title(), /^Error: /);
  assert.equal(await ana.page.evaluate(() => document.activeElement?.id), "faults");
  await dialog.getByRole("link", { name: "Choose at least 1 unit" }).waitFor();
  await dialog.getByRole("link", { name: "Enter the carrier" }).waitFor();
  assert.deepEqual(await world.shopify.effects(key), []);
  await ana.isAccessible();
  await ana.leaves();
});

journey("13. the channel refuses the parcel", async (t) => {
  t.after(() => world.amazon.recovers());
  const key = await world.amazon.places(world, { lines: [pot] });
  const ana = await comes("ana");
  await world.amazon.fails({ operation: "confirmShipment", fault: "status", status: 400 });
  const ships = async (tracking) => {
    const dialog = ana.page.getByRole("dialog", { name: "Mark as shipped" });
    await dialog.getByRole("combobox", { name: /^Carrier/ }).fill("UPS");
    await dialog.getByLabel(/^Tracking number/).fill(tracking);
    await dialog.getByRole("button", { name: "Ship 1 unit" }).click();
  };
  await ana.goes(`/orders/${key}`);
  await ana.link("Mark as shipped").click();
  await ships("EST-2219");
  await ana.page.getByRole("heading", { name: /Amazon refused: shipment|Amazon refused the shipment/ }).waitFor({ timeout: 30_000 });
  const { items: [failure] } = await world.api("failures?channel=amazon");
  assert.equal(failure.error.kind, "invalid_request");
  assert.deepEqual(await world.amazon.effects(key), []);
  await ana.goes("/");
  await ana.link(/^Correct and send/).first().click();
  await ana.page.waitForURL(/\/orders\//);
  await ana.link(/^Correct and send/).first().click();
  await ships("1Z999AA10123456784");
  await ana.page.getByText(/^Amazon confirmed: shipment/).first().waitFor({ timeout: 30_000 });
  await until("no failure", async () => (await world.api("failures?channel=amazon")).items.length === 0);
  await ana.page.getByRole("heading", { name: /Amazon refused/ }).waitFor({ state: "hidden" });
  await ana.goes("/");
  await ana.page.getByRole("heading", { name: "Nothing needs you" }).waitFor();
  assert.equal((await world.amazon.effects(key)).length, 1);
  await ana.leaves();
});

journey("14. cancel with open eyes", async () => {
  const key = await world.shopify.places(world, { lines: [pot] });
  const ana = await comes("ana");
  await ana.goes(`/orders/${key}`);
  await ana.link("Cancel order").click();
  const dialog = ana.page.getByRole("dialog", { name: /^Cancel order/ });
  await dialog.waitFor();
  assert.equal(await dialog.getByRole("radio").count(), 5);
  assert.equal(await dialog.getByRole("radio", { checked: true }).count(), 0);
  await dialog.getByText("INVENTORY").waitFor();
  await dialog.getByText(/not refunded by this/).waitFor();
  await dialog.getByRole("button", { name: "Cancel order" }).click();
  await dialog.getByRole("alert").getByText("Choose a reason").waitFor();
  await dialog.getByRole("link", { name: "Keep the order" }).click();
  await dialog.waitFor({ state: "detached" });
  assert.equal(await ana.page.evaluate(() => document.activeElement?.textContent), "Cancel order");
  await ana.page.keyboard.press("Enter");
  await dialog.waitFor();
  await ana.page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.deepEqual(await world.shopify.effects(key), []);
  await ana.link("Cancel order").click();
  await dialog.getByRole("radio", { name: /Out of stock/ }).check();
  await dialog.getByRole("button", { name: "Cancel order" }).click();
  await dialog.waitFor({ state: "detached" });
  await ana.page.locator("#state").getByText("Cancelled").waitFor({ timeout: 30_000 });
  const effects = await world.shopify.effects(key);
  assert.equal(effects.length, 1);
  assert.match(JSON.stringify(effects[0].detail), /INVENTORY/);
  await ana.leaves();
});

journey("15. what a channel cannot do", async () => {
  const key = await world.mercadolibre.places(world, { flavour: "full" });
  const ana = await comes("ana");
  await ana.goes(`/orders/${key}`);
  const button = ana.button("Mark as shipped");
  assert.equal(await button.getAttribute("aria-disabled"), "true");
  const why = await ana.page.locator(`#${await button.getAttribute("aria-describedby")}`).innerText();
  assert.match(why, /^Mark as shipped is not possible: ./);
  await button.focus();
  await ana.page.keyboard.press("Enter");
  await ana.page.getByRole("status").getByText(/not possible/).waitFor();
  const csrf = await ana.page.locator("input[name=csrf]").first().inputValue();
  const forged = await ana.context.request.post(`/orders/${key}/ship`, { form: { csrf, carrier: "DHL", tracking_number: "1", "units-0": "1" }, maxRedirects: 0 });
  assert.equal(forged.status(), 409);
  assert.ok((await forged.text()).length > 0);
  assert.deepEqual(await world.mercadolibre.effects(key), []);
  await ana.leaves();
});

journey("16. an answer that never came", async (t) => {
  t.after(() => world.shopify.recovers());
  const key = await world.shopify.places(world, { lines: [pot] });
  await world.shopify.isQuiet();
  await world.shopify.fails({ operation: "orderCancel", fault: "reset_after" });
  const ana = await comes("ana");
  await ana.goes(`/orders/${key}/cancel`);
  await ana.page.getByRole("radio", { name: /Out of stock/ }).check();
  await ana.button("Cancel order").click();
  await ana.page.locator("#state").getByText("Cancelled").waitFor({ timeout: 60_000 });
  await ana.page.getByText(/^Shopify confirmed: cancellation/).first().waitFor({ timeout: 60_000 });
  const effects = await world.shopify.effects(key);
  assert.equal(effects.length, 1, "one cancellation was sent");
  await ana.leaves();
});

journey("17. a bulk sync with progress goes on after a kill", async (t) => {
  t.after(() => world.shopify.recovers());
  await world.shopify.ask("POST", "orders", { count: 60 });
  let ana = await comes("ana", { viewport: phone });
  await ana.goes("/channels/shopify");
  await world.shopify.fails({ fault: "delay", ms: 600, times: null });
  await ana.link("Sync orders").click();
  const dialog = ana.page.getByRole("dialog", { name: "Sync orders" });
  await dialog.getByRole("radio", { name: "Last 30 days" }).check();
  await dialog.getByRole("button", { name: "Sync orders" }).click();
  await ana.page.getByText("Syncing orders").first().waitFor();
  await ana.page.getByRole("progressbar").waitFor();
  await ana.fits();
  await ana.isAccessible();
  const running = () => world.api("channels/shopify").then((channel) => channel.sync?.sync_id ?? null).catch(() => null);
  const luis = await comes("luis");
  await luis.goes("/channels");
  await luis.page.getByText("Syncing orders").first().waitFor();
  const again = await world.api("channels/shopify/sync", {}).catch((error) => error.message);
  assert.match(again, /409/);
  const id = /"sync_id":"([^"]+)"/.exec(again)?.[1] ?? await running();
  assert.ok(id, again);
  for (const reader of [ana, luis]) await reader.context.close();
  await world.isKilledAndStartedAgain();
  ana = await comes("ana");
  await ana.goes("/channels/shopify");
  await ana.page.getByText("Syncing orders").first().waitFor();
  await world.shopify.recovers();
  await ana.page.getByText("Orders synced").waitFor({ timeout: 60_000 });
  await ana.page.getByText(/\d+ in step/).waitFor();
  const run = await world.api(`syncs/${id}`);
  assert.deepEqual([run.state, run.failed, run.done], ["done", 0, run.found]);
  const { items } = await world.api("orders?channel=shopify&limit=200");
  assert.equal(new Set(items.map((order) => order.channel_order_id)).size, items.length);
  for (const order of items.slice(0, 20)) {
    const timeline = await world.api(`orders/${order.id}/timeline?limit=200`);
    assert.equal(timeline.items.filter((event) => event.kind === "created").length, 1, order.id);
  }
  await ana.leaves();
});

journey("18. stopping a bulk sync", async (t) => {
  t.after(() => world.shopify.recovers());
  const ana = await comes("ana");
  await ana.goes("/channels/shopify");
  await world.shopify.fails({ fault: "delay", ms: 800, times: null });
  await ana.link("Sync orders").click();
  const dialog = ana.page.getByRole("dialog", { name: "Sync orders" });
  await dialog.getByRole("radio", { name: "Last 30 days" }).check();
  await dialog.getByRole("button", { name: "Sync orders" }).click();
  await ana.button("Stop").click();
  await ana.page.getByText(/^Stopped/).first().waitFor({ timeout: 30_000 });
  await world.shopify.recovers();
  await world.shopify.isQuiet();
  await ana.link("Sync orders").waitFor();
  await ana.leaves();
});

journey("19. failures and retry", async (t) => {
  t.after(() => world.shopify.recovers());
  const key = await world.shopify.places(world, { lines: [pot] });
  await world.shopify.fails({ fault: "status", status: 500, times: 2 });
  await world.api(`orders/${key}/sync`, {});
  await until("the failure", async () => (await world.api("failures")).items.length > 0);
  for (const viewport of [wide, phone]) {
    const ana = await comes("ana", { viewport });
    await ana.goes("/failures");
    await ana.page.getByText(/Shopify · Shopify is having trouble/).waitFor();
    await ana.page.getByLabel("Channel", { exact: true }).selectOption({ label: "Amazon" });
    await ana.button("Apply").click();
    await ana.page.waitForURL(/channel=amazon/);
    await ana.page.getByText("Nothing has failed.").waitFor();
    await ana.fits();
    await ana.leaves();
  }
  await world.shopify.recovers();
  const ana = await comes("ana");
  await ana.goes("/failures?channel=shopify");
  if (await ana.button(/^Retry #/).count()) await ana.button(/^Retry #/).first().click();
  await until("the cure", async () => (await world.api("failures?channel=shopify")).items.length === 0, 60_000);
  // A row that is gone keeps its place, dimmed, while it is looked at.
  await ana.goes("/failures?channel=shopify");
  await ana.page.getByText("Nothing has failed.").waitFor();
  await ana.leaves();
});

journey("20. news while reading", async () => {
  const key = await world.shopify.places(world, { lines: [pot], paid: false });
  const ana = await comes("ana");
  await ana.goes("/orders?channel=shopify");
  const before = await ana.rows().count();
  const row = ana.rows().filter({ hasText: await number(key) });
  await row.getByRole("link").focus();
  const at = await row.boundingBox();
  await world.shopify.happens(key, { deed: "pay" });
  await row.getByText("Paid").filter({ visible: true }).waitFor({ timeout: 30_000 });
  assert.equal(await ana.page.evaluate(() => document.activeElement?.getAttribute("href")), `/orders/${key}`);
  const fresh = await world.shopify.places(world, { lines: [pot] });
  await ana.link("New orders · show").waitFor({ timeout: 30_000 });
  assert.equal(await ana.rows().count(), before);
  assert.equal((await row.boundingBox()).height, at.height);
  await ana.link("New orders · show").click();
  await ana.link(await number(fresh)).waitFor();
  await ana.leaves();
});

journey("21. the stream breaks", async (t) => {
  const line = await world.behindALine();
  t.after(() => line.close());
  const key = await world.shopify.places(world, { lines: [pot], paid: false });
  const ana = await Reader.comes(browser, line.world, "ana");
  await ana.goes(`/orders/${key}`);
  await ana.page.getByText(/^Live/).filter({ visible: true }).first().waitFor();
  line.cut();
  await ana.page.getByRole("status").getByText(/^Not live since \d\d:\d\d:\d\d, trying again/).waitFor({ timeout: 30_000 });
  await world.shopify.happens(key, { deed: "pay" });
  await until("the payment", async () => (await world.api(`orders/${key}`)).payment_status === "paid");
  assert.equal(await ana.page.locator("#state").getByText("Payment pending").count(), 1);
  await ana.button("Sync").click();
  await ana.page.getByText(/does not answer this browser/).waitFor();
  line.mend();
  await ana.page.locator("#state").getByText("Paid", { exact: true }).waitFor({ timeout: 30_000 });
  await ana.page.getByRole("status").getByText("Live", { exact: true }).waitFor();
  assert.equal(await ana.page.getByText(/does not answer this browser/).filter({ visible: true }).count(), 0);
  await ana.leaves();
});

journey("22. by keyboard alone, and rules of accessibility", async () => {
  const key = await world.shopify.places(world, { lines: [pot] });
  const pages = ["/", "/orders", "/orders/filters", `/orders/${key}`, `/orders/${key}/ship`, `/orders/${key}/cancel`, `/orders/${key}/timeline?only=problems`, "/orders/export", "/channels", "/channels/shopify", "/channels/shopify/sync", "/channels/amazon/reconnect", "/failures", "/notifications", "/settings", "/settings/keys", "/nowhere"];
  const narrow = { width: 320, height: 640 };
  for (const [viewport, theme] of [[wide, "light"], [wide, "dark"], [phone, "light"], [narrow, "light"]]) {
    const luis = await comes("luis", { theme, viewport });
    for (const path of pages) {
      await luis.goes(path);
      if (viewport !== narrow) await luis.isAccessible();
      await luis.fits();
    }
    await luis.leaves();
  }
  const stranger = await comes(null);
  await stranger.goes("/login");
  await stranger.isAccessible();
  await stranger.leaves();
  const ana = await comes("ana");
  await ana.goes("/");
  await ana.page.keyboard.press("Tab");
  assert.equal(await ana.page.evaluate(() => document.activeElement?.textContent), "Skip to content");
  await ana.page.locator("main").focus();
  await ana.page.keyboard.press("g");
  await ana.page.keyboard.press("o");
  await ana.page.waitForURL(/\/orders$/);
  await ana.page.keyboard.press("j");
  const href = await ana.page.evaluate(() => document.activeElement?.getAttribute("href"));
  assert.match(href, /^\/orders\//);
  await ana.page.keyboard.press("Enter");
  await ana.page.waitForURL(/\/orders\/./);
  await ana.page.keyboard.press("s");
  await ana.page.locator("#outcome").getByText(/^Up to date|^Updated/).waitFor();
  await ana.goes(`/orders/${key}`);
  await ana.link("Mark as shipped").focus();
  await ana.page.keyboard.press("Enter");
  const dialog = ana.page.getByRole("dialog", { name: "Mark as shipped" });
  await dialog.waitFor();
  for (let tabs = 0; tabs < 12; tabs++) {
    await ana.page.keyboard.press("Tab");
    assert.ok(await ana.page.evaluate(() => document.activeElement === document.body || !!document.activeElement.closest("dialog")), "the dialog keeps the focus");
  }
  await dialog.getByRole("combobox", { name: /^Carrier/ }).focus();
  await ana.page.keyboard.type("DHL Express");
  await ana.page.keyboard.press("Tab");
  await ana.page.keyboard.type("JD22");
  await ana.page.keyboard.press("Enter");
  await ana.page.getByText(/^Shopify confirmed: shipment/).first().waitFor();
  await ana.goes("/settings");
  await ana.page.getByRole("checkbox", { name: /^Keyboard shortcuts/ }).uncheck();
  await ana.button("Save").click();
  await ana.page.getByText("Saved.").waitFor();
  await ana.page.locator("main").focus();
  await ana.page.keyboard.press("g");
  await ana.page.keyboard.press("o");
  assert.equal(new URL(ana.page.url()).pathname, "/settings");
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
  const demo = spawn(binary, ["demo", "--for", "60s"], { stdio: ["ignore", "pipe", "ignore"] });
  const gone = new Promise((done) => demo.once("exit", done));
  t.after(() => { demo.kill("SIGTERM"); return gone; });
  let told = "";
  demo.stdout.on("data", (part) => { told += part; });
  const link = await until("the demo's link", () => /http:\S+once=\S+/.exec(told)?.[0], 60_000);
  const own = Object.create(world, { url: { value: new URL(link).origin } });
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
  const foreign = await fetch(`${world.url}/login`, { headers: { host: "evil.example" } }).catch(() => null);
  assert.ok(foreign === null || foreign.status === 421 || foreign.ok);
});
