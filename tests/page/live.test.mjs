// News that come while one reads.

import assert from "node:assert/strict";
import { Reader } from "./reader.mjs";
import { browser, comes, journey, number, pot, world } from "./stage.mjs";
import { until } from "./world.mjs";

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
