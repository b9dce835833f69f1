/* selfsigned.c - a certificate that vouches for itself, for trials */
#include "tls/keys/inner.h"
#include "tls/text.h"

#include <string.h>

enum { SERIAL_SIZE = 16, HOUR = 3600, DAY = 24 * HOUR };

static int set_serial(mbedtls_x509write_cert *crt)
{
    unsigned char serial[SERIAL_SIZE];
    int r = mbedtls_psa_get_random(MBEDTLS_PSA_RANDOM_STATE, serial, sizeof serial);
    serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x40); /* positive, and of full length */
    return r == 0 ? mbedtls_x509write_crt_set_serial_raw(crt, serial, sizeof serial) : r;
}

/* An hour back: clocks differ. */
static int set_time(mbedtls_x509write_cert *crt, time_t now, unsigned days)
{
    char from[16], to[16];
    struct tm tm;
    time_t begin = now - HOUR, end = now + (time_t)days * DAY;
    if (gmtime_r(&begin, &tm) == NULL || strftime(from, sizeof from, "%Y%m%d%H%M%S", &tm) != 14 ||
        gmtime_r(&end, &tm) == NULL || strftime(to, sizeof to, "%Y%m%d%H%M%S", &tm) != 14)
        return MBEDTLS_ERR_X509_INVALID_DATE;
    return mbedtls_x509write_crt_set_validity(crt, from, to);
}

static int set_purpose(mbedtls_x509write_cert *crt)
{
    mbedtls_asn1_sequence server = {.buf = {.tag = MBEDTLS_ASN1_OID,
                                            .p = (unsigned char *)MBEDTLS_OID_SERVER_AUTH,
                                            .len = MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)}};
    int r = mbedtls_x509write_crt_set_basic_constraints(crt, 0, -1);
    if (r == 0)
        r = mbedtls_x509write_crt_set_key_usage(crt, MBEDTLS_X509_KU_DIGITAL_SIGNATURE);
    if (r == 0)
        r = mbedtls_x509write_crt_set_ext_key_usage(crt, &server);
    return r == 0 ? mbedtls_x509write_crt_set_subject_key_identifier(crt) : r;
}

static int fill(mbedtls_x509write_cert *crt, const mbedtls_x509_san_list *names, time_t now,
                unsigned days, struct err *e)
{
    int r = set_serial(crt);
    if (r == 0)
        r = set_time(crt, now, days);
    if (r == 0)
        r = set_purpose(crt);
    if (r == 0)
        r = mbedtls_x509write_crt_set_subject_alternative_name(crt, names);
    return r == 0 ? 0 : err_set(e, "no self-signed certificate can be made (%s)", text_error(r));
}

static char *write_certificate(mbedtls_x509write_cert *crt, struct err *e)
{
    unsigned char pem[KEYS_PEM_MAX];
    int r = mbedtls_x509write_crt_pem(crt, pem, sizeof pem, mbedtls_psa_get_random,
                                      MBEDTLS_PSA_RANDOM_STATE);
    return keys_written(r, pem, "the self-signed certificate", e);
}

char *keys_self_signed_make(const struct keys_private *k, const struct keys_names *names,
                            time_t now, unsigned days, struct err *e)
{
    struct keys_san san;
    mbedtls_x509write_cert crt;
    char *text = NULL;
    if (keys_san_fill(&san, names, e) != 0)
        return NULL;
    mbedtls_x509write_crt_init(&crt);
    mbedtls_x509write_crt_set_version(&crt, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(&crt, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(&crt, (mbedtls_pk_context *)&k->pk);
    mbedtls_x509write_crt_set_issuer_key(&crt, (mbedtls_pk_context *)&k->pk);
    if (keys_subject_read(names, &crt.subject, e) == 0 &&
        keys_subject_read(names, &crt.issuer, e) == 0 &&
        fill(&crt, &san.node[names->count - 1], now, days, e) == 0)
        text = write_certificate(&crt, e);
    mbedtls_x509write_crt_free(&crt);
    return text;
}
