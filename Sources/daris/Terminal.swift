import DarisReport
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

    private static let line = Mutex(0)

    /// Writes a result and a line break to standard output, at once even if that is a pipe.
    ///
    /// - Throws: `Failure` if not all of it could be written, for example because the disk is full; a reader that has
    ///   closed the pipe ends the process as it ends other programs, without a word.
    static func print(_ text: String = "") throws(Failure) {
        if let reason = write(text + "\n", to: STDOUT_FILENO) {
            throw Failure(message: "cannot write to standard output: \(reason)", exitCode: 1)
        }
    }

    /// Shows a line that the next one replaces. Nothing where standard error is no terminal.
    static func progress(_ text: String) {
        guard showsProgress else { return }
        line.withLock { width in
            let text = String(text.prefix(110))
            let padding = String(repeating: " ", count: max(0, width - text.count))
            write("\r" + text + padding, to: STDERR_FILENO)
            width = text.count
        }
    }

    /// Takes the progress line away.
    static func endProgress() {
        line.withLock { width in
            guard width > 0 else { return }
            write("\r" + String(repeating: " ", count: width) + "\r", to: STDERR_FILENO)
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
        // Where standard error cannot be written to, there is nowhere left to say so.
        write(text + "\n", to: STDERR_FILENO)
    }

    /// Writes all of a text; returns why it could not, if so.
    @discardableResult
    private static func write(_ text: String, to descriptor: Int32) -> String? {
        var text = text
        return text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Foundation.write(descriptor, rest.baseAddress, rest.count)
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
