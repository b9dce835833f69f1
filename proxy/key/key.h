/* key.h - `tlsfront key ...`: the key manager's commands. */
#ifndef TLSFRONT_KEY_KEY_H
#define TLSFRONT_KEY_KEY_H

/* argv[0] is "key". Returns the exit status. */
int key_main(int argc, char **argv);

#endif
