/* The sweep's own script: heatmaps of the chosen axes, and the table of best trials. No network. */
(() => {
  "use strict";
  const { byId, unpack, fixed, percent, offerCopy } = Page;
  const page = JSON.parse(byId("page-data").textContent);
  const root = document.documentElement;
  const LEVELS = 6;
  const OUTLIERS = 0.02;
  const TABLE_COLUMNS = 12, TABLE_ROWS = 24;
  const UNKNOWN = -(2 ** 30);

  /* ---- numbers: the same sums in the same order as sweep_cells.py ---- */

  const known = ({ values, scale }) => values.map((value) => (value === UNKNOWN ? NaN : value / scale));

  function words(value, unit) {
    if (Number.isNaN(value)) return "\u2013";
    if (unit === "fraction") return percent(value, false, 1);
    if (unit === "usdt") return `${fixed(value, 0)} USDT`;
    if (unit === "multiple") return `${fixed(value, 1)}\u00d7`;
    return fixed(value, unit === "count" ? 0 : 2);
  }

  function cellsOfRows(columns, x, y, figure, how, others) {
    const wide = page.axes[x].labels.length;
    const size = wide * page.axes[y].labels.length;
    const counts = new Float64Array(size), filled = new Float64Array(size), bestRank = new Float64Array(size).fill(Infinity);
    const values = new Float64Array(size).fill(how === "mean" ? 0 : NaN);
    const across = columns[`a${x}`].values, up = columns[`a${y}`].values, rank = columns.rank.values;
    const given = columns[`f${figure}`].known;
    for (let i = 0; i < page.rows; i++) {
      if (others && !others.every(([axis, cell]) => columns[`a${axis}`].values[i] === cell)) continue;
      const at = up[i] * wide + across[i];
      counts[at]++;
      if (how === "mean") {
        if (!Number.isNaN(given[i])) { values[at] += given[i]; filled[at]++; }
      } else if (rank[i] < bestRank[at]) {
        bestRank[at] = rank[i];
        values[at] = given[i];
      }
    }
    if (how === "mean") for (let at = 0; at < size; at++) values[at] = filled[at] ? values[at] / filled[at] : NaN;
    return { counts, values };
  }

  function cellsOfPairs(columns, x, y, figure, how) {
    const [first, second] = x < y ? [x, y] : [y, x];
    let pair = second - first - 1;
    for (let axis = 0; axis < first; axis++) pair += page.axes.length - 1 - axis;
    const stored = [columns[`p${pair}_count`].values, columns[`p${pair}_f${figure}_${how}`].known];
    if (x < y) return { counts: stored[0], values: stored[1] };
    const wide = page.axes[x].labels.length, high = page.axes[y].labels.length;
    const [counts, values] = stored.map((flat) => Float64Array.from({ length: wide * high }, (_, at) => flat[(at % wide) * high + Math.floor(at / wide)]));
    return { counts, values };
  }

  function neighbourhood(values, wide) {
    const high = values.length / wide;
    return values.map((own, at) => {
      if (Number.isNaN(own)) return NaN;
      const row = Math.floor(at / wide), column = at % wide;
      let sum = 0, count = 0;
      for (let down = row - 1; down <= row + 1; down++) {
        for (let right = column - 1; right <= column + 1; right++) {
          if (down < 0 || down >= high || right < 0 || right >= wide) continue;
          const value = values[down * wide + right];
          if (!Number.isNaN(value)) { sum += value; count++; }
        }
      }
      return sum / count;
    });
  }

  function highest(values) {
    let at = -1;
    values.forEach((value, i) => { if (!Number.isNaN(value) && (at < 0 || value > values[at])) at = i; });
    return at;
  }

  function spanOf(values) {
    const sorted = values.filter((value) => !Number.isNaN(value)).sort();
    if (!sorted.length) return { loss: [0, 0], gain: [0, 0] };
    const low = sorted[Math.floor(OUTLIERS * (sorted.length - 1))];
    const high = sorted[Math.ceil((1 - OUTLIERS) * (sorted.length - 1))];
    return { loss: [Math.min(high, 0), Math.min(low, 0)], gain: [Math.max(low, 0), Math.max(high, 0)] };
  }

  function heatClass(value, span) {
    if (Number.isNaN(value)) return "undefined";
    if (value === 0) return "zero";
    const kind = value > 0 ? "gain" : "loss";
    const [start, end] = span[kind];
    const share = end !== start ? (value - start) / (end - start) : 0.5;
    return `${kind}-${Math.min(LEVELS, Math.max(1, Math.ceil(LEVELS * share)))}`;
  }

  /* ---- drawing ---- */

  function make(name, attributes = {}, ...children) {
    const item = document.createElement(name);
    for (const key in attributes) item.setAttribute(key, attributes[key]);
    item.append(...children);
    return item;
  }

  function shape(name, attributes) {
    const item = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) item.setAttribute(key, attributes[key]);
    return item;
  }

  function table(grid, values, marked, what) {
    const { x, y, unit, span, counts, wide, high } = grid;
    const head = make("tr", {}, make("td"), ...x.labels.map((label) => make("th", { scope: "col", class: "num" }, label)));
    const body = make("tbody");
    for (let row = high - 1; row >= 0; row--) {
      const line = make("tr", {}, make("th", { scope: "row", class: "num" }, y.labels[row]));
      for (let column = 0; column < wide; column++) {
        const at = row * wide + column;
        const css = counts[at] ? heatClass(values[at], span) : "dropped";
        const cell = make("td", { class: `num ${css}${at === marked ? " marked" : ""}` }, counts[at] ? words(values[at], unit) : "\u00d7");
        if (at === marked) cell.append(make("span", { class: "unseen" }, " best"));
        line.append(cell);
      }
      body.append(line);
    }
    const caption = make("caption", { class: "unseen" }, `${what}; columns ${x.title}, rows ${y.title}`);
    return make("table", { class: "heat heat-cells" }, caption, make("thead", {}, head), body);
  }

  function box(grid, values, marked, isAround, what) {
    const { x, y, span, counts, wide, high } = grid;
    const paths = {};
    for (let row = 0; row < high; row++) {
      for (let column = 0; column < wide;) {
        const css = (at) => (counts[at] ? heatClass(values[at], span) : "");
        const start = column, name = css(row * wide + column);
        while (column < wide && css(row * wide + column) === name) column++;
        const run = column - start;
        if (name) paths[name] = `${paths[name] ?? ""}M${start} ${high - 1 - row}h${run}v1h-${run}z`;
      }
    }
    const svg = shape("svg", { viewBox: `0 0 ${wide} ${high}`, preserveAspectRatio: "none", "shape-rendering": "crispEdges", "aria-hidden": "true", focusable: "false" });
    for (const name of Object.keys(paths).sort()) svg.append(shape("path", { class: name, d: paths[name] }));
    if (marked >= 0) svg.append(...marks(marked, wide, high, isAround));
    const ticks = (labels, most, place) => {
      const every = Math.ceil(labels.length / most);
      return labels.map((label, at) => [label, place(at)]).filter((_, at) => at % every === 0);
    };
    const yTicks = ticks(y.labels, 8, (at) => (100 * (high - at - 0.5)) / high);
    const longest = (labels) => Math.max(...labels.map((label) => label.length));
    const fitting = Math.floor(36 / (longest(x.labels) + 1)); // as in the page before the script
    const xTicks = ticks(x.labels, Math.min(6, Math.max(2, fitting)), (at) => (100 * (at + 0.5)) / wide);
    const gutter = longest(yTicks.map(([label]) => label));
    const area = make(
      "div", { class: "plot-area", role: "img", "aria-label": `${what}, columns ${x.title}, rows ${y.title}` },
      make("div", { class: "plot-y", "aria-hidden": "true" }, ...yTicks.map(([label, top]) => placed(label, "top", top))),
      make("div", { class: "plot-field" }, svg),
      make("div", { class: "plot-x", "aria-hidden": "true" }, ...xTicks.map(([label, left]) => placed(label, "left", left, left < 6 ? "first" : left > 94 ? "last" : ""))),
    );
    area.style.aspectRatio = String(wide / high);
    const holder = make("div", { class: "plot-box heat-box" }, area);
    holder.style.setProperty("--gutter", `${gutter}ch`);
    return holder;
  }

  function placed(label, side, share, css = "") {
    const item = make("span", css ? { class: css } : {}, label);
    item.style[side] = `${share}%`;
    return item;
  }

  function marks(at, wide, high, isAround) {
    const row = high - 1 - Math.floor(at / wide), column = at % wide;
    if (!isAround) {
      const place = `M${column + 0.5} ${row + 0.5}h0`;
      return [shape("path", { class: "halo dots", d: place }), shape("path", { class: "best-dot dots", d: place })];
    }
    const [left, top] = [Math.max(0, column - 1), Math.max(0, row - 1)];
    const [right, bottom] = [Math.min(wide, column + 2), Math.min(high, row + 2)];
    const outline = `M${left} ${top}H${right}V${bottom}H${left}z`;
    return [shape("path", { class: "halo box", d: outline }), shape("path", { class: "best-box", d: outline })];
  }

  function legend({ span, unit }) {
    const items = [];
    const add = (css, text) => {
      const parts = [make("span", { class: `swatch ${css}` }), ...(text ? [make("span", {}, text)] : [])];
      items.push(...(items.length ? parts : parts.reverse()));
    };
    const level = (kind, step, first, last) => add(`${kind}-${step}`, step === LEVELS ? last : step === 1 ? first : "");
    const [lossFrom, lossTo] = span.loss, [gainFrom, gainTo] = span.gain;
    if (lossTo < 0) for (let step = LEVELS; step > 0; step--) level("loss", step, words(lossFrom, unit), `${words(lossTo, unit)} or less`);
    const both = items.length > 0;
    if (gainTo > 0) for (let step = 1; step <= LEVELS; step++) level("gain", step, both ? "" : words(gainFrom, unit), `${words(gainTo, unit)} or more`);
    add("hatched", "no trial");
    add("undefined", "undefined");
    return items;
  }

  /* ---- choices ---- */

  function runHeat(columns) {
    for (const name in columns) if (/^f|_f/.test(name)) columns[name].known = known(columns[name]);
    const selects = { x: byId("axis-x"), y: byId("axis-y"), figure: byId("figure"), how: byId("how") };
    let chosen = { x: page.first.x, y: page.first.y };
    let grid = null;
    let pointed = -1;

    const others = () => page.axes.map((_, axis) => axis).filter((axis) => axis !== chosen.x && axis !== chosen.y);

    function offerFixed() {
      const wanted = selects.how.value === "fixed" ? others() : [];
      byId("fixed").replaceChildren(...wanted.map((axis) => {
        const select = make("select", { "data-axis": String(axis) }, ...page.axes[axis].labels.map((label, cell) => new Option(label, String(cell), cell === page.best[axis], cell === page.best[axis])));
        select.addEventListener("input", draw);
        return make("label", {}, `${page.axes[axis].title} `, select);
      }));
    }

    function fixedCells() {
      return [...byId("fixed").querySelectorAll("select")].map((select) => [Number(select.dataset.axis), Number(select.value)]);
    }

    function compute() {
      const figure = Number(selects.figure.value), how = selects.how.value;
      const { x, y } = chosen;
      const found = page.form === "pairs" ? cellsOfPairs(columns, x, y, figure, how)
        : cellsOfRows(columns, x, y, figure, how === "mean" ? "mean" : "best", how === "fixed" ? fixedCells() : null);
      const wide = page.axes[x].labels.length;
      const around = neighbourhood(found.values, wide);
      grid = {
        ...found, around, wide, high: page.axes[y].labels.length, x: page.axes[x], y: page.axes[y], span: spanOf(found.values),
        ...page.figures[figure], best: highest(found.values), plateau: highest(around),
      };
    }

    function draw() {
      compute();
      pointed = -1;
      const drawn = grid.wide > TABLE_COLUMNS || grid.high > TABLE_ROWS;
      const body = (values, marked, isAround, what) => (drawn ? box(grid, values, marked, isAround, what) : table(grid, values, marked, what));
      byId("heat-values").replaceChildren(body(grid.values, grid.best, false, grid.label));
      byId("heat-around").replaceChildren(body(grid.around, grid.plateau, true, `${grid.label}, mean of the neighbourhood`));
      byId("heat-pair").classList.toggle("tables", !drawn);
      byId("heat-legend").replaceChildren(...legend(grid));
      for (const name of document.querySelectorAll("#heat-pair [data-axis]")) name.textContent = grid[name.dataset.axis].title;
      byId("heat-title-line").textContent = `${grid.label}: ${overOthers()}`;
      byId("heat-words").replaceChildren(...sentences().map((text) => make("p", {}, text)));
      byId("heat-readout").textContent = "Point at a cell, or focus a heatmap and use the arrow keys.";
    }

    function overOthers() {
      const names = others().map((axis) => page.axes[axis].title);
      if (!names.length) return !(grid.x.shared || grid.y.shared) ? "one trial a cell" : `the ${selects.how.value === "mean" ? "mean" : "best ranked trial"} of each cell`;
      if (selects.how.value === "fixed") return fixedCells().map(([axis, cell]) => `${page.axes[axis].title} ${page.axes[axis].labels[cell]}`).join(", ");
      return `${selects.how.value === "best" ? "the best ranked trial" : "the mean"} over all values of ${names.join(", ")}`;
    }

    const place = (at) => `${grid.x.title} ${grid.x.labels[at % grid.wide]}, ${grid.y.title} ${grid.y.labels[Math.floor(at / grid.wide)]}`;

    function sentences() {
      if (grid.best < 0) return [`${grid.label} is undefined in every cell.`];
      const own = grid.label === "Sharpe" ? grid.label : grid.label.toLowerCase();
      return [
        `Highest ${own}: ${words(grid.values[grid.best], grid.unit)} at ${place(grid.best)}; the mean of its neighbourhood is ${words(grid.around[grid.best], grid.unit)}.`,
        `Highest neighbourhood: mean ${words(grid.around[grid.plateau], grid.unit)} around ${place(grid.plateau)}.`,
      ];
    }

    function point(at) {
      pointed = at;
      const count = grid.counts[at];
      byId("heat-readout").textContent = count
        ? `${place(at)}: ${grid.label} ${words(grid.values[at], grid.unit)}, neighbourhood ${words(grid.around[at], grid.unit)}, ${fixed(count, 0)} ${count === 1 ? "trial" : "trials"}`
        : `${place(at)}: no trial`;
      for (const id of ["heat-values", "heat-around"]) {
        const svg = byId(id).querySelector("svg");
        if (!svg) {
          byId(id).querySelector(".pointed")?.classList.remove("pointed");
          cellAt(id, at)?.classList.add("pointed");
          continue;
        }
        svg.querySelector(".pointer")?.remove();
        svg.append(shape("path", { class: "pointer", d: `M${at % grid.wide} ${grid.high - 1 - Math.floor(at / grid.wide)}h1v1h-1z` }));
      }
    }

    const cellAt = (id, at) => byId(id).querySelectorAll("tbody tr")[grid.high - 1 - Math.floor(at / grid.wide)]?.querySelectorAll("td")[at % grid.wide];

    function cellUnder(event) {
      const field = event.target.closest(".plot-field");
      if (field) {
        const { left, top, width, height } = field.getBoundingClientRect();
        const column = Math.min(grid.wide - 1, Math.max(0, Math.floor(((event.clientX - left) / width) * grid.wide)));
        const row = Math.min(grid.high - 1, Math.max(0, Math.floor(((event.clientY - top) / height) * grid.high)));
        return (grid.high - 1 - row) * grid.wide + column;
      }
      const cell = event.target.closest("tbody td");
      if (!cell) return -1;
      return (grid.high - cell.parentElement.sectionRowIndex - 1) * grid.wide + cell.cellIndex - 1;
    }

    function move(event) {
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      if (!steps[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const from = pointed < 0 ? Math.max(0, grid.best) : pointed;
      const [right, up] = pointed < 0 ? [0, 0] : steps[event.key];
      const column = Math.min(grid.wide - 1, Math.max(0, (from % grid.wide) + right));
      const row = Math.min(grid.high - 1, Math.max(0, Math.floor(from / grid.wide) + up));
      point(row * grid.wide + column);
    }

    function choose(side) {
      const other = side === "x" ? "y" : "x";
      const wanted = Number(selects[side].value);
      if (wanted === chosen[other]) { // the same axis twice: they change places
        chosen[other] = chosen[side];
        selects[other].value = String(chosen[other]);
      }
      chosen[side] = wanted;
      offerFixed();
      draw();
    }

    selects.x.addEventListener("input", () => choose("x"));
    selects.y.addEventListener("input", () => choose("y"));
    selects.figure.addEventListener("input", draw);
    selects.how.addEventListener("input", () => { offerFixed(); draw(); });
    for (const id of ["heat-values", "heat-around"]) {
      for (const kind of ["pointermove", "pointerdown"]) {
        byId(id).addEventListener(kind, (event) => { const at = cellUnder(event); if (at >= 0 && at !== pointed) point(at); });
      }
      byId(id).addEventListener("keydown", move);
    }
    // A browser that goes back to this page restores the choices: then they are drawn, else the page is right as it is.
    for (const side of ["x", "y"]) chosen[side] = Number(selects[side].value);
    const asMade = chosen.x === page.first.x && chosen.y === page.first.y && selects.figure.value === "0" && selects.how.value === "best";
    if (chosen.x === chosen.y) chosen = { x: page.first.x, y: page.first.y };
    if (asMade) compute();
    else { offerFixed(); draw(); }
  }

  function sortTable() {
    const holder = byId("best-table");
    const body = holder.tBodies[0];
    [...holder.tHead.rows[0].cells].forEach((head, column) => {
      const button = make("button", { type: "button" }, head.textContent);
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const numeric = head.classList.contains("num");
        const now = head.getAttribute("aria-sort");
        const up = now ? now === "descending" : !numeric || column === 0;
        const key = (line) => line.cells[column].dataset.key;
        const order = (a, b) => {
          if (!key(a) || !key(b)) return Number(!key(a)) - Number(!key(b)); // unknown ones stay last
          const less = numeric ? Number(key(a)) - Number(key(b)) : key(a) < key(b) ? -1 : Number(key(a) > key(b));
          return up ? less : -less;
        };
        for (const other of holder.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        body.append(...[...body.rows].sort(order));
      });
    });
  }

  async function main() {
    offerCopy();
    sortTable();
    if (page.form !== "none") runHeat(await unpack(page));
    requestAnimationFrame(() => requestAnimationFrame(() => { root.dataset.drawn = "true"; }));
  }

  main().catch((error) => {
    console.error(error);
    root.dataset.drawn = "failed"; // the page stays as it was made
  });
})();
