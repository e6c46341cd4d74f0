/* The report's own script: unpacks the data, draws the charts, runs the trade table. No network. */
(() => {
  "use strict";
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const root = document.documentElement;
  const { byId, unpack, fixed, percent, offerCopy } = Page;
  const MARK_PX = 3; // below this many pixels a bar, trades are counted instead of marked
  const PAGE_ROWS = 50;
  const FONT = getComputedStyle(document.body).fontFamily;

  /* ---- data ---- */

  const scaled = ({ values, scale }) => values.map((value) => value / scale);

  // Opens, highs, lows and buy & hold travel as distances from the close; turn them back.
  function restoreCandles(columns) {
    const { close, open, high, low, hold } = columns;
    for (let i = 0; i < close.values.length; i++) {
      open.values[i] += i ? close.values[i - 1] : 0;
      high.values[i] += Math.max(open.values[i], close.values[i]);
      hold.values[i] += Math.floor(page.holdSlope * close.values[i] + 0.5);
      low.values[i] = Math.min(open.values[i], close.values[i]) - low.values[i];
    }
    const candles = {};
    for (const name in columns) candles[name] = scaled(columns[name]);
    if (!candles.drawdown) {
      let peak = page.capital;
      candles.drawdown = candles.equity.map((equity) => equity / (peak = Math.max(peak, equity)) - 1);
    }
    return candles;
  }

  /* ---- words ---- */

  const utc = (ms) => new Date(ms).toISOString().slice(0, 16).replace("T", " ");
  const slotMs = (slot) => page.firstTs + slot * page.stepMs;
  const barMs = (bar) => page.firstTs + bar * page.barMs;

  /* ---- charts ---- */

  function colours() {
    const style = getComputedStyle(root);
    return Object.fromEntries(
      ["paper", "line", "grid", "ink", "quiet", "accent", "loss", "gap", "hold", "volume"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]),
    );
  }

  // A series primitive that calls draw(context, size) under ("bottom") or over ("normal") its series.
  function layer(order, draw) {
    const renderer = { draw: (target) => target.useMediaCoordinateSpace(({ context, mediaSize }) => draw(context, mediaSize)) };
    const views = [{ zOrder: () => order, renderer: () => renderer }];
    return { paneViews: () => views };
  }

  function drawCharts(candles, trades) {
    const library = window.LightweightCharts;
    const holder = byId("chart");
    const n = candles.slot.length;
    const perCandle = page.barsPerCandle;
    const entry = trades.entry.map((bar) => Math.floor(bar / perCandle));
    const exit = trades.exit.map((bar) => Math.floor(bar / perCandle));
    let theme = colours();

    const chart = library.createChart(holder, {
      autoSize: true,
      layout: { attributionLogo: true, fontSize: 12, fontFamily: FONT, panes: { enableResize: true } },
      localization: { locale: "en-US", timeFormatter: (seconds) => `${utc(1000 * seconds)} UTC` },
      rightPriceScale: { borderVisible: false },
      timeScale: { borderVisible: false, timeVisible: page.stepMs < 86400000, secondsVisible: false, minBarSpacing: 0.001, enableConflation: true, rightOffset: 0 },
      handleScroll: { vertTouchDrag: false },
      crosshair: { mode: library.CrosshairMode.Normal },
    });
    const plain = (decimals, unit = "") => ({ type: "custom", minMove: 1 / 10 ** decimals, formatter: (value) => fixed(value, decimals) + unit });
    const money = plain(page.capital >= 1000 ? 0 : 2);
    const quietLine = { priceLineVisible: false, crosshairMarkerRadius: 3 };
    const price = chart.addSeries(library.CandlestickSeries, { priceLineVisible: false, lastValueVisible: false, priceFormat: plain(page.priceDecimals) }, 0);
    const volume = chart.addSeries(library.HistogramSeries, { priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false }, 0);
    const hold = chart.addSeries(library.LineSeries, { ...quietLine, lineWidth: 1, lineStyle: library.LineStyle.Dashed, lastValueVisible: false, priceFormat: money }, 1);
    const equity = chart.addSeries(library.LineSeries, { ...quietLine, lineWidth: 2, priceFormat: money }, 1);
    const drawdown = chart.addSeries(library.LineSeries, { ...quietLine, lineWidth: 1, priceFormat: plain(1, "%"), lastValueVisible: false }, 2);
    price.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.2 } });
    volume.priceScale().applyOptions({ scaleMargins: { top: 0.86, bottom: 0 } });
    drawdown.priceScale().applyOptions({ scaleMargins: { top: 0.28, bottom: 0.08 } });
    chart.panes().forEach((pane, i) => pane.setStretchFactor([3.2, 1.5, 1][i]));

    // Every slot gets a point, so that missing bars take their true width of time.
    const rowOf = new Int32Array(page.slots).fill(-1);
    const candleData = new Array(page.slots);
    const times = Array.from(candles.slot, (slot) => slotMs(slot) / 1000);
    for (let slot = 0; slot < page.slots; slot++) candleData[slot] = { time: slotMs(slot) / 1000 };
    for (let i = 0; i < n; i++) {
      rowOf[candles.slot[i]] = i;
      candleData[candles.slot[i]] = { time: times[i], open: candles.open[i], high: candles.high[i], low: candles.low[i], close: candles.close[i] };
    }
    const curve = (values, factor = 1) => times.map((time, i) => ({ time, value: factor * values[i] }));
    price.setData(candleData);
    volume.setData(curve(candles.volume));
    hold.setData(curve(candles.hold));
    equity.setData(curve(candles.equity));
    drawdown.setData(curve(candles.drawdown, 100));

    const scale = chart.timeScale();
    const spacing = () => scale.options().barSpacing;
    // The library places whole slots only; between them the axis is linear.
    function xOf(slot) {
      const [first, last] = [scale.logicalToCoordinate(0), scale.logicalToCoordinate(page.slots - 1)];
      return first + slot * (page.slots > 1 ? (last - first) / (page.slots - 1) : spacing());
    }

    // Opaque and over the lines: the library joins a line's points across a hole, we do not.
    function drawGaps(context, { height, width }) {
      for (let i = 0; i < candles.gap_start.length; i++) {
        const first = candles.gap_start[i] / perCandle;
        const left = xOf(first - 0.5);
        const right = Math.max(left + 2, xOf(first + candles.gap_bars[i] / perCandle - 0.5));
        if (right < 0 || left > width) continue;
        context.save();
        context.beginPath();
        context.rect(left, 0, right - left, height);
        context.clip();
        for (const [colour, alpha] of [[theme.paper, 1], [theme.gap, 0.16]]) {
          context.globalAlpha = alpha;
          context.fillStyle = colour;
          context.fillRect(left, 0, right - left, height);
        }
        context.globalAlpha = 0.5;
        context.strokeStyle = theme.gap;
        context.lineWidth = 1;
        context.beginPath();
        for (let x = Math.max(left, 0) - height; x < Math.min(right, width); x += 9) {
          context.moveTo(x, height);
          context.lineTo(x + height, 0);
        }
        context.stroke();
        context.restore();
      }
    }

    // Zoomed out: how many trades were entered in each stretch of about 64 px, on a lane at the top.
    function drawCounts(context, { width }) {
      if (spacing() >= MARK_PX || !entry.length) return;
      const size = 2 ** Math.ceil(Math.log2(64 / spacing()));
      const counts = new Map();
      for (const slot of entry) counts.set(Math.floor(slot / size), (counts.get(Math.floor(slot / size)) ?? 0) + 1);
      context.font = `11px ${FONT}`;
      context.textAlign = "center";
      context.fillStyle = theme.quiet;
      for (const [bucket, count] of counts) {
        const last = Math.min((bucket + 1) * size, page.slots);
        const x = xOf((bucket * size + last) / 2 - 0.5);
        if (x > -40 && x < width + 40) context.fillText(String(count), x, 15);
      }
    }

    // Zoomed in: a thin line from each entry to its exit.
    function drawPaths(context, { width }) {
      if (spacing() < MARK_PX) return;
      context.lineWidth = 1;
      context.setLineDash([3, 3]);
      for (let i = 0; i < entry.length; i++) {
        const x = [xOf(entry[i]), xOf(exit[i])];
        if (x[1] < 0 || x[0] > width) continue;
        context.strokeStyle = trades.net[i] >= 0 ? theme.accent : theme.loss;
        context.beginPath();
        context.moveTo(x[0], price.priceToCoordinate(trades.entry_price[i]));
        context.lineTo(x[1], price.priceToCoordinate(trades.exit_price[i]));
        context.stroke();
      }
    }

    const title = (text) => (context) => {
      context.font = `12px ${FONT}`;
      context.fillStyle = theme.quiet;
      context.textAlign = "left";
      context.fillText(text, 10, 17);
    };
    // Each series draws over those added before it: the last one of a pane carries the pane's layers.
    for (const last of [volume, equity, drawdown]) last.attachPrimitive(layer("normal", drawGaps));
    price.attachPrimitive(layer("bottom", drawPaths));
    volume.attachPrimitive(layer("normal", drawCounts));
    equity.attachPrimitive(layer("normal", title("Equity, USDT")));
    drawdown.attachPrimitive(layer("normal", title("Drawdown")));

    const marks = library.createSeriesMarkers(price, []);
    function showMarks() {
      const range = scale.getVisibleLogicalRange();
      if (!range || spacing() < MARK_PX) return marks.setMarkers([]);
      const list = [];
      const add = (slot, mark) => {
        const row = rowOf[slot];
        if (slot >= range.from - 5 && slot <= range.to + 5 && row >= 0) list.push({ time: times[row], ...mark });
      };
      for (let i = 0; i < entry.length; i++) {
        const long = trades.side[i] > 0;
        add(entry[i], { position: long ? "belowBar" : "aboveBar", shape: long ? "arrowUp" : "arrowDown", color: theme.ink });
        if (!trades.open[i]) {
          add(exit[i], {
            position: long ? "aboveBar" : "belowBar", shape: "square", size: 0.6, color: trades.net[i] >= 0 ? theme.accent : theme.loss,
            text: spacing() >= 9 ? percent(trades.ret[i], true) : undefined,
          });
        }
      }
      marks.setMarkers(list.sort((a, b) => a.time - b.time));
    }

    function paint() {
      theme = colours();
      chart.applyOptions({
        layout: { background: { color: theme.paper }, textColor: theme.quiet, panes: { separatorColor: theme.line, separatorHoverColor: theme.line } },
        grid: { vertLines: { visible: false }, horzLines: { color: theme.grid } },
      });
      price.applyOptions({
        upColor: theme.paper, borderUpColor: theme.accent, wickUpColor: theme.accent,
        downColor: theme.loss, borderDownColor: theme.loss, wickDownColor: theme.loss,
      });
      volume.applyOptions({ color: theme.volume });
      hold.applyOptions({ color: theme.hold });
      equity.applyOptions({ color: theme.accent });
      drawdown.applyOptions({ color: theme.loss });
      showMarks();
    }

    function say(slot) {
      const row = slot >= 0 && slot < page.slots ? rowOf[slot] : -1;
      const words = [[`${utc(slotMs(slot))} UTC`, ""]];
      if (row < 0) words.push(["bar missing", ""]);
      else {
        for (const [letter, name] of [["O", "open"], ["H", "high"], ["L", "low"], ["C", "close"]]) words.push([letter, fixed(candles[name][row], page.priceDecimals)]);
        words.push(["Vol", `${fixed(candles.volume[row], 1)} ${page.base}`], ["Equity", fixed(candles.equity[row], 2)], ["Hold", fixed(candles.hold[row], 2)]);
        words.push(["Drawdown", percent(candles.drawdown[row])], ["Position", `${fixed(candles.position[row], page.sizeDecimals)} contracts`]);
      }
      byId("readout").replaceChildren(...words.map(([label, value]) => {
        const item = document.createElement("span");
        item.append(value ? `${label} ` : label);
        if (value) item.append(Object.assign(document.createElement("b"), { textContent: value }));
        return item;
      }));
    }

    // The library moves on the next frame: until then the wanted range counts, or quick keys get lost.
    let wanted = null;
    const current = () => wanted ?? scale.getVisibleLogicalRange();
    function limits(from, to) {
      wanted = { from, to };
      scale.setVisibleLogicalRange(wanted);
    }
    const all = () => limits(-0.5, page.slots - 0.5);
    function move(share, zoom = 1) {
      const range = current();
      const half = Math.max(5, ((range.to - range.from) * zoom) / 2);
      const centre = (range.from + range.to) / 2 + share * (range.to - range.from);
      const kept = Math.min(Math.max(centre, 0), page.slots);
      limits(kept - half, kept + half);
    }
    const keys = {
      ArrowLeft: () => move(-0.1), ArrowRight: () => move(0.1), "+": () => move(0, 0.8), "=": () => move(0, 0.8), "-": () => move(0, 1.25), 0: all,
      End: () => { const { from, to } = current(); limits(page.slots - (to - from), page.slots); },
    };
    holder.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
    for (const button of document.querySelectorAll(".ranges button")) {
      button.addEventListener("click", () => {
        const span = (Number(button.dataset.days) * 86400000) / page.stepMs;
        if (span) limits(Math.max(-0.5, page.slots - span), page.slots);
        else all();
      });
    }
    scale.subscribeVisibleLogicalRangeChange(() => {
      wanted = null;
      showMarks();
    });
    chart.subscribeCrosshairMove(({ logical }) => say(logical === undefined ? page.slots - 1 : Math.min(page.slots - 1, Math.max(0, Math.round(logical)))));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
    paint();
    all();
    say(page.slots - 1);

    return (index) => {
      const span = Math.max(30, 2 * (exit[index] - entry[index]));
      limits(entry[index] - span, exit[index] + span);
      byId("chart").scrollIntoView({ block: "center" });
      byId("chart").focus({ preventScroll: true });
    };
  }

  /* ---- trade table ---- */

  function runTable(trades, show) {
    if (!byId("trade-table")) return;
    const count = trades.entry.length;
    const side = (i) => (trades.side[i] > 0 ? "long" : "short");
    const exitReason = (i) => page.reasons[trades.exit_reason[i]] ?? `code ${trades.exit_reason[i]}`;
    const entryReason = (i) => (trades.entry_reason[i] > 0 ? page.entryReasons[trades.entry_reason[i]] ?? "" : "");
    const money = (name, signed) => [(i) => fixed(trades[name][i], 2, signed), (i) => trades[name][i]];
    const share = (name) => [(i) => percent(trades[name][i], true), (i) => trades[name][i]];
    // header, text of a cell, sort key (its text when absent)
    const columns = [
      ["#", (i) => String(i + 1), (i) => i],
      ["Side", side],
      ["Entry", (i) => utc(barMs(trades.entry[i])), (i) => trades.entry[i]],
      ["Exit", (i) => (trades.open[i] ? "open" : utc(barMs(trades.exit[i]))), (i) => trades.exit[i]],
      ["Return", ...share("ret")],
      ["Net USDT", ...money("net", true)],
      ["Exit reason", exitReason],
      ["Entry reason", entryReason],
      ["Bars", (i) => fixed(trades.bars[i], 0), (i) => trades.bars[i]],
      ["Contracts", (i) => fixed(trades.size[i], page.sizeDecimals), (i) => trades.size[i]],
      ["Entry price", (i) => fixed(trades.entry_price[i], page.priceDecimals), (i) => trades.entry_price[i]],
      ["Exit price", (i) => fixed(trades.exit_price[i], page.priceDecimals), (i) => trades.exit_price[i]],
      ["Fees", ...money("fees")],
      ["Funding", ...money("funding", true)],
      ["Slippage", ...money("slippage")],
      ["Liquidation", ...money("penalty")],
      ["MAE", ...share("mae")],
      ["MFE", ...share("mfe")],
    ].filter(([name]) => name !== "Entry reason" || trades.entry_reason.some((code) => code > 0))
      .filter(([name]) => name !== "Liquidation" || trades.penalty.some((cost) => cost !== 0))
      .map(([name, text, key = text]) => ({ name, text, key, numeric: typeof key(0) === "number" && !["Entry", "Exit"].includes(name) }));
    const state = { sort: columns[0], up: true, at: 0, rows: [] };
    const find = byId("find");

    const searchable = new Array(count); // built on first use: 20,000 dates take a moment
    const words = (i) => (searchable[i] ??= `${i + 1} ${side(i)} ${utc(barMs(trades.entry[i]))} ${utc(barMs(trades.exit[i]))} ${exitReason(i)} ${entryReason(i)}`.toLowerCase());

    function choose() {
      const wanted = find.value.trim().toLowerCase();
      const [onSide, outcome, reason] = ["side", "outcome", "exit"].map((id) => byId(id).value);
      state.rows = [];
      for (let i = 0; i < count; i++) {
        if (onSide && trades.side[i] !== Number(onSide)) continue;
        if (outcome && trades.net[i] > 0 !== (outcome === "win")) continue;
        if (reason && exitReason(i) !== reason) continue;
        if (wanted && !words(i).includes(wanted)) continue;
        state.rows.push(i);
      }
      const { key } = state.sort;
      const order = (a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : a - b);
      state.rows.sort(state.up ? order : (a, b) => order(b, a));
      state.at = 0;
      fill();
    }

    function fill() {
      byId("trade-rows").replaceChildren(...state.rows.slice(state.at, state.at + PAGE_ROWS).map((i) => {
        const line = document.createElement("tr");
        columns.forEach(({ name, text, numeric }, at) => {
          const cell = line.insertCell();
          cell.className = numeric ? "num" : "";
          if (name === "Net USDT") cell.classList.add(trades.net[i] > 0 ? "gain" : "loss");
          if (at) cell.textContent = text(i);
          else {
            const go = Object.assign(document.createElement("button"), { type: "button", className: "go", textContent: text(i) });
            go.setAttribute("aria-label", `Show trade ${text(i)} in the chart`);
            go.addEventListener("click", () => show(i));
            cell.append(go);
          }
        });
        return line;
      }));
      const found = state.rows.length;
      const last = Math.min(found, state.at + PAGE_ROWS);
      byId("count").textContent = found ? `${fixed(state.at + 1, 0)} to ${fixed(last, 0)} of ${fixed(found, 0)}${found < count ? ` found in ${fixed(count, 0)}` : ""}` : "No trade fits this filter";
      byId("previous").disabled = state.at === 0;
      byId("next").disabled = last >= found;
    }

    for (const column of columns) {
      const head = document.createElement("th");
      head.scope = "col";
      if (column.numeric) head.className = "num";
      head.append(Object.assign(document.createElement("button"), { type: "button", textContent: column.name }));
      head.addEventListener("click", () => {
        state.up = state.sort === column ? !state.up : !column.numeric || column.name === "#";
        state.sort = column;
        for (const other of byId("trade-head").children) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", state.up ? "ascending" : "descending");
        choose();
      });
      byId("trade-head").append(head);
    }
    byId("trade-head").firstElementChild.setAttribute("aria-sort", "ascending");
    const seen = [...new Set(Array.from({ length: count }, (_, i) => exitReason(i)))].sort();
    byId("exit").append(...seen.map((reason) => new Option(reason, reason)));
    for (const id of ["find", "side", "outcome", "exit"]) byId(id).addEventListener("input", choose);
    byId("previous").addEventListener("click", () => { state.at -= PAGE_ROWS; fill(); });
    byId("next").addEventListener("click", () => { state.at += PAGE_ROWS; fill(); });
    byId("save").addEventListener("click", () => {
      const plain = (text) => `"${text.replaceAll("\u2212", "-").replaceAll('"', '""')}"`;
      const lines = [columns.map(({ name }) => plain(name)), ...state.rows.map((i) => columns.map(({ text }) => plain(text(i))))];
      const file = new Blob([lines.map((line) => line.join(",")).join("\n")], { type: "text/csv" });
      const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: `trades-${page.name}.csv` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "/" || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
      event.preventDefault();
      find.focus();
    });
    choose();
  }

  async function main() {
    offerCopy();
    const [candles, packed] = await Promise.all([unpack(page.candles), unpack(page.trades)]);
    const trades = Object.fromEntries(Object.entries(packed).map(([name, column]) => [name, scaled(column)]));
    const show = drawCharts(restoreCandles(candles), trades);
    runTable(trades, show);
    requestAnimationFrame(() => requestAnimationFrame(() => { root.dataset.drawn = "true"; }));
  }

  main().catch((error) => {
    console.error(error);
    root.dataset.drawn = "failed"; // the style sheet then shows the static drawings
  });
})();
