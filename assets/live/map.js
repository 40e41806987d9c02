// The map of the losses: axes, colours, what is laid over it, the point to move, the slice through it.

// Where things are in the drawing, in its own units: left and right, bottom and top.
const X = [54, 346], BAR_X = [358, 370], MAP_Y = [290, 8], SLICE_Y = [424, 318];
const SHAPES = {
  circle: "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0Z",
  triangle: "M0,-6L5.4,4L-5.4,4Z",
  square: "M-3.4,-3.4H3.4V3.4H-3.4Z",
  cross: "M-1.2,-4.4H1.2V-1.2H4.4V1.2H1.2V4.4H-1.2V1.2H-4.4V-1.2H-1.2Z",
};

/** Add an SVG element to a parent. */
function add(parent, name, attributes = {}, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return parent.appendChild(element);
}

/** A function that maps an interval to another one. */
const linear = ([a, b], [from, to]) => value => from + (value - a) / (b - a) * (to - from);

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const joined = points => points.map(point => point.map(v => v.toFixed(1)).join()).join(" ");
const indexOfLowest = values => values.indexOf(Math.min(...values));

/** Round numbers within an interval, at most n of them, as text. */
function ticks([low, high], n) {
  const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1].find(size => (high - low) / size < n);
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++)
    found.push((k * step).toFixed(step < 0.1 ? 2 : 1));
  return found;
}

/** Draw a label such as "Loss" or "Global coupling G", its symbol in italics. */
function addLabel(svg, attributes, words, symbol = "") {
  const text = add(svg, "text", { "text-anchor": "middle", ...attributes }, `${words} `);
  add(text, "tspan", { "font-style": "italic" }, symbol);
}

/** Draw the frames, with their ticks and labels, and the bar of colours. */
function drawAxes(svg, { x, y, height }, ranges, colors, withSlice) {
  const frames = withSlice ? [MAP_Y, SLICE_Y] : [MAP_Y], lowest = frames.at(-1)[0];
  const axis = d => add(svg, "path", { class: "landscape-axis", d });
  const turned = (across, middle) => ({ transform: `translate(${across},${middle}) rotate(-90)` });
  for (const [bottom, top] of frames) axis(`M${X[0]},${top}V${bottom}H${X[1]}`);
  for (const tick of ticks(ranges.G, 9)) {
    for (const [bottom] of frames) axis(`M${x(tick)},${bottom}v4`);
    add(svg, "text", { x: x(tick), y: lowest + 18, "text-anchor": "middle" }, tick);
  }
  const scales = [[y, ranges.w, 9], ...(withSlice ? [[height, ranges.loss, 5]] : [])];
  for (const [scale, range, n] of scales)
    for (const tick of ticks(range, n)) {
      axis(`M${X[0]},${scale(tick)}h-4`);
      add(svg, "text", { x: X[0] - 7, y: scale(tick) + 4, "text-anchor": "end" }, tick);
    }
  addLabel(svg, { x: (X[0] + X[1]) / 2, y: lowest + 38 }, "Global coupling", "G");
  addLabel(svg, turned(13, (MAP_Y[0] + MAP_Y[1]) / 2), "Excitatory recurrence", "w");
  if (withSlice) addLabel(svg, turned(13, (SLICE_Y[0] + SLICE_Y[1]) / 2), "Loss");

  const level = linear(ranges.loss, MAP_Y), part = (MAP_Y[0] - MAP_Y[1]) / colors.length;
  const bar = add(svg, "g", { "shape-rendering": "crispEdges" });
  colors.forEach((fill, k) => add(bar, "path", {
    d: `M${BAR_X[0]},${MAP_Y[0] - (k + 0.5) * part}H${BAR_X[1]}`, stroke: fill, "stroke-width": part + 0.6,
  }));
  for (const tick of ticks(ranges.loss, 9)) {
    axis(`M${BAR_X[1]},${level(tick)}h4`);
    add(svg, "text", { x: BAR_X[1] + 7, y: level(tick) + 4 }, tick);
  }
  addLabel(svg, turned(417, (MAP_Y[0] + MAP_Y[1]) / 2), "Loss of a simulation");
}

/** Draw a mark or a line in the look of an overlay. */
function drawIn(shape, name, parent, attributes, kind = "") {
  const look = name === "path" ? "mark" : "line";
  return add(parent, name, { class: `landscape-${look} ${shape} ${kind}`, ...attributes });
}

/**
 * Add a layer with the marks of an overlay; returns what shows it, and what shows one of its frames.
 * An overlay with frames shows the marks of one of them, and its path up to it.
 */
function addOverlay(layers, { shape, points, path, frames }, place) {
  const layer = add(layers, "g", { display: "none" });
  const lines = (path ? ["halo", ""] : []).map(kind => drawIn(shape, "polyline", layer, {}, kind));
  const marks = add(layer, "g");
  function showFrame(k) {
    for (const line of lines) line.setAttribute("points", joined(path.slice(0, k + 1).map(place)));
    marks.replaceChildren();
    for (const point of frames ? frames[k] : points)
      drawIn(shape, "path", marks, { d: SHAPES[shape], transform: `translate(${joined([place(point)])})` });
  }
  showFrame((frames ?? path ?? [0]).length - 1);
  return { show: shown => layer.setAttribute("display", shown ? "inline" : "none"), showFrame };
}

/** What an overlay looks like, beside its name. */
function addKey(parent, { shape, path }) {
  const key = add(parent, "svg", { class: "landscape-key", viewBox: "-10 -7 20 14", "aria-hidden": "true" });
  if (path)
    for (const kind of ["halo", ""]) drawIn(shape, "polyline", key, { points: "-10,0 10,0" }, kind);
  drawIn(shape, "path", key, { d: SHAPES[shape] });
}

/**
 * The map in an SVG element. Calls `onMove(G, w)` when a reader chooses a point.
 * Returns `show(G, w)`, which draws the point there, and `addLayer(overlay)`.
 */
function lossMap(frame, { G, w, loss }, colors, bounds, { withSlice, snaps, label, onMove }) {
  const svg = add(frame, "svg", {
    class: "landscape-plot", viewBox: `0 0 424 ${withSlice ? 468 : 334}`, tabindex: 0,
    role: "application", "aria-label": label,
  });
  const all = loss.flat(), last = { column: G.length - 1, row: w.length - 1 };
  const edges = values => {
    const half = (values[1] - values[0]) / 2; // a cell reaches half a step to either side
    return [values[0] - half, values.at(-1) + half];
  };
  const ranges = { G: edges(G), w: edges(w), loss: [Math.min(...all), Math.max(...all)] };
  const x = linear(ranges.G, X), y = linear(ranges.w, MAP_Y);
  const height = linear(ranges.loss, [SLICE_Y[0] - 6, SLICE_Y[1] + 6]);
  const shade = linear(ranges.loss, [0, colors.length]);
  const color = value => colors[clamp(Math.floor(shade(value)), 0, colors.length - 1)];
  const nearest = (values, value) =>
    clamp(Math.round((value - values[0]) / (values[1] - values[0])), 0, values.length - 1);

  const cell = { width: (X[1] - X[0]) / G.length, height: (MAP_Y[0] - MAP_Y[1]) / w.length };
  const map = add(svg, "g", { "shape-rendering": "crispEdges" });
  loss.forEach((line, row) => line.forEach((value, column) => add(map, "rect", {
    x: x(G[column]) - cell.width / 2, y: y(w[row]) - cell.height / 2, ...cell, fill: color(value),
  })));
  drawAxes(svg, { x, y, height }, ranges, colors, withSlice);
  const layers = add(svg, "g");

  // What moves with the point: the lines through it, itself, and the slice.
  const lines = ["halo", ""].map(kind => add(svg, "path", { class: `landscape-cross ${kind}` }));
  const below = add(svg, "g", { display: withSlice ? "inline" : "none" });
  const drop = add(below, "path", { class: "landscape-drop" });
  const curve = add(below, "polyline", { class: "landscape-curve" });
  const dots = withSlice
    ? G.map(value => add(below, "circle", { class: "landscape-dot", cx: x(value), r: 3.2 }))
    : [];
  const ring = parent => {
    const group = add(parent, "g");
    for (const kind of ["halo", ""]) add(group, "circle", { class: `landscape-point ${kind}`, r: 5.5 });
    return group;
  };
  const onMap = ring(svg), onSlice = ring(below);
  const handle = frame.appendChild(document.createElement("div"));
  handle.className = "landscape-handle"; // where a finger drags the point, and not the page
  let at = { G: G[0], w: w[0] };

  /** The loss of the grid point that is nearest, and the lowest one on its line. */
  function read() {
    const line = loss[nearest(w, at.w)], lowest = indexOfLowest(line);
    return { loss: line[nearest(G, at.G)], lowest: line[lowest], at: G[lowest] };
  }

  function show(there) {
    at = there;
    const line = loss[nearest(w, at.w)], value = line[nearest(G, at.G)];
    const [px, py] = [x(at.G), y(at.w)];
    lines[0].setAttribute("d", `M${X[0]},${py}H${X[1]}`);
    lines[1].setAttribute("d", `M${X[0]},${py}H${X[1]}`);
    const rings = [[onMap, px, py]];
    if (withSlice) {
      drop.setAttribute("d", `M${px},${MAP_Y[0]}V${SLICE_Y[0]}`);
      curve.setAttribute("points", joined(line.map((v, k) => [x(G[k]), height(v)])));
      dots.forEach((dot, k) => {
        dot.setAttribute("cy", height(line[k]));
        dot.setAttribute("fill", color(line[k]));
      });
      rings.push([onSlice, px, height(value)]);
    }
    for (const [group, across, up] of rings) {
      group.setAttribute("transform", `translate(${across},${up})`);
      group.setAttribute("fill", color(value));
    }
    handle.style.left = `${px / 424 * 100}%`;
    handle.style.top = `${py / (withSlice ? 468 : 334) * 100}%`;
  }

  /** The point that a reader may choose next to a place: on the grid, or with three digits. */
  function choose(there) {
    const rounded = (value, [low, high]) => clamp(Math.round(value * 1000) / 1000, low, high);
    onMove(snaps
      ? { G: G[nearest(G, there.G)], w: w[nearest(w, there.w)] }
      : { G: rounded(there.G, bounds.G), w: rounded(there.w, bounds.w) });
  }

  const follow = event => {
    const { x: px, y: py } = new DOMPoint(event.clientX, event.clientY)
      .matrixTransform(svg.getScreenCTM().inverse());
    const onSlice = withSlice && py > (MAP_Y[0] + SLICE_Y[1]) / 2; // there w stays
    choose({ G: linear(X, ranges.G)(px), w: onSlice ? at.w : linear(MAP_Y, ranges.w)(py) });
  };
  frame.addEventListener("pointerdown", event => {
    if (event.button) return;
    frame.setPointerCapture(event.pointerId);
    follow(event);
    svg.focus({ preventScroll: true });
    event.preventDefault(); // no text is selected
  });
  frame.addEventListener("pointermove", event => {
    if (frame.hasPointerCapture(event.pointerId)) follow(event);
  });
  const [stepG, stepW] = snaps ? [G[1] - G[0], w[1] - w[0]] : [0.01, 0.01];
  svg.addEventListener("keydown", event => {
    const moves = {
      ArrowLeft: { G: at.G - stepG, w: at.w }, ArrowRight: { G: at.G + stepG, w: at.w },
      ArrowDown: { G: at.G, w: at.w - stepW }, ArrowUp: { G: at.G, w: at.w + stepW },
      Home: { G: G[0], w: at.w }, End: { G: G[last.column], w: at.w },
    };
    if (!moves[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault(); // the page shall not scroll
    choose(moves[event.key]);
  });

  const best = indexOfLowest(all);
  return {
    show, read,
    best: { G: G[best % G.length], w: w[Math.floor(best / G.length)] },
    addLayer: overlay => addOverlay(layers, overlay, ([a, b]) => [x(a), y(b)]),
  };
}
