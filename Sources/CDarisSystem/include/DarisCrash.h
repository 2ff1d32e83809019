// The end of a process that crashes.
#ifndef DARISCRASH_H
#define DARISCRASH_H

/// Has this process end at once when it crashes, after one line on standard error: "error: NAME crashed: signal 11
/// (SIGSEGV)" and what to do to learn more. It takes the place of the handlers that Swift's runtime installs, which keep
/// the process for seconds to write a backtrace, and does nothing if the variable SWIFT_BACKTRACE says what the runtime is
/// to do. Call it again to change the name, of which 64 bytes are kept.
void daris_end_crashes(const char *name);

#endif
