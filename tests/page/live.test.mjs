// News that come while one reads.

import assert from "node:assert/strict";
import { Reader } from "./reader.mjs";
import { browser, comes, journey, pot, world } from "./stage.mjs";
import { until } from "./world.mjs";

journey("20. news while reading", async () => {
  const keys = [];
  // A minute apart: the list is in the order of placing.
  const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();
  for (let n = 1; n <= 8; n++) keys.push(await world.shopify.places(world, { lines: [pot], placed_at: ago(n) }));
  const ana = await comes("ana");
  await ana.goes("/orders?channel=shopify&status=accepted,shipped,cancelled");
  const rows = () => ana.rows();
  const row = (n) => ana.page.getByRole("row").filter({ has: ana.page.locator(`a[href="/orders/${keys[n]}"]`) });
  const places = () => rows().evaluateAll((all) => all.map((one) => [one.querySelector("a").getAttribute("href"), one.getBoundingClientRect().top, one.getBoundingClientRect().height]));
  const before = await places();
  assert.deepEqual(before.slice(0, 8).map(([href]) => href), keys.map((key) => `/orders/${key}`));
  // Some text of the fifth is selected with the mouse, then the third is reached by keys.
  const text = await row(4).getByText("Copper pot").boundingBox();
  await ana.page.mouse.move(text.x + 2, text.y + text.height / 2);
  await ana.page.mouse.down();
  await ana.page.mouse.move(text.x + 50, text.y + text.height / 2, { steps: 4 });
  await ana.page.mouse.up();
  for (let presses = 0; presses < 3; presses++) await ana.page.keyboard.press("j");
  const look = () => ana.page.evaluate(() => [getSelection().toString(), document.activeElement?.getAttribute("href")]);
  const [selected, focused] = await look();
  assert.ok(selected.length > 2, "text is selected");
  assert.equal(focused, `/orders/${keys[2]}`);

  await world.shopify.ask("POST", "orders", { count: 20, lines: [pot] });
  await world.shopify.happens(keys[2], { deed: "ship" });
  await world.shopify.happens(keys[4], { deed: "cancel" });
  for (const deed of ["ship", "deliver"]) await world.shopify.happens(keys[7], { deed });
  await row(2).getByText("Shipped").filter({ visible: true }).first().waitFor({ timeout: 30_000 });
  await ana.page.getByRole("row", { name: /no longer in this view/ }).filter({ has: ana.page.locator(`a[href="/orders/${keys[7]}"]`) }).waitFor({ timeout: 30_000 });
  await ana.page.getByRole("row", { name: /changed, show/ }).filter({ has: ana.page.locator(`a[href="/orders/${keys[4]}"]`) }).waitFor({ timeout: 30_000 });
  const pill = ana.link("New orders · show");
  await pill.waitFor();
  assert.deepEqual(await places(), before, "no row moved");
  assert.deepEqual(await look(), [selected, focused], "focus and selection survive");
  assert.equal(await row(4).getByText("Cancelled").count(), 0, "the selected row waits");
  await ana.isAccessible();
  // The selection ends: the row is shown.
  await ana.page.getByRole("heading", { level: 1 }).click();
  await row(4).getByText("Cancelled").filter({ visible: true }).first().waitFor();
  assert.equal(await ana.page.getByRole("row", { name: /changed, show/ }).count(), 0);
  await pill.click();
  await until("the fresh list", async () => (await rows().count()) >= 27);
  assert.equal(await ana.page.evaluate(() => scrollY), 0);
  assert.equal(await row(7).count(), 0);
  assert.equal(await pill.isVisible(), false);
  await ana.leaves();
});

journey("21. the stream breaks", async (t) => {
  const line = await world.behindALine();
  t.after(() => line.close());
  const keys = [];
  for (let count = 0; count < 3; count++) keys.push(await world.shopify.places(world, { lines: [pot], paid: false }));
  const ana = await Reader.comes(browser, line.world, "ana");
  await ana.page.clock.install();
  await ana.goes("/orders?channel=shopify");
  const live = ana.page.getByText(/^(Live|Not live since)/).filter({ visible: true }).first();
  const cells = () => ana.rows().filter({ hasText: "Copper pot" }).getByText("Payment pending").filter({ visible: true }).count();
  await live.getByText("Live", { exact: true }).or(live).first().waitFor();
  await ana.page.getByText(/^Live/).filter({ visible: true }).first().waitFor();
  const asOf = await ana.page.locator("body").getAttribute("data-as-of");
  const pending = await cells();
  assert.ok(pending >= 3);
  await world.stops();
  line.drop();
  await ana.page.getByText(/^Not live since \d\d:\d\d:\d\d, trying again/).filter({ visible: true }).first().waitFor({ timeout: 30_000 });
  // A minute and a half pass, with changes that nobody tells.
  for (const key of keys) await world.shopify.happens(key, { deed: "pay" });
  await ana.page.clock.runFor(90_000);
  await ana.page.getByRole("alert").getByText(`This is as of ${asOf}.`).waitFor();
  assert.equal(await cells(), pending);
  await world.openDaemon();
  for (const key of keys) await world.sync(key);
  // The page finds back by itself.
  await until("the return", async () => { await ana.page.clock.runFor(5_000); return ana.said.includes("Live"); }, 60_000);
  const paid = ana.rows().filter({ hasText: "Copper pot" });
  for (const key of keys) {
    assert.equal((await world.api(`orders/${key}`)).payment_status, "paid");
    await paid.filter({ has: ana.page.locator(`a[href="/orders/${key}"]`) }).getByText("Paid", { exact: true }).filter({ visible: true }).first().waitFor({ timeout: 30_000 });
  }
  assert.equal(await ana.page.getByRole("alert").filter({ visible: true }).count(), 0);
  assert.equal(ana.said.filter((said) => /^Not live/.test(said)).length, 1, `${ana.said}`);
  assert.equal(ana.said.filter((said) => said === "Live").length, 1, `${ana.said}`);
  await ana.leaves();
});

journey("21. a press while nothing answers", async (t) => {
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

journey("21. eight tabs, and one stream", async (t) => {
  const line = await world.behindALine();
  t.after(() => line.close());
  const ana = await Reader.comes(browser, line.world, "ana");
  const paths = ["/", "/orders", "/channels", "/failures", "/notifications", "/settings", "/orders?status=accepted", "/channels/shopify"];
  const first = ana.page, tabs = [first];
  await first.goto(paths[0]);
  for (const path of paths.slice(1)) {
    const page = await ana.opensTab({ behind: true });
    await page.goto(path);
    tabs.push(page);
  }
  await first.getByText(/^Live/).filter({ visible: true }).first().waitFor();
  for (const [n, page] of tabs.entries()) {
    if (n > 0) await page.goto(paths[n]);
    await page.getByRole("heading", { level: 1 }).waitFor();
  }
  assert.equal(line.streams(), 1, "hidden tabs hold no stream");
  // Another one is looked at: it is live, and the first lets go of its stream.
  const last = tabs.at(-1);
  await ana.hides(first);
  await ana.hides(last, false);
  await last.getByText(/^Live/).filter({ visible: true }).first().waitFor();
  await until("one stream", () => line.streams() === 1);
  // The first is looked at again, and shows what came meanwhile.
  const key = await world.shopify.places(world, { lines: [pot] });
  await ana.hides(first, false);
  await first.getByRole("region", { name: "Latest changes" }).locator(`a[href="/orders/${key}"]`).waitFor();
  await ana.leaves();
});
