import CDarisSystem
import Foundation

/// A worker process as its parent has it: started, listened to, ended, and taken off the system's books exactly once.
struct WorkerProcess: ~Copyable {
    private let process: pid_t
    /// Becomes readable when the process has ended.
    let end: Descriptor
    let socket: Descriptor
    let memory: Descriptor
    private var received: [UInt8]
    /// The worker will say nothing more.
    private(set) var hasHungUp: Bool
    private var ending: String?
    /// Whether it has ended because its device was lost to it.
    private(set) var hasLostDevice = false

    /// Starts a worker. The system kills it when the calling thread ends, so that thread must be the one that watches it.
    static func start(
        _ program: WorkerProgram, _ specification: WorkerSpecification
    ) throws(DeviceError) -> WorkerProcess {
        let data: Data
        do { data = try JSONEncoder().encode(specification) } catch { throw DeviceError("\(error)") }
        guard data.count <= WorkerLimits.specificationBytes else {
            throw DeviceError("its specification has \(data.count) bytes, \(WorkerLimits.specificationBytes) at most")
        }
        let memory = try Descriptor(daris_memory_file("daris-worker"), "shared memory")
        let text = try Descriptor(daris_memory_file("daris-specification"), "memory for the specification")
        guard data.withUnsafeBytes({ write(text.number, $0.baseAddress, $0.count) }) == data.count else {
            throw DeviceError("the specification cannot be written: \(String(cString: strerror(errno)))")
        }
        var pair: [Int32] = [-1, -1]
        let error = daris_socket_pair(&pair)
        guard error == 0 else { throw DeviceError("a pair of sockets: \(String(cString: strerror(error)))") }
        let socket = try Descriptor(pair[0], "a socket")
        let other = try Descriptor(pair[1], "a socket")

        let process = try spawn(program, [memory.number, other.number, text.number])
        let end = daris_open_process(process)
        guard end >= 0 else {
            // Without it the end of the process could be missed.
            kill(process, SIGKILL)
            var (signal, code): (Int32, Int32) = (0, 0)
            daris_reap(process, &signal, &code)
            throw DeviceError("pidfd_open: \(String(cString: strerror(-end))); Linux 5.3 or newer is needed")
        }
        return WorkerProcess(
            process: process, end: try Descriptor(end, "pidfd_open"), socket: socket, memory: memory)
    }

    private init(process: pid_t, end: consuming Descriptor, socket: consuming Descriptor, memory: consuming Descriptor)
    {
        self.process = process
        self.end = end
        self.socket = socket
        self.memory = memory
        received = []
        hasHungUp = false
        ending = nil
    }

    deinit {
        guard ending == nil else { return }
        kill(process, SIGKILL)
        var (signal, code): (Int32, Int32) = (0, 0)
        daris_reap(process, &signal, &code)
    }

    private static func spawn(_ program: WorkerProgram, _ descriptors: [Int32]) throws(DeviceError) -> pid_t {
        let arguments = [program.path.hasPrefix("/proc/") ? "daris" : program.path, "worker"]
        let variables = ProcessInfo.processInfo.environment.merging(program.environment) { $1 }
        var argv = arguments.map { strdup($0) } + [nil]
        var envp = variables.map { strdup("\($0)=\($1)") } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var process: pid_t = 0
        let error = daris_start_program(program.path, &argv, &envp, descriptors, Int32(descriptors.count), &process)
        guard error == 0 else {
            throw DeviceError("'\(program.path)' cannot be started: \(String(cString: strerror(error)))")
        }
        return process
    }

    /// The process's number.
    var number: Int32 { process }

    /// The next message, if all of it has arrived. Reads what there is without waiting.
    mutating func nextMessage() throws(DeviceError) -> WorkerMessage? {
        while true {
            if let message = try WorkerMessage.take(from: &received) { return message }
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            let count = recv(socket.number, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count == 0 { hasHungUp = true }
            guard count > 0 else { return nil }
            received += buffer.prefix(count)
        }
    }

    /// Why a worker that has ended did so, in its own words, if it said anything.
    mutating func lastWords() -> String? {
        while let message = try? nextMessage() {
            if case .failed(let words) = message { return words }
        }
        return nil
    }

    /// Has the worker look at the words in shared memory that concern all of it.
    func wake() {
        var byte: UInt8 = 0
        send(socket.number, &byte, 1, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
    }

    /// Tells the worker to end, by ending what it could hear.
    func hangUp() { shutdown(socket.number, Int32(SHUT_RDWR)) }

    /// Ends the worker at once.
    func killNow() { kill(process, SIGKILL) }

    /// Waits for the end of the process, which must be near, and says what ended it. Call it once.
    mutating func reap() -> String {
        var (signal, code): (Int32, Int32) = (-1, -1)
        let error = daris_reap(process, &signal, &code)
        let words: String
        if error != 0 {
            words = "its worker process ended for an unknown reason"
        } else if signal >= 0 {
            words = "its worker process was killed by signal \(signal) (\(String(cString: strsignal(signal))))"
        } else {
            words = "its worker process ended with exit code \(code)"
        }
        ending = words
        hasLostDevice = code == Worker.lossCode
        return words
    }
}

/// Finds the program that workers run: `daris`.
enum WorkerExecutable {
    /// The program's path.
    ///
    /// - Parameters:
    ///   - chosen: what must be used, if given.
    ///   - running: the program of this process.
    ///   - searchPath: folders to look in last, as in `PATH`.
    static func find(
        _ chosen: String? = nil, running: String? = runningProgram,
        searchPath: String = ProcessInfo.processInfo.environment["PATH"] ?? ""
    ) throws(DeviceError) -> String {
        let files = FileManager.default
        if let chosen {
            guard files.isExecutableFile(atPath: chosen) else { throw DeviceError("'\(chosen)' is no program") }
            return chosen
        }
        // The program of this process is there even if its file has been replaced meanwhile.
        if let running, name(of: running) == "daris" { return "/proc/self/exe" }
        let beside = running.map { [URL(fileURLWithPath: $0).deletingLastPathComponent().path] } ?? []
        let folders = beside + searchPath.split(separator: ":").map(String.init)
        for folder in folders where folder.hasPrefix("/") {
            let path = folder + "/daris"
            if files.isExecutableFile(atPath: path) { return path }
        }
        throw DeviceError(
            "worker processes run the program 'daris', which is neither beside this program nor in PATH; install it "
                + "there, or name it by the option workerExecutable")
    }

    private static var runningProgram: String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    }

    private static func name(of path: String) -> String {
        URL(fileURLWithPath: path).lastPathComponent.replacing(" (deleted)", with: "")
    }
}
