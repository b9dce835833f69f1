#include "tests/bench/link.h"

#include "tests/bench/pattern.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void die_of_openssl(const char *what)
{
    char text[256];
    ERR_error_string_n(ERR_get_error(), text, sizeof(text));
    die("client: %s: %s", what, text);
}

/* OpenSSL calls this for each ticket; 1 keeps the session. */
static int new_session(SSL *ssl, SSL_SESSION *session)
{
    struct links *all = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (!SSL_SESSION_has_ticket(session))
        return 0;
    SSL_SESSION_free(all->session);
    all->session = session;
    return 1;
}

static X509 *read_certificate(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        die("client: %s: %s", path, strerror(errno));
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    if (certificate == NULL)
        die_of_openssl(path);
    return certificate;
}

void links_init(struct links *all, const struct options *o)
{
    *all = (struct links){.options = o};
    if (o->version == 0)
        return;
    all->certificate = read_certificate(o->certificate);
    all->ctx = SSL_CTX_new(TLS_client_method());
    if (all->ctx == NULL || SSL_CTX_set_min_proto_version(all->ctx, o->version) != 1 ||
        SSL_CTX_set_max_proto_version(all->ctx, o->version) != 1 ||
        SSL_CTX_set1_groups_list(all->ctx, o->groups) != 1)
        die_of_openssl("set-up");
    if (o->version == TLS1_3_VERSION ? SSL_CTX_set_ciphersuites(all->ctx, o->suite) != 1
                                     : SSL_CTX_set_cipher_list(all->ctx, o->suite) != 1)
        die_of_openssl(o->suite);
    SSL_CTX_set_mode(all->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (o->resume) {
        SSL_CTX_set_app_data(all->ctx, all);
        SSL_CTX_set_session_cache_mode(all->ctx,
                                       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
        SSL_CTX_sess_set_new_cb(all->ctx, new_session);
    }
}

void links_resume(struct links *all)
{
    if (all->session == NULL)
        die("client: the server gave no ticket");
    /* With a cache OpenSSL takes a TLS 1.3 session for used up after one resumption. */
    SSL_CTX_set_session_cache_mode(all->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_sess_set_new_cb(all->ctx, NULL);
    all->resuming = true;
}

void link_start(struct link *l, struct links *all)
{
    int one = 1;
    *l = (struct link){.all = all};
    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0)
        die("client: socket: %s", strerror(errno));
    if (!all->options->nagle)
        setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    const struct sockaddr_in *to = &all->options->to;
    if (connect(l->fd, (const struct sockaddr *)to, sizeof(*to)) != 0 && errno != EINPROGRESS)
        die("client: connect: %s", strerror(errno));
    if (all->ctx == NULL)
        return;
    l->ssl = SSL_new(all->ctx);
    if (l->ssl == NULL || SSL_set_fd(l->ssl, l->fd) != 1)
        die_of_openssl("connection");
    const char *name = all->options->name;
    if (name != NULL && SSL_set_tlsext_host_name(l->ssl, name) != 1)
        die_of_openssl("name");
    if (all->resuming && SSL_set_session(l->ssl, all->session) != 1)
        die_of_openssl("session");
    SSL_set_connect_state(l->ssl);
}

/* For OpenSSL's calls: -1 when there is nothing to do now. */
static ssize_t again(const struct link *l, int result, const char *what)
{
    int reason = SSL_get_error(l->ssl, result);
    if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE)
        return -1;
    if (reason == SSL_ERROR_SSL)
        die_of_openssl(what);
    die("client: %s: %s", what,
        reason == SSL_ERROR_ZERO_RETURN || errno == 0 ? "the server ended the connection"
                                                      : strerror(errno));
}

#ifdef OPENSSL_IS_AWSLC /* the client of the hybrid group: tests/bench/hybrid */

static bool shows(const struct link *l, const X509 *certificate)
{
    X509 *shown = SSL_get_peer_certificate(l->ssl);
    bool same = shown != NULL && X509_cmp(shown, certificate) == 0;
    X509_free(shown);
    return same;
}

static bool group_of(const struct link *l, char *name, size_t room)
{
    const char *group = SSL_get_group_name(SSL_get_group_id(l->ssl));
    if (group != NULL)
        snprintf(name, room, "%s", group);
    return group != NULL;
}

#else

static bool shows(const struct link *l, const X509 *certificate)
{
    const X509 *shown = SSL_get0_peer_certificate(l->ssl);
    return shown != NULL && X509_cmp(shown, certificate) == 0;
}

static bool group_of(const struct link *l, char *name, size_t room)
{
    EVP_PKEY *key = NULL;
    if (SSL_get_peer_tmp_key(l->ssl, &key) != 1)
        return false;
    EVP_PKEY_get_group_name(key, name, room, NULL);
    if (name[0] == '\0')
        snprintf(name, room, "%s", EVP_PKEY_get0_type_name(key));
    EVP_PKEY_free(key);
    return true;
}

#endif

static void check_group(const struct link *l)
{
    char name[64] = "";
    /* Without a key exchange there is none: resumption in TLS 1.2. */
    if (!group_of(l, name, sizeof(name))) {
        if (!l->all->resuming || l->all->options->version != TLS1_2_VERSION)
            die("client: the handshake had no key exchange");
        return;
    }
    const char *wanted = l->all->options->groups;
    if (strlen(name) != strcspn(wanted, ":") || strncasecmp(name, wanted, strlen(name)) != 0)
        die("client: of %s the key exchange used %s", wanted, name);
}

static void check_what_was_agreed(const struct link *l)
{
    const struct options *o = l->all->options;
    const char *suite = SSL_get_cipher_name(l->ssl);
    if (SSL_version(l->ssl) != o->version)
        die("client: the server speaks %s", SSL_get_version(l->ssl));
    if (strcmp(suite, o->suite) != 0)
        die("client: the server chose %s, not %s", suite, o->suite);
    if ((SSL_session_reused(l->ssl) == 1) != l->all->resuming)
        die("client: the session was %s", l->all->resuming ? "not resumed" : "resumed");
    if (!shows(l, l->all->certificate))
        die("client: the server showed another certificate than %s", o->certificate);
    check_group(l);
}

static bool tcp_is_up(const struct link *l)
{
    struct tcp_info info;
    socklen_t info_len = sizeof(info);
    int error = 0;
    socklen_t error_len = sizeof(error);
    if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &error_len) != 0 || error != 0)
        die("client: connect: %s", strerror(error));
    return getsockopt(l->fd, IPPROTO_TCP, TCP_INFO, &info, &info_len) == 0 &&
           info.tcpi_state == TCP_ESTABLISHED;
}

bool link_open(struct link *l)
{
    if (l->open)
        return true;
    if (l->ssl == NULL) {
        l->open = tcp_is_up(l);
        return l->open;
    }
    if (!l->begun && !tcp_is_up(l))
        return false;
    l->begun = true;
    int result = SSL_do_handshake(l->ssl);
    if (result != 1)
        return again(l, result, "handshake") != -1;
    check_what_was_agreed(l);
    l->open = true;
    return true;
}

/* It hears nothing, so that it cannot go a step further, however soon the answer comes. */
static void say_hello(struct link *l)
{
    SSL_set0_rbio(l->ssl, BIO_new(BIO_s_mem()));
    if (link_open(l))
        die("client: there is no handshake to be held half open");
}

bool link_half_open(struct link *l)
{
    char byte;
    if (l->begun)
        return recv(l->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
    say_hello(l);
    return false;
}

static ssize_t plain(ssize_t moved, const char *what)
{
    if (moved > 0)
        return moved;
    if (moved < 0 && errno == EAGAIN)
        return -1;
    die("client: %s: %s", what, moved == 0 ? "the server ended the connection" : strerror(errno));
}

ssize_t link_read(struct link *l, void *to, size_t room)
{
    size_t got = 0;
    if (l->ssl == NULL)
        return plain(recv(l->fd, to, room, 0), "receive");
    int result = SSL_read_ex(l->ssl, to, room, &got);
    return result == 1 ? (ssize_t)got : again(l, result, "receive");
}

ssize_t link_write(struct link *l, const void *from, size_t len)
{
    size_t sent = 0;
    if (l->ssl == NULL)
        return plain(send(l->fd, from, len, MSG_NOSIGNAL), "send");
    int result = SSL_write_ex(l->ssl, from, len, &sent);
    return result == 1 ? (ssize_t)sent : again(l, result, "send");
}

void link_finish(struct link *l)
{
    if (l->ssl != NULL)
        SSL_shutdown(l->ssl);
    shutdown(l->fd, SHUT_WR);
}

void link_drop(struct link *l)
{
    SSL_free(l->ssl);
    close(l->fd);
    *l = (struct link){.fd = -1};
}

bool link_closed(struct link *l)
{
    char rest[4096]; /* tickets, close_notify */
    ssize_t got;
    do
        got = recv(l->fd, rest, sizeof(rest), 0);
    while (got > 0);
    if (got < 0 && errno == EAGAIN)
        return false;
    if (got < 0 && errno != ECONNRESET) /* some proxies close with our close_notify unread */
        die("client: close: %s", strerror(errno));
    link_drop(l);
    return true;
}
