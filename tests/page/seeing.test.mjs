// Seeing that everything flows.

import assert from "node:assert/strict";
import { phone } from "./reader.mjs";
import { comes, journey, world } from "./stage.mjs";
import { until } from "./world.mjs";

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
