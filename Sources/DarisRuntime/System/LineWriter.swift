import Foundation
import Synchronization

/// Writes lines to an open file from a thread of its own: who has something to say never waits for who reads it.
///
/// What cannot be written yet is put aside, up to a limit. Beyond it lines are dropped and counted, and as soon as there
/// is room again a line says how many. A writer lives as long as the process.
package final class LineWriter: Sendable {
    private struct State {
        var waiting: [UInt8] = []
        var isWriting = false
        var isStarted = false
        /// Lines dropped that no line has told of yet.
        var untold = 0
        /// A flush has given up since something was last written.
        var isStuck = false
        var notice: @Sendable (Int) -> String = { "\($0) lines were lost here, since they were not read in time\n" }
    }

    private let descriptor: Int32
    private let limit: Int
    private let state = Mutex(State())
    private let wake = Semaphore()
    private let lost = Atomic(0)

    /// - Parameter limit: the most bytes put aside; as many again may be on their way.
    package init(_ descriptor: Int32, limit: Int = 256 << 10) {
        self.descriptor = descriptor
        self.limit = limit
    }

    /// How many lines have been dropped.
    package var dropped: Int { lost.load(ordering: .relaxed) }

    /// Has the line that tells of lost ones written in another form.
    package func setNotice(_ notice: @escaping @Sendable (_ lost: Int) -> String) {
        state.withLock { $0.notice = notice }
    }

    /// Puts a line aside, or drops it where there is no room. Does not wait, unless the system refuses the writer its thread:
    /// then the caller writes, since such a process is about to say why it ends.
    package func write(_ line: some Collection<UInt8>) {
        state.withLock { state in
            if !state.isStarted {
                let thread = try? DedicatedThread(.init(name: "daris-lines")) { self.run() }
                state.isStarted = thread != nil
            }
            if !state.isStarted, write(Array(line)) { return }
            guard state.isStarted, state.waiting.count + line.count <= limit else {
                state.untold += 1
                lost.add(1, ordering: .relaxed)
                return
            }
            let wasEmpty = state.waiting.isEmpty
            state.waiting += line
            if wasEmpty { wake.post() }
        }
    }

    /// Waits until all lines so far are written, but no longer than `seconds`.
    ///
    /// - Parameter isLast: otherwise it does not wait at all while nothing has been written since it did so in vain.
    package func flush(within seconds: Double, isLast: Bool = false) {
        let end = ContinuousClock.now + .seconds(seconds)
        while state.withLock({ ($0.isWriting || !$0.waiting.isEmpty) && (isLast || !$0.isStuck) }) {
            guard ContinuousClock.now < end else { return state.withLock { $0.isStuck = true } }
            usleep(500)
        }
    }

    private func run() {
        while true {
            wake.wait()
            while let (bytes, untold, notice) = take() {
                var missing = write(bytes) ? 0 : bytes.count { $0 == UInt8(ascii: "\n") }
                lost.add(missing, ordering: .relaxed)
                if untold > 0, missing > 0 || !write(Array(notice(untold).utf8)) { missing += untold }
                state.withLock { state in
                    state.untold += missing
                    state.isWriting = false
                    state.isStuck = false
                }
            }
        }
    }

    private func take() -> (bytes: [UInt8], untold: Int, notice: @Sendable (Int) -> String)? {
        state.withLock { state in
            guard !state.waiting.isEmpty else { return nil }
            var bytes: [UInt8] = []
            swap(&bytes, &state.waiting)
            state.isWriting = true
            defer { state.untold = 0 }
            return (bytes, state.untold, state.notice)
        }
    }

    /// Writes everything, for as long as it takes; `false` where that cannot be.
    private func write(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Foundation.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count >= 0 {
                    rest = rest.dropFirst(count)
                } else if errno == EAGAIN {
                    // Another process that has the same file open does not want to wait for it.
                    var file = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&file, 1, -1)
                } else if errno != EINTR {
                    return false
                }
            }
            return true
        }
    }
}

extension LineWriter {
    /// Has no write of this process to its standard error wait for who reads it: not that of a library, nor the last words
    /// of a crash, which otherwise would keep it from its end. Only this process's: others that share a pipe or terminal
    /// find it as it was.
    package static func unblockStandardError() {
        var facts = stat()
        // Plain files never wait, and a socket cannot be opened again.
        guard fstat(STDERR_FILENO, &facts) == 0, [S_IFIFO, S_IFCHR].contains(facts.st_mode & S_IFMT) else { return }
        let own = open("/proc/self/fd/\(STDERR_FILENO)", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard own >= 0 else { return }
        dup2(own, STDERR_FILENO)
        close(own)
    }
}
