"use strict";
// The map of `srdanet view`. The server sends numbers, tile by tile; they are coloured here, so that a new colour range
// needs no new tiles. All places on the map are in cells of the finest level, from the upper-left corner of the grid.

const BLOCK = 512;          // side of a tile, as in the files
const HELD = 160;           // tiles kept in memory, about 1 MB each
const MISSING = [217, 217, 217];
const $ = (id) => document.getElementById(id);
const canvas = $("canvas"), pen = canvas.getContext("2d");

const state = {
  contents: null, place: 0, date: 0, left: null, right: null,
  view: { x: 0, y: 0, scale: 1 },   // centre, and CSS pixels along a finest cell
  divider: 0.5, ranges: {}, cell: null, lines: { graticule: [], coast: [] },
};
const layers = new Map();   // "place/date/key" -> what the server says about the layer, or a promise of it
const tiles = new Map();    // address -> { state, values, painted, paintedFor }, the least recently drawn first
// What the tests and a slow machine's owner may want to know.
const measured = window.srdanetView = { firstPicture: null, drawn: 0, waiting: 0, state };

// ---------------------------------------------------------------- talking to the server

async function ask(address) {
  const reply = await fetch(address);
  if (reply.ok) { $("message").hidden = true; return reply; }
  let text = "The viewer does not answer. Start `srdanet view` again.";
  try { text = (await reply.json()).error; } catch { /* not from our server */ }
  throw new Error(text);
}
const askJson = async (address) => (await ask(address)).json();

function fail(error) {
  $("message").textContent = error instanceof TypeError && /fetch/i.test(error.message)
    ? "The viewer has stopped. Start `srdanet view` again." : error.message;
  $("message").hidden = false;
}

const place = () => state.contents.places[state.place];
const entry = () => place().entries[state.date];
const layerOf = (key) => entry().layers.find((layer) => layer.key === key);

function about(key, date = state.date) {
  const name = `${state.place}/${date}/${key}`;
  if (!layers.has(name)) {
    const promise = askJson(`about/${name}`).then((found) => { layers.set(name, found); redraw(); return found; });
    promise.catch(fail);
    layers.set(name, promise);
  }
  const found = layers.get(name);
  return found instanceof Promise ? null : found;
}

const queue = [];
let loading = 0;
function tile(key, about_, size, row, col) {
  const name = `${state.place}/${state.date}/${key}/${size}/${row}/${col}`;
  let found = tiles.get(name);
  if (found) { tiles.delete(name); tiles.set(name, found); return found; }
  const [rows, cols] = about_.sizes[size];
  found = { ready: false, height: Math.min(BLOCK, rows - row * BLOCK), width: Math.min(BLOCK, cols - col * BLOCK) };
  tiles.set(name, found);
  queue.push({ name, found, type: about_.type, wanted: measured.drawn });
  pump();
  for (const old of tiles.keys()) { if (tiles.size <= HELD) break; tiles.delete(old); }
  return found;
}
function pump() {
  while (loading < 4 && queue.length) {
    const { name, found, type } = queue.shift();
    if (!tiles.has(name)) continue;
    loading += 1;
    ask(`tile/${name}`).then((reply) => reply.arrayBuffer()).then((bytes) => {
      found.values = type === "uint8" ? new Uint8Array(bytes) : new Float32Array(bytes);
      found.ready = true;
    }).catch((error) => { tiles.delete(name); fail(error); }).finally(() => { loading -= 1; pump(); redraw(); });
  }
}

// ---------------------------------------------------------------- colours

function rangeOf(variable, limits) {
  const held = state.ranges[variable];
  return held || limits;
}
function table(variable, seeThrough) {
  const look = state.contents.looks[variable];
  const rgb = look.flags ? look.flags.map((flag) => hex(flag.colour)) : look.palette;
  return Uint32Array.from(rgb, ([r, g, b], n) => ((seeThrough ? (n ? 190 : 0) : 255) << 24 | b << 16 | g << 8 | r) >>> 0);
}
const hex = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));

function paint(found, variable, range, seeThrough) {
  const paintedFor = `${variable} ${range} ${seeThrough}`;
  if (found.paintedFor === paintedFor) return found.painted;
  const image = new ImageData(found.width, found.height), out = new Uint32Array(image.data.buffer);
  const colours = table(variable, seeThrough), values = found.values;
  if (values instanceof Uint8Array) {
    for (let n = 0; n < values.length; n++) out[n] = colours[values[n]];
  } else {
    const missing = (255 << 24 | MISSING[2] << 16 | MISSING[1] << 8 | MISSING[0]) >>> 0;
    const low = range[0], step = 255.999 / (range[1] - low);
    for (let n = 0; n < values.length; n++) {
      const value = values[n];
      out[n] = value !== value ? missing : colours[Math.max(0, Math.min(255, (value - low) * step | 0))];
    }
  }
  const painted = found.painted || new OffscreenCanvas(found.width, found.height);
  painted.getContext("2d").putImageData(image, 0, 0);
  found.painted = painted;
  found.paintedFor = paintedFor;
  return painted;
}

// ---------------------------------------------------------------- drawing

let asked = false;
function redraw() { if (!asked) { asked = true; requestAnimationFrame(() => { asked = false; draw(); }); } }

const toScreen = (x, y) => [
  (x - state.view.x) * state.view.scale + canvas.clientWidth / 2, (y - state.view.y) * state.view.scale + canvas.clientHeight / 2];
const toCells = (px, py) => [
  (px - canvas.clientWidth / 2) / state.view.scale + state.view.x, (py - canvas.clientHeight / 2) / state.view.scale + state.view.y];

function sizeToShow(found, dots) {
  // The smallest picture whose cells are not larger than a dot of the screen, give or take a quarter.
  let best = 0;
  found.sizes.forEach(([, cols], size) => {
    if (state.view.scale * dots * found.factor * found.sizes[0][1] / cols <= 1.25) best = size;
  });
  return best;
}

function drawLayer(into, key, dots, seeThrough) {
  const found = about(key);
  if (!found) return false;
  const variable = layerOf(key).variable, range = rangeOf(variable, rangeLimits(key, found));
  const chosen = sizeToShow(found, dots), last = found.sizes.length - 1;
  let complete = true;
  // From coarse to fine: what has not come yet shows through as a coarser picture.
  for (let size = last; size >= chosen; size--) {
    if (size !== last && size !== chosen && !somewhatLoaded(key, size)) continue;
    const [rows, cols] = found.sizes[size], across = found.factor * found.sizes[0][1] / cols;
    const down = found.factor * found.sizes[0][0] / rows;
    const [x0, y0] = toCells(0, 0), [x1, y1] = toCells(canvas.clientWidth, canvas.clientHeight);
    const span = (from, to, cell, count) => [
      Math.max(0, Math.floor(from / cell / BLOCK)), Math.min(Math.ceil(count / BLOCK), Math.floor(to / cell / BLOCK) + 1)];
    const [top, bottom] = span(y0, y1, down, rows), [left, right] = span(x0, x1, across, cols);
    for (let row = top; row < bottom; row++) for (let col = left; col < right; col++) {
      const part = tile(key, found, size, row, col);
      if (!part.ready) { complete = complete && size !== chosen; continue; }
      const [px0, py0] = toScreen(col * BLOCK * across, row * BLOCK * down);
      const [px1, py1] = toScreen((col * BLOCK + part.width) * across, (row * BLOCK + part.height) * down);
      // Whole dots, so that no seam shows between tiles.
      const [a, b, c, d] = [px0, py0, px1, py1].map((v) => Math.round(v * dots));
      if (seeThrough && size !== chosen) continue;
      into.drawImage(paint(part, variable, range, seeThrough), a, b, c - a, d - b);
    }
  }
  return complete;
}
function somewhatLoaded(key, size) {
  const start = `${state.place}/${state.date}/${key}/${size}/`;
  for (const [name, found] of tiles) if (found.ready && name.startsWith(start)) return true;
  return false;
}
// All temperatures share the range of the finest level, so that both sides of the divider mean the same.
function rangeLimits(key, found) {
  const layer = layerOf(key);
  if (layer.variable !== "lst") return found.limits;
  const finest = [...entry().layers].reverse().find((other) => other.variable === "lst");
  const reference = finest.key === key ? found : about(finest.key);
  return reference ? reference.limits : found.limits;
}

function draw() {
  if (!state.contents) return;
  const dots = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * dots) || canvas.height !== Math.round(height * dots)) {
    canvas.width = Math.round(width * dots);
    canvas.height = Math.round(height * dots);
  }
  const [complete, product] = compose(pen, dots);
  placeHandle();
  measured.drawn += 1;
  measured.waiting = loading + queue.length;
  if (product && measured.firstPicture === null) measured.firstPicture = performance.now();
  canvas.dataset.complete = complete && !measured.waiting;
  showBars();
}

// Draws map, flags and lines; whether all that should be seen was there, and whether the layer on the right was.
function compose(into, dots) {
  const width = canvas.width, height = canvas.height, two = $("swipe").checked;
  const across = Math.round(width * state.divider);
  into.imageSmoothingEnabled = false;
  into.clearRect(0, 0, width, height);
  const clip = (from, to, work) => {
    into.save(); into.beginPath(); into.rect(from, 0, to - from, height); into.clip();
    const done = work(); into.restore(); return done;
  };
  const product = clip(two ? across : 0, width, () => drawLayer(into, state.right, dots, false));
  let complete = product;
  if (two) complete = clip(0, across, () => drawLayer(into, state.left, dots, false)) && complete;
  const quality = entry().layers.find((layer) => layer.variable === "quality");
  if ($("flags").checked && quality) complete = drawLayer(into, quality.key, dots, true) && complete;
  if ($("coast").checked) drawLines(into, state.lines.coast, dots, "#000", 1.4);
  if ($("graticule").checked) { drawLines(into, state.lines.graticule, dots, "rgba(0, 0, 0, .55)", 0.8); labelLines(into, dots); }
  if (state.cell) drawMark(into, dots);
  drawScaleBar(into, dots);
  return [complete, product];
}

function drawLines(into, lines, dots, colour, width) {
  // A light line under the dark one, so that it reads on any colour.
  for (const [style, thick] of [["rgba(255, 255, 255, .6)", width + 1.2], [colour, width]]) {
    into.strokeStyle = style;
    into.lineWidth = thick * dots;
    into.beginPath();
    for (const line of lines) line.x.forEach((x, n) => {
      const [px, py] = toScreen(x, line.y[n]);
      if (n) into.lineTo(px * dots, py * dots); else into.moveTo(px * dots, py * dots);
    });
    into.stroke();
  }
}
function label(into, text, x, y, dots, align = "left") {
  into.font = `${12 * dots}px system-ui, "DejaVu Sans", sans-serif`;
  into.textAlign = align; into.textBaseline = "middle";
  const wide = into.measureText(text).width, from = align === "center" ? x - wide / 2 : x;
  into.fillStyle = "rgba(255, 255, 255, .85)";
  into.fillRect(from - 3 * dots, y - 8 * dots, wide + 6 * dots, 16 * dots);
  into.fillStyle = "#000";
  into.fillText(text, x, y);
}
function labelLines(into, dots) {
  // Meridians along the upper edge, parallels along the left one.
  for (const line of state.lines.graticule) {
    const upright = /[EW]$/.test(line.text) || Math.abs(line.y.at(-1) - line.y[0]) > Math.abs(line.x.at(-1) - line.x[0]);
    for (let n = 1; n < line.x.length; n++) {
      const [ax, ay] = toScreen(line.x[n - 1], line.y[n - 1]), [bx, by] = toScreen(line.x[n], line.y[n]);
      const edge = upright ? 11 : 4, [a, b] = upright ? [ay, by] : [ax, bx];
      if ((a - edge) * (b - edge) > 0 || a === b) continue;
      const share = (edge - a) / (b - a);
      if (upright) {
        const x = ax + share * (bx - ax);
        if (x > 70 && x < canvas.clientWidth - 24) label(into, line.text, x * dots, edge * dots, dots, "center");
      } else {
        const y = ay + share * (by - ay);
        if (y > 150 && y < canvas.clientHeight - 50) label(into, line.text, edge * dots, y * dots, dots);
      }
      break;
    }
  }
}
function drawMark(into, dots) {
  const [x, y] = toScreen(state.cell.col + 0.5, state.cell.row + 0.5).map((v) => v * dots);
  for (const [style, wide] of [["#fff", 4], ["#000", 1.6]]) {
    into.strokeStyle = style; into.lineWidth = wide * dots;
    into.beginPath(); into.arc(x, y, 8 * dots, 0, 7); into.stroke();
  }
}
function drawScaleBar(into, dots) {
  const metres = place().metres / state.view.scale, most = Math.min(160, canvas.clientWidth / 4) * metres;
  const power = 10 ** Math.floor(Math.log10(most)), long = [5, 2, 1].map((n) => n * power).find((n) => n <= most);
  const wide = long / metres * dots, x = 14 * dots, y = canvas.height - 16 * dots;
  into.fillStyle = "rgba(255, 255, 255, .85)";
  into.fillRect(x - 6 * dots, y - 20 * dots, wide + 12 * dots, 30 * dots);
  into.fillStyle = "#000";
  into.fillRect(x, y, wide, 4 * dots);
  into.font = `${12 * dots}px system-ui, "DejaVu Sans", sans-serif`;
  into.textAlign = "left"; into.textBaseline = "alphabetic";
  into.fillText(long >= 1000 ? `${long / 1000} km` : `${long} m`, x, y - 5 * dots);
}
function placeHandle() {
  const two = $("swipe").checked;
  $("handle").hidden = !two;
  $("left-name").hidden = !two;
  $("handle").style.left = `${state.divider * 100}%`;
  $("handle").setAttribute("aria-valuenow", Math.round(state.divider * 100));
  const name = (key) => about(key)?.label ?? `${layerOf(key).label} (loading)`;
  $("left-name").textContent = name(state.left);
  $("right-name").textContent = name(state.right);
}

// ---------------------------------------------------------------- colour bars

const bars = {};
function shown() {
  const keys = $("swipe").checked ? [state.right, state.left] : [state.right];
  return [...new Map(keys.map((key) => [layerOf(key).variable, key])).entries()];
}
function showBars() {
  const now = shown(), flagged = now.some(([variable]) => variable === "quality") || $("flags").checked;
  $("flag-key").hidden = !flagged;
  for (const [variable, bar] of Object.entries(bars)) bar.root.hidden = !now.some(([name]) => name === variable);
  for (const [variable, key] of now) {
    const found = about(key);
    if (variable === "quality" || !found) continue;
    const bar = bars[variable] || (bars[variable] = makeBar(variable));
    bar.root.hidden = false;
    const range = rangeOf(variable, rangeLimits(key, found));
    [bar.low, bar.high].forEach((input, n) => { if (document.activeElement !== input) input.value = +range[n].toFixed(2); });
  }
}
function makeBar(variable) {
  const look = state.contents.looks[variable], root = document.createElement("div");
  root.className = "bar";
  const name = document.createElement("div");
  name.textContent = `${look.name[0].toUpperCase()}${look.name.slice(1)} (${look.unit})`;
  const strip = document.createElement("canvas");
  strip.width = 256; strip.height = 1;
  paintPalette(strip.getContext("2d"), look, 0, 0, 256, 1);
  const ends = document.createElement("div");
  ends.className = "ends";
  const [low, high] = ["from", "to"].map((word) => {
    const input = document.createElement("input");
    input.type = "number"; input.step = "0.5";
    input.setAttribute("aria-label", `${look.name}, colours ${word} (${look.unit})`);
    input.addEventListener("change", () => {
      const [a, b] = [+bar.low.value, +bar.high.value];
      if (Number.isFinite(a) && Number.isFinite(b) && b > a) { state.ranges[variable] = [a, b]; $("hold").checked = true; }
      redraw();
    });
    return input;
  });
  ends.append(low, look.unit, high);
  root.append(name, strip, ends);
  $("bars").append(root);
  const bar = { root, low, high };
  return bar;
}
function paintPalette(into, look, x, y, width, height) {
  look.palette.forEach(([r, g, b], n) => {
    into.fillStyle = `rgb(${r}, ${g}, ${b})`;
    into.fillRect(x + Math.floor(n * width / 256), y, Math.ceil(width / 256) + 0.5, height);
  });
}
function showFlagKey() {
  $("flag-key").replaceChildren(...state.contents.looks.quality.flags.map((flag) => {
    const item = document.createElement("li"), box = document.createElement("canvas");
    box.width = box.height = 1;
    const into = box.getContext("2d");
    into.fillStyle = flag.colour; into.fillRect(0, 0, 1, 1);
    const text = document.createElement("span");
    text.textContent = flag.meaning ? `${flag.name}: ${flag.meaning}` : flag.name;
    item.append(box, text);
    return item;
  }));
}
function holdRanges() {
  if (!$("hold").checked) state.ranges = {};
  else for (const [variable, key] of shown()) {
    const found = about(key);
    if (found && variable !== "quality") state.ranges[variable] = rangeOf(variable, rangeLimits(key, found));
  }
  redraw();
}

// ---------------------------------------------------------------- moving about

function fitAll() {
  const { rows, cols } = place();
  state.view = { x: cols / 2, y: rows / 2, scale: Math.min(canvas.clientWidth / cols, canvas.clientHeight / rows) * 0.94 };
  moved();
}
function zoomBy(factor, px = canvas.clientWidth / 2, py = canvas.clientHeight / 2) {
  const { rows, cols } = place(), [x, y] = toCells(px, py);
  const least = Math.min(canvas.clientWidth / cols, canvas.clientHeight / rows) / 4;
  state.view.scale = Math.max(least, Math.min(64, state.view.scale * factor));
  const [nx, ny] = toCells(px, py);
  state.view.x += x - nx;
  state.view.y += y - ny;
  moved();
}
function panBy(dx, dy) {
  const { rows, cols } = place();
  state.view.x = Math.max(0, Math.min(cols, state.view.x - dx / state.view.scale));
  state.view.y = Math.max(0, Math.min(rows, state.view.y - dy / state.view.scale));
  moved();
}
let settled = 0;
function moved() {
  redraw();
  clearTimeout(settled);
  settled = setTimeout(showLines, 120);
}
function windowQuery() {
  const [x0, y0] = toCells(0, 0), [x1, y1] = toCells(canvas.clientWidth, canvas.clientHeight);
  return `x0=${x0.toFixed(3)}&y0=${y0.toFixed(3)}&x1=${x1.toFixed(3)}&y1=${y1.toFixed(3)}`;
}
async function showLines() {
  showDownload();
  try {
    state.lines.graticule = await askJson(`graticule/${state.place}?${windowQuery()}`);
    redraw();
  } catch (error) { fail(error); }
}

const fingers = new Map();
let pressed = null;
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, [event.offsetX, event.offsetY]);
  pressed = fingers.size === 1 ? [event.offsetX, event.offsetY] : null;
});
canvas.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId), now = [event.offsetX, event.offsetY];
  if (!before) { point(...now); return; }
  if (fingers.size === 2) {
    const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
    const gap = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]);
    zoomBy(gap(now) / Math.max(1, gap(before)), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    panBy((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
  } else if (!pressed || Math.hypot(now[0] - pressed[0], now[1] - pressed[1]) > 4) {
    pressed = null;
    panBy(now[0] - before[0], now[1] - before[1]);
  } else return;
  fingers.set(event.pointerId, now);
});
canvas.addEventListener("pointerup", (event) => {
  fingers.delete(event.pointerId);
  if (pressed) { point(event.offsetX, event.offsetY); pick(event.offsetX, event.offsetY); }
  pressed = null;
});
canvas.addEventListener("pointercancel", (event) => { fingers.delete(event.pointerId); pressed = null; });
canvas.addEventListener("pointerleave", () => { if (!fingers.size) { pointer.wanted = null; $("readout").textContent = ""; } });
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const lines = event.deltaMode === 1 ? 16 : 1;
  zoomBy(Math.exp(-Math.max(-200, Math.min(200, event.deltaY * lines)) / 400), event.offsetX, event.offsetY);
}, { passive: false });
canvas.addEventListener("keydown", (event) => {
  const step = 80, moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
  if (moves[event.key]) panBy(...moves[event.key]);
  else if (event.key === "+" || event.key === "=") zoomBy(1.5);
  else if (event.key === "-") zoomBy(1 / 1.5);
  else if (event.key === "0") fitAll();
  else if (event.key === "Enter") pick(canvas.clientWidth / 2, canvas.clientHeight / 2);
  else return;
  event.preventDefault();
});
$("zoom-in").addEventListener("click", () => zoomBy(2));
$("zoom-out").addEventListener("click", () => zoomBy(0.5));
$("zoom-all").addEventListener("click", fitAll);

const handle = $("handle");
function setDivider(share) { state.divider = Math.max(0, Math.min(1, share)); redraw(); }
handle.addEventListener("pointerdown", (event) => { handle.setPointerCapture(event.pointerId); event.preventDefault(); handle.focus(); });
handle.addEventListener("pointermove", (event) => {
  if (handle.hasPointerCapture(event.pointerId)) {
    setDivider((event.clientX - canvas.getBoundingClientRect().left) / canvas.clientWidth);
  }
});
handle.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -0.02, ArrowRight: 0.02, Home: -1, End: 1 }[event.key];
  if (step) { setDivider(state.divider + step); event.preventDefault(); }
});

// ---------------------------------------------------------------- values

const pointer = { wanted: null, busy: false };
function cellAt(px, py) {
  const [x, y] = toCells(px, py).map(Math.floor), { rows, cols } = place();
  return x >= 0 && y >= 0 && x < cols && y < rows ? { row: y, col: x } : null;
}
function point(px, py) {
  pointer.wanted = cellAt(px, py);
  if (!pointer.wanted) $("readout").textContent = "";
  if (!pointer.busy) follow();
}
async function follow() {
  // One question at a time; of the cells passed over meanwhile only the last is asked for.
  pointer.busy = true;
  while (pointer.wanted) {
    const { row, col } = pointer.wanted;
    pointer.wanted = null;
    try {
      const found = await askJson(`at/${state.place}/${state.date}/${row}/${col}`);
      $("readout").textContent = describe(found);
    } catch (error) { fail(error); break; }
  }
  pointer.busy = false;
}
function where(found) {
  const side = (value, sides) => `${Math.abs(value).toFixed(4)}° ${sides[value < 0 ? 1 : 0]}`;
  const degrees = found.lat === null ? "" : `${side(found.lat, "NS")}, ${side(found.lon, "EW")}; `;
  return `${degrees}row ${found.row}, column ${found.col}`;
}
function describe(found) {
  const parts = found.values.map((v) => `${v.label}: ${v.value === null ? "missing" : `${v.value.toFixed(2)} ${v.unit}`}`);
  return [where(found), ...parts, ...found.flags.map((text) => `⚑ ${text}`)].join("\n");
}

async function pick(px, py) {
  const cell = cellAt(px, py);
  if (!cell) return;
  state.cell = cell;
  redraw();
  try {
    const address = `series/${state.place}/${cell.row}/${cell.col}`;
    const [points, found] = await Promise.all([askJson(address), askJson(`at/${state.place}/${state.date}/${cell.row}/${cell.col}`)]);
    state.series = points;
    $("series-title").textContent = where(found);
    $("series-csv").href = `${address}/csv`;
    showSeries();
    $("series").hidden = false;
  } catch (error) { fail(error); }
}
function svg(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}
function showSeries() {
  const points = state.series, width = 600, height = 220, left = 52, right = 14, top = 14, bottom = 42;
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Temperature by date, with one standard deviation" });
  const valid = points.filter((p) => p.lst !== null), dated = points.every((p) => p.time);
  const at = points.map((p, n) => dated ? Date.parse(p.time.length > 10 ? `${p.time}Z` : p.time) : n);
  const first = Math.min(...at), last = Math.max(...at), wide = last - first || 1;
  const x = (n) => last === first ? (left + width - right) / 2 : left + 12 + (at[n] - first) / wide * (width - left - right - 24);
  if (!valid.length) root.append(svg("text", { x: width / 2, y: height / 2, "text-anchor": "middle", "font-size": 13 }, "Missing on every date."));
  else {
    const reach = (p, sign) => p.lst + sign * (p.uncertainty || 0);
    let low = Math.min(...valid.map((p) => reach(p, -1))), high = Math.max(...valid.map((p) => reach(p, 1)));
    if (high - low < 2) { low -= 1; high += 1; }
    const step = [0.5, 1, 2, 5, 10, 20].find((s) => (high - low) / s <= 6) || 50;
    low = Math.floor(low / step) * step; high = Math.ceil(high / step) * step;
    const y = (value) => top + (high - value) / (high - low) * (height - top - bottom);
    for (let value = low; value <= high + 1e-6; value += step) {
      root.append(svg("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), stroke: "#ddd" }));
      root.append(svg("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end", "font-size": 12 }, +value.toFixed(1)));
    }
    root.append(svg("text", { x: 12, y: (top + height - bottom) / 2, "font-size": 12, "text-anchor": "middle", transform: `rotate(-90 12 ${(top + height - bottom) / 2})` }, "temperature (K)"));
    points.forEach((p, n) => {
      if (p.lst === null) return;
      const now = n === state.date, colour = now ? "#d55e00" : "#0059b3", about_ = `${p.title}: ${p.lst.toFixed(2)} K`;
      if (p.uncertainty !== null) root.append(svg("line", { x1: x(n), x2: x(n), y1: y(reach(p, -1)), y2: y(reach(p, 1)), stroke: colour, "stroke-width": 1.6 }));
      // Nights are squares: the difference does not rest on colour.
      const mark = p.day === false
        ? svg("rect", { x: x(n) - 4, y: y(p.lst) - 4, width: 8, height: 8, fill: "#fff", stroke: colour, "stroke-width": 1.8 })
        : svg("circle", { cx: x(n), cy: y(p.lst), r: now ? 5.5 : 4, fill: colour });
      mark.append(svg("title", {}, p.uncertainty === null ? about_ : `${about_} ± ${p.uncertainty.toFixed(2)} K`));
      mark.addEventListener("click", () => setDate(n));
      root.append(mark);
    });
  }
  const day = (n) => dated ? points[n].time.slice(0, 10) : points[n].title, ends = points.length > 1 && last > first ? [0, points.length - 1] : [0];
  for (const n of ends) {
    const anchor = ends.length === 1 ? "middle" : n ? "end" : "start";
    root.append(svg("text", { x: x(n), y: height - bottom + 18, "text-anchor": anchor, "font-size": 12 }, day(n)));
  }
  const kinds = new Set(points.map((p) => p.day)), key = kinds.size > 1 ? "● day  □ night; " : "";
  root.append(svg("text", { x: left, y: height - 6, "font-size": 11.5, fill: "#555" }, `${key}lines: ± 1 standard deviation; orange: the date on the map`));
  $("chart").replaceChildren(root);
  const rows = document.createElement("table"), head = rows.insertRow();
  for (const text of ["Overpass", "LST (K)", "± (K)", "Flags"]) { const th = document.createElement("th"); th.scope = "col"; th.textContent = text; head.append(th); }
  for (const p of points) {
    const row = rows.insertRow();
    for (const text of [p.title, p.lst?.toFixed(2) ?? "missing", p.uncertainty?.toFixed(2) ?? "", p.flags.join(", ")]) row.insertCell().textContent = text;
  }
  $("series-table").replaceChildren(rows);
}
$("series-close").addEventListener("click", () => { $("series").hidden = true; state.cell = null; redraw(); });

// ---------------------------------------------------------------- downloads

function showDownload() {
  $("save-tif").href = `crop/${state.place}/${state.date}/${state.right}?${windowQuery()}`;
  $("save-tif").textContent = `Data, ${layerOf(state.right).label} (GeoTIFF)`;
}
$("save-png").addEventListener("click", async () => {
  const dots = canvas.width / canvas.clientWidth, out = document.createElement("canvas"), into = out.getContext("2d");
  const variables = shown(), head = 30 * dots, foot = 52 * dots;
  out.width = canvas.width; out.height = canvas.height + head + foot;
  into.fillStyle = "#fff"; into.fillRect(0, 0, out.width, out.height);
  into.drawImage(canvas, 0, head);
  into.fillStyle = "#000"; into.textBaseline = "middle";
  into.font = `600 ${13 * dots}px system-ui, "DejaVu Sans", sans-serif`;
  const sides = $("swipe").checked ? `; left ${$("left-name").textContent}, right ${$("right-name").textContent}` : `; ${$("right-name").textContent}`;
  into.fillText(`${place().name}, ${entry().title}${sides}`, 10 * dots, head / 2, out.width - 20 * dots);
  if ($("swipe").checked) { into.fillStyle = "#fff"; into.fillRect(out.width * state.divider - 1.5 * dots, head, 3 * dots, canvas.height); }
  variables.filter(([variable]) => variable !== "quality").forEach(([variable, key], n) => {
    const look = state.contents.looks[variable], range = rangeOf(variable, rangeLimits(key, about(key)));
    const x = 10 * dots + n * 340 * dots, y = head + canvas.height + 8 * dots;
    paintPalette(into, look, x, y, 240 * dots, 14 * dots);
    into.fillStyle = "#000"; into.font = `${12 * dots}px system-ui, "DejaVu Sans", sans-serif`;
    into.textAlign = "left";
    into.fillText(`${+range[0].toFixed(2)} to ${+range[1].toFixed(2)} ${look.unit}, ${look.name}`, x, y + 28 * dots);
  });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await new Promise((done) => out.toBlob(done, "image/png")));
  link.download = `${entry().stem}_view.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
});

// ---------------------------------------------------------------- controls

function options(select, list, chosen) {
  select.replaceChildren(...list.map(([value, text]) => new Option(text, value, false, value === chosen)));
  select.value = chosen;
}
function setDate(date) {
  state.date = Math.max(0, Math.min(place().entries.length - 1, date));
  $("date").value = state.date;
  $("date-text").textContent = `${entry().title} (${state.date + 1} of ${place().entries.length})`;
  $("date").setAttribute("aria-valuetext", entry().title);
  $("title").textContent = `${place().name}: land surface temperature`;
  if (!$("hold").checked) state.ranges = {};
  queue.length = 0;
  for (const [name, found] of tiles) if (!found.ready) tiles.delete(name);
  const names = entry().layers.map((layer) => [layer.key, layer.label]), has = (key) => entry().layers.some((l) => l.key === key);
  const temperatures = entry().layers.filter((layer) => layer.variable === "lst");
  if (!has(state.left)) state.left = temperatures[0].key;
  if (!has(state.right)) state.right = temperatures.at(-1).key;
  options($("left"), names, state.left);
  options($("right"), names, state.right);
  if (!$("series").hidden) showSeries();
  showDownload();
  redraw();
}
function showCoast(lines) {
  state.lines.coast = lines;
  $("coast").disabled = !lines.length;
  $("coast-word").textContent = lines.length ? "Coast" : "Coast (none here, or the map is too narrow)";
  redraw();
}
function setPlace(number) {
  state.place = number; state.cell = null; state.lines = { graticule: [], coast: [] };
  $("series").hidden = true;
  $("date").max = place().entries.length - 1;
  $("date").disabled = $("before").disabled = $("after").disabled = place().entries.length < 2;
  setDate(0);
  fitAll();
  askJson(`coast/${number}`).then((lines) => { if (state.place === number) showCoast(lines); }).catch(fail);
}
$("place").addEventListener("change", (event) => setPlace(+event.target.value));
$("date").addEventListener("input", (event) => setDate(+event.target.value));
$("before").addEventListener("click", () => setDate(state.date - 1));
$("after").addEventListener("click", () => setDate(state.date + 1));
$("left").addEventListener("change", (event) => { state.left = event.target.value; redraw(); });
$("right").addEventListener("change", (event) => { state.right = event.target.value; showDownload(); redraw(); });
$("swipe").addEventListener("change", (event) => {
  $("left-label").hidden = !event.target.checked;
  $("right-word").textContent = event.target.checked ? "Right" : "Shown";
  redraw();
});
for (const id of ["flags", "graticule", "coast"]) $(id).addEventListener("change", redraw);
$("hold").addEventListener("change", holdRanges);
$("panel-button").addEventListener("click", () => {
  const open = document.body.classList.toggle("open");
  $("panel-button").setAttribute("aria-expanded", open);
});
new ResizeObserver(() => { if (state.contents) moved(); }).observe(canvas);

(async () => {
  try {
    state.contents = await askJson("contents");
    document.title = `${state.contents.folder} – srdanet view`;
    showFlagKey();
    options($("place"), state.contents.places.map((p, n) => [String(n), p.name]), "0");
    $("place-label").hidden = state.contents.places.length < 2;
    setPlace(0);
  } catch (error) { fail(error); }
})();
