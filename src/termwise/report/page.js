// Draws the curves of a run from the JSON beside it. One crosshair moves through all charts at once.

const data = JSON.parse(document.getElementById("charts").textContent);
const W = 340, H = 176, LEFT = 46, RIGHT = 10, TOP = 8, BOTTOM = 24;
const drawn = [];
let from = 0;

const node = (name, attributes = {}, ...children) => {
  const svg = ["svg", "path", "line", "text", "circle", "g"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

function ticks(low, high, wanted) {
  const span = high - low || 1;
  const power = 10 ** Math.floor(Math.log10(span / wanted));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => span / s <= wanted + 0.01);
  const places = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
  const at = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
  return at.map((value) => ({ value, text: number(value, places) }));
}

function number(value, places) {
  const size = Math.abs(value);
  const text = size && (size >= 1e6 || places > 5) ? value.toExponential(1) : value.toFixed(places);
  return (/^-[0.]+$/.test(text) ? text.slice(1) : text).replace("-", "−");
}

const short = (value) => {
  if (value === null) return "—";
  const size = Math.abs(value);
  if (size && (size < 1e-4 || size >= 1e6)) return value.toExponential(2).replaceAll("-", "−");
  return number(value, !size ? 0 : Math.min(5, Math.max(0, 3 - Math.max(0, Math.floor(Math.log10(size))) + (size < 0.1 ? 1 : 0))));
};

function nearest(xs, x) {
  let low = 0, high = xs.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= x) low = middle; else high = middle;
  }
  return Math.abs(xs[low] - x) <= Math.abs(xs[high] - x) ? low : high;
}

const everywhere = [...data.game, ...data.terms, ...data.audit, ...data.settings].flatMap((chart) => chart.curves.flatMap((c) => [c.x[0], c.x.at(-1)]));
const start = everywhere.length ? everywhere.reduce((a, b) => Math.min(a, b)) : 0;
const end = everywhere.length ? everywhere.reduce((a, b) => Math.max(a, b)) : 1;

function role(chart, curve) {
  if (curve.role === "train") return "train";
  if (curve.role === "run") return `held run-${curve.run}`;
  if (curve.role === "rigorous") return "held other";
  const alike = chart.curves.filter((other) => other.role === curve.role);
  return alike.indexOf(curve) > 0 ? "held other" : "held";
}

// A band is a half-width around y, or a pair of ends.
const ends = (y, band) => (Array.isArray(band) ? band : [y - (band ?? 0), y + (band ?? 0)]);

class Chart {
  constructor(chart) {
    this.chart = chart;
    this.readout = node("output");
    this.svg = node("svg", { viewBox: `0 0 ${W} ${H}`, tabindex: 0, role: "img" });
    this.figure = node("figure", { class: "chart", style: `--hue: var(--term-${chart.hue})` },
      node("figcaption", {}, node("b", {}, chart.title), this.readout), this.svg);
    const last = chart.curves.map((c) => `${c.name} ${short(c.y.findLast((y) => y !== null) ?? null)}`).join(", ");
    this.svg.setAttribute("aria-label", `${chart.title} by ${data.x}; at the end ${last}. Arrow keys move the read-out.`);
    this.svg.addEventListener("pointermove", (event) => {
      const box = this.svg.getBoundingClientRect();
      show(this.x.invert(((event.clientX - box.left) / box.width) * W));
    });
    this.svg.addEventListener("pointerleave", () => show(null));
    this.svg.addEventListener("keydown", (event) => this.key(event));
    this.svg.addEventListener("blur", () => { this.readout.removeAttribute("aria-live"); show(null); });
    this.draw();
  }

  key(event) {
    const move = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === "Escape") return show(null);
    if (move === undefined) return;
    event.preventDefault();
    this.readout.setAttribute("aria-live", "polite");
    const xs = this.curves.reduce((a, b) => (b.x.length > a.x.length ? b : a)).x;
    const here = at === null ? (move > 0 ? -1 : xs.length) : nearest(xs, at);
    show(xs[Math.min(xs.length - 1, Math.max(0, here + move))]);
  }

  draw() {
    const low = start + from * (end - start);
    this.curves = this.chart.curves.map((curve) => {
      const first = Math.min(Math.max(0, curve.x.findIndex((x) => x >= low)), curve.x.length - 1);
      const cut = (list) => list && list.slice(first);
      return { ...curve, x: cut(curve.x), y: cut(curve.y), band: cut(curve.band), look: role(this.chart, curve) };
    });
    const values = this.curves.flatMap((c) => c.y.flatMap((y, i) => (y === null ? [] : ends(y, c.band?.[i]))));
    let bottom = values.reduce((a, b) => Math.min(a, b), Infinity), top = values.reduce((a, b) => Math.max(a, b), -Infinity);
    if (!values.length) [bottom, top] = [0, 1];
    if (this.curves.some((c) => c.role === "audit")) [bottom, top] = [Math.min(bottom, 0), Math.max(top, 0)];
    if (top - bottom < 1e-9 * Math.max(Math.abs(top), 1e-9)) [bottom, top] = [bottom - (Math.abs(bottom) * 0.1 || 1), top + (Math.abs(top) * 0.1 || 1)];
    const pad = 0.06 * (top - bottom);
    [bottom, top] = [bottom >= 0 && bottom < pad ? 0 : bottom - pad, top + pad];
    const span = end - low || 1, left = end - low ? low : low - 0.5;
    const x = (v) => LEFT + ((v - left) / span) * (W - LEFT - RIGHT);
    x.invert = (px) => left + ((px - LEFT) / (W - LEFT - RIGHT)) * span;
    const y = (v) => H - BOTTOM - ((v - bottom) / (top - bottom)) * (H - TOP - BOTTOM);
    [this.x, this.y] = [x, y];
    this.svg.replaceChildren();
    for (const tick of ticks(bottom, top, 5)) {
      this.svg.append(node("line", { class: "grid", x1: LEFT, x2: W - RIGHT, y1: y(tick.value), y2: y(tick.value) }),
        node("text", { x: LEFT - 7, y: y(tick.value) + 3.5, "text-anchor": "end" }, tick.text));
    }
    if (bottom < 0 && top > 0) this.svg.append(node("line", { class: "zero", x1: LEFT, x2: W - RIGHT, y1: y(0), y2: y(0) }));
    this.svg.append(node("line", { class: "axis", x1: LEFT, x2: W - RIGHT, y1: H - BOTTOM, y2: H - BOTTOM }));
    const marks = ticks(low, end, 5).filter((tick) => end > low ? Number.isInteger(tick.value) : true);
    for (const [i, tick] of (end > low ? marks : [{ value: end, text: number(end, 0) }]).entries()) {
      const name = i === 0 ? `${data.x} ${tick.text}` : tick.text;
      const edge = x(tick.value) > W - RIGHT - 14;
      this.svg.append(node("text", { x: edge ? W - 2 : x(tick.value), y: H - 7, "text-anchor": edge ? "end" : "middle" }, name));
    }
    for (const curve of this.curves) this.curve(curve);
    this.cross = node("g", { "aria-hidden": "true" });
    this.svg.append(this.cross);
    this.read(null);
  }

  curve(curve) {
    const { x, y } = this, points = curve.x.map((at, i) => [at, curve.y[i], curve.band?.[i] ?? null]);
    const runs = [];
    let open = false;
    for (const point of points) {
      if (point[1] === null) { open = false; continue; }
      if (!open) runs.push([]);
      open = true;
      runs.at(-1).push(point);
    }
    for (const run of runs) {
      const banded = run.filter((p) => p[2] !== null);
      if (banded.length > 1) {
        const over = banded.map((p) => `${x(p[0]).toFixed(1)} ${y(p[1] + p[2]).toFixed(1)}`);
        const under = banded.map((p) => `${x(p[0]).toFixed(1)} ${y(p[1] - p[2]).toFixed(1)}`).reverse();
        this.svg.append(node("path", { class: "band", d: `M${[...over, ...under].join("L")}Z` }));
      } else if (banded.length === 1) {
        const [at, value, band] = banded[0], [low, high] = ends(value, band);
        this.svg.append(node("line", { class: "curve", x1: x(at), x2: x(at), y1: y(low), y2: y(high) }));
      }
      if (run.length > 1) {
        const path = run.map((p) => `${x(p[0]).toFixed(1)} ${y(p[1]).toFixed(1)}`).join("L");
        this.svg.append(node("path", { class: `curve ${curve.look}`, d: `M${path}` }));
      } else {
        this.svg.append(node("circle", { class: `dot ${curve.look}`, cx: x(run[0][0]), cy: y(run[0][1]), r: 3.2 }));
      }
    }
  }

  read(value) {
    const { x, y } = this, told = [];
    this.cross.replaceChildren();
    let where = null;
    for (const curve of this.curves) {
      const i = value === null ? curve.y.findLastIndex((v) => v !== null) : nearest(curve.x, value);
      if (i < 0) continue;
      where ??= curve.x[i];
      const held = curve.band?.[i] ?? null;
      const band = held === null ? "" : Array.isArray(held) ? `, ${held.map(short).join(" to ")}` : ` ± ${short(held / 2)}`;
      told.push(node("span", { class: curve.look }, `${curve.name} ${short(curve.y[i])}${band}`));
      if (value !== null && curve.y[i] !== null) {
        this.cross.append(node("circle", { class: `dot ${curve.look}`, cx: x(curve.x[i]), cy: y(curve.y[i]), r: 3.6 }));
      }
    }
    if (value !== null && where !== null) {
      this.cross.prepend(node("line", { class: "cross", x1: x(where), x2: x(where), y1: TOP, y2: H - BOTTOM }));
      told.unshift(`${data.x} ${where}`);
    }
    this.readout.replaceChildren(...told);
  }
}

let at = null;
function show(value) {
  at = value;
  for (const chart of drawn) chart.read(value);
}

for (const place of document.querySelectorAll("[data-charts]")) {
  for (const chart of data[place.dataset.charts]) {
    drawn.push(new Chart(chart));
    place.append(drawn.at(-1).figure);
  }
}

const range = document.querySelector(".range");
range.hidden = !drawn.some((chart) => chart.curves.some((curve) => curve.x.length >= 10));
range.addEventListener("click", (event) => {
  const pressed = event.target.closest("button");
  if (!pressed) return;
  for (const button of range.querySelectorAll("button")) button.setAttribute("aria-pressed", button === pressed);
  from = Number(pressed.dataset.from);
  for (const chart of drawn) chart.draw();
});
