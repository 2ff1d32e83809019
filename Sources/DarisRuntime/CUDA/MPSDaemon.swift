import CDarisSystem
import DarisCore
import Foundation
import Synchronization

/// An MPS control daemon of our own: its pipes and logs lie in a folder of its own, so that it neither serves nor disturbs
/// anybody else's processes. It is stopped, and its folder removed, when this is, and does not outlive this process.
final class MPSDaemon: Sendable {
    /// Where its pipes and logs are.
    let folder: MPSFolder
    /// The GPU's number as clients of the daemon count.
    let clientGPU: Int
    private let control: String
    private let gpu: Int
    private let uuid: String?
    private let limit: Nanoseconds
    private let process: MPSProcess
    private let isReady = Atomic<Bool>(false)
    private let isStopped = Atomic<Bool>(false)

    /// How long the control program may take for anything.
    static let limit = Nanoseconds.seconds(Int64(15))
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

    /// Starts a daemon for one GPU, after clearing away what dead processes left behind.
    ///
    /// - Parameters:
    ///   - gpu: its number, as the driver counts.
    ///   - uuid: what tells it from all others. The daemon then sees it alone, whatever `CUDA_VISIBLE_DEVICES` says, and
    ///     its clients have it as number 0; numbers would be counted anew from those that the daemon sees.
    ///   - control: the control program; the one in `PATH` if `nil`.
    ///   - limit: how long it may take to answer.
    ///   - root: where folders of daemons are; the paths of their sockets are limited to 107 bytes.
    /// - Throws: `PreparationError.device` with what the control program said.
    init(
        gpu: Int, uuid: String?, control: String? = nil, limit: Nanoseconds = MPSDaemon.limit,
        root: String = "/tmp"
    ) throws(PreparationError) {
        guard let control = control ?? Self.findControl() else {
            throw Self.missing(gpu: gpu)
        }
        self.control = control
        self.gpu = gpu
        self.uuid = uuid
        self.limit = limit
        clientGPU = uuid == nil ? gpu : 0
        do throws(DeviceError) {
            for folder in MPSFolder.abandoned(in: root) {
                _ = try? Self.ask("quit -t 5", control, Self.environment(folder.path, uuid: nil), limit: limit)
                folder.remove()
            }
            let folder = try MPSFolder.make(in: root)
            self.folder = folder
            do throws(DeviceError) {
                process = try MPSProcess(
                    control, Self.environment(folder.path, uuid: uuid), words: folder.wordsPath)
            } catch {
                folder.remove()
                throw error
            }
            // From here on what is thrown stops it.
            try waitUntilReady()
        } catch {
            throw .device(
                name: "cuda:\(gpu)",
                reason: "the MPS daemon did not start: \(error); use 'partition: {kind: green}', which needs no daemon")
        }
    }

    private func waitUntilReady() throws(DeviceError) {
        let clock = MonotonicClock()
        let deadline = clock.now + limit
        while true {
            let environment = Self.environment(folder.path, uuid: uuid)
            let answer = try Self.ask("get_default_active_thread_percentage", control, environment, limit: limit)
            if answer.code == 0 { return isReady.store(true, ordering: .sequentiallyConsistent) }
            guard process.isRunning else { throw DeviceError(folder.firstWords) }
            guard clock.now < deadline else {
                throw DeviceError("it did not answer within \(Int(limit.inSeconds)) s: \(answer.firstLine)")
            }
            usleep(20_000)
        }
    }

    /// The environment of a process that is to be a client.
    ///
    /// - Parameter percentage: of the SMs, from 1 to 100, that it may use at once.
    func environment(percentage: Int) -> [String: String] {
        var variables = folder.variables
        variables["CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"] = "\(percentage)"
        // Not what this process has set for itself: a client with more queues leaves room for fewer clients.
        variables["CUDA_DEVICE_MAX_CONNECTIONS"] = "2"
        variables["CUDA_VISIBLE_DEVICES"] = uuid
        return variables
    }

    /// The percentage that gives a context at least its quota of SMs: MPS counts in whole per cent.
    static func percentage(_ partition: Partition, multiprocessors: Int) -> Int {
        let quota = partition.quota(units: multiprocessors, granularity: 2)
        return min(100, max(1, (quota * 100 + multiprocessors - 1) / multiprocessors))
    }

    /// Stops the daemon, by force if need be. Its clients should have ended before.
    func stop() {
        guard !isStopped.exchange(true, ordering: .sequentiallyConsistent) else { return }
        // One that never answered is not asked again.
        if isReady.load(ordering: .sequentiallyConsistent) {
            _ = try? Self.ask("quit -t 5", control, Self.environment(folder.path, uuid: uuid), limit: limit)
        }
        process.end()
        folder.remove()
    }

    deinit { stop() }

    /// Has the control program tell a daemon something.
    private static func ask(
        _ command: String, _ control: String, _ environment: [String: String], limit: Nanoseconds
    ) throws(DeviceError) -> ChildProcess.Outcome {
        try ChildProcess.run(control, [], environment: environment, input: command + "\n", limit: limit)
    }

    /// The environment of the daemon and of the control program.
    private static func environment(_ folder: String, uuid: String?) -> [String: String] {
        var variables = ProcessInfo.processInfo.environment.merging(MPSFolder.variables(folder)) { $1 }
        variables["CUDA_DEVICE_MAX_CONNECTIONS"] = nil
        if let uuid { variables["CUDA_VISIBLE_DEVICES"] = uuid }
        return variables
    }
}

/// The daemon's process, in the foreground, with the thread that has started it and waits for its end: when this process
/// ends, however that may be, the system ends the daemon.
private final class MPSProcess: Sendable {
    /// `nil` once it has ended.
    private let number = Mutex<pid_t?>(nil)

    init(_ control: String, _ environment: [String: String], words path: String) throws(DeviceError) {
        let start = FirstStart()
        _ = try DedicatedThread(.init(name: "daris-mps")) {
            do throws(DeviceError) {
                try self.keep(control, environment, words: path) { start.tell(.success(())) }
            } catch {
                start.tell(.failure(error))
            }
        }
        try start.wait()
    }

    private func keep(
        _ control: String, _ environment: [String: String], words path: String, whenStarted: () -> Void
    ) throws(DeviceError) {
        let nothing = open("/dev/null", O_RDONLY | O_CLOEXEC)
        let input = try Descriptor(nothing < 0 ? -errno : nothing, "/dev/null")
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        let words = try Descriptor(file < 0 ? -errno : file, path)
        var child = try ChildProcess(
            control, ["-f"], environment: environment, input: input, output: words, errors: words,
            endSignal: SIGTERM)
        number.withLock { $0 = child.number }
        whenStarted()
        _ = child.waitForEnd()
        // Before the system may give the number to another process.
        number.withLock { $0 = nil }
        _ = child.reap()
    }

    var isRunning: Bool { number.withLock { $0 != nil } }

    /// Has it end; one that does not, within 2 s, is killed.
    func end() {
        let clock = MonotonicClock()
        let deadline = clock.now + .seconds(Int64(2))
        signal(SIGTERM)
        while isRunning, clock.now < deadline { usleep(5_000) }
        signal(SIGKILL)
    }

    /// Sends a signal to it and all that it has started.
    private func signal(_ signal: Int32) {
        number.withLock { number in
            if let number { kill(-number, signal) }
        }
    }
}

/// The folder of an MPS daemon's pipes and logs. A lock in it, which the system takes back however its process ends, tells
/// those in use from those that are left over.
struct MPSFolder: Sendable {
    /// Where it is.
    let path: String
    private let lock: Int32

    private static let prefix = "daris-mps-"

    /// Makes one for this process.
    static func make(in root: String) throws(DeviceError) -> MPSFolder {
        let name = "\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        // No other process may find it before it is locked.
        let hidden = "\(root)/daris-starting-\(name)"
        let path = "\(root)/\(prefix)\(name)"
        do {
            for name in ["pipe", "log"] {
                try FileManager.default.createDirectory(
                    atPath: hidden + "/" + name, withIntermediateDirectories: true,
                    attributes: [.posixPermissions: 0o700])
            }
        } catch {
            throw DeviceError("a folder for it cannot be made: \(error)")
        }
        let lock = daris_lock_file(hidden + "/owner")
        guard lock >= 0, rename(hidden, path) == 0 else {
            let reason = String(cString: strerror(errno))
            daris_unlock_file(lock)
            try? FileManager.default.removeItem(atPath: hidden)
            throw DeviceError("a folder for it cannot be made: \(path): \(reason)")
        }
        return MPSFolder(path: path, lock: lock)
    }

    /// Those of this user whose processes have ended without removing them; the caller must.
    static func abandoned(in root: String) -> [MPSFolder] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        return names.filter { $0.hasPrefix(prefix) }.compactMap { name in
            let path = root + "/" + name
            var facts = stat()
            guard lstat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR, facts.st_uid == geteuid() else {
                return nil
            }
            let lock = daris_try_lock_file(path + "/owner")
            return lock >= 0 ? MPSFolder(path: path, lock: lock) : nil
        }
    }

    /// Removes it, and all that is in it.
    func remove() {
        try? FileManager.default.removeItem(atPath: path)
        daris_unlock_file(lock)
    }

    /// The file that the daemon's own words go to.
    var wordsPath: String { path + "/log/daemon.txt" }

    /// The first line of them.
    var firstWords: String {
        let said = (try? String(contentsOfFile: wordsPath, encoding: .utf8)) ?? ""
        return said.split(separator: "\n").first.map(String.init) ?? "it said nothing"
    }

    /// What tells the daemon and its clients of the folder.
    var variables: [String: String] { Self.variables(path) }

    static func variables(_ path: String) -> [String: String] {
        ["CUDA_MPS_PIPE_DIRECTORY": path + "/pipe", "CUDA_MPS_LOG_DIRECTORY": path + "/log"]
    }
}
