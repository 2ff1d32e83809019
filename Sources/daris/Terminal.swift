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

    /// Shows a line that the next one replaces. Nothing where standard error is no terminal.
    static func progress(_ text: String) {
        guard showsProgress else { return }
        line.withLock { width in
            let text = String(text.prefix(110))
            let padding = String(repeating: " ", count: max(0, width - text.count))
            FileHandle.standardError.write(Data(("\r" + text + padding).utf8))
            width = text.count
        }
    }

    /// Takes the progress line away.
    static func endProgress() {
        line.withLock { width in
            guard width > 0 else { return }
            FileHandle.standardError.write(Data(("\r" + String(repeating: " ", count: width) + "\r").utf8))
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
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }
}
