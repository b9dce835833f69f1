/* new.c - `tlsfront key new`, `renew` and `self-signed`: keys, and requests for certificates.
 */
#include "proxy/base/json.h"
#include "proxy/console/progress.h"
#include "proxy/key/binding.h"
#include "proxy/key/judge.h"
#include "proxy/key/public.h"
#include "proxy/key/tlsa.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DAYS = 90 };

/* Take over a text as a file of the entry. */
static void put_text(struct keystore_entry *entry, enum keystore_file file, char *text)
{
    file_bytes_free(&entry->file[file]);
    if (text != NULL)
        entry->file[file] = (struct file_bytes){(uint8_t *)text, strlen(text), strlen(text) + 1};
}

/* ---- what to make ---- */

/* `kind` is what is made where no type is given. Of the key in use nothing can be changed. */
static int find_kind(struct key_job *j, enum keys_kind *kind)
{
    if (j->o->same_key && (j->o->type != NULL || j->o->encrypt))
        return key_fail_usage(j, "--same-key and --%s exclude each other",
                              j->o->type != NULL ? "type" : "encrypt");
    if (j->o->type == NULL || keys_kind_by_name(j->o->type, kind))
        return 0;
    return key_fail_usage(j, "there is no key type \"%s\"; there are %s", j->o->type,
                          keys_kind_names());
}

/* What is given is judged before a key is made, which may take seconds. */
static int check_subject(struct key_job *j)
{
    struct err e;
    if (j->o->subject == NULL || keys_check_subject(j->o->subject, &e) == 0)
        return 0;
    key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    return EXIT_USAGE;
}

static int refuse_too_many(struct key_job *j)
{
    return key_fail_usage(j, "there are more than %d names for one request; say with --host which",
                          KEY_HOSTS_MAX);
}

static int find_names(struct key_job *j, struct key_names *names)
{
    struct err e;
    int status = key_names_asked(j, names);
    if (status != 0)
        return status;
    if (names->count == 0)
        return key_fail_usage(j, "for which host names? Say --host HOST, or --route ROUTE for a "
                                 "route's hostname");
    if (names->too_many)
        return refuse_too_many(j);
    for (size_t i = 0; i < names->count; i++)
        if (keys_check_name(names->list[i], &e) != 0)
            return key_fail_usage(j, "%s", e.text);
    return 0;
}

/* What is asked for, and what is there under the name. */
struct making {
    struct keystore_entry entry;
    struct key_names names;
    enum keys_kind kind;
};

/* 0: m->entry is to be freed; else an exit status. */
static int begin(struct key_job *j, struct making *m)
{
    struct err e;
    m->kind = KEYS_EC_P256;
    int status = find_kind(j, &m->kind);
    if (status == 0)
        status = check_subject(j);
    if (status == 0)
        status = find_names(j, &m->names);
    if (status == 0 && keystore_read(&j->store, j->o->name, &m->entry, &e) != 0)
        status = key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    return status;
}

/* ---- a request ---- */

static void say_request(struct key_job *j, const struct key_names *names, enum keystore_file key,
                        const char *pem)
{
    char *key_path = keystore_path(&j->store, j->o->name, key);
    char *request_path = keystore_path(&j->store, j->o->name, KEYSTORE_REQUEST);
    key_say(j, "name", j->o->name);
    key_say(j, "key", key_path);
    key_say(j, "request", request_path);
    if (j->o->json) {
        json_array(&j->out, "names");
        for (size_t i = 0; i < names->count; i++)
            json_string(&j->out, NULL, names->list[i]);
        json_array_end(&j->out);
        json_string(&j->out, "pem", pem);
    } else {
        for (size_t i = 0; i < names->count; i++)
            key_say(j, i == 0 ? "names" : "", names->list[i]);
        buf_printf(&j->out, "\n%s", pem);
    }
    key_note(j,
             "send the request to the authority; when its answer has come: tlsfront key install %s "
             "FILE...",
             j->o->name);
    key_note_block(j);
    free(key_path);
    free(request_path);
}

/* Write `entry` with a request for `key`, which is the file `place` of it. */
static int make_request(struct key_job *j, struct keystore_entry *entry,
                        const struct keys_private *key, enum keystore_file place,
                        const struct key_names *names, const char *subject)
{
    struct err e;
    const struct keys_names wanted = {subject, names->list, names->count};
    char *pem = keys_request_make(key, &wanted, &e);
    if (pem == NULL)
        return key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    put_text(entry, KEYSTORE_REQUEST, pem);
    if (keystore_write(&j->store, j->o->name, entry, KEYSTORE_KEEP_NOTHING, &e) != 0)
        return key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    say_request(j, names, place, pem);
    return 0;
}

/* Where a new key is to go, so that it replaces none that is in use or waited for. */
static int find_place(struct key_job *j, const struct keystore_entry *entry,
                      enum keystore_file *place)
{
    const bool used = keystore_has(entry, KEYSTORE_CHAIN);
    *place = keystore_has(entry, KEYSTORE_KEY) &&
                     (used || !j->o->replace || keystore_has(entry, KEYSTORE_NEXT_KEY))
                 ? KEYSTORE_NEXT_KEY
                 : KEYSTORE_KEY;
    if (j->o->replace || !(keystore_has(entry, KEYSTORE_NEXT_KEY) ||
                           (used && keystore_has(entry, KEYSTORE_REQUEST))))
        return 0;
    return key_fail(j,
                    "install the answer to it (tlsfront key install), or throw it and its key away "
                    "with --replace",
                    "%s has a request that waits for its answer already", j->o->name);
}

/* RSA of 4096 bits takes seconds. NULL: a finding says why there is none. */
static struct keys_private *make_key(struct key_job *j, enum keys_kind kind)
{
    struct err e;
    progress_begin("making the private key");
    struct keys_private *key = keys_private_make(kind, &e);
    progress_end();
    if (key == NULL)
        key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    return key;
}

static int make_key_and_request(struct key_job *j, struct keystore_entry *entry,
                                const struct key_names *names, enum keys_kind kind,
                                const char *subject)
{
    enum keystore_file place;
    int status = find_place(j, entry, &place);
    if (status != 0)
        return status;
    struct keys_private *key = make_key(j, kind);
    if (key == NULL)
        return EXIT_RUNTIME;
    char *pem = key_seal(j, key);
    put_text(entry, place, pem);
    status = pem != NULL ? make_request(j, entry, key, place, names, subject) : EXIT_RUNTIME;
    keys_private_free(key);
    return status;
}

int key_new(struct key_job *j)
{
    struct making m;
    int status = begin(j, &m);
    if (status != 0)
        return status;
    if (keystore_has(&m.entry, KEYSTORE_CHAIN))
        key_note(j, "%s stays in use with its present key until the answer is installed",
                 j->o->name);
    status = make_key_and_request(j, &m.entry, &m.names, m.kind, j->o->subject);
    if (status == 0 && keystore_has(&m.entry, KEYSTORE_CHAIN))
        key_note_next_key(j);
    keystore_entry_free(&m.entry);
    return status;
}

/* ---- renewal ---- */

static int renewed_names(struct key_job *j, const struct tls_identity *id, struct key_names *names)
{
    const struct tls_identity_facts *f = tls_identity_facts(id);
    *names = (struct key_names){.count = 0};
    if (j->o->host_count > 0 || j->o->route != NULL)
        return find_names(j, names);
    for (size_t i = 0; i < f->name_count; i++)
        key_names_add(names, f->names[i]);
    if (names->count == 0)
        return key_fail_usage(j, "the certificate has no names: say them with --host HOST");
    if (names->too_many)
        return refuse_too_many(j);
    if (f->other_count > 0)
        key_note(
            j,
            "of its subjectAltName %zu entr%s no host name or IP address, and not asked for again",
            f->other_count, f->other_count == 1 ? "y is" : "ies are");
    return 0;
}

/* As the certificate has it. False: it cannot be said again, and a finding says so. */
static bool renewed_subject(struct key_job *j, const struct tls_identity_facts *f,
                            const char **subject)
{
    const bool given = j->o->host_count > 0 || j->o->route != NULL;
    *subject = j->o->subject;
    if (*subject != NULL || given || f->subject[0] == '\0')
        return true;
    *subject = f->subject;
    if (f->subject[0] != '(')
        return true;
    key_fail_usage(j,
                   "the subject of the certificate cannot be asked for again: %s; give one with "
                   "--subject",
                   f->subject);
    return false;
}

static struct keys_private *open_key(struct key_job *j, const struct keystore_entry *entry)
{
    char *path = keystore_path(&j->store, j->o->name, KEYSTORE_KEY);
    struct keys_private *key = key_open(j, &entry->file[KEYSTORE_KEY], path);
    free(path);
    return key;
}

static int renew_same_key(struct key_job *j, struct keystore_entry *entry,
                          const struct key_names *names, const char *subject)
{
    if (keystore_has(entry, KEYSTORE_NEXT_KEY) && !j->o->replace)
        return key_fail(j, "install the answer to it, or throw it away with --replace",
                        "%s has a request with a new key that waits for its answer", j->o->name);
    struct keys_private *key = open_key(j, entry);
    file_bytes_free(&entry->file[KEYSTORE_NEXT_KEY]);
    int status =
        key != NULL ? make_request(j, entry, key, KEYSTORE_KEY, names, subject) : EXIT_RUNTIME;
    keys_private_free(key);
    return status;
}

/* Beside a block with files of its own another key may wait in STATE. */
static bool is_key_of(const struct keystore_entry *entry, const struct tls_identity *id)
{
    char digest[TLS_DIGEST_TEXT];
    return key_public_digest(entry, KEYSTORE_KEY, digest) &&
           strcmp(digest, tls_identity_facts(id)->key_digest) == 0;
}

/* Those of some kinds are served, and not made here. */
static void warn_other_kind(struct key_job *j, const struct tls_identity *id, enum keys_kind kind)
{
    const struct tls_identity_facts *f = tls_identity_facts(id);
    if (strcmp(f->key, keys_kind_name(kind)) != 0)
        diag_add(&j->findings, DIAG_WARNING, NULL,
                 "--type says which, --same-key keeps the old one",
                 "the key of %s is %s; the new one is %s, the nearest kind that is made here",
                 j->o->name, f->key, keys_kind_name(kind));
}

static int renew(struct key_job *j, struct keystore_entry *entry, const struct tls_identity *id)
{
    const struct tls_identity_facts *f = tls_identity_facts(id);
    const char *subject;
    struct key_names names;
    enum keys_kind kind = keys_kind_like(f->key_type, f->key_bits);
    int status = renewed_subject(j, f, &subject) ? renewed_names(j, id, &names) : EXIT_USAGE;
    if (status == 0)
        status = find_kind(j, &kind);
    if (status == 0)
        status = check_subject(j);
    if (status != 0)
        return status;
    if (j->o->same_key && is_key_of(entry, id))
        return renew_same_key(j, entry, &names, subject);
    if (j->o->same_key)
        return key_fail(j, "take it in first: tlsfront key import, or ask for a new key",
                        "the key of %s is not the key manager's", j->o->name);
    if (j->o->type == NULL)
        warn_other_kind(j, id, kind);
    status = make_key_and_request(j, entry, &names, kind, subject);
    if (status == 0)
        key_note_next_key(j);
    return status;
}

/* What is in use under the name: of a block with files of its own these, whatever lies in STATE. */
static struct tls_identity *find_identity(struct key_job *j, const struct keystore_entry *entry,
                                          struct err *e)
{
    const size_t block = key_block(j, j->o->name);
    const bool own_files = block != KEY_UNBOUND && !j->config->certificates[block].managed;
    if (!own_files && keystore_has(entry, KEYSTORE_CHAIN) && keystore_has(entry, KEYSTORE_KEY))
        return key_stored_identity(j, j->o->name, entry, e);
    struct tls_identity *known = (struct tls_identity *)key_block_identity(j, block);
    err_set(e, "%s has no certificate that could be renewed", j->o->name);
    return known != NULL ? tls_identity_ref(known) : NULL;
}

int key_renew(struct key_job *j)
{
    struct keystore_entry entry;
    struct err e;
    if (keystore_read(&j->store, j->o->name, &entry, &e) != 0)
        return key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    struct tls_identity *id = find_identity(j, &entry, &e);
    int status =
        id != NULL
            ? renew(j, &entry, id)
            : key_fail(j, err_cure_or(&e, "make a first one: tlsfront key new NAME"), "%s", e.text);
    tls_identity_free(id);
    keystore_entry_free(&entry);
    return status;
}

/* ---- self-signed ---- */

/* One that an authority gave is not to be lost to a trial. */
static int check_trial(struct key_job *j, const struct keystore_entry *entry)
{
    struct err e;
    if (!keystore_has(entry, KEYSTORE_CHAIN) || j->o->replace)
        return 0;
    struct tls_identity *id = key_stored_identity(j, j->o->name, entry, &e);
    const bool trial = id != NULL && tls_identity_facts(id)->self_signed;
    tls_identity_free(id);
    if (trial)
        return 0;
    return key_fail(j, "use another name, or --replace", "%s has a certificate of an authority",
                    j->o->name);
}

/* False: a finding says that another kind was asked for. */
static bool is_of_type(struct key_job *j, const struct keys_private *key)
{
    char kind[16];
    keys_private_describe(key, kind);
    if (j->o->type == NULL || strcmp(j->o->type, kind) == 0)
        return true;
    key_fail(j, "leave --type out, or use another name",
             "the key of %s that waits for its certificate is taken, and it is %s", j->o->name,
             kind);
    return false;
}

/* A key that waits for its certificate can serve meanwhile; the answer will fit. NULL: a finding
 * says why not. */
static struct keys_private *waiting_key(struct key_job *j, const struct keystore_entry *entry)
{
    if (!keystore_has(entry, KEYSTORE_KEY)) {
        key_fail(j, "leave --same-key out", "there is no key of %s yet", j->o->name);
        return NULL;
    }
    struct keys_private *key = open_key(j, entry);
    if (key == NULL || is_of_type(j, key))
        return key;
    keys_private_free(key);
    return NULL;
}

/* The key in place, which is about to leave it, goes beside the request that was made with it. */
static void leave_key(struct keystore_entry *entry)
{
    struct file_bytes *key = &entry->file[KEYSTORE_KEY];
    const struct keystore_entry old = *entry;
    key_leave_waiting(&old, NULL, entry);
    if (key->data != NULL && entry->file[KEYSTORE_NEXT_KEY].data == key->data)
        *key = (struct file_bytes){0};
}

/* In its place in `entry`. NULL: a finding says why there is none. */
static struct keys_private *trial_key(struct key_job *j, struct keystore_entry *entry,
                                      enum keys_kind kind)
{
    const bool old = j->o->same_key ||
                     (keystore_has(entry, KEYSTORE_KEY) && !keystore_has(entry, KEYSTORE_CHAIN));
    struct keys_private *key = old ? waiting_key(j, entry) : make_key(j, kind);
    if (key == NULL || (old && key_is_sealed_right(j, &entry->file[KEYSTORE_KEY])))
        return key;
    char *pem = key_seal(j, key);
    if (!old)
        leave_key(entry);
    put_text(entry, KEYSTORE_KEY, pem);
    if (pem != NULL)
        return key;
    keys_private_free(key);
    return NULL;
}

static int put_trial(struct key_job *j, const struct keystore_entry *entry, struct tls_slice before)
{
    struct err e;
    if (keystore_write(&j->store, j->o->name, entry, KEYSTORE_KEEP_PAIR, &e) != 0)
        return key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    key_warn_new_key(j, before, key_slice(&entry->file[KEYSTORE_CHAIN]));
    char *path = keystore_path(&j->store, j->o->name, KEYSTORE_CHAIN);
    key_say(j, "name", j->o->name);
    key_say(j, "chain", path);
    free(path);
    key_note_block(j);
    return key_commit(j);
}

static int install_trial(struct key_job *j, struct keystore_entry *entry,
                         const struct key_names *names, enum keys_kind kind)
{
    struct err e;
    const struct keys_names wanted = {j->o->subject, names->list, names->count};
    struct keys_private *key = trial_key(j, entry, kind);
    if (key == NULL)
        return EXIT_RUNTIME;
    char *pem =
        keys_self_signed_make(key, &wanted, time(NULL), j->o->days > 0 ? j->o->days : DAYS, &e);
    if (pem == NULL)
        key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    struct file_bytes before = entry->file[KEYSTORE_CHAIN];
    entry->file[KEYSTORE_CHAIN] = (struct file_bytes){0};
    put_text(entry, KEYSTORE_CHAIN, pem);
    const bool good = pem != NULL && key_loads(j, pem, "the certificate", key);
    keys_private_free(key);
    const int status = good ? put_trial(j, entry, key_slice(&before)) : EXIT_RUNTIME;
    file_bytes_free(&before);
    return status;
}

int key_self_signed(struct key_job *j)
{
    struct making m;
    int status = begin(j, &m);
    if (status != 0)
        return status;
    status = check_trial(j, &m.entry);
    if (status == 0)
        status = install_trial(j, &m.entry, &m.names, m.kind);
    keystore_entry_free(&m.entry);
    return status;
}
