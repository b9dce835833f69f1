/* user_config.h - what we build of mbedTLS, read after its own mbedtls_config.h.
 *
 * The rule: TLS 1.2 with ECDHE and AEAD, TLS 1.3, X.509, and nothing that these do not need. Code
 * that is not there cannot be attacked. */

/* ---- TLS ---- */
#undef MBEDTLS_SSL_PROTO_DTLS
#undef MBEDTLS_SSL_DTLS_CONNECTION_ID
#undef MBEDTLS_SSL_DTLS_ANTI_REPLAY
#undef MBEDTLS_SSL_DTLS_HELLO_VERIFY
#undef MBEDTLS_SSL_DTLS_CLIENT_PORT_REUSE
#undef MBEDTLS_SSL_COOKIE_C
#undef MBEDTLS_SSL_RENEGOTIATION
#undef MBEDTLS_SSL_CONTEXT_SERIALIZATION
#undef MBEDTLS_SSL_ENCRYPT_THEN_MAC
#undef MBEDTLS_SSL_KEYING_MATERIAL_EXPORT
#undef MBEDTLS_SSL_CACHE_C
#undef MBEDTLS_SSL_TICKET_C /* tickets.c has our own, which workers can share */
#undef MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_ENABLED

#undef MBEDTLS_KEY_EXCHANGE_PSK_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_DHE_PSK_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_ECDHE_PSK_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_RSA_PSK_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_RSA_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_DHE_RSA_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_ECDH_ECDSA_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_ECDH_RSA_ENABLED

/* Never accepted. It is here because only with it does mbedTLS skip the early data of a client that
 * holds somebody else's ticket (RFC 8446 4.2.10), instead of failing at the first record. */
#define MBEDTLS_SSL_EARLY_DATA
#define MBEDTLS_SSL_MAX_EARLY_DATA_SIZE 65536

/* Signatures are made in another process. */
#define MBEDTLS_SSL_ASYNC_PRIVATE

/* SSL_CLI_C is for upstreams that speak TLS, and for the unit tests. The endpoint of a server's
 * context is fixed, so no client reaches it. */

/* The default of 6 s refuses tickets of clients whose clock was set meanwhile. Replay matters only
 * for early data, which we never take. */
#define MBEDTLS_SSL_TLS1_3_TICKET_AGE_TOLERANCE 60000

/* One byte too few per record shows less than a padding of 16 costs. */
#define MBEDTLS_SSL_CID_TLS1_3_PADDING_GRANULARITY 1

/* ---- platform ---- */
#define MBEDTLS_PLATFORM_MEMORY         /* unit tests make allocations fail */
#define MBEDTLS_PLATFORM_MS_TIME_ALT    /* platform.c: a ticket's age is counted across hosts */
#define MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG /* platform.c: getrandom, which no fork can duplicate */
#define MBEDTLS_PSA_ASSUME_EXCLUSIVE_BUFFERS
#undef MBEDTLS_ENTROPY_C
#undef MBEDTLS_CTR_DRBG_C
#undef MBEDTLS_HMAC_DRBG_C
#undef MBEDTLS_FS_IO
#undef MBEDTLS_NET_C
#undef MBEDTLS_TIMING_C
#undef MBEDTLS_DEBUG_C
#undef MBEDTLS_SELF_TEST
#undef MBEDTLS_VERSION_FEATURES
#undef MBEDTLS_PSA_CRYPTO_STORAGE_C
#undef MBEDTLS_PSA_ITS_FILE_C

/* ---- primitives ---- */
#undef MBEDTLS_ECP_DP_SECP192R1_ENABLED
#undef MBEDTLS_ECP_DP_SECP224R1_ENABLED
#undef MBEDTLS_ECP_DP_SECP192K1_ENABLED
#undef MBEDTLS_ECP_DP_SECP224K1_ENABLED
#undef MBEDTLS_ECP_DP_SECP256K1_ENABLED
#undef MBEDTLS_ECP_DP_BP256R1_ENABLED
#undef MBEDTLS_ECP_DP_BP384R1_ENABLED
#undef MBEDTLS_ECP_DP_BP512R1_ENABLED
#undef MBEDTLS_ECP_DP_CURVE448_ENABLED
#undef MBEDTLS_ECDSA_DETERMINISTIC
#undef MBEDTLS_ECJPAKE_C
#undef MBEDTLS_DHM_C
#undef MBEDTLS_LMS_C

#undef MBEDTLS_CIPHER_MODE_CBC
#undef MBEDTLS_CIPHER_MODE_CFB
#undef MBEDTLS_CIPHER_MODE_CTR
#undef MBEDTLS_CIPHER_MODE_OFB
#undef MBEDTLS_CIPHER_MODE_XTS
#undef MBEDTLS_CIPHER_PADDING_PKCS7
#undef MBEDTLS_CIPHER_PADDING_ONE_AND_ZEROS
#undef MBEDTLS_CIPHER_PADDING_ZEROS_AND_LEN
#undef MBEDTLS_CIPHER_PADDING_ZEROS
#undef MBEDTLS_CAMELLIA_C
#undef MBEDTLS_ARIA_C
#undef MBEDTLS_DES_C
#undef MBEDTLS_CCM_C
#undef MBEDTLS_CMAC_C
#undef MBEDTLS_NIST_KW_C
#undef MBEDTLS_PADLOCK_C

/* SHA-1 and MD5 stay for reading: a chain that was signed with them has to be parsed before it can
 * be complained about, and old roots sign themselves so. No signature made by them is accepted. */
#undef MBEDTLS_RIPEMD160_C
#undef MBEDTLS_SHA3_C

/* ---- what tls/accel/ does instead ---- */
#ifdef TLSFRONT_ACCEL
#define MBEDTLS_GCM_ALT
#define MBEDTLS_CHACHAPOLY_ALT
#define MBEDTLS_SHA256_PROCESS_ALT
#define MBEDTLS_SHA512_PROCESS_ALT
#define MBEDTLS_ECDH_GEN_PUBLIC_ALT
#define MBEDTLS_ECDH_COMPUTE_SHARED_ALT
#define MBEDTLS_ECDSA_SIGN_ALT
#define MBEDTLS_ECDSA_VERIFY_ALT
#endif

/* ---- files: PEM and DER ----
 * PKCS5_C is here for PBKDF2 alone: keys/encrypted.c opens encrypted private keys without CBC,
 * which would bring TLS its CBC suites back. Writing keys, certificates and requests (PK_WRITE,
 * PEM_WRITE, X509_CRT_WRITE, X509_CSR_WRITE, GENPRIME) and reading requests stay: tls/keys/ does.
 * PKCS7_C does not: it refuses what authorities send; keys/pkcs7.c reads the little that we want.
 */
#undef MBEDTLS_PKCS7_C
#undef MBEDTLS_PKCS12_C
#undef MBEDTLS_PK_PARSE_EC_EXTENDED
#undef MBEDTLS_PK_RSA_ALT_SUPPORT
