import DarisCore

/// The parameters of an inference request, of one of its inputs or of one of its outputs. None is let be: one that is not
/// known here is refused.
struct RequestParameters: Sendable {
    /// What parameters belong to.
    enum Owner {
        case request, input, output

        /// The parameters that mean something there.
        var known: [String] {
            switch self {
            case .request: ["binary_data_output", "priority", "timeout"]
            case .input: ["binary_data_size"] + Self.sharedMemory
            case .output: ["binary_data", "classification"] + Self.sharedMemory
            }
        }

        private static let sharedMemory = [
            "shared_memory_region", "shared_memory_offset", "shared_memory_byte_size",
        ]
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

    init() {}

    /// - Parameter name: of what they belong to, such as `the request` or `input 'x'`.
    init(
        _ reader: inout JSONReader, of owner: Owner, _ name: @autoclosure () -> String
    ) throws(InferenceError) {
        var region: String?
        var offset: Int?
        var size: Int?
        func place(_ parameter: String) -> String { "parameter '\(parameter)' of \(name())" }
        try reader.object("'parameters' of \(name())") { reader, parameter throws(InferenceError) in
            guard owner.known.contains(parameter) else {
                if owner == .request, parameter.hasPrefix("sequence_") {
                    return try Self.noSequence(&reader, parameter)
                }
                let known = owner.known.map { "'\($0)'" }.joined(separator: ", ")
                throw InferenceError(.invalid, "\(place(parameter)) is not known; those known there are \(known)")
            }
            if try reader.null() { return }
            switch parameter {
            case "binary_data_output": binaryOutput = try reader.bool(place(parameter))
            case "priority": priority = try Self.count(&reader, place(parameter), takesText: true)
            case "timeout":
                let number = try Self.integer(&reader, place(parameter), takesText: true)
                timeout = try RequestDecoding.deadline(microseconds: Int64(number))
            case "binary_data_size": binarySize = try Self.count(&reader, place(parameter))
            case "binary_data": isBinary = try reader.bool(place(parameter))
            case "classification":
                let count = try Self.count(&reader, place(parameter))
                classes = count == 0 ? nil : count
            case "shared_memory_region": region = try reader.string(place(parameter))
            case "shared_memory_offset": offset = try Self.count(&reader, place(parameter))
            case "shared_memory_byte_size": size = try Self.count(&reader, place(parameter))
            default: preconditionFailure("a known parameter is read: \(parameter)")
            }
        }
        guard let region else {
            guard offset == nil, size == nil else {
                throw InferenceError(.invalid, "\(name()) has a part of shared memory, but no 'shared_memory_region'")
            }
            return
        }
        guard let size else {
            throw InferenceError(.invalid, "\(name()) has 'shared_memory_region', but no 'shared_memory_byte_size'")
        }
        sharedMemory = .init(region: region, offset: offset ?? 0, byteCount: size)
    }

    /// A whole number, or its digits as a string, as some clients write those beyond 63 bits.
    private static func integer(
        _ reader: inout JSONReader, _ place: @autoclosure () -> String, takesText: Bool = false
    ) throws(InferenceError) -> Int {
        guard takesText, reader.next == UInt8(ascii: "\"") else { return try reader.integer(place()) }
        let text = try reader.string(place())
        guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            throw JSONReader.unfit("\(place()) must be a whole number")
        }
        return Int(text) ?? .max
    }

    /// A whole number from 0 up.
    private static func count(
        _ reader: inout JSONReader, _ place: @autoclosure () -> String, takesText: Bool = false
    ) throws(InferenceError) -> Int {
        let number = try integer(&reader, place(), takesText: takesText)
        guard number >= 0 else { throw InferenceError(.invalid, "\(place()) is \(number), not from 0 up") }
        return number
    }

    /// Reads a parameter of Triton's sequences, which may say that there is none.
    private static func noSequence(_ reader: inout JSONReader, _ name: String) throws(InferenceError) {
        let start = reader.position
        try reader.skip()
        let none = ["0", "false", "\"\"", "null"]
        guard ["sequence_id", "sequence_start", "sequence_end"].contains(name),
            none.contains(String(decoding: reader.bytes[start..<reader.position], as: UTF8.self))
        else {
            throw InferenceError(
                .invalid, "parameter '\(name)' of the request: stateful sequences are not supported")
        }
    }
}
