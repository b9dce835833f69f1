/* off.c - in place of this directory's other files when built with -DACCEL=OFF: mbedTLS does it all
 */
#include "tls/accel/accel.h"

const char *accel_init(void *(*grow)(void *block, size_t size))
{
    (void)grow;
    return NULL;
}

const char *accel_text(void)
{
    return "built-in primitives";
}

void accel_adopt(mbedtls_pk_context *key)
{
    (void)key;
}

unsigned long accel_count(enum accel_hook hook)
{
    (void)hook;
    return 0;
}
