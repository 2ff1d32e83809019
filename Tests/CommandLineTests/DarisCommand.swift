import Foundation
import Testing

/// A folder of a test's own, in which it runs the built `daris`. The folder is also the cache of its runs, and is
/// removed with everything in it.
final class Workplace: Sendable {
    let folder: String

    init() throws {
        folder = NSTemporaryDirectory() + "/daris-cli-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func path(_ name: String) -> String { folder + "/" + name }

    func write(_ bytes: [UInt8], to name: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path(name)))
    }

    func write(_ text: String, to name: String) throws { try write(Array(text.utf8), to: name) }

    func read(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path(name))) }

    /// Starts `daris` with arguments, without a shell; its output goes to files, so that no pipe can fill up.
    ///
    /// - Parameter standardOutput: where to instead of a file that the result is read from.
    func start(
        _ arguments: [String], environment: [String: String] = [:], standardOutput: FileHandle? = nil
    ) throws -> RunningCommand {
        let name = UUID().uuidString
        for suffix in [".out", ".err"] { try write([], to: name + suffix) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.executable)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        var variables = ["PATH": "/usr/bin:/bin", "HOME": folder, "XDG_CACHE_HOME": path("cache")]
        variables["DARIS_ONNXRUNTIME"] = ProcessInfo.processInfo.environment["DARIS_ONNXRUNTIME"]
        process.environment = variables.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput =
            try standardOutput ?? FileHandle(forWritingTo: URL(fileURLWithPath: path(name + ".out")))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: path(name + ".err")))
        let ended = DispatchSemaphore(value: 0)
        process.terminationHandler = { _ in ended.signal() }
        try process.run()
        return RunningCommand(process: process, ended: ended, workplace: self, name: name)
    }

    /// Runs `daris` to its end; one that does not end within `limit` seconds is killed and fails the test.
    func daris(
        _ arguments: String..., environment: [String: String] = [:], limit: Double = 60
    ) throws -> CommandResult {
        try daris(arguments, environment: environment, limit: limit)
    }

    /// Runs `daris` to its end; one that does not end within `limit` seconds is killed and fails the test.
    func daris(
        _ arguments: [String], environment: [String: String] = [:], limit: Double = 60
    ) throws -> CommandResult {
        try start(arguments, environment: environment).wait(limit: limit)
    }

    /// The folder of the executable.
    static var executableFolder: String { URL(fileURLWithPath: executable).deletingLastPathComponent().path }

    /// The executable, which is built into the folder of the test bundle.
    static let executable: String = {
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let folders = [bundle, CommandLine.arguments[0]].map { URL(fileURLWithPath: $0).deletingLastPathComponent() }
        let places = folders.map { $0.appendingPathComponent("daris").path }
        return places.first { FileManager.default.isExecutableFile(atPath: $0) } ?? places[0]
    }()
}

/// A `daris` that was started.
struct RunningCommand {
    fileprivate let process: Process
    fileprivate let ended: DispatchSemaphore
    fileprivate let workplace: Workplace
    fileprivate let name: String

    /// Waits for the end, and kills a process that does not come to one.
    func wait(limit: Double, sourceLocation: SourceLocation = #_sourceLocation) throws -> CommandResult {
        if ended.wait(timeout: .now() + limit) == .timedOut {
            kill(process.processIdentifier, SIGKILL)
            ended.wait()
            Issue.record(
                "'daris \(process.arguments?.joined(separator: " ") ?? "")' had not ended after \(limit) s",
                sourceLocation: sourceLocation)
        }
        return CommandResult(
            exitCode: process.terminationReason == .exit ? process.terminationStatus : nil,
            signal: process.terminationReason == .uncaughtSignal ? process.terminationStatus : nil,
            output: String(decoding: try workplace.read(name + ".out"), as: UTF8.self),
            errors: String(decoding: try workplace.read(name + ".err"), as: UTF8.self))
    }

    /// Waits until the process handles SIGINT itself, as it does while jobs run; `false` if it ends before.
    func waitUntilItHandlesSignals() -> Bool {
        while process.isRunning {
            let status =
                (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)) ?? ""
            let caught = status.split(separator: "\n").first { $0.hasPrefix("SigCgt:") }?.dropFirst(7)
            let mask = UInt64(caught?.trimmingCharacters(in: .whitespaces) ?? "", radix: 16) ?? 0
            if mask & (1 << UInt64(SIGINT - 1)) != 0 {
                // SIGTERM is taken over right after SIGINT.
                Thread.sleep(forTimeInterval: 0.2)
                return true
            }
            Thread.sleep(forTimeInterval: 0.02)
        }
        return false
    }

    var isRunning: Bool { process.isRunning }

    /// The process's number.
    var processIdentifier: Int32 { process.processIdentifier }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }
}

/// How a `daris` ended.
struct CommandResult {
    /// The exit code; `nil` if a signal ended it.
    var exitCode: Int32?
    /// The signal that ended it.
    var signal: Int32?
    var output: String
    var errors: String

    /// Whether a crash left its trace.
    var hasTrace: Bool {
        ["Fatal error", "Backtrace", "crashed", "Stack dump", "*** "].contains { (errors + output).contains($0) }
    }

    /// Standard error without the steps of the way, and without where a server listens.
    var errorLines: [String] {
        let steps = [
            "reading", "inspecting", "building", "timing", "cutting", "loading", "preparing", "measuring", "starting",
            "trying", "listening:", "metrics:",
        ]
        return errors.split(separator: "\n").map(String.init).filter { line in
            !steps.contains { line.hasPrefix($0 + " ") }
        }
    }

    /// Standard output as one JSON object.
    func json() throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
    }
}
