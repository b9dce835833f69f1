#include "tls/form.h"

#include "tls/der.h"

#include <string.h>

/* pkcs-7 signedData, 1.2.840.113549.1.7.2 */
static const uint8_t signed_data[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02};

static bool is_key_store(struct tls_slice file)
{
    return file.size >= 4 && (memcmp(file.data, "\xfe\xed\xfe\xed", 4) == 0 ||
                              memcmp(file.data, "\xce\xce\xce\xce", 4) == 0); /* JKS, JCEKS */
}

/* PRIVATEKEYBLOB of an RSA key, version 2: the algorithm's number is for signing alone, or not. */
static bool is_blob(struct tls_slice file)
{
    return file.size >= 12 && memcmp(file.data, "\x07\x02\x00\x00\x00", 5) == 0 &&
           memcmp(file.data + 8, "RSA2", 4) == 0;
}

static bool is_pvk(struct tls_slice file)
{
    return file.size >= 4 && memcmp(file.data, "\x1e\xf1\xb5\xb0", 4) == 0;
}

static bool begins_with(struct tls_slice file, const char *text)
{
    const size_t size = strlen(text);
    return file.size >= size && memcmp(file.data, text, size) == 0;
}

static bool holds(struct tls_slice file, const char *text)
{
    return file.size > 0 && memmem(file.data, file.size, text, strlen(text)) != NULL;
}

/* Without a byte order mark and blanks. */
static struct tls_slice where_text_begins(struct tls_slice file)
{
    size_t n = begins_with(file, "\xef\xbb\xbf") ? 3 : 0;
    while (n < file.size && memchr(" \t\r\n", file.data[n], 4) != NULL)
        n++;
    return (struct tls_slice){file.data + n, file.size - n};
}

/* RFC 7517, RFC 7518 6: "d" is the private part, of RSA and of curves. */
static enum form look_at_json(struct tls_slice text)
{
    if (!begins_with(text, "{") || !holds(text, "\"kty\""))
        return FORM_OTHER;
    return holds(text, "\"d\"") ? FORM_JWK : FORM_PUBLIC_KEY;
}

/* A line of OpenSSH's (sshd(8)), whose base64 begins with a length, or RFC 4716. */
static bool is_ssh_public(struct tls_slice text)
{
    static const char *const kinds[] = {"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"};
    if (begins_with(text, "---- BEGIN SSH2 PUBLIC KEY ----"))
        return true;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (begins_with(text, kinds[i]))
            return holds(text, " AAAA");
    return false;
}

static enum form look_at_text(struct tls_slice file)
{
    const struct tls_slice text = where_text_begins(file);
    return is_ssh_public(text) ? FORM_PUBLIC_KEY : look_at_json(text);
}

static bool is_indefinite(struct tls_slice der)
{
    return der.size >= 2 && der.data[0] == DER_SEQUENCE && der.data[1] == 0x80;
}

/* A certificate has some hundred bytes, so its length takes two or three. A text may begin with the
 * same character as a sequence. */
static bool is_cut_short(struct tls_slice der)
{
    struct der d = der_begin(der);
    size_t size;
    return der.size >= 2 && (der.data[1] == 0x82 || der.data[1] == 0x83) &&
           mbedtls_asn1_get_tag(&d.p, d.end, &size, DER_SEQUENCE) == MBEDTLS_ERR_ASN1_OUT_OF_DATA;
}

/* PFX ::= SEQUENCE { version INTEGER {v3(3)}, ... } (RFC 7292 4), of which more follows. */
static bool begins_pfx(const unsigned char *p, const unsigned char *end)
{
    static const uint8_t version_3[] = {MBEDTLS_ASN1_INTEGER, 1, 3};
    return (size_t)(end - p) > sizeof version_3 && memcmp(p, version_3, sizeof version_3) == 0;
}

static enum form look_behind_oid(struct der inside)
{
    struct tls_slice type;
    return der_take(&inside, &type, MBEDTLS_ASN1_OID) && type.size == sizeof signed_data &&
                   memcmp(type.data, signed_data, type.size) == 0
               ? FORM_SIGNED_DATA
               : FORM_OTHER;
}

/* An algorithm and, under it, a key as an octet string: EncryptedPrivateKeyInfo (RFC 5958 3); as a
 * bit string: SubjectPublicKeyInfo (RFC 5280 4.1). */
static enum form look_behind_sequence(struct der inside)
{
    struct der ignored;
    if (!der_enter(&inside, &ignored, DER_SEQUENCE))
        return FORM_CERTIFICATE;
    switch (der_next(&inside)) {
    case MBEDTLS_ASN1_OCTET_STRING:
        return FORM_ENCRYPTED_KEY;
    case MBEDTLS_ASN1_BIT_STRING:
        return FORM_PUBLIC_KEY;
    default:
        return FORM_CERTIFICATE;
    }
}

/* RSAPublicKey (RFC 8017 A.1.1): the modulus stands where others have their version. */
static bool is_modulus(struct tls_slice number)
{
    return number.size > 1;
}

/* A version, and what can follow it in a private key (RFC 5958 2, RFC 8017 A.1.2, RFC 5915 3). */
static enum form look_behind_number(struct der inside)
{
    struct tls_slice version;
    if (begins_pfx(inside.p, inside.end))
        return FORM_PKCS12;
    if (!der_take(&inside, &version, MBEDTLS_ASN1_INTEGER))
        return FORM_OTHER;
    if (is_modulus(version))
        return der_next(&inside) == MBEDTLS_ASN1_INTEGER ? FORM_PUBLIC_KEY : FORM_OTHER;
    switch (der_next(&inside)) {
    case DER_SEQUENCE:
    case MBEDTLS_ASN1_INTEGER:
    case MBEDTLS_ASN1_OCTET_STRING:
        return FORM_PRIVATE_KEY;
    default:
        return FORM_OTHER;
    }
}

enum form form_of(struct tls_slice file)
{
    struct der whole = der_begin(file), inside;
    if (is_key_store(file))
        return FORM_KEY_STORE;
    if (begins_with(file, "PuTTY-User-Key-File-"))
        return FORM_PUTTY;
    if (is_pvk(file))
        return FORM_PVK;
    if (is_blob(file))
        return FORM_BLOB;
    if (is_indefinite(file)) /* as some write PKCS#12, too */
        return begins_pfx(whole.p + 2, whole.end) ? FORM_PKCS12 : FORM_INDEFINITE;
    if (is_cut_short(file))
        return FORM_CUT_SHORT;
    if (!der_enter(&whole, &inside, DER_SEQUENCE))
        return look_at_text(file);
    switch (der_next(&inside)) {
    case MBEDTLS_ASN1_OID:
        return look_behind_oid(inside);
    case DER_SEQUENCE:
        return look_behind_sequence(inside);
    case MBEDTLS_ASN1_INTEGER:
        return look_behind_number(inside);
    default:
        return FORM_OTHER;
    }
}

static const struct {
    const char *words, *cure;
} looks[] = {
    [FORM_OTHER] = {"is not PEM, and nothing else that is known here",
                    "name the file that holds it"},
    [FORM_CERTIFICATE] = {"is not PEM but DER",
                          "convert it: openssl x509 -inform der -in FILE -out FILE.pem"},
    [FORM_PRIVATE_KEY] = {"is a private key in DER, no certificate",
                          "name the certificate's file here, and this one as the key's"},
    [FORM_ENCRYPTED_KEY] = {"is a private key under a passphrase, in DER",
                            "convert it: openssl pkey -inform der -in FILE -out FILE.pem"},
    [FORM_SIGNED_DATA] = {"is PKCS#7 (.p7b), not PEM",
                          "convert it: openssl pkcs7 -inform der -print_certs -in FILE -out "
                          "FILE.pem (`tlsfront key import` takes it as it is)"},
    [FORM_PKCS12] = {"is PKCS#12 (.pfx, .p12), which holds a private key as well",
                     "take it in: tlsfront key import NAME FILE; or convert it: openssl pkcs12 "
                     "-nodes -in FILE -out FILE.pem (with -legacy where it is an old one)"},
    [FORM_KEY_STORE] = {"is a key store of Java's",
                        "convert it: keytool -importkeystore -srckeystore FILE -destkeystore "
                        "FILE.p12 -deststoretype pkcs12; then tlsfront key import NAME FILE.p12"},
    [FORM_PUTTY] = {"is a private key in PuTTY's own form",
                    "convert it: puttygen FILE -O private-openssh -o COPY; ssh-keygen -p -m PKCS8 "
                    "-f COPY"},
    [FORM_PVK] = {"is a private key in Microsoft's own form (.pvk)",
                  "convert it: openssl rsa -inform PVK -in FILE -out FILE.pem (with -provider "
                  "legacy -provider default where it is under a passphrase)"},
    [FORM_BLOB] = {"is a private key in Microsoft's own form (a blob)",
                   "convert it: openssl rsa -inform MSBLOB -in FILE -out FILE.pem"},
    [FORM_JWK] = {"is a private key in JSON (JWK)",
                  "have what made it write PEM (PKCS#8); an ACME client's file of that form holds "
                  "the key of its account, and the server's own lies beside the certificate"},
    [FORM_PUBLIC_KEY] = {"is a public key, no certificate", "name the file that holds it"},
    [FORM_INDEFINITE] = {"is BER, not DER",
                         "convert it: openssl pkcs7 -inform der -print_certs -in FILE -out "
                         "FILE.pem"},
    [FORM_CUT_SHORT] = {"is damaged or cut short: there should be more of it",
                        "give the whole file, as it was made"},
};

int form_refuse(enum form what, const char *path, struct err *e)
{
    err_set(e, "%s %s", path, looks[what].words);
    return err_cure(e, "%s", looks[what].cure);
}
