/// What a worker says once it is ready: where in the shared memory the tensors of its tasks are.
struct WorkerReadiness: Codable, Sendable {
    /// Bytes of shared memory.
    struct Place: Codable, Sendable, Hashable {
        var offset: Int
        var bytes: Int
        /// How many strings lie there, as `SharedStrings` has them; `nil` if the bytes are the tensor's elements.
        var strings: Int?

        /// What the bytes of a job must be.
        var size: TensorSize {
            strings.map { .strings(count: $0, limit: bytes - SharedStrings.headerBytes) } ?? .bytes(bytes)
        }
    }

    /// The tensors of a task, in the order of its model's graph.
    struct Places: Codable, Sendable, Hashable {
        var inputs: [Place]
        var outputs: [Place]
    }

    /// Size of the shared memory.
    var byteCount: Int
    /// By task.
    var tasks: [Places]
    /// The shapes it found, to be given to the worker that may come after it.
    var shapes: [WorkerSpecification.KnownShapes]

    /// Checks every number against the memory that there is.
    ///
    /// - Throws: what is impossible.
    func check(taskCount: Int, lanes: Int, fileBytes: Int) throws(DeviceError) {
        let start = SharedMemory.tensorStart(lanes: lanes)
        guard fileBytes == byteCount, (start...WorkerLimits.sharedBytes).contains(byteCount) else {
            throw DeviceError("it shares \(fileBytes) bytes of memory and says that they are \(byteCount)")
        }
        guard tasks.count == taskCount else { throw DeviceError("it has \(tasks.count) tasks, not \(taskCount)") }
        for place in tasks.lazy.flatMap({ $0.inputs + $0.outputs }) {
            guard place.offset >= start, place.offset <= byteCount, place.bytes >= 0,
                place.bytes <= byteCount - place.offset,
                place.strings.map({ $0 >= 0 && place.bytes >= SharedStrings.headerBytes }) != false
            else {
                throw DeviceError(
                    "it puts a tensor of \(place.bytes) bytes at byte \(place.offset) of \(byteCount) bytes")
            }
        }
    }
}
