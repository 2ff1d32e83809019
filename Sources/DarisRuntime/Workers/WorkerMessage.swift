import Foundation

/// What a worker says to its parent on their socket: a byte for the kind, four for the length, then so many bytes.
enum WorkerMessage {
    /// A step of its start.
    case progress(String)
    /// It is ready; its `WorkerReadiness` in JSON.
    case ready(Data)
    /// It cannot start, for this reason, and ends.
    case failed(String)

    static let headerBytes = 5

    /// The message as bytes.
    var encoded: [UInt8] {
        let (kind, payload): (Unicode.Scalar, [UInt8]) =
            switch self {
            case .progress(let text): ("p", Array(text.utf8))
            case .ready(let data): ("r", Array(data))
            case .failed(let text): ("f", Array(text.utf8))
            }
        return [UInt8(ascii: kind)] + (0..<4).map { UInt8(truncatingIfNeeded: payload.count >> ($0 * 8)) } + payload
    }

    /// Takes the first message off what has been received.
    ///
    /// - Returns: `nil` while it is not complete.
    /// - Throws: if it can be none.
    static func take(from received: inout [UInt8]) throws(DeviceError) -> WorkerMessage? {
        guard received.count >= headerBytes else { return nil }
        let length = (0..<4).reduce(0) { $0 | Int(received[1 + $1]) << ($1 * 8) }
        guard length <= WorkerLimits.messageBytes else { throw DeviceError("it sent a message of \(length) bytes") }
        let kind = received[0]
        guard [UInt8(ascii: "p"), UInt8(ascii: "r"), UInt8(ascii: "f")].contains(kind) else {
            throw DeviceError("it sent a message of kind \(kind)")
        }
        guard received.count >= headerBytes + length else { return nil }
        let payload = received[headerBytes..<headerBytes + length]
        defer { received.removeFirst(headerBytes + length) }
        return switch kind {
        case UInt8(ascii: "p"): .progress(String(decoding: payload, as: UTF8.self))
        case UInt8(ascii: "r"): .ready(Data(payload))
        default: .failed(String(decoding: payload, as: UTF8.self))
        }
    }
}

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
