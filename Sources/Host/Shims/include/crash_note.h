/* Says which adapter a thread was in when the process ends unexpectedly. */
#ifndef NEXUS_CRASH_NOTE_H
#define NEXUS_CRASH_NOTE_H

#include <stddef.h>

/* Sets what the calling thread is in: a text ended by NUL at an even address that stays where it is, or NULL, or what one of
 * these functions returned; returns what was set before. */
const char *nexus_note_swap(const char *note);

/* The adapter that the calling thread is in has called the gateway: from here on, until the returned value is set again, the
 * thread is in the gateway's own code. */
const char *nexus_note_enter_host(void);

/* Writes what the calling thread is in, ended by NUL; gives the length, 0 if it is in nothing that is noted. */
size_t nexus_note_describe(char *buffer, size_t capacity);

/* From now on a fatal signal writes one line to standard error that holds the note of the thread it came to, and then ends
 * the process as it would have done without; so does an exit() from a thread that has a note. */
void nexus_note_install(void);

#endif
