import DarisReport
import DarisRuntime
import Foundation
import Synchronization

/// The output of commands: results on standard output, progress and errors on standard error.
enum Terminal {
    /// Whether standard error is a terminal.
    static let showsProgress = isatty(STDERR_FILENO) == 1
    /// How to style standard output.
    static var styling: Styling {
        isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil ? .ansi : .plain
    }

    /// The writer of all lines to standard error. It never blocks the caller, even if they are not read.
    static let errors = LineWriter(STDERR_FILENO)

    private static let line = Mutex(0)

    /// Writes a result and a line break to standard output, unbuffered.
    ///
    /// - Throws: `Failure` if not all of it could be written, for example on a full disk. A closed pipe ends the
    ///   process without a message, like other programs.
    static func print(_ text: String = "") throws(Failure) {
        errors.flush(within: 0.2)
        try check(write(text + "\n"))
    }

    /// The same with a time limit in seconds.
    static func print(_ text: String, within seconds: Double) throws(Failure) {
        errors.flush(within: 0.2)
        let end = Blocking.end(after: seconds) { write(text + "\n") }
        guard case .some(let problem) = end else {
            return try check("not all of it was read within \(Int(seconds)) s")
        }
        try check(problem)
    }

    private static func check(_ problem: String?) throws(Failure) {
        if let problem { throw Failure(message: "cannot write to standard output: \(problem)", exitCode: 1) }
    }

    /// Shows a line that the next one replaces. Does nothing if standard error is no terminal.
    static func progress(_ text: String) {
        guard showsProgress else { return }
        line.withLock { width in
            let text = String(text.prefix(110))
            let padding = String(repeating: " ", count: max(0, width - text.count))
            errors.write(Array(("\r" + text + padding).utf8))
            width = text.count
        }
    }

    /// Clears the progress line.
    static func endProgress() {
        line.withLock { width in
            guard width > 0 else { return }
            errors.write(Array(("\r" + String(repeating: " ", count: width) + "\r").utf8))
            width = 0
        }
    }

    /// Shows a step on standard error: on the progress line of a terminal, else on a line of its own.
    static func step(_ text: String) {
        if showsProgress { progress(text + " …") } else { error(text) }
    }

    /// Writes a line to standard error.
    static func error(_ text: String) {
        endProgress()
        errors.write(Array((text + "\n").utf8))
    }

    /// Writes all of a text to standard output. Returns the reason if that failed.
    private static func write(_ text: String) -> String? {
        var text = text
        return text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Foundation.write(STDOUT_FILENO, rest.baseAddress, rest.count)
                if count < 0 {
                    if errno == EINTR { continue }
                    return String(cString: strerror(errno))
                }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            }
            return nil
        }
    }
}

extension Terminal {
    /// A value in the form of --json: indented, with sorted keys in snake case.
    static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}

/// Calls that block the thread until work of other threads ends.
enum Blocking {
    /// The result of asynchronous work.
    static func result<Value: Sendable>(
        _ work: @escaping @Sendable () async throws -> Value
    ) -> Result<Value, any Error> {
        let done = DispatchSemaphore(value: 0)
        nonisolated(unsafe) var result: Result<Value, any Error>?
        Task.detached {
            do { result = .success(try await work()) } catch { result = .failure(error) }
            done.signal()
        }
        done.wait()
        return result!
    }

    /// The result of work that may hang; `nil` if it has not ended after `seconds`. It is not cancelled then.
    static func end<Value: Sendable>(after seconds: Double, _ work: @escaping @Sendable () -> Value) -> Value? {
        let done = DispatchSemaphore(value: 0)
        let value = Box<Value>()
        Thread.detachNewThread {
            let result = work()
            value.content.withLock { $0 = result }
            done.signal()
        }
        return done.wait(timeout: .now() + seconds) == .success ? value.content.withLock { $0 } : nil
    }

    private final class Box<Value: Sendable>: Sendable {
        let content = Mutex<Value?>(nil)
    }
}
