#include "tls/alert.h"

#include "tls/mbed.h"

struct row {
    int error; /* as mbedTLS returns it, or its high-level part */
    struct alert_cause cause;
};

#define CLIENT TLS_FAULT_CLIENT
#define LOCAL  TLS_FAULT_LOCAL

#define ODD_EXTENSION                                                                              \
    "client sent a certificate with an extension that is damaged, or critical and not known here"
#define ODD_KEY "client sent a certificate with a kind of key that is not supported"

static const struct row rows[] = {
    {MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE,
     {ALERT_HANDSHAKE_FAILURE, CLIENT,
      "no cipher suite, group or signature algorithm in common with the client"}},
    {MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION,
     {ALERT_PROTOCOL_VERSION, CLIENT, "client offers no TLS version that is allowed here"}},
    {MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL,
     {ALERT_NO_APPLICATION_PROTOCOL, CLIENT,
      "client offers by ALPN only protocols that are not served here"}},
    {MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE,
     {ALERT_UNEXPECTED_MESSAGE, CLIENT, "client sent a message out of turn"}},
    {MBEDTLS_ERR_SSL_UNEXPECTED_RECORD,
     {ALERT_UNEXPECTED_MESSAGE, CLIENT, "client sent a record out of turn"}},
    {MBEDTLS_ERR_SSL_DECODE_ERROR, {ALERT_DECODE_ERROR, CLIENT, "client sent a malformed message"}},
    {MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER,
     {ALERT_ILLEGAL_PARAMETER, CLIENT,
      "client sent a message with contradictory or illegal values"}},
    {MBEDTLS_ERR_SSL_INVALID_RECORD,
     {ALERT_DECODE_ERROR, CLIENT, "client sent a malformed record"}},
    {MBEDTLS_ERR_SSL_INVALID_MAC,
     {ALERT_BAD_RECORD_MAC, CLIENT, "client sent a record that does not decrypt"}},
    {MBEDTLS_ERR_SSL_BAD_CERTIFICATE,
     {ALERT_BAD_CERTIFICATE, CLIENT, "client sent an unusable certificate"}},
    {MBEDTLS_ERR_X509_CERT_VERIFY_FAILED,
     {ALERT_CERTIFICATE_UNKNOWN, CLIENT, "client certificate does not verify"}},
    {MBEDTLS_ERR_X509_FATAL_ERROR,
     {ALERT_ACCESS_DENIED, CLIENT, "client sent more certificates than are looked at"}},
    {MBEDTLS_ERR_X509_INVALID_EXTENSIONS, {ALERT_BAD_CERTIFICATE, CLIENT, ODD_EXTENSION}},
    {MBEDTLS_ERR_X509_FEATURE_UNAVAILABLE, {ALERT_BAD_CERTIFICATE, CLIENT, ODD_EXTENSION}},
    {MBEDTLS_ERR_X509_UNKNOWN_VERSION,
     {ALERT_UNSUPPORTED_CERTIFICATE, CLIENT, "client sent a certificate of an unknown version"}},
    {MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG,
     {ALERT_UNSUPPORTED_CERTIFICATE, CLIENT,
      "client sent a certificate that is signed in a way that is not supported"}},
    {MBEDTLS_ERR_PK_UNKNOWN_PK_ALG, {ALERT_BAD_CERTIFICATE, CLIENT, ODD_KEY}},
    {MBEDTLS_ERR_PK_UNKNOWN_NAMED_CURVE, {ALERT_BAD_CERTIFICATE, CLIENT, ODD_KEY}},
    {MBEDTLS_ERR_PK_INVALID_PUBKEY,
     {ALERT_BAD_CERTIFICATE, CLIENT,
      "client sent a certificate whose public key is damaged or too large"}},
    {MBEDTLS_ERR_SSL_UNSUPPORTED_EXTENSION,
     {ALERT_UNSUPPORTED_EXTENSION, CLIENT, "client sent an extension out of place"}},
    {MBEDTLS_ERR_SSL_UNRECOGNIZED_NAME,
     {ALERT_UNRECOGNIZED_NAME, CLIENT, "client asked for a server name that is not served here"}},
    {MBEDTLS_ERR_SSL_UNKNOWN_IDENTITY,
     {ALERT_UNKNOWN_PSK_IDENTITY, CLIENT, "client sent an unknown pre-shared key"}},
    {MBEDTLS_ERR_RSA_VERIFY_FAILED,
     {ALERT_DECRYPT_ERROR, CLIENT, "client's signature does not verify"}},
    {MBEDTLS_ERR_ECP_VERIFY_FAILED,
     {ALERT_DECRYPT_ERROR, CLIENT, "client's signature does not verify"}},
    {MBEDTLS_ERR_ECP_INVALID_KEY,
     {ALERT_ILLEGAL_PARAMETER, CLIENT, "client sent an impossible key share"}},
    {MBEDTLS_ERR_ECP_BAD_INPUT_DATA,
     {ALERT_ILLEGAL_PARAMETER, CLIENT, "client sent an impossible key share"}},
    {MBEDTLS_ERR_SSL_COUNTER_WRAPPING,
     {ALERT_INTERNAL_ERROR, CLIENT, "the connection has carried as many records as one can"}},
    {MBEDTLS_ERR_SSL_ALLOC_FAILED, {ALERT_INTERNAL_ERROR, LOCAL, "out of memory"}},
    {MBEDTLS_ERR_X509_ALLOC_FAILED, {ALERT_INTERNAL_ERROR, LOCAL, "out of memory"}},
    {MBEDTLS_ERR_MPI_ALLOC_FAILED, {ALERT_INTERNAL_ERROR, LOCAL, "out of memory"}},
    {MBEDTLS_ERR_ECP_ALLOC_FAILED, {ALERT_INTERNAL_ERROR, LOCAL, "out of memory"}},
    {MBEDTLS_ERR_PK_ALLOC_FAILED, {ALERT_INTERNAL_ERROR, LOCAL, "out of memory"}},
    {MBEDTLS_ERR_ERROR_CORRUPTION_DETECTED,
     {ALERT_INTERNAL_ERROR, LOCAL, "corruption detected in the TLS library"}},
};

static const struct row *row_of(int error)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].error == error)
            return &rows[i];
    return NULL;
}

/* Only a client's certificates are parsed during a handshake. */
static bool is_about_certificate(int high)
{
    return high <= MBEDTLS_ERR_X509_FEATURE_UNAVAILABLE && high >= MBEDTLS_ERR_X509_FATAL_ERROR;
}

struct alert_cause alert_for_error(int error, bool tls13)
{
    const int high = -(-error & 0xff80); /* of a sum of two codes */
    if (error == MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE)
        return (struct alert_cause){tls13 ? ALERT_CERTIFICATE_REQUIRED : ALERT_HANDSHAKE_FAILURE,
                                    CLIENT, "client sent no certificate"};
    const struct row *row = row_of(error);
    if (row == NULL)
        row = row_of(high);
    if (row != NULL)
        return row->cause;
    if (is_about_certificate(high))
        return (struct alert_cause){ALERT_BAD_CERTIFICATE, CLIENT,
                                    "client sent a damaged certificate"};
    return (struct alert_cause){ALERT_INTERNAL_ERROR, LOCAL, "internal error of the TLS library"};
}

#define SENTENCE(number, name, hint)                                                               \
    case number:                                                                                   \
        return "client sent alert " name " (" #number ")" hint

const char *alert_received_words(int alert)
{
    switch (alert) {
        SENTENCE(0, "close_notify", ": it gave up during the handshake");
        SENTENCE(10, "unexpected_message", "");
        SENTENCE(20, "bad_record_mac", "");
        SENTENCE(22, "record_overflow", "");
        SENTENCE(40, "handshake_failure", "");
        SENTENCE(41, "no_certificate", "");
        SENTENCE(42, "bad_certificate", ": it does not accept the certificate");
        SENTENCE(43, "unsupported_certificate", ": it cannot use this kind of certificate");
        SENTENCE(44, "certificate_revoked", ": it holds the certificate for revoked");
        SENTENCE(45, "certificate_expired", ": it holds the certificate for expired");
        SENTENCE(46, "certificate_unknown", ": it does not trust the certificate");
        SENTENCE(47, "illegal_parameter", "");
        SENTENCE(48, "unknown_ca", ": it does not know the certificate's authority");
        SENTENCE(49, "access_denied", "");
        SENTENCE(50, "decode_error", "");
        SENTENCE(51, "decrypt_error", "");
        SENTENCE(60, "export_restriction", "");
        SENTENCE(70, "protocol_version", "");
        SENTENCE(71, "insufficient_security", "");
        SENTENCE(80, "internal_error", "");
        SENTENCE(86, "inappropriate_fallback", "");
        SENTENCE(90, "user_canceled", ": it gave up during the handshake");
        SENTENCE(100, "no_renegotiation", "");
        SENTENCE(109, "missing_extension", "");
        SENTENCE(110, "unsupported_extension", "");
        SENTENCE(112, "unrecognized_name", "");
        SENTENCE(113, "bad_certificate_status_response", "");
        SENTENCE(115, "unknown_psk_identity", "");
        SENTENCE(116, "certificate_required", "");
        SENTENCE(120, "no_application_protocol", "");
    default:
        return "client sent an unknown alert";
    }
}
