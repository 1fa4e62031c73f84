// One order: asking, shipping, cancelling.

import assert from "node:assert/strict";
import { phone, wide } from "./reader.mjs";
import { comes, journey, number, pot, world } from "./stage.mjs";
import { until } from "./world.mjs";

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
