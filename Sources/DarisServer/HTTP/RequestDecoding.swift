import DarisCore
import Foundation
import ONNXRuntime

/// Inference requests in JSON, with or without bytes behind it.
enum RequestDecoding {
    /// The JSON of an inference request, which may come before elements as bytes.
    struct Header: Sendable {
        /// The bytes that it took.
        let length: Int
        fileprivate let fields: Fields

        /// See `InferenceRequest`.
        var priority: Int? { fields.parameters?.priority }

        /// See `InferenceRequest`.
        func timeout() throws(InferenceError) -> Nanoseconds? { try fields.parameters?.deadline() }
    }

    /// Reads the JSON of an inference request.
    ///
    /// - Parameters:
    ///   - body: JSON, and what has come behind it.
    ///   - length: the bytes of JSON; all of the body if `nil`.
    static func header(_ body: UnsafeRawBufferPointer, length: Int?) throws(InferenceError) -> Header {
        let count = length ?? body.count
        guard (1...max(1, body.count)).contains(count), count <= body.count else {
            throw InferenceError(
                .invalid,
                length == nil
                    ? "the request has no body; it needs JSON with 'inputs'"
                    : "Inference-Header-Content-Length is \(count), but the body has \(body.count) bytes")
        }
        return Header(
            length: count, fields: try decode(Fields.self, from: UnsafeRawBufferPointer(rebasing: body[..<count])))
    }

    /// Reads a request for the repository's index: whether it asks for models that are ready alone.
    ///
    /// - Parameter body: JSON; if empty, all models are asked for.
    static func isReadyOnly(_ body: [UInt8]) throws(InferenceError) -> Bool {
        guard !body.isEmpty else { return false }
        return try body.withUnsafeBufferPointer { bytes throws(InferenceError) in
            try decode(Index.self, from: UnsafeRawBufferPointer(bytes)).ready ?? false
        }
    }

    private static func decode<Value: Decodable>(
        _: Value.Type, from bytes: UnsafeRawBufferPointer
    ) throws(InferenceError) -> Value {
        if let problem = JSONSyntax.problem(bytes) {
            throw InferenceError(
                .invalid, "the request is no JSON: byte \(problem.position + 1) should be \(problem.text)")
        }
        do {
            return try JSONDecoder().decode(Value.self, from: Data(bytes))
        } catch let error as InferenceError {
            throw error
        } catch {
            throw InferenceError(.invalid, "the request is not as it should be: \(Self.text(error))")
        }
    }

    /// Makes an inference request of its JSON and the elements behind it, of those inputs that say so, in their order.
    ///
    /// - Parameters:
    ///   - header: the JSON.
    ///   - body: all of the body, JSON included.
    static func request(
        _ header: Header, _ body: UnsafeRawBufferPointer, model: String, version: String?
    ) throws(InferenceError) -> InferenceRequest {
        let fields = header.fields
        var request = InferenceRequest(model: model, version: version, id: fields.id)
        request.wantsBinary = fields.parameters?.binaryOutput ?? false
        request.priority = header.priority
        request.timeout = try header.timeout()
        request.outputs = (fields.outputs ?? []).map { output in
            .init(name: output.name, isBinary: output.parameters?.binaryData ?? request.wantsBinary)
        }
        var start = header.length
        for input in fields.inputs {
            var bytes = input.bytes
            if let size = input.binarySize {
                guard size >= 0, size <= body.count - start else {
                    throw InferenceError(
                        .invalid,
                        "input '\(input.name)' says that it has \(size) bytes, but only \(body.count - start) are left "
                            + "behind the JSON")
                }
                bytes = Array(body[start..<start + size])
                start += size
            }
            request.inputs.append(.init(name: input.name, type: input.type, shape: input.shape, bytes: bytes))
        }
        guard start == body.count else {
            throw InferenceError(
                .invalid, "\(body.count - start) bytes behind the JSON belong to no input; say 'binary_data_size'")
        }
        return request
    }

    /// What a decoder says, in a sentence.
    static func text(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        func place(_ path: [any CodingKey]) -> String {
            path.isEmpty
                ? "" : path.map { $0.intValue.map { "[\($0)]" } ?? "\($0.stringValue)" }.joined(separator: ".") + ": "
        }
        switch error {
        case .keyNotFound(let key, let context):
            return place(context.codingPath) + "'\(key.stringValue)' is missing"
        case .dataCorrupted(let context) where context.codingPath.isEmpty:
            // The syntax is right by then.
            return "a text in it is not UTF-8, or a number is none that its datatype can hold"
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            return place(context.codingPath) + context.debugDescription
        @unknown default:
            return "\(error)"
        }
    }

    private struct Index: Decodable {
        var ready: Bool?
    }

    fileprivate struct Fields: Decodable, Sendable {
        var id: String?
        var parameters: Parameters?
        var inputs: [Input]
        var outputs: [Output]?
    }

    fileprivate struct Output: Decodable, Sendable {
        var name: String
        var parameters: Parameters?
    }

    /// Those parameters that mean something here; others are let be.
    fileprivate struct Parameters: Decodable, Sendable {
        var binaryDataSize: Int?
        var binaryData: Bool?
        var binaryOutput: Bool?
        var priority: Int?
        var timeout: Int64?

        enum CodingKeys: String, CodingKey {
            case binaryDataSize = "binary_data_size"
            case binaryData = "binary_data"
            case binaryOutput = "binary_data_output"
            case priority, timeout
        }

        func deadline() throws(InferenceError) -> Nanoseconds? {
            try timeout.flatMap { microseconds throws(InferenceError) in
                try Self.deadline(microseconds: microseconds)
            }
        }

        static func deadline(microseconds: Int64) throws(InferenceError) -> Nanoseconds? {
            try RequestDecoding.deadline(microseconds: microseconds)
        }
    }

    /// A request's own deadline; 0 is none.
    static func deadline(microseconds: Int64) throws(InferenceError) -> Nanoseconds? {
        guard microseconds != 0 else { return nil }
        guard (1...86_400_000_000).contains(microseconds) else {
            throw InferenceError(
                .invalid, "parameter 'timeout' is \(microseconds); it is in microseconds, from 1 to a day")
        }
        return Nanoseconds(microseconds * 1_000)
    }

    fileprivate struct Input: Decodable, Sendable {
        var name: String
        var type: ElementType
        var shape: [Int]
        var bytes: [UInt8] = []
        var binarySize: Int?

        enum CodingKeys: String, CodingKey {
            case name, datatype, shape, data, parameters
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            name = try container.decode(String.self, forKey: .name)
            let typeName = try container.decode(String.self, forKey: .datatype)
            guard let type = ElementType(protocolName: typeName) else {
                let names = ElementType.allCases.map(\.protocolName).joined(separator: ", ")
                throw InferenceError(.invalid, "input '\(name)': '\(typeName)' is no datatype; those are \(names)")
            }
            self.type = type
            shape = try container.decode([Int].self, forKey: .shape)
            guard shape.count <= 16, shape.allSatisfy({ $0 >= 0 }) else {
                throw InferenceError(.invalid, "input '\(name)': \(shape) is no shape")
            }
            let parameters = try container.decodeIfPresent(Parameters.self, forKey: .parameters)
            binarySize = parameters?.binaryDataSize
            if binarySize == nil {
                guard container.contains(.data) else {
                    throw InferenceError(
                        .invalid, "input '\(name)' has neither 'data' nor parameter 'binary_data_size'")
                }
                var elements = JSONElements(type: type)
                try elements.read(try container.nestedUnkeyedContainer(forKey: .data), depth: 0)
                bytes = elements.bytes
                guard elements.count == Self.product(shape) else {
                    throw InferenceError(
                        .invalid, "input '\(name)' has \(elements.count) elements, which is not its shape \(shape)")
                }
            } else if container.contains(.data) {
                throw InferenceError(
                    .invalid, "input '\(name)' has both 'data' and parameter 'binary_data_size'; keep one")
            }
        }

        /// The number of elements, or `nil` if there can be no such number.
        private static func product(_ shape: [Int]) -> Int? {
            var count = 1
            for extent in shape {
                let (next, overflow) = count.multipliedReportingOverflow(by: extent)
                if overflow { return nil }
                count = next
            }
            return count
        }
    }
}
