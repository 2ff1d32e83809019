import CDarisSystem
import DarisCore
import Glibc
import ONNXRuntime

/// Memory that a worker process and the one that started it both have mapped, until the last reference is gone.
///
/// A page with a word for the whole worker comes first, then a `LaneSlot` a lane, then, from `tensorStart`, the inputs and
/// outputs of the tasks. The size of the file below it is sealed before the parent maps it, so that a worker that goes
/// wrong can scribble here but cannot take pages away.
final class SharedMemory: @unchecked Sendable {
    // Unchecked: the address never changes; what is behind it is read and written by the rules of its users.

    let base: UnsafeMutableRawPointer
    let byteCount: Int

    static let pageBytes = 4096

    /// Maps the first `byteCount` bytes of a file.
    init(file: Int32, byteCount: Int) throws(DeviceError) {
        guard let base = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), base != MAP_FAILED else {
            throw DeviceError(
                "\(byteCount) bytes of shared memory cannot be mapped: \(String(cString: strerror(errno)))")
        }
        self.base = base
        self.byteCount = byteCount
    }

    deinit { munmap(base, byteCount) }

    /// Where the tensors of a worker with so many lanes start.
    static func tensorStart(lanes: Int) -> Int {
        pageBytes + (lanes * LaneSlot.byteCount + pageBytes - 1) / pageBytes * pageBytes
    }

    /// 1 while stages are to be terminated, else 0.
    var termination: UnsafeMutablePointer<UInt32> { base.assumingMemoryBound(to: UInt32.self) }

    /// What a lane's commands and completions go through.
    func slot(_ lane: Int) -> LaneSlot { LaneSlot(base: base + Self.pageBytes + lane * LaneSlot.byteCount) }
}

/// The strings of a tensor in shared memory: how many bytes they take, in 8 bytes, then the strings as `EncodedStrings` has
/// them.
struct SharedStrings: @unchecked Sendable {
    // Unchecked: each side touches it only while the job, or its absence, gives it the right to.

    static let headerBytes = 8
    let memory: UnsafeMutableRawBufferPointer

    /// The most bytes that the strings may take together.
    var capacity: Int { memory.count - Self.headerBytes }

    /// Replaces the strings; those that do not fit leave none.
    ///
    /// - Returns: whether they fit.
    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool {
        let fits = bytes.count <= capacity
        memory.storeBytes(of: UInt64(fits ? bytes.count : 0), as: UInt64.self)
        if fits { memory[Self.headerBytes...].copyBytes(from: bytes) }
        return fits
    }

    /// A copy of the strings; `nil` if what is there can be none. The other side may change it meanwhile, so the length is
    /// read once and what is returned is still to be checked.
    func read() -> [UInt8]? {
        let length = memory.load(as: UInt64.self)
        guard length <= UInt64(capacity) else { return nil }
        return Array(memory[Self.headerBytes..<Self.headerBytes + Int(length)])
    }
}

/// A lane's place in shared memory: one command at a time to the worker, one completion back.
///
/// Each has a sequence number, written last by the one side and waited for by the other: a command's goes up by one, and
/// its completion repeats it. Fields of different writers lie in different cache lines.
struct LaneSlot {
    /// A stage to run.
    struct Command: Hashable {
        var job: JobID
        var instance: Int
        var stage: Int
        /// Launched from the end of the lane's stage before, so that the time between is a hand-over.
        var followsEnd: Bool
    }

    /// The end of a stage, as the worker tells it.
    struct Completion: Hashable {
        var executionTime: Nanoseconds
        var handover: Nanoseconds?
        var error: String?
    }

    /// What a thread of a lane in the worker waits for.
    struct Bell {
        /// Sequence number of the last command for this thread.
        let commanded: UnsafeMutablePointer<UInt32>
        /// Not 0 while the thread waits.
        let workerSleeps: UnsafeMutablePointer<UInt32>
    }

    static let byteCount = 1216
    private static let taskOffset = 8
    private static let jobOffset = 16
    private static let stageOffset = 24
    private static let followsOffset = 32
    private static let instanceOffset = 40
    private static let statusOffset = 132
    private static let timeOffset = 136
    private static let handoverOffset = 144
    private static let lengthOffset = 152
    private static let textOffset = 192
    private static let changesOffset = 960
    private static let parentSleepsOffset = 1024
    private static let lowCommandedOffset = 1088
    private static let lowSleepsOffset = 1152

    let base: UnsafeMutableRawPointer

    /// What the lane's thread waits for, or its thread for stages that make way.
    func bell(makingWay: Bool) -> Bell {
        Bell(
            commanded: (base + (makingWay ? Self.lowCommandedOffset : 0)).assumingMemoryBound(to: UInt32.self),
            workerSleeps: (base + (makingWay ? Self.lowSleepsOffset : 64)).assumingMemoryBound(to: UInt32.self))
    }
    /// Sequence number of the last command that has been carried out.
    var completed: UnsafeMutablePointer<UInt32> { (base + 128).assumingMemoryBound(to: UInt32.self) }
    /// Changes whenever a stage has ended or the parent has something for its own watching thread, which waits for it.
    var changes: UnsafeMutablePointer<UInt32> {
        (base + Self.changesOffset).assumingMemoryBound(to: UInt32.self)
    }
    /// Not 0 while the parent's watching thread of this lane waits.
    var parentSleeps: UnsafeMutablePointer<UInt32> {
        (base + Self.parentSleepsOffset).assumingMemoryBound(to: UInt32.self)
    }

    /// Writes a command, for a lane that has none; the lane's thread is still to be woken.
    ///
    /// - Parameter makingWay: for which of the lane's threads it is.
    func write(_ command: Command, sequence: UInt32, makingWay: Bool = false) {
        base.storeBytes(of: Int64(command.job.task), toByteOffset: Self.taskOffset, as: Int64.self)
        base.storeBytes(of: Int64(command.job.sequence), toByteOffset: Self.jobOffset, as: Int64.self)
        base.storeBytes(of: Int64(command.instance), toByteOffset: Self.instanceOffset, as: Int64.self)
        base.storeBytes(of: Int64(command.stage), toByteOffset: Self.stageOffset, as: Int64.self)
        base.storeBytes(of: command.followsEnd ? 1 : 0, toByteOffset: Self.followsOffset, as: UInt32.self)
        daris_store(bell(makingWay: makingWay).commanded, sequence)
    }

    /// Wakes the thread in the worker that a command is for, if it waits.
    func wakeWorker(makingWay: Bool = false) {
        let bell = bell(makingWay: makingWay)
        if daris_load(bell.workerSleeps) != 0 { daris_wake(bell.commanded) }
    }

    /// The last command; the worker's side.
    var command: Command {
        let task = base.load(fromByteOffset: Self.taskOffset, as: Int64.self)
        let job = base.load(fromByteOffset: Self.jobOffset, as: Int64.self)
        let instance = base.load(fromByteOffset: Self.instanceOffset, as: Int64.self)
        let stage = base.load(fromByteOffset: Self.stageOffset, as: Int64.self)
        let follows = base.load(fromByteOffset: Self.followsOffset, as: UInt32.self)
        return Command(
            job: JobID(task: Int(task), sequence: Int(job)), instance: Int(instance), stage: Int(stage),
            followsEnd: follows == 1)
    }

    /// Writes a completion; the worker's side.
    func write(_ completion: Completion, sequence: UInt32) {
        base.storeBytes(of: completion.executionTime.rawValue, toByteOffset: Self.timeOffset, as: Int64.self)
        base.storeBytes(of: completion.handover?.rawValue ?? -1, toByteOffset: Self.handoverOffset, as: Int64.self)
        base.storeBytes(of: completion.error == nil ? 0 : 1, toByteOffset: Self.statusOffset, as: UInt32.self)
        if let error = completion.error {
            let bytes = Array(error.utf8.prefix(WorkerLimits.errorBytes))
            base.storeBytes(of: UInt32(bytes.count), toByteOffset: Self.lengthOffset, as: UInt32.self)
            (base + Self.textOffset).copyMemory(from: bytes, byteCount: bytes.count)
        }
        daris_store(completed, sequence)
    }

    /// The last completion, every field read once and checked: the worker that wrote it is not trusted.
    ///
    /// - Throws: what is impossible about it.
    func completion() throws(DeviceError) -> Completion {
        let time = base.load(fromByteOffset: Self.timeOffset, as: Int64.self)
        let handover = base.load(fromByteOffset: Self.handoverOffset, as: Int64.self)
        let status = base.load(fromByteOffset: Self.statusOffset, as: UInt32.self)
        let longest = WorkerLimits.longestTime.rawValue
        guard (0...longest).contains(time) else { throw DeviceError("an execution time of \(time) ns") }
        guard (-1...longest).contains(handover) else { throw DeviceError("a hand-over of \(handover) ns") }
        guard status <= 1 else { throw DeviceError("the status \(status)") }
        var completion = Completion(
            executionTime: Nanoseconds(time), handover: handover < 0 ? nil : Nanoseconds(handover))
        if status == 1 {
            let length = base.load(fromByteOffset: Self.lengthOffset, as: UInt32.self)
            guard length <= WorkerLimits.errorBytes else { throw DeviceError("an error of \(length) bytes") }
            let text = UnsafeRawBufferPointer(start: base + Self.textOffset, count: Int(length))
            completion.error = String(decoding: text, as: UTF8.self)
        }
        return completion
    }
}
