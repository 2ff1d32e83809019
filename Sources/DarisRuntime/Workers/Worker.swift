import CDarisSystem
import DarisCore
import Foundation

/// A worker process from the inside: `daris worker`, which `WorkerDevice` starts.
///
/// It is told all it needs by three open files: 3 is the memory to share, 4 the socket to its parent, 5 its
/// specification. It lives until the parent hangs up.
package enum Worker {
    private static let memoryFile: Int32 = 3
    private static let socket: Int32 = 4
    private static let specificationFile: Int32 = 5
    /// The exit code of a worker that has lost its device.
    static let lossCode: Int32 = 3

    /// Serves until the parent hangs up. Call it in a process that does nothing else.
    ///
    /// - Returns: the exit code, where this process was not started as a worker.
    package static func serve() -> Int32 {
        var facts = stat()
        let isWorker = fstat(socket, &facts) == 0 && facts.st_mode & S_IFMT == S_IFSOCK
        guard isWorker, fstat(specificationFile, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else { return 2 }
        // Signals of the terminal are for the parent to decide on.
        signal(SIGINT, SIG_IGN)
        signal(SIGHUP, SIG_IGN)
        signal(SIGPIPE, SIG_IGN)
        LineWriter.unblockStandardError()
        _ = daris_die_with_parent()
        do throws(PreparationError) {
            let specification = try readSpecification(byteCount: Int(facts.st_size))
            try serve(specification)
        } catch {
            send(.failed(error.description))
        }
        // Without tidying up: a lane may be in the midst of a stage, or hang in it.
        _exit(0)
    }

    private static func readSpecification(byteCount: Int) throws(PreparationError) -> WorkerSpecification {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        guard pread(specificationFile, &bytes, byteCount, 0) == byteCount,
            let specification = try? JSONDecoder().decode(WorkerSpecification.self, from: Data(bytes)),
            specification.version == WorkerSpecification.currentVersion
        else {
            throw .device(
                name: "worker",
                reason: "the program that workers run is of another version of Daris than the one that starts them")
        }
        close(specificationFile)
        return specification
    }

    private static func serve(_ specification: WorkerSpecification) throws(PreparationError) {
        // A backtrace would take the context for seconds; what ended the process its parent hears from the system.
        daris_end_crashes("the worker process of context \(specification.context)")
        if specification.locksMemory { _ = SystemRights.lockMemory() }
        let type = try MachineDevice.type(of: specification.device.kind)
        let hosting = Hosting(lanes: specification.laneCount, memoryFile: memoryFile, specification.shapes)
        let part = try type.loadPart(specification, hosting: hosting) { send(.progress($0)) }
        try run(part.device, specification, hosting, processors: part.processors, check: part.check)
        part.settle()
    }

    /// Ends the process, whose device is lost: only another process can have it again.
    private static func end(_ error: DeviceError) -> Never {
        send(.failed(error.description))
        _exit(lossCode)
    }

    /// Serves the lanes of a device until the parent hangs up.
    ///
    /// - Parameter check: asks the device now and then whether it is still there.
    private static func run(
        _ device: some Device, _ specification: WorkerSpecification, _ hosting: Hosting, processors: [Int],
        check: () throws(DeviceError) -> Void
    ) throws(PreparationError) {
        let (memory, readiness) = try hosting.readiness()
        let server = WorkerServer(device, memory: memory, lanes: specification.laneCount) { end($0) }
        do throws(DeviceError) {
            try server.start(lowLanes: specification.makesWay.contains(true) ? specification.partition.streams : 0) {
                lane, makesWay in
                DedicatedThread.Attributes(
                    name: "daris-\(specification.context).\(lane)\(makesWay ? "l" : "")", processors: processors,
                    fifoPriority: specification.fifoPriority, makesWay: makesWay)
            }
        } catch {
            throw .device(name: "worker", reason: error.description)
        }
        do {
            send(.ready(try JSONEncoder().encode(readiness)))
        } catch {
            throw .device(name: "worker", reason: "\(error)")
        }
        var byte: UInt8 = 0
        while true {
            var file = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            if poll(&file, 1, Int32(WorkerLimits.checkInterval.inMilliseconds)) > 0 {
                let count = read(socket, &byte, 1)
                if count == 0 || (count < 0 && errno != EINTR) { return }
                server.heedTermination()
            }
            do throws(DeviceError) { try check() } catch { if error.losesDevice { end(error) } }
        }
    }

    /// Sends a message; a parent that is gone is no one to tell, so the process ends.
    private static func send(_ message: WorkerMessage) {
        let bytes = message.encoded
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { write(socket, $0.baseAddress! + sent, bytes.count - sent) }
            if count < 0 {
                if errno == EINTR { continue }
                _exit(1)
            }
            sent += count
        }
    }
}
