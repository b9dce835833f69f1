/* pattern.h - what the bench's client and backend say to each other, so that both can check it.
 *
 * A connection begins with an order:
 *   'e'           from here on the backend sends back every byte, this one included
 *   'd' + length  the backend sends so many bytes of the pattern, then waits for the next order
 *   'u' + length  the client sends so many bytes of the pattern; the backend compares them, answers
 *                 with the number that was right and waits for the next order
 * Lengths and the answer are 8 bytes, most significant first. */
#ifndef BENCH_PATTERN_H
#define BENCH_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/* The pattern repeats after so many bytes. A pointer of pattern_at() may be read this far. Its
 * first byte is ORDER_ECHO, so a message from its beginning is an order to echo. */
#define PATTERN_SIZE 65536u

enum { ORDER_ECHO = 'e', ORDER_DOWNLOAD = 'd', ORDER_UPLOAD = 'u' };
enum { ORDER_NUMBER = 8, ORDER_SIZE = 1 + ORDER_NUMBER };

/* Once, before pattern_at(). */
void pattern_init(void);
const uint8_t *pattern_at(uint64_t offset);

void number_write(uint8_t to[ORDER_NUMBER], uint64_t number);
uint64_t number_read(const uint8_t from[ORDER_NUMBER]);

/* Says what went wrong and ends the program with status 1: whatever goes wrong here makes the
 * figures worthless. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
