// Linear algebra for matrices of regions by regions, kept as rows one after the other.

/** Solve A x = y by elimination with pivots; both are overwritten, and y becomes x. */
function solve(A, y, n) {
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++)
      if (Math.abs(A[i * n + k]) > Math.abs(A[pivot * n + k])) pivot = i;
    if (pivot !== k) {
      for (let j = k; j < n; j++)
        [A[k * n + j], A[pivot * n + j]] = [A[pivot * n + j], A[k * n + j]];
      [y[k], y[pivot]] = [y[pivot], y[k]];
    }
    for (let i = k + 1; i < n; i++) {
      const factor = A[i * n + k] / A[k * n + k];
      if (factor === 0) continue;
      for (let j = k + 1; j < n; j++) A[i * n + j] -= factor * A[k * n + j];
      y[i] -= factor * y[k];
    }
  }
  for (let k = n - 1; k >= 0; k--) {
    for (let j = k + 1; j < n; j++) y[k] -= A[k * n + j] * y[j];
    y[k] /= A[k * n + k];
  }
  return y;
}

/** A B' for two matrices of n rows. */
function timesTransposed(A, B, n) {
  const C = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += A[i * n + k] * B[j * n + k];
      C[i * n + j] = sum;
    }
  return C;
}

/**
 * Eigenvalues and eigenvectors of a symmetric matrix (Golub and Van Loan, sections 8.3 and 8.4).
 * Reflections make it tridiagonal, then rotations with shifts make the off-diagonal vanish.
 * Returns `values` and `vectors`, whose row k is the eigenvector of value k.
 */
function eigenOfSymmetric(matrix, n) {
  const A = Float64Array.from(matrix), V = new Float64Array(n * n);
  const diagonal = new Float64Array(n), beside = new Float64Array(n);
  for (let i = 0; i < n; i++) V[i * n + i] = 1;

  // Tridiagonal: H = I - 2 u u' maps the part of row k right of the diagonal onto its first entry.
  const u = new Float64Array(n), p = new Float64Array(n);
  for (let k = 0; k < n - 2; k++) {
    let size = 0;
    for (let j = k + 1; j < n; j++) size += A[k * n + j] ** 2;
    size = Math.sqrt(size);
    if (size === 0) continue;
    const head = A[k * n + k + 1], onto = head > 0 ? -size : size;
    const scale = 1 / Math.sqrt(2 * size * (size + Math.abs(head)));
    u.fill(0, 0, k + 1);
    for (let j = k + 1; j < n; j++) u[j] = (A[k * n + j] - (j === k + 1 ? onto : 0)) * scale;
    // H A H = A - 2 u q' - 2 q u', with p = A u and q = p - (u'p) u.
    let along = 0;
    for (let i = k + 1; i < n; i++) {
      let sum = 0;
      for (let j = k + 1; j < n; j++) sum += A[i * n + j] * u[j];
      p[i] = sum;
      along += u[i] * sum;
    }
    for (let i = k + 1; i < n; i++) p[i] -= along * u[i];
    for (let i = k + 1; i < n; i++)
      for (let j = k + 1; j < n; j++) A[i * n + j] -= 2 * (u[i] * p[j] + p[i] * u[j]);
    A[k * n + k + 1] = onto;
    p.fill(0); // V becomes H V
    for (let i = k + 1; i < n; i++)
      for (let j = 0; j < n; j++) p[j] += u[i] * V[i * n + j];
    for (let i = k + 1; i < n; i++)
      for (let j = 0; j < n; j++) V[i * n + j] -= 2 * u[i] * p[j];
  }
  for (let i = 0; i < n; i++) {
    diagonal[i] = A[i * n + i];
    beside[i] = i < n - 1 ? A[i * n + i + 1] : 0;
  }

  // Diagonal: implicit QL with Wilkinson's shift, which turns two neighbouring rows of V at a time.
  for (let l = 0; l < n; l++) {
    for (;;) {
      let m = l; // up to where the matrix does not fall apart
      while (m < n - 1 && Math.abs(beside[m]) > 2 ** -53 * (Math.abs(diagonal[m]) + Math.abs(diagonal[m + 1]))) m++;
      if (m === l) break;
      let g = (diagonal[l + 1] - diagonal[l]) / (2 * beside[l]);
      const r = Math.hypot(g, 1);
      g = diagonal[m] - diagonal[l] + beside[l] / (g + (g < 0 ? -r : r));
      let sine = 1, cosine = 1, shift = 0, i = m - 1;
      for (; i >= l; i--) {
        const f = sine * beside[i], b = cosine * beside[i];
        const size = Math.hypot(f, g);
        beside[i + 1] = size;
        if (size === 0) {
          diagonal[i + 1] -= shift;
          beside[m] = 0;
          break;
        }
        sine = f / size;
        cosine = g / size;
        g = diagonal[i + 1] - shift;
        const turn = (diagonal[i] - g) * sine + 2 * cosine * b;
        shift = sine * turn;
        diagonal[i + 1] = g + shift;
        g = cosine * turn - b;
        for (let j = 0, low = i * n, high = (i + 1) * n; j < n; j++, low++, high++) {
          const x = V[high];
          V[high] = sine * V[low] + cosine * x;
          V[low] = cosine * V[low] - sine * x;
        }
      }
      if (i >= l) continue;
      diagonal[l] -= shift;
      beside[l] = g;
      beside[m] = 0;
    }
  }
  return { values: diagonal, vectors: V };
}
