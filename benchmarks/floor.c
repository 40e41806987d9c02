/* The floor: the simulation of the running example in plain C, for the compiler to vectorise.

   Heun's method for the Reduced Wong-Wang network, with the coupling held over both stages of a
   step, as tvboptim has it. It computes S and nothing else: no BOLD, no FC, no derivative. */

#include <math.h>

enum { PADDED = (N + 7) / 8 * 8 };  /* N regions, in whole vectors of 8 numbers */
typedef double regions[PADDED] __attribute__((aligned(64)));

struct parameters { double a, b, d, gamma, tau_s, w, J_N, I_o, G, sigma, dt; };

static inline double slope(double S, double c, const struct parameters *p) {
    double x = p->w * p->J_N * S + p->I_o + p->J_N * c;
    double y = p->a * x - p->b;
    double H = y / (1.0 - exp(-p->d * y));
    return -S / p->tau_s + (1.0 - S) * H * p->gamma;
}

/* weights [N, N], noise and out [n_steps, N] by rows; S [N] is where it starts. */
void simulate(const struct parameters *p, const double *weights, const double *noise,
              const double *start, long n_steps, double *out) {
    static regions columns[N];  /* of the weights, so that a product adds up vectors */
    regions S = {0};
    for (int i = 0; i < N; i++) {
        S[i] = start[i];
        for (int j = 0; j < N; j++) columns[j][i] = p->G * weights[i * N + j];
    }
    double scale = p->sigma * sqrt(p->dt);
    for (long t = 0; t < n_steps; t++) {
        regions c = {0}, xi = {0};
        for (int j = 0; j < N; j++)
            for (int i = 0; i < PADDED; i++) c[i] += columns[j][i] * S[j];
        for (int i = 0; i < N; i++) xi[i] = scale * noise[t * N + i];
        for (int i = 0; i < PADDED; i++) {
            double first = slope(S[i], c[i], p);
            double second = slope(S[i] + p->dt * first + xi[i], c[i], p);
            S[i] += 0.5 * p->dt * (first + second) + xi[i];
        }
        for (int i = 0; i < N; i++) out[t * N + i] = S[i];
    }
}
