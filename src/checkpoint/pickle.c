/* pickle.c: a stack machine for the part of Python's pickle language that a state_dict needs. */
#include "checkpoint/pickle.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "checkpoint/pickle_names.h"

/* A state_dict makes some twenty values per tensor. */
#define MOST_VALUES ((size_t)1 << 18)
#define MOST_MEMO ((size_t)1 << 18)
#define MOST_STACK ((size_t)1 << 19)
#define MARK UINT32_MAX
#define NOTHING (UINT32_MAX - 1)

struct machine {
    struct pickle *pickle;
    const char *file;
    size_t base;
    const unsigned char *data;
    size_t size, at, opcode; /* opcode: the byte where the current one stands */
    uint32_t *stack, *memo;
    size_t depth, stack_room, memo_count, memo_room, value_room;
    bool stopped;
    clipseg_error *error;
};

static clipseg_status refuse(const struct machine *m, const char *what)
{
    return error_set(m->error, CLIPSEG_ERROR_MODEL,
                     "%s: byte %zu: opcode %s: %s: not the pickle of a state_dict; nothing in it was run",
                     m->file, m->base + m->opcode, pickle_opcode_name(m->data[m->opcode]), what);
}

/* ---- lists that grow */

static clipseg_status grow(struct machine *m, void **list, size_t *room, size_t size, size_t most)
{
    size_t larger = *room ? 2 * *room : 64;

    if (*room >= most)
        return refuse(m, "more values than a model has");
    void *moved = realloc(*list, larger * size);
    if (!moved)
        return error_memory(m->error);
    *list = moved;
    *room = larger;
    return CLIPSEG_OK;
}

static clipseg_status push(struct machine *m, uint32_t value)
{
    void *list = m->stack;
    clipseg_status status = CLIPSEG_OK;

    if (m->depth == m->stack_room)
        status = grow(m, &list, &m->stack_room, sizeof *m->stack, MOST_STACK);
    m->stack = list;
    if (!status)
        m->stack[m->depth++] = value;
    return status;
}

static clipseg_status push_new(struct machine *m, struct pickle_value value)
{
    void *list = m->pickle->values;
    clipseg_status status = CLIPSEG_OK;

    if (m->pickle->value_count == m->value_room)
        status = grow(m, &list, &m->value_room, sizeof value, MOST_VALUES);
    m->pickle->values = list;
    if (status) {
        free(value.kind == PICKLE_TUPLE ? value.items : NULL);
        return status;
    }
    value.at = m->base + m->opcode;
    m->pickle->values[m->pickle->value_count] = value;
    return push(m, m->pickle->value_count++);
}

static struct pickle_value *value_of(const struct machine *m, uint32_t number)
{
    return &m->pickle->values[number];
}

/* The topmost value; NOTHING when there is none or a mark lies there. */
static uint32_t pop(struct machine *m)
{
    return m->depth && m->stack[m->depth - 1] != MARK ? m->stack[--m->depth] : NOTHING;
}

/* The topmost value without taking it, if it is of this kind. */
static struct pickle_value *top(const struct machine *m, size_t below, enum pickle_kind kind)
{
    if (m->depth <= below || m->stack[m->depth - 1 - below] == MARK)
        return NULL;
    struct pickle_value *value = value_of(m, m->stack[m->depth - 1 - below]);
    return value->kind == kind ? value : NULL;
}

/* The place behind the topmost mark; 0: there is none. */
static size_t find_mark(const struct machine *m)
{
    size_t i = m->depth;

    while (i && m->stack[i - 1] != MARK)
        i--;
    return i;
}

/* ---- arguments in the byte stream */

static clipseg_status take(struct machine *m, size_t count, const unsigned char **bytes)
{
    if (count > m->size - m->at)
        return refuse(m, "its argument is cut off");
    *bytes = m->data + m->at;
    m->at += count;
    return CLIPSEG_OK;
}

static clipseg_status take_number(struct machine *m, size_t count, uint64_t *number)
{
    const unsigned char *bytes = NULL;
    clipseg_status status = take(m, count, &bytes);

    *number = 0;
    for (size_t i = count; !status && i-- > 0;)
        *number = *number << 8 | bytes[i];
    return status;
}

static clipseg_status push_integer(struct machine *m, int64_t number)
{
    return push_new(m, (struct pickle_value){.kind = PICKLE_INTEGER, .number = number});
}

/* `count` bytes, little-endian; as a whole number they carry their sign (LONG1, BININT). */
static clipseg_status take_integer(struct machine *m, size_t count, bool is_signed)
{
    uint64_t number;
    clipseg_status status;

    if (count > 8)
        return refuse(m, "a number of more than 64 bits");
    if ((status = take_number(m, count, &number)) != CLIPSEG_OK)
        return status;
    if (is_signed && count && count < 8 && number >> (8 * count - 1))
        number |= UINT64_MAX << 8 * count;
    return push_integer(m, (int64_t)number);
}

static clipseg_status take_text(struct machine *m, size_t length_bytes)
{
    const unsigned char *bytes = NULL;
    uint64_t length;
    clipseg_status status = take_number(m, length_bytes, &length);

    if (!status)
        status = length > PICKLE_LARGEST ? refuse(m, "its argument is cut off") : take(m, length, &bytes);
    if (status)
        return status;
    return push_new(m, (struct pickle_value){
                           .kind = PICKLE_TEXT, .text = (const char *)bytes, .length = (uint32_t)length});
}

static clipseg_status take_line(struct machine *m, const char **text, uint32_t *length)
{
    const unsigned char *begin = m->data + m->at, *end = memchr(begin, '\n', m->size - m->at);

    if (!end)
        return refuse(m, "its argument is cut off");
    *text = (const char *)begin;
    *length = (uint32_t)(end - begin);
    m->at += *length + 1u;
    return CLIPSEG_OK;
}

/* ---- names of Python objects: an allow list */

static bool allowed(const struct pickle_value *global)
{
    return pickle_is_global(global, "collections", "OrderedDict") ||
           pickle_is_global(global, "torch._utils", "_rebuild_tensor_v2") ||
           pickle_is_global(global, "torch._utils", "_rebuild_parameter") ||
           (global->length == 5 && !memcmp(global->text, "torch", 5) && global->name_length > 7 &&
            !memcmp(global->name + global->name_length - 7, "Storage", 7));
}

static bool starts_with(const struct pickle_value *global, const char *module)
{
    size_t length = strlen(module);

    return global->length >= length && !memcmp(global->text, module, length);
}

static int shown(uint32_t length)
{
    return length < 80 ? (int)length : 80;
}

static clipseg_status push_global(struct machine *m, struct pickle_value global)
{
    if (allowed(&global))
        return push_new(m, global);
    if (starts_with(&global, "transformers.") || starts_with(&global, "torch.nn.") ||
        starts_with(&global, "models.") || starts_with(&global, "__torch__"))
        return error_set(m->error, CLIPSEG_ERROR_MODEL,
                         "%s: byte %zu: is a pickled module (%.*s.%.*s), not just its tensors; save "
                         "model.state_dict() instead. Nothing in it was run",
                         m->file, m->base + m->opcode, shown(global.length), global.text,
                         shown(global.name_length), global.name);
    return error_set(
        m->error, CLIPSEG_ERROR_MODEL,
        "%s: byte %zu: names the Python object %.*s.%.*s, which no state_dict needs; nothing in it "
        "was run. Do not open this file in Python unless you trust where it comes from",
        m->file, m->base + m->opcode, shown(global.length), global.text, shown(global.name_length),
        global.name);
}

static clipseg_status read_global(struct machine *m)
{
    struct pickle_value global = {.kind = PICKLE_GLOBAL};
    clipseg_status status = take_line(m, &global.text, &global.length);

    if (!status)
        status = take_line(m, &global.name, &global.name_length);
    return status ? status : push_global(m, global);
}

static clipseg_status read_stack_global(struct machine *m)
{
    const struct pickle_value *name = top(m, 0, PICKLE_TEXT), *module = top(m, 1, PICKLE_TEXT);

    if (!name || !module)
        return refuse(m, "want two texts");
    struct pickle_value global = {.kind = PICKLE_GLOBAL,
                                  .text = module->text,
                                  .length = module->length,
                                  .name = name->text,
                                  .name_length = name->length};
    m->depth -= 2;
    return push_global(m, global);
}

/* ---- containers */

static clipseg_status make_tuple(struct machine *m, size_t count)
{
    struct pickle_value tuple = {.kind = PICKLE_TUPLE, .count = (uint32_t)count};

    if (count > m->depth)
        return refuse(m, "too few values on the stack");
    for (size_t i = m->depth - count; i < m->depth; i++)
        if (m->stack[i] == MARK)
            return refuse(m, "too few values on the stack");
    if (count && !(tuple.items = malloc(count * sizeof *tuple.items)))
        return error_memory(m->error);
    m->depth -= count;
    if (count)
        memcpy(tuple.items, m->stack + m->depth, count * sizeof *tuple.items);
    return push_new(m, tuple);
}

/* Everything above the topmost mark, which goes. */
static clipseg_status make_marked_tuple(struct machine *m)
{
    size_t first = find_mark(m), count = m->depth - first;

    if (!first)
        return refuse(m, "no mark on the stack");
    memmove(m->stack + first - 1, m->stack + first, count * sizeof *m->stack);
    m->depth--;
    return make_tuple(m, count);
}

/* The last `count` values go into the container below them (below their mark, when there is one). */
static clipseg_status add_items(struct machine *m, size_t count, size_t mark, enum pickle_kind kind)
{
    struct pickle_value *container = top(m, count + mark, kind);

    if (!container || (kind == PICKLE_DICT && count % 2))
        return refuse(m, kind == PICKLE_DICT ? "want pairs above a dict" : "want values above a list");
    for (size_t i = m->depth - count; i < m->depth; i++) {
        size_t used = container->count;
        if (m->stack[i] == MARK)
            return refuse(m, "a mark among the values");
        if (!(used & (used - 1))) { /* full at powers of two */
            uint32_t *items = realloc(container->items, (used ? 2 * used : 1) * sizeof *items);
            if (!items)
                return error_memory(m->error);
            container->items = items;
        }
        container->items[container->count++] = m->stack[i];
    }
    m->depth -= count + mark;
    return CLIPSEG_OK;
}

static clipseg_status add_marked_items(struct machine *m, enum pickle_kind kind)
{
    size_t first = find_mark(m);

    return first ? add_items(m, m->depth - first, 1, kind) : refuse(m, "no mark on the stack");
}

/* ---- the three calls that a state_dict makes: recognised, not made */

/* A list of pairs, as Python 2 wrote a non-empty OrderedDict. */
static clipseg_status add_pairs(struct machine *m, const struct pickle_value *arguments)
{
    const struct pickle_value *list = pickle_item(m->pickle, arguments, 0);
    uint32_t dict = m->stack[m->depth - 1], numbers = list->count;

    for (uint32_t i = 0; i < numbers; i++) {
        const struct pickle_value *pair = pickle_item(m->pickle, list, i);
        if ((pair->kind != PICKLE_LIST && pair->kind != PICKLE_TUPLE) || pair->count != 2)
            return refuse(m, "OrderedDict: want pairs");
        clipseg_status status = push(m, pair->items[0]);
        if (!status)
            status = push(m, pair->items[1]);
        if (!status)
            status = add_items(m, 2, 0, PICKLE_DICT);
        if (status)
            return status;
    }
    return m->stack[m->depth - 1] == dict ? CLIPSEG_OK : refuse(m, "OrderedDict: want pairs");
}

static clipseg_status reduce(struct machine *m)
{
    const struct pickle_value *arguments = top(m, 0, PICKLE_TUPLE), *function = top(m, 1, PICKLE_GLOBAL);

    if (!arguments || !function)
        return refuse(m, "want one of the known functions and its arguments");
    const struct pickle_value *first = pickle_item(m->pickle, arguments, 0);
    struct pickle_value tensor = {
        .kind = PICKLE_TENSOR, .items = arguments->items, .count = arguments->count};
    uint32_t argument = arguments->count ? arguments->items[0] : 0;
    size_t place = (size_t)(arguments - m->pickle->values);

    if (pickle_is_global(function, "collections", "OrderedDict")) {
        bool pairs = arguments->count == 1 && first->kind == PICKLE_LIST;
        if (arguments->count && !pairs)
            return refuse(m, "OrderedDict: want no arguments, or pairs");
        m->depth -= 2;
        clipseg_status status = push_new(m, (struct pickle_value){.kind = PICKLE_DICT});
        return status || !pairs ? status : add_pairs(m, value_of(m, (uint32_t)place));
    }
    if (pickle_is_global(function, "torch._utils", "_rebuild_tensor_v2")) {
        if (arguments->count < 6 || arguments->count > 7 || first->kind != PICKLE_STORAGE)
            return refuse(m, "_rebuild_tensor_v2: want a storage and five or six more arguments");
        m->depth -= 2;
        return push_new(m, tensor);
    }
    if (pickle_is_global(function, "torch._utils", "_rebuild_parameter")) {
        if (arguments->count != 3 || first->kind != PICKLE_TENSOR)
            return refuse(m, "_rebuild_parameter: want a tensor and two more arguments");
        m->depth -= 2;
        return push(m, argument);
    }
    return refuse(m, "calls what is no function of a state_dict");
}

/* Attributes of an OrderedDict (a state_dict carries _metadata): looked at, not kept. */
static clipseg_status build(struct machine *m)
{
    if (!top(m, 0, PICKLE_DICT) || !top(m, 1, PICKLE_DICT))
        return refuse(m, "sets attributes of something else than a dict");
    m->depth--;
    return CLIPSEG_OK;
}

static clipseg_status make_storage(struct machine *m)
{
    const struct pickle_value *id = top(m, 0, PICKLE_TUPLE);

    if (!id || id->count < 5 || id->count > 6)
        return refuse(m, "want the five parts of a storage");
    struct pickle_value storage = {.kind = PICKLE_STORAGE, .items = id->items, .count = id->count};
    m->depth--;
    return push_new(m, storage);
}

/* ---- memo: values by number */

static clipseg_status remember(struct machine *m, uint64_t place)
{
    if (!m->depth || m->stack[m->depth - 1] == MARK)
        return refuse(m, "nothing on the stack");
    if (place >= MOST_MEMO)
        return refuse(m, "a memo beyond what a model needs");
    while (m->memo_count <= place) {
        void *list = m->memo;
        clipseg_status status = CLIPSEG_OK;
        if (m->memo_count == m->memo_room)
            status = grow(m, &list, &m->memo_room, sizeof *m->memo, MOST_MEMO);
        m->memo = list;
        if (status)
            return status;
        m->memo[m->memo_count++] = NOTHING;
    }
    m->memo[place] = m->stack[m->depth - 1];
    return CLIPSEG_OK;
}

static clipseg_status recall(struct machine *m, uint64_t place)
{
    if (place >= m->memo_count || m->memo[place] == NOTHING)
        return refuse(m, "a memo that was not written");
    return push(m, m->memo[place]);
}

static clipseg_status memo_by_argument(struct machine *m, size_t bytes, bool write)
{
    uint64_t place;
    clipseg_status status = take_number(m, bytes, &place);

    if (status)
        return status;
    return write ? remember(m, place) : recall(m, place);
}

/* ---- opcodes */

static clipseg_status skip(struct machine *m, size_t count)
{
    const unsigned char *bytes = NULL;

    return take(m, count, &bytes);
}

static clipseg_status read_protocol(struct machine *m)
{
    uint64_t version;
    clipseg_status status = take_number(m, 1, &version);

    return status || version <= 5 ? status : refuse(m, "a protocol above 5");
}

static clipseg_status read_float(struct machine *m)
{
    clipseg_status status = skip(m, 8);

    return status ? status : push_new(m, (struct pickle_value){.kind = PICKLE_FLOAT});
}

static clipseg_status read_long(struct machine *m)
{
    uint64_t count;
    clipseg_status status = take_number(m, 1, &count);

    return status ? status : take_integer(m, count, true);
}

static clipseg_status stop(struct machine *m)
{
    m->pickle->root = pop(m);
    if (m->pickle->root == NOTHING || m->depth)
        return refuse(m, "want exactly one value on the stack");
    m->stopped = true;
    return CLIPSEG_OK;
}

static clipseg_status push_bool(struct machine *m, bool value)
{
    return push_new(m, (struct pickle_value){.kind = PICKLE_BOOL, .number = value});
}

/* Opcodes that make a container, fill it, or call. */
static clipseg_status run_structure(struct machine *m, unsigned char code)
{
    switch (code) {
    case '}':
        return push_new(m, (struct pickle_value){.kind = PICKLE_DICT});
    case ']':
        return push_new(m, (struct pickle_value){.kind = PICKLE_LIST});
    case ')':
        return make_tuple(m, 0);
    case 0x85:
    case 0x86:
    case 0x87:
        return make_tuple(m, code - 0x84u);
    case 't':
        return make_marked_tuple(m);
    case 's':
        return add_items(m, 2, 0, PICKLE_DICT);
    case 'u':
        return add_marked_items(m, PICKLE_DICT);
    case 'a':
        return add_items(m, 1, 0, PICKLE_LIST);
    case 'e':
        return add_marked_items(m, PICKLE_LIST);
    case 'c':
        return read_global(m);
    case 0x93:
        return read_stack_global(m);
    case 'Q':
        return make_storage(m);
    case 'R':
        return reduce(m);
    case 'b':
        return build(m);
    case '.':
        return stop(m);
    default:
        return refuse(m, "no state_dict has it");
    }
}

static clipseg_status run_opcode(struct machine *m, unsigned char code)
{
    switch (code) {
    case 0x80:
        return read_protocol(m);
    case 0x95: /* FRAME */
        return skip(m, 8);
    case '(':
        return push(m, MARK);
    case 'N':
        return push_new(m, (struct pickle_value){.kind = PICKLE_NONE});
    case 0x88:
    case 0x89:
        return push_bool(m, code == 0x88);
    case 'J':
        return take_integer(m, 4, true);
    case 'K':
        return take_integer(m, 1, false);
    case 'M':
        return take_integer(m, 2, false);
    case 0x8a:
        return read_long(m);
    case 'G':
        return read_float(m);
    case 'X': /* BINUNICODE, BINSTRING */
    case 'T':
        return take_text(m, 4);
    case 'U': /* SHORT_BINSTRING, SHORT_BINUNICODE */
    case 0x8c:
        return take_text(m, 1);
    case 'q':
    case 'r':
        return memo_by_argument(m, code == 'q' ? 1 : 4, true);
    case 'h':
    case 'j':
        return memo_by_argument(m, code == 'h' ? 1 : 4, false);
    case 0x94: /* MEMOIZE */
        return remember(m, m->memo_count);
    default:
        return run_structure(m, code);
    }
}

static clipseg_status run(struct machine *m)
{
    clipseg_status status = CLIPSEG_OK;

    while (!status && !m->stopped) {
        if (m->at >= m->size)
            return error_set(m->error, CLIPSEG_ERROR_MODEL, "%s: byte %zu: the pickle has no end%s", m->file,
                             m->base + m->at,
                             m->size == PICKLE_LARGEST ? " within the 4 MiB that are read"
                                                       : ": cut off; get it again");
        m->opcode = m->at++;
        status = run_opcode(m, m->data[m->opcode]);
    }
    return status;
}

clipseg_status pickle_read(struct pickle *pickle, const char *file, size_t base, const unsigned char *data,
                           size_t size, clipseg_error *error)
{
    struct machine m = {.pickle = pickle,
                        .file = file,
                        .base = base,
                        .data = data,
                        .size = size < PICKLE_LARGEST ? size : PICKLE_LARGEST,
                        .error = error};

    *pickle = (struct pickle){0};
    clipseg_status status = run(&m);
    pickle->size = m.at;
    free(m.stack);
    free(m.memo);
    if (status)
        pickle_free(pickle);
    return status;
}

void pickle_free(struct pickle *pickle)
{
    for (uint32_t i = 0; i < pickle->value_count; i++) {
        enum pickle_kind kind = pickle->values[i].kind;
        if (kind == PICKLE_TUPLE || kind == PICKLE_LIST || kind == PICKLE_DICT)
            free(pickle->values[i].items);
    }
    free(pickle->values);
    *pickle = (struct pickle){0};
}
