/* settings.h - how each kind of key fills its field. All have the shape of setting_fn. */
#ifndef TLSFRONT_SETTINGS_H
#define TLSFRONT_SETTINGS_H

#include "config/build.h"
#include "config/schema.h"

/* The field's type stands behind each. */
setting_fn setting_duration; /* unsigned, milliseconds */
setting_fn setting_number;   /* unsigned, at most key->max */
setting_fn setting_switch;   /* bool */
setting_fn setting_choice;   /* an enum, by key->choices */
setting_fn setting_flag;     /* bool, by key->choices */
setting_fn setting_text;     /* const char *, not empty */
setting_fn setting_hostname; /* const char * */
setting_fn
    setting_path; /* const char *, made absolute where the configuration file's directory is */
setting_fn setting_socket_path;              /* likewise, short enough for a Unix socket */
setting_fn setting_file;                     /* struct file_ref, likewise */
setting_fn setting_files;                    /* struct file_list, likewise */
setting_fn setting_texts;                    /* struct string_list */
setting_fn setting_networks;                 /* struct cidr_list */
setting_fn setting_rate;                     /* struct connection_rate */
setting_fn setting_certificates;             /* struct certificate_list */
setting_fn setting_upstream, setting_source; /* struct target_config: what of it they are about */

setting_fn setting_upstream_name; /* const char *, a host name or an address */
setting_fn setting_pins;          /* struct upstream_tls_config: its pins */

/* These know their field. */
setting_fn setting_workers, setting_log, setting_observe, setting_observe_agent;
setting_fn setting_protocol, setting_listen;
setting_fn setting_client_subjects, setting_client_names;

#endif
