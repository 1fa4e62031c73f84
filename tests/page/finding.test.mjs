// Finding an order.

import assert from "node:assert/strict";
import { comes, journey, pot, setting, world } from "./stage.mjs";
import { channels, until } from "./world.mjs";

/** A million of them with a release build: `just million`. */
const orders = Number(process.env.FENICIA_JOURNEY_ORDERS ?? 20_000), whole = orders >= 1_000_000;
setting({ filled: orders });

journey("5. an order by its number", async () => {
  const wanted = `#${1_000 + orders / 2}`, { items: [{ id: key }] } = await world.api(`orders?q=${encodeURIComponent(wanted)}`);
  for (const script of [true, false]) {
    const ana = await comes("ana", { script });
    await ana.goes("/orders");
    await ana.searches(wanted);
    assert.equal(new URL(ana.page.url()).pathname, `/orders/${key}`);
    assert.equal(await ana.page.title(), `${wanted} · Orders · fenicia`);
    assert.deepEqual(await ana.page.getByRole("heading", { level: 1 }).allInnerTexts(), [wanted]);
    await ana.leaves();
  }
});

journey("6. orders by a customer's name, privately", async () => {
  const name = "María Fernanda Quijano";
  await world.shopify.ask("POST", "orders", { count: 30, name, email: "zulema@example.com", lines: [pot] });
  await until("the orders", async () => (await world.api(`orders?q=${encodeURIComponent(name)}`)).items.length >= 30, 60_000);
  const ana = await comes("ana");
  await ana.goes("/orders");
  await ana.searches("María Fernanda");
  assert.match(ana.page.url(), /\?s=/);
  const list = ana.page.url(), rows = await ana.rows().allInnerTexts();
  assert.ok(rows.length >= 30 && rows.every((row) => row.includes(name)));
  const at = () => ana.page.evaluate(() => Math.round(scrollY));
  await ana.rows().nth(20).scrollIntoViewIfNeeded();
  const before = await at();
  assert.ok(before > 300, "there is something to scroll");
  await ana.rows().nth(18).getByRole("link").click();
  await ana.page.waitForURL(/\/orders\//);
  await ana.page.goBack();
  assert.equal(ana.page.url(), list);
  assert.deepEqual(await ana.rows().allInnerTexts(), rows);
  await until("the scroll position", async () => Math.abs((await at()) - before) <= 2);
  // The same address elsewhere, and without the session that knows the words.
  const luis = await comes("luis");
  await luis.goes(list);
  await luis.page.getByText("This search has expired, type it again.").waitFor();
  assert.equal(await luis.rows().count(), 0);
  for (const reader of [ana, luis]) await reader.leaves();
});

journey("7. back with filters", async () => {
  for (const script of [true, false]) {
    const ana = await comes("ana", { script });
    const numbers = () => ana.rows().getByRole("link").allInnerTexts();
    const look = async () => ({
      url: ana.page.url(),
      rows: await numbers(),
      channel: await ana.page.getByLabel("Channel", { exact: true }).inputValue(),
      status: await ana.page.getByLabel("Status", { exact: true }).inputValue(),
      chips: await ana.page.getByRole("link", { name: /remove this filter$/ }).allInnerTexts(),
    });
    await ana.goes("/orders");
    await ana.page.getByLabel("Channel", { exact: true }).selectOption({ label: "Mercado Libre" });
    await ana.page.getByLabel("Placed", { exact: true }).selectOption({ label: "Last 7 days" });
    await ana.button("Apply").click();
    await ana.page.waitForURL(/channel=mercadolibre/);
    assert.doesNotMatch(ana.page.url(), /status=|payment_status=/);
    await ana.page.getByRole("navigation", { name: "Views" }).getByRole("link", { name: /^To ship/ }).click();
    await ana.page.waitForURL(/status=accepted/);
    const first = await look();
    assert.deepEqual([first.channel, first.status, first.rows.length, first.chips.length], ["mercadolibre", "accepted", 50, 3]);
    await ana.link("Older").click();
    await ana.page.waitForURL(/cursor=/);
    const second = await look();
    assert.equal(new Set([...first.rows, ...second.rows]).size, 50 + second.rows.length, "no order twice");
    await ana.rows().first().getByRole("link").click();
    await ana.page.waitForURL(/\/orders\//);
    await ana.page.goBack();
    assert.deepEqual(await look(), second);
    await ana.page.goBack();
    assert.deepEqual(await look(), first);
    await ana.page.goForward();
    assert.deepEqual(await look(), second);
    const page = ana.page;
    await ana.opensTab();
    await ana.goes(second.url);
    assert.deepEqual(await look(), second, "a copied address");
    ana.page = page;
    await ana.link("Mercado Libre remove this filter").first().click();
    await ana.page.waitForURL((url) => !url.searchParams.has("channel"));
    const { searchParams } = new URL(ana.page.url());
    assert.deepEqual([searchParams.get("status"), searchParams.has("placed_after"), searchParams.has("cursor")], ["accepted", true, false]);
    await ana.leaves();
  }
});

journey("8. nothing matches, and nonsense in the address", async () => {
  const ana = await comes("ana");
  await ana.goes("/orders?channel=shopify&status=delivered&sync_state=failed");
  await ana.page.getByText("No order matches these 3 filters.").waitFor();
  for (const name of ["Shopify", "Delivered", "Sync failed"]) await ana.link(`${name} remove this filter`).first().waitFor();
  await ana.link("Clear all").first().waitFor();
  const reply = await ana.goes("/orders?status=foo&cursor=%00&placed_after=yesterday&limit=-1&x=%3Cb%3Ehi");
  assert.equal(reply.status(), 200);
  await ana.heading("Orders").waitFor();
  for (const told of ["status=foo", "placed_after=yesterday", "x=<b>hi"]) await ana.page.getByText(`${told} is not known`).waitFor();
  assert.equal(await ana.page.locator("main b", { hasText: /^hi/ }).count(), 0);
  await ana.leaves();
});

journey("9. very many orders", async (t) => {
  const ana = await comes("ana");
  const { page } = ana;
  const count = (text) => Number(text.replace(/\D/g, ""));

  // The tabs count what the API counts.
  await ana.goes("/orders");
  const { total, status, payment_status, sync_state } = await world.api("orders/summary");
  assert.ok(total >= orders);
  const views = page.getByRole("navigation", { name: "Views" }).getByRole("link");
  const shown = Object.fromEntries((await views.allInnerTexts()).map((text) => [text.replace(/\s[\d,]+$/, ""), count(text)]));
  const { accepted, shipped, delivered, cancelled } = status;
  assert.deepEqual(shown, { All: total, "To ship": accepted, Unpaid: payment_status.pending, "Sync failed": sync_state.failed, Shipped: shipped, Delivered: delivered, Cancelled: cancelled });

  // Page 50 of Older goes on where page 49 ended. The pages between are turned without being drawn.
  const reads = async (href) => (await ana.context.request.get(href)).text();
  const seen = [];
  let next = "/orders";
  for (let pages = 1; pages < 50; pages++) {
    const text = await reads(next);
    seen.push(...Array.from(text.matchAll(/<a href="(\/orders\/[^"?]+)" class="cut">/g), ([, href]) => href));
    next = /<a class="btn tight" href="([^"]+)" rel="next">/.exec(text)[1].replaceAll("&amp;", "&").replaceAll("&#38;", "&");
  }
  await ana.goes(next);
  seen.push(...(await ana.rows().getByRole("link").evaluateAll((links) => links.map((link) => link.getAttribute("href")))));
  await ana.link("Older").waitFor();
  assert.equal(new Set(seen).size, 50 * 50, "no order twice");
  const listed = [];
  for (let cursor = ""; listed.length < seen.length;) {
    const answer = await world.api(`orders?limit=200${cursor && `&cursor=${cursor}`}`);
    listed.push(...answer.items.map((order) => `/orders/${order.id}`));
    cursor = encodeURIComponent(answer.next_cursor);
  }
  assert.deepEqual(seen, listed.slice(0, seen.length), "no order left out");

  // A search and filters without an index between them: few orders among very many.
  const narrow = "channel=walmart&status=delivered&payment_status=partially_refunded", wanted = [];
  for (let cursor = ""; cursor !== null;) {
    const answer = await world.api(`orders?${narrow}&limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    wanted.push(...answer.items.filter((order) => order.customer.name.includes("García")));
    cursor = answer.next_cursor;
  }
  assert.ok(wanted.length > 50, `${wanted.length} orders`);
  await ana.goes(`/orders?${narrow}`);
  await ana.searches("García");
  const named = page.url();
  const found = [];
  let short = 0;
  for (;;) {
    found.push(...(await ana.rows().getByRole("link").allInnerTexts()));
    const on = ana.link(/^(Go on|Older)$/);
    if (!(await on.count())) break;
    if ((await on.innerText()) === "Go on") {
      short++;
      await page.getByText(/^Looked through orders back to /).waitFor();
    }
    await ana.goes(await on.getAttribute("href"));
    assert.ok(short < 1_000, "it comes to an end");
  }
  assert.ok(short >= (whole ? 10 : 1), `stopped within its cap: ${short} times`);
  assert.deepEqual(found, wanted.map((order) => order.number), "the rest, without gap or repetition");

  // A long story is told in steps, to its beginning.
  await ana.goes(`/orders/${world.longest}`);
  const notes = (await page.getByRole("region", { name: "Timeline" }).getByRole("insertion").allInnerTexts()).map((text) => Number(/\d+/.exec(text)[0]));
  assert.equal(notes.length, 50);
  let older = await page.getByRole("region", { name: "Timeline" }).getByRole("link", { name: "Older" }).getAttribute("href");
  while (older) {
    const text = await reads(older);
    notes.push(...Array.from(text.matchAll(/<ins><bdi>tag-(\d+)</g), ([, n]) => Number(n)));
    older = /href="([^"]+)" rel="next"/.exec(text)?.[1].replaceAll("&amp;", "&").replaceAll("&#38;", "&");
  }
  assert.deepEqual(notes, Array.from({ length: 2_000 }, (_, n) => 2_000 - n));
  await ana.isAccessible();

  await inTime(t, ana, { fiftieth: next, named, long: new URL(page.url()).pathname });
  await ana.leaves();
}, whole ? 3_600_000 : undefined);

/** How long each page takes while a bulk sync runs. The limit is that of a release build. */
async function inTime(t, ana, { fiftieth, named, long }) {
  t.after(() => world.shopify.recovers());
  const ago = (days) => new Date(Date.now() - days * 86_400_000).toISOString();
  const parcel = await world.shopify.places(world, { lines: [pot] });
  await world.shopify.happens(parcel, { deed: "ship", carrier: "UPS", tracking: "1Z999AA10123456784" });
  await until("the parcel", async () => (await world.api("orders?q=1Z999AA10123456784")).items.length === 1);
  await world.shopify.fails({ fault: "lost", times: null });
  await world.shopify.ask("POST", "orders", { count: whole ? 5_000 : 400, lines: [pot], placed_at: ago(1) });
  await world.shopify.fails({ operation: "nodes", fault: "delay", ms: 1_500, times: null });
  const { sync_id: run } = await world.api("channels/shopify/sync", {});
  await until("a sync under way", async () => (await world.api(`syncs/${run}`)).done > 0);

  const [calls, limit] = whole ? [200, 100] : [5, 2_000];
  const filters = [...channels.map((channel) => `channel=${channel}`), "status=shipped", "payment_status=refunded", "sync_state=failed", `placed_after=${ago(7)}`];
  const words = ["%231042", "SKU-42", "1Z999AA10123456784"];
  const slow = [];
  for (const path of ["/", "/orders", ...filters.map((filter) => `/orders?${filter}`), fiftieth, ...words.map((word) => `/orders?q=${word}`), named, long]) {
    const took = [];
    for (let call = 0; call < calls; call++) {
      const begun = performance.now();
      const reply = await ana.context.request.get(path);
      took.push(performance.now() - begun);
      assert.equal(reply.status(), 200, path);
    }
    took.sort((a, b) => a - b);
    const [median, worst] = [0.5, 0.99].map((part) => Math.round(took[Math.floor((calls - 1) * part)]));
    t.diagnostic(`${path.replace(/[?&][cs](ursor)?=.*/, "…")}: median ${median} ms, p99 ${worst} ms`);
    if (worst > limit) slow.push(`${path}: ${worst} ms`);
  }
  assert.deepEqual(slow, []);
  assert.equal((await world.api(`syncs/${run}`)).state, "running", "the sync ran all the while");
}
