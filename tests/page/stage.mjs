// What the journeys of one file share: a world, a browser, and who comes to look.

import { after, test } from "node:test";
import { Reader, openBrowser } from "./reader.mjs";
import { World } from "./world.mjs";

export let world, browser;

let how = {};
/** How the world of this file is, where it is not the usual one. */
export function setting(wished) { how = wished; }

/** Begun by the first journey that is not left out, so that one alone costs one world. */
let begun;
async function begin() {
  [world, browser] = await Promise.all([World.begin(how), openBrowser()]);
}
after(async () => { await browser?.close(); await world?.end(); });

/** A journey, told in the words of those who walk it; `patience` for one that takes longer, in milliseconds. */
export const journey = (name, act, patience = 300_000) => test(name, { timeout: patience }, async (t) => {
  await (begun ??= begin());
  await act(t);
});

/** A world of its own for one journey, gone with it. */
export async function elsewhere(t, how) {
  const own = await World.begin(how);
  t.after(() => own.end());
  return own;
}

/** Somebody in front of a browser of their own, signed in. */
export const comes = (user, options) => Reader.comes(browser, world, user, options);
export const number = async (key) => (await world.api(`orders/${key}`)).number;
export const pot = { sku: "POT", title: "Copper pot", quantity: 1, unit_price: "40.00" };
