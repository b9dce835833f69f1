/* test_mistakes.c - every mistake that text can show: its line, its words and its cure. */
#include "mistake.h"

struct mistake {
    const char *name;
    const char *text;
    int line;
    enum diag_severity severity;
    const char *cause[3]; /* words that the cause has */
    const char *cure[3];  /* words that the cure has */
    size_t others;        /* findings beside it that the same mistake brings */
};

#define E DIAG_ERROR
#define W DIAG_WARNING

/* A route in full but for one line; the line is number 3 to 6. */
#define WITHOUT_LISTEN(line)                                                                       \
    CERTIFICATE "route r {\n" line                                                                 \
                "\nprotocol = pop3\ncertificate = {mail}\nupstream = \"127.0.0.1:110\"\n}\n"
#define WITHOUT_PROTOCOL(line)                                                                     \
    CERTIFICATE "route r {\nlisten = \"127.0.0.1:995\"\n" line                                     \
                "\ncertificate = {mail}\nupstream = \"127.0.0.1:110\"\n}\n"
#define WITHOUT_CERTIFICATE(line)                                                                  \
    CERTIFICATE "route r {\nlisten = \"127.0.0.1:995\"\nprotocol = pop3\n" line                    \
                "\nupstream = \"127.0.0.1:110\"\n}\n"
#define WITHOUT_UPSTREAM(line)                                                                     \
    CERTIFICATE                                                                                    \
    "route r {\nlisten = \"127.0.0.1:995\"\nprotocol = pop3\ncertificate = {mail}\n" line "\n}\n"
#define OF(protocol, listen, more)                                                                 \
    CERTIFICATE "route r {\nprotocol = " protocol                                                  \
                "\ncertificate = {mail}\nupstream = \"192.0.2.1:1\"\nlisten = " listen "\n" more   \
                "\n}\n"
#define SECOND_ROUTE(listen)                                                                       \
    "route s {\nlisten = " listen                                                                  \
    "\nprotocol = pop3\ncertificate = mail\nupstream = \"192.0.2.1:110\"\n}\n"

/* One byte more than the longest path. */
#define TIMES_16(text)                                                                             \
    text text text text text text text text text text text text text text text text
#define LONG_PATH "\"" TIMES_16(TIMES_16("/123456789abcdef")) "\""

static const struct mistake syntax[] = {
    {"unknown global key",
     "uzer = x\n" ROUTE(""),
     1,
     E,
     {"\"uzer\"", "no key"},
     {"did you mean \"user\"?", "workers", "drain-timeout"},
     0},
    {"unknown key far from any",
     "colour = x\n" ROUTE(""),
     1,
     E,
     {"\"colour\""},
     {"keys outside of blocks: workers"},
     0},
    {"unknown route key",
     ROUTE("upstreem = x"),
     7,
     E,
     {"route r", "\"upstreem\""},
     {"did you mean \"upstream\"?"},
     0},
    {"unknown route key with a list",
     ROUTE("foo = {a, b}"),
     7,
     E,
     {"route r", "\"foo\""},
     {"keys of a route block", "listen"},
     0},
    {"unknown certificate key",
     "certificate mail { chain = /c\nkye = /k }\n" ROUTE(""),
     2,
     E,
     {"certificate mail", "\"kye\""},
     {"did you mean \"key\"?"},
     1},
    {"two unknown keys, the second",
     ROUTE("foo = a\nbar = b"),
     8,
     E,
     {"\"bar\""},
     {"keys of a route"},
     1},
    {"route key outside",
     "listen = \":995\"\n" ROUTE(""),
     1,
     E,
     {"\"listen\""},
     {"stands in a route block"},
     0},
    {"certificate key in a route",
     ROUTE("chain = /c"),
     7,
     E,
     {"\"chain\""},
     {"stands in a certificate block"},
     0},
    {"global key in a route",
     ROUTE("workers = auto"),
     7,
     E,
     {"\"workers\""},
     {"outside of all blocks"},
     0},
    {"include in a route",
     ROUTE("include(\"x\")"),
     7,
     E,
     {"route r", "\"include\""},
     {"outside of all blocks"},
     0},
    {"unknown block",
     ROUTE("") "rout x {\na = b\n}\n",
     9,
     E,
     {"no kind of block \"rout\""},
     {"did you mean \"route\"?"},
     0},
    {"doubled global key",
     "user = a\nuser = b\n" ROUTE(""),
     2,
     E,
     {"user is set a second time", "line 1"},
     {"keep one"},
     0},
    {"doubled route key",
     ROUTE("alpn = a\nalpn = {b}"),
     8,
     E,
     {"route r", "alpn is set a second time", "line 7"},
     {"keep one", "{...}"},
     0},
    {"doubled route",
     ROUTE("") "route r {\n}\n",
     9,
     E,
     {"second route \"r\"", "line 2"},
     {"another name"},
     0},
    {"doubled certificate",
     CERTIFICATE ROUTE(""),
     2,
     E,
     {"second certificate \"mail\"", "line 1"},
     {"another name"},
     0},
    {"no equals sign", "user x\n" ROUTE(""), 1, E, {"no = behind \"user\""}, {"KEY = VALUE"}, 0},
    {"no equals sign in a route",
     ROUTE("xclient off"),
     7,
     E,
     {"route r", "no = behind \"xclient\""},
     {"KEY = VALUE"},
     0},
    {"a key alone, blamed where it stands",
     "user\n\nworkers = 2\n" ROUTE(""),
     1,
     E,
     {"no = behind \"user\""},
     {"KEY = VALUE"},
     0},
    {"no value", ROUTE("hostname =\nxclient = off"), 7, E, {"hostname"}, {"DNS name"}, 0},
    {"no value at the end", "user =", 1, E, {"missing behind \"=\""}, {"KEY = VALUE"}, 0},
    {"a value too many",
     "user = a b\n" ROUTE(""),
     1,
     E,
     {"no key \"b\""},
     {"keys outside of blocks"},
     0},
    {"a list for one value",
     "user = {a, b}\n" ROUTE(""),
     1,
     E,
     {"\"{\" is not expected"},
     {"missing before"},
     0},
    {"+= on one value",
     "user += a\n" ROUTE(""),
     1,
     E,
     {"user takes one value", "+="},
     {"KEY = VALUE"},
     0},
    {"no comma in a list",
     ROUTE("alpn = {a b}"),
     7,
     E,
     {"route r", "\"b\" is not expected"},
     {"comma"},
     0},
    {"block without a name",
     ROUTE("") "route {\n}\n",
     9,
     E,
     {"route block without a name"},
     {"KIND NAME"},
     0},
    {"block without braces",
     "route x\n" ROUTE(""),
     1,
     E,
     {"missing behind \"x\""},
     {"KIND NAME {"},
     0},
    {"block without braces, then a key",
     "route x\nuser = a\n" ROUTE(""),
     1,
     E,
     {"route block without braces"},
     {"KIND NAME {"},
     0},
    {"stray closing brace", "}\n" ROUTE(""), 1, E, {"} closes nothing"}, {"remove it"}, 0},
    {"stray closing parenthesis", ")\n" ROUTE(""), 1, E, {") closes nothing"}, {"remove it"}, 0},
    {"block that does not end",
     CERTIFICATE
     "route r {\nlisten = \":995\"\nprotocol = pop3\ncertificate = mail\nupstream = \"/x:1\"\n",
     2,
     E,
     {"block is not closed"},
     {"put }"},
     1},
    {"block that begins in a block",
     "certificate mail { chain = /c\n"
     "route r {\nlisten = \"127.0.0.1:995\"\nprotocol = pop3\ncertificate = {mail}\nupstream = "
     "\"127.0.0.1:110\"\n}\n",
     1,
     E,
     {"block is not closed"},
     {"put }"},
     0},
    {"list that does not end",
     ROUTE("alpn = {\"a\", \"b\"\nxclient = off"),
     7,
     E,
     {"list is not closed"},
     {"put }"},
     0},
    {"list in a list",
     ROUTE("alpn = {a, {b}"),
     7,
     E,
     {"list begins inside a list"},
     {"one list"},
     0},
    {"string that does not end",
     ROUTE("hostname = \"a.b\nxclient = off"),
     7,
     E,
     {"string is not closed"},
     {"quotation mark"},
     0},
    {"single-quoted string that does not end",
     ROUTE("hostname = 'a.b\nxclient = off"),
     7,
     E,
     {"string is not closed"},
     {"quotation mark"},
     0},
    {"comment that does not end",
     ROUTE("") "\n/* foo\nbar\n",
     10,
     E,
     {"comment", "not closed"},
     {"*/"},
     0},
    {"environment in a string",
     ROUTE("hostname = \"${HOME}\""),
     7,
     E,
     {"${...}"},
     {"the value itself"},
     1},
    {"environment without quotes",
     "user = ${USER}\n" ROUTE(""),
     1,
     E,
     {"${...}"},
     {"the value itself"},
     1},
    {"unknown escape", ROUTE("hostname = \"a\\nb\""), 7, E, {"backslash"}, {"\\\\"}, 0},
    {"control character in a string",
     ROUTE("hostname = \"a\001b\""),
     7,
     E,
     {"control character"},
     {"remove"},
     0},
    {"control character outside", "\002\n" ROUTE(""), 1, E, {"control character"}, {"remove"}, 0},
    {"star without quotes",
     WITHOUT_LISTEN("listen = *:995"),
     3,
     E,
     {"*", "outside of quotation marks"},
     {"quotation marks"},
     0},
    {"plus without quotes",
     ROUTE("") "user = a+b\n",
     9,
     E,
     {"+", "outside of quotation marks"},
     {"quotation marks"},
     1},
    {"include without parentheses",
     "include \"x\"\n" ROUTE(""),
     1,
     E,
     {"include without parentheses"},
     {"include(\"FILE\")"},
     0},
    {"include of two",
     "include(\"x\", \"y\")\n" ROUTE(""),
     1,
     E,
     {"do not hold one word"},
     {"include(\"FILE\")"},
     0},
    {"include of two words",
     "include(\"x\" \"y\")\n" ROUTE(""),
     1,
     E,
     {"do not hold one word"},
     {"include(\"FILE\")"},
     0},
    {"include of nothing",
     "include()\n" ROUTE(""),
     1,
     E,
     {"do not hold one word"},
     {"include(\"FILE\")"},
     0},
    {"include that does not end",
     ROUTE("") "include(\"x\"",
     9,
     E,
     {"do not hold one word"},
     {"include(\"FILE\")"},
     0},
    {"empty key", "\"\" = a\n" ROUTE(""), 1, E, {"not understood"}, {NULL}, 0},
    {"key that looks like a path into a block",
     "\"route|user\" = a\n" ROUTE(""),
     1,
     E,
     {"route"},
     {NULL},
     0},
    {"line after a comment",
     "# one\n// two\n/* three\nfour */\nuzer = x\n" ROUTE(""),
     5,
     E,
     {"\"uzer\""},
     {"user"},
     0},
    {"line of a value in a list",
     WITHOUT_UPSTREAM("upstream = {\"127.0.0.1:1\",\n\"127.0.0.1\"}"),
     7,
     E,
     {"\"127.0.0.1\" has no port"},
     {"host:port"},
     0},
};

static const struct mistake values[] = {
    {"workers 0", "workers = 0\n" ROUTE(""), 1, E, {"workers \"0\""}, {"auto"}, 0},
    {"workers in words", "workers = many\n" ROUTE(""), 1, E, {"workers \"many\""}, {"auto"}, 0},
    {"too many workers", "workers = 5000\n" ROUTE(""), 1, E, {"1 to 256"}, {"auto"}, 0},
    {"empty user", "user = \"\"\n" ROUTE(""), 1, E, {"user is empty"}, {"write a value"}, 0},
    {"log-level",
     "log-level = inof\n" ROUTE(""),
     1,
     E,
     {"log-level \"inof\" is not known"},
     {"did you mean \"info\"?", "error, warn, info, debug"},
     0},
    {"drain-newcomers",
     "drain-newcomers = rest\n" ROUTE(""),
     1,
     E,
     {"drain-newcomers \"rest\" is not known"},
     {"did you mean \"reset\"?", "refuse"},
     0},
    {"log-format", "log-format = xml\n" ROUTE(""), 1, E, {"\"xml\""}, {"text, json"}, 0},
    {"log",
     "log = stdout\n" ROUTE(""),
     1,
     E,
     {"log \"stdout\""},
     {"stderr, syslog or the path"},
     0},
    {"long control path",
     "control = "
     "/01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901"
     "23456789012345678\n" ROUTE(""),
     1,
     E,
     {"control", "too long for a Unix socket"},
     {"107"},
     0},
    {"long log path",
     "log = " LONG_PATH "\n" ROUTE(""),
     1,
     E,
     {"log is a path of 4096 bytes", "4095 are possible"},
     {"shorter"},
     0},
    {"long state path",
     "state = " LONG_PATH "\n" ROUTE(""),
     1,
     E,
     {"state is a path of 4096 bytes"},
     {"shorter"},
     0},
    {"long path of a file",
     ROUTE("client-certificate = required\nclient-ca = /ca\nclient-crl = " LONG_PATH),
     9,
     E,
     {"client-crl is a path of 4096 bytes"},
     {"shorter"},
     0},
    {"observe without a port",
     "observe = \"127.0.0.1\"\n" ROUTE(""),
     1,
     E,
     {"observe \"127.0.0.1\" has no port"},
     {"host:port"},
     0},
    {"observe where a route listens",
     "observe = \"127.0.0.1:995\"\n" ROUTE(""),
     1,
     E,
     {"observe \"127.0.0.1:995\" is where route r listens"},
     {"another address"},
     0},
    {"observe twice",
     "observe = {\"127.0.0.1:9770\", \"127.0.0.1:9770\"}\n" ROUTE(""),
     1,
     E,
     {"observe has \"127.0.0.1:9770\" twice"},
     {"remove one"},
     0},
    {"observe for everybody",
     "observe = \"192.0.2.1:9770\"\n" ROUTE(""),
     1,
     W,
     {"observe \"192.0.2.1:9770\"", "everybody"},
     {"127.0.0.1"},
     0},
    {"duration without a unit",
     "drain-timeout = 10\n" ROUTE(""),
     1,
     E,
     {"drain-timeout \"10\"", "without a unit"},
     {"10s"},
     0},
    {"duration with a wrong unit",
     ROUTE("idle-timeout = 10x"),
     7,
     E,
     {"route r", "idle-timeout \"10x\" is not a duration"},
     {"5m"},
     0},
    {"negative duration", ROUTE("connect-timeout = -5s"), 7, E, {"not a duration"}, {"5m"}, 0},
    {"duration that is too long", ROUTE("idle-timeout = 10000h"), 7, E, {"too long"}, {"596h"}, 0},
    {"limit that is no number",
     ROUTE("max-connections = 10k"),
     7,
     E,
     {"max-connections \"10k\" is not a number"},
     {"whole number"},
     0},
    {"limit out of range",
     ROUTE("max-connections-per-ip = 99999999999999999999"),
     7,
     E,
     {"max-connections-per-ip"},
     {"number"},
     0},
    {"limit above the highest",
     ROUTE("max-connections-per-ip = 10000001"),
     7,
     E,
     {"out of range", "10000000"},
     {"smaller"},
     0},
    {"protocol",
     WITHOUT_PROTOCOL("protocol = pop"),
     4,
     E,
     {"protocol \"pop\" is not known"},
     {"did you mean \"pop3\"?", "sieve"},
     0},
    {"tls", ROUTE("tls = on"), 7, E, {"tls \"on\""}, {"implicit, required, optional"}, 0},
    {"send-proxy", ROUTE("send-proxy = v3"), 7, E, {"send-proxy \"v3\""}, {"off, v1, v2"}, 0},
    {"client-certificate",
     ROUTE("client-certificate = yes"),
     7,
     E,
     {"\"yes\""},
     {"none, optional, required"},
     0},
    {"min-version", ROUTE("min-version = 1.1"), 7, E, {"min-version \"1.1\""}, {"1.2, 1.3"}, 0},
    {"switch", ROUTE("strict-sni = maybe"), 7, E, {"strict-sni \"maybe\""}, {"on or off"}, 0},
    {"relay-risk", ROUTE("relay-risk = yes"), 7, E, {"\"yes\""}, {"refused, accepted"}, 0},
    {"hostname", ROUTE("hostname = \"a b\""), 7, E, {"hostname \"a b\""}, {"DNS name"}, 0},
    {"empty alpn", ROUTE("alpn = {\"a\", \"\"}"), 7, E, {"alpn is empty"}, {"write a value"}, 0},
    {"route name",
     CERTIFICATE "route \"a b\" {\nlisten = \"127.0.0.1:995\"\nprotocol = pop3\ncertificate = "
                 "mail\nupstream = \"192.0.2.1:1\"\n}\n",
     2,
     E,
     {"route \"a b\"", "name"},
     {"letters"},
     0},
    {"listen on a name",
     WITHOUT_LISTEN("listen = \"mail.example:995\""),
     3,
     E,
     {"route r", "listen \"mail.example:995\" names a host"},
     {"give an address"},
     0},
    {"listen without a port",
     WITHOUT_LISTEN("listen = \"127.0.0.1\""),
     3,
     E,
     {"has no port"},
     {"host:port"},
     0},
    {"listen on a port too high",
     WITHOUT_LISTEN("listen = \":99999\""),
     3,
     E,
     {"listen \":99999\" has no usable port"},
     {"1 to 65535"},
     0},
    {"listen on port 0",
     WITHOUT_LISTEN("listen = \"127.0.0.1:0\""),
     3,
     E,
     {"no usable port"},
     {"1 to 65535"},
     0},
    {"listen on bare IPv6",
     WITHOUT_LISTEN("listen = \"::1:995\""),
     3,
     E,
     {"is not an address with a port"},
     {"brackets"},
     0},
    {"listen with a scope",
     WITHOUT_LISTEN("listen = \"[fe80::1%eth0]:995\""),
     3,
     E,
     {"scope"},
     {"link-local"},
     0},
    {"listen on mapped IPv4",
     WITHOUT_LISTEN("listen = \"[::ffff:192.0.2.1]:995\""),
     3,
     E,
     {"IPv4 address written as IPv6"},
     {"IPv4 address itself"},
     0},
    {"relative Unix socket",
     WITHOUT_LISTEN("listen = \"unix:run/x\""),
     3,
     E,
     {"not an absolute path"},
     {"unix:/run"},
     0},
    {"a directory as Unix socket",
     WITHOUT_LISTEN("listen = \"unix:/run/x/\""),
     3,
     E,
     {"names a directory"},
     {"the socket in it"},
     0},
    {"the directory above as Unix socket",
     WITHOUT_LISTEN("listen = \"unix:/run/..\""),
     3,
     E,
     {"names a directory"},
     {"the socket in it"},
     0},
    {"a directory as control socket",
     "control = \"/run/x/\"\n" ROUTE(""),
     1,
     E,
     {"control \"/run/x/\" names a directory"},
     {"a socket in it"},
     0},
    {"a directory as log",
     "log = \"/run/x/\"\n" ROUTE(""),
     1,
     E,
     {"log \"/run/x/\" is a directory"},
     {"a file in it"},
     0},
    {"long Unix socket",
     WITHOUT_LISTEN("listen = "
                    "\"unix:/"
                    "012345678901234567890123456789012345678901234567890123456789012345678901234567"
                    "8901234567890123456789012345678\""),
     3,
     E,
     {"too long for a Unix socket"},
     {"107"},
     0},
    {"upstream without a port",
     WITHOUT_UPSTREAM("upstream = \"127.0.0.1\""),
     6,
     E,
     {"route r: upstream \"127.0.0.1\" has no port"},
     {"write host:port, as in \"127.0.0.1:110\""},
     0},
    {"upstream that is nowhere",
     WITHOUT_UPSTREAM("upstream = \"0.0.0.0:110\""),
     6,
     E,
     {"not an address that can be connected to"},
     {"127.0.0.1"},
     0},
    {"upstream with a wrong IPv4 address",
     WITHOUT_UPSTREAM("upstream = \"127.0.1:110\""),
     6,
     E,
     {"neither an address nor a host name"},
     {"host:port"},
     0},
    {"upstream without a host",
     WITHOUT_UPSTREAM("upstream = \":110\""),
     6,
     E,
     {"neither an address nor a host name"},
     {"host:port"},
     0},
    {"source",
     ROUTE("source = \"192.0.2.1:25\""),
     7,
     E,
     {"source \"192.0.2.1:25\" is not an address"},
     {"without a port"},
     0},
    {"source that is every address",
     ROUTE("source = 0.0.0.0"),
     7,
     E,
     {"not an address of one interface"},
     {"192.0.2.1"},
     0},
    {"network",
     ROUTE("accept-proxy-from = {\"192.0.2.0/33\"}"),
     7,
     E,
     {"prefix length"},
     {"/24"},
     0},
    {"network with host bits",
     ROUTE("accept-proxy-from = {\"192.0.2.1/24\"}"),
     7,
     E,
     {"bits set behind its prefix"},
     {"first address"},
     0},
};

static const struct mistake absent[] = {
    {"no routes", "", 0, E, {"no routes"}, {"route NAME {"}, 0},
    {"no listen",
     WITHOUT_LISTEN(""),
     2,
     E,
     {"route r: there is no listen"},
     {"listen = \":995\""},
     0},
    {"no protocol", WITHOUT_PROTOCOL(""), 2, E, {"no protocol"}, {"pop3, imap"}, 0},
    {"no certificate",
     WITHOUT_CERTIFICATE(""),
     2,
     E,
     {"no certificate"},
     {"certificate = {mail}"},
     1},
    {"no upstream", WITHOUT_UPSTREAM(""), 2, E, {"no upstream"}, {"127.0.0.1:110"}, 0},
    {"empty list", WITHOUT_UPSTREAM("upstream = {}"), 2, E, {"no upstream"}, {"127.0.0.1:110"}, 0},
    {"the key manager's certificate, which is not there",
     "certificate x {\n}\n" ROUTE(""),
     1,
     E,
     {"certificate x", "/var/lib/tlsfront/x/key.pem"},
     {NULL},
     1},
    {"certificate without chain",
     "certificate x {\nkey = /k\n}\n" ROUTE(""),
     1,
     E,
     {"certificate x: there is no chain"},
     {"chain = "},
     1},
    {"undefined certificate",
     WITHOUT_CERTIFICATE("certificate = {mail, mial}"),
     5,
     E,
     {"certificate \"mial\" is not defined"},
     {"did you mean \"mail\"?"},
     0},
    {"undefined certificate, nothing close",
     WITHOUT_CERTIFICATE("certificate = {mail, other}"),
     5,
     E,
     {"\"other\" is not defined"},
     {"certificate NAME {"},
     0},
    {"certificate twice",
     WITHOUT_CERTIFICATE("certificate = {mail, mail}"),
     5,
     E,
     {"\"mail\" is named twice"},
     {"once"},
     0},
    {"unused certificate",
     ROUTE("") "certificate b {\nchain = /c }\n",
     9,
     W,
     {"certificate b: no route uses it"},
     {"remove"},
     0},
    {"chain that is not there",
     "certificate mail { chain = /c\nkey = /nowhere }\nroute r {\nlisten = "
     "\"127.0.0.1:995\"\nprotocol = pop3\ncertificate = mail\nupstream = \"127.0.0.1:110\"\n}\n",
     2,
     E,
     {"certificate mail", "\"/nowhere\""},
     {NULL},
     0},
    {"relative path starts at the file's directory",
     "certificate mail { chain = /c\nkey = x.key }\nroute r {\nlisten = "
     "\"127.0.0.1:995\"\nprotocol = pop3\ncertificate = mail\nupstream = \"127.0.0.1:110\"\n}\n",
     2,
     E,
     {"\"/etc/tlsfront/x.key\""},
     {NULL},
     0},
};

static const struct mistake across[] = {
    {"two routes on one address",
     ROUTE("") SECOND_ROUTE("\"127.0.0.1:995\""),
     10,
     E,
     {"route s: listen \"127.0.0.1:995\" is taken by route r", "line 3"},
     {"another address"},
     0},
    {"one route twice on one address",
     WITHOUT_LISTEN("listen = {\"127.0.0.1:995\", \"localhost:995\"}"),
     3,
     E,
     {"taken by the same route"},
     {"another address"},
     0},
    {"wildcard against wildcard",
     WITHOUT_LISTEN("listen = \":995\"") SECOND_ROUTE("\"*:995\""),
     9,
     E,
     {"route s: listen \"0.0.0.0:995\" is taken by route r"},
     {"another address"},
     0},
    {"wildcard against half of it",
     WITHOUT_LISTEN("listen = \"[::]:995\"") SECOND_ROUTE("\"*:995\""),
     9,
     E,
     {"listen \"[::]:995\" is taken by route r"},
     {"another address"},
     0},
    {"one Unix socket twice",
     WITHOUT_LISTEN("listen = \"unix:/s\"") SECOND_ROUTE("\"unix:/s\""),
     9,
     E,
     {"\"unix:/s\" is taken"},
     {"another address"},
     0},
    {"two spellings of one address",
     WITHOUT_LISTEN("listen = \"[2001:db8:0::1]:995\"") SECOND_ROUTE("\"[2001:DB8::1]:995\""),
     9,
     E,
     {"\"[2001:db8::1]:995\" is taken"},
     {"another address"},
     0},
    {"upstream is the route itself",
     WITHOUT_UPSTREAM("upstream = \"127.0.0.1:995\""),
     6,
     E,
     {"upstream \"127.0.0.1:995\" is where route r listens"},
     {"server's own"},
     0},
    {"upstream is behind a wildcard",
     OF("tcp", "\":1110\"",
        "source = 127.0.0.1") "route s {\nlisten = \"127.0.0.1:1\"\nprotocol = tcp\ncertificate = "
                              "mail\nupstream = \"127.0.0.1:1110\"\n}\n",
     13,
     E,
     {"is where route r listens"},
     {"server's own"},
     0},
    {"client-certificate without client-ca",
     ROUTE("client-certificate = required"),
     2,
     E,
     {"no client-ca"},
     {"client-ca = "},
     0},
    {"client-ca without client-certificate",
     ROUTE("client-ca = /ca"),
     7,
     W,
     {"client-ca has no effect"},
     {"client-certificate"},
     0},
    {"client-subjects where nobody is asked",
     ROUTE("client-subjects = {\"CN=a\"}"),
     7,
     E,
     {"client-subjects keeps nobody out"},
     {"client-certificate = required"},
     0},
    {"client-names where nobody is asked",
     ROUTE("client-certificate = none\nclient-names = {a.example}"),
     8,
     E,
     {"client-names keeps nobody out"},
     {"client-certificate = required"},
     0},
    {"client-subjects that is a name only",
     ROUTE("client-certificate = required client-ca = /ca\nclient-subjects = {alice}"),
     8,
     E,
     {"client-subjects \"alice\" is not the subject"},
     {"in the log"},
     0},
    {"client-names that is an address",
     ROUTE("client-certificate = required client-ca = /ca\nclient-names = {\"192.0.2.1\"}"),
     8,
     E,
     {"client-names \"192.0.2.1\" is an address"},
     {"a DNS name"},
     0},
    {"client-crl without client-ca",
     ROUTE("client-crl = /crl"),
     7,
     E,
     {"client-crl needs a client-ca"},
     {"add client-ca"},
     0},
    {"implicit TLS on the clear port",
     OF("pop3", "\"127.0.0.1:110\"", ""),
     6,
     W,
     {"port 110", "begin in clear", "995"},
     {"port for TLS"},
     0},
    {"implicit TLS on the submission port",
     OF("smtp", "\":587\"", "send-proxy = v2"),
     6,
     W,
     {"port 587", "465"},
     {"port for TLS"},
     0},
    {"implicit TLS where the protocol has no such port",
     OF("sieve", "\":4190\"", ""),
     6,
     W,
     {"port 4190", "begin in clear"},
     {"another port"},
     0},
    {"another protocol's port",
     OF("imap", "\":995\"", ""),
     6,
     W,
     {"protocol is imap", "port 995 is that of pop3"},
     {"correct"},
     0},
    {"relay risk",
     OF("smtp", "\":465\"", ""),
     5,
     W,
     {"route r", "anyone can send"},
     {"send-proxy = v1 or v2", "source = ", "relay-risk = accepted"},
     0},
    {"relay risk from a loopback source",
     OF("smtp", "\":465\"", "source = 127.0.0.2"),
     5,
     W,
     {"anyone can send"},
     {"relay-risk = accepted"},
     0},
    {"source of the other family",
     ROUTE("source = \"2001:db8::1\""),
     7,
     E,
     {"source \"2001:db8::1\" cannot reach upstream \"127.0.0.1:110\""},
     {"two IPv4"},
     0},
    {"source for a Unix socket",
     WITHOUT_UPSTREAM("upstream = \"unix:/s\"\nsource = 192.0.2.1"),
     7,
     W,
     {"source has no effect"},
     {"remove source"},
     0},
    {"upgrade-timeout where TLS comes first",
     ROUTE("upgrade-timeout = 5s"),
     7,
     W,
     {"upgrade-timeout has no effect"},
     {"remove"},
     0},
    {"greeting-timeout where none is awaited",
     OF("ldap", "\":636\"", "greeting-timeout = 5s"),
     7,
     W,
     {"greeting-timeout has no effect", "ldap"},
     {"remove"},
     0},
};

#define ACME(listen, more)                                                                         \
    ROUTE("") "route a {\nprotocol = acme\nlisten = " listen "\n" more "\n}\n"

/* Their own lines begin at line 12. */
static const struct mistake acme[] = {
    {"acme without a directory",
     ACME("\"127.0.0.1:80\"", ""),
     9,
     E,
     {"route a: there is no challenges"},
     {"challenges = /path"},
     0},
    {"acme with an upstream",
     ACME("\"127.0.0.1:80\"", "challenges = /d\nupstream = \"192.0.2.1:80\""),
     13,
     E,
     {"route a: upstream has no place on an acme route"},
     {"remove it"},
     0},
    {"acme with a certificate",
     ACME("\"127.0.0.1:443\"", "challenges = /d\ntls = implicit\ncertificate = mail"),
     14,
     E,
     {"route a: certificate has no place on an acme route"},
     {"remove it"},
     0},
    {"acme with a key for servers",
     ACME("\"127.0.0.1:80\"", "challenges = /d\nidle-timeout = 5s"),
     13,
     E,
     {"idle-timeout has no place on an acme route"},
     {"remove it"},
     0},
    {"acme with STARTTLS",
     ACME("\"127.0.0.1:80\"", "challenges = /d\ntls = required"),
     13,
     E,
     {"protocol acme knows no STARTTLS"},
     {"tls = implicit"},
     0},
    {"acme in clear on the port of TLS",
     ACME("\":443\"", "challenges = /d"),
     11,
     W,
     {"tls is off, but on port 443 an authority speaks TLS"},
     {"tls = implicit", "port 80"},
     0},
    {"acme with TLS on the port of HTTP",
     ACME("\":80\"", "challenges = /d\ntls = implicit"),
     11,
     W,
     {"tls is implicit, but on port 80 an authority speaks HTTP"},
     {"tls = off", "port 443"},
     0},
    {"challenges elsewhere",
     ROUTE("challenges = /d"),
     7,
     E,
     {"route r: challenges has a place on acme routes only"},
     {"remove it", "protocol = acme"},
     0},
    {"no TLS elsewhere",
     ROUTE("tls = off"),
     7,
     E,
     {"tls is off, but only protocol acme"},
     {"implicit, required or optional"},
     0},
};

static const struct mistake starttls[] = {
    {"starttls where there is none",
     OF("tcp", "\"127.0.0.1:4433\"", "tls = required"),
     7,
     E,
     {"route r", "tcp knows no STARTTLS"},
     {"tls = implicit"},
     0},
    {"starttls on the port of implicit TLS",
     OF("imap", "\":993\"", "tls = optional"),
     6,
     W,
     {"port 993", "imap clients begin with TLS"},
     {"tls = implicit", "change the port"},
     0},
    {"plaintext-login on TLS",
     ROUTE("plaintext-login = allow"),
     7,
     W,
     {"plaintext-login has no effect", "tls = optional"},
     {"remove"},
     0},
    {"xclient without such a thing",
     OF("nntp", "\":563\"", "xclient = on"),
     7,
     W,
     {"xclient has no effect", "nntp"},
     {"send-proxy"},
     0},
};

static bool has_all(const char *text, const char *const words[3])
{
    for (size_t i = 0; i < 3 && words[i] != NULL; i++)
        if (text == NULL || strstr(text, words[i]) == NULL)
            return false;
    return true;
}

static bool fits(const struct mistake *m, const struct diag *d)
{
    bool placed =
        m->line == 0 ? d->file == NULL : d->file != NULL && strcmp(d->file, TEXT_PATH) == 0;
    return placed && d->line == m->line && d->severity == m->severity &&
           has_all(d->cause, m->cause) && has_all(d->cure, m->cure);
}

/* What has a line has a column, of a character that is there. */
static bool has_column(const char *text, const struct diag *d)
{
    if (d->line == 0)
        return d->column == 0;
    for (int line = 1; line < d->line && text != NULL; line++)
        text = strchr(text, '\n') != NULL ? strchr(text, '\n') + 1 : NULL;
    return text != NULL && d->column >= 1 && (size_t)d->column <= strcspn(text, "\n") + 1;
}

/* A finding that speaks of a block names it for programs, too. */
static bool names_block(const struct diag *d)
{
    return d->kind == NULL || d->name == NULL || strstr(d->cause, d->name) != NULL;
}

/* A cure is owed where the row names words of it. */
static bool mistake_is_found(const struct mistake *m)
{
    struct diags d = {0};
    struct bundle *b = bundle_of(m->text);
    struct config *c = config_load(b, &d);
    size_t found = 0;
    for (size_t i = 0; i < d.count; i++)
        found += fits(m, &d.items[i]);
    bool placed = true;
    for (size_t i = 0; i < d.count; i++)
        placed = placed && has_column(m->text, &d.items[i]) && names_block(&d.items[i]);
    bool as_told = placed && found == 1 && d.count == 1 + m->others &&
                   diag_ok(&d, DIAG_ERROR) == (m->severity == DIAG_WARNING);
    if (!as_told) {
        print_message("--- %s, expected at line %d:\n%s---\n", m->name, m->line, m->text);
        print_findings(&d);
    }
    config_free(c);
    bundle_free(b);
    diags_free(&d);
    return as_told;
}

static void check_mistakes(const struct mistake *rows, size_t count)
{
    size_t missed = 0;
    for (size_t i = 0; i < count; i++)
        missed += !mistake_is_found(&rows[i]);
    assert_int_equal(missed, 0);
}

#define CHECK_ALL(rows) check_mistakes(rows, sizeof(rows) / sizeof(rows)[0])

static void syntax_mistakes_have_line_cause_and_cure(void **state)
{
    (void)state;
    CHECK_ALL(syntax);
}

static void wrong_values_have_line_cause_and_cure(void **state)
{
    (void)state;
    CHECK_ALL(values);
}

static void absent_things_have_line_cause_and_cure(void **state)
{
    (void)state;
    CHECK_ALL(absent);
}

static void contradictions_have_line_cause_and_cure(void **state)
{
    (void)state;
    CHECK_ALL(across);
}

static void each_kind_of_route_has_its_own_keys(void **state)
{
    (void)state;
    CHECK_ALL(acme);
}

static void starttls_is_only_asked_for_where_it_exists(void **state)
{
    (void)state;
    CHECK_ALL(starttls);
}

static void relay_risk_is_silenced_by_each_cure(void **state)
{
    (void)state;
    config_free(load_clean(OF("smtp", "\":465\"", "send-proxy = v1")));
    config_free(load_clean(OF("smtp", "\":465\"", "send-proxy = v2")));
    config_free(load_clean(OF("smtp", "\":465\"", "source = 192.0.2.9")));
    config_free(load_clean(OF("smtp", "\":465\"", "source = transparent")));
    config_free(load_clean(OF("smtp", "\":465\"", "xclient = on")));
    config_free(load_clean(OF("smtp", "\":465\"", "relay-risk = accepted")));
}

/* One text, many mistakes: all are found at once, in the order of the text. */
static void mistakes_do_not_hide_each_other(void **state)
{
    static const char text[] = "uzer = x\n"                     /* 1 */
                               "workers\n"                      /* 2 */
                               "log = nowhere\n"                /* 3 */
                               "certificate a { chane = /c }\n" /* 4: two */
                               "rout b { x = y }\n"             /* 5 */
                               "route c { listen \":1\" }\n"    /* 6 */
                               "route d {\n"                    /* 7: no certificate */
                               "listen = \":1\n"                /* 8 */
                               "protocol = pop\n"               /* 9 */
                               "upstream = \"h\"\n"             /* 10 */
                               "tls = perhaps\n"                /* 11 */
                               "}\n"
                               "drain-timeout = 3\n"; /* 13 */
    static const int lines[] = {1, 2, 3, 4, 4, 5, 6, 7, 8, 9, 10, 11, 13};
    (void)state;
    struct diags d = {0};
    struct bundle *b = bundle_of(text);
    struct config *c = config_load(b, &d);
    print_findings(&d);
    assert_null(c);
    assert_int_equal(d.count, sizeof lines / sizeof lines[0]);
    for (size_t i = 0; i < d.count; i++)
        assert_int_equal(d.items[i].line, lines[i]);
    bundle_free(b);
    diags_free(&d);
}

static void many_unknown_keys_end_in_one_finding(void **state)
{
    char text[4096] = ROUTE("");
    (void)state;
    for (int i = 0; i < 100; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "unknown%d = x\n", i);
    struct diags d = {0};
    struct bundle *b = bundle_of(text);
    config_free(config_load(b, &d));
    assert_true(d.count >= 32 && d.count <= 110);
    assert_false(diag_ok(&d, DIAG_ERROR));
    bundle_free(b);
    diags_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syntax_mistakes_have_line_cause_and_cure),
        cmocka_unit_test(wrong_values_have_line_cause_and_cure),
        cmocka_unit_test(absent_things_have_line_cause_and_cure),
        cmocka_unit_test(contradictions_have_line_cause_and_cure),
        cmocka_unit_test(each_kind_of_route_has_its_own_keys),
        cmocka_unit_test(starttls_is_only_asked_for_where_it_exists),
        cmocka_unit_test(relay_risk_is_silenced_by_each_cure),
        cmocka_unit_test(mistakes_do_not_hide_each_other),
        cmocka_unit_test(many_unknown_keys_end_in_one_finding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
