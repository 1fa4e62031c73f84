// The page works without this. It makes it quieter: news in place, forms in place, dialogs, keys.
"use strict";
(() => {
  const body = document.body, words = body.dataset, main = document.getElementById("main");
  const $ = (sel, root = document) => root.querySelector(sel), $$ = (sel, root = document) => [...root.querySelectorAll(sel)];
  const policy = window.trustedTypes?.createPolicy("fenicia", { createHTML: (html) => html }) ?? { createHTML: (html) => html };
  const parse = (html) => new DOMParser().parseFromString(policy.createHTML(html), "text/html");
  const say = (text) => { const box = $("#say"); if (box && text) box.textContent = text; };
  const cookie = (name) => body.ownerDocument.cookie.split("; ").some((pair) => pair.startsWith(name + "="));

  // The reader's zone, once; Settings may change it.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!cookie("tz") && zone) document.cookie = `tz=${zone}; Path=/; SameSite=Lax; Max-Age=31536000`;
  for (const el of $$("[data-step], [data-copy]")) el.hidden = false;
  $("#faults, #made, #told")?.focus();
  if (!words.build) return;

  // Relative times.
  const span = (s) => s < 60 ? `${s} s` : s < 3600 ? `${Math.floor(s / 60)} min` : s < 86400
    ? `${Math.floor(s / 3600)} h` + (Math.floor(s / 60) % 60 ? ` ${Math.floor(s / 60) % 60} min` : "") : `${Math.floor(s / 86400)} d`;
  const age = () => {
    for (const el of $$("time[data-ago]")) {
      const s = Math.round((Date.now() - Date.parse(el.dateTime)) / 1000);
      el.textContent = (s < 0 ? words.in : words.ago).replace("{t}", span(Math.abs(s)));
    }
  };
  setInterval(age, 30000);

  // A bar above the content.
  const bar = (text, reload, tone = "amber") => {
    const box = $("#bar");
    if (box.dataset.text === (text ?? "")) return;
    box.dataset.text = text ?? ""; box.hidden = !text; box.className = "notice " + tone; box.textContent = text ?? "";
    if (!text || !reload) return;
    const link = document.createElement("a");
    link.href = location.href; link.textContent = words.reload; box.append(" ", link);
  };

  // Fragments: the page's own address once more, parts replaced where they differ.
  const held = (el) => {
    const pick = getSelection(), at = document.activeElement;
    return (at !== body && el.contains(at) && at.matches("input, select, textarea, summary, [aria-busy]"))
      || (pick && !pick.isCollapsed && pick.anchorNode && el.contains(pick.anchorNode));
  };
  const swap = (doc) => {
    for (const symbol of $$("svg.sprite symbol", doc)) if (!document.getElementById(symbol.id)) $("svg.sprite")?.append(document.adoptNode(symbol));
    for (const el of $$("[data-live]")) {
      const next = doc.getElementById(el.id);
      if (!next || same(el, next)) continue;
      if (held(el)) { el.classList.add("mark"); el.title = words.changed; continue; }
      const open = $$("details[id][open]", el).map((d) => d.id), focus = el.contains(document.activeElement) ? document.activeElement.id : "";
      if (el.matches("[data-say]")) say(next.textContent.trim());
      el.replaceWith(document.adoptNode(next));
      for (const id of open) document.getElementById(id)?.setAttribute("open", "");
      if (focus) document.getElementById(focus)?.focus();
    }
    rows(doc); age(); soon();
  };
  const bare = (el) => el.innerHTML.replace(/name="(csrf|key)" value="[^"]*"|<time[^>]*data-ago[^>]*>[^<]*/g, "");
  const same = (a, b) => bare(a) === bare(b) && a.className === b.className;
  // Rows keep their places: changed ones change, new ones wait behind a link, gone ones are dimmed.
  const rows = (doc) => {
    const list = $("[data-rows]"), next = $("[data-rows]", doc);
    if (!list) return;
    const fresh = next ? [...next.rows].some((row) => !document.getElementById(row.id)) : false;
    for (const row of [...list.rows]) {
      const now = next && doc.getElementById(row.id);
      row.classList.toggle("gone", !now); row.title = now ? "" : words.gone;
      if (now && !same(row, now) && !held(row)) row.replaceWith(document.adoptNode(now));
    }
    if (fresh) $("#fresh").hidden = false;
  };
  let fetching = false, again = false;
  const refresh = async () => {
    if (fetching) { again = true; return; }
    fetching = true;
    try {
      const reply = await fetch(location.href, { headers: { "Fenicia-Fragment": "1" } });
      if (reply.status === 401) bar(words.ended); else if (reply.ok) { swap(parse(await reply.text())); bar(null); }
    } catch { bar(words.offline); }
    setTimeout(() => { fetching = false; if (again) { again = false; refresh(); } }, 1000);
  };
  let timer;
  const soon = () => { clearTimeout(timer); if ($("[data-soon]")) timer = setTimeout(refresh, 2000); };

  // The stream of events: ids only.
  let source, heard = Date.now(), lostAt = "", wait = 2000, hiding;
  const mark = (live) => {
    for (const el of $$(".live")) {
      el.classList.toggle("on", live); el.classList.toggle("off", !live);
      const time = $("time", el), now = new Date();
      $(".lt", el).textContent = live ? words.live : words.lost.replace("{t}", lostAt); time.hidden = !live;
      if (live) { time.dateTime = now.toISOString(); time.textContent = now.toLocaleTimeString("en-GB", { timeZone: zone }); }
    }
  };
  const clock = () => new Date().toLocaleTimeString("en-GB", { timeZone: zone });
  const lost = () => { if (!lostAt) { lostAt = clock(); mark(false); say(words.lost.replace("{t}", lostAt)); } };
  const found = () => { heard = Date.now(); wait = 2000; if (lostAt) { lostAt = ""; say(words.live); bar(null); refresh(); } mark(true); };
  const listen = () => {
    source?.close();
    source = new EventSource("/api/v1/events");
    const on = (name, act) => source.addEventListener(name, (event) => { found(); act?.(JSON.parse(event.data)); });
    on("hello", (hello) => { if (hello.build !== words.build) bar(words.updated, true); });
    on("ping"); on("bye", () => { source.close(); lost(); retry(); });
    for (const name of ["order", "channel", "sync", "action", "failure", "notification", "counts", "resync"]) on(name, refresh);
    source.onerror = () => { lost(); if (source.readyState === EventSource.CLOSED) retry(); };
  };
  const retry = () => { setTimeout(listen, wait * (0.8 + Math.random() * 0.4)); wait = Math.min(wait * 2, 60000); };
  setInterval(() => {
    if (source && Date.now() - heard > 30000) lost();
    if (lostAt && Date.now() - heard > 60000) bar(words.stale.replace("{t}", words.asOf), true);
  }, 5000);
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(() => { source?.close(); source = null; }, 30000);
    else if (!source) { listen(); refresh(); }
  });
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => { if (event.persisted) { listen(); refresh(); } });
  listen(); soon();

  // Forms in place.
  const send = async (form, button) => {
    const busy = setTimeout(() => button?.setAttribute("aria-busy", "true"), 150);
    if (form.dataset.asking) say(form.dataset.asking);
    try {
      const reply = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { "Fenicia-Fragment": "1" } });
      const doc = parse(await reply.text()), sheet = $("[data-sheet]", doc), dialog = form.closest("dialog");
      if (reply.status === 401) return bar(words.ended);
      if (form.matches("[data-sheet]") && sheet) { document.title = doc.title; return dialog ? fill(dialog, sheet) : form.replaceWith(ready(document.adoptNode(sheet))); }
      const to = new URL(reply.url);
      if (to.pathname !== location.pathname || !reply.ok) { if (reply.redirected) location.assign(reply.url); else show(doc); return; }
      history.replaceState(null, "", reply.url); document.title = doc.title;
      if (dialog) { form.dataset.sent = "1"; dialog.close(); }
      swap(doc);
      const key = $("input[name=key]", form), next = $("input[name=key]", doc);
      if (key && next) key.value = next.value;
    } catch { bar(words.offline); } finally { clearTimeout(busy); button?.removeAttribute("aria-busy"); form.removeAttribute("data-busy"); }
  };
  const show = (doc) => { main.replaceChildren(...[...doc.getElementById("main").childNodes].map((node) => document.adoptNode(node))); main.focus(); };
  document.addEventListener("submit", (event) => {
    const form = event.target, button = event.submitter;
    if (!form.matches("[data-inplace]")) return;
    event.preventDefault();
    if (form.hasAttribute("data-busy")) return;
    form.setAttribute("data-busy", ""); send(form, button);
  });

  // Forms as dialogs over the page.
  const ready = (sheet) => {
    for (const el of $$("[data-step]", sheet)) el.hidden = false;
    setTimeout(() => ($("#faults", sheet) ?? $("input:not([type=hidden]), textarea, select", sheet))?.focus(), 0);
    return sheet;
  };
  const fill = (dialog, sheet) => { dialog.replaceChildren(ready(document.adoptNode(sheet))); dialog.setAttribute("aria-labelledby", "sheet-h"); };
  const open = async (link) => {
    const reply = await fetch(link.href, { headers: { "Fenicia-Fragment": "1" } }), doc = parse(await reply.text()), sheet = $("[data-sheet]", doc);
    if (!reply.ok || !sheet) return location.assign(link.href);
    for (const symbol of $$("svg.sprite symbol", doc)) if (!document.getElementById(symbol.id)) $("svg.sprite").append(document.adoptNode(symbol));
    const dialog = document.createElement("dialog"), title = document.title;
    let typed = false;
    dialog.addEventListener("input", () => { typed = true; });
    dialog.addEventListener("cancel", (event) => { if (typed && !confirm(words.leave)) event.preventDefault(); });
    dialog.addEventListener("close", () => { dialog.remove(); document.title = title; document.getElementById(link.id)?.focus() ?? link.focus(); });
    fill(dialog, sheet); body.append(dialog); dialog.showModal();
  };
  document.addEventListener("click", (event) => {
    const el = event.target.closest("a, button, tr.go");
    if (!el || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    if (el.getAttribute("aria-disabled") === "true") { event.preventDefault(); say(document.getElementById(el.getAttribute("aria-describedby"))?.textContent); }
    else if (el.matches("[data-dialog]")) { event.preventDefault(); open(el); }
    else if (el.matches("dialog [data-close]")) { event.preventDefault(); el.closest("dialog").close(); }
    else if (el.matches("[data-copy]")) navigator.clipboard?.writeText(el.dataset.copy).then(() => say(words.copied));
    else if (el.matches("[data-step]")) {
      const input = $("input", el.parentElement);
      input.value = Math.max(0, Math.min(+input.dataset.max, (parseInt(input.value, 10) || 0) + +el.dataset.step));
      input.dispatchEvent(new Event("input", { bubbles: true }));
    } else if (el.matches("tr.go") && getSelection().isCollapsed) $("a", el)?.click();
  });
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form"), button = form && $("[data-count-one]", form);
    if (!button) return;
    const n = $$("input[data-max]", form).reduce((sum, input) => sum + (parseInt(input.value, 10) || 0), 0);
    $(".idle", button).textContent = (n === 1 ? button.dataset.countOne : button.dataset.countOther).replace("{n}", n);
  });

  // Keys: none of them ships, cancels or retries.
  let before = "";
  const places = { h: "/", o: "/orders", c: "/channels", f: "/failures", n: "/notifications" };
  document.addEventListener("keydown", (event) => {
    if (!("keys" in words) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select, textarea") || $("dialog[open]")) return;
    const key = event.key, links = $$("tr.go a").filter((a) => a.offsetParent), at = links.indexOf(document.activeElement);
    const was = before; before = key;
    if (was === "g" && places[key]) return location.assign(places[key]);
    if (key === "/") { const box = $$("input[type=search]").find((el) => el.offsetParent); event.preventDefault(); if (box) box.focus(); else location.assign("/orders#q"); }
    else if (key === "j" || key === "k") links[Math.max(0, Math.min(links.length - 1, at + (key === "j" ? 1 : -1)))]?.focus();
    else if (key === "s") $("#sync")?.click();
    else if (key === "?") $("#keys")?.showModal();
  });
  if (location.hash === "#q") $("#q")?.focus();
})();
