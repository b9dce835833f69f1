/* bundle.c - the entries of a bundle. */
#include "config/bundle.h"
#include "config/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct bundle_entry shown;
    uint32_t hash; /* of the path: ten thousand certificates are looked up one by one */
};

struct bundle {
    struct entry **entries;
    size_t count, capacity;
    size_t total;
};

struct bundle *bundle_new(void)
{
    return calloc(1, sizeof(struct bundle));
}

static void entry_free(struct entry *entry)
{
    if (entry == NULL)
        return;
    if (entry->shown.data != NULL) {
        uint8_t *data = (uint8_t *)entry->shown.data;
        explicit_bzero(data, entry->shown.size);
        free(data);
    }
    free((char *)entry->shown.path);
    free(entry);
}

void bundle_free(struct bundle *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->count; i++)
        entry_free(b->entries[i]);
    free(b->entries);
    free(b);
}

/* FNV-1a */
static uint32_t hash_path(const char *path)
{
    uint32_t hash = 2166136261u;
    for (; *path != '\0'; path++)
        hash = (hash ^ (uint8_t)*path) * 16777619u;
    return hash;
}

static struct entry *entry_new(enum bundle_kind kind, const char *path, const void *data,
                               size_t size)
{
    struct entry *entry = calloc(1, sizeof *entry);
    char *path_copy = strdup(path);
    uint8_t *data_copy = malloc(size + 1);
    if (entry == NULL || path_copy == NULL || data_copy == NULL) {
        free(data_copy);
        free(path_copy);
        free(entry);
        return NULL;
    }
    if (size > 0)
        memcpy(data_copy, data, size);
    data_copy[size] = 0;
    entry->shown = (struct bundle_entry){kind, path_copy, data_copy, size, false};
    entry->hash = hash_path(path);
    return entry;
}

static int make_room(struct bundle *b)
{
    if (b->count < b->capacity)
        return 0;
    size_t capacity = b->capacity == 0 ? 16 : b->capacity * 2;
    struct entry **entries = realloc(b->entries, capacity * sizeof(struct entry *));
    if (entries == NULL)
        return -1;
    b->entries = entries;
    b->capacity = capacity;
    return 0;
}

static int check_limits(const struct bundle *b, const char *path, size_t size, struct err *e)
{
    static const char fewer[] = "name fewer files, or smaller ones";
    if (b->count >= BUNDLE_ENTRIES_MAX) {
        err_set(e, "more than %d files", BUNDLE_ENTRIES_MAX);
        return err_cure(e, "%s", fewer);
    }
    if (path[0] == '\0' || strlen(path) > BUNDLE_PATH_MAX)
        return err_set(e, "a path is empty or longer than %d bytes", BUNDLE_PATH_MAX);
    if (size > BUNDLE_FILE_MAX)
        return err_set(e, "%s: it is larger than %zu MiB", path, BUNDLE_FILE_MAX >> 20);
    if (size > BUNDLE_TOTAL_MAX - b->total) {
        err_set(e, "%s: all files together are larger than %zu MiB", path, BUNDLE_TOTAL_MAX >> 20);
        return err_cure(e, "%s", fewer);
    }
    return 0;
}

int bundle_add(struct bundle *b, enum bundle_kind kind, const char *path, const void *data,
               size_t size, struct err *e)
{
    errno = 0;
    if (check_limits(b, path, size, e) != 0)
        return -1;
    if (bundle_find(b, kind, path) != NULL)
        return err_set(e, "%s: it is in the bundle already", path);
    struct entry *entry = make_room(b) == 0 ? entry_new(kind, path, data, size) : NULL;
    if (entry == NULL) {
        errno = ENOMEM;
        return err_set(e, "%s: out of memory", path);
    }
    b->entries[b->count++] = entry;
    b->total += size;
    return 0;
}

static void cannot_read(const char *path, struct err *e)
{
    if (strcmp(path, "-") == 0)
        err_prefix(e, "cannot read standard input");
    else
        err_prefix(e, "cannot read \"%s\"", path);
}

int bundle_read(struct bundle *b, enum bundle_kind kind, const char *path, struct err *e)
{
    if (bundle_find(b, kind, path) != NULL)
        return 0;
    struct file_bytes file;
    int error, result = -1;
    if (file_read(path, BUNDLE_FILE_MAX, &file, &error, e) != 0) {
        cannot_read(path, e);
    } else {
        result = bundle_add(b, kind, path, file.data, file.size, e);
        error = errno;
        file_bytes_free(&file);
    }
    errno = error;
    return result;
}

int bundle_replace(struct bundle *b, const char *path, const void *data, size_t size, struct err *e)
{
    struct entry *made = NULL, **place = NULL;
    for (size_t i = 0; i < b->count; i++)
        if (b->entries[i]->shown.kind == BUNDLE_FILE &&
            strcmp(b->entries[i]->shown.path, path) == 0)
            place = &b->entries[i];
    if (place == NULL)
        return err_set(e, "%s: it is not in the bundle", path);
    if (check_limits(b, path, size, e) != 0)
        return -1;
    made = entry_new(BUNDLE_FILE, path, data, size);
    if (made == NULL)
        return err_set(e, "%s: out of memory", path);
    made->shown.replaced = true;
    b->total += size - (*place)->shown.size;
    entry_free(*place);
    *place = made;
    return 0;
}

struct bundle *bundle_texts(const struct bundle *b)
{
    struct bundle *texts = bundle_new();
    for (size_t i = 0; texts != NULL && i < b->count; i++) {
        const struct bundle_entry *e = &b->entries[i]->shown;
        if (e->kind == BUNDLE_TEXT &&
            bundle_add(texts, e->kind, e->path, e->data, e->size, NULL) != 0) {
            bundle_free(texts);
            texts = NULL;
        }
    }
    return texts;
}

size_t bundle_count(const struct bundle *b)
{
    return b->count;
}

const struct bundle_entry *bundle_at(const struct bundle *b, size_t i)
{
    return &b->entries[i]->shown;
}

const struct bundle_entry *bundle_find(const struct bundle *b, enum bundle_kind kind,
                                       const char *path)
{
    uint32_t hash = hash_path(path);
    for (size_t i = 0; i < b->count; i++) {
        const struct entry *entry = b->entries[i];
        if (entry->hash == hash && entry->shown.kind == kind &&
            strcmp(entry->shown.path, path) == 0)
            return &entry->shown;
    }
    return NULL;
}
