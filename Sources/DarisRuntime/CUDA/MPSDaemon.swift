import DarisCore
import Foundation

/// An MPS control daemon of our own: its pipes and logs lie in a folder of its own, so that it neither serves nor disturbs
/// anybody else's processes. It is stopped, and its folder removed, when this is.
final class MPSDaemon: Sendable {
    /// Where its pipes and logs are.
    let folder: String
    private let control: String
    private let gpu: Int

    /// The program that starts and controls the daemon, part of the NVIDIA driver.
    static let controlName = "nvidia-cuda-mps-control"

    /// The control program in `PATH`, or `nil`.
    static func findControl(path: String? = ProcessInfo.processInfo.environment["PATH"]) -> String? {
        (path ?? "").split(separator: ":").lazy.map { "\($0)/\(controlName)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// The error where there is no control program.
    static func missing(gpu: Int) -> PreparationError {
        .device(
            name: "cuda:\(gpu)",
            reason: "\(controlName) is not in PATH; install the NVIDIA driver's compute utilities, or use "
                + "'partition: {kind: green}', which needs no daemon")
    }

    /// Starts a daemon for one GPU.
    ///
    /// - Parameters:
    ///   - gpu: its number, as the driver counts.
    ///   - control: the control program; the one in `PATH` if `nil`.
    /// - Throws: `PreparationError.device` with what the control program said.
    init(gpu: Int, control: String? = nil) throws(PreparationError) {
        guard let control = control ?? Self.findControl() else {
            throw Self.missing(gpu: gpu)
        }
        self.control = control
        self.gpu = gpu
        // Sockets go there, whose paths are limited to 107 bytes.
        folder = "/tmp/daris-mps-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        do {
            for name in ["pipe", "log"] {
                try FileManager.default.createDirectory(
                    atPath: folder + "/" + name, withIntermediateDirectories: true,
                    attributes: [.posixPermissions: 0o700])
            }
            try run(["-d"], input: nil, expecting: "start")
        } catch let error as PreparationError {
            try? FileManager.default.removeItem(atPath: folder)
            throw error
        } catch {
            try? FileManager.default.removeItem(atPath: folder)
            throw .device(name: "cuda:\(gpu)", reason: "a folder for the MPS daemon cannot be made: \(error)")
        }
    }

    /// The environment of a process that is to be a client.
    ///
    /// - Parameter percentage: of the SMs, from 1 to 100, that it may use at once.
    func environment(percentage: Int) -> [String: String] {
        folders.merging(["CUDA_MPS_ACTIVE_THREAD_PERCENTAGE": "\(percentage)"]) { $1 }
    }

    /// The percentage that gives a context at least its quota of SMs: MPS counts in whole per cent.
    static func percentage(_ partition: Partition, multiprocessors: Int) -> Int {
        let quota = partition.quota(units: multiprocessors, granularity: 2)
        return min(100, max(1, (quota * 100 + multiprocessors - 1) / multiprocessors))
    }

    /// Stops the daemon. Its clients should have ended before.
    func stop() {
        try? run([], input: "quit\n", expecting: "stop")
        try? FileManager.default.removeItem(atPath: folder)
    }

    private var folders: [String: String] {
        ["CUDA_MPS_PIPE_DIRECTORY": folder + "/pipe", "CUDA_MPS_LOG_DIRECTORY": folder + "/log"]
    }

    private func run(_ arguments: [String], input: String?, expecting step: String) throws(PreparationError) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: control)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(folders) { $1 }
        // Files, not pipes: the daemon that is left behind would keep a pipe open.
        let output = folder + "/control.txt"
        _ = FileManager.default.createFile(atPath: output, contents: nil)
        let words = FileHandle(forWritingAtPath: output)
        process.standardOutput = words ?? FileHandle.nullDevice
        process.standardError = words ?? FileHandle.nullDevice
        // A file here too: writing to a control program that has ended would end this process.
        let commands = folder + "/input.txt"
        if let input { _ = FileManager.default.createFile(atPath: commands, contents: Data(input.utf8)) }
        process.standardInput =
            (input == nil ? nil : FileHandle(forReadingAtPath: commands)) ?? FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            throw .device(name: "cuda:\(gpu)", reason: "\(control) cannot be run: \(error.localizedDescription)")
        }
        process.waitUntilExit()
        guard process.terminationStatus != 0 else { return }
        let said = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
        let line = said.split(separator: "\n").first.map(String.init) ?? "it said nothing"
        throw .device(
            name: "cuda:\(gpu)",
            reason: "the MPS daemon did not \(step): \(line); use 'partition: {kind: green}', which needs no daemon")
    }
}
