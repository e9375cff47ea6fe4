/* decode_pictures.c: decode every file that stdin lists, one path per line, each in a process of its own, and
 * print what became of it as a line of JSON: pixels as SHA-256, or the refusal, with the time and memory that
 * it took. A program for tests: decode_pictures [MAX_PIXELS], or decode_pictures --ppm FILE for the pixels.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "clipseg.h"
#include "tests/image/sha256.h"

#define MOST_SECONDS 60 /* what takes longer dies by a signal and is reported so */

/* Of the child: status, size and digest, or the reason. */
static void print_verdict(const char *path, const clipseg_image_options *options)
{
    struct buffer text = {0};
    clipseg_image image = {0};
    clipseg_error error;
    clipseg_status status = clipseg_image_load(&image, path, options, &error);
    char digest[65] = "";

    if (status) {
        buffer_json_string(&text, error.text);
    } else {
        sha256_hex(image.rgb, image.width * image.height * 3, digest);
        buffer_json_string(&text, "");
    }
    printf("\"status\": %d, \"width\": %zu, \"height\": %zu, \"sha256\": \"%s\", \"error\": %s, ", status,
           image.width, image.height, digest, text.data);
    buffer_free(&text);
    clipseg_image_free(&image);
}

static void judge(const char *path, const clipseg_image_options *options)
{
    int result = 0;
    struct rusage usage = {0};

    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        alarm(MOST_SECONDS);
        putchar('{');
        print_verdict(path, options);
        fflush(stdout);
        _exit(0);
    }
    if (child < 0 || wait4(child, &result, 0, &usage) < 0)
        exit(1);
    double seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    printf("%s\"signal\": %d, \"seconds\": %.3f, \"megabytes\": %.1f}\n",
           WIFEXITED(result) && !result ? "" : "{",
           WIFSIGNALED(result) ? WTERMSIG(result) : WEXITSTATUS(result), seconds,
           (double)usage.ru_maxrss / 1024);
}

static int print_ppm(const char *path)
{
    clipseg_image image = {0};

    if (clipseg_image_load(&image, path, NULL, NULL))
        return 1;
    printf("P6\n%zu %zu\n255\n", image.width, image.height);
    fwrite(image.rgb, 3, image.width * image.height, stdout);
    clipseg_image_free(&image);
    return 0;
}

int main(int count, char **arguments)
{
    char path[4096];
    clipseg_image_options options;

    if (count == 3 && !strcmp(arguments[1], "--ppm"))
        return print_ppm(arguments[2]);
    clipseg_image_options_default(&options);
    if (count > 1)
        options.max_pixels = strtoull(arguments[1], NULL, 10);
    while (fgets(path, sizeof path, stdin)) {
        path[strcspn(path, "\n")] = 0;
        judge(path, &options);
    }
    return 0;
}
