// The running example: regions, their coupling, the simulation, BOLD, FC and how well it fits.

/**
 * Numbers of the study, with the connectome as a full matrix.
 * `study` is what bnmbook/interactive.py writes: constants by name, n, and matrices as typed arrays.
 */
function modelOf(study) {
  const { n, weights, constants } = study;
  const { a, b, d, gamma, tau_s: tau, J_N: J, I_o } = constants;

  /** Input from all other regions: c = C S, before it is multiplied by G. */
  function coupled(S, c) {
    for (let i = 0, at = 0; i < n; i++, at += n) {
      let first = 0, second = 0, third = 0, fourth = 0; // four sums at a time are faster
      for (let j = 0; j < n - 3; j += 4) {
        first += weights[at + j] * S[j];
        second += weights[at + j + 1] * S[j + 1];
        third += weights[at + j + 2] * S[j + 2];
        fourth += weights[at + j + 3] * S[j + 3];
      }
      for (let j = n - n % 4; j < n; j++) first += weights[at + j] * S[j];
      c[i] = first + second + (third + fourth);
    }
    return c;
  }

  /** Derivative of one region's S, per ms; `input` is J_N G c + I_o. */
  function drift(S, input, w) {
    const y = a * (w * J * S + input) - b;
    return (1 - S) * (gamma * y / (1 - Math.exp(-d * y))) - S / tau;
  }

  /** One step of Heun's method in place, with the coupling held and noise added once. */
  function step(S, c, { G, w }, dt, noise, from, strength) {
    coupled(S, c);
    for (let i = 0; i < n; i++) {
      const input = J * G * c[i] + I_o, kick = noise === null ? 0 : strength * noise[from + i];
      const slope = drift(S[i], input, w);
      const predicted = S[i] + dt * slope + kick;
      S[i] += dt * 0.5 * (slope + drift(predicted, input, w)) + kick;
    }
  }

  return { n, coupled, drift, step };
}

/**
 * Simulate, one BOLD period after the other: a generator that yields after each of them.
 * What it yields is a sample of BOLD, or null while the samples do not count.
 */
function* simulation(study, model, at, noise) {
  const { n, dt, n_steps, per_sample, skip, bold } = study;
  const taps = kernelTaps(study), c = new Float64Array(n);
  const S = Float64Array.from(study.start), history = new Float64Array(n_steps * n);
  const strength = at.sigma * Math.sqrt(dt);
  for (let t = 0; t < n_steps; t++) {
    model.step(S, c, at, dt, noise, t * n, strength);
    history.set(S, t * n);
    if ((t + 1) % per_sample) continue;
    if ((t + 1) / per_sample <= skip) {
      yield null;
      continue;
    }
    const sample = new Float64Array(n); // the kernel's weighted sum over the last 20 s
    for (let k = 1; k < taps.length; k++) {
      const row = (t + 1 - k) * n, tap = taps[k];
      for (let i = 0; i < n; i++) sample[i] += tap * history[row + i];
    }
    yield sample.map(value => bold.scale * (value - 1));
  }
}

/** Weights of S in BOLD, by the steps that they lie back: a damped oscillation, Friston et al. (2000). */
function kernelTaps({ bold }) {
  const omega = Math.sqrt(1 / bold.tau_f - 1 / (4 * bold.tau_s ** 2)); // per s
  return Float64Array.from({ length: bold.n_taps }, (_, k) => {
    const t = k * bold.duration / (bold.n_taps - 1) / 1000; // in s
    return bold.scaling * Math.exp(-0.5 * t / bold.tau_s) * Math.sin(omega * t) / omega;
  });
}

/** Pearson correlations between the columns of samples, with zero diagonal. */
function correlations(samples, n) {
  const count = samples.length, fc = new Float64Array(n * n);
  const centred = Array.from({ length: n }, (_, i) => {
    const mean = samples.reduce((sum, sample) => sum + sample[i], 0) / count;
    const column = Float64Array.from(samples, sample => sample[i] - mean);
    const size = Math.hypot(...column);
    return column.map(value => value / size);
  });
  for (let i = 0; i < n; i++)
    for (let j = 0; j < i; j++) {
      let sum = 0;
      for (let t = 0; t < count; t++) sum += centred[i][t] * centred[j][t];
      fc[i * n + j] = fc[j * n + i] = sum;
    }
  return fc;
}

/** The loss, RMSE over the whole matrix, and the correlation over pairs of regions. */
function agreement(fc, target, n) {
  let squares = 0, sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0, count = 0;
  for (let i = 0; i < n; i++)
    for (let j = 0; j < i; j++) {
      const x = fc[i * n + j], y = target[i * n + j];
      squares += 2 * (x - y) ** 2;
      count++;
      sx += x; sy += y; sxx += x * x; syy += y * y; sxy += x * y;
    }
  const covariance = sxy - sx * sy / count;
  const sizes = (sxx - sx * sx / count) * (syy - sy * sy / count);
  return { loss: Math.sqrt(squares / (n * n)), correlation: covariance / Math.sqrt(sizes) };
}
