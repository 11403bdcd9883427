/* Says which adapter a thread was in when the process ends in a way that nobody wanted. */
#ifndef NEXUS_CRASH_NOTE_H
#define NEXUS_CRASH_NOTE_H

/* Sets what the calling thread is in: a text ended by NUL that stays where it is, or NULL; returns what was set before. */
const char *nexus_note_swap(const char *note);

/* From now on a fatal signal writes one line to standard error that holds the note of the thread it came to, and then ends
 * the process as it would have done without; so does an exit() from a thread that has a note. */
void nexus_note_install(void);

#endif
