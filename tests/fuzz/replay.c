/* replay.c: a main program for fuzz targets without libFuzzer: feeds every file of the given folders once. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int count, char **folders)
{
    size_t files = 0;

    for (int i = 1; i < count; i++) {
        DIR *folder = opendir(folders[i]);
        const struct dirent *entry;
        while (folder && (entry = readdir(folder))) {
            char path[4096];
            struct file_map map;
            snprintf(path, sizeof path, "%s/%s", folders[i], entry->d_name);
            if (entry->d_name[0] == '.' || file_map_open(&map, path, NULL))
                continue;
            LLVMFuzzerTestOneInput(map.data, map.size);
            file_map_close(&map);
            files++;
        }
        if (folder)
            closedir(folder);
    }
    printf(files ? "ok replayed_%zu_inputs\n" : "FAIL no_inputs_%zu\n", files);
    return files == 0;
}
