import CONNXRuntime
import Glibc

/// A kind of memory, the host's or a GPU's, that holds a tensor or a session's output.
///
/// It never changes, so any number of threads may use it.
package final class MemoryInfo: Sendable {
    /// A place of memory.
    package enum Place: Hashable, Sendable {
        /// The host's memory.
        case host
        /// The memory of a CUDA device.
        case cuda(device: Int)
    }

    /// The place of this memory.
    package let place: Place
    let handle: Handle

    /// The memory of `place`.
    package convenience init(library: ONNXRuntimeLibrary, place: Place) throws(ONNXRuntimeError) {
        try self.init(api: library.api, place: place)
    }

    init(api: API, place: Place) throws(ONNXRuntimeError) {
        // Allocator types: 0 is a device's own, 1 an arena. Memory type 0: the device's default.
        let name: String
        let allocatorType: Int32
        let device: Int
        switch place {
        case .host: (name, allocatorType, device) = ("Cpu", 1, 0)
        case .cuda(let index): (name, allocatorType, device) = ("Cuda", 0, index)

        }
        self.place = place
        handle = try api.make("CreateMemoryInfo", for: "\(place)", release: daris_ort_release_memory_info) {
            daris_ort_create_memory_info(api.table, name, allocatorType, Int32(device), 0, &$0)
        }
    }

    /// Whether the host can read and write this memory.
    package var isHostAccessible: Bool { place == .host }
}

/// Zeroed host memory that starts at a multiple of 64 bytes: a cache line, and the widest vector.
final class AlignedBuffer: Sendable {
    /// The memory; never reallocated. The users of the tensor must keep their accesses apart.
    nonisolated(unsafe) let start: UnsafeMutableRawPointer

    /// - Returns: `nil` if there is not enough memory.
    init?(byteCount: Int) {
        var memory: UnsafeMutableRawPointer?
        guard posix_memalign(&memory, 64, max(byteCount, 1)) == 0, let memory else { return nil }
        start = memory
        start.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    }

    deinit { free(start) }
}
