// Quieter.
const w = document.body.dataset;
const $ = (what, root = document) => root.querySelector(what), $$ = (what, root = document) => [...root.querySelectorAll(what)];
const id = (name, root = document) => root.getElementById(name);
const rules = { createHTML: (html) => html }, policy = window.trustedTypes?.createPolicy("fenicia", rules) ?? rules;
const say = (text) => { if (text) id("say").textContent = text; };
const on = (name, act, el = document) => el.addEventListener(name, act);
const clock = () => new Date().toLocaleTimeString("en-GB");
const bent = (e) => e.ctrlKey || e.metaKey || e.altKey;
document.documentElement.className = "js";

// The reader's zone, told once.
if (!document.cookie.includes("tz=")) {
  document.cookie = `tz=${Intl.DateTimeFormat().resolvedOptions().timeZone}; Path=/; SameSite=Lax; Max-Age=31536000`;
  if (document.cookie.includes("tz=")) location.reload();
}
(id("faults") ?? id("made"))?.focus();

// Relative times.
const span = (s) => {
  const m = s / 60 | 0, h = m / 60 | 0;
  return !m ? `${s} s` : !h ? `${m} min` : h > 23 ? `${h / 24 | 0} d` : m % 60 ? `${h} h ${m % 60} min` : `${h} h`;
};
const age = () => $$("time[data-ago]").forEach((el) => {
  const s = (Date.now() - new Date(el.dateTime)) / 1000 | 0;
  el.textContent = (s < 0 ? w.in : w.ago).replace("{t}", span(Math.abs(s)));
});
setInterval(age, 3e4);

const bar = (text = "", reload) => {
  const [span, link] = id("bar").children;
  if (span.textContent !== text) span.textContent = text;
  id("bar").hidden = !text;
  link.hidden = !reload;
};

// Fragments: the page's own address once more.
const fetched = async (url, options) => {
  const reply = await fetch(url, { ...options, headers: { "Fenicia-Fragment": "1" } });
  const doc = new DOMParser().parseFromString(policy.createHTML(await reply.text()), "text/html");
  $$("symbol", doc).forEach((icon) => id(icon.id) || $(".sprite").append(icon));
  return { reply, doc };
};
const bare = (el) => el.className + el.innerHTML.replace(/name="(csrf|key)" value="[^"]*"| open=""|<time[^>]*data-ago[^>]*>[^<]*/g, "");
const held = (el) => {
  const picked = getSelection();
  return $(":is(input, select, textarea, [aria-busy]):focus", el) || !picked.isCollapsed && el.contains(picked.anchorNode);
};
const note = (el, how, text) => { el.classList.add(how); (el.cells?.[0] ?? el).dataset.note ??= text; };
// What is over keeps its place, without its buttons.
const keep = (el, doc) => $$("[data-row]", el).forEach((row) => {
  if (id(row.id, doc)) return;
  const over = row.cloneNode(true), near = id(row.previousElementSibling?.id, doc);
  note(over, "gone", `${el.dataset.over} ${clock()}`);
  $$(".acts, form", over).forEach((part) => part.remove());
  near ? near.after(over) : id(row.parentElement.id, doc)?.prepend(over);
});
const named = (part) => part.id || part.textContent;
const put = (el, next) => {
  if (!next) return;
  keep(el, next.ownerDocument);
  if (bare(el) === bare(next)) return;
  if (held(el)) return note(el, "mark", w.changed);
  const stops = "a, button, summary", at = $$(stops, el).indexOf(document.activeElement), open = $$("details[open]", el).map(named);
  if (el.matches("[data-say]")) say(next.textContent.trim());
  // What follows does not move up.
  next.style.minHeight = `${el.getBoundingClientRect().height}px`;
  el.replaceWith(next);
  $$("details", next).forEach((part) => { part.open ||= open.includes(named(part)); });
  if (at >= 0) $$(stops, next)[at]?.focus();
};
const swap = (doc) => {
  $$("[id][data-live]").forEach((el) => put(el, id(el.id, doc)));
  // Rows keep their places, new ones wait.
  const list = $("[data-rows]"), next = $("[data-rows]", doc);
  if (list && next && [...next.rows].some((row) => !id(row.id))) id("fresh").hidden = false;
  for (const row of list?.rows ?? []) {
    const now = id(row.id, doc);
    if (now) put(row, now); else note(row, "gone", w.gone);
  }
  age();
  soon();
};
const soon = () => { clearTimeout(later); if ($("[data-soon]")) later = setTimeout(refresh, 2000); };
let later, fetching, again;
const refresh = async () => {
  if (again = fetching) return;
  fetching = true;
  try {
    const { reply, doc } = await fetched(location.href);
    if (reply.status === 401) bar(w.ended); else if (reply.ok) { swap(doc); bar(); }
  } catch { bar(w.offline); }
  setTimeout(() => { fetching = false; if (again) refresh(); }, 1000);
};

on("selectionchange", () => { if ($(".mark") && getSelection().isCollapsed) refresh(); });

// The stream of events: ids only.
let source, heard = Date.now(), lostAt, wait = 2000, hiding;
const mark = () => $$(".live").forEach((el) => {
  el.className = lostAt ? "live off" : "live on";
  $(".lt", el).textContent = lostAt ? w.lost.replace("{t}", lostAt) : w.on;
  Object.assign($("time", el), { hidden: !!lostAt, textContent: clock() });
});
const lost = () => {
  if (lostAt) return;
  lostAt = clock();
  mark();
  say($(".lt").textContent);
};
const found = () => {
  heard = Date.now(); wait = 2000;
  if (lostAt) { lostAt = ""; say(w.on); refresh(); }
  mark();
};
const news = () => { found(); refresh(); };
const retry = () => { setTimeout(listen, wait * (.8 + Math.random() * .4)); wait = Math.min(wait * 2, 6e4); };
const listen = () => {
  source?.close();
  source = new EventSource("/api/v1/events");
  on("hello", (e) => { found(); if (!e.data.includes(w.build)) bar(w.updated, true); }, source);
  on("ping", found, source);
  for (const name of "order channel sync action failure notification counts resync".split(" ")) on(name, news, source);
  source.onerror = () => { lost(); if (source.readyState === EventSource.CLOSED) retry(); };
};
setInterval(() => {
  const silent = source && Date.now() - heard;
  if (silent > 3e4) lost();
  if (lostAt && silent > 6e4) bar(w.stale.replace("{t}", w.asOf), true);
}, 5000);
on("visibilitychange", () => {
  clearTimeout(hiding);
  if (document.hidden) hiding = setTimeout(() => { source?.close(); source = null; }, 5000);
  else if (!source) { listen(); refresh(); }
});
if (!document.hidden) listen();
soon();

// Forms in place.
const sheetOf = (doc) => {
  const sheet = $("[data-sheet]", doc);
  if (sheet) setTimeout(() => ($("#faults", sheet) ?? $("input:not([type=hidden]), textarea, select", sheet))?.focus());
  return sheet;
};
on("submit", async (e) => {
  const form = e.target, button = e.submitter, dialog = form.closest("dialog");
  if (!form.matches("[data-inplace]")) return;
  e.preventDefault();
  if (form.busy) return;
  form.busy = true;
  const busy = setTimeout(() => { if (button) button.ariaBusy = "true"; }, 150);
  say(form.dataset.asking);
  try {
    const { reply, doc } = await fetched(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (reply.status === 401) {
      bar(w.ended);
      return dialog && form.prepend(w.ended);
    }
    const sheet = form.matches("[data-sheet]") && sheetOf(doc), key = $("[name=key]", form);
    document.title = doc.title;
    if (sheet) form.replaceWith(sheet);
    else if (new URL(reply.url).pathname === location.pathname && reply.ok) {
      history.replaceState(null, "", reply.url);
      dialog?.close();
      swap(doc);
      if (key) key.value = $("[name=key]", doc)?.value;
    } else if (reply.redirected) location.assign(reply.url);
    else { id("main").replaceChildren(...id("main", doc).childNodes); id("main").focus(); }
  } catch { bar(w.offline); } finally {
    clearTimeout(busy);
    if (button) button.ariaBusy = null;
    form.busy = false;
  }
});

// Forms as dialogs over the page.
const open = async (link) => {
  const { reply, doc } = await fetched(link.href), sheet = reply.ok && sheetOf(doc), title = document.title;
  if (!sheet) return location.assign(link.href);
  const dialog = document.body.appendChild(document.createElement("dialog"));
  let typed;
  dialog.setAttribute("aria-labelledby", "sheet-h");
  dialog.append(sheet);
  on("input", () => { typed = true; }, dialog);
  on("cancel", (e) => { if (typed && !confirm(w.leave)) e.preventDefault(); }, dialog);
  on("close", () => { dialog.remove(); document.title = title; (link.isConnected ? link : id("main")).focus(); }, dialog);
  dialog.showModal();
};
on("click", (e) => {
  const el = e.target.closest("a, button, tr.go");
  if (!el || bent(e) || e.shiftKey) return;
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
});
on("input", (e) => {
  const button = $("[data-count-one]", e.target.form ?? document);
  if (!button) return;
  const units = $$("[type=number]", e.target.form).reduce((sum, input) => sum + +input.value, 0);
  $(".count", button).textContent = (units === 1 ? button.dataset.countOne : button.dataset.countOther).replace("{n}", units);
});

// Keys. None ships, cancels or retries.
const seen = (el) => el.offsetParent, search = () => $$("[type=search]").find(seen);
const places = { h: "/", o: "/orders", c: "/channels", f: "/failures", n: "/notifications" };
let before;
on("keydown", (e) => {
  if (!("keys" in w) || bent(e) || e.target.matches("input, select, textarea") || $("dialog[open]")) return;
  const key = e.key, place = before === "g" && places[key];
  const links = $$("tr.go a").filter(seen), at = links.indexOf(document.activeElement) + { j: 1, k: -1 }[key];
  before = key;
  if (place) location.assign(place);
  else if (key === "/") {
    e.preventDefault();
    search() ? search().focus() : location.assign("/orders#q");
  } else if (at >= 0) links[at]?.focus();
  else if (key === "s") id("sync")?.click();
  else if (key === "?") id("keys").showModal();
});
if (location.hash === "#q") search()?.focus();