/* import.h - `tlsfront import PEER FILE...`: the configuration of another TLS front as one of ours,
 * on standard output, with a comment for each line that was not carried over. */
#ifndef TLSFRONT_IMPORT_IMPORT_H
#define TLSFRONT_IMPORT_IMPORT_H

/* argv[0] is "import". Returns the exit status: 0 all was carried over, 1 something was not, or it
 * could not be written, 2 wrong usage, 78 a file cannot be read or understood. */
int import_main(int argc, char **argv);

#endif
