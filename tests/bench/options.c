#include "tests/bench/options.h"

#include "tests/bench/pattern.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

static const char *const works[] = {
    [WORK_HANDSHAKE] = "handshake", [WORK_ECHO] = "echo",     [WORK_DOWNLOAD] = "download",
    [WORK_UPLOAD] = "upload",       [WORK_IDLE] = "idle",     [WORK_HALF] = "half",
    [WORK_ABORT] = "abort",         [WORK_SCRIPT] = "script",
};

static const char usage[] =
    "usage: bench-client WORK --port PORT --tls 1.2|1.3|none [--suite NAME] [--groups LIST]\n"
    "                    [--certificate FILE] [--resume] [--count N] [--size BYTES] [--conns N]\n"
    "                    [--nagle] [--name NAME] [--script NAME]\n"
    "WORK  handshake  COUNT connections, one byte echoed on each\n"
    "      echo       COUNT messages of SIZE bytes, echoed on CONNS connections\n"
    "      download   COUNT bytes over CONNS connections; upload likewise\n"
    "      idle       hold COUNT sessions open\n"
    "      half       hold COUNT handshakes, where the proxy waits for the client's Finished\n"
    "      abort      leave COUNT handshakes there\n"
    "      script     the script NAME, with COUNT bytes, on one connection\n"
    "Prepares, prints \"ready\", waits for a line, works, prints what it found as JSON, and holds "
    "its\n"
    "connections open until the next line.";

static uint64_t number(const char *text)
{
    char *end = NULL;
    uint64_t value = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || value == 0)
        die("client: %s is no number above 0", text);
    return value;
}

static int version(const char *text)
{
    if (strcmp(text, "none") == 0)
        return 0;
    if (strcmp(text, "1.2") == 0)
        return TLS1_2_VERSION;
    if (strcmp(text, "1.3") == 0)
        return TLS1_3_VERSION;
    die("client: --tls %s: 1.2, 1.3 or none", text);
}

static enum work work(const char *text)
{
    for (unsigned i = 0; i < sizeof(works) / sizeof(works[0]); i++)
        if (strcmp(works[i], text) == 0)
            return (enum work)i;
    die("%s", usage);
}

static void check(const struct options *o)
{
    if (o->to.sin_port == 0 || o->version < 0)
        die("%s", usage);
    if (o->version > 0 && (o->suite == NULL || o->groups == NULL || o->certificate == NULL))
        die("client: TLS needs --suite, --groups and --certificate");
    if ((o->work == WORK_SCRIPT) != (o->script != NULL) || (o->script != NULL && o->conns != 1))
        die("client: a script needs its name, and one connection");
    if (o->size > PATTERN_SIZE)
        die("client: a message has at most %u bytes", PATTERN_SIZE);
}

void options_parse(struct options *o, int argc, char **argv)
{
    static const struct option known[] = {
        {"port", required_argument, NULL, 'p'},
        {"tls", required_argument, NULL, 't'},
        {"suite", required_argument, NULL, 's'},
        {"groups", required_argument, NULL, 'g'},
        {"count", required_argument, NULL, 'n'},
        {"certificate", required_argument, NULL, 'c'},
        {"size", required_argument, NULL, 'z'},
        {"conns", required_argument, NULL, 'k'},
        {"resume", no_argument, NULL, 'r'},
        {"nagle", no_argument, NULL, 'N'},
        {"script", required_argument, NULL, 'S'},
        {"name", required_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    *o = (struct options){.version = -1, .count = 1, .size = 1, .conns = 1};
    o->to.sin_family = AF_INET;
    o->to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case 'p':
            o->to.sin_port = htons((uint16_t)number(optarg));
            break;
        case 't':
            o->version = version(optarg);
            break;
        case 's':
            o->suite = optarg;
            break;
        case 'g':
            o->groups = optarg;
            break;
        case 'c':
            o->certificate = optarg;
            break;
        case 'n':
            o->count = number(optarg);
            break;
        case 'z':
            o->size = number(optarg);
            break;
        case 'k':
            o->conns = (unsigned)number(optarg);
            break;
        case 'r':
            o->resume = true;
            break;
        case 'N':
            o->nagle = true;
            break;
        case 'h':
            o->name = optarg;
            break;
        case 'S':
            o->script = optarg;
            break;
        default:
            die("%s", usage);
        }
    }
    if (optind != argc - 1)
        die("%s", usage);
    o->work = work(argv[optind]);
    check(o);
}
