import DarisRuntime
import NIOCore
import NIOHPACK
import ONNXRuntime
internal import SwiftProtobuf

/// Reads what clients send as the server does, without a server around it, and checks by a second way what was read: for
/// programs that try inputs of all kinds.
package enum InputTrial {
    /// What became of an input.
    package enum Outcome: Hashable, Sendable {
        /// A client would have been told so.
        case refused(String)
        case accepted
        /// A fault: two ways of reading it disagree.
        case differs(String)
    }

    // MARK: - HTTP

    /// Reads an inference request over HTTP. Its tensors, written as those of an answer, must read as the same again.
    ///
    /// - Parameters:
    ///   - headers: by names in lower case.
    ///   - limit: of the body, in bytes.
    package static func http(_ headers: [String: String], body: [UInt8], limit: Int) -> Outcome {
        _ = RequestTag(id: headers["x-request-id"], traceParent: headers["traceparent"])
        do throws(InferenceError) {
            let length = headers["inference-header-content-length"].flatMap { Int($0) }
            let body = try Compression.decoded(
                ByteBuffer(bytes: body), encoding: headers["content-encoding"], limit: limit)
            guard body.readableBytes <= limit else { return .differs("\(body.readableBytes) bytes, above the limit") }
            let request = try read(body, length: length)
            let tensors = request.inputs.filter(isWhole)
            return try textAgain(tensors) == tensors ? .accepted : .differs("the tensors read again")
        } catch {
            return .refused(error.message)
        }
    }

    private static func read(_ body: ByteBuffer, length: Int?) throws(InferenceError) -> InferenceRequest {
        try body.withUnsafeReadableBytes { bytes throws(InferenceError) in
            let header = try RequestDecoding.header(bytes, length: length)
            return try RequestDecoding.request(header, bytes, model: "m", version: nil)
        }
    }

    /// Whether an input has the bytes that its shape needs, which is checked when its model is known, and a form in JSON.
    private static func isWhole(_ input: InferenceRequest.Input) -> Bool {
        var count = 1
        for extent in input.shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            if overflow { return false }
            count = product
        }
        guard let size = input.type.byteSize else { return EncodedStrings.count(input.bytes) == count }
        // A BOOL is any byte, and JSON says 'true' of all but 0.
        return input.bytes.count == count * size && (input.type != .bool || input.bytes.allSatisfy { $0 < 2 })
    }

    private static func textAgain(
        _ tensors: [InferenceRequest.Input]
    ) throws(InferenceError) -> [InferenceRequest.Input] {
        let answer = try ResponseEncoding.body(response(tensors, isBinary: false)).bytes
        let start = #"{"model_name":"m","model_version":"1","outputs""#.utf8.count
        return try read(ByteBuffer(bytes: Array(#"{"inputs""#.utf8) + answer.dropFirst(start)), length: nil).inputs
    }

    private static func response(_ tensors: [InferenceRequest.Input], isBinary: Bool) -> InferenceResponse {
        InferenceResponse(
            model: "m", version: "1", id: nil,
            outputs: tensors.map {
                .init(
                    tensor: .init(name: $0.name, elementType: $0.type, shape: $0.shape), bytes: $0.bytes,
                    isBinary: isBinary)
            })
    }

    // MARK: - gRPC

    /// Reads the headers of a call and the data behind them. The headers that are let through must be ones that the
    /// library below can read, and messages must end where they end in the data as a whole, however it is cut.
    package static func call(_ headers: [(name: String, value: String)], data: [UInt8]) -> Outcome {
        // HTTP/2 lets no other names through, and NIO takes bytes beyond ASCII for any letter.
        let headers = headers.filter { $0.name.utf8.allSatisfy { (0x21...0x7e).contains($0) } }
        do throws(InferenceError) {
            let checked = try HeaderGuard.checked(HPACKHeaders(headers))
            let timeouts = checked["grpc-timeout"]
            for timeout in timeouts { _ = HeaderGuard.timeout(timeout) }
            guard timeouts.count <= 1, timeouts.allSatisfy(isReadableTimeout) else {
                return .differs("the timeouts \(timeouts)")
            }
        } catch {
            return .refused(error.message)
        }
        var (whole, cut) = (MessageFraming(), MessageFraming())
        let sizes = whole.read(ByteBuffer(bytes: data))
        var cutSizes: [Int] = []
        var rest = data[...]
        while let first = rest.first {
            cutSizes += cut.read(ByteBuffer(bytes: rest.prefix(1 + Int(first) % 9)))
            rest = rest.dropFirst(1 + Int(first) % 9)
        }
        guard sizes == cutSizes, whole.begun == cut.begun, sizes.reduce(whole.begun, +) == data.count else {
            return .differs("messages of \(sizes) and of \(cutSizes) bytes")
        }
        return .accepted
    }

    /// Whether a value is up to seven digits and a unit, of which the library reads all.
    private static func isReadableTimeout(_ value: String) -> Bool {
        (2...8).contains(value.utf8.count) && "HMSmun".contains(value.suffix(1))
            && value.utf8.dropLast().allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    /// Reads a message as each of those that a client may send. An inference request must be what SwiftProtobuf alone
    /// reads, and its tensors, written as those of an answer, must be there again.
    package static func grpc(_ bytes: [UInt8]) -> Outcome {
        _ = try? Inference_ModelReadyRequest(serializedBytes: bytes)
        _ = try? Inference_ModelMetadataRequest(serializedBytes: bytes)
        _ = try? Inference_ModelConfigRequest(serializedBytes: bytes)
        _ = try? Inference_ModelStatisticsRequest(serializedBytes: bytes)
        _ = try? Inference_RepositoryIndexRequest(serializedBytes: bytes)
        _ = try? Inference_RepositoryModelLoadRequest(serializedBytes: bytes)
        _ = try? Inference_RepositoryModelUnloadRequest(serializedBytes: bytes)

        let call = bytes.withUnsafeBytes { try? InferCall(serialized: $0) }
        let message = try? Inference_ModelInferRequest(serializedBytes: bytes)
        // Two bytes are the least that a field takes.
        if call == nil, bytes.count > 2 * InferMessage.fieldLimit { return .refused("too many fields") }
        guard (call == nil) == (message == nil) else { return .differs("one way reads it, the other does not") }
        guard let call, var message else { return .refused("no ModelInferRequest") }
        guard call.message.rawInputContents.isEmpty,
            call.rawContents.elementsEqual(
                message.rawInputContents,
                by: {
                    $0.elementsEqual($1)
                })
        else { return .differs("the raw contents") }
        message.rawInputContents = []
        guard encoded(call.message) == encoded(message) else { return .differs("the message without them") }
        do throws(InferenceError) {
            let inputs = try InferenceRequest(call).inputs
            return isSame(inputs) ? .accepted : .differs("the tensors read again")
        } catch {
            return .refused(error.message)
        }
    }

    /// A message's bytes, in one order; numbers that are none are equal so.
    private static func encoded(_ message: some Message) -> [UInt8]? {
        var options = BinaryEncodingOptions()
        options.useDeterministicOrdering = true
        return try? message.serializedBytes(options: options)
    }

    private static func isSame(_ inputs: [InferenceRequest.Input]) -> Bool {
        let answer = InferAnswer(
            message: Inference_ModelInferResponse(response(inputs, isBinary: true)), rawContents: inputs.map(\.bytes))
        guard let framed = try? answer.framed(),
            let read = try? Inference_ModelInferResponse(
                serializedBytes: [UInt8](framed.readableBytesView.dropFirst(5)))
        else { return false }
        return read.outputs.map(\.name) == inputs.map(\.name)
            && read.rawOutputContents.elementsEqual(inputs) { $0.elementsEqual($1.bytes) }
    }
}
