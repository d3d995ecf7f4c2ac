/* query/granularity.c - see granularity.h. Renard's numbers are those of ISO 3: R5 is every 16th of
 * R80. E12 and E6 are taken from E24 (IEC 60063), E96 and E48 from E192, which is 10^(i/192) to
 * three digits but for 9.20.
 */
#include "query/granularity.h"

#include <math.h>
#include <string.h>

static const uint16_t r80[] = {100, 103, 106, 109, 112, 115, 118, 122, 125, 128, 132, 136, 140, 145,
                               150, 155, 160, 165, 170, 175, 180, 185, 190, 195, 200, 206, 212, 218,
                               224, 230, 236, 243, 250, 258, 265, 272, 280, 290, 300, 307, 315, 325,
                               335, 345, 355, 365, 375, 387, 400, 412, 425, 437, 450, 462, 475, 487,
                               500, 515, 530, 545, 560, 580, 600, 615, 630, 650, 670, 690, 710, 730,
                               750, 775, 800, 825, 850, 875, 900, 925, 950, 975};
static const uint16_t e24[] = {100, 110, 120, 130, 150, 160, 180, 200, 220, 240, 270, 300,
                               330, 360, 390, 430, 470, 510, 560, 620, 680, 750, 820, 910};
static const uint16_t one_two_five[] = {100, 200, 500};

const char *const pq_granularity_names[] = {"R5",  "R10", "R20", "R40", "R80",  "1-2-5",     "E6",
                                            "E12", "E24", "E48", "E96", "E192", "POWERSOF2", NULL};

static void take(pq_granularity *g, const uint16_t *digits, uint32_t count, uint32_t step) {
  for (uint32_t i = 0; i < count; i += step)
    g->digits[g->count++] = digits[i];
}

static void take_e192(pq_granularity *g, uint32_t step) {
  for (uint32_t i = 0; i < 192; i += step)
    g->digits[g->count++] = i == 185 ? 920 : (uint16_t)lround(100 * pow(10, i / 192.0));
}

bool pq_granularity_find(pq_slice name, pq_granularity *out) {
  uint32_t i = 0;
  *out = (pq_granularity){.count = 0};
  while (pq_granularity_names[i] != NULL && !pq_slice_is(name, pq_granularity_names[i]))
    i++;
  if (i < 5) take(out, r80, 80, 16u >> i);
  if (i == 5) take(out, one_two_five, 3, 1);
  if (i >= 6 && i < 9) take(out, e24, 24, 4u >> (i - 6));
  if (i >= 9 && i < 12) take_e192(out, 4u >> (i - 9));
  out->is_power_of_2 = i == 12;
  return pq_granularity_names[i] != NULL;
}

/* digits * 10^exponent, by division where that is exact to the last bit. */
static double member(uint32_t digits, int exponent) {
  return exponent < 0 && exponent >= -22 ? digits / pow(10, -exponent) : digits * pow(10, exponent);
}

/* The exponent with which 100 * 10^exponent is not far above `v`. */
static int decade(double v) {
  return (int)floor(log10(v)) - 2;
}

double pq_granularity_up(const pq_granularity *g, double v) {
  if (v == 0) return 0;
  if (g->is_power_of_2) return exp2(floor(log2(v)) + 1);
  for (int e = decade(v) - 1;; e++) /* ends: members grow tenfold */
    for (uint32_t i = 0; i < g->count; i++) {
      double m = member(g->digits[i], e);
      if (m > v || isinf(m)) return m;
    }
}

double pq_granularity_down(const pq_granularity *g, double v) {
  if (v == 0) return 0;
  if (g->is_power_of_2) return exp2(ceil(log2(v)) - 1);
  for (int e = decade(v) + 1;; e--) /* ends: members shrink to 0 */
    for (uint32_t i = g->count; i > 0; i--) {
      double m = member(g->digits[i - 1], e);
      if (m < v || m == 0) return m;
    }
}
