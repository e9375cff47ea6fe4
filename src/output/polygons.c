/* polygons.c: rings to polygons without holes.
 *
 * From the leftmost corner of a hole a ray goes left; what it meets first is the border of the part, or
 * another hole of it further left. Cut along the ray, and all rings of a part hang together as a tree, which
 * one walk around it turns into a polygon. */
#include "output/polygons.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "output/simplify.h"

/* Where a hole's ray ends. */
struct cut {
    size_t hole;  /* ring */
    size_t start; /* its leftmost corner, in the ring */
    size_t ring;  /* what the ray meets */
    size_t edge;  /* from corner `edge` to the next one, in that ring */
    double x;     /* of the point on the edge; its y is the start's */
    double along; /* 0..1 on the edge */
};

/* Edges by the lines between rows of pixels that they touch. */
struct lines {
    size_t count;
    size_t *starts; /* [count + 1] into items */
    struct edge {
        size_t ring, index;
    } * items;
};

static const struct corner *corner_of(const struct contours *c, size_t ring, size_t index)
{
    return &c->corners[c->rings[ring].first + index % c->rings[ring].count];
}

static void line_range(const struct contours *c, size_t ring, size_t index, size_t *from, size_t *to)
{
    const struct corner *a = corner_of(c, ring, index), *b = corner_of(c, ring, index + 1);

    *from = (size_t)(a->y < b->y ? a->y : b->y);
    *to = (size_t)(a->y < b->y ? b->y : a->y);
}

static bool lines_create(struct lines *lines, const struct contours *c)
{
    size_t from, to, total = 0;

    lines->count = 0;
    for (size_t i = 0; i < c->corner_count; i++)
        lines->count = size_max(lines->count, (size_t)c->corners[i].y + 1);
    lines->starts = memory_zeroed(lines->count + 2, sizeof *lines->starts);
    if (!lines->starts)
        return false;
    for (size_t r = 0; r < c->ring_count; r++)
        for (size_t i = 0; i < c->rings[r].count; i++) {
            line_range(c, r, i, &from, &to);
            total += to - from + 1;
            for (size_t line = from; line <= to; line++)
                lines->starts[line + 2]++;
        }
    for (size_t line = 2; line < lines->count + 2; line++)
        lines->starts[line] += lines->starts[line - 1];
    lines->items = memory_zeroed(total, sizeof *lines->items);
    for (size_t r = 0; lines->items && r < c->ring_count; r++)
        for (size_t i = 0; i < c->rings[r].count; i++) {
            line_range(c, r, i, &from, &to);
            for (size_t line = from; line <= to; line++)
                lines->items[lines->starts[line + 1]++] = (struct edge){r, i};
        }
    return lines->items != NULL;
}

static void lines_free(struct lines *lines)
{
    free(lines->starts);
    free(lines->items);
    *lines = (struct lines){0};
}

/* The leftmost corner, of several the uppermost. */
static size_t leftmost(const struct contours *c, size_t ring)
{
    size_t found = 0;

    for (size_t i = 1; i < c->rings[ring].count; i++) {
        const struct corner *p = corner_of(c, ring, i), *q = corner_of(c, ring, found);
        if (p->x < q->x || (p->x == q->x && p->y < q->y))
            found = i;
    }
    return found;
}

/* The ray from a hole's leftmost corner to the nearest edge; with same_part only to edges of the hole's part.
 */
static struct cut find_cut(const struct contours *c, const struct lines *lines, size_t hole, bool same_part)
{
    struct cut cut = {.hole = hole, .start = leftmost(c, hole), .ring = hole, .x = -1.0};
    const struct corner *v = corner_of(c, hole, cut.start);
    size_t line = (size_t)v->y;

    for (size_t i = lines->starts[line]; i < lines->starts[line + 1]; i++) {
        const struct edge *e = &lines->items[i];
        const struct corner *a = corner_of(c, e->ring, e->index), *b = corner_of(c, e->ring, e->index + 1);
        if (e->ring == hole || a->y == b->y || (same_part && c->rings[e->ring].part != c->rings[hole].part) ||
            (a->y < v->y && b->y < v->y) || (a->y > v->y && b->y > v->y))
            continue;
        double along = (double)(v->y - a->y) / (double)(b->y - a->y);
        double x = a->x + along * (double)(b->x - a->x);
        if (x > cut.x && x <= v->x) {
            cut.ring = e->ring;
            cut.edge = e->index;
            cut.x = x;
            cut.along = along;
        }
    }
    return cut;
}

/* Which outer ring is around every hole: where the rays from hole to hole end. */
static bool find_parts(struct contours *c)
{
    struct lines lines = {0};
    size_t *next = memory_zeroed(c->ring_count, sizeof *next);
    bool done = next && lines_create(&lines, c);

    for (size_t r = 0; done && r < c->ring_count; r++)
        next[r] = c->rings[r].area < 0 ? find_cut(c, &lines, r, false).ring : r;
    for (size_t r = 0; done && r < c->ring_count; r++) {
        size_t end = r;
        while (next[end] != end)
            end = next[end];
        for (size_t i = r, after; i != end; i = after) { /* the way is short next time */
            after = next[i];
            next[i] = end;
        }
        c->rings[r].part = end;
    }
    lines_free(&lines);
    free(next);
    return done;
}

/* ---- the walk around a part */

static int by_place(const void *a, const void *b)
{
    const struct cut *p = a, *q = b;

    if (p->ring != q->ring)
        return p->ring < q->ring ? -1 : 1;
    if (p->edge != q->edge)
        return p->edge < q->edge ? -1 : 1;
    if (p->along < q->along || p->along > q->along)
        return p->along < q->along ? -1 : 1;
    return p->hole < q->hole ? -1 : p->hole > q->hole;
}

struct around {
    const struct contours *contours;
    struct cut *cuts;  /* [cut_count] by ring and place */
    size_t *first_cut; /* [ring_count + 1] into cuts */
    size_t cut_count;
    struct level {
        size_t ring, start, done; /* corners emitted so far */
        size_t cut;               /* the next one of this ring */
        size_t left;              /* cuts of this ring not yet taken */
    } * stack;                    /* [cut_count + 1] */
    struct polygons *out;
    size_t first; /* of the polygon's points */
};

static void emit(struct around *w, double x, double y)
{
    struct polygons *out = w->out;

    if (out->point_count > w->first) {
        const double *last = out->points[out->point_count - 1];
        if (!(last[0] < x || last[0] > x || last[1] < y || last[1] > y))
            return;
    }
    out->points[out->point_count][0] = x;
    out->points[out->point_count++][1] = y;
}

static struct level enter(const struct around *w, size_t ring, size_t start)
{
    struct level level = {.ring = ring, .start = start, .cut = w->first_cut[ring]};
    size_t end = w->first_cut[ring + 1];

    level.left = end - level.cut;
    while (level.cut < end && w->cuts[level.cut].edge < start)
        level.cut++; /* the walk begins at `start` and comes to those at last */
    if (level.cut == end)
        level.cut = w->first_cut[ring];
    return level;
}

static void walk_part(struct around *w, size_t outer)
{
    const struct contours *c = w->contours;
    size_t depth = 0;

    w->first = w->out->point_count;
    w->stack[depth++] = enter(w, outer, 0);
    while (depth) {
        struct level *level = &w->stack[depth - 1];
        size_t count = c->rings[level->ring].count, edge = (level->start + level->done + count - 1) % count;
        if (level->done && level->left && w->cuts[level->cut].edge == edge) {
            const struct cut *cut = &w->cuts[level->cut];
            level->left--;
            level->cut =
                level->cut + 1 == w->first_cut[level->ring + 1] ? w->first_cut[level->ring] : level->cut + 1;
            emit(w, cut->x, corner_of(c, cut->hole, cut->start)->y);
            w->stack[depth++] = enter(w, cut->hole, cut->start);
            continue;
        }
        if (level->done <= count) { /* the first corner again at the end */
            const struct corner *p = corner_of(c, level->ring, level->start + level->done++);
            emit(w, p->x, p->y);
            continue;
        }
        depth--;
        if (depth) { /* back along the cut: the one before the next of the ring that we return to */
            const struct level *above = &w->stack[depth - 1];
            size_t first = w->first_cut[above->ring], end = w->first_cut[above->ring + 1];
            const struct cut *cut = &w->cuts[(above->cut == first ? end : above->cut) - 1];
            emit(w, cut->x, corner_of(c, cut->hole, cut->start)->y);
        }
    }
    /* closed: the last point is the first one */
    struct polygon *polygon = &w->out->polygons[w->out->count++];
    *polygon = (struct polygon){w->first, w->out->point_count - w->first - 1};
    w->out->point_count--;
}

static bool find_cuts(struct around *w)
{
    const struct contours *c = w->contours;
    struct lines lines = {0};
    bool done = lines_create(&lines, c);

    for (size_t r = 0; done && r < c->ring_count; r++)
        if (c->rings[r].area < 0)
            w->cuts[w->cut_count++] = find_cut(c, &lines, r, true);
    lines_free(&lines);
    qsort(w->cuts, w->cut_count, sizeof *w->cuts, by_place);
    for (size_t i = 0; i < w->cut_count; i++)
        w->first_cut[w->cuts[i].ring + 1]++;
    for (size_t r = 0; r < c->ring_count; r++)
        w->first_cut[r + 1] += w->first_cut[r];
    return done;
}

static bool join_rings(const struct contours *c, struct polygons *out)
{
    struct around w = {.contours = c, .out = out};
    size_t points =
        c->corner_count + 4 * c->ring_count; /* a ring's first corner again, and a cut's two ends */

    w.cuts = memory_zeroed(c->ring_count, sizeof *w.cuts);
    w.first_cut = memory_zeroed(c->ring_count + 1, sizeof *w.first_cut);
    w.stack = memory_zeroed(c->ring_count + 1, sizeof *w.stack);
    out->points = memory_zeroed(points, sizeof *out->points);
    out->polygons = memory_zeroed(c->ring_count, sizeof *out->polygons);
    bool done = w.cuts && w.first_cut && w.stack && out->points && out->polygons && find_cuts(&w);
    for (size_t r = 0; done && r < c->ring_count; r++)
        if (c->rings[r].area > 0)
            walk_part(&w, r);
    free(w.cuts);
    free(w.first_cut);
    free(w.stack);
    return done;
}

clipseg_status polygons_trace(struct polygons *polygons, uint8_t *mask, size_t width, size_t height,
                              double tolerance, clipseg_error *error)
{
    struct contours contours;
    clipseg_status status = contours_trace(&contours, mask, width, height, error);

    *polygons = (struct polygons){0};
    if (status)
        return status;
    if (!find_parts(&contours))
        status = error_memory(error);
    if (!status)
        status = contours_simplify(&contours, tolerance, error);
    if (!status && !join_rings(&contours, polygons))
        status = error_memory(error);
    contours_free(&contours);
    if (status)
        polygons_free(polygons);
    return status;
}

void polygons_free(struct polygons *polygons)
{
    free(polygons->points);
    free(polygons->polygons);
    *polygons = (struct polygons){0};
}
