"use strict";
// Adds theme, filters, the rest of long tables, copying and reading off charts. The page is readable without it.
(() => {
  const root = document.documentElement;
  const $ = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  all(".needs-script").forEach((element) => { element.hidden = false; });
  all(".without-script").forEach((element) => { element.hidden = true; });

  // Theme: system, light, dark. Nothing is stored, so a shared file looks the same to everyone.
  const themes = ["system", "light", "dark"];
  let theme = 0;
  $("#theme").addEventListener("click", (event) => {
    theme = (theme + 1) % themes.length;
    if (theme) root.dataset.theme = themes[theme];
    else delete root.dataset.theme;
    event.currentTarget.textContent = `Theme: ${themes[theme]}`;
  });

  all(".copy").forEach((button) => button.addEventListener("click", async () => {
    const code = $("code", button.parentElement);
    const label = button.firstChild;
    try {
      await navigator.clipboard.writeText(code.textContent);
      label.data = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      label.data = "Selected";
    }
    setTimeout(() => { label.data = "Copy"; }, 1500);
  }));

  // Chips behave as one choice of several.
  const chips = (box, changed) => {
    const buttons = all("button[data-show]", box);
    buttons.forEach((button) => button.addEventListener("click", () => {
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      changed(button.dataset.show);
    }));
  };

  const unpack = (element) => {
    if (!element.dataset.packed) return new Response(element.textContent);
    const bytes = Uint8Array.from(atob(element.textContent), (char) => char.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")));
  };

  // Rows beyond the first are packed. They come when somebody asks for them, filters, or follows a link to one.
  const unfold = (box) => box.unfolded ||= (async () => {
    $("tbody", box.previousElementSibling).insertAdjacentHTML("beforeend", await unpack($("script", box)).text());
    box.hidden = true;
  })();
  const unfoldAll = (from = document) => Promise.all(all(".folded", from).map(unfold));
  all(".folded").forEach((box) => $("button", box).addEventListener("click", () => unfold(box)));
  const follow = async () => {
    const id = decodeURIComponent(location.hash.slice(1));
    if (!id || document.getElementById(id)) return;
    await unfoldAll();
    document.getElementById(id)?.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  follow();

  const criteria = $("[data-filters=criteria]");
  if (criteria) chips(criteria, async (status) => {
    await unfoldAll($("#criteria"));
    let count = 0;
    all("#criteria .group").forEach((group) => {
      const rows = all("tbody tr", group);
      rows.forEach((row) => { row.hidden = Boolean(status) && row.dataset.status !== status; });
      const visible = rows.filter((row) => !row.hidden).length;
      group.hidden = !visible;
      count += visible;
    });
    $("[role=status]", criteria).textContent = `${count} shown`;
  });

  all("figure.chart").forEach((figure) => {
    const svg = $("svg", figure), cursor = $(".cursor", figure), reading = $(".reading", figure);
    const names = all("thead th", figure).slice(1).map((cell) => cell.textContent);
    const rows = all("tr[data-x]", figure);
    if (!rows.length) return;
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const x = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
      const row = rows.reduce((best, next) => Math.abs(next.dataset.x - x) < Math.abs(best.dataset.x - x) ? next : best);
      cursor.setAttribute("x1", row.dataset.x);
      cursor.setAttribute("x2", row.dataset.x);
      cursor.setAttribute("visibility", "visible");
      const values = [...row.cells].slice(1).map((cell, index) => `${names[index]} ${cell.textContent}`);
      reading.textContent = `at ${row.cells[0].textContent}: ${values.join(", ")}`;
    });
    svg.addEventListener("pointerleave", () => { cursor.setAttribute("visibility", "hidden"); });
  });

  // All cases: rows are made for what is shown only, 200 at a time.
  const box = $("[data-filters=cases]");
  if (!box) return;
  const STEP = 200;
  const body = $("#case-rows"), more = $("#more-cases"), said = $("[role=status]", box);
  const cell = (tag, role, className, label, text) => {
    const element = document.createElement(tag);
    element.setAttribute("role", role);
    if (className) element.className = className;
    if (label) element.dataset.label = label;
    element.textContent = text;
    return element;
  };
  const fromPage = () => all("tr", body).map((row) => ({
    word: $(".badge", row).lastChild.data.trim(),
    text: `${row.cells[1].textContent} ${row.cells[2].textContent}`.toLowerCase(),
    row,
  }));
  const fromData = (data) => data.id.map((id, index) => ({
    word: data.badges[data.badge[index]][1],
    text: `${id} ${data.checks[data.check[index]]}`.toLowerCase(),
    make() {
      const [symbol, word, tone] = data.badges[data.badge[index]];
      const badge = document.createElement("span");
      badge.className = `badge tone-${tone}`;
      const sign = document.createElement("span");
      sign.className = "symbol";
      sign.setAttribute("aria-hidden", "true");
      sign.textContent = symbol;
      badge.append(sign, ` ${word}`);
      const status = cell("td", "cell", "status", "", "");
      status.append(badge);
      const name = cell("th", "rowheader", "what", "", "");
      name.scope = "row";
      name.append(Object.assign(document.createElement("code"), { textContent: id }));
      const row = document.createElement("tr");
      row.setAttribute("role", "row");
      row.append(status, name, cell("td", "cell", "", "Check", data.checks[data.check[index]]),
        cell("td", "cell", "num", "Took", data.duration[index] || "–"));
      return row;
    },
  }));
  let cases = null, found = [], shown = 0, status = "";
  const load = async () => {
    if (cases) return;
    const element = $("#case-data");
    cases = element ? fromData(await unpack(element).json()) : fromPage();
  };
  const add = () => {
    const next = found.slice(shown, shown + STEP).map((item) => item.row ||= item.make());
    body.append(...next);
    shown += next.length;
    more.hidden = shown >= found.length;
    said.textContent = `${found.length.toLocaleString("en")} found, ${shown.toLocaleString("en")} shown`;
  };
  const search = async () => {
    await load();
    const words = $("#case-search").value.toLowerCase().split(/\s+/).filter(Boolean);
    found = cases.filter((item) => (!status || item.word === status) && words.every((word) => item.text.includes(word)));
    body.replaceChildren();
    shown = 0;
    add();
  };
  let waiting = 0;
  $("#case-search").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(search, 80); });
  chips(box, (chosen) => { status = chosen; search(); });
  more.addEventListener("click", async () => { if (!cases) { await search(); } add(); });
  more.hidden = !$("#case-data");
})();
