/* Tells another process where this one crashed. */
#ifndef NEXUS_CHECK_TRACE_H
#define NEXUS_CHECK_TRACE_H

/* From now on a fatal signal writes lines of JSON to `descriptor`, a pipe, and then ends the process as it would have done
 * without: {"crash":"SIGSEGV"}, and {"frames":[["IMAGE",OFFSET],...]} from the faulty instruction outwards. An image is named
 * as the dynamic linker does; the program itself has no name. To be called on the thread whose crashes count: on others a stack
 * that is full ends the process without a line. */
void nexus_trace_crashes(int descriptor);

/* The calling thread, as other processes name it. */
int nexus_trace_thread(void);

/* Has a thread of a process that traces its crashes tell where it is, as if it had crashed with SIGTRAP. */
void nexus_trace_interrupt(int process, int thread);

#endif
