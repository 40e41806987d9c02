// The running example: regions, their coupling, the simulation, BOLD, FC and how well it fits.

/**
 * Numbers of the study, with the connectome as a full matrix.
 * `study` is what bnmbook/interactive.py writes: constants by name, n, and matrices as typed arrays.
 */
function modelOf(study) {
  const { n, weights, constants } = study;
  const { a, b, d, gamma, tau_s: tau, J_N: J, I_o } = constants;

  /** Input from all other regions: c = C S, before it is multiplied by G. Four rows at a time. */
  function coupled(S, c) {
    for (let i = 0; i < n; i += 4) {
      const last = n - 1, first = i * n, second = Math.min(i + 1, last) * n;
      const third = Math.min(i + 2, last) * n, fourth = Math.min(i + 3, last) * n;
      let sum1 = 0, sum2 = 0, sum3 = 0, sum4 = 0;
      for (let j = 0; j < n; j++) {
        const value = S[j];
        sum1 += weights[first + j] * value;
        sum2 += weights[second + j] * value;
        sum3 += weights[third + j] * value;
        sum4 += weights[fourth + j] * value;
      }
      c[i] = sum1; // what lies beyond the last region is lost
      c[i + 1] = sum2;
      c[i + 2] = sum3;
      c[i + 3] = sum4;
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
 * Build `period(k)`, which simulates BOLD period k = 0, 1, 2, ... and has to be called in this order.
 * It returns the sample of BOLD at the end of the period, or null while samples do not count.
 *
 * The kernel, a damped oscillation, has the taps Im q^j for a complex q. Two sums over each period,
 * the real and the imaginary part of those of q^j S, are therefore all that later samples need of it.
 */
function simulator(study, model, at, noise) {
  const { n, dt, n_steps, per_sample, skip, bold } = study;
  const kernel = kernelOf(study), n_lags = Math.ceil(bold.n_taps / per_sample);
  const c = new Float64Array(n), S = Float64Array.from(study.start);
  const strength = at.sigma * Math.sqrt(dt), history = new Float64Array(n_steps * n), sums = [];

  function advance(from, to) {
    for (let t = from; t < to; t++) {
      model.step(S, c, at, dt, noise, t * n, strength);
      history.set(S, t * n);
    }
  }

  /** Sums of `weights[j] * S` over the steps that lie j = from, ..., to before `end`. */
  function weighted(weights, end, from, to) {
    const sum = new Float64Array(n);
    for (let j = from; j <= to; j++) {
      const row = (end - j) * n, weight = weights[j];
      for (let i = 0; i < n; i++) sum[i] += weight * history[row + i];
    }
    return sum;
  }

  function sampleAt(k) {
    const end = (k + 1) * per_sample, whole = n_lags - 1; // the last period counts in part
    const sample = weighted(kernel.imaginary, end, whole * per_sample + 1, bold.n_taps - 1);
    for (let lag = 0; lag < whole; lag++) {
      const cosine = kernel.real[lag * per_sample], sine = kernel.imaginary[lag * per_sample];
      const { real, imaginary } = sums[k - lag];
      for (let i = 0; i < n; i++) sample[i] += sine * real[i] + cosine * imaginary[i];
    }
    return sample.map(value => bold.scale * (kernel.height * value - 1));
  }

  return k => {
    const end = (k + 1) * per_sample;
    advance(end - per_sample, end);
    sums.push({
      real: weighted(kernel.real, end, 1, per_sample),
      imaginary: weighted(kernel.imaginary, end, 1, per_sample),
    });
    return k < skip ? null : sampleAt(k);
  };
}

/** The haemodynamic response of Friston et al. (2000): `height` Im q^j, j steps after an input. */
function kernelOf({ bold }) {
  const omega = Math.sqrt(1 / bold.tau_f - 1 / (4 * bold.tau_s ** 2)); // per s
  const spacing = bold.duration / (bold.n_taps - 1) / 1000; // of the taps, s
  const damp = 0.5 / bold.tau_s * spacing, turn = omega * spacing;
  const of = wave => Float64Array.from({ length: bold.n_taps }, (_, j) => Math.exp(-damp * j) * wave(turn * j));
  return { height: bold.scaling / omega, damp, turn, real: of(Math.cos), imaginary: of(Math.sin) };
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
