/* stages.c: a clock that knows which part of the network is running. */
#include "nn/nn.h"

#include "base/clock.h"

static const char *const names[STAGE_COUNT] = {
    "other", "preprocess", "patches", "layer norms", "qkv",     "attention", "projection",
    "fc1",   "fc2",        "text",    "reduce",      "decoder", "head",      "enlarge",
};

const char *stage_name(enum stage stage)
{
    return names[stage];
}

void stage_enter(struct stages *stages, enum stage stage)
{
    double now = seconds_now();

    if (stages->since > 0.0)
        stages->seconds[stages->current] += now - stages->since;
    stages->since = now;
    stages->current = stages->group != STAGE_OTHER && stage != STAGE_OTHER ? stages->group : stage;
}

void stage_group_begin(struct stages *stages, enum stage stage)
{
    stage_enter(stages, stage);
    stages->group = stage;
}

void stage_group_end(struct stages *stages)
{
    stages->group = STAGE_OTHER;
    stage_enter(stages, STAGE_OTHER);
}
