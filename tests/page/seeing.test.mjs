// Seeing that everything flows.

import assert from "node:assert/strict";
import { Reader, phone } from "./reader.mjs";
import { browser, comes, elsewhere, journey, pot, world } from "./stage.mjs";
import { until } from "./world.mjs";

const table = (reader) => reader.page.getByRole("table", { name: "Channels" });
const row = (reader, channel) => table(reader).getByRole("row").filter({ hasText: channel });

journey("1. all is quiet", async () => {
  for (const options of [{}, { viewport: phone }, { theme: "dark" }, { viewport: phone, theme: "dark" }]) {
    const ana = await comes("ana", options);
    await ana.goes("/");
    const count = (await world.api("channels")).items.length;
    await ana.page.getByText(`All ${count} channels are in step`).waitFor();
    await ana.heading("Overview").waitFor();
    await ana.page.getByRole("heading", { name: "Nothing needs you" }).waitFor();
    const rows = table(ana).getByRole("row").filter({ hasText: "Connected" });
    assert.equal(await rows.count(), count);
    for (const cells of await rows.evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.textContent.trim())))) {
      const [name, state, success, backlog, today] = cells;
      assert.ok(name && state === "Connected" && /^\d\d:\d\d \d+ (s|min) ago$/.test(success) && backlog === "0 waiting" && /^\d+$/.test(today), `${cells}`);
    }
    assert.equal(await ana.page.getByText(/Delayed|Reconnect needed|failed/i).count(), 0);
    await ana.isAccessible();
    await ana.fits();
    await ana.leaves();
  }
});

// At Walmart, which says how long to wait. Amazon does not, so there nobody can say until when.
journey("2. a channel is behind", async (t) => {
  t.after(() => world.walmart.recovers());
  const { ids } = await world.walmart.ask("POST", "orders", { count: 37, lines: [pot] });
  await world.walmart.isQuiet();
  const ana = await comes("ana");
  await ana.goes("/");
  await world.walmart.fails({ fault: "rate_limited", seconds: 30 });
  for (const id of ids) await world.api(`orders/walmart:${id}/sync`, {});
  await row(ana, "Walmart").getByText("Delayed").waitFor({ timeout: 30_000 });
  await ana.page.getByText("Walmart is delayed.").waitFor();

  const reader = await comes("ana");
  await reader.goes("/");
  const first = table(reader).getByRole("row").nth(1);
  await first.getByText("Walmart").waitFor();
  await first.getByText("Delayed").waitFor();
  await first.getByText(/^until \d\d:\d\d/).waitFor();
  await first.getByRole("cell", { name: /^37( waiting)?$/ }).waitFor();
  await reader.goes("/channels");
  const card = reader.page.getByRole("region").first();
  await card.getByRole("heading", { name: "Walmart", exact: true }).waitFor();
  await card.getByText(/Walmart asks us to wait until \d\d:\d\d/).first().waitFor();
  await card.getByText(/Nothing to do/).waitFor();
  const button = card.getByRole("button", { name: "Sync orders" });
  assert.equal(await button.getAttribute("aria-disabled"), "true");
  assert.match(await reader.page.locator(`#${await button.getAttribute("aria-describedby")}`).innerText(), /asks us to wait/);
  await reader.isAccessible();

  // The clock passes the time: without a reload.
  await row(ana, "Walmart").getByText("Connected").waitFor({ timeout: 60_000 });
  await row(ana, "Walmart").getByRole("cell", { name: /^0( waiting)?$/ }).waitFor({ timeout: 60_000 });
  await ana.page.getByText(/^All \d+ channels are in step/).waitFor();
  await card.getByRole("link", { name: "Sync orders" }).waitFor();
  for (const one of [ana, reader]) await one.leaves();
});

journey("3. a channel must be reconnected", async () => {
  const tiktok = world.tiktok_shop;
  const ana = await comes("ana");
  await ana.goes("/");
  await tiktok.access("revoked");
  const place = async () => `tiktok-shop:${(await tiktok.ask("POST", "orders", {})).ids[0]}`;
  const keys = [await place()];
  await row(ana, "TikTok Shop").getByText("Reconnect needed").waitFor({ timeout: 30_000 });
  await ana.page.getByText(/^TikTok Shop is disconnected since/).filter({ visible: true }).first().waitFor();
  await ana.page.getByText("Ask an admin to reconnect").first().waitFor();
  assert.equal(await ana.link(/^Reconnect/).count(), 0);
  for (let more = 0; more < 3; more++) keys.push(await place());
  await row(ana, "TikTok Shop").getByRole("cell", { name: /^4( waiting)?$/ }).waitFor({ timeout: 30_000 });
  assert.equal(ana.said.filter((said) => /TikTok Shop is disconnected/.test(said)).length, 1, `${ana.said}`);
  const down = async () => (await world.api("notifications")).items.filter((one) => one.kind === "channel_down" && one.channel === "tiktok-shop");
  assert.equal((await down()).length, 1);

  const luis = await comes("luis");
  await luis.goes("/notifications");
  assert.equal(await luis.page.getByRole("listitem").filter({ hasText: "A channel does not work" }).filter({ hasText: "TikTok Shop" }).count(), 1);
  // Where the browser goes after the consent is set at the marketplace: to us.
  luis.abroad.push(tiktok.base, "http://127.0.0.1/oauth/callback", world.webhooks);
  await luis.context.route("http://127.0.0.1/oauth/callback*", (route) => {
    const { search } = new URL(route.request().url());
    return route.fulfill({ status: 302, headers: { location: `${world.webhooks}/oauth/tiktok-shop/callback${search}` } });
  });
  await luis.goes("/");
  await luis.link(/^Reconnect/).first().click();
  await luis.heading("Reconnect TikTok Shop").waitFor();
  await luis.button("Begin").click();
  await luis.link("Go to TikTok Shop").click();
  await luis.page.getByText(/TikTok Shop is connected/).waitFor();

  await row(ana, "TikTok Shop").getByText("Connected").waitFor({ timeout: 30_000 });
  await row(ana, "TikTok Shop").getByRole("cell", { name: /^0( waiting)?$/ }).waitFor({ timeout: 60_000 });
  await until("the orders that waited", async () => {
    const { items } = await world.api("orders?channel=tiktok-shop&limit=200");
    return keys.every((key) => items.some((order) => order.id === key));
  });
  const { items } = await world.api("orders?channel=tiktok-shop&limit=200");
  for (const key of keys) {
    assert.equal(items.filter((order) => order.id === key).length, 1, key);
    const { items: events } = await world.api(`orders/${key}/timeline?limit=200`);
    assert.equal(events.filter((event) => event.kind === "created").length, 1, key);
  }
  for (const reader of [ana, luis]) await reader.leaves();
});

journey("3. a channel without a consent names what can be wrong", async () => {
  const luis = await comes("luis");
  await luis.goes("/channels/walmart/reconnect");
  await luis.heading("Reconnect Walmart").waitFor();
  const config = luis.page.getByText("[channels.walmart]");
  for (const key of ["client_id = …", "client_secret = …"]) assert.ok((await config.innerText()).includes(key), key);
  await luis.page.getByText(/config\.toml, reload, then test/).waitFor();
  await luis.isAccessible();
  await luis.leaves();
});

journey("4. quiet is not broken", async (t) => {
  const own = await elsewhere(t, { tuned: { "channels.walmart": 'poll = "*/2 * * * * *"' } });
  const hours = (n) => new Date(Date.now() - n * 3_600_000).toISOString();
  await own.walmart.places(own, { placed_at: hours(9.2), lines: [pot] });
  const ana = await Reader.comes(browser, own, "ana");
  const card = ana.page.getByRole("region").filter({ has: ana.page.getByRole("heading", { name: "Walmart" }) });
  await until("a quiet channel", async () => {
    await ana.goes("/channels");
    return card.getByText(/No new order for 9 h( \d+ min)?, last check \d+ s ago/).isVisible();
  }, 30_000);
  await card.getByText("Connected").waitFor();
  await ana.goes("/");
  await ana.page.getByText(/^All 5 channels are in step/).waitFor();
  // Polls stop answering, which no call has said yet: three schedules later it shows by itself.
  await own.walmart.fails({ fault: "hang", times: null });
  await row(ana, "Walmart").getByText("Delayed").waitFor({ timeout: 25_000 });
  await row(ana, "Walmart").getByText(/^no answer since \d\d:\d\d/).waitFor();
  await ana.page.getByText("Walmart is delayed.").waitFor();
  assert.equal((await own.api("channels/walmart")).status, "connected", "no call has failed yet");
  await ana.leaves();
});
