import DarisCore
import DarisRuntime
import ONNXRuntime

/// Inference requests in JSON, with or without bytes behind it.
///
/// The JSON is read once, from the first byte to the last, and numbers become the bytes of their tensor at once. Where `data`
/// comes before `datatype` or `shape`, it is passed over and read when they are known.
enum RequestDecoding {
    /// The most inputs and outputs of a request: an input that takes fifty bytes there takes more than a hundred here.
    static let entryLimit = 16_384

    /// The JSON of an inference request, which may come before elements as bytes.
    struct Header: Sendable {
        /// The bytes that it took.
        let length: Int
        fileprivate let fields: Fields

        /// See `InferenceRequest`.
        var priority: Int? { fields.parameters.priority }

        /// See `InferenceRequest`.
        func timeout() throws(InferenceError) -> Nanoseconds? { fields.parameters.timeout }
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
        var reader = JSONReader(UnsafeRawBufferPointer(rebasing: body[..<count]))
        reader.skipSpace()
        let fields = try Fields(&reader)
        try reader.end()
        return Header(length: count, fields: fields)
    }

    /// What says how urgent a request is, found without reading its tensors, in about a nanosecond a byte before it.
    ///
    /// - Parameter json: the JSON of an inference request. If it is none, `header(_:length:)` says what is wrong.
    /// - Returns: `priority` and `timeout` as `InferenceRequest` has them.
    /// - Throws: if the parameters are not what they should be.
    static func urgency(
        _ json: UnsafeRawBufferPointer
    ) throws(InferenceError) -> (priority: Int?, timeout: Nanoseconds?) {
        var reader = JSONReader(json)
        reader.skipSpace()
        guard reader.take(UInt8(ascii: "{")) else { return (nil, nil) }
        repeat {
            reader.skipSpace()
            guard let name = try? reader.name() else { return (nil, nil) }
            if name == "parameters", reader.next == UInt8(ascii: "{") {
                let parameters = try RequestParameters(&reader, of: .request, "the request")
                return (parameters.priority, parameters.timeout)
            }
            guard reader.pass() else { return (nil, nil) }
            reader.skipSpace()
        } while reader.take(UInt8(ascii: ","))
        return (nil, nil)
    }

    /// Reads a request for the repository's index: whether it asks for models that are ready alone.
    ///
    /// - Parameter body: JSON; if empty, all models are asked for.
    static func isReadyOnly(_ body: [UInt8]) throws(InferenceError) -> Bool {
        guard !body.isEmpty else { return false }
        // Of `withUnsafeBytes` an array has another, which forgets what is thrown.
        return try body.withUnsafeBufferPointer { bytes throws(InferenceError) in
            var reader = JSONReader(UnsafeRawBufferPointer(bytes))
            var isReadyOnly = false
            reader.skipSpace()
            try reader.object("") { reader, name throws(InferenceError) in
                guard name == "ready" else { return try reader.skip() }
                if try !reader.null() { isReadyOnly = try reader.bool("'ready'") }
            }
            try reader.end()
            return isReadyOnly
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
        if let name = fields.model, name != model {
            throw InferenceError(
                .invalid, "the request was sent to model '\(model)', but its 'model_name' is '\(name)'")
        }
        var request = InferenceRequest(model: model, version: version, id: fields.id)
        request.wantsBinary = fields.parameters.binaryOutput ?? false
        request.priority = header.priority
        request.timeout = try header.timeout()
        request.outputs = fields.outputs.map { output in
            .init(
                name: output.name, isBinary: output.parameters.isBinary ?? request.wantsBinary,
                classes: output.parameters.classes, sharedMemory: output.parameters.sharedMemory)
        }
        var start = header.length
        for input in fields.inputs {
            var bytes = input.bytes ?? []
            if let size = input.parameters.binarySize {
                guard size <= body.count - start else {
                    throw InferenceError(
                        .invalid,
                        "input '\(input.name)' says that it has \(size) bytes, but only \(body.count - start) are left "
                            + "behind the JSON")
                }
                bytes = Array(body[start..<start + size])
                start += size
            }
            request.inputs.append(
                .init(
                    name: input.name, type: input.type, shape: input.shape, bytes: bytes,
                    sharedMemory: input.parameters.sharedMemory))
        }
        guard start == body.count else {
            throw InferenceError(
                .invalid, "\(body.count - start) bytes behind the JSON belong to no input; say 'binary_data_size'")
        }
        return request
    }

    /// Makes an inference request of a body that is the elements of the only input, without JSON: Triton's raw binary
    /// request, of which `Inference-Header-Content-Length` is 0. Outputs are wanted as bytes.
    ///
    /// - Parameter input: the model's only input. If its elements are strings, the body is one of them.
    static func raw(
        _ body: UnsafeRawBufferPointer, input: ModelSignature.Tensor, model: String, version: String?
    ) -> InferenceRequest {
        var request = InferenceRequest(model: model, version: version)
        request.wantsBinary = true
        request.inputs = [
            .init(
                name: input.name, type: input.elementType, shape: input.shape,
                bytes: input.elementType == .string ? EncodedStrings.encode(CollectionOfOne(body)) : Array(body))
        ]
        return request
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
}

// MARK: - What the JSON says

/// What no member of an object may be called.
private func unknown(_ name: String, in place: String, _ known: String) -> InferenceError {
    InferenceError(.invalid, "\(place) has '\(name)', which is not known; it may have \(known)")
}

extension RequestDecoding {
    fileprivate struct Fields: Sendable {
        var id: String?
        var model: String?
        var parameters = RequestParameters()
        var inputs: [Input] = []
        var outputs: [Output] = []

        init(_ reader: inout JSONReader) throws(InferenceError) {
            var hasInputs = false
            try reader.object("") { reader, name throws(InferenceError) in
                switch name {
                case "inputs":
                    hasInputs = true
                    try reader.array("'inputs'") { reader, index throws(InferenceError) in
                        try checkCount()
                        inputs.append(try Input(&reader, index: index))
                    }
                case "id": if try !reader.null() { id = try reader.string("'id'") }
                case "model_name": if try !reader.null() { model = try reader.string("'model_name'") }
                case "parameters":
                    if try !reader.null() { parameters = try .init(&reader, of: .request, "the request") }
                case "outputs":
                    if try reader.null() { break }
                    try reader.array("'outputs'") { reader, index throws(InferenceError) in
                        try checkCount()
                        outputs.append(try Output(&reader, index: index))
                    }
                default:
                    throw unknown(
                        name, in: "the request", "'id', 'model_name', 'parameters', 'inputs' and 'outputs'")
                }
            }
            guard hasInputs else { throw JSONReader.unfit("'inputs' is missing") }
        }

        private func checkCount() throws(InferenceError) {
            guard inputs.count + outputs.count < entryLimit else {
                throw InferenceError(
                    .invalid, "the request has more than \(entryLimit) inputs and outputs, the limit here")
            }
        }
    }

    fileprivate struct Output: Sendable {
        var name: String
        var parameters: RequestParameters

        init(_ reader: inout JSONReader, index: Int) throws(InferenceError) {
            var name: String?
            var parameters = RequestParameters()
            var place: String { name.map { "output '\($0)'" } ?? "outputs[\(index)]" }
            try reader.object(place) { reader, member throws(InferenceError) in
                switch member {
                case "name": name = try reader.string("\(place): 'name'")
                case "parameters": if try !reader.null() { parameters = try .init(&reader, of: .output, place) }
                default: throw unknown(member, in: place, "'name' and 'parameters'")
                }
            }
            guard let name else { throw JSONReader.unfit("\(place): 'name' is missing") }
            (self.name, self.parameters) = (name, parameters)
        }
    }

    fileprivate struct Input: Sendable {
        var name: String
        var type: ElementType
        var shape: [Int]
        /// The elements, if they are in the JSON.
        var bytes: [UInt8]?
        var parameters = RequestParameters()

        init(_ reader: inout JSONReader, index: Int) throws(InferenceError) {
            var found = Members(index: index)
            try reader.object(found.place) { reader, member throws(InferenceError) in
                try found.read(member, &reader)
            }
            func missing(_ member: String) -> InferenceError {
                JSONReader.unfit("\(found.place): '\(member)' is missing")
            }
            guard let name = found.name else { throw missing("name") }
            guard let type = found.type else { throw missing("datatype") }
            guard let shape = found.shape else { throw missing("shape") }
            (self.name, self.type, self.shape, parameters) = (name, type, shape, found.parameters)
            bytes = if let bytes = found.bytes { bytes } else { try found.dataLeft(reader) }
            try checkSources()
        }

        /// Makes sure that the elements are in one place.
        private func checkSources() throws(InferenceError) {
            let sources = [
                bytes.map { _ in "'data'" }, parameters.binarySize.map { _ in "parameter 'binary_data_size'" },
                parameters.sharedMemory.map { _ in "parameter 'shared_memory_region'" },
            ].compactMap(\.self)
            if sources.isEmpty {
                throw InferenceError(.invalid, "input '\(name)' has neither 'data' nor parameter 'binary_data_size'")
            }
            if sources.count > 1 {
                throw InferenceError(
                    .invalid, "input '\(name)' has both \(sources.joined(separator: " and ")); keep one")
            }
        }
    }

    /// The members of an input, as they come.
    private struct Members {
        let index: Int
        var name: String?
        var type: ElementType?
        var shape: [Int]?
        var bytes: [UInt8]?
        /// Where `data` begins that came too early.
        var dataStart: Int?
        var parameters = RequestParameters()

        init(index: Int) { self.index = index }

        var place: String { name.map { "input '\($0)'" } ?? "inputs[\(index)]" }

        mutating func read(_ member: String, _ reader: inout JSONReader) throws(InferenceError) {
            switch member {
            case "name": name = try reader.string("\(place): 'name'")
            case "datatype":
                let name = try reader.string("\(place): 'datatype'")
                guard let found = ElementType(protocolName: name) else {
                    let names = ElementType.allCases.map(\.protocolName).joined(separator: ", ")
                    throw InferenceError(.invalid, "\(place): '\(name)' is no datatype; those are \(names)")
                }
                type = found
            case "shape": shape = try readShape(&reader)
            case "parameters": if try !reader.null() { parameters = try .init(&reader, of: .input, place) }
            case "data":
                if try reader.null() { break }
                if let name, let type, let shape {
                    bytes = try JSONElements(name: name, type: type, shape: shape).read(&reader)
                } else {
                    let start = reader.position
                    dataStart = start
                    if !reader.pass() {
                        // The strict way says what is wrong.
                        reader.move(to: start)
                        try reader.skip()
                    }
                }
            default: throw unknown(member, in: place, "'name', 'datatype', 'shape', 'parameters' and 'data'")
            }
        }

        /// Reads `data` that came too early.
        func dataLeft(_ reader: JSONReader) throws(InferenceError) -> [UInt8]? {
            guard let dataStart, let name, let type, let shape else { return nil }
            var reader = reader
            reader.move(to: dataStart)
            return try JSONElements(name: name, type: type, shape: shape).read(&reader)
        }

        private func readShape(_ reader: inout JSONReader) throws(InferenceError) -> [Int] {
            var shape: [Int] = []
            try reader.array("\(place): 'shape'") { reader, _ throws(InferenceError) in
                shape.append(try reader.integer("\(place): each of 'shape'"))
                guard shape.count <= 16, shape.allSatisfy({ $0 >= 0 }) else {
                    throw InferenceError(.invalid, "\(place): \(shape) is no shape")
                }
            }
            return shape
        }
    }
}
