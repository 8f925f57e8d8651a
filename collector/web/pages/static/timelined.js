// What a page does beyond what it does without a script: it stays true by itself, and it takes keys.
// Nothing here is needed to read or to do anything.
"use strict";

(() => {
  const main = document.getElementById("main");
  const state = document.createElement("span");
  state.className = "live";
  state.setAttribute("role", "status");
  document.querySelector(".top nav").after(state);

  // --- Live ---------------------------------------------------------------------------------------------------------

  const WHOLE = ["main"];
  const PICTURE = [".picture", "form.zone"]; // what a view of the timeline changes, beside its rows
  const VIEW = [...PICTURE, "section[aria-labelledby=timeline]"];
  const SOONEST = 500; // ms between two looks at the page, however much comes
  const SILENT = 50000; // ms without a word after which a stream is taken for dead: the daemon says one every 15 s
  const root = document.documentElement.dataset.root || ""; // what our addresses begin with
  const number = (location.pathname.slice(root.length).match(/^\/incidents\/(\d+)$/) || [])[1];
  const follows = main.hasAttribute("data-live");
  const { phone, fitPicture } = window.timelined || {}; // pages with a picture
  const ofAll = main.dataset.live === "all"; // logs
  let source = null;
  let position = null;
  let timer = null;
  let looked = 0;
  let heard = 0;

  function say(word, text) {
    state.dataset.state = word;
    state.textContent = text;
  }

  function listen() {
    if (!follows || document.hidden || source) return;
    const on = "?beats=true" + (position === null ? "" : (ofAll ? "&cursor=" : "&after=") + encodeURIComponent(position));
    heard = Date.now();
    source = new EventSource(root + (ofAll ? "/api/v1/logs/stream" : "/api/v1/events/stream") + on);
    source.addEventListener("beat", () => (heard = Date.now()));
    source.addEventListener("open", () => {
      heard = Date.now();
      // What came while nobody listened is looked up once.
      if (state.dataset.state !== "live" && looked) look();
      looked = looked || Date.now();
      say("live", "live");
    });
    source.addEventListener("event", (message) => {
      heard = Date.now();
      position = message.lastEventId;
      const incident = JSON.parse(message.data).incident;
      if (number === undefined || String(incident) === number) look();
    });
    source.addEventListener("error", () => {
      say("lost", "connection lost");
      if (source && source.readyState === EventSource.CLOSED) {
        // The daemon said no, or is away: a browser does not come again by itself then.
        source = null;
        setTimeout(listen, 5000);
      }
    });
  }

  // A laptop that slept, or a phone that changed its network, may never hear that its connection ended.
  setInterval(() => {
    if (!source || Date.now() - heard < SILENT) return;
    say("lost", "connection lost");
    source.close();
    source = null;
    listen();
  }, 5000);

  function pause() {
    if (source) source.close();
    source = null;
    if (follows) say("paused", "paused");
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) pause();
    else listen();
  });

  function look() {
    if (timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      refresh().catch(() => say("lost", "connection lost"));
    }, Math.max(100, looked + SOONEST - Date.now()));
  }

  // The page as it is now, or of it what a view of the timeline changes: that is little, and a draft is not.
  async function refresh(parts = WHOLE) {
    looked = Date.now();
    // What is shown may be changed meanwhile; then this is not what was asked for. A picture of a step before is shown.
    const asked = location.href;
    const address = new URL(asked);
    if (parts !== WHOLE) address.searchParams.set("only", parts === VIEW ? "view" : "picture");
    if (parts !== WHOLE && phone.matches) address.searchParams.set("phone", "1");
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    if (answer.redirected && new URL(answer.url).pathname === root + "/login") location.reload();
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (location.href !== asked && parts !== PICTURE) return;
    if (fitPicture) fitPicture(page);
    for (const part of parts) {
      const [old, fresh] = [document, page].map((each) => each.querySelector(part));
      if (old && fresh) renew(old, fresh);
    }
    document.title = page.title;
  }

  function selected(node) {
    const selection = getSelection();
    return selection && !selection.isCollapsed && selection.containsNode(node, true);
  }

  // What a person is reading, marking or typing stays as it is.
  function busy(node) {
    if (node.nodeType !== Node.ELEMENT_NODE) return selected(node);
    // A hidden field of a form that only asks says what is shown now; of one that states, what was read.
    if (node.matches("input[type=hidden]")) return node.form !== null && node.form.method === "post";
    return node.matches("input, textarea, select, [data-ours]");
  }

  function key(node) {
    return node.nodeType === Node.ELEMENT_NODE ? node.dataset.key || node.id || "" : "";
  }

  function alike(a, b) {
    return a.nodeType === b.nodeType && a.nodeName === b.nodeName && key(a) === key(b);
  }

  // Make a node say what another says, by as few changes as that takes.
  function renew(old, fresh) {
    if (busy(old) || old.isEqualNode(fresh)) return;
    // Of another view nearly each of a picture's thousands of nodes differs: it is drawn anew at once.
    if (old.nodeName === "svg" && !old.contains(document.activeElement) && !selected(old)) {
      old.replaceWith(document.importNode(fresh, true));
      return;
    }
    if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    for (const { name, value } of fresh.attributes || []) {
      if (!(name === "open") && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    for (const { name } of [...(old.attributes || [])]) {
      if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
    }
    children(old, fresh);
  }

  // Who types in something that is moved goes on typing nowhere: what stands before it is put behind it instead.
  // Gives what stands behind it then.
  function around(found, place) {
    const behind = found.nextSibling;
    if (!place || !(found.compareDocumentPosition(place) & Node.DOCUMENT_POSITION_PRECEDING)) return place;
    while (place !== found) {
      const moved = place;
      place = place.nextSibling;
      found.parentNode.insertBefore(moved, behind);
    }
    return found.nextSibling;
  }

  function children(old, fresh) {
    const keyed = new Map([...old.children].filter(key).map((child) => [key(child), child]));
    let place = old.firstChild;
    for (const wanted of [...fresh.childNodes]) {
      let found = key(wanted) ? keyed.get(key(wanted)) : null;
      if (!found && place && !key(wanted) && alike(place, wanted)) found = place;
      if (!found) {
        const added = document.importNode(wanted, true);
        if (added.nodeType === Node.ELEMENT_NODE && added.matches("tr, li")) added.classList.add("new");
        old.insertBefore(added, place);
      } else {
        if (found === place) place = place.nextSibling;
        else if (found.contains(document.activeElement)) place = around(found, place);
        else if (!selected(found)) old.insertBefore(found, place);
        renew(found, wanted);
      }
    }
    while (place) {
      const gone = place;
      place = place.nextSibling;
      if (!busy(gone) && !selected(gone)) gone.remove();
    }
  }

  // --- What is typed stays until the daemon has it -------------------------------------------------------------------

  const asked = new URLSearchParams(location.search);
  const said = asked.get("said");

  function shelf(form, field) {
    return "timelined:" + form.getAttribute("action") + ":" + field.name;
  }

  for (const form of document.querySelectorAll("form[data-draft]")) {
    const fields = [...form.elements].filter((field) => field.name && field.type !== "hidden" && field.type !== "submit");
    // Names the text that is written over: what was typed over an older one must not go over a newer one unseen.
    const tag = form.querySelector("input[name=tag]");
    const tagged = tag && shelf(form, tag);
    for (const field of fields) {
      const place = field.name === "by" ? "timelined:by" : shelf(form, field);
      if (said === form.dataset.draft && field.name !== "by") {
        localStorage.removeItem(place);
        if (tagged) localStorage.removeItem(tagged);
      }
      const kept = localStorage.getItem(place);
      if (kept !== null && kept !== field.value) {
        if (field.value === "" || field.tagName === "SELECT") field.value = kept;
        else if (field.tagName === "TEXTAREA") restore(form, field, kept, tag, tagged);
      }
      field.addEventListener("input", () => {
        localStorage.setItem(place, field.value);
        if (tag && field.tagName === "TEXTAREA") localStorage.setItem(tagged, tag.value);
      });
    }
  }

  // What was typed and not sent stands in the field again, and says so.
  function restore(form, field, kept, tag, tagged) {
    const sent = [field.value, tag && tag.value];
    field.value = kept;
    if (tag) tag.value = localStorage.getItem(tagged) || tag.value;
    const told = document.createElement("p");
    told.className = "warn unsent";
    told.dataset.ours = "";
    told.append("This is what you typed and have not sent. ");
    const drop = document.createElement("button");
    drop.type = "button";
    drop.textContent = "Show what is recorded";
    drop.addEventListener("click", () => {
      field.value = sent[0];
      if (tag) tag.value = sent[1];
      localStorage.removeItem(shelf(form, field));
      if (tagged) localStorage.removeItem(tagged);
      told.remove();
      field.focus();
    });
    told.append(drop);
    field.before(told);
    form.closest("details").open = true;
  }

  // A text that is dropped on several notes, such as a CSV, is put into them.
  const notes = document.getElementById("notes-text");
  if (notes) {
    notes.addEventListener("dragover", (event) => event.preventDefault());
    notes.addEventListener("drop", async (event) => {
      const [file] = event.dataTransfer.files;
      if (!file) return;
      event.preventDefault();
      notes.value = (notes.value ? notes.value.trimEnd() + "\n" : "") + await file.text();
      notes.dispatchEvent(new Event("input"));
    });
  }

  // Who somebody said they are stands in every form from then on.
  const names = document.querySelectorAll('input[name="by"]');
  for (const field of names) {
    field.value = field.value || localStorage.getItem("timelined:by") || "";
    field.addEventListener("input", () => localStorage.setItem("timelined:by", field.value));
    field.addEventListener("change", () => {
      for (const other of names) other.value = other.value || field.value;
    });
  }
  if (said) {
    // Whoever loads the page again is not told again that something was recorded.
    asked.delete("said");
    history.replaceState(null, "", location.pathname + (String(asked) ? "?" + asked : "") + location.hash);
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-at]");
    if (link && at("note", link.dataset.at)) event.preventDefault();
    const wanted = event.target.closest("a[data-mark]");
    if (!wanted || !at("mark", "")) return;
    event.preventDefault();
    document.getElementById("mark").value = wanted.dataset.mark;
    document.getElementById("at-mark").focus();
  });

  // Begin a form with a time; whether there is such a form.
  function at(form, time) {
    const field = document.getElementById("at-" + form);
    if (!field) return false;
    field.value = time;
    for (let part = field.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
    document.querySelector("#" + form + "-text").focus();
    return true;
  }

  // --- Times --------------------------------------------------------------------------------------------------------

  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;

  function clock(time, zone) {
    return new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" }).format(time);
  }

  for (const field of document.querySelectorAll('input[name="at"]')) {
    const now = document.createElement("button");
    now.type = "button";
    now.className = "now";
    now.dataset.ours = "";
    now.textContent = "Now";
    now.addEventListener("click", () => {
      field.value = clock(new Date(), document.getElementById("zone").value);
      field.dispatchEvent(new Event("input"));
    });
    field.after(now);
  }

  // What a time is called where the reader is, beside what it is called here and in UTC.
  for (const kind of ["mouseover", "focusin"]) {
    document.addEventListener(kind, (event) => {
      const found = event.target.closest && event.target.closest("time[title], summary");
      const time = found && (found.matches("time") ? found : found.querySelector("time[title]"));
      if (!time || !here || time.title.includes(here)) return;
      const theirs = clock(new Date(time.dateTime), here);
      if (!time.title.includes(theirs)) time.title += " = " + theirs + " " + here;
    });
  }

  // How long what is open has lasted goes on, minute by minute, by the daemon's clock.
  const ahead = Date.now() - Number(document.documentElement.dataset.now);
  function lasted(ms) {
    const minutes = Math.floor(ms / 60000);
    if (minutes < 1) return Math.max(0, Math.floor(ms / 1000)) + "\u00a0s";
    const counts = [[Math.floor(minutes / 1440), "d"], [Math.floor(minutes / 60) % 24, "h"], [minutes % 60, "min"]];
    return counts.filter(([count]) => count).map(([count, unit]) => count + "\u00a0" + unit).join(" ");
  }
  setInterval(() => {
    for (const each of document.querySelectorAll(".lasting")) {
      const text = lasted(Date.now() - ahead - Number(each.dataset.began));
      if (each.textContent !== text && !selected(each)) each.textContent = text;
    }
  }, 5000);

  // --- What the picture and the rows show, in place ------------------------------------------------------------------

  const SETTLED = 250; // ms after which the rows follow a picture that nobody zooms any further
  const SMALLEST = 10000; // ms that are shown at least
  const picture = document.getElementById("picture");
  // From when until when is to be shown, in ms; null where that is not bounded.
  let view = picture && ["since", "until"].map((name) => (name in picture.dataset ? picture.dataset[name] / 1000 : null));
  let drawing = false;
  let drawn = "";
  let stir = () => {};

  // What a button beside the picture leads to from there; nothing where that is what is shown. As zooming.py has it.
  function stepped(name, [since, until]) {
    const [first, last] = [picture.dataset.first / 1000, picture.dataset.last / 1000];
    const [start, end] = [since === null ? first : since, until === null ? last : until];
    const [length, bounded] = [Math.max(end - start, SMALLEST), since !== null || until !== null];
    const middle = start + length / 2;
    const [near, wide] = [Math.max(length / 4, SMALLEST / 2), [middle - length, middle + length]];
    if (name === "nearer") return length > SMALLEST && [middle - near, middle + near];
    if (!bounded) return null;
    if (name === "all" || (name === "further" && wide[0] <= first && wide[1] >= last)) return [null, null];
    if (name === "further") return wide;
    if (name === "earlier") return start > first && [start - length / 2, end - length / 2];
    return end < last && [start + length / 2, end + length / 2];
  }

  function zoom(name) {
    const next = picture && stepped(name, view);
    if (!next) return;
    view = next;
    const address = new URL(location.href);
    for (const gone of ["page", "row"]) address.searchParams.delete(gone);
    ["from", "to"].forEach((bound, at) => {
      if (next[at] === null) address.searchParams.delete(bound);
      else address.searchParams.set(bound, new Date(Math.round(next[at])).toISOString());
    });
    history.replaceState(null, "", address);
    stir();
    if (!drawing) draw().catch(() => say("lost", "connection lost"));
  }

  // The picture follows each step as soon as the one before is drawn, and skips those between. The rows follow the last.
  async function draw() {
    drawing = true;
    try {
      while (drawn !== location.href) {
        drawn = location.href;
        const focused = document.activeElement && document.activeElement.dataset.zoom;
        await refresh(PICTURE);
        const again = focused && document.querySelector('[data-zoom="' + focused + '"]');
        if (again) again.focus({ preventScroll: true });
        await new Promise((done) => setTimeout((stir = done), SETTLED));
        if (drawn === location.href) await refresh(VIEW);
      }
    } catch (error) {
      // Whatever is asked for next is drawn, the same view as well.
      drawn = "";
      throw error;
    } finally {
      drawing = false;
    }
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-zoom]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    zoom(link.dataset.zoom);
  });

  let turned = 0;
  if (phone) {
    phone.addEventListener("change", () => {
      fitPicture(document);
      const shown = document.querySelector(phone.matches ? ".narrow svg" : ".wide svg");
      if (!shown) refresh(VIEW).catch(() => say("lost", "connection lost"));
    });
  }
  if (picture) {
    // With Ctrl, as everything is zoomed by a wheel; without, a page goes on scrolling. Two fingers do the same.
    picture.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      if (event.timeStamp - turned < 150) return;
      turned = event.timeStamp;
      zoom(event.deltaY < 0 ? "nearer" : "further");
    }, { passive: false });
  }

  // What was known then, by a slider over the time in which the events on the page were received.
  const known = document.getElementById("as_of");
  if (known && known.dataset.first) {
    const slider = document.createElement("input");
    const [first, last] = [Number(known.dataset.first), Number(known.dataset.last)];
    slider.type = "range";
    slider.className = "slide";
    slider.min = first;
    slider.max = Math.max(last, first + 1);
    slider.step = Math.max(1, Math.round((last - first) / 500));
    const then = Date.parse(known.value);
    slider.value = Number.isNaN(then) ? slider.max : then;
    slider.setAttribute("aria-label", "Show what was known by a time");
    slider.addEventListener("input", () => (known.value = new Date(Number(slider.value)).toISOString()));
    slider.addEventListener("change", () => known.form.requestSubmit());
    known.after(slider);
  }

  // --- A citation shows its row -------------------------------------------------------------------------------------

  function point(event) {
    for (const row of document.querySelectorAll(".row.cited")) row.classList.remove("cited");
    const link = event.type !== "mouseout" && event.target.closest && event.target.closest('a[href^="#e-"]');
    const found = link && document.getElementById(link.getAttribute("href").slice(1));
    const row = found && found.closest(".row");
    if (row) row.classList.add("cited");
  }
  for (const kind of ["mouseover", "mouseout", "focusin"]) document.addEventListener(kind, point);

  // --- Keys ---------------------------------------------------------------------------------------------------------

  const KEYS = [
    ["j", "next row", () => step(1)],
    ["k", "previous row", () => step(-1)],
    ["o", "open or close the row", () => current() && current().click()],
    ["/", "filter", () => focus("#text, .filters summary")],
    ["x", "tick the row", () => inRow("input[type=checkbox]")],
    ["f", "five minutes around the row", () => inRow("a[data-around]")],
    ["n", "note", () => focus("#note-text")],
    ["m", "state a moment at the row", () => current() && at("mark", atRow())],
    ["t", "go to a time", ask],
    ["+", "nearer: less time", () => zoom("nearer")],
    ["-", "further: more time", () => zoom("further")],
    ["0", "all of the incident", () => zoom("all")],
    ["<", "earlier", () => zoom("earlier")],
    [">", "later", () => zoom("later")],
    ["i", "incidents", () => go("/incidents")],
    ["d", "deliveries", () => go("/deliveries")],
    ["a", "analytics", () => go("/analytics")],
    ["?", "this list", sheet],
  ];

  const ROWS = ".row summary, .incidents tbody th a, .deliveries tbody th a";

  function rows() {
    return [...document.querySelectorAll(ROWS)].filter((row) => row.offsetParent !== null);
  }

  function current() {
    return rows().find((row) => row === document.activeElement);
  }

  function inRow(selector) {
    const found = current() && current().closest(".row") && current().closest(".row").querySelector(selector);
    if (found) found.click();
  }

  function atRow() {
    const link = current().closest(".row") && current().closest(".row").querySelector("a[data-at]");
    return link ? link.dataset.at : "";
  }

  function step(by) {
    const all = rows();
    const at = all.indexOf(document.activeElement);
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
    if (next) next.focus();
  }

  function focus(selector) {
    const found = document.querySelector(selector);
    if (found) found.focus();
  }

  function go(path) {
    const zone = new URLSearchParams(location.search).get("zone");
    location.assign(root + path + (zone ? "?zone=" + encodeURIComponent(zone) : ""));
  }

  function ask() {
    const times = rows().map((row) => [row, row.querySelector("time")]).filter(([, time]) => time);
    const wanted = times.length ? prompt("Go to a time of the timeline, such as 14:02") : null;
    if (!wanted) return;
    const found = times.find(([, time]) => (time.textContent.match(/\d\d:\d\d:\d\d/) || [""])[0] >= wanted);
    (found || times[times.length - 1])[0].focus();
  }

  const dialog = document.createElement("dialog");
  dialog.className = "keys";
  dialog.setAttribute("aria-label", "Keys");
  const heading = document.createElement("h2");
  heading.textContent = "Keys";
  const list = document.createElement("dl");
  for (const [name, meaning] of KEYS) {
    const [term, told, cap] = ["dt", "dd", "kbd"].map((tag) => document.createElement(tag));
    cap.textContent = name;
    term.append(cap);
    told.textContent = meaning;
    list.append(term, told);
  }
  const close = document.createElement("button");
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  dialog.append(heading, list, close);
  document.body.append(dialog);

  function sheet() {
    dialog.showModal();
  }

  const opener = document.createElement("button");
  opener.type = "button";
  opener.className = "opener";
  opener.textContent = "Keys ?";
  opener.addEventListener("click", sheet);
  state.after(opener);

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
    if (event.target.matches("input, textarea, select, [contenteditable]")) return;
    const found = KEYS.find(([name]) => name === event.key);
    if (found) {
      event.preventDefault();
      found[2]();
    }
  });

  // --- The zone of whoever looks -------------------------------------------------------------------------------------

  const zones = document.getElementById("zones");
  if (here && zones && document.getElementById("zone").value !== here && !zones.parentElement.querySelector('a[data-zone="' + here + '"]')) {
    const own = document.createElement("a");
    const address = new URL(location.href);
    address.searchParams.set("zone", here);
    own.href = address.href;
    own.dataset.ours = "";
    own.textContent = here;
    zones.parentElement.append(own);
  }

  // An address that names an event opens the row that has it.
  function open() {
    const found = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const row = found && found.closest("details");
    if (row && !row.open) {
      row.open = true;
      found.scrollIntoView({ block: "center" });
    }
  }
  addEventListener("hashchange", open);
  open();
  listen();
})();
