#define _GNU_SOURCE
#include "DarisCrash.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Those that Swift's runtime handles.
static const struct {
    int number;
    const char *words;
} crashes[] = {
    {SIGQUIT, "signal 3 (SIGQUIT)"}, {SIGILL, "signal 4 (SIGILL)"},   {SIGTRAP, "signal 5 (SIGTRAP)"},
    {SIGABRT, "signal 6 (SIGABRT)"}, {SIGBUS, "signal 7 (SIGBUS)"},   {SIGFPE, "signal 8 (SIGFPE)"},
    {SIGSEGV, "signal 11 (SIGSEGV)"},
};
enum { KINDS = sizeof crashes / sizeof crashes[0], NAME_BYTES = 64 };

static char process_name[NAME_BYTES + 1];

static void append(char *line, size_t capacity, const char *text) {
    size_t length = strlen(line), more = strlen(text);
    if (length + more < capacity) memcpy(line + length, text, more + 1);
}

// Only what is safe in a signal handler may be called here.
static void end_crash(int number) {
    const char *words = "a signal";
    for (int kind = 0; kind < KINDS; kind++) {
        if (crashes[kind].number == number) words = crashes[kind].words;
    }
    char line[256] = "error: ";
    append(line, sizeof line, process_name);
    append(line, sizeof line, " crashed: ");
    append(line, sizeof line, words);
    append(line, sizeof line, "; with SWIFT_BACKTRACE=enable=yes it says where\n");
    // If nobody reads what is written there, a write would wait for ever.
    struct pollfd file = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&file, 1, 0) == 1 && (file.revents & POLLOUT)) {
        ssize_t written = write(STDERR_FILENO, line, strlen(line));
        (void)written;
    }
    // Blocked until this returns; then it ends the process as it would have without a handler.
    signal(number, SIG_DFL);
    raise(number);
}

void daris_end_crashes(const char *name) {
    if (getenv("SWIFT_BACKTRACE")) return;
    strncpy(process_name, name, NAME_BYTES);
    struct sigaction action = {.sa_handler = end_crash, .sa_flags = SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    for (int kind = 0; kind < KINDS; kind++) sigaction(crashes[kind].number, &action, NULL);
}
