"use strict";
// Tables sort by a click on a heading and filter by typing; without this script they are complete and readable.
(() => {
  const units = { ns: 1, "\u00b5s": 1e3, ms: 1e6, s: 1e9, kB: 1e3, MB: 1e6 };
  // the first number of a cell in base units; null where it begins with none
  const number = (text) => {
    const found = /^[<>\u2248]?\s*(-?[\d.,]+(?:e[+-]?\d+)?)\s*(ns|\u00b5s|ms|s|kB|MB)?(?![a-z])/.exec(text.trim());
    if (!found) return null;
    const value = Number(found[1].replaceAll(",", ""));
    return Number.isNaN(value) ? null : value * (units[found[2]] ?? 1);
  };
  const compare = (a, b) => {
    const [x, y] = [number(a), number(b)];
    if (x !== null && y !== null) return x - y;
    if (x !== null || y !== null) return x !== null ? -1 : 1; // what has no number comes last
    return a.localeCompare(b);
  };
  // rows between headings of groups stay within their group
  const groups = (body) => {
    const all = [[]];
    for (const row of body.rows) {
      if (row.classList.contains("net")) all.push([row]);
      else all.at(-1).push(row);
    }
    return all;
  };
  const text = (row, column) => row.cells[column]?.textContent ?? "";
  for (const table of document.querySelectorAll(".sheet table")) {
    const [body, head] = [table.tBodies[0], table.tHead?.rows[0]];
    if (!body || !head || body.rows.length < 3) continue;
    [...head.cells].forEach((cell, column) => {
      cell.classList.add("sorts");
      cell.tabIndex = 0;
      const sort = () => {
        const down = cell.getAttribute("aria-sort") === "ascending";
        for (const other of head.cells) other.removeAttribute("aria-sort");
        cell.setAttribute("aria-sort", down ? "descending" : "ascending");
        for (const group of groups(body)) {
          const fixed = group.filter((row) => row.classList.contains("net"));
          const rows = group.filter((row) => !row.classList.contains("net"));
          rows.sort((a, b) => (down ? -1 : 1) * compare(text(a, column), text(b, column)));
          body.append(...fixed, ...rows);
        }
      };
      cell.addEventListener("click", sort);
      cell.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
    });
    if (body.rows.length < 9) continue;
    const filter = document.createElement("input");
    filter.className = "filter";
    filter.type = "search";
    filter.placeholder = "filter rows";
    filter.setAttribute("aria-label", "filter rows");
    filter.addEventListener("input", () => {
      const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of body.rows) {
        const own = row.textContent.toLowerCase();
        row.hidden = !row.classList.contains("net") && !words.every((word) => own.includes(word));
      }
    });
    table.parentElement.before(filter);
  }
})();
