// The loss landscape to explore: a point on the map, the slice through it, and overlays to switch on.
// bnmbook/interactive.py puts the data, the empty figure and this file into a notebook's output.
(() => {
  "use strict";

  // Where things are in the drawing, in its own units.
  const X = [54, 392], MAP_Y = [290, 8], SLICE_Y = [424, 318]; // bottom, top
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

  const clamp = (value, last) => Math.min(last, Math.max(0, value));
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

  /** Draw both frames, with their ticks and labels. */
  function drawAxes(svg, x, y, loss, ranges) {
    for (const [bottom, top] of [MAP_Y, SLICE_Y])
      add(svg, "path", { class: "landscape-axis", d: `M${X[0]},${top}V${bottom}H${X[1]}` });
    for (const tick of ticks(ranges.G, 9)) {
      for (const [bottom] of [MAP_Y, SLICE_Y])
        add(svg, "path", { class: "landscape-axis", d: `M${x(tick)},${bottom}v4` });
      add(svg, "text", { x: x(tick), y: SLICE_Y[0] + 18, "text-anchor": "middle" }, tick);
    }
    for (const [scale, range, n] of [[y, ranges.w, 9], [loss, ranges.loss, 5]])
      for (const tick of ticks(range, n)) {
        add(svg, "path", { class: "landscape-axis", d: `M${X[0]},${scale(tick)}h-4` });
        add(svg, "text", { x: X[0] - 7, y: scale(tick) + 4, "text-anchor": "end" }, tick);
      }
    addLabel(svg, { x: (X[0] + X[1]) / 2, y: SLICE_Y[0] + 38 }, "Global coupling", "G");
    const turned = middle => ({ transform: `translate(13,${middle}) rotate(-90)` });
    addLabel(svg, turned((MAP_Y[0] + MAP_Y[1]) / 2), "Excitatory recurrence", "w");
    addLabel(svg, turned((SLICE_Y[0] + SLICE_Y[1]) / 2), "Loss");
  }

  /** Add a layer with the marks of an overlay, and the checkbox that shows and hides it. */
  function addOverlay(layers, fieldset, { label, shape, points, path }, place) {
    const layer = add(layers, "g", { display: "none" });
    const draw = (name, parent, attributes) =>
      add(parent, name, { class: `landscape-${name === "path" ? "mark" : "line"} ${shape}`, ...attributes });
    for (const kind of path ? ["halo", ""] : [])
      draw("polyline", layer, { points: joined(path.map(place)) }).classList.toggle("halo", !!kind);
    for (const point of points)
      draw("path", layer, { d: SHAPES[shape], transform: `translate(${joined([place(point)])})` });

    const line = fieldset.appendChild(document.createElement("label"));
    const box = line.appendChild(document.createElement("input"));
    box.type = "checkbox";
    box.addEventListener("change", () => layer.setAttribute("display", box.checked ? "inline" : "none"));
    const key = add(line, "svg", { class: "landscape-key", viewBox: "-10 -7 20 14", "aria-hidden": "true" });
    if (path) for (const kind of ["halo", ""])
      draw("polyline", key, { points: "-10,0 10,0" }).classList.toggle("halo", !!kind);
    draw("path", key, { d: SHAPES[shape] });
    line.appendChild(document.createElement("span")).textContent = label;
  }

  function start(figure) {
    const data = JSON.parse(figure.querySelector("script").textContent);
    const svg = figure.querySelector(".landscape-plot");
    const readout = figure.querySelector(".landscape-readout");
    const { G, w, loss } = data, all = loss.flat();
    const last = { column: G.length - 1, row: w.length - 1 };
    const edges = values => {
      const half = (values[1] - values[0]) / 2; // a cell reaches half a step to either side
      return [values[0] - half, values.at(-1) + half];
    };
    const ranges = { G: edges(G), w: edges(w), loss: [Math.min(...all), Math.max(...all)] };
    const x = linear(ranges.G, X), y = linear(ranges.w, MAP_Y);
    const height = linear(ranges.loss, [SLICE_Y[0] - 6, SLICE_Y[1] + 6]);
    const shade = linear(ranges.loss, [0, data.colors.length]);
    const color = value => data.colors[clamp(Math.floor(shade(value)), data.colors.length - 1)];

    const cell = { width: (X[1] - X[0]) / G.length, height: (MAP_Y[0] - MAP_Y[1]) / w.length };
    const map = add(svg, "g", { "shape-rendering": "crispEdges" });
    loss.forEach((line, row) => line.forEach((value, column) => add(map, "rect", {
      x: x(G[column]) - cell.width / 2, y: y(w[row]) - cell.height / 2, ...cell, fill: color(value),
    })));
    drawAxes(svg, x, y, height, ranges);

    const layers = add(svg, "g");
    for (const overlay of data.overlays)
      addOverlay(layers, figure.querySelector("fieldset"), overlay, ([a, b]) => [x(a), y(b)]);

    // What moves with the point: the lines through it, itself, and the slice.
    const lines = ["halo", ""].map(kind => add(svg, "path", { class: `landscape-cross ${kind}` }));
    const drop = add(svg, "path", { class: "landscape-drop" });
    const curve = add(svg, "polyline", { class: "landscape-curve" });
    const dots = G.map(value => add(svg, "circle", { class: "landscape-dot", cx: x(value), r: 3.2 }));
    const [onMap, onSlice] = [0, 1].map(() => {
      const ring = add(svg, "g");
      for (const kind of ["halo", ""]) add(ring, "circle", { class: `landscape-point ${kind}`, r: 5.5 });
      return ring;
    });
    let at = { column: 0, row: 0 };

    function show(column, row) {
      at = { column: clamp(column, last.column), row: clamp(row, last.row) };
      const line = loss[at.row], value = line[at.column], lowest = indexOfLowest(line);
      const [px, py] = [x(G[at.column]), y(w[at.row])], level = height(value);
      for (const path of lines) path.setAttribute("d", `M${X[0]},${py}H${X[1]}`);
      drop.setAttribute("d", `M${px},${MAP_Y[0]}V${SLICE_Y[0]}`);
      curve.setAttribute("points", joined(line.map((v, k) => [x(G[k]), height(v)])));
      dots.forEach((dot, k) => {
        dot.setAttribute("cy", height(line[k]));
        dot.setAttribute("fill", color(line[k]));
      });
      for (const [ring, height] of [[onMap, py], [onSlice, level]]) {
        ring.setAttribute("transform", `translate(${px},${height})`);
        ring.setAttribute("fill", color(value));
      }
      const [here, below] = readout.children;
      const placed = (name, number) => `${name}\u00a0=\u00a0${number.toFixed(3)}`; // on one line
      const place = `${placed("G", G[at.column])}, ${placed("w", w[at.row])}`;
      here.textContent = `Loss ${value.toFixed(4)} at ${place}`;
      below.textContent = `Lowest on this line: ${line[lowest].toFixed(4)} at ${placed("G", G[lowest])}`;
    }

    const nearest = (values, value) => Math.round((value - values[0]) / (values[1] - values[0]));
    const follow = event => {
      const { x: px, y: py } = new DOMPoint(event.clientX, event.clientY)
        .matrixTransform(svg.getScreenCTM().inverse());
      const above = py < (MAP_Y[0] + SLICE_Y[1]) / 2; // below, on the slice, w stays
      show(nearest(G, linear(X, ranges.G)(px)),
        above ? nearest(w, linear(MAP_Y, ranges.w)(py)) : at.row);
    };
    svg.addEventListener("pointermove", follow);
    svg.addEventListener("pointerdown", follow);
    svg.addEventListener("keydown", event => {
      const { column, row } = at;
      const moves = {
        ArrowLeft: [column - 1, row], ArrowRight: [column + 1, row],
        ArrowDown: [column, row - 1], ArrowUp: [column, row + 1],
        Home: [0, row], End: [last.column, row],
      };
      if (!moves[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault(); // the page shall not scroll
      show(...moves[event.key]);
    });

    const best = indexOfLowest(all);
    show(best % G.length, Math.floor(best / G.length));
    figure.hidden = false;
  }

  document.querySelectorAll(".landscape[hidden]").forEach(start);
})();
