import CDarisSystem
import DarisCore
import Foundation

/// Another program whose output is read line by line while it runs.
package enum ProgramLines {
    /// How often the output is looked at.
    private static let interval = Nanoseconds.milliseconds(50)

    /// Runs a program with this process's environment, and kills it, with all that it has started, once its time is up.
    ///
    /// - Parameters:
    ///   - command: the path of the program, then its arguments.
    ///   - limit: how long it may take.
    ///   - isCancelled: asked now and then; if true, the program is killed, which is no error.
    ///   - onLine: told each line of its output soon after it was written, on the calling thread.
    /// - Throws: `DeviceError` if it cannot be run, had not ended in time, or ended with a failure: with the last line of its errors.
    package static func run(
        _ command: [String], limit: Nanoseconds, isCancelled: () -> Bool = { false }, onLine: (String) -> Void
    ) throws(DeviceError) {
        guard let path = command.first else { throw DeviceError("there is no program to run") }
        let clock = MonotonicClock()
        let deadline = clock.now + limit
        let input = try Descriptor(daris_memory_file("child-input"), "memory for the input of \(path)")
        let output = try Descriptor(daris_memory_file("child-output"), "memory for the output of \(path)")
        let errors = try Descriptor(daris_memory_file("child-errors"), "memory for the errors of \(path)")
        var child = try ChildProcess(
            path, Array(command.dropFirst()), environment: ProcessInfo.processInfo.environment, input: input,
            output: output, errors: errors)
        var lines = LineReader()
        while !child.waitForEnd(limit: interval) {
            lines.read(output, onLine)
            guard !isCancelled() else { return }
            guard clock.now < deadline else {
                throw DeviceError(
                    "\(command.last ?? path) had not ended after \(Int(limit.inSeconds)) s, and was killed")
            }
        }
        let (code, signal) = child.reap()
        lines.read(output, onLine)
        lines.end(onLine)
        guard code == 0 else {
            let last = ChildProcess.contents(of: errors).split(separator: "\n").last.map(String.init)
            let end = signal >= 0 ? "signal \(signal)" : "exit code \(code)"
            throw DeviceError("\(path) ended with \(end): \(last ?? "it said nothing")")
        }
    }
}

/// Reads the lines of a file that grows.
private struct LineReader {
    private var offset = 0
    private var rest: [UInt8] = []

    /// Reads what is new, and tells of each whole line.
    mutating func read(_ file: borrowing Descriptor, _ onLine: (String) -> Void) {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = pread(file.number, &bytes, bytes.count, off_t(offset)), count > 0 {
            offset += count
            rest += bytes.prefix(count)
        }
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            onLine(String(decoding: rest[..<end], as: UTF8.self))
            rest.removeFirst(end + 1)
        }
    }

    /// Tells of a last line without an end.
    mutating func end(_ onLine: (String) -> Void) {
        if !rest.isEmpty { onLine(String(decoding: rest, as: UTF8.self)) }
        rest = []
    }
}
