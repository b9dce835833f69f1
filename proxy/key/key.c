/* key.c - `tlsfront key`: the commands and their help. */
#include "proxy/key/key.h"
#include "proxy/base/hint.h"
#include "proxy/key/options.h"

#include <stdio.h>
#include <string.h>

struct key_command {
    const char *name, *usage, *help;
    struct key_shape shape;
    enum keystore_intent intent;
    int (*run)(struct key_job *j);
};

#define NAMES_USAGE   "[--route ROUTE] [--host HOST]... [--type TYPE] [--subject SUBJECT]"
#define ENCRYPT_USAGE "\n       [--encrypt] [--passphrase-file FILE]"
#define ENCRYPT_HELP                                                                               \
    "--encrypt: store the key under a passphrase, the first line of --passphrase-file or asked "   \
    "for;\n"                                                                                       \
    "also without it where the certificate block has a passphrase-file, which the daemon needs.\n"
#define NAMES_HELP                                                                                 \
    "The names are those of --host (a host name, *.DOMAIN or an IP address; several times), of\n"  \
    "--route (its hostname), or of the routes that use certificate NAME.\n"                        \
    "TYPE: ec-p256 (the default), ec-p384, rsa-2048, rsa-3072 or rsa-4096.\n"                      \
    "SUBJECT: as in \"CN=mail.example.org, O=Example, C=DE\"; the default is the first name.\n"
#define JUDGE_HELP                                                                                 \
    "--ca FILE: roots that clients trust, instead of this machine's. --keep-root: send the root\n" \
    "too. --force: in spite of a missing issuer, or names that are not covered.\n"

static const struct key_command commands[] = {
    {"new",
     "NAME " NAMES_USAGE " [--replace]" ENCRYPT_USAGE,
     "Make a private key and a request for a certificate, and print the request. What is in use\n"
     "under that name stays in use: the new key waits beside it for the authority's answer.\n"
     "--replace: throw away a key that waits already.\n" NAMES_HELP ENCRYPT_HELP,
     {KEY_TAKES_NAMES | KEY_TAKES_REPLACE | KEY_TAKES_ENCRYPT | KEY_TAKES_PASSPHRASE, 1, 0, 0},
     KEYSTORE_CHANGE,
     key_new},
    {"install",
     "NAME FILE... [--host HOST]... [--ca FILE] [--keep-root] [--force] [--commit]\n"
     "       [--passphrase-file FILE]",
     "Put the authority's answer in place: PEM, DER or PKCS#7 (.p7b), any number of files in any\n"
     "order. The certificate is checked against the key, its issuers and the routes' host names.\n"
     "--commit: then reload the daemon. `tlsfront key rollback` undoes it.\n"
     "--host HOST: a name that must be covered as well.\n" JUDGE_HELP,
     {KEY_TAKES_COMMIT | KEY_TAKES_JUDGE | KEY_TAKES_ROLLBACK | KEY_TAKES_PASSPHRASE, 1, 0,
      KEY_FILES_MAX},
     KEYSTORE_CHANGE,
     key_install},
    {"import",
     "NAME FILE... [--key FILE] [--passphrase-file FILE] [--host HOST]... [--ca FILE]\n"
     "       [--keep-root] [--force] [--commit]",
     "Take in a private key with its certificates that were made elsewhere: PEM, DER, PKCS#7, or\n"
     "PKCS#12 (.pfx, .p12) with the help of openssl(1). The passphrase is the first line of\n"
     "--passphrase-file, or is asked for.\n" JUDGE_HELP,
     {KEY_TAKES_COMMIT | KEY_TAKES_JUDGE | KEY_TAKES_KEY | KEY_TAKES_PASSPHRASE, 1, 1,
      KEY_FILES_MAX},
     KEYSTORE_CHANGE,
     key_import},
    {"rollback",
     "NAME [--commit]",
     "Exchange the pair with the one that was in place before it; done again, it goes forth "
     "again.\n"
     "--commit: then reload the daemon.\n",
     {KEY_TAKES_COMMIT, 1, 0, 0},
     KEYSTORE_CHANGE,
     key_rollback},
    {"list",
     "",
     "List all keys and certificates: state, names, expiry, routes.\n",
     {0, 0, 0, 0},
     KEYSTORE_LOOK,
     key_list},
    {"show",
     "NAME [--tlsa]",
     "Tell all about a certificate: names, issuer, validity, key, chain, the routes and addresses\n"
     "that it is bound to, and what the daemon serves under its name right now.\n"
     "--tlsa: the TLSA records (DANE) instead, as a zone has them: of the key that is served, of "
     "one\n"
     "that the next reload brings, of one that waits for its certificate, and of the issuer.\n",
     {KEY_TAKES_TLSA, 1, 0, 0},
     KEYSTORE_LOOK,
     key_show},
    {"self-signed",
     "NAME [--same-key] " NAMES_USAGE " [--days N] [--replace] [--commit]" ENCRYPT_USAGE,
     "Make and install a certificate that vouches for itself, for trials; clients will warn.\n"
     "--days N: how long it is valid (90; up to 3650). --replace: also over one of an "
     "authority.\n--same-key: for the key that is there.\n" NAMES_HELP ENCRYPT_HELP,
     {KEY_TAKES_NAMES | KEY_TAKES_DAYS | KEY_TAKES_REPLACE | KEY_TAKES_SAME_KEY | KEY_TAKES_COMMIT |
          KEY_TAKES_ENCRYPT | KEY_TAKES_PASSPHRASE,
      1, 0, 0},
     KEYSTORE_CHANGE,
     key_self_signed},
    {"renew",
     "NAME [--same-key] " NAMES_USAGE " [--replace]" ENCRYPT_USAGE,
     "Make a request for a new certificate with the names of the one in use, and a new key unless\n"
     "--same-key says otherwise; then `tlsfront key install`. Names given replace the old "
     "ones.\n" ENCRYPT_HELP,
     {KEY_TAKES_NAMES | KEY_TAKES_REPLACE | KEY_TAKES_SAME_KEY | KEY_TAKES_ENCRYPT |
          KEY_TAKES_PASSPHRASE,
      1, 0, 0},
     KEYSTORE_CHANGE,
     key_renew},
    {"remove",
     "NAME [--request]",
     "Remove a pair with all that belongs to it; refused while the configuration names it.\n"
     "--request: only the request that waits, and its key.\n",
     {KEY_TAKES_REQUEST, 1, 0, 0},
     KEYSTORE_CHANGE,
     key_remove},
    {"ticket-new",
     "FILE [--keep OTHER | --replace]",
     "Make a file of random bytes for ticket-key, with mode 0600, in one step. One that is there\n"
     "is left alone, unless --keep OTHER copies it first to where its tickets are opened from on,\n"
     "as the second of ticket-key = {FILE, OTHER}, or --replace throws it away.\n",
     {KEY_TAKES_KEEP | KEY_TAKES_REPLACE, 0, 1, 1},
     KEYSTORE_APART,
     key_ticket_new},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

/* ---- the line ---- */

static void print_usage(FILE *out, const char *before, const struct key_command *c)
{
    fprintf(out, "%stlsfront key %s%s%s\n", before, c->name, *c->usage != '\0' ? " " : "",
            c->usage);
}

static void print_help(FILE *out)
{
    fputs("tlsfront key - keys, requests and certificates\n\n", out);
    for (size_t i = 0; i < COMMANDS; i++)
        print_usage(out, "  ", &commands[i]);
    fputs("\nEvery command takes -c FILE, --json and --help.\n" EXITS_HELP
          "Manual: tlsfront-key(1).\n",
          out);
}

static int wrong_usage(const struct key_command *c)
{
    if (c != NULL)
        print_usage(stderr, "usage: ", c);
    else
        print_help(stderr);
    return EXIT_USAGE;
}

static int parse_and_run(const struct key_command *c, int argc, char **argv)
{
    struct key_options o;
    struct err e;
    switch (key_options_parse(&c->shape, argc, argv, &o, &e)) {
    case KEY_LINE_GOOD:
        return key_run(&o, c->intent, c->run);
    case KEY_LINE_HELP:
        print_usage(stdout, "usage: ", c);
        printf("\n%s", c->help);
        return 0;
    case KEY_LINE_WRONG:
        if (e.text[0] != '\0')
            fprintf(stderr, "tlsfront: %s\n", e.text);
        break;
    }
    return wrong_usage(c);
}

static void suggest_command(const char *name)
{
    struct hint h = hint_begin(name);
    for (size_t i = 0; i < COMMANDS; i++)
        hint_offer(&h, commands[i].name);
    fprintf(stderr, "tlsfront: there is no command \"key %s\"\n", name);
    hint_say(&h, "tlsfront key ");
    fputs("\n", stderr);
}

int key_main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_help(stdout);
        return 0;
    }
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0)
            return parse_and_run(&commands[i], argc - 1, argv + 1);
    if (*name == '\0')
        fputs("tlsfront: COMMAND is missing\n\n", stderr);
    else
        suggest_command(name);
    return wrong_usage(NULL);
}
