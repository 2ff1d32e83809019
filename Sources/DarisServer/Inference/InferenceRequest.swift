import DarisCore
import DarisRuntime
import ONNXRuntime

/// A request for one inference, independent of how it came.
struct InferenceRequest: Sendable {
    /// One input tensor.
    struct Input: Sendable, Hashable {
        var name: String
        var type: ElementType
        var shape: [Int]
        /// The elements, row-major and little-endian.
        var bytes: [UInt8]
        /// Where the elements are instead, if they are in shared memory.
        var sharedMemory: SharedMemorySlice?
    }

    /// One output asked for.
    struct Output: Sendable, Hashable {
        var name: String
        /// Whether its elements are wanted as bytes behind the JSON.
        var isBinary: Bool
        /// How many of its largest elements are wanted as classes, in place of all elements; `nil` for the elements.
        var classes: Int?
        /// Where to write the elements, in place of the answer.
        var sharedMemory: SharedMemorySlice?
    }

    /// A part of a region of shared memory that a client has registered.
    struct SharedMemorySlice: Sendable, Hashable {
        /// The region's name.
        var region: String
        /// In bytes.
        var offset: Int
        var byteCount: Int
    }

    var model: String
    var version: String?
    var id: String?
    var inputs: [Input] = []
    /// All outputs, if empty.
    var outputs: [Output] = []
    /// Whether outputs not named in `outputs` are wanted as bytes.
    var wantsBinary = false
    /// 1 is the highest; `nil` or 0 leaves it to the model.
    var priority: Int?
    /// From the request's arrival to its deadline; `nil` leaves it to the model.
    var timeout: Nanoseconds?

    /// Whether an input or an output is in shared memory.
    var usesSharedMemory: Bool {
        inputs.contains { $0.sharedMemory != nil } || outputs.contains { $0.sharedMemory != nil }
    }
}

/// What a request is answered with.
struct InferenceResponse: Sendable {
    /// One output tensor.
    struct Output: Sendable, Hashable {
        var tensor: ModelSignature.Tensor
        var bytes: [UInt8]
        /// Whether it was asked for as bytes behind the JSON.
        var isBinary: Bool
        /// Where the client wants it, if that is not the answer.
        var place: SharedMemoryRegions.Place?

        /// The bytes that the answer has of it.
        var answered: [UInt8] { place == nil ? bytes : [] }
    }

    var model: String
    var version: String
    var id: String?
    var outputs: [Output]

    /// Whether any output goes to shared memory.
    var usesSharedMemory: Bool { outputs.contains { $0.place != nil } }

    /// Writes the outputs that go to shared memory: just before the answer is given, and never without one.
    ///
    /// - Throws: `InferenceError` if one does not fit, or a region is no longer there.
    func deliver() throws(InferenceError) {
        for output in outputs { try output.place?.write(output.bytes, output: output.tensor.name) }
    }
}

/// The names that the Open Inference Protocol gives to element types.
extension ElementType {
    /// The name, such as `FP32`.
    var protocolName: String {
        switch self {
        case .bool: "BOOL"
        case .uint8: "UINT8"
        case .uint16: "UINT16"
        case .uint32: "UINT32"
        case .uint64: "UINT64"
        case .int8: "INT8"
        case .int16: "INT16"
        case .int32: "INT32"
        case .int64: "INT64"
        case .float16: "FP16"
        case .float32: "FP32"
        case .float64: "FP64"
        case .bfloat16: "BF16"
        case .string: "BYTES"
        }
    }

    /// The type with a name, if there is one.
    init?(protocolName name: String) {
        guard let type = Self.allCases.first(where: { $0.protocolName == name }) else { return nil }
        self = type
    }
}
