import CDarisSystem
import DarisCore
import Glibc

/// Another program that this process has started. It does not outlive the thread that started it, and is killed, with all
/// that it has started, if it still runs when this value ends.
struct ChildProcess: ~Copyable {
    /// The process's number, which is also that of its group.
    let number: pid_t
    private var isReaped: Bool

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - input: the file that it reads.
    ///   - output: the file that it writes to.
    ///   - errors: the file that its errors go to.
    ///   - endSignal: what it gets when the calling thread ends.
    init(
        _ path: String, _ arguments: [String], environment: [String: String], input: borrowing Descriptor,
        output: borrowing Descriptor, errors: borrowing Descriptor, endSignal: Int32 = SIGKILL
    ) throws(DeviceError) {
        var argv = ([path] + arguments).map { strdup($0) } + [nil]
        var envp = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var process: pid_t = 0
        let error = daris_start_tied(
            path, &argv, &envp, input.number, output.number, errors.number, endSignal, &process)
        guard error == 0 else { throw DeviceError("\(path) cannot be run: \(String(cString: strerror(error)))") }
        number = process
        isReaped = false
    }

    deinit {
        guard !isReaped else { return }
        kill(-number, SIGKILL)
        // One that hangs in the kernel does not end even so, and is left to it.
        guard Self.waitForEnd(of: number, limit: .seconds(Int64(2))) else { return }
        var (signal, code): (Int32, Int32) = (-1, -1)
        daris_reap(number, &signal, &code)
    }

    /// Waits for the process's end.
    ///
    /// - Parameter limit: how long; for ever if `nil`.
    /// - Returns: `false` if it still runs.
    func waitForEnd(limit: Nanoseconds? = nil) -> Bool { Self.waitForEnd(of: number, limit: limit) }

    private static func waitForEnd(of number: pid_t, limit: Nanoseconds?) -> Bool {
        let clock = MonotonicClock()
        let deadline = limit.map { clock.now + $0 }
        while true {
            var facts = siginfo_t()
            // Looks only: the process keeps its number until it is reaped.
            let result = waitid(P_PID, id_t(number), &facts, WEXITED | WNOWAIT | (limit == nil ? 0 : WNOHANG))
            if result == 0 ? facts.si_signo != 0 : errno != EINTR { return true }
            if let deadline {
                guard clock.now < deadline else { return false }
                usleep(2_000)
            }
        }
    }

    /// Waits for the end of the process, which must be near: its exit code and the signal that ended it, one of them -1.
    /// Call it once.
    mutating func reap() -> (code: Int32, signal: Int32) {
        var (signal, code): (Int32, Int32) = (-1, -1)
        daris_reap(number, &signal, &code)
        isReaped = true
        return (code, signal)
    }

    /// What a program that has ended left behind.
    struct Outcome {
        /// Its exit code; -1 if a signal ended it.
        var code: Int32
        /// The signal that ended it, or -1.
        var signal: Int32
        var output: String
        var errors: String

        /// The first line of what it said, errors first.
        var firstLine: String {
            (errors + "\n" + output).split(separator: "\n").first.map(String.init) ?? "it said nothing"
        }
    }

    /// Runs a program to its end; one that takes longer than `limit` is killed, which is an error.
    static func run(
        _ path: String, _ arguments: [String], environment: [String: String], input: String = "", limit: Nanoseconds
    ) throws(DeviceError) -> Outcome {
        let text = try Descriptor(daris_memory_file("child-input"), "memory for the input of \(path)")
        let bytes = Array(input.utf8)
        guard pwrite(text.number, bytes, bytes.count, 0) == bytes.count else {
            throw DeviceError("the input of \(path) cannot be written: \(String(cString: strerror(errno)))")
        }
        let output = try Descriptor(daris_memory_file("child-output"), "memory for the output of \(path)")
        let errors = try Descriptor(daris_memory_file("child-errors"), "memory for the errors of \(path)")
        var child = try ChildProcess(
            path, arguments, environment: environment, input: text, output: output, errors: errors)
        guard child.waitForEnd(limit: limit) else {
            throw DeviceError("\(path) had not ended after \(Int(limit.inSeconds)) s, and was killed")
        }
        let (code, signal) = child.reap()
        return Outcome(code: code, signal: signal, output: contents(of: output), errors: contents(of: errors))
    }

    /// All that has been written to a file.
    static func contents(of file: borrowing Descriptor) -> String {
        var facts = stat()
        guard fstat(file.number, &facts) == 0 else { return "" }
        var bytes = [UInt8](repeating: 0, count: Int(facts.st_size))
        let count = pread(file.number, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
