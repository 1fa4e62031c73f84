// Pictures of the page over the demo: node screens.mjs [FOLDER]
// Without a folder: the pictures of the README, in docs/screens. With one: every page, wide and on
// a phone, light and dark, in every language.

import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBrowser, phone, wide } from "./reader.mjs";
import { Shop, binary, until } from "./world.mjs";

const docs = join(import.meta.dirname, "../../docs/screens");
const folder = process.argv[2] ?? docs;
await mkdir(folder, { recursive: true });

const data = await mkdtemp(join(tmpdir(), "fenicia-screens-"));
const demo = spawn(binary, ["demo", "--orders-per-minute", "20", "--data", data], { stdio: ["ignore", "pipe", "inherit"] });
const browser = await openBrowser();
try {
  let told = "";
  demo.stdout.on("data", (part) => { told += part; });
  const link = await until("the demo's link", () => /http:\S+once=\S+/.exec(told)?.[0], 60_000);
  const { origin } = new URL(link);
  const context = await browser.newContext({ viewport: wide, baseURL: origin, locale: "en-US", timezoneId: "America/Mexico_City" });
  const page = await context.newPage();
  await page.goto(link);
  await page.goto("/orders");
  const session = await context.storageState();
  const api = (path) => context.request.get(`/api/v1/${path}`).then((reply) => reply.json());

  const config = await readFile(join(data, "config.toml"), "utf8");
  const shops = Object.fromEntries([...config.matchAll(/\[channels\.([a-z-]+)\][^[]*?base_url = "([^"]+)"/g)].map(([, channel, base]) => [channel, new Shop(channel, base)]));
  await until("orders of every channel", async () => (await api("channels")).items.every((one) => one.orders.total >= 5), 60_000);
  const story = await tell(page, shops, api);
  const take = async (name, path, options) => {
    const { theme = "light", viewport = wide, locale = "en-US", whole = false, act } = options;
    const own = await browser.newContext({ viewport, colorScheme: theme, locale, timezoneId: "America/Mexico_City", baseURL: origin, storageState: session });
    await own.addCookies([{ name: "tz", value: "America/Mexico_City", url: origin }]);
    const tab = await own.newPage();
    await tab.goto(path);
    await tab.getByText(/^(Live|En vivo|Ao vivo)/).first().waitFor({ state: "attached" });
    await act?.(tab);
    await tab.screenshot({ path: join(folder, `${name}.png`), fullPage: whole });
    await own.close();
  };
  if (folder === docs) await readme(take, story); else await everything(take, story);
} finally {
  await browser.close();
  const gone = new Promise((done) => demo.once("exit", done));
  demo.kill("SIGTERM");
  await gone;
  await rm(data, { recursive: true, force: true });
}

/** A day with a little trouble: a parcel sent in part, an order that cannot be read, a permission withdrawn. */
async function tell(page, { shopify, walmart }, api) {
  const lines = [
    { sku: "LINO-220", title: "Linen sheet set", variant: "Sand, 220 × 240 cm", quantity: 1, unit_price: "1890.00" },
    { sku: "FUND-50", title: "Pillow case", variant: "Sand, 50 × 70 cm", quantity: 2, unit_price: "349.00" },
  ];
  const { ids: [id] } = await shopify.ask("POST", "orders", { name: "Lucía Ferrer", lines, currency: "MXN", note: "Please ring twice.", tags: ["gift"] });
  const order = `shopify:${id}`;
  await until("the order", () => api(`orders/${order}`).then((one) => one.id));
  await page.goto(`/orders/${order}/ship`);
  await page.getByLabel("Units to ship: Pillow case").fill("1");
  await page.getByLabel("Units to ship: Linen sheet set").fill("0");
  await page.getByRole("combobox", { name: /^Carrier/ }).fill("DHL Express");
  await page.getByLabel(/^Tracking number/).fill("JD014600003MX");
  await page.getByRole("button", { name: /^Ship/ }).click();
  await page.getByText(/^Shopify confirmed: shipment/).first().waitFor();
  const { items: [unlucky] } = await api("orders?channel=shopify&status=accepted&payment_status=pending");
  await shopify.fails({ fault: "status", status: 503, times: 3 });
  const trouble = unlucky?.id ?? order;
  await page.goto(`/orders/${trouble}`);
  await page.getByRole("button", { name: "Sync" }).click();
  await until("the failure", async () => (await api("failures")).items.length > 0);
  await shopify.recovers();
  await walmart.access("revoked");
  await until("the lost permission", async () => (await api("channels/walmart")).status === "needs_reconnect", 90_000);
  return { order, trouble };
}

async function readme(take, { order }) {
  await take("overview", "/", {});
  await take("orders", "/orders", { theme: "dark" });
  await take("order", `/orders/${order}`, {});
  await take("ship", `/orders/${order}`, { act: (tab) => tab.getByRole("link", { name: "Mark as shipped" }).click().then(() => tab.getByRole("dialog").waitFor()) });
  await take("channels-es", "/channels", { locale: "es-MX" });
  await take("phone-pt", "/", { viewport: phone, locale: "pt-BR", theme: "dark" });
}

async function everything(take, { order, trouble }) {
  const pages = {
    overview: "/", orders: "/orders", filters: "/orders/filters", order: `/orders/${order}`, trouble: `/orders/${trouble}`,
    ship: `/orders/${order}/ship`, tracking: `/orders/${order}/tracking`, cancel: `/orders/${order}/cancel`, timeline: `/orders/${order}/timeline`, export: "/orders/export",
    channels: "/channels", channel: "/channels/amazon", bulk: "/channels/amazon/sync", reconnect: "/channels/walmart/reconnect",
    failures: "/failures", notifications: "/notifications", settings: "/settings", keys: "/settings/keys", nowhere: "/orders/shopify:1",
  };
  for (const locale of ["en-US", "es-MX", "pt-BR"]) {
    for (const [size, viewport] of [["1280", wide], ["390", phone]]) {
      for (const theme of locale === "en-US" ? ["light", "dark"] : ["light"]) {
        for (const [name, path] of Object.entries(pages)) {
          await take(`${name}-${size}-${theme}-${locale}`, path, { viewport, theme, locale, whole: true });
        }
      }
    }
  }
}
