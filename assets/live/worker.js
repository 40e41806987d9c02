// What runs beside the page, so that it stays quick: requests come in as messages, results go back.

/** Answer requests `{ kind, id, at, seed }` about a study; a later one of a kind ends an earlier one. */
function answer(scope) {
  let study = null, model = null;
  let drawn = { seed: null }; // the noise of the last simulation, for the next one
  const latest = {};

  /** Let messages in that have come meanwhile. */
  const channel = new MessageChannel();
  const pause = () => new Promise(resume => {
    channel.port1.onmessage = resume;
    channel.port2.postMessage(null);
  });

  function respond({ kind, id, at }) {
    const found = expected(study, model, at);
    const fit = found && agreement(found.fc, study.target, study.n);
    scope.postMessage({ kind, id, at, ...found, ...fit, found: found !== null });
  }

  async function simulate({ kind, id, at, seed }) {
    const { n, n_steps, per_sample } = study, n_periods = n_steps / per_sample, size = per_sample * n;
    const known = drawn.seed === seed, stale = () => latest[kind] !== id;
    const noise = known ? drawn.noise : new Float64Array(n_steps * n);
    const period = simulator(study, model, at, noise), samples = [];
    drawn = { seed: null };
    for (let k = 0; k < n_periods; k++) {
      if (!known) drawNormals(seed, k * size, (k + 1) * size, noise);
      const sample = period(k);
      if (sample !== null) samples.push(sample);
      scope.postMessage({ kind: "progress", id, at, seed, sample, done: k + 1, of: n_periods });
      await pause();
      if (stale()) return;
    }
    drawn = { seed, noise };
    const fc = correlations(samples, n);
    scope.postMessage({ kind, id, at, seed, fc, ...agreement(fc, study.target, n) });
  }

  scope.onmessage = ({ data }) => {
    if (data.kind === "study") {
      study = data.study;
      model = modelOf(study);
    } else {
      latest[data.kind === "stop" ? "simulate" : data.kind] = data.id;
      if (data.kind === "simulate") simulate(data);
      if (data.kind === "respond") respond(data);
    }
  };
}
