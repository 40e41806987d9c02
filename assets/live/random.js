// Random numbers, the same as the book's: JAX's generator, and its way from bits to normal numbers.

/**
 * 64 random bits for each counter from `from` on: threefry-2x32 with 20 rounds (Salmon et al. 2011).
 * A counter is scrambled by adding, rotating and xor-ing, and by nothing that depends on its
 * neighbours, so that any stretch of the numbers can be had by itself.
 * Writes the high and the low 32 bits of counter `from + k` to `bits[2 k]` and `bits[2 k + 1]`.
 */
function threefry(seed, from, bits) {
  const keys = [0, seed | 0, 0x1bd11bda ^ seed]; // the key of a seed is its 64 bits, here below 2^32
  for (let k = 0; k < bits.length / 2; k++) {
    let a = keys[0], b = (from + k + keys[1]) | 0; // the high half of a counter is 0
    for (let group = 0; group < 5; group++) {
      if (group % 2 === 0) {
        a = (a + b) | 0; b = ((b << 13) | (b >>> 19)) ^ a;
        a = (a + b) | 0; b = ((b << 15) | (b >>> 17)) ^ a;
        a = (a + b) | 0; b = ((b << 26) | (b >>> 6)) ^ a;
        a = (a + b) | 0; b = ((b << 6) | (b >>> 26)) ^ a;
      } else {
        a = (a + b) | 0; b = ((b << 17) | (b >>> 15)) ^ a;
        a = (a + b) | 0; b = ((b << 29) | (b >>> 3)) ^ a;
        a = (a + b) | 0; b = ((b << 16) | (b >>> 16)) ^ a;
        a = (a + b) | 0; b = ((b << 24) | (b >>> 8)) ^ a;
      }
      a = (a + keys[(group + 1) % 3]) | 0;
      b = (b + keys[(group + 2) % 3] + group + 1) | 0;
    }
    bits[2 * k] = a;
    bits[2 * k + 1] = b;
  }
  return bits;
}

// Polynomials of Giles (2010) for the inverse error function, in three ranges of w = -log(1 - x^2).
const NEAR_ZERO = [
  -3.6444120640178196996e-21, -1.685059138182016589e-19, 1.2858480715256400167e-18,
  1.115787767802518096e-17, -1.333171662854620906e-16, 2.0972767875968561637e-17,
  6.6376381343583238325e-15, -4.0545662729752068639e-14, -8.1519341976054721522e-14,
  2.6335093153082322977e-12, -1.2975133253453532498e-11, -5.4154120542946279317e-11,
  1.051212273321532285e-09, -4.1126339803469836976e-09, -2.9070369957882005086e-08,
  4.2347877827932403518e-07, -1.3654692000834678645e-06, -1.3882523362786468719e-05,
  0.0001867342080340571352, -0.00074070253416626697512, -0.0060336708714301490533,
  0.24015818242558961693, 1.6536545626831027356,
];
const FARTHER = [
  2.2137376921775787049e-09, 9.0756561938885390979e-08, -2.7517406297064545428e-07,
  1.8239629214389227755e-08, 1.5027403968909827627e-06, -4.013867526981545969e-06,
  2.9234449089955446044e-06, 1.2475304481671778723e-05, -4.7318229009055733981e-05,
  6.8284851459573175448e-05, 2.4031110387097893999e-05, -0.0003550375203628474796,
  0.00095328937973738049703, -0.0016882755560235047313, 0.0024914420961078508066,
  -0.0037512085075692412107, 0.005370914553590063617, 1.0052589676941592334,
  3.0838856104922207635,
];
const TAIL = [
  -2.7109920616438573243e-11, -2.5556418169965252055e-10, 1.5076572693500548083e-09,
  -3.7894654401267369937e-09, 7.6157012080783393804e-09, -1.4960026627149240478e-08,
  2.9147953450901080826e-08, -6.7711997758452339498e-08, 2.2900482228026654717e-07,
  -9.9298272942317002539e-07, 4.5260625972231537039e-06, -1.9681778105531670567e-05,
  7.5995277030017761139e-05, -0.00021503011930044477347, -0.00013871931833623122026,
  1.0103004648645343977, 4.8499064014085844221,
];

/** Inverse of the error function. */
function inverseErf(x) {
  let w = -Math.log(1 - x * x), coefficients = NEAR_ZERO;
  if (w < 6.25) {
    w -= 3.125;
  } else if (w < 16) {
    w = Math.sqrt(w) - 3.25;
    coefficients = FARTHER;
  } else {
    w = Math.sqrt(w) - 5;
    coefficients = TAIL;
  }
  // Even and odd powers apart: two short chains of sums are faster than a long one.
  const square = w * w, last = coefficients.length - 1;
  let even = coefficients[0], odd = 0;
  for (let k = 1; k < last; k += 2) {
    odd = odd * square + coefficients[k];
    even = even * square + coefficients[k + 1];
  }
  return (even + odd * w) * x;
}

/** Fill `out`, from index `from` to `to`, with the standard normal numbers of a seed. */
function drawNormals(seed, from, to, out) {
  const bits = threefry(seed, from, new Uint32Array(2 * (to - from)));
  for (let k = from, b = 0; k < to; k++, b += 2) {
    // 52 bits make a number u in [0, 1); 2 u - 1, moved up a little, is never -1.
    const u = (bits[b] * 1048576 + (bits[b + 1] >>> 12)) / 4503599627370496;
    out[k] = Math.SQRT2 * inverseErf(2 * u - (1 - 2 ** -53));
  }
}
