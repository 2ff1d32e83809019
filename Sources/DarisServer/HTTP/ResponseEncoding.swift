import DarisRuntime
import ONNXRuntime

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
    /// - Throws: `InferenceError.failed` if it has more, or strings that are not UTF-8.
    static func body(_ response: InferenceResponse, limit: Int = .max) throws(InferenceError) -> Body {
        let tooLarge = tooLarge(limit: limit)
        let behind = response.outputs.reduce(0) { $0 + ($1.isBehind ? $1.bytes.count : 0) }
        guard behind <= limit else { throw tooLarge }
        var json = JSONWriter()
        json.reserve(min(limit, expectedBytes(response)))
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
            if let place = output.place {
                json.raw(",\"parameters\":{\"shared_memory_region\":")
                json.string(place.region.name)
                json.raw(",\"shared_memory_offset\":\(place.offset)")
                json.raw(",\"shared_memory_byte_size\":\(output.bytes.count),\"binary_data_size\":0}}")
            } else if output.isBinary {
                json.raw(",\"parameters\":{\"binary_data_size\":\(output.bytes.count)}}")
            } else {
                json.raw(",\"data\":")
                try json.elements(
                    output.bytes, type: output.tensor.elementType, name: output.tensor.name, limit: limit - behind)
                json.raw("}")
            }
            // What ends the JSON takes two bytes.
            guard json.bytes.count + 2 <= limit - behind else { throw tooLarge }
        }
        json.raw("]}")
        let length = json.bytes.count
        guard response.outputs.contains(where: \.isBehind) else { return Body(bytes: json.bytes, headerLength: nil) }
        for output in response.outputs where output.isBehind { json.raw(output.bytes) }
        return Body(bytes: json.bytes, headerLength: length)
    }

    /// About how many bytes a body takes, so that it need not be moved as it grows.
    private static func expectedBytes(_ response: InferenceResponse) -> Int {
        response.outputs.reduce(256) { sum, output in
            sum + 128
                + (output.isBehind || output.place != nil
                    ? output.answered.count : JSONWriter.expectedBytes(output.bytes, output.tensor.elementType))
        }
    }
}

extension InferenceResponse.Output {
    /// Whether its elements are bytes behind the JSON.
    fileprivate var isBehind: Bool { isBinary && place == nil }
}
