/* aead_key.h - a key of tls/accel/aead.c */
#ifndef TLSFRONT_TLS_ACCEL_AEAD_KEY_H
#define TLSFRONT_TLS_ACCEL_AEAD_KEY_H

struct accel_aead_key {
    unsigned char bytes[32];
    unsigned char algorithm; /* enum aead_algorithm */
    unsigned char set;       /* 0: none yet */
};

#endif
