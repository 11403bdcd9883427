/* inotify(7) and eventfd(2) for the watcher of adapter directories. */
#ifndef NEXUS_WATCH_H
#define NEXUS_WATCH_H

/* A descriptor for watches, closed on exec; -1 where the system offers none. */
int nexus_watch_open(void);

/* Watches what happens to the files of a directory. Failure is not an error: a slow look goes on beside it. */
void nexus_watch_add(int inotify, const char *directory);

/* A descriptor that ends a wait; -1 on failure. */
int nexus_wakeup_open(void);
void nexus_wakeup(int descriptor);

/* Waits until something happens to a watched file, for `milliseconds` at most, and forgets what it was. 1: something has
 * happened; 0: the time is over, or the wait was ended. */
int nexus_watch_wait(int inotify, int wakeup, int milliseconds);

#endif
