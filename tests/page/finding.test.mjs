// Finding an order.

import assert from "node:assert/strict";
import { comes, journey, number, world } from "./stage.mjs";

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
