/* What the scripts of several pages share: unpacking columns and writing numbers. No network. */
const Page = (() => {
  "use strict";
  const byId = (id) => document.getElementById(id);

  // One packed blob into {name: {values: whole numbers, scale}}: gzip, byte planes, zigzag, differences.
  async function unpack({ layout, data }) {
    const packed = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const raw = new Uint8Array(await new Response(stream).arrayBuffer());
    const columns = {};
    let at = 0;
    for (const { name, n, scale, delta } of layout) {
      const values = new Float64Array(n);
      let sum = 0;
      for (let i = 0; i < n; i++) {
        const code = (raw[at + i] | (raw[at + n + i] << 8) | (raw[at + 2 * n + i] << 16) | (raw[at + 3 * n + i] << 24)) >>> 0;
        const value = code % 2 ? -(code + 1) / 2 : code / 2;
        sum = delta ? sum + value : value;
        values[i] = sum;
      }
      columns[name] = { values, scale };
      at += 4 * n;
    }
    return columns;
  }

  const formats = new Map();
  function fixed(value, decimals, signed = false) {
    if (!formats.has(decimals)) {
      formats.set(decimals, new Intl.NumberFormat("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals }));
    }
    const text = formats.get(decimals).format(Math.abs(value));
    if (!/[1-9]/.test(text)) return text;
    return (value < 0 ? "\u2212" : signed ? "+" : "") + text;
  }
  const percent = (fraction, signed, decimals = 2) => fixed(100 * fraction, decimals, signed) + "%";

  function offerCopy() {
    byId("copy").addEventListener("click", async () => {
      const text = byId("command");
      let done = false;
      try {
        await navigator.clipboard.writeText(text.textContent);
        done = true;
      } catch {
        getSelection().selectAllChildren(text); // no clipboard here: leave it selected for Ctrl+C
      }
      byId("copied").textContent = done ? "Copied" : "Selected: press Ctrl+C";
    });
  }

  return { byId, unpack, fixed, percent, offerCopy };
})();
