/// Inference responses in JSON, with or without bytes behind it.
enum ResponseEncoding {
    /// A body, and how much of it is JSON if there is more.
    struct Body {
        var bytes: [UInt8]
        var headerLength: Int?
    }

    static func tooLarge(limit: Int) -> InferenceError {
        InferenceError(
            .failed, "the answer is larger than \(limit) bytes, the limit here; ask for fewer outputs, or as bytes")
    }

    /// - Parameter limit: the bytes that an answer may have.
    /// - Throws: `InferenceError.failed` if it has more, or an element that JSON cannot say.
    static func body(_ response: InferenceResponse, limit: Int = .max) throws(InferenceError) -> Body {
        let tooLarge = tooLarge(limit: limit)
        guard response.outputs.reduce(0, { $0 + ($1.isBinary ? $1.bytes.count : 0) }) <= limit else { throw tooLarge }
        var json = JSONWriter()
        json.raw("{\"model_name\":")
        json.string(response.model)
        json.raw(",\"model_version\":")
        json.string(response.version)
        if let id = response.id {
            json.raw(",\"id\":")
            json.string(id)
        }
        json.raw(",\"outputs\":[")
        for (index, output) in response.outputs.enumerated() {
            if index > 0 { json.raw(",") }
            json.raw("{\"name\":")
            json.string(output.tensor.name)
            json.raw(",\"datatype\":")
            json.string(output.tensor.elementType.protocolName)
            json.raw(",\"shape\":")
            json.shape(output.tensor.shape)
            if output.isBinary {
                json.raw(",\"parameters\":{\"binary_data_size\":\(output.bytes.count)}}")
            } else {
                json.raw(",\"data\":")
                try json.elements(output.bytes, type: output.tensor.elementType, name: output.tensor.name)
                json.raw("}")
            }
            guard json.bytes.count <= limit else { throw tooLarge }
        }
        json.raw("]}")
        var bytes = json.bytes
        guard response.outputs.contains(where: \.isBinary) else { return Body(bytes: bytes, headerLength: nil) }
        let length = bytes.count
        bytes.reserveCapacity(length + response.outputs.reduce(0) { $0 + ($1.isBinary ? $1.bytes.count : 0) })
        for output in response.outputs where output.isBinary { bytes += output.bytes }
        return Body(bytes: bytes, headerLength: length)
    }
}
