/* original.h: the decoder files of the CLIPSeg authors' own code, beside a CLIP checkpoint. */
#ifndef CHECKPOINT_ORIGINAL_H
#define CHECKPOINT_ORIGINAL_H

#include "checkpoint/checkpoint.h"

/* Do these tensors belong to an original decoder (film_mul.weight, ...)? */
bool original_is_decoder(const struct checkpoint *checkpoint);

/* Turn a CLIP checkpoint (sorted) into a CLIPSeg one: `decoder` holds an original file's tensors, which get
 * the names of Hugging Face's; head and sizes are found from the tensors and written into config.json. The
 * decoder's maps and strings go over to `checkpoint`. Errors: MODEL, MEMORY. */
clipseg_status original_join(struct checkpoint *checkpoint, struct checkpoint *decoder, clipseg_error *error);

#endif
