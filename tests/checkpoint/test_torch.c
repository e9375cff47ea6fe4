/* test_torch.c: torch's files: recorded ones have the right values, hand-made hostile ones their verdict. */
#include <dirent.h>
#include <string.h>

#include "base/file.h"
#include "checkpoint/kind.h"
#include "checkpoint/list.h"
#include "checkpoint/pickle.h"
#include "tests/test.h"

static bool counts_up(const struct tensor *tensor)
{
    for (size_t i = 0; i < tensor->count; i++) {
        float value = -1.0f;
        if (tensor->type == TENSOR_I64)
            value = tensor->data[8 * i];
        else
            tensor_read_f32(tensor, i, 1, &value);
        if (value != (float)i + (strcmp(tensor->name, "rows") ? 0.0f : 3.0f))
            return false;
    }
    return true;
}

/* Every tensor of make_torch.py holds 0, 1, 2, ..., `rows` a view into `matrix` that begins at 3. */
static void recorded_files_have_their_values(void)
{
    const char *path = test_file("torch");
    char folder[4096], full[4600];
    size_t files = 0;

    snprintf(folder, sizeof folder, "%s", path);
    DIR *list = opendir(folder);
    REQUIRE(list);
    for (const struct dirent *entry; (entry = readdir(list));) {
        struct checkpoint checkpoint = {0};
        struct file_map map;
        clipseg_error error = {0};

        if (!strstr(entry->d_name, "-good-"))
            continue;
        snprintf(full, sizeof full, "%s/%s", folder, entry->d_name);
        REQUIRE(file_map_open(&map, full, &error) == CLIPSEG_OK);
        CHECK_TEXT(weights_read(&checkpoint, "file", map.data, map.size, &error) == CLIPSEG_OK, error.text);
        CHECK_TEXT(checkpoint.tensor_count == 9, full);
        for (size_t i = 0; i < checkpoint.tensor_count; i++)
            CHECK_TEXT(counts_up(&checkpoint.tensors[i]), checkpoint.tensors[i].name);
        checkpoint_close(&checkpoint);
        file_map_close(&map);
        files++;
    }
    closedir(list);
    CHECK(files >= 8);
}

/* ---- the pickle machine */

static void check_pickle(const char *bytes, size_t size, const char *reason)
{
    struct pickle pickle;
    clipseg_error error = {0};
    unsigned char *exact = malloc(size ? size : 1);

    memcpy(exact, bytes, size);
    clipseg_status status = pickle_read(&pickle, "file", 0, exact, size, &error);
    if (reason) {
        CHECK_TEXT(status == CLIPSEG_ERROR_MODEL, reason);
        CHECK_TEXT(strstr(error.text, reason) != NULL, error.text);
    } else {
        CHECK_TEXT(status == CLIPSEG_OK, error.text);
        pickle_free(&pickle);
    }
    free(exact);
}

#define PICKLE(bytes, reason) check_pickle(bytes, sizeof(bytes) - 1, reason)

static void forms_of_a_state_dict_are_read(void)
{
    PICKLE("\x80\x02}.", NULL);
    PICKLE("\x80\x05\x95\0\0\0\0\0\0\0\0}\x94.", NULL);
    PICKLE("ccollections\nOrderedDict\n)R}b.", NULL);
    PICKLE("\x8c\x0b"
           "collections\x8c\x0bOrderedDict\x93)R.",
           NULL);
    PICKLE("ccollections\nOrderedDict\n(](U\x01"
           "aK\1tatR.",
           NULL); /* Python 2 */
    PICKLE("](NK\1M\1\1J\xff\xff\xff\xff\x8a\2\0\xffG\0\0\0\0\0\0\0\0\x88\x89"
           "e.",
           NULL);
    PICKLE("}U\1aNs.", NULL);
    PICKLE("]q\0h\0a.", NULL); /* a list in itself */
    PICKLE("NN\x86.", NULL);
}

static void everything_else_is_refused_by_name_and_place(void)
{
    PICKLE("", "no end");
    PICKLE("\x80\x02", "no end");
    PICKLE("\x80", "cut off");
    PICKLE("\x80\x06N.", "protocol above 5");
    PICKLE(".", "exactly one value");
    PICKLE("NN.", "exactly one value");
    PICKLE("(.", "exactly one value");
    PICKLE("N\xff.", "byte 1: opcode unknown");
    PICKLE("cos\nsystem\n.", "os.system");
    PICKLE("cposix\nsystem\n(U\2lstR.", "nothing in it was run");
    PICKLE("c__builtin__\neval\n.", "__builtin__.eval");
    PICKLE("ctorch\nload\n.", "torch.load");
    PICKLE("ctorch\nStorage\n.", "torch.Storage");
    PICKLE("ctorch.nn.modules.linear\nLinear\n.", "pickled module");
    PICKLE("c\n\n.", "names the Python object");
    PICKLE("cos", "cut off");
    PICKLE("(S'x'\n.", "opcode STRING");
    PICKLE("(ios\nsystem\n.", "opcode INST");
    PICKLE("(cos\nsystem\nU\2lso.", "os.system");
    PICKLE("N)\x81.", "opcode NEWOBJ");
    PICKLE("Pid\n.", "opcode PERSID");
    PICKLE("\x82\1.", "opcode EXT1");
    PICKLE("NR.", "opcode REDUCE");
    PICKLE("ccollections\nOrderedDict\nR.", "opcode REDUCE");
    PICKLE("ccollections\nOrderedDict\nN\x85R.", "OrderedDict: want");
    PICKLE("ccollections\nOrderedDict\n]Na\x85R.", "want pairs");
    PICKLE("ctorch._utils\n_rebuild_tensor_v2\n)R.", "_rebuild_tensor_v2: want");
    PICKLE("ctorch._utils\n_rebuild_tensor_v2\n(NNNNNNtR.", "_rebuild_tensor_v2: want");
    PICKLE("ctorch._utils\n_rebuild_parameter\n(NNNtR.", "_rebuild_parameter: want");
    PICKLE("ctorch\nFloatStorage\n)R.", "no function of a state_dict");
    PICKLE("NQ.", "five parts");
    PICKLE("NNb.", "attributes");
    PICKLE("}Nb.", "attributes");
    PICKLE("\x85.", "too few");
    PICKLE("(\x85.", "too few");
    PICKLE("t.", "no mark");
    PICKLE("e.", "no mark");
    PICKLE("(e.", "above a list");
    PICKLE("N(Nu.", "above a dict");
    PICKLE("}(Nu.", "above a dict");
    PICKLE("Ns.", "above a dict");
    PICKLE("h\1.", "not written");
    PICKLE("q\1.", "nothing on the stack");
    PICKLE("(q\1.", "nothing on the stack");
    PICKLE("Nr\xff\xff\xff\xff.", "beyond what a model needs");
    PICKLE("X\xff\xff\xff\xff.", "cut off");
    PICKLE("U\5abc", "cut off");
    PICKLE("\x8a\x09"
           "123456789.",
           "more than 64 bits");
    PICKLE("\x8a\x05"
           "12.",
           "cut off");
    PICKLE("NN\x93.", "two texts");
}

/* Values, stack and memo have budgets: a few megabytes of any opcode end quickly and in little memory. */
static void floods_of_every_opcode_end(void)
{
    unsigned char *flood = malloc(PICKLE_LARGEST + 1000);

    for (unsigned code = 0; code < 256; code++) {
        struct pickle pickle;
        if (code == '.')
            continue;
        clipseg_error error = {0};
        memset(flood, (int)code, PICKLE_LARGEST + 1000);
        flood[0] = ']';
        clipseg_status status = pickle_read(&pickle, "file", 0, flood, PICKLE_LARGEST + 1000, &error);
        CHECK_TEXT(status == CLIPSEG_ERROR_MODEL && *error.text, error.text);
    }
    free(flood);
}

/* ---- whole files: every prefix and every flipped bit */

static clipseg_status read_exact(const unsigned char *data, size_t size, clipseg_error *error)
{
    struct checkpoint checkpoint = {0};
    unsigned char *exact = malloc(size ? size : 1);
    volatile unsigned sum = 0;

    memcpy(exact, data, size);
    clipseg_status status = weights_read(&checkpoint, "file", exact, size, error);
    for (size_t i = 0; !status && i < checkpoint.tensor_count; i++) {
        const struct tensor *tensor = &checkpoint.tensors[i];
        for (size_t k = 0; k < tensor->count; k++)
            if (tensor->type <= TENSOR_F64) {
                float value;
                tensor_read_f32(tensor, k, 1, &value);
                sum += value > 0.0f;
            }
    }
    checkpoint_close(&checkpoint);
    free(exact);
    return status;
}

static void check_prefixes_and_flips(const char *name)
{
    char path[256];
    struct file_map map;
    clipseg_error error;

    snprintf(path, sizeof path, "torch/%s", name);
    REQUIRE(file_map_open(&map, test_file(path), &error) == CLIPSEG_OK);
    unsigned char *copy = malloc(map.size);
    memcpy(copy, map.data, map.size);
    for (size_t size = 0; size < map.size; size++) {
        *error.text = 0;
        CHECK(read_exact(copy, size, &error) == CLIPSEG_ERROR_MODEL && *error.text);
    }
    for (size_t bit = 0; bit < 8 * map.size; bit++) {
        *error.text = 0;
        copy[bit / 8] ^= (unsigned char)(1 << bit % 8);
        clipseg_status status = read_exact(copy, map.size, &error);
        CHECK_TEXT(status == CLIPSEG_OK || (status == CLIPSEG_ERROR_MODEL && *error.text), error.text);
        copy[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    free(copy);
    file_map_close(&map);
}

static void every_prefix_and_bit_flip_of_a_zip_file_has_a_verdict(void)
{
    check_prefixes_and_flips("1.13.1-good-zip.pt");
    check_prefixes_and_flips("2.13.0-good-zip.pt");
}

static void every_prefix_and_bit_flip_of_a_legacy_file_has_a_verdict(void)
{
    check_prefixes_and_flips("1.13.1-good-legacy.pt");
}

static const struct test tests[] = {
    {"recorded_files_have_their_values", recorded_files_have_their_values},
    {"forms_of_a_state_dict_are_read", forms_of_a_state_dict_are_read},
    {"everything_else_is_refused_by_name_and_place", everything_else_is_refused_by_name_and_place},
    {"floods_of_every_opcode_end", floods_of_every_opcode_end},
    {"every_prefix_and_bit_flip_of_a_zip_file_has_a_verdict",
     every_prefix_and_bit_flip_of_a_zip_file_has_a_verdict},
    {"every_prefix_and_bit_flip_of_a_legacy_file_has_a_verdict",
     every_prefix_and_bit_flip_of_a_legacy_file_has_a_verdict},
};

TEST_MAIN(tests)
