// The expected FC, without a simulation: what the network makes of its noise near its steady state.

const SETTLED = 3e-7; // per ms: slower than this, Newton's method takes over
const AT_REST = 1e-9; // per ms: slower than this is a steady state
const SLOWEST = 1e-5; // per ms: no eigenvalue counts as a slower decay than this

/** Where the network goes from the start of the simulations, without its noise. */
function steadyState(study, model, at) {
  const { n, weights, constants } = study, { J_N: J, I_o } = constants;
  const S = Float64Array.from(study.start), c = new Float64Array(n), first = new Float64Array(n);
  const trial = new Float64Array(n);

  function slopes(S, out) {
    model.coupled(S, c);
    let fastest = 0;
    for (let i = 0; i < n; i++) {
      out[i] = model.drift(S[i], J * at.G * c[i] + I_o, at.w);
      fastest = Math.max(fastest, Math.abs(out[i]));
    }
    return fastest;
  }

  // Follow the flow by Heun's method until it is slow. Steps of 10 ms follow it closely enough.
  const dt = 10, second = new Float64Array(n);
  for (let k = 0; k < 8000; k++) {
    if (slopes(S, first) < SETTLED) break;
    for (let i = 0; i < n; i++) trial[i] = S[i] + dt * first[i];
    slopes(trial, second);
    for (let i = 0; i < n; i++) S[i] += dt / 2 * (first[i] + second[i]);
  }

  // Implicit steps with the flow, which become Newton's method where it comes to rest.
  for (let k = 0; k < 100; k++) {
    const held = slopes(S, first) / 0.0005;
    const { A } = linearised(study, model, at, S);
    for (let i = 0; i < n * n; i++) A[i] = -A[i];
    for (let i = 0; i < n; i++) A[i * n + i] += held;
    let largest = 0;
    solve(A, first, n).forEach((change, i) => {
      S[i] += change;
      largest = Math.max(largest, Math.abs(change));
    });
    if (!(largest > 1e-10)) break;
  }
  return { S, speed: slopes(S, first) };
}

/** The Jacobian A at S, the gain of each region, and how its rate bends: all per ms. */
function linearised(study, model, { G, w }, S) {
  const { n, weights, constants } = study;
  const { a, b, d, gamma, tau_s: tau, J_N: J, I_o } = constants;
  const A = new Float64Array(n * n), gain = new Float64Array(n);
  const rise = new Float64Array(n), bend = new Float64Array(n);
  const c = model.coupled(S, new Float64Array(n));
  for (let i = 0; i < n; i++) {
    const y = a * (w * J * S[i] + J * G * c[i] + I_o) - b;
    const E = Math.exp(-d * y), q = 1 - E; // the rate is y / q
    rise[i] = a * (1 / q - y * d * E / q ** 2);
    bend[i] = a ** 2 * (d * E / q ** 2) * (d * y - 2 + 2 * d * y * E / q);
    gain[i] = (1 - S[i]) * gamma * rise[i] * J;
    for (let j = 0; j < n; j++) A[i * n + j] = gain[i] * G * weights[i * n + j];
    A[i * n + i] += gain[i] * w - 1 / tau - gamma * y / q;
  }
  return { A, gain, rise, bend };
}

/**
 * What the BOLD kernel makes of a decay exp(z t) of S: the integral of r(t) exp(z t) over t > 0,
 * with r the autocorrelation of the kernel. Since the kernel is a damped oscillation, cut off after
 * its duration, r is a sum of three complex exponentials, and the integral has a closed form.
 */
function seenByBold({ bold, dt }) {
  const N = bold.n_taps, { damp, turn } = kernelOf({ bold });
  // The taps are Im q^j, q = exp(-damp + i turn). Sums of q^j conj(q)^j and of q^2j are geometric.
  const both = 1 / (1 - Math.exp(-2 * damp));
  const q2 = [Math.exp(-2 * damp) * Math.cos(2 * turn), Math.exp(-2 * damp) * Math.sin(2 * turn)];
  const own = over([1, 0], [1 - q2[0], -q2[1]]);
  const last = Math.exp(-2 * damp * N);
  const q2N = [last * Math.cos(2 * turn * N), last * Math.sin(2 * turn * N)];
  const terms = [ // factor, and rate per step
    [[both - own[0], -own[1]], [-damp, turn]],
    [[-both * last, 0], [damp, turn]],
    [times(own, q2N), [damp, -turn]],
  ];
  const reach = dt * (N - 1);
  return z => {
    let sum = 0;
    for (const [factor, [real, imaginary]] of terms) {
      const rate = [real / dt + z, imaginary / dt];
      const end = Math.exp(rate[0] * reach), angle = rate[1] * reach;
      const integral = over([end * Math.cos(angle) - 1, end * Math.sin(angle)], rate);
      sum += times(factor, integral)[0];
    }
    return sum;
  };
}

/** Product and quotient of complex numbers. */
function times([a, b], [c, d]) {
  return [a * c - b * d, a * d + b * c];
}
function over([a, b], [c, d]) {
  const size = c * c + d * d;
  return [(a * c + b * d) / size, (b * c - a * d) / size];
}

/** The expected FC at (G, w, sigma), the leading eigenvalue, per ms, and the distance to the fold. */
function expected(study, model, at) {
  const { n, constants, weights } = study, { J_N: J } = constants;
  const { S, speed } = steadyState(study, model, at);
  if (!(speed < AT_REST)) return null;
  const { A, gain, rise, bend } = linearised(study, model, at, S);
  // The connectome is symmetric: in units of the root of the gain, so is the Jacobian.
  const root = gain.map(Math.sqrt);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) A[i * n + j] *= root[j] / root[i];
  const { values, vectors } = eigenOfSymmetric(A, n);
  const k = values.reduce((best, value, i) => (value > values[best] ? i : best), 0);
  if (!(values[k] < 0)) return null;

  // Covariance of the state in eigenvectors, times what BOLD sees of each pair of decays.
  const seen = seenByBold(study);
  const z = values.map(value => (value > -SLOWEST ? -(SLOWEST ** 2) / (value + 2 * SLOWEST) : value));
  const f = z.map(seen);
  const scaled = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) scaled[i * n + j] = vectors[i * n + j] / root[j];
  const inner = timesTransposed(scaled, scaled, n); // the noise, of variance 1, in eigenvectors
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) inner[i * n + j] *= -(f[i] + f[j]) / (z[i] + z[j]);
  const across = new Float64Array(n * n); // a row for each region
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) across[i * n + j] = vectors[j * n + i];
  const covariance = timesTransposed(timesTransposed(across, inner, n), across, n);
  const fc = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++)
      fc[i * n + j] = i === j ? 0 : covariance[i * n + j] / Math.sqrt(covariance[i * n + i] * covariance[j * n + j]);

  return { fc, S, leading: values[k], to_fold: toFold() };

  /** Distance to the other root of a parabola along the slowest mode, in its standard deviations. */
  function toFold() {
    const { a, b, d, gamma, I_o } = constants;
    const mode = vectors.subarray(k * n, (k + 1) * n);
    const along = mode.map((value, i) => value * root[i]), c = model.coupled(along, new Float64Array(n));
    let curvature = 0, noise = 0;
    for (let i = 0; i < n; i++) {
      const push = at.w * J * along[i] + J * at.G * c[i]; // of the input
      const second = gamma * (-2 * along[i] * rise[i] * push + (1 - S[i]) * bend[i] * push ** 2);
      curvature += mode[i] / root[i] * second / 2;
      noise += (mode[i] / root[i]) ** 2;
    }
    const sd = at.sigma * Math.sqrt(noise / (2 * -values[k]));
    return -values[k] / Math.abs(curvature) / sd;
  }
}
