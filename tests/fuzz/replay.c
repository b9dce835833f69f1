/* replay.c - runs a fuzz target over files, for compilers without libFuzzer.
 * Arguments are files and directories; those that begin with '-' are libFuzzer's and are passed
 * over.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak)); /* not all have one */

static unsigned replayed;

static void replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    size_t size = (size_t)ftell(f);
    rewind(f);
    /* Exactly as large as the input, so that a sanitizer sees a read behind its end. */
    uint8_t *data = malloc(size > 0 ? size : 1);
    if (data == NULL || fread(data, 1, size, f) != size) {
        perror(path);
        exit(1);
    }
    fclose(f);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    replayed++;
}

static void replay_directory(const char *path)
{
    DIR *d = opendir(path);
    if (d == NULL) {
        perror(path);
        exit(1);
    }
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        char child[4096];
        if (e->d_name[0] != '.') {
            snprintf(child, sizeof child, "%s/%s", path, e->d_name);
            replay_file(child);
        }
    }
    closedir(d);
}

int main(int argc, char **argv)
{
    if (LLVMFuzzerInitialize != NULL)
        LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (argv[i][0] == '-')
            continue;
        if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
            replay_directory(argv[i]);
        else
            replay_file(argv[i]);
    }
    printf("%u inputs replayed\n", replayed);
    return replayed > 0 ? 0 : 1; /* an empty corpus tests nothing */
}
