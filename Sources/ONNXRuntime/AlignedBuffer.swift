/// Zeroed host memory that starts at a multiple of 64 bytes: a cache line, and the widest vector.
final class AlignedBuffer: Sendable {
    /// The memory; never reallocated. What is in it is for the users of the tensor to keep apart.
    nonisolated(unsafe) let start: UnsafeMutableRawPointer

    init(byteCount: Int) {
        start = .allocate(byteCount: max(byteCount, 1), alignment: 64)
        start.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    }

    deinit { start.deallocate() }
}
