/* Says which adapter a thread was in when the process ends unexpectedly, and keeps that for the next start. */
#ifndef NEXUS_CRASH_NOTE_H
#define NEXUS_CRASH_NOTE_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a record, with its NUL; a longer one is not kept. */
#define NEXUS_NOTE_RECORD_LIMIT 3072

/* What a thread may be in. It and its texts stay where they are as long as the process lives. */
typedef struct nexus_note {
  /* For people; ended by NUL. */
  const char *words;
  /* What is kept of it for the next start, a piece of JSON ended by NUL; NULL: nothing. */
  const char *record;
} nexus_note;

/* Sets what the calling thread is in: a note, or NULL, or what one of these functions returned; returns what was set before. */
const nexus_note *nexus_note_swap(const nexus_note *note);

/* The adapter that the calling thread is in has called the gateway: from here on, until the returned value is set again, the
 * thread is in the gateway's own code. */
const nexus_note *nexus_note_enter_host(void);

/* Writes what the calling thread is in, ended by NUL; gives the length, 0 if it is in nothing that is noted. */
size_t nexus_note_describe(char *buffer, size_t capacity);

/* From now on a fatal signal writes one line to standard error that holds the note of the thread it came to, and then ends
 * the process as it would have done without; so does an exit() from a thread that has a note. */
void nexus_note_install(void);

/* That line is JSON from now on, as the log's are, or not. */
void nexus_note_log_json(bool json);

/* Writes that line as it would be now, ended by NUL: what happened, and its end; gives the length, 0: the thread has no note. */
size_t nexus_note_log_line(char *buffer, size_t capacity, const char *what, const char *end);

/* Such an end also writes one line of JSON to this descriptor, which must be a file: how it ended ("end"), in whose code
 * ("in_gateway"), when ("at", Unix seconds), and the record ("adapter"). -1: nowhere, as before the first call. */
void nexus_note_keep(int descriptor);

/* Writes what an end of the calling thread's process would keep now, ended by NUL; gives the length, 0: nothing. */
size_t nexus_note_line(char *buffer, size_t capacity, const char *end);

#endif
