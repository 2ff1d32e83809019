#define _GNU_SOURCE
#include "DarisProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum { FIRST_DESCRIPTOR = 3, MOST_DESCRIPTORS = 8 };

int daris_memory_file(const char *name) {
    int file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return file < 0 ? -errno : file;
}

int daris_seal_size(int file) {
    return fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0 ? 0 : errno;
}

int daris_socket_pair(int sockets[2]) {
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0 ? 0 : errno;
}

int daris_event(void) {
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return event < 0 ? -errno : event;
}

static int prepare_files(posix_spawn_file_actions_t *actions, const int *copies, int count) {
    int error = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!error) error = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    for (int index = 0; index < count && !error; index++) {
        error = posix_spawn_file_actions_adddup2(actions, copies[index], FIRST_DESCRIPTOR + index);
    }
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    if (!error) error = posix_spawn_file_actions_addclosefrom_np(actions, FIRST_DESCRIPTOR + count);
#endif
    return error;
}

static int prepare_signals(posix_spawnattr_t *attributes) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int error = posix_spawnattr_setsigmask(attributes, &none);
    if (!error) error = posix_spawnattr_setsigdefault(attributes, &all);
    if (!error) error = posix_spawnattr_setpgroup(attributes, 0);
    if (!error) {
        error = posix_spawnattr_setflags(
            attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    }
    return error;
}

int daris_start_program(
    const char *path, char *const arguments[], char *const environment[], const int *descriptors, int count,
    pid_t *process) {
    if (count > MOST_DESCRIPTORS) return EINVAL;
    // Copies above the numbers they get, so that none takes the place of another.
    int copies[MOST_DESCRIPTORS], made = 0, error = 0;
    for (; made < count && !error; made++) {
        copies[made] = fcntl(descriptors[made], F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR + MOST_DESCRIPTORS);
        if (copies[made] < 0) {
            error = errno;
            break;
        }
    }
    if (!error) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
        error = prepare_files(&actions, copies, count);
        if (!error) error = prepare_signals(&attributes);
        if (!error) error = posix_spawn(process, path, &actions, &attributes, arguments, environment);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
    }
    for (int index = 0; index < made; index++) close(copies[index]);
    return error;
}

// In the child of a fork, where only what is safe in a signal handler may be called. Returns why it failed.
static int become(
    const char *path, char *const arguments[], char *const environment[], const int files[3], int end_signal,
    pid_t parent) {
    for (int signal_number = 1; signal_number < NSIG; signal_number++) signal(signal_number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (setpgid(0, 0) != 0 || prctl(PR_SET_PDEATHSIG, end_signal) != 0) return errno;
    if (getppid() != parent) return ESRCH;
    for (int file = 0; file < 3; file++) {
        if (dup2(files[file], file) < 0) return errno;
    }
    // 4: to be closed when the program begins. Without the call, those that were not opened so stay open.
    syscall(SYS_close_range, FIRST_DESCRIPTOR, ~0U, 4);
    execve(path, arguments, environment);
    return errno;
}

int daris_start_tied(
    const char *path, char *const arguments[], char *const environment[], int input, int output, int errors,
    int end_signal, pid_t *process) {
    int given[3] = {input, output, errors}, files[3] = {-1, -1, -1}, report[2] = {-1, -1}, error = 0;
    // Above the numbers they get, so that none takes the place of another.
    for (int file = 0; file < 3 && !error; file++) {
        files[file] = fcntl(given[file], F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR);
        if (files[file] < 0) error = errno;
    }
    if (!error && pipe2(report, O_CLOEXEC) != 0) error = errno;
    if (!error) {
        pid_t parent = getpid();
        *process = fork();
        if (*process == 0) {
            int reason = become(path, arguments, environment, files, end_signal, parent);
            ssize_t written = write(report[1], &reason, sizeof reason);
            _exit(written == sizeof reason ? 127 : 126);
        }
        if (*process < 0) error = errno;
        close(report[1]);
        ssize_t count = 0;
        while (!error && (count = read(report[0], &error, sizeof error)) < 0 && errno == EINTR) {}
        close(report[0]);
        if (*process > 0 && error) {
            int signal_number, code;
            daris_reap(*process, &signal_number, &code);
        }
    }
    for (int file = 0; file < 3; file++) {
        if (files[file] >= 0) close(files[file]);
    }
    return error;
}

int daris_open_process(pid_t process) {
    // Such a descriptor is closed in other programs without being asked to.
    int descriptor = (int)syscall(SYS_pidfd_open, process, 0);
    return descriptor < 0 ? -errno : descriptor;
}

int daris_reap(pid_t process, int *signal, int *code) {
    int status = 0;
    *signal = *code = -1;
    while (waitpid(process, &status, 0) < 0) {
        if (errno != EINTR) return errno;
    }
    if (WIFSIGNALED(status)) *signal = WTERMSIG(status);
    if (WIFEXITED(status)) *code = WEXITSTATUS(status);
    return 0;
}

int daris_die_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 ? 0 : errno; }

uint32_t daris_load(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }

void daris_store(uint32_t *word, uint32_t value) { __atomic_store_n(word, value, __ATOMIC_SEQ_CST); }

void daris_increment(uint32_t *word) { __atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST); }

void daris_wait_for_change(uint32_t *word, uint32_t expected) {
    syscall(SYS_futex, word, FUTEX_WAIT, expected, NULL, NULL, 0);
}

void daris_wake(uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0); }
