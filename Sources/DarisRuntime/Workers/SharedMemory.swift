import CDarisSystem
import Glibc

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
