import DarisReport
import DarisRuntime
import Foundation
import Synchronization

/// What people see: results on standard output, everything about the way there on standard error.
enum Terminal {
    /// Whether standard error is a terminal.
    static let showsProgress = isatty(STDERR_FILENO) == 1
    /// How to style standard output.
    static var styling: Styling {
        isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil ? .ansi : .plain
    }

    /// Takes all lines for standard error. Whether anybody reads them holds nothing up.
    static let errors = LineWriter(STDERR_FILENO)

    private static let line = Mutex(0)

    /// Writes a result and a line break to standard output, at once even if that is a pipe.
    ///
    /// - Throws: `Failure` if not all of it could be written, for example because the disk is full; a reader that has
    ///   closed the pipe ends the process as it ends other programs, without a word.
    static func print(_ text: String = "") throws(Failure) {
        errors.flush(within: 0.2)
        try check(write(text + "\n"))
    }

    /// The same, given up where it has not all been taken after `seconds`.
    static func print(_ text: String, within seconds: Double) throws(Failure) {
        errors.flush(within: 0.2)
        let end = Blocking.end(after: seconds) { write(text + "\n") }
        guard case .some(let problem) = end else {
            return try check("nobody took all of it within \(Int(seconds)) s")
        }
        try check(problem)
    }

    private static func check(_ problem: String?) throws(Failure) {
        if let problem { throw Failure(message: "cannot write to standard output: \(problem)", exitCode: 1) }
    }

    /// Shows a line that the next one replaces. Nothing where standard error is no terminal.
    static func progress(_ text: String) {
        guard showsProgress else { return }
        line.withLock { width in
            let text = String(text.prefix(110))
            let padding = String(repeating: " ", count: max(0, width - text.count))
            errors.write(Array(("\r" + text + padding).utf8))
            width = text.count
        }
    }

    /// Takes the progress line away.
    static func endProgress() {
        line.withLock { width in
            guard width > 0 else { return }
            errors.write(Array(("\r" + String(repeating: " ", count: width) + "\r").utf8))
            width = 0
        }
    }

    /// Says a step on standard error: on the progress line of a terminal, else on a line of its own.
    static func step(_ text: String) {
        if showsProgress { progress(text + " …") } else { error(text) }
    }

    /// A line on standard error.
    static func error(_ text: String) {
        endProgress()
        errors.write(Array((text + "\n").utf8))
    }

    /// Writes all of a text to standard output; returns why it could not, if so.
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
