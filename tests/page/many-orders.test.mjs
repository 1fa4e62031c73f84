// Many orders at once.

import assert from "node:assert/strict";
import { Reader, phone, wide } from "./reader.mjs";
import { browser, comes, journey, pot, world } from "./stage.mjs";
import { until } from "./world.mjs";

/** So many orders are synced at once. */
const many = Number(process.env.FENICIA_JOURNEY_BULK ?? 400);
const days = (n) => new Date(Date.now() - n * 86_400_000).toISOString();
const run = (id) => world.api(`syncs/${id}`);
const isOver = async (id) => (await run(id)).state !== "running";

/** Starts a bulk sync over 30 days in the page; answers its id. */
async function starts(reader, wish = "Last 30 days") {
  await reader.link("Sync orders").click();
  const dialog = reader.page.getByRole("dialog", { name: "Sync orders" });
  await dialog.getByRole("radio", { name: wish }).check();
  await dialog.getByRole("button", { name: "Sync orders" }).click();
  const group = reader.page.getByRole("group", { name: /^Syncing orders/ });
  await group.waitFor();
  return group.getAttribute("data-sync");
}

/** What the bar and the numbers beside it say, each time they change, until the run is over. */
function follows(reader) {
  return reader.page.evaluate(() => new Promise((done) => {
    const told = [];
    const look = () => {
      const group = document.querySelector("[data-sync]"), text = group.innerText, bar = group.querySelector("progress");
      const number = (words) => Number((words.exec(text)?.[1] ?? "0").replaceAll(",", ""));
      const left = /about (\d+) (s|min) left/.exec(text);
      told.push({
        known: bar?.hasAttribute("max") ?? false, bar: bar?.value ?? null,
        found: number(/of ([\d,]+) done/) || number(/([\d,]+) found so far/), done: number(/([\d,]+) in step/), failed: number(/([\d,]+) failed/),
        left: left && Number(left[1]) * (left[2] === "s" ? 1 : 60),
      });
      if (!bar) { watcher.disconnect(); done(told); }
    };
    const watcher = new MutationObserver(look);
    watcher.observe(document.querySelector("main"), { subtree: true, childList: true, characterData: true });
    look();
  }));
}

function onlyGrow(told) {
  for (const part of ["found", "done", "failed", "bar"]) {
    const known = told.filter((one) => one[part] !== null && (part !== "bar" || one.known)).map((one) => one[part]);
    assert.deepEqual(known, known.toSorted((a, b) => a - b), `${part} only grows`);
  }
  const left = told.map((one) => one.left).filter((seconds) => seconds !== null);
  const step = (seconds) => (seconds < 60 ? 5 : seconds < 900 ? 60 : 300);
  left.slice(1).forEach((seconds, n) => assert.ok(seconds <= left[n] + step(left[n]), `the time left jumped up: ${left}`));
  return left;
}

journey("17. a bulk sync with progress goes on after a kill", async (t) => {
  t.after(() => world.shopify.recovers());
  await world.shopify.fails({ fault: "lost", times: null });
  const { ids } = await world.shopify.ask("POST", "orders", { count: many, placed_at: days(2) });
  await world.shopify.fails({ operation: "nodes", fault: "delay", ms: 1_500, times: null });
  // At an address that stays when the daemon comes back.
  const line = await world.behindALine();
  t.after(() => line.close());
  const luis = await Reader.comes(browser, line.world, "luis", { viewport: phone }), ana = await Reader.comes(browser, line.world, "ana");
  for (const reader of [luis, ana]) await reader.goes("/channels/shopify");
  const id = await starts(luis);
  // Another browser shows the same bar, and so does a reload; a second start shows the running one.
  await ana.page.getByRole("progressbar", { name: /^Syncing orders/ }).waitFor();
  const seen = follows(ana);
  await luis.page.reload();
  await luis.page.getByRole("progressbar").waitFor();
  await luis.page.getByText(/\d[\d,]* (of [\d,]+ done|found so far)/).first().waitFor();
  await luis.fits();
  await luis.isAccessible();
  const again = await world.api("channels/shopify/sync", {}).catch((error) => error.message);
  assert.match(again, new RegExp(`409.*${id}`));
  await luis.goes("/channels/shopify/sync");
  await luis.button("Sync orders").click();
  await luis.page.getByRole("group", { name: /^Syncing orders/ }).waitFor();
  assert.equal(await luis.page.locator("[data-sync]").getAttribute("data-sync"), id);
  await ana.page.getByText(/about \d+ (s|min) left/).waitFor({ timeout: 90_000 });
  await until("half of it", async () => { const { done, found } = await run(id); return found > 0 && done * 2 >= found; }, 90_000);
  await world.isKilledAndStartedAgain();
  const halfway = await run(id);
  assert.equal(halfway.state, "running", "it goes on");
  await world.shopify.recovers();
  await until("the end of the run", () => isOver(id), 120_000);
  const told = await seen;
  assert.ok(onlyGrow(told).length > 1, "the time left was told");
  assert.ok(told.at(-1).done >= halfway.done);
  const over = await run(id);
  assert.deepEqual([over.state, over.done, over.failed], ["done", over.found, 0]);
  assert.ok(over.found >= many);
  assert.equal((await world.api("orders/summary")).channel.shopify, many, "nothing twice");
  for (const order of ids.filter((_, n) => n % 50 === 0)) {
    const { items } = await world.api(`orders/shopify:${order}/timeline?limit=200`);
    assert.equal(items.filter((event) => event.kind === "created").length, 1, order);
  }
  for (const reader of [luis, ana]) await reader.leaves();
});

journey("17. a bulk sync names what could not be read", async (t) => {
  t.after(() => world.shopify.recovers());
  const { ids } = await world.shopify.ask("POST", "orders", { count: 15, lines: [pot] });
  await until("the orders", async () => (await Promise.all(ids.map((id) => world.api(`orders/shopify:${id}`).catch(() => null)))).every(Boolean), 60_000);
  // Those that were read once: one that only a webhook told of is looked for again before it counts as gone.
  const gone = ids.slice(0, 3);
  for (const id of gone) await world.sync(`shopify:${id}`);
  // All change unnoticed. Three are deleted then, which the index behind Shopify's list does not know yet.
  await world.shopify.fails({ fault: "lost", times: null });
  for (const id of ids) await world.shopify.happens(`shopify:${id}`, { deed: "cancel" });
  for (const id of gone) await world.shopify.happens(`shopify:${id}`, { deed: "delete", listed: true });
  const changed = Date.now();
  await until("the list, which trails by two seconds", () => Date.now() - changed > 3_000);
  const ana = await comes("ana");
  await ana.goes("/channels/shopify");
  const id = await starts(ana);
  const group = ana.page.getByRole("group", { name: /^Orders synced/ });
  await group.waitFor({ timeout: 60_000 });
  const { found, done, failed } = await run(id);
  assert.deepEqual([done, failed], [found - 3, 3]);
  await group.getByText(`${done.toLocaleString("en")} in step`, { exact: true }).waitFor();
  await group.getByRole("link", { name: "3 failed" }).click();
  await ana.heading("Failures").waitFor();
  await ana.page.getByText("Only of this bulk sync").waitFor();
  const lines = ana.page.getByRole("listitem").filter({ hasText: "sync of the order" });
  const named = await lines.getByRole("link").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
  assert.deepEqual(named.toSorted(), gone.map((id) => `/orders/shopify:${id}`).toSorted(), "just these");
  await ana.link("All failures").click();
  await ana.page.waitForURL(/\/failures$/);
  await ana.leaves();
});

journey("18. stop it", async (t) => {
  t.after(() => world.shopify.recovers());
  await world.shopify.fails({ fault: "lost", times: null });
  const { ids } = await world.shopify.ask("POST", "orders", { count: 300, placed_at: days(1) });
  await world.shopify.fails({ operation: "nodes", fault: "delay", ms: 1_500, times: null });
  const ana = await comes("ana");
  await ana.goes("/channels/shopify");
  const id = await starts(ana, "Last 7 days");
  const fresh = async () => (await world.api("orders?channel=shopify&placed_after=" + days(1.5) + "&limit=200")).items.length;
  await until("about a third", async () => (await fresh()) >= 80, 60_000);
  await ana.button("Stop").click();
  await until("the press to be heard", () => ana.said.includes("Stopping…"));
  await ana.page.getByText("Stopped. What is done stays.").waitFor({ timeout: 30_000 });
  assert.equal((await run(id)).state, "cancelled");
  await world.shopify.isQuiet();
  const { done } = await run(id), calls = (await world.shopify.calls()).length;
  await ana.page.getByText(/^[\d,]+ of [\d,]+ done$/).waitFor();
  const missing = [];
  for (const order of ids) if (!(await world.api(`orders/shopify:${order}`).catch(() => null))) missing.push(order);
  assert.ok(missing.length > 60, `${missing.length} of 300 were left alone`);
  assert.equal((await world.shopify.calls()).length, calls, "no further call");
  await ana.page.reload();
  await ana.page.getByText("Stopped. What is done stays.").waitFor();
  assert.equal((await run(id)).done, done, "what is done stays");
  // Nothing has to be waited for before the next one.
  await ana.link("Sync orders").click();
  await ana.page.getByRole("dialog", { name: "Sync orders" }).getByRole("button", { name: "Sync orders" }).waitFor();
  await ana.leaves();
});

journey("19. failures and retry", async (t) => {
  t.after(() => Promise.all([world.shopify.recovers(), world.amazon.recovers()]));
  for (const { id } of (await world.api("failures")).items) await world.api(`failures/${id}/dismiss`, {});
  const place = async (shop, count) => Promise.all(Array.from({ length: count }, () => shop.places(world, { lines: [pot] })));
  // The failing check of the channel itself is the twelfth.
  const troubled = await place(world.shopify, 3), gone = await place(world.shopify, 3), refused = await place(world.amazon, 5);
  await Promise.all([world.shopify.isQuiet(), world.amazon.isQuiet()]);
  await world.amazon.fails({ operation: "confirmShipment", fault: "status", status: 400, times: null });
  for (const key of refused) await world.api(`orders/${key}/ship`, { carrier: "UPS", tracking_number: "EST-1" });
  await world.shopify.fails({ fault: "lost", times: null });
  // Shopify lets only cancelled orders be deleted.
  for (const deed of ["cancel", "delete"]) for (const key of gone) await world.shopify.happens(key, { deed });
  for (const key of gone) { await world.api(`orders/${key}/sync`, {}); }
  const failing = async (kind) => (await world.api("failures?limit=200")).items.filter((one) => one.error.kind === kind);
  await until("orders that are gone", async () => (await failing("not_found")).length === 3);
  await world.shopify.fails({ operation: "nodes", fault: "status", status: 500, times: null });
  for (const key of troubled) await world.api(`orders/${key}/sync`, {});
  await until("12 failures", async () => (await world.api("failures?limit=200")).items.length === 12 && (await failing("unavailable")).length === 4, 60_000);
  const groups = [
    [/^Shopify · Shopify is having trouble/, "4 failures", "It answers with errors. Wait."],
    [/^Shopify · Not in Shopify any more/, "3 failures", "The order was deleted there."],
    [/^Amazon · Amazon refuses the content/, "5 failures", "Correct it and send again."],
  ];
  for (const viewport of [wide, phone]) {
    const ana = await comes("ana", { viewport });
    await ana.goes("/failures");
    await ana.page.getByText("12 open failures").waitFor();
    for (const [name, count, advice] of groups) {
      const group = ana.page.getByRole("group").filter({ hasText: name });
      await group.getByText(count).first().waitFor();
      await group.getByText(advice).first().waitFor();
    }
    await ana.isAccessible();
    await ana.fits();
    await ana.page.getByLabel("Channel", { exact: true }).selectOption({ label: "Amazon" });
    await ana.button("Apply").click();
    await ana.page.waitForURL(/\?channel=amazon$/);
    await ana.page.getByText("5 open failures").waitFor();
    await ana.page.getByLabel("Channel", { exact: true }).selectOption({ label: "All channels" });
    await ana.page.getByLabel("Cause").selectOption({ value: "not_found" });
    await ana.button("Apply").click();
    await ana.page.waitForURL(/\?kind=not_found$/);
    await ana.page.getByText("3 open failures").waitFor();
    await ana.leaves();
  }
  const ana = await comes("ana");
  await ana.goes("/failures");
  const group = (n) => ana.page.getByRole("group").filter({ hasText: groups[n][0] });
  const lines = (n) => group(n).getByRole("listitem");
  const places = async () => (await ana.page.getByRole("group").getByRole("listitem").evaluateAll((all) => all.map((line) => line.getBoundingClientRect().top + scrollY)));
  // One: it changes in place to its outcome, and keeps its place.
  await world.shopify.recovers();
  await world.shopify.fails({ fault: "lost", times: null });
  const before = await places(), first = lines(0).filter({ hasText: "sync of the order" }).first(), name = (await first.getByRole("link").first().innerText()).trim();
  await ana.button(`Retry ${name}`).click();
  await until("the answer", () => ana.said.some((said) => said.includes("1 put back to work.")));
  const cured = lines(0).filter({ hasText: name });
  // Of the line, or of its whole group.
  const note = () => cured.evaluate((line) => line.closest("[data-note]")?.dataset.note ?? "");
  await until("its outcome", async () => /^over since \d\d:\d\d:\d\d$/.test(await note()), 60_000);
  assert.equal(await cured.getByRole("button").count(), 0);
  assert.equal((await places()).length, before.length, "every line keeps its place");
  await until("the others, by themselves", () => lines(0).evaluateAll((all) => all.every((line) => line.closest(".gone"))), 60_000);
  // A group: the button and the answer name the number. What is gone stays gone, and its lines stay.
  const times = async () => new Map((await failing("not_found")).map((one) => [one.order_id, one.failed_at]));
  const tried = await times();
  await group(1).getByRole("button", { name: "Retry all 3" }).click();
  await ana.page.getByRole("status").getByText("3 put back to work.").waitFor();
  await until("the outcome of each", async () => { const now = await times(); return now.size === 3 && [...now].every(([id, at]) => at > tried.get(id)); }, 60_000);
  assert.equal(await lines(1).count(), 3);
  // What was refused says why and offers the correcting form instead.
  assert.equal(await group(2).getByRole("button", { name: /^Retry/ }).count(), 0);
  await lines(2).first().getByText(/Amazon refused to confirm the shipment/).waitFor();
  await lines(2).first().getByRole("link", { name: "Correct and send" }).click();
  await ana.page.getByRole("heading", { name: "Mark as shipped" }).waitFor();
  assert.equal(await ana.page.getByLabel(/^Tracking number/).inputValue(), "EST-1");
  // All: those that are gone at the marketplace stay so.
  await ana.goes("/failures");
  await ana.button("Retry all 3").first().click();
  await ana.page.getByText("3 put back to work.").first().waitFor();
  await until("their outcome", async () => (await failing("not_found")).length === 3);
  for (const { id } of (await world.api("failures?limit=200")).items) await world.api(`failures/${id}/dismiss`, {});
  await ana.goes("/failures");
  await ana.page.getByText("Nothing has failed.").waitFor();
  await ana.page.getByText(/^Last failure: over since \d\d:\d\d/).waitFor();
  await ana.leaves();
});
