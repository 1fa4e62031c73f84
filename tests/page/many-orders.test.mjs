// Many orders at once.

import assert from "node:assert/strict";
import { phone, wide } from "./reader.mjs";
import { comes, journey, pot, world } from "./stage.mjs";
import { until } from "./world.mjs";

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
