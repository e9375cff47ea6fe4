/* segment.c: the library in one page: masks of a picture for the prompts on the command line.
 *
 *     cc segment.c $(pkg-config --cflags --libs clipseg) -o segment
 *     ./segment MODEL_DIRECTORY PICTURE PROMPT...
 *
 * Prints, for every prompt, which share of the picture it covers, and writes mask-0.pgm, mask-1.pgm, ... */
#include <stdio.h>
#include <stdlib.h>

#include <clipseg.h>

/* White where the thing probably is. */
static int write_mask(size_t number, const float *probability, size_t width, size_t height)
{
    char name[32];
    FILE *file;
    size_t covered = 0;

    snprintf(name, sizeof name, "mask-%zu.pgm", number);
    file = fopen(name, "wb");
    if (!file)
        return -1;
    fprintf(file, "P5 %zu %zu 255\n", width, height);
    for (size_t i = 0; i < width * height; i++) {
        covered += probability[i] > 0.5f;
        fputc(probability[i] > 0.5f ? 255 : 0, file);
    }
    printf("%s: %.1f %% of the picture\n", name, 100.0 * (double)covered / (double)(width * height));
    return fclose(file);
}

int main(int count, char **arguments)
{
    clipseg_error error = {0};
    clipseg_model *model = NULL;
    clipseg_session *session = NULL;
    clipseg_image image = {0};
    float *probability = NULL;
    int failed = 1;

    if (count < 4) {
        fprintf(stderr, "usage: segment MODEL_DIRECTORY PICTURE PROMPT...\n");
        return 2;
    }
    if (clipseg_model_open(&model, arguments[1], NULL, &error) ||
        clipseg_session_create(&session, model, NULL, &error) ||
        clipseg_image_load(&image, arguments[2], NULL, &error) ||
        clipseg_session_set_image(session, &image, &error)) /* the image tower runs once, here */
        goto done;
    probability = malloc(image.width * image.height * sizeof *probability);
    if (!probability)
        goto done;
    for (int i = 3; i < count; i++) { /* every prompt costs a small fraction of the picture */
        clipseg_prompt prompt = clipseg_text(arguments[i]);
        if (clipseg_session_masks(session, &prompt, 1, probability, &error) ||
            write_mask((size_t)(i - 3), probability, image.width, image.height))
            goto done;
    }
    failed = 0;
done:
    if (failed)
        fprintf(stderr, "segment: %s\n", error.text);
    free(probability);
    clipseg_image_free(&image);
    clipseg_session_close(&session);
    clipseg_model_close(&model);
    return failed;
}
