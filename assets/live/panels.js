// Matrices, scatter plots and series on canvases, which are quick to draw anew.

const FC_RANGE = [-0.4, 0.8]; // of the colours, as in the figures of chapter 1

/** A panel: its title, and a canvas with a description. */
function panel(parent, title, kind) {
  const box = parent.appendChild(document.createElement("div"));
  box.className = `landscape-panel ${kind}`;
  const heading = box.appendChild(document.createElement("p"));
  heading.textContent = title;
  const canvas = box.appendChild(document.createElement("canvas"));
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", title);
  return { box, canvas, heading, describe: words => canvas.setAttribute("aria-label", words) };
}

/** A function that draws a matrix of regions by regions, one pixel for each entry. */
function matrixPanel(canvas, n, colors) {
  canvas.width = canvas.height = n;
  const context = canvas.getContext("2d"), image = context.createImageData(n, n);
  const shades = Uint32Array.from(colors, color => { // as the bytes red, green, blue, opaque
    const [red, green, blue] = [1, 3, 5].map(k => parseInt(color.slice(k, k + 2), 16));
    return (255 << 24) | (blue << 16) | (green << 8) | red;
  });
  const pixels = new Uint32Array(image.data.buffer), last = shades.length - 1;
  const shade = linear(FC_RANGE, [0, shades.length]);
  return fc => {
    for (let k = 0; k < n * n; k++) pixels[k] = shades[clamp(Math.floor(shade(fc[k])), 0, last)];
    for (let i = 0; i < n; i++) pixels[i * (n + 1)] = 0; // no diagonal
    context.putImageData(image, 0, 0);
  };
}

/** Make a canvas as fine as the screen; returns its context, and its size in pixels of the page. */
function fitted(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas, ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d"), style = getComputedStyle(canvas);
  context.scale(ratio, ratio);
  context.font = `12px ${style.fontFamily}`;
  context.fillStyle = context.strokeStyle = style.color;
  return { context, width, height, ink: style.color, accent: style.getPropertyValue("--landscape-dots").trim() };
}

/** Draw an FC against the target: a point for each pair, the diagonal, and the constant's line. */
function drawScatter(canvas, target, fc, n, constant) {
  const { context, width, height, ink, accent } = fitted(canvas);
  const x = linear([-0.2, 1], [32, width - 6]), y = linear([-0.4, 1], [height - 32, 6]);
  context.globalAlpha = 0.4;
  context.fillStyle = accent;
  for (let i = 0; i < n; i++)
    for (let j = 0; j < i; j++)
      context.fillRect(x(target[i * n + j]) - 0.8, y(fc[i * n + j]) - 0.8, 1.6, 1.6);
  context.globalAlpha = 1;
  context.fillStyle = ink;
  const line = (...points) => {
    context.beginPath();
    points.forEach(([a, b], k) => (k ? context.lineTo(x(a), y(b)) : context.moveTo(x(a), y(b))));
    context.stroke();
  };
  line([-0.2, 1], [-0.2, -0.4], [1, -0.4]);
  line([-0.2, -0.2], [1, 1]);
  context.lineWidth = 1.5;
  context.setLineDash([2, 3]);
  line([-0.2, constant], [1, constant]);
  context.textAlign = "center";
  for (const tick of [0, 0.5, 1]) context.fillText(tick, x(tick) - (tick === 1 ? 4 : 0), height - 17);
  context.fillText("Target", (x(-0.2) + x(1)) / 2, height - 3);
  context.textAlign = "right";
  for (const tick of [0, 0.5, 1]) context.fillText(tick, 27, y(tick) + 4);
  context.textAlign = "left";
  context.fillText("constant", x(-0.2) + 5, y(constant) - 5);
}

/** Draw BOLD series, one above the other, as far as they have come. */
function drawTraces(canvas, samples, regions, labels, { first, seconds }) {
  const { context, width, height, accent, ink } = fitted(canvas);
  const rows = regions.length, lane = (height - 32) / rows, x = linear([first, seconds], [62, width - 8]);
  const centred = regions.map(region => {
    const mean = samples.reduce((sum, sample) => sum + sample[region], 0) / samples.length;
    return samples.map(sample => sample[region] - mean);
  });
  const most = Math.max(...centred.map(row => Math.max(...row.map(Math.abs))), 1e-9);
  context.strokeStyle = accent;
  context.lineWidth = 1.2;
  centred.forEach((row, k) => {
    const middle = (k + 0.5) * lane, y = linear([-most, most], [middle + lane * 0.48, middle - lane * 0.48]);
    context.beginPath();
    row.forEach((value, t) => (t ? context.lineTo(x(first + 1 + t), y(value)) : context.moveTo(x(first + 1), y(value))));
    context.stroke();
  });
  context.fillStyle = ink;
  regions.forEach((region, k) => context.fillText(labels[k], 0, (k + 0.5) * lane + 4));
  context.fillRect(62, height - 32, width - 70, 1);
  context.textAlign = "center";
  for (let t = first; t <= seconds; t += 20)
    context.fillText(t, clamp(x(t), 14, width - 12), height - 18);
  context.fillText("Time (s)", (width + 54) / 2, height - 3);
}
