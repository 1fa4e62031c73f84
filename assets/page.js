// Quieter, not needed: news and forms in place, dialogs, keys.
const body = document.body, w = body.dataset;
const $ = (what, root = document) => root.querySelector(what), $$ = (what, root = document) => [...root.querySelectorAll(what)];
const id = (name, root = document) => root.getElementById(name);
const policy = window.trustedTypes?.createPolicy("fenicia", { createHTML: (html) => html }) ?? { createHTML: (html) => html };
const parse = (html) => new DOMParser().parseFromString(policy.createHTML(html), "text/html");
const say = (text) => { if (text && id("say")) id("say").textContent = text; };
const on = (el, name, act) => el.addEventListener(name, act);
const bent = (e) => e.ctrlKey || e.metaKey || e.altKey;
document.documentElement.className = "js";

// The reader's zone, told once.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (!document.cookie.includes("tz=")) {
  document.cookie = `tz=${zone}; Path=/; SameSite=Lax; Max-Age=31536000`;
  if (document.cookie.includes("tz=")) location.reload();
}
(id("faults") ?? id("made"))?.focus();

// Relative times.
const span = (s) => {
  const m = Math.floor(s / 60), h = Math.floor(m / 60);
  return !m ? `${s} s` : !h ? `${m} min` : h > 23 ? `${Math.floor(h / 24)} d` : m % 60 ? `${h} h ${m % 60} min` : `${h} h`;
};
const age = () => $$("time[data-ago]").forEach((el) => {
  const s = Math.round((Date.now() - new Date(el.dateTime)) / 1000);
  el.textContent = (s < 0 ? w.in : w.ago).replace("{t}", span(Math.abs(s)));
});
setInterval(age, 30000);

const bar = (text = "", reload) => {
  const [span, link] = id("bar").children;
  if (span.textContent !== text) span.textContent = text;
  id("bar").hidden = !text;
  link.hidden = !reload;
};

// Fragments: the page once more; parts are replaced where they differ.
const fetched = async (url, options = {}) => {
  const reply = await fetch(url, { ...options, headers: { "Fenicia-Fragment": "1" } });
  return { reply, doc: parse(await reply.text()) };
};
const bare = (el) => el.className + el.innerHTML.replace(/name="(csrf|key)" value="[^"]*"| open=""|<time[^>]*data-ago[^>]*>[^<]*/g, "");
const held = (el) => {
  const picked = getSelection(), at = document.activeElement;
  return (el.contains(at) && at.matches("input, select, textarea, [aria-busy]")) || (!picked.isCollapsed && el.contains(picked.anchorNode));
};
const icons = (doc) => $$("symbol", doc).forEach((icon) => id(icon.id) || $(".sprite").append(document.adoptNode(icon)));
const put = (el, next) => {
  if (!next || bare(el) === bare(next)) return;
  if (held(el)) { el.classList.add("mark"); el.title = w.changed; return; }
  const stops = "a, button, summary", at = $$(stops, el).indexOf(document.activeElement), was = $$("details", el);
  if (el.matches("[data-say]")) say(next.textContent.trim());
  el.replaceWith(document.adoptNode(next));
  $$("details", next).forEach((d, i) => { d.open = (d.id ? was.find((o) => o.id === d.id) : was[i])?.open ?? d.open; });
  if (at >= 0) $$(stops, next)[at]?.focus();
};
const swap = (doc) => {
  icons(doc);
  $$("[id][data-live]").forEach((el) => put(el, id(el.id, doc)));
  // Rows keep their places: new ones wait, gone ones are dimmed.
  const list = $("[data-rows]"), next = $("[data-rows]", doc);
  if (list && next && [...next.rows].some((row) => !id(row.id))) id("fresh").hidden = false;
  for (const row of list ? [...list.rows] : []) {
    const now = id(row.id, doc);
    row.classList.toggle("gone", !now);
    row.title = now ? "" : w.gone;
    put(row, now);
  }
  age();
  clearTimeout(later);
  soon();
};
const soon = () => { if ($("[data-soon]")) later = setTimeout(refresh, 2000); };
let later, fetching, again;
const refresh = async () => {
  if (fetching) { again = true; return; }
  fetching = true;
  try {
    const { reply, doc } = await fetched(location.href);
    if (reply.status === 401) bar(w.ended); else if (reply.ok) { swap(doc); bar(); }
  } catch { bar(w.offline); }
  setTimeout(() => { fetching = false; if (again) { again = false; refresh(); } }, 1000);
};

// The stream: ids only.
let source, heard = Date.now(), lostAt, wait = 2000, hiding;
const clock = () => new Date().toLocaleTimeString("en-GB");
const mark = () => $$(".live").forEach((el) => {
  el.classList.toggle("on", !lostAt);
  el.classList.toggle("off", !!lostAt);
  $(".lt", el).textContent = lostAt ? w.lost.replace("{t}", lostAt) : w.on;
  Object.assign($("time", el), { hidden: !!lostAt, textContent: clock(), dateTime: new Date().toISOString() });
});
const lost = () => {
  if (lostAt) return;
  lostAt = clock();
  mark();
  say(w.lost.replace("{t}", lostAt));
};
const found = () => {
  heard = Date.now(); wait = 2000;
  if (lostAt) { lostAt = ""; say(w.on); refresh(); }
  mark();
};
const retry = () => { setTimeout(listen, wait * (0.8 + Math.random() * 0.4)); wait = Math.min(wait * 2, 60000); };
const listen = () => {
  source?.close();
  source = new EventSource("/api/v1/events");
  on(source, "hello", (e) => { found(); if (JSON.parse(e.data).build !== w.build) bar(w.updated, true); });
  on(source, "ping", found);
  on(source, "bye", () => { source.close(); lost(); retry(); });
  for (const name of "order channel sync action failure notification counts resync".split(" ")) on(source, name, () => { found(); refresh(); });
  source.onerror = () => { lost(); if (source.readyState === EventSource.CLOSED) retry(); };
};
setInterval(() => {
  if (source && Date.now() - heard > 30000) lost();
  if (lostAt && Date.now() - heard > 60000) bar(w.stale.replace("{t}", w.asOf), true);
}, 5000);
const stop = () => { source?.close(); source = null; };
on(document, "visibilitychange", () => {
  clearTimeout(hiding);
  if (document.hidden) hiding = setTimeout(stop, 5000);
  else if (!source) { listen(); refresh(); }
});
if (!document.hidden) listen();
soon();

// Forms in place.
const sheetOf = (doc) => {
  const sheet = $("[data-sheet]", doc);
  if (!sheet) return null;
  icons(doc);
  setTimeout(() => ($("#faults", sheet) ?? $("input:not([type=hidden]), textarea, select", sheet))?.focus());
  return document.adoptNode(sheet);
};
const send = async (form, button) => {
  const busy = setTimeout(() => button?.setAttribute("aria-busy", "true"), 150), dialog = form.closest("dialog");
  say(form.dataset.asking);
  try {
    const { reply, doc } = await fetched(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (reply.status === 401) {
      bar(w.ended);
      return dialog && form.prepend(w.ended);
    }
    const sheet = form.matches("[data-sheet]") && sheetOf(doc), to = new URL(reply.url);
    document.title = doc.title;
    if (sheet) form.replaceWith(sheet);
    else if (to.pathname === location.pathname && reply.ok) {
      history.replaceState(null, "", reply.url);
      dialog?.close();
      swap(doc);
      if ($("[name=key]", form)) $("[name=key]", form).value = $("[name=key]", doc)?.value;
    } else if (reply.redirected) location.assign(reply.url);
    else { id("main").replaceChildren(...id("main", doc).childNodes); id("main").focus(); }
  } catch { bar(w.offline); } finally {
    clearTimeout(busy);
    button?.removeAttribute("aria-busy");
    delete form.dataset.busy;
  }
};
on(document, "submit", (e) => {
  const form = e.target;
  if (!form.matches("[data-inplace]")) return;
  e.preventDefault();
  if ("busy" in form.dataset) return;
  form.dataset.busy = "";
  send(form, e.submitter);
});

// Forms as dialogs over the page.
const open = async (link) => {
  const { reply, doc } = await fetched(link.href), sheet = reply.ok && sheetOf(doc), title = document.title;
  if (!sheet) return location.assign(link.href);
  const dialog = body.appendChild(document.createElement("dialog"));
  let typed = false;
  dialog.setAttribute("aria-labelledby", "sheet-h");
  dialog.append(sheet);
  on(dialog, "input", () => { typed = true; });
  on(dialog, "cancel", (e) => { if (typed && !confirm(w.leave)) e.preventDefault(); });
  on(dialog, "close", () => { dialog.remove(); document.title = title; (link.isConnected ? link : id("main")).focus(); });
  dialog.showModal();
};
const clicked = (e, el) => {
  if (el.ariaDisabled === "true") say(id(el.getAttribute("aria-describedby"))?.textContent);
  else if (el.matches("[data-dialog]")) open(el);
  else if (el.matches("dialog [data-close]")) el.closest("dialog").close();
  else if (el.matches("[data-copy]")) navigator.clipboard?.writeText(el.dataset.copy).then(() => say(w.copied));
  else if (el.matches("[data-step]")) {
    const input = $("input", el.parentElement);
    if (el.dataset.step > 0) input.stepUp(); else input.stepDown();
    input.dispatchEvent(new Event("input", { bubbles: true }));
  } else if (el.matches("tr") && getSelection().isCollapsed) $("a", el).click();
  else return;
  e.preventDefault();
};
on(document, "click", (e) => {
  const el = e.target.closest("a, button, tr.go");
  if (el && !bent(e) && !e.shiftKey) clicked(e, el);
});
on(document, "input", (e) => {
  const button = $("[data-count-one]", e.target.form ?? document);
  if (!button) return;
  const units = $$("[type=number]", e.target.form).reduce((sum, input) => sum + (input.valueAsNumber || 0), 0);
  $(".count", button).textContent = (units === 1 ? button.dataset.countOne : button.dataset.countOther).replace("{n}", units);
});

// Keys. None ships, cancels or retries.
const seen = (el) => el.offsetParent, search = () => $$("[type=search]").find(seen);
const places = { h: "/", o: "/orders", c: "/channels", f: "/failures", n: "/notifications" };
let before;
on(document, "keydown", (e) => {
  if (!("keys" in w) || bent(e) || e.target.matches("input, select, textarea") || $("dialog[open]")) return;
  const key = e.key, place = before === "g" && places[key];
  const links = $$("tr.go a").filter(seen), at = links.indexOf(document.activeElement) + { j: 1, k: -1 }[key];
  before = key;
  if (place) location.assign(place);
  else if (key === "/") {
    e.preventDefault();
    if (search()) search().focus(); else location.assign("/orders#q");
  } else if (at >= 0) links[at]?.focus();
  else if (key === "s") id("sync")?.click();
  else if (key === "?") id("keys").showModal();
});
if (location.hash === "#q") search()?.focus();