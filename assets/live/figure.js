// The figure: what a reader can touch, what it asks the workers, and what it shows of their answers.

/** Add an HTML element to a parent. */
function put(parent, name, properties = {}, attributes = {}) {
  const element = Object.assign(document.createElement(name), properties);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return parent.appendChild(element);
}

/** Numbers as Python wrote them: 8 bytes each. */
function numbers(text) {
  return new Float64Array(Uint8Array.from(atob(text), letter => letter.charCodeAt(0)).buffer);
}

/** A symmetric matrix with zero diagonal, from what is below the diagonal. */
function symmetric(below, n) {
  const matrix = new Float64Array(n * n);
  for (let i = 0, k = 0; i < n; i++)
    for (let j = 0; j < i; j++) matrix[i * n + j] = matrix[j * n + i] = below[k++];
  return matrix;
}

/** A worker that runs `code`, a function, without a file of its own: pages open from a disk, too. */
function workerOf(code, study) {
  const url = URL.createObjectURL(new Blob(["(", code, ")()"], { type: "text/javascript" }));
  const worker = new Worker(url);
  worker.postMessage({ kind: "study", study });
  return worker;
}

const fixed = (value, digits) => value.toFixed(digits).replace("-", "\u2212");
const named = (name, value, digits = 3) => `${name}\u00a0=\u00a0${value.toFixed(digits)}`; // on one line

function start(figure, data) {
  const { map: scan, colors, bounds, yardsticks, overlays, label } = data;
  const parts = figure.dataset.parts?.split(" ") ?? data.parts;
  const has = name => parts.includes(name);
  const coded = data.study, n = coded.n;
  const study = {
    ...coded,
    weights: symmetric(numbers(coded.weights), n), target: symmetric(numbers(coded.target), n),
    start: Float64Array.from(coded.start),
  };
  const { target } = study, calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const at = { ...data.at }, results = {};
  let seed = 0;

  // ---- what there is to see, from the top

  const grid = put(figure, "div", { className: "landscape-grid" });
  const frame = put(grid, "div", { className: "landscape-map" });
  const map = lossMap(frame, scan, colors, bounds, {
    withSlice: has("slice"), snaps: has("slice"), label,
    onMove: there => move(there),
  });
  const side = put(grid, "div", { className: "landscape-side" });
  const readout = put(side, "p", { className: "landscape-readout" });
  const lines = [put(readout, "span"), put(readout, "span")];
  const spoken = put(figure, "p", { className: "landscape-spoken" }, { role: "status", "aria-live": "polite" });

  if (has("sigma")) {
    const [low, high] = bounds.sigma;
    const line = put(side, "label", { className: "landscape-slider" });
    put(put(line, "span", { textContent: "Noise " }), "i", { textContent: "σ" });
    const slider = put(line, "input", { type: "range", min: low, max: high, step: 0.00001 });
    slider.value = at.sigma;
    const shown = put(line, "output", { textContent: at.sigma.toFixed(5) });
    slider.addEventListener("input", () => {
      shown.textContent = Number(slider.value).toFixed(5);
      move({ sigma: Number(slider.value) });
    });
  }

  const table = put(side, "table"), head = put(put(table, "thead"), "tr"), cells = {};
  for (const words of ["Against the target", "Loss", "Correlation"])
    put(head, "th", { textContent: words, scope: "col" });
  const body = put(table, "tbody");
  const rows = [["expected", "Expected FC"], ...(has("simulate") ? [["simulated", "Simulated FC"]] : []),
    ["constant", "One value everywhere"], ["rank one", "Rank one, a number per region"]];
  for (const [name, words] of rows) {
    const row = put(body, "tr");
    put(row, "th", { textContent: words, scope: "row" });
    cells[name] = [put(row, "td"), put(row, "td")];
    fill(name, yardsticks[name]);
  }
  const stability = put(side, "p", { className: "landscape-note" });

  if (overlays.length) {
    const fieldset = put(side, "fieldset");
    put(fieldset, "legend", { textContent: "Show on the map" });
    for (const overlay of overlays) addControls(fieldset, overlay);
  }

  const panels = put(figure, "div", { className: "landscape-panels" });
  const matrix = title => {
    const made = panel(panels, title, "square");
    return { ...made, draw: matrixPanel(made.canvas, n, colors.slice().reverse()) };
  };
  const views = { target: matrix("Target FC"), expected: matrix("Expected FC") };
  views.target.draw(target);
  views.scatter = panel(panels, "Expected FC against the target", "square");
  const bar = put(panels, "p", { className: "landscape-bar" }, { "aria-hidden": "true" });
  put(bar, "span", { textContent: fixed(FC_RANGE[0], 1) });
  put(bar, "i").style.background = `linear-gradient(to right, ${colors.filter((_, k) => k % 16 === 0).reverse()})`;
  put(bar, "span", { textContent: `${fixed(FC_RANGE[1], 1)} correlation` });

  const controls = has("simulate") ? addSimulation() : null;

  // ---- what is shown when something changes

  /** Show a loss and a correlation in the table; the attributes have them with all their digits. */
  function fill(name, fit) {
    const values = fit ? [fit.loss, fit.correlation] : [null, null];
    values.forEach((value, k) => {
      const cell = cells[name][k];
      cell.textContent = value === null ? "–" : fixed(value, 4 - k);
      if (value === null) cell.removeAttribute("data-value");
      else cell.dataset.value = value;
    });
  }

  function move(change) {
    Object.assign(at, change);
    map.show(at);
    const { loss, lowest, at: where } = map.read();
    if (has("slice")) {
      lines[0].textContent = `Loss ${loss.toFixed(4)} at ${named("G", at.G)}, ${named("w", at.w)}`;
      lines[1].textContent = `Lowest on this line: ${lowest.toFixed(4)} at ${named("G", where)}`;
    } else {
      lines[0].textContent = `${named("G", at.G)}, ${named("w", at.w)}`;
      lines[1].textContent = `Loss of the nearest of the map's simulations: ${loss.toFixed(4)}`;
    }
    ask({ ...at });
    say();
  }

  function respond(result) {
    results.expected = result;
    fill("expected", result.found ? result : null);
    const { G, w } = result.at;
    Object.assign(stability.dataset, { at: [G, w], leading: result.leading, fold: result.to_fold });
    stability.textContent = result.found
      ? `Leading eigenvalue ${fixed(1000 * result.leading, 2)} per second: a disturbance fades to a third within `
        + `${fixed(1 / -result.leading / 1000, 2)} s. The fold, where this state ends, is `
        + `${fixed(result.to_fold, result.to_fold < 10 ? 1 : 0)} standard deviations of its slowest mode away.`
      : "No stable steady state was found here, so that nothing is expected of it.";
    soon(drawExpected);
    say();
  }

  /** Say to a screen reader where the point is and what is there, once it has come to rest. */
  let speaking = 0;
  function say() {
    clearTimeout(speaking);
    speaking = setTimeout(() => {
      const { expected } = results, here = expected && expected.at.G === at.G && expected.at.w === at.w;
      const fit = here && expected.found
        ? `. Expected FC: loss ${fixed(expected.loss, 4)}, correlation ${fixed(expected.correlation, 3)}` : "";
      spoken.textContent = `${lines[0].textContent}${has("sigma") ? `, σ = ${at.sigma.toFixed(5)}` : ""}${fit}`;
    }, 500);
  }

  /** Draw once for each picture that the screen shows, however much has changed. */
  const waiting = new Set();
  function soon(draw) {
    if (!waiting.size) requestAnimationFrame(() => {
      const draws = [...waiting];
      waiting.clear();
      draws.forEach(one => one());
    });
    waiting.add(draw);
  }

  function drawExpected() {
    const { expected } = results;
    if (!expected) return;
    views.expected.box.classList.toggle("stale", !expected.found);
    if (!expected.found) return;
    views.expected.draw(expected.fc);
    drawScatter(views.scatter.canvas, target, expected.fc, n, yardsticks.value);
    views.scatter.describe(`Expected FC against the target: a point for each pair of regions, correlation ${fixed(expected.correlation, 3)}`);
  }

  // ---- the workers

  let responder = null, busy = false, wanted = null, requests = 0;
  /** Ask for the expected FC; while an answer is on its way, only the latest question waits. */
  function ask(there) {
    if (busy || !responder) {
      wanted = there;
      return;
    }
    busy = true;
    responder.postMessage({ kind: "respond", id: ++requests, at: there });
  }
  function answered({ data: result }) {
    busy = false;
    if (wanted) {
      const next = wanted;
      wanted = null;
      ask(next);
    }
    respond(result);
  }

  function addControls(fieldset, overlay) {
    const layer = map.addLayer(overlay), line = put(fieldset, "label");
    const box = put(line, "input", { type: "checkbox" });
    addKey(line, overlay);
    put(line, "span", { textContent: overlay.label });
    box.addEventListener("change", () => layer.show(box.checked));
    if (!overlay.frames) return;
    const last = overlay.frames.length, scrub = put(fieldset, "label", { className: "landscape-slider" });
    put(scrub, "span", { textContent: "Generation" });
    const slider = put(scrub, "input", { type: "range", min: 1, max: last, value: last });
    const shown = put(scrub, "output", { textContent: `${last} of ${last}` });
    slider.addEventListener("input", () => {
      shown.textContent = `${slider.value} of ${last}`;
      box.checked = true;
      layer.show(true);
      layer.showFrame(slider.value - 1);
    });
  }

  function addSimulation() {
    const run = put(side, "div", { className: "landscape-run" });
    const buttons = put(run, "div", { className: "landscape-buttons" });
    const go = put(buttons, "button", { type: "button", textContent: "Simulate" });
    const again = put(buttons, "button", { type: "button", textContent: "New noise" });
    const back = put(buttons, "button", { type: "button", textContent: "The book's noise", hidden: true });
    const progress = put(run, "progress", { max: 1, value: 0 }, { "aria-label": "Simulated" });
    const state = put(run, "p", { className: "landscape-note" }, { role: "status" });
    state.textContent = "Two minutes of activity in 30,000 steps, with the noise of the book.";
    const row = put(figure, "div", { className: "landscape-panels" });
    const traces = panel(row, `BOLD of ${data.regions.length} regions`, "wide");
    const made = panel(row, "Simulated FC", "square");
    const fcView = { ...made, draw: matrixPanel(made.canvas, n, colors.slice().reverse()) };
    const scatter = panel(row, "Simulated FC against the target", "square");
    row.hidden = true;
    let worker = null, current = 0, running = false, samples = [], fc = null, losses = [];

    const seconds = study.n_steps * study.dt / 1000, tr = study.per_sample * study.dt / 1000;
    const times = { first: study.skip * tr, seconds };
    const place = ({ G, w, sigma }) => `${named("G", G)}, ${named("w", w)}, ${named("σ", sigma, 5)}`;
    const nameOf = number => (number === 0 ? "the book's noise" : `noise ${number}`);

    function begin() {
      worker ??= Object.assign(workerOf(ENGINE, study), { onmessage: receive });
      running = true;
      samples = [];
      row.hidden = false;
      go.textContent = "Stop";
      worker.postMessage({ kind: "simulate", id: ++current, at: { ...at }, seed });
    }
    function stop() {
      worker.postMessage({ kind: "stop", id: ++current });
      running = false;
      go.textContent = "Simulate";
      progress.value = 0;
      state.textContent = "Stopped.";
    }
    function receive({ data: message }) {
      if (message.id !== current) return;
      if (message.kind === "progress") {
        progress.value = message.done / message.of;
        if (message.done === 1) state.textContent = `Simulating ${place(message.at)}, ${nameOf(message.seed)} …`;
        if (message.sample) samples.push(message.sample);
        if (!calm) soon(drawSamples);
        return;
      }
      running = false;
      go.textContent = "Simulate";
      progress.value = 1;
      fc = message;
      fill("simulated", message);
      const here = place(message.at);
      if (losses[0]?.here !== here) losses = [];
      losses = [...losses.filter(one => one.seed !== message.seed), { here, seed: message.seed, loss: message.loss }];
      const luck = losses.slice(-8).map(one => `${fixed(one.loss, 4)} (${nameOf(one.seed)})`).join(", ");
      state.textContent = `Simulated ${here}. Loss: ${luck}.`;
      soon(draw);
    }
    function drawSamples() {
      if (samples.length) drawTraces(traces.canvas, samples, data.regions, data.labels, times);
    }
    function draw() {
      drawSamples();
      if (!fc) return;
      fcView.draw(fc.fc);
      drawScatter(scatter.canvas, target, fc.fc, n, yardsticks.value);
      scatter.describe(`Simulated FC against the target: a point for each pair of regions, correlation ${fixed(fc.correlation, 3)}`);
    }
    function withSeed(next) {
      seed = next;
      back.hidden = seed === 0;
      begin();
    }
    let newest = 0;
    go.addEventListener("click", () => (running ? stop() : begin()));
    again.addEventListener("click", () => withSeed(++newest));
    back.addEventListener("click", () => {
      go.focus();
      withSeed(0);
    });
    return { draw };
  }

  // ---- begin

  const redraw = () => {
    soon(drawExpected);
    if (controls) soon(controls.draw);
  };
  new ResizeObserver(redraw).observe(panels);
  const theme = new MutationObserver(redraw); // the site's themes: other colours of text and points
  for (const element of [document.body, document.documentElement])
    theme.observe(element, { attributes: true, attributeFilter: ["class", "data-scheme"] });

  figure.hidden = false;
  Object.assign(at, data.at.G === undefined ? map.best : {});
  move({});
  responder = Object.assign(workerOf(ENGINE, study), { onmessage: answered });
  if (wanted) {
    const first = wanted;
    wanted = null;
    ask(first);
  }
}

/** Draw all figures that wait for it, each with its own data or with those that came with this file. */
function startAll() {
  if (!document.getElementById("landscape-style"))
    put(document.head, "style", { id: "landscape-style", textContent: STYLE });
  for (const figure of document.querySelectorAll(".landscape[hidden]")) {
    const own = figure.querySelector("script");
    start(figure, own ? JSON.parse(own.textContent) : DATA);
  }
}
