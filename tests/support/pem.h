/* pem.h - throwaway certificates for the tests, made by openssl(1): mbedTLS is for tls/ only. */
#ifndef TLSFRONT_TESTS_PROXY_PEM_H
#define TLSFRONT_TESTS_PROXY_PEM_H

#include "tests/support/unit.h"

/* A self-signed certificate and its key in one text, for the caller to free. */
static inline char *pem_make(const char *name, unsigned serial, unsigned days)
{
    char command[512];
    char *pem = calloc(1, 8192);
    assert_non_null(pem);
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout - "
             "-subj /CN=%s -addext subjectAltName=DNS:%s -addext basicConstraints=CA:FALSE "
             "-set_serial %u -days %u 2>/dev/null",
             name, name, serial, days);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    const size_t size = fread(pem, 1, 8191, p);
    assert_int_equal(pclose(p), 0);
    assert_true(size > 0 && strstr(pem, "BEGIN CERTIFICATE") != NULL);
    return pem;
}

#endif
