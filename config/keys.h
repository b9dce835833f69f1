/* keys.h - how each kind of key fills its field. All have the shape of key_fn. */
#ifndef TLSFRONT_KEYS_H
#define TLSFRONT_KEYS_H

#include "config/build.h"
#include "config/schema.h"

/* The field's type stands behind each. */
key_fn key_duration;    /* unsigned, milliseconds */
key_fn key_number;      /* unsigned, at most key->max */
key_fn key_switch;      /* bool */
key_fn key_choice;      /* an enum, by key->choices */
key_fn key_flag;        /* bool, by key->choices */
key_fn key_text;        /* const char *, not empty */
key_fn key_hostname;    /* const char * */
key_fn key_path;        /* const char *, made absolute where the configuration file's folder is */
key_fn key_socket_path; /* likewise, short enough for a Unix socket */
key_fn key_file;        /* struct file_ref, likewise */
key_fn key_texts;       /* struct string_list */

/* These know their field. */
key_fn key_workers, key_log;
key_fn key_protocol, key_listen, key_upstream, key_certificates, key_source, key_networks;
key_fn key_client_subjects, key_client_names;

#endif
