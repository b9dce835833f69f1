/* awslc_client.c - a TLS client on AWS-LC's libssl, for tests: Debian 12 has no other that knows
 * X25519MLKEM768.
 *
 *   awslc_client SOCKET GROUPS CAFILE NAME [SESSION]
 *
 * SOCKET is a descriptor that is connected already. It says in one line what was agreed on, then
 * carries standard input and output until the input or the connection ends. SESSION is a file: the
 * session in it is resumed, where there is one, and the last ticket is put there. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WRONG_USAGE = 2 };

static const char *session_path;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "awslc_client: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(EXIT_FAILURE);
}

/* ---- sessions ---- */

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    uint8_t *bytes;
    size_t size;
    FILE *f = fopen(session_path, "wb");
    if (f == NULL || SSL_SESSION_to_bytes(session, &bytes, &size) != 1 ||
        fwrite(bytes, 1, size, f) != size || fclose(f) != 0)
        die("the session cannot be kept");
    OPENSSL_free(bytes);
    return 0; /* it stays libssl's */
}

static void resume(SSL_CTX *ctx, SSL *ssl)
{
    static uint8_t bytes[65536];
    FILE *f = fopen(session_path, "rb");
    if (f == NULL)
        return;
    const size_t size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    SSL_SESSION *session = SSL_SESSION_from_bytes(bytes, size, ctx);
    if (session == NULL || SSL_set_session(ssl, session) != 1)
        die("the session is no session");
    SSL_SESSION_free(session);
}

/* ---- the connection ---- */

static SSL *start(int network, const char *groups, const char *trust, const char *name)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL || SSL_CTX_set1_groups_list(ctx, groups) != 1 ||
        SSL_CTX_load_verify_locations(ctx, trust, NULL) != 1)
        die("groups or trust are not understood");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    if (session_path != NULL)
        SSL_CTX_sess_set_new_cb(ctx, keep_session);
    SSL *ssl = SSL_new(ctx);
    if (ssl == NULL || SSL_set_fd(ssl, network) != 1 || SSL_set_tlsext_host_name(ssl, name) != 1 ||
        SSL_set1_host(ssl, name) != 1)
        die("out of memory");
    if (session_path != NULL)
        resume(ctx, ssl);
    return ssl;
}

static void report(SSL *ssl)
{
    const char *group = SSL_get_group_name(SSL_get_group_id(ssl));
    printf("tls=%s cipher=%s group=%s resumed=%s\n", SSL_get_version(ssl),
           SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl)), group != NULL ? group : "none",
           SSL_session_reused(ssl) ? "yes" : "no");
    fflush(stdout);
}

/* Wait for what a call needs that could not be done; false: it is at its end. */
static bool wait_for(SSL *ssl, int result)
{
    const int error = SSL_get_error(ssl, result);
    struct pollfd p = {.fd = SSL_get_fd(ssl)};
    if (error == SSL_ERROR_ZERO_RETURN)
        return false;
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        die("the connection fails");
    p.events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    poll(&p, 1, -1);
    return true;
}

static void send_all(SSL *ssl, const uint8_t *data, size_t size)
{
    while (size > 0) {
        const int n = SSL_write(ssl, data, (int)size);
        if (n <= 0) {
            wait_for(ssl, n);
            continue;
        }
        data += n;
        size -= (size_t)n;
    }
}

/* What has come goes out; false: nothing more will. */
static bool receive(SSL *ssl)
{
    uint8_t data[16384];
    for (;;) {
        const int n = SSL_read(ssl, data, sizeof data);
        if (n <= 0 && SSL_get_error(ssl, n) == SSL_ERROR_WANT_READ)
            return true;
        if (n <= 0)
            return wait_for(ssl, n);
        fwrite(data, 1, (size_t)n, stdout);
        fflush(stdout);
    }
}

static void relay(SSL *ssl)
{
    struct pollfd p[] = {{.fd = SSL_get_fd(ssl), .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    uint8_t data[16384];
    while (receive(ssl)) {
        poll(p, 2, -1);
        if (p[1].revents == 0)
            continue;
        const ssize_t n = read(0, data, sizeof data);
        if (n <= 0) {
            SSL_shutdown(ssl);
            return;
        }
        send_all(ssl, data, (size_t)n);
    }
}

int main(int argc, char **argv)
{
    if (argc < 5 || argc > 6) {
        fputs("usage: awslc_client SOCKET GROUPS CAFILE NAME [SESSION]\n", stderr);
        return WRONG_USAGE;
    }
    const int network = atoi(argv[1]);
    session_path = argv[5];
    fcntl(network, F_SETFL, O_NONBLOCK);
    SSL *ssl = start(network, argv[2], argv[3], argv[4]);
    for (int r = 0; r != 1;) {
        r = SSL_connect(ssl);
        if (r != 1)
            wait_for(ssl, r);
    }
    report(ssl);
    relay(ssl);
    return EXIT_SUCCESS;
}
