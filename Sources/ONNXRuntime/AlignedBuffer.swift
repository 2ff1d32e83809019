import Glibc

/// Zeroed host memory that starts at a multiple of 64 bytes: a cache line, and the widest vector.
final class AlignedBuffer: Sendable {
    /// The memory; never reallocated. What is in it is for the users of the tensor to keep apart.
    nonisolated(unsafe) let start: UnsafeMutableRawPointer

    /// - Returns: `nil` if there is not so much memory.
    init?(byteCount: Int) {
        var memory: UnsafeMutableRawPointer?
        guard posix_memalign(&memory, 64, max(byteCount, 1)) == 0, let memory else { return nil }
        start = memory
        start.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    }

    deinit { free(start) }
}
