/* bound.h: what the product of two vectors can be at most and at least, from their bytes.
 *
 * Let x be a stored vector and y the query, a = s q and b = t p their quantised forms (q, p bytes, s, t
 * scales), r = x - a and u = y - b what quantising lost. Then
 *
 *     x.y = a.y + r.y = a.b + a.u + r.y       and by Cauchy and Schwarz
 *     |x.y - a.b| <= |a| |u| + |r| |y|.
 *
 * a.b = s t (q.p), where q.p is an exact integer. |a| and |r| are stored with the vector, rounded up; |y| and
 * |u| are computed once per query. Those norms, the two products and the sum that stands for x.y
 * (vector_product) are evaluated in double precision: each rounding is at most 2^-53 of a sum of magnitudes
 * that is itself at most |x| |y| <= (|a| + |r|) |y|, and there are fewer than 2 n + 16 of them, which the
 * last term below covers twice over. So
 *
 *     the computed x.y lies in [middle - width, middle + width].
 *
 * Consequence (scan_best): let T be a number that at least k lower ends reach. Then at least k vectors score
 * T or more, so that a vector whose upper end is below T is not among the k best, and leaving it out loses
 * nothing. */
#ifndef INDEX_BOUND_H
#define INDEX_BOUND_H

#include "index/vectors.h"

struct bound_query {
    float scale;
    double length, error; /* |y|, |u| */
    double rounding;      /* of what is computed in double precision, in parts of (|a| + |r|) |y| */
};

struct bound {
    double middle, width;
};

static inline struct bound_query bound_query(const struct vector_slot *quantized, double length,
                                             size_t dimension)
{
    return (struct bound_query){quantized->scale, length, (double)quantized->error,
                                (double)(2 * dimension + 16) * 0x1p-52};
}

/* product: of the bytes */
static inline struct bound bound_of(const struct vector_slot *slot, const struct bound_query *query,
                                    int32_t product)
{
    double length = (double)slot->length, error = (double)slot->error;

    return (struct bound){(double)slot->scale * (double)query->scale * (double)product,
                          length * query->error + error * query->length +
                              query->rounding * (length + error) * query->length};
}

#endif
