import CONNXRuntime

/// A kind of memory, such as the host's or a GPU's, to which a tensor or a session's output belongs.
///
/// It never changes, so any number of threads may use it.
package final class MemoryInfo: Sendable {
    /// Where memory is.
    package enum Place: Hashable, Sendable {
        /// The host's memory.
        case host
        /// The memory of a CUDA device.
        case cuda(device: Int)
        /// Host memory that a CUDA device can reach by itself.
        case cudaPinned(device: Int)
    }

    /// Where this memory is.
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
        case .cudaPinned(let index): (name, allocatorType, device) = ("CudaPinned", 0, index)
        }
        self.place = place
        handle = try api.make("CreateMemoryInfo", for: "\(place)", release: daris_ort_release_memory_info) {
            daris_ort_create_memory_info(api.table, name, allocatorType, Int32(device), 0, &$0)
        }
    }

    /// Whether the host can read and write this memory.
    package var isHostAccessible: Bool {
        switch place {
        case .host, .cudaPinned: true
        case .cuda: false
        }
    }
}
