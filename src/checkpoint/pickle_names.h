/* pickle_names.h: opcodes by name, for messages. */
#ifndef CHECKPOINT_PICKLE_NAMES_H
#define CHECKPOINT_PICKLE_NAMES_H

/* "REDUCE", ...; "unknown" for a byte that is no opcode. */
const char *pickle_opcode_name(unsigned char code);

#endif
