// What pages can do only with a script: local times, copying, "/" for the search, the live tail,
// progress without a reload.
// Everything that comes from an event is written as text, never as HTML.

const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" };
const sameDay = new Intl.DateTimeFormat(undefined, clock);
const otherDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", ...clock });

function showLocal(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime()) || at.getTimezoneOffset() === 0 || time.querySelector(".local")) continue;
    const span = document.createElement("span");
    span.className = "local";
    const format = at.getDate() === at.getUTCDate() ? sameDay : otherDay;
    span.textContent = format.format(at);
    time.append(" ", span);
  }
}

showLocal(document);

document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof Element && event.target.closest("input, textarea, select");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.getElementById("q");
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select();
});

if (navigator.clipboard) {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
  }
}

// A menu closes on Escape, and when the focus goes elsewhere.
for (const menu of document.querySelectorAll("details.books")) {
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  menu.addEventListener("focusout", (event) => {
    if (!menu.contains(event.relatedTarget)) menu.open = false;
  });
}

// While something is being done, the page is asked for again, but not from under somebody's hands.
const AGAIN = 3000;

function lookAgain() {
  const busy = document.hidden || document.querySelector("details.action[open], dialog[open]");
  if (busy) setTimeout(lookAgain, AGAIN); else location.reload();
}

if (document.querySelector("a[data-again]")) setTimeout(lookAgain, AGAIN);

// The live tail: one stream a page, closed while nobody looks, continued where it stopped.
const MOST_ROWS = 200;

function follow(tail) {
  const rows = document.getElementById(tail.dataset.rows);
  const template = document.getElementById(tail.dataset.template);
  const says = tail.querySelector("[data-says]");
  const button = tail.querySelector("button");
  let after = tail.dataset.after;
  let source = null;
  let wanted = true;

  function add(event) {
    const row = template.content.firstElementChild.cloneNode(true);
    for (const slot of row.querySelectorAll("[data-text]")) slot.textContent = event[slot.dataset.text] ?? "";
    for (const slot of row.querySelectorAll("[data-href]")) {
      const href = event[slot.dataset.href];
      if (href) slot.href = href; else slot.removeAttribute("href");
    }
    for (const slot of row.querySelectorAll("[data-time]")) slot.dateTime = event[slot.dataset.time];
    for (const slot of row.querySelectorAll("[data-class]")) slot.classList.add(event[slot.dataset.class]);
    row.classList.add("fresh");
    rows.prepend(row);
    showLocal(row);
    while (rows.children.length > MOST_ROWS) rows.lastElementChild.remove();
  }

  function update() {
    const open = wanted && !document.hidden;
    if (open && !source) {
      const url = new URL(tail.dataset.stream, location.href);
      url.searchParams.set("after", after);
      source = new EventSource(url);
      source.onmessage = (message) => {
        after = message.lastEventId || after;
        add(JSON.parse(message.data));
      };
      source.onopen = () => { says.textContent = "Live: new events appear on top."; };
      source.onerror = () => {
        const ended = source.readyState === EventSource.CLOSED;
        says.textContent = ended ? "Not live. Reload the page." : "Connection lost; trying again.";
      };
    } else if (!open && source) {
      source.close();
      source = null;
      says.textContent = wanted ? "Paused while this tab is hidden." : "Paused.";
    }
    button.textContent = wanted ? "Pause" : "Go on";
  }

  button.addEventListener("click", () => { wanted = !wanted; update(); });
  document.addEventListener("visibilitychange", update);
  tail.hidden = false;
  update();
}

for (const tail of document.querySelectorAll("[data-stream]")) follow(tail);
