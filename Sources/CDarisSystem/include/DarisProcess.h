// Processes that share memory, as Linux offers them and Swift's Glibc module does not reach.
// Every function returns 0, or the error number of the call that failed, unless it says otherwise.
#ifndef DARISPROCESS_H
#define DARISPROCESS_H

#include <stdint.h>
#include <sys/types.h>

/// A file in memory alone, closed in programs that this one starts, whose size can be sealed. Returns its descriptor, or
/// an error number, negative.
int daris_memory_file(const char *name);

/// Lets nobody change the size of a file in memory any more: whoever has mapped it can rely on all of it.
int daris_seal_size(int file);

/// Two connected stream sockets, closed in programs that this one starts.
int daris_socket_pair(int sockets[2]);

/// A counter that one thread adds to and another polls, closed in programs that this one starts. Returns its descriptor,
/// which never blocks, or an error number, negative.
int daris_event(void);

/// Starts a program in a process group of its own, with no signal blocked or ignored, its input from and its output to
/// /dev/null, its errors to those of this process, and `descriptors` as 3, 4 and so on (8 at most); all others are closed
/// in it, at least those that ask for it. `path` is opened as it is; there is no search.
int daris_start_program(
    const char *path, char *const arguments[], char *const environment[], const int *descriptors, int count,
    pid_t *process);

/// Starts a program in a process group of its own that gets `end_signal` when the calling thread ends, with no signal
/// blocked or ignored, its input, output and errors from and to these files; all others are closed in it. `path` is opened
/// as it is; there is no search.
int daris_start_tied(
    const char *path, char *const arguments[], char *const environment[], int input, int output, int errors,
    int end_signal, pid_t *process);

/// A descriptor that can be read from once a child has ended. Returns an error number, negative, if there is none.
int daris_open_process(pid_t process);

/// Waits for a child to end and lets the system forget it. One of `signal` and `code` is what ended it, the other -1.
int daris_reap(pid_t process, int *signal, int *code);

/// Has the system kill this process when the thread that started it ends.
int daris_die_with_parent(void);

/// Reads a word that another process may write; what it wrote before is seen after.
uint32_t daris_load(const uint32_t *word);

/// Writes a word that another process may read, after everything written before.
void daris_store(uint32_t *word, uint32_t value);

/// Adds 1 to a word that another process may change too.
void daris_increment(uint32_t *word);

/// Waits until somebody wakes those who wait for a word, unless it is not `expected` any more. May return early.
void daris_wait_for_change(uint32_t *word, uint32_t expected);

/// Wakes everybody who waits for a word, in whatever process.
void daris_wake(uint32_t *word);

#endif
