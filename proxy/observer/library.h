/* library.h - libmicrohttpd, loaded by the process that uses it. Linked, it would be in every
 * process of ours, and with it the TLS library that it brings along: its initialization, its memory
 * and its code would be in workers and signers too. */
#ifndef TLSFRONT_OBSERVER_LIBRARY_H
#define TLSFRONT_OBSERVER_LIBRARY_H

#include "config/err.h"

#include <microhttpd.h>

/* The functions that we call, under their own names. */
struct library {
    __typeof__(MHD_start_daemon) *start_daemon;
    __typeof__(MHD_stop_daemon) *stop_daemon;
    __typeof__(MHD_get_daemon_info) *get_daemon_info;
    __typeof__(MHD_run) *run;
    __typeof__(MHD_get_timeout) *get_timeout;
    __typeof__(MHD_add_connection) *add_connection;
    __typeof__(MHD_suspend_connection) *suspend_connection;
    __typeof__(MHD_resume_connection) *resume_connection;
    __typeof__(MHD_get_connection_info) *get_connection_info;
    __typeof__(MHD_lookup_connection_value) *lookup_connection_value;
    __typeof__(MHD_create_response_from_buffer) *create_response_from_buffer;
    __typeof__(MHD_add_response_header) *add_response_header;
    __typeof__(MHD_queue_response) *queue_response;
    __typeof__(MHD_destroy_response) *destroy_response;
};

extern struct library mhd;

/* -1: it is not installed, or another one. */
int library_load(struct err *e);

#endif
