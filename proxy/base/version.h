/* version.h - which tlsfront this is, as the build has found out (docs/packaging/version.cmake). */
#ifndef TLSFRONT_BASE_VERSION_H
#define TLSFRONT_BASE_VERSION_H

extern const char version_text[]; /* "0.1.0", "0.1.0+12.g1234567" */

#endif
