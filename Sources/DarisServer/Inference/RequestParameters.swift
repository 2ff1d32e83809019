import DarisCore

/// The parameters of an inference request, of one of its inputs or of one of its outputs, whatever protocol brings them. None
/// is ignored: one that is not known is refused.
///
/// ```swift
/// var found = RequestParameters.Collection(of: .input, "input 'x'")
/// try found.take("binary_data_size", .integer(8))
/// let parameters = try found.end()
/// ```
struct RequestParameters: Sendable {
    /// What parameters belong to.
    enum Owner {
        case request, input, output

        /// The parameters that mean something there.
        var known: [String] {
            switch self {
            case .request: ["binary_data_output", "priority", "timeout", "triton_enable_empty_final_response"]
            case .input: ["binary_data_size"] + Self.sharedMemory
            case .output: ["binary_data", "classification"] + Self.sharedMemory
            }
        }

        private static let sharedMemory = [
            "shared_memory_region", "shared_memory_offset", "shared_memory_byte_size",
        ]
    }

    /// A parameter's value, as far as one can mean something.
    enum Value: Hashable, Sendable {
        /// There is none.
        case null
        case bool(Bool)
        /// One that is too large or too small is the last that an `Int` can be.
        case integer(Int)
        case text(String)
        /// Of a kind that no parameter has.
        case other
    }

    // Of a request.
    var binaryOutput: Bool?
    var priority: Int?
    var timeout: Nanoseconds?
    // Of an input.
    var binarySize: Int?
    // Of an output.
    var isBinary: Bool?
    var classes: Int?
    // Of an input or an output.
    var sharedMemory: InferenceRequest.SharedMemorySlice?
}

extension RequestParameters {
    /// The parameters of one owner, as they come.
    struct Collection {
        private let owner: Owner
        /// What they belong to, such as `the request` or `input 'x'`.
        private let name: String
        private var parameters = RequestParameters()
        private var region: String?
        private var offset: Int?
        private var size: Int?

        init(of owner: Owner, _ name: String) {
            self.owner = owner
            self.name = name
        }

        /// What errors call a parameter.
        func place(_ parameter: String) -> String { "parameter '\(parameter)' of \(name)" }

        /// Makes sure that a parameter is one that is known there.
        func check(_ parameter: String) throws(InferenceError) {
            guard !owner.known.contains(parameter), !isSequence(parameter) else { return }
            let known = owner.known.map { "'\($0)'" }.joined(separator: ", ")
            throw InferenceError(.invalid, "\(place(parameter)) is not known; those known there are \(known)")
        }

        private func isSequence(_ parameter: String) -> Bool { owner == .request && parameter.hasPrefix("sequence_") }

        /// Takes one in.
        mutating func take(_ parameter: String, _ value: Value) throws(InferenceError) {
            try check(parameter)
            if isSequence(parameter) { return try noSequence(parameter, value) }
            if value == .null { return }
            switch parameter {
            case "binary_data_output": parameters.binaryOutput = try bool(parameter, value)
            case "priority": parameters.priority = try count(parameter, value, takesText: true)
            case "timeout":
                let number = try integer(parameter, value, takesText: true)
                parameters.timeout = try RequestDecoding.deadline(microseconds: Int64(number))
            // Every message has one answer, which is the last: there is no empty one to send or leave out.
            case "triton_enable_empty_final_response": _ = try bool(parameter, value)
            case "binary_data_size": parameters.binarySize = try count(parameter, value)
            case "binary_data": parameters.isBinary = try bool(parameter, value)
            case "classification":
                let count = try count(parameter, value)
                parameters.classes = count == 0 ? nil : count
            case "shared_memory_region":
                guard case .text(let text) = value else { throw wrongKind(parameter, "a string") }
                region = text
            case "shared_memory_offset": offset = try count(parameter, value)
            case "shared_memory_byte_size": size = try count(parameter, value)
            default: preconditionFailure("a known parameter is read: \(parameter)")
            }
        }

        /// All of them.
        ///
        /// - Throws: `InferenceError` if one is missing that another needs.
        func end() throws(InferenceError) -> RequestParameters {
            var parameters = parameters
            guard let region else {
                guard offset == nil, size == nil else {
                    throw InferenceError(.invalid, "\(name) has a part of shared memory, but no 'shared_memory_region'")
                }
                return parameters
            }
            guard let size else {
                throw InferenceError(.invalid, "\(name) has 'shared_memory_region', but no 'shared_memory_byte_size'")
            }
            guard parameters.classes == nil else {
                throw InferenceError(.invalid, "\(name) is wanted as classes, which are not written to shared memory")
            }
            parameters.sharedMemory = .init(region: region, offset: offset ?? 0, byteCount: size)
            return parameters
        }

        // MARK: - Values

        private func wrongKind(_ parameter: String, _ expected: String) -> InferenceError {
            InferenceError(.invalid, "the request is not as it should be: \(place(parameter)) must be \(expected)")
        }

        private func bool(_ parameter: String, _ value: Value) throws(InferenceError) -> Bool {
            guard case .bool(let bool) = value else { throw wrongKind(parameter, "true or false") }
            return bool
        }

        /// A whole number, or its digits as a string, as some clients write those beyond 63 bits.
        private func integer(
            _ parameter: String, _ value: Value, takesText: Bool = false
        ) throws(InferenceError) -> Int {
            switch value {
            case .integer(let number): return number
            case .text(let text) where takesText && Self.isDigits(text): return Int(text) ?? .max
            default: throw wrongKind(parameter, "a whole number")
            }
        }

        private static func isDigits(_ text: String) -> Bool {
            !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        }

        /// A whole number from 0 up.
        private func count(
            _ parameter: String, _ value: Value, takesText: Bool = false
        ) throws(InferenceError) -> Int {
            let number = try integer(parameter, value, takesText: takesText)
            guard number >= 0 else {
                throw InferenceError(.invalid, "\(place(parameter)) is \(number), not from 0 up")
            }
            return number
        }

        /// Takes in a parameter of Triton's sequences, which may say that there is none.
        private func noSequence(_ parameter: String, _ value: Value) throws(InferenceError) {
            let isNone = [.null, .integer(0), .bool(false), .text("")].contains(value)
            guard isNone, ["sequence_id", "sequence_start", "sequence_end"].contains(parameter) else {
                throw InferenceError(.unsupported, "\(place(parameter)): stateful sequences are not supported")
            }
        }
    }
}
