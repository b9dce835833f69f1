/* mbed.h - the way to mbedTLS's headers; conn.h adds an inner one.
 *
 * The engine reads a few fields that mbedTLS 3.6 marks as private; the version is pinned, and the
 * unit tests run every use. */
#ifndef TLSFRONT_TLS_MBED_H
#define TLSFRONT_TLS_MBED_H

#define MBEDTLS_ALLOW_PRIVATE_ACCESS

#include <mbedtls/asn1.h>
#include <mbedtls/build_info.h>
#include <mbedtls/constant_time.h>
#include <mbedtls/error.h>
#include <mbedtls/gcm.h>
#include <mbedtls/hkdf.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/platform.h>
#include <mbedtls/platform_time.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/psa_util.h>
#include <mbedtls/sha256.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ciphersuites.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crl.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>

#endif
