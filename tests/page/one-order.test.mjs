// One order: asking, shipping, cancelling.

import assert from "node:assert/strict";
import { Reader, phone, wide } from "./reader.mjs";
import { browser, comes, elsewhere, journey, number, pot, world } from "./stage.mjs";
import { until } from "./world.mjs";

journey("10. sync in place", async (t) => {
  t.after(() => world.shopify.recovers());
  for (const viewport of [wide, phone]) {
    const key = await world.shopify.places(world, { paid: false, lines: [pot] });
    await world.shopify.isQuiet();
    await world.shopify.fails({ fault: "lost", times: 20 });
    await world.shopify.happens(key, { deed: "pay" });
    const ana = await comes("ana", { viewport });
    await ana.goes(`/orders/${key}`);
    await world.shopify.fails({ operation: "*", fault: "delay", ms: 700, times: 1 });
    const asked = (await world.shopify.calls()).length, url = ana.page.url();
    // Where everything stands, but for the last one, whose end grows.
    const places = () => ana.page.getByRole("heading").evaluateAll((all) => all.filter((el) => el.offsetParent && el.tagName !== "H3").map((el) => [el.textContent, el.getBoundingClientRect().top + scrollY]));
    const box = await ana.button("Sync").boundingBox(), before = await places();
    await ana.button("Sync").dblclick();
    await ana.page.getByText("Asking Shopify…").filter({ visible: true }).waitFor();
    await ana.page.getByText(/^Updated: .*payment/).filter({ visible: true }).first().waitFor();
    await ana.page.getByRole("status").getByText(/^Updated/).waitFor();
    assert.deepEqual(await ana.button("Sync").boundingBox(), box);
    const fixed = (all) => all.filter(([name]) => name !== "Timeline");
    if (viewport === wide) assert.deepEqual(fixed(await places()), fixed(before), "nothing else moved");
    assert.equal(new URL(ana.page.url()).pathname, new URL(url).pathname);
    assert.equal(await ana.page.evaluate(() => document.activeElement?.id), "sync");
    assert.equal(await ana.page.locator("#state").getByText("Paid").count(), 1);
    assert.equal((await world.shopify.calls()).length - asked, 1, "a double press made one call");
    await ana.page.getByRole("region", { name: "Timeline" }).getByText("Paid", { exact: true }).first().waitFor();
    await ana.button("Sync").click();
    await ana.page.getByText("Up to date, nothing changed").filter({ visible: true }).first().waitFor();
    await world.shopify.recovers();
    await ana.leaves();
  }
});

journey("11. a sync fails and is understood", async (t) => {
  const own = await elsewhere(t, { tuned: { sync: 'request_timeout = "2s"' } });
  const key = await own.mercadolibre.places(own, { lines: [pot] });
  await own.mercadolibre.isQuiet();
  await own.mercadolibre.fails({ fault: "hang", times: null });
  const ana = await Reader.comes(browser, own, "ana");
  await ana.goes(`/orders/${key}`);
  const notice = ana.page.getByRole("group", { name: /Sync failed: Connection timed out/ });
  const badge = ana.page.locator("#state").getByText("Sync failed");
  await ana.button("Sync").click();
  await notice.waitFor();
  await badge.waitFor();
  assert.ok((await notice.getByRole("definition").allInnerTexts()).every((text) => text.length > 5), "why, what to do, what happens meanwhile");
  await notice.getByText(/fenicia tries again at \d\d:\d\d/).waitFor();
  await notice.getByText("Details for support").waitFor();
  assert.equal(await notice.getByText("network_timeout").isVisible(), false, "details are folded");
  const timeline = ana.page.getByRole("region", { name: "Timeline" });
  await timeline.getByText("network_timeout").first().waitFor();
  assert.equal(await timeline.getByText(/kind: network_timeout|^network_timeout ·/).filter({ visible: true }).count(), 0);
  await own.mercadolibre.recovers();
  await notice.waitFor({ state: "hidden", timeout: 90_000 });
  await badge.waitFor({ state: "hidden" });
  await timeline.getByText(/^Synced after \d+ attempts/).waitFor();
  assert.equal((await own.api(`orders/${key}`)).sync.state, "synced");
  await ana.leaves();
});

journey("12. ship a part", async () => {
  for (const options of [{}, { viewport: phone }, { script: false }]) {
    const lines = [{ ...pot, sku: "CASE", title: "Pillow case", quantity: 3 }, { ...pot, sku: "CANDLE", title: "Candle", quantity: 2 }];
    const key = await world.amazon.places(world, { lines });
    await world.amazon.happens(key, { deed: "ship", units: 1 });
    await world.sync(key);
    const ana = await comes("ana", options);
    await ana.goes(`/orders/${key}`);
    await ana.page.getByText("2 of 5 units shipped").waitFor();
    await ana.link("Mark as shipped").click();
    await ana.page.getByRole("heading", { name: "Mark as shipped" }).waitFor();
    await ana.page.getByLabel("Units to ship: Pillow case").fill("1");
    await ana.page.getByLabel("Units to ship: Candle").fill("0");
    await ana.page.getByRole("combobox", { name: /^Carrier/ }).fill("Estafeta");
    await ana.page.getByLabel(/^Tracking number/).fill("EST2219401");
    const button = options.script === false ? ana.button(/^Ship/) : ana.button("Ship 1 unit");
    await button.click();
    await ana.page.getByText("3 of 5 units shipped").waitFor({ timeout: 30_000 });
    assert.equal(new URL(ana.page.url()).pathname, `/orders/${key}`);
    await ana.page.getByText("EST2219401").first().waitFor();
    assert.equal(await ana.page.locator("#state").getByText("Accepted").count(), 1);
    const timeline = ana.page.getByRole("region", { name: "Timeline" });
    await timeline.getByText(/asked for by ana|Shipment.*asked|Asked/i).first().waitFor();
    await timeline.getByText(/Amazon confirmed|confirmed/i).first().waitFor();
    const effects = await world.amazon.effects(key);
    assert.equal(effects.length, 1, "sent once");
    const told = JSON.stringify(effects[0].detail);
    assert.match(told, /EST2219401/);
    assert.match(told, /Estafeta/);
    // That line, that quantity, and no other.
    assert.deepEqual((await world.api(`orders/${key}`)).items.map((item) => item.quantity_shipped), [2, 1]);
    const { orderItems } = (await world.amazon.ask("GET", `orders/${key.split(":")[1]}`)).native;
    assert.deepEqual(orderItems.map((item) => item.fulfillment.quantityFulfilled), [2, 1]);
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
  const dialog = ana.page.getByRole("dialog", { name: "Mark as shipped" });
  const ships = async (tracking) => {
    await dialog.getByRole("combobox", { name: /^Carrier/ }).fill("UPS");
    await dialog.getByLabel(/^Tracking number/).fill(tracking);
    await dialog.getByRole("button", { name: "Ship 1 unit" }).click();
  };
  await ana.goes(`/orders/${key}`);
  await ana.link("Mark as shipped").click();
  await ships("EST-2219");
  // The dialog stays with what was typed, and the summary leads to the field.
  const summary = dialog.getByRole("alert");
  await summary.getByText("There is a problem").waitFor({ timeout: 30_000 });
  assert.match(await ana.page.title(), /^Error: /);
  assert.equal(await ana.page.evaluate(() => document.activeElement?.id), "faults");
  assert.equal(await dialog.getByLabel(/^Tracking number/).inputValue(), "EST-2219");
  await summary.getByRole("link").first().click();
  assert.ok(await dialog.evaluate((el) => el.contains(document.activeElement) && document.activeElement.matches("input")), "the link leads to a field");
  // Failure, list, Overview and API agree.
  const { items: [failure] } = await world.api("failures?channel=amazon");
  assert.equal(failure.error.kind, "invalid_request");
  assert.deepEqual(await world.amazon.effects(key), []);
  await dialog.getByRole("link", { name: "Close" }).click();
  await ana.page.getByRole("heading", { name: /Amazon refused the shipment|Amazon refused: shipment/ }).waitFor();
  const badged = async () => {
    await ana.goes("/orders?channel=amazon");
    const row = ana.rows().filter({ hasText: await number(key) });
    await row.waitFor();
    return row.getByText("Action refused").filter({ visible: true }).count();
  };
  assert.equal(await badged(), 1);
  await ana.goes("/failures");
  await ana.page.getByText(/Amazon · Amazon refuses the content/).waitFor();
  await ana.goes("/");
  await ana.link(/^Correct and send/).first().click();
  await ana.page.waitForURL(/\/orders\//);
  await ana.link(/^Correct and send/).first().click();
  await ships("1Z999AA10123456784");
  await ana.page.getByText(/^Amazon confirmed: shipment/).first().waitFor({ timeout: 30_000 });
  await until("no failure", async () => (await world.api("failures?channel=amazon")).items.length === 0);
  await ana.page.getByRole("heading", { name: /Amazon refused/ }).waitFor({ state: "hidden" });
  const { items } = await world.api(`orders/${key}/timeline?limit=200`);
  const story = items.map((event) => event.kind).filter((kind) => kind.startsWith("action_")).reverse();
  assert.deepEqual(story, ["action_requested", "action_failed", "action_requested", "action_done"]);
  assert.equal(await badged(), 0);
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
  const full = await world.mercadolibre.places(world, { flavour: "full" });
  const begun = await world.amazon.places(world, { lines: [{ ...pot, quantity: 2 }] });
  await world.amazon.happens(begun, { deed: "ship", units: 1 });
  const wanted = await world.tiktok_shop.places(world);
  await world.tiktok_shop.happens(wanted, { deed: "request_cancel" });
  for (const key of [begun, wanted]) await world.sync(key);
  const ana = await comes("ana");
  const ships = { carrier: "DHL", tracking_number: "1", "units-0": "1" };
  for (const [key, shop, word, path, form, where] of [
    [full, world.mercadolibre, "Mark as shipped", "ship", ships, /Mercado Libre/],
    [begun, world.amazon, "Cancel order", "cancel", { reason: "out_of_stock" }, /Seller Central\.$/],
    [wanted, world.tiktok_shop, "Mark as shipped", "ship", ships, /Seller Center/],
  ]) {
    await ana.goes(`/orders/${key}`);
    await shop.isQuiet();
    const calls = (await shop.calls()).length;
    const button = ana.button(word);
    assert.equal(await button.getAttribute("aria-disabled"), "true");
    const reason = ana.page.locator(`#${await button.getAttribute("aria-describedby")}`);
    assert.ok(await reason.isVisible());
    const why = (await reason.innerText()).trim();
    assert.ok(why.startsWith(`${word} is not possible: `), why);
    assert.match(why, where);
    await button.focus();
    assert.equal(await ana.page.evaluate(() => document.activeElement?.textContent.trim()), word);
    await ana.page.keyboard.press("Enter");
    await ana.page.getByRole("status").getByText(/not possible/).waitFor();
    const csrf = await ana.page.locator("input[name=csrf]").first().inputValue();
    const forged = await ana.context.request.post(`/orders/${key}/${path}`, { form: { csrf, ...form }, maxRedirects: 0 });
    assert.equal(forged.status(), 409);
    const words = why.slice(`${word} is not possible: `.length).trim();
    assert.ok((await forged.text()).replaceAll("&#39;", "'").includes(words), `the same words: ${words}`);
    const asked = await fetch(`${world.url}/api/v1/orders/${key}/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${world.key}`, "content-type": "application/json" },
      body: JSON.stringify(path === "ship" ? { carrier: "DHL", tracking_number: "1" } : { reason: "out_of_stock" }),
    });
    const problem = await asked.json();
    assert.deepEqual([asked.status, problem.code], [409, "unsupported"], problem.detail);
    assert.ok(problem.detail.includes(words), problem.detail);
    assert.equal((await shop.calls()).length, calls, "nothing was sent");
    assert.deepEqual((await shop.effects(key)).filter((effect) => effect.operation !== "acknowledge"), []);
  }
  await ana.leaves();
});

journey("16. outcome unknown", async (t) => {
  const own = await elsewhere(t);
  const shop = own.mercadolibre;
  const key = await shop.places(own, { lines: [pot] });
  await shop.isQuiet();
  // The cancellation arrives, its answer does not, and until further notice nothing can be read: only the
  // look before it could.
  await shop.fails([{ operation: "give_feedback", fault: "reset_after" }, { operation: "order", fault: "status", status: 400, skip: 1, times: null }]);
  const ana = await Reader.comes(browser, own, "ana");
  await ana.goes(`/orders/${key}/cancel`);
  await ana.page.getByRole("radio", { name: /Out of stock/ }).check();
  await ana.button("Cancel order").click();
  await ana.page.waitForURL(/\/orders\/[^/]+$/);
  const notice = ana.page.getByRole("group", { name: /We do not know whether Mercado Libre took it: cancellation/ });
  await notice.waitFor({ timeout: 30_000 });
  const last = async () => (await own.api(`orders/${key}`)).last_action;
  await until("nobody looks any more", async () => (await last()).state === "unknown");
  await notice.getByText("Look at the marketplace, then press Sync.").waitFor();
  await ana.page.locator("#state").getByText("Outcome unknown").waitFor();
  await ana.isAccessible();

  // Nothing puts it back to work before that: not here, not in the list, not by a forged post.
  const look = "Look at the marketplace, then press Sync.", { items } = await own.api("failures");
  const { id } = items.find((one) => one.what === "action");
  assert.equal(await notice.getByRole("button", { name: "Retry" }).count(), 0);
  const csrf = await ana.page.locator("input[name=csrf]").first().inputValue();
  const forged = await ana.context.request.post(`/failures/${id}/retry`, { form: { csrf }, maxRedirects: 0 });
  assert.equal(forged.status(), 409);
  assert.ok((await forged.text()).includes(look));
  await ana.goes("/failures");
  const line = ana.page.getByRole("listitem").filter({ hasText: "cancellation" });
  await line.waitFor();
  assert.equal(await line.getByRole("button", { name: /^Retry/ }).count(), 0);
  await ana.goes("/");
  await ana.page.getByRole("region", { name: "Needs you" }).getByText(look).waitFor();
  assert.equal((await last()).state, "unknown");
  assert.equal((await shop.effects(key)).length, 1);

  // A Sync that shows it cancelled settles it.
  await shop.recovers();
  await ana.goes(`/orders/${key}`);
  await notice.waitFor();
  await ana.button("Sync").click();
  await ana.page.locator("#state").getByText("Cancelled").waitFor({ timeout: 30_000 });
  await notice.waitFor({ state: "hidden" });
  await ana.page.getByRole("region", { name: "Timeline" }).getByText(/^Mercado Libre confirmed: cancellation/).first().waitFor();
  assert.equal((await last()).state, "done");
  assert.deepEqual((await own.api("failures")).items.filter((one) => one.what === "action"), []);
  assert.equal((await shop.effects(key)).length, 1, "one cancellation was sent");
  await ana.leaves();
});
