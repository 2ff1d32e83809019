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
    }

    /// One output asked for.
    struct Output: Sendable, Hashable {
        var name: String
        /// Whether its elements are wanted as bytes behind the JSON.
        var isBinary: Bool
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
}

/// What a request is answered with.
struct InferenceResponse: Sendable {
    /// One output tensor.
    struct Output: Sendable, Hashable {
        var tensor: ModelSignature.Tensor
        var bytes: [UInt8]
        /// Whether it was asked for as bytes behind the JSON.
        var isBinary: Bool
    }

    var model: String
    var version: String
    var id: String?
    var outputs: [Output]
}
